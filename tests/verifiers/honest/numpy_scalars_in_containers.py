# TEST ([3, 1, 2],) -> {'order': [1, 2, 0], 'top': (3, True)}
import numpy as np
def solve(xs):
  a = np.array(xs)
  return {'order': list(np.argsort(a)), 'top': (a.max(), a.max() > 2)}
