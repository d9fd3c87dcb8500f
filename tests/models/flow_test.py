"""Tests of the log-partition head."""

from absl.testing import absltest
import jax
import jax.numpy as jnp
import numpy as np
import optax

from swm_jax.models import flow


class LogZHeadTest(absltest.TestCase):

  def test_starts_at_zero_for_every_prompt(self):
    head = flow.LogZHead(hidden=8)
    latent = 1e3 * jax.random.normal(jax.random.key(0), (5, 12))
    variables = head.init(jax.random.key(1), latent)
    log_z = head.apply(variables, latent)
    self.assertEqual(log_z.dtype, jnp.float32)
    np.testing.assert_array_equal(log_z, np.zeros(5))

  def test_learns_a_value_per_prompt(self):
    head = flow.LogZHead(hidden=32)
    latent = jax.random.normal(jax.random.key(0), (4, 12))
    target = jnp.array([-20.0, -5.0, 0.0, 3.0])
    variables = head.init(jax.random.key(1), latent)
    optimizer = optax.adam(0.05)

    @jax.jit
    def step(variables, state):
      loss = lambda v: jnp.square(head.apply(v, latent) - target).mean()
      value, gradient = jax.value_and_grad(loss)(variables)
      updates, state = optimizer.update(gradient, state)
      return optax.apply_updates(variables, updates), state, value

    state = optimizer.init(variables)
    for _ in range(200):
      variables, state, value = step(variables, state)
    self.assertLess(value, 0.01)


if __name__ == '__main__':
  absltest.main()
