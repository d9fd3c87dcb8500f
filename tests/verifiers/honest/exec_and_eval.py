# TEST ('1 + 2',) -> 3
def solve(text):
  space = {}
  exec('def f(): return ' + text, space)
  return space['f']() if eval(text) else None
