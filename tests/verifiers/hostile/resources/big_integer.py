def solve(n):
  return len(str(7 ** (7 ** 12)))
