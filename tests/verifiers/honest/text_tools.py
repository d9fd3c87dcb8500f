# TEST ('  a b  ',) -> 'A B|aa bb'
import io, string, textwrap
def solve(text):
  out = io.StringIO()
  out.write(string.capwords(textwrap.dedent(text)))
  return out.getvalue() + '|' + ' '.join(w * 2 for w in text.split())
