# TEST (20000,) -> 20000
import sys
sys.setrecursionlimit(100000)
def solve(n):
  return 0 if n == 0 else 1 + solve(n - 1)
