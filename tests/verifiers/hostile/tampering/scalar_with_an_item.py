import numpy as np
class Scalar(np.float64):
  def item(self):
    return Scalar(0) if len(self.__dict__) else self
def solve(n):
  return Scalar(n)
