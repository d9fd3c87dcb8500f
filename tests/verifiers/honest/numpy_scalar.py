# TEST ([1, 2, 6],) -> 3.0
import numpy as np
def solve(xs):
  return np.mean(xs)
