# TEST ('a1b22c',) -> ['1', '22']
import re
def solve(text):
  return re.findall(r'\d+', text)
