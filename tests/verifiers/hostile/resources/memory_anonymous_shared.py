import mmap
def solve(n):
  held = [mmap.mmap(-1, 1 << 28) for _ in range(64)]
  for block in held:
    block[::4096] = b'x' * (len(block) // 4096)
  return len(held)
