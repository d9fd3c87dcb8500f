def solve(n):
  a = [1]
  for _ in range(20):
    a = [a, a]
  return a
