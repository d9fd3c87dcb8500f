import sys
sys.set_int_max_str_digits(0)
def solve(n):
  return len(str(7 ** 10**7))
