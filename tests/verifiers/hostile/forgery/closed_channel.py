import os, time
def solve(n):
  os.close(3)
  time.sleep(60)
