def solve(n):
  a = []
  a.append(a)
  return a
