# TEST (4,) -> [0.0, 1.0, 2.0, 3.0]
def solve(n):
  import numpy.testing
  import numpy.lib.recfunctions
  return numpy.arange(n, dtype=float).tolist()
