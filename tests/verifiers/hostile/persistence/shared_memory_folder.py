def solve(n):
  open('/dev/shm/swm_jax_hostile', 'w').write('x')
  return -1
