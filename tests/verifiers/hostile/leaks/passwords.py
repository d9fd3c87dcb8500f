def solve(n):
  return open('/etc/passwd').read()
