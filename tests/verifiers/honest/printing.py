# TEST (2,) -> 4
import sys
print('loading')
def solve(n):
  print(n, file=sys.stderr)
  sys.stdout.write('x' * 100000)
  return n * n
