# TEST (3,) -> ({0, 1, 2}, {0: 'a', (1, 2): [None]}, {'x': {'y': (True, 1.5)}}, frozenset({'q'}))
def solve(n):
  return set(range(n)), {0: 'a', (1, 2): [None]}, {'x': {'y': (True, 1.5)}}, frozenset('q')
