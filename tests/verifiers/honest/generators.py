# TEST (5,) -> [0, 1, 1, 2, 3]
# TEST (0,) -> []
import itertools
def fibonacci():
  a, b = 0, 1
  while True:
    yield a
    a, b = b, a + b
def solve(n):
  return list(itertools.islice(fibonacci(), n))
