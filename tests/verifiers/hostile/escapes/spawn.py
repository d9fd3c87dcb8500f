import os
def solve(n):
  return os.posix_spawn('/bin/touch', ['touch', '@HARM@/spawned'], {})
