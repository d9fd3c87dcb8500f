import resource
def solve(n):
  resource.setrlimit(resource.RLIMIT_CPU, (0, 0))
  while True:
    pass
