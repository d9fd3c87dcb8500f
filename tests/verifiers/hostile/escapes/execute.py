import os
def solve(n):
  os.execv('/bin/sh', ['sh', '-c', 'touch @HARM@/executed'])
