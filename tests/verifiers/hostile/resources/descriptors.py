import os
def solve(n):
  held = []
  while True:
    held.append(os.pipe())
