# TEST (1,) -> 2
def solve(n):
  return n + 1
if __name__ == '__main__':
  raise SystemExit(solve(int(input())))
