# TEST ('12',) -> 12
# TEST ('x',) -> None
def solve(text):
  try:
    return int(text)
  except ValueError:
    return None
  finally:
    pass
