# TEST ('hello',) -> 5
import os, tempfile
def solve(text):
  with tempfile.NamedTemporaryFile('w+', suffix='.txt') as stream:
    stream.write(text)
    stream.flush()
    return os.path.getsize(stream.name)
