import tempfile
def solve(n):
  k = 0
  while True:
    open(f'{tempfile.gettempdir()}/{k}', 'wb').close()
    k += 1
