# TEST (3,) -> 3
import copy, pickle
class Box:
  def __init__(self, value):
    self.value = value
def solve(n):
  return pickle.loads(pickle.dumps(copy.deepcopy(Box(n)))).value
