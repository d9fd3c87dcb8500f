"""Tests of the energies."""

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.losses import energy


class EnergyTest(parameterized.TestCase):

  def test_nll_by_hand_is_a_mean_so_that_length_is_no_energy(self):
    log_pf = jnp.array([[-1.0, -3.0, np.nan], [-2.0, -2.0, -2.0]])
    mask = jnp.array([[True, True, False], [True, True, True]])
    chex.assert_trees_all_close(
        energy.nll_energy(log_pf, mask), jnp.array([2.0, 2.0])
    )

  def test_head_reads_the_last_token(self):
    value = jnp.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    mask = jnp.array([[True, True, False], [True, True, True]])
    chex.assert_trees_all_close(
        energy.head_energy(value, mask), jnp.array([2.0, 6.0])
    )
    grad = jax.grad(lambda v: energy.head_energy(v, mask).sum())(value)
    chex.assert_trees_all_close(
        grad, jnp.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    )

  def test_hopfield_by_hand_sums_layers_and_heads(self):
    # One token, two layers, two heads: (2 - 1) + (2 - 0) + (1 - 1) + (0 - 3),
    # and a head without keys adds nothing.
    query_norm = jnp.array([[[[2.0, 2.0], [1.0, 0.0]]]])
    lse = jnp.array([[[[1.0, 0.0], [1.0, 3.0]]]])
    mask = jnp.ones((1, 1), bool)
    chex.assert_trees_all_close(
        energy.hopfield_energy(lse, query_norm, mask), jnp.array([0.0])
    )
    blind = lse.at[0, 0, 1, 1].set(-jnp.inf)
    chex.assert_trees_all_close(
        energy.hopfield_energy(blind, query_norm, mask), jnp.array([3.0])
    )
    grad = jax.grad(
        lambda x: energy.hopfield_energy(x, query_norm, mask).sum()
    )(blind)
    self.assertTrue(jnp.isfinite(grad).all())

  def test_packed_and_padded_agree(self):
    values = jax.random.normal(jax.random.key(0), (2, 3))
    mask = jnp.array([[True, True, False], [True, True, True]])
    packed = jnp.concatenate([values[0], values[1]])[None]
    kwargs = dict(
        trajectory=jnp.array([[0, 0, -1, 1, 1, 1]]), num_trajectories=2
    )
    packed_mask = jnp.concatenate([mask[0], mask[1]])[None]
    for function in (energy.nll_energy, energy.head_energy):
      chex.assert_trees_all_close(
          function(packed, packed_mask, **kwargs)[0], function(values, mask)
      )

  @parameterized.product(beta=(0.125, 1.0, 8.0), seed=(0, 1, 2))
  def test_hopfield_energy_never_rises_under_attention(self, beta, seed):
    keys = jax.random.split(jax.random.key(seed), 2)
    stored = jax.random.normal(keys[0], (12, 8))
    state = 3.0 * jax.random.normal(keys[1], (16, 8))

    @jax.jit
    def energy_of(state):
      scores = beta * state @ stored.T
      lse = jax.nn.logsumexp(scores, axis=-1)
      norm = 0.5 * beta * jnp.square(state).sum(axis=-1)
      return energy.hopfield_energy(
          lse[:, None, None, None],
          norm[:, None, None, None],
          jnp.ones((16, 1), bool),
      )

    before = energy_of(state)
    start = before
    for _ in range(5):
      state = jax.nn.softmax(beta * state @ stored.T, axis=-1) @ stored
      after = energy_of(state)
      # float32 rounding of energies near a fixed point.
      self.assertTrue((after <= before + 1e-5 * (1 + abs(before))).all())
      before = after
    self.assertTrue((before < start - 1e-3).all())


if __name__ == '__main__':
  absltest.main()
