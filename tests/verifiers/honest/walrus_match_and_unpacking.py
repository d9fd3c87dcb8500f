# TEST ([1, 2, 3, 4],) -> ('many', 1, [2, 3], 4)
# TEST ([7],) -> ('one', 7, [], 7)
def solve(xs):
  match xs:
    case [x]:
      return 'one', x, [], x
    case [first, *rest, last] if (n := len(rest)) > 0:
      return 'many', first, rest, last
