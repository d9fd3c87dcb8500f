import os
def solve(n):
  return os.listdir('/')
