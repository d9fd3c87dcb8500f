import time
def solve(n):
  time.sleep(60)
  return n * n + 1
