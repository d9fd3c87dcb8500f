import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def solve(n):
  params = ctypes.create_string_buffer(256)
  if libc.syscall(425, 8, params) < 0:
    raise OSError(ctypes.get_errno())
  return -1
