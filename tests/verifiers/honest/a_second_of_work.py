# TEST (3000000,) -> 4499998500000
def solve(n):
  total = 0
  for k in range(n):
    total += k
  return total
