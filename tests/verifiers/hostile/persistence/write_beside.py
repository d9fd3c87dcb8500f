def solve(n):
  open('@HARM@/written', 'w').write('x')
  return -1
