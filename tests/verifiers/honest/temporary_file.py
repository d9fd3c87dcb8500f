# TEST ('hello',) -> 'HELLO'
import os, pathlib, tempfile
def solve(text):
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, 'a', 'b.txt')
    path.parent.mkdir()
    path.write_text(text)
    return path.read_text().upper()
