# TEST (2,) -> 3
# TEST (2,) -> 5
total = 1
def solve(n):
  global total
  def add(k):
    nonlocal n
    n += k
    return n
  total = add(total)
  return total
