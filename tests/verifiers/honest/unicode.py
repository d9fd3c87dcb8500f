# TEST ('naïve ☃ 😀',) -> ('😀 ☃ evïan', 9)
def solve(text):
  return text[::-1], len(text)
