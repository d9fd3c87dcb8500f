# TEST (1, 2, 3) -> 6
def solve(*numbers, **options):
  return sum(numbers)
