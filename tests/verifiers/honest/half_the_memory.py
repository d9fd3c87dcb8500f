# TEST (40,) -> 41943040
def solve(n):
  return len(bytearray(n << 20))
