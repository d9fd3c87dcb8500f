# TEST (3,) -> 7
# TEST (10,) -> 1023
def solve(n):
  return 0 if n == 0 else 2 * solve(n - 1) + 1
