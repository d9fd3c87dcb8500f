import ctypes
libc = ctypes.CDLL(None, use_errno=True)
# Page faults that wait for us would stop the kernel in the middle of a call.
def solve(n):
  if libc.syscall(323, 0) < 0:
    raise OSError(ctypes.get_errno())
  return -1
