import mmap, os, tempfile
def solve(n):
  stream = tempfile.TemporaryFile()
  stream.truncate(1 << 23)
  block = mmap.mmap(stream.fileno(), 1 << 23)
  block[::4096] = b'x' * (len(block) // 4096)
  return -1
