exec('x = ' + '-' * 10**6 + '1')
def solve(n):
  return -1
