import fcntl, os, signal
def solve(n):
  r, w = os.pipe()
  fcntl.fcntl(r, 10, signal.SIGKILL)  # F_SETSIG
  fcntl.fcntl(r, fcntl.F_SETOWN, @PARENT@)
  fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC)
  os.write(w, b'x')
  return -1
