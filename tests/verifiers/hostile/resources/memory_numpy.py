import numpy as np
def solve(n):
  return int(np.ones(10**10).sum())
