import resource
def solve(n):
  resource.prlimit(@PARENT@, resource.RLIMIT_NOFILE, (3, 3))
  return -1
