# TEST (5000,) -> 5001
import sys
sys.set_int_max_str_digits(0)
def solve(n):
  return len(str(10 ** n))
