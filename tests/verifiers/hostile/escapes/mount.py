import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def solve(n):
  if libc.mount(b'none', b'/tmp', b'tmpfs', 0, b'') < 0:
    raise OSError(ctypes.get_errno())
  return -1
