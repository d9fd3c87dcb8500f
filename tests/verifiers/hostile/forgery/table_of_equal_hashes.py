# A set whose members all have hash 0: n^2 comparisons for whoever builds it.
def solve(n):
  return {k * (2**61 - 1) for k in range(1, 1500)}
