import time
time.sleep(60)
def solve(n):
  return n * n + 1
