# TEST (b'data' ,) -> (b'data', 64, 1)
def solve(data):
  import bz2, ctypes, hashlib, lzma, sqlite3, zlib
  packed = zlib.compress(bz2.compress(lzma.compress(data)))
  back = lzma.decompress(bz2.decompress(zlib.decompress(packed)))
  with sqlite3.connect(':memory:') as base:
    one = base.execute('select 1').fetchone()[0]
  return back, len(hashlib.sha256(data).hexdigest()), one
