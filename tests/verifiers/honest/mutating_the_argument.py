# TEST ([3, 1, 2],) -> [1, 2, 3]
# TEST ([3, 1, 2],) -> [1, 2, 3]
def solve(xs):
  xs.sort()
  return xs
