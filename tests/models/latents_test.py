"""Tests of the Hopfield energy of the residual stream."""

import functools

from absl.testing import absltest
import chex
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.models import latents
from swm_jax.models import transformer

CONFIG = transformer.TransformerConfig(
    vocab_size=20,
    num_layers=2,
    width=16,
    mlp_width=24,
    num_heads=4,
    num_kv_heads=2,
    head_dim=4,
)


@functools.cache
def _params():
  init = jax.jit(functools.partial(transformer.init_params, CONFIG))
  return init(jax.random.key(0))


def _energy(layer):
  return jax.jit(latents.hopfield_energy(_params(), CONFIG, layer))


def _both(layer):
  return jax.jit(
      latents.energy_and_gradient(
          latents.hopfield_energy(_params(), CONFIG, layer)
      )
  )


class HopfieldEnergyTest(absltest.TestCase):

  def test_equals_the_sum_of_the_parts_the_model_returns(self):
    tokens = jax.random.randint(jax.random.key(1), (3, 6), 0, 20)
    run = functools.partial(
        transformer.Transformer(CONFIG).apply, taps=(1,), return_lse=True
    )
    out = jax.jit(run)({'params': _params()}, tokens)
    beta = CONFIG.head_dim**-0.5
    parts_BxT = (out.query_norm[1] - out.lse[1]).sum(-1) / beta
    length_B = jnp.array([6, 4, 1])
    valid = jnp.arange(6)[None] < length_B[:, None]
    energy = _energy(1)
    chex.assert_trees_all_close(
        energy(out.latents_BxLxTxD[:, 0], valid),
        (parts_BxT * valid).sum(-1) / length_B,
        atol=1e-5,
    )

  def test_one_attention_step_never_raises_the_energy_of_a_state(self):
    # The update xi <- softmax(beta K xi) K, at fixed patterns.
    K_SxD = jax.random.normal(jax.random.key(2), (7, 4))
    beta = 0.5
    energy = lambda xi: (
        -jax.nn.logsumexp(beta * (K_SxD @ xi)) / beta + 0.5 * xi @ xi
    )
    xi = 3.0 * jax.random.normal(jax.random.key(3), (4,))
    for _ in range(20):
      after = jax.nn.softmax(beta * (K_SxD @ xi)) @ K_SxD
      self.assertLessEqual(energy(after), energy(xi) + 1e-5)
      xi = after

  def test_gradient_agrees_with_finite_differences(self):
    h = jax.random.normal(jax.random.key(4), (2, 5, 16))
    valid = jnp.arange(5)[None] < jnp.array([[5], [3]])
    energy = _energy(0)
    value, gradient = _both(0)(h, valid)
    chex.assert_trees_all_close(value, energy(h, valid), rtol=1e-6)
    direction = jax.random.normal(jax.random.key(5), h.shape)
    # Central differences in float32: error about 1e-7 |E| / step.
    step = 1e-2
    difference = energy(h + step * direction, valid) - energy(
        h - step * direction, valid
    )
    np.testing.assert_allclose(
        (gradient * direction).sum((1, 2)), difference / (2 * step), rtol=0.02
    )
    # Norms make the energy blind to the length of each h.
    np.testing.assert_allclose((gradient * h).sum(-1), 0.0, atol=1e-4)

  def test_padding_is_inert(self):
    h = jax.random.normal(jax.random.key(4), (1, 5, 16))
    valid = jnp.array([[True, True, True, False, False]])
    both = _both(0)
    changed = jnp.where(valid[..., None], h, 9.0)
    value, gradient = both(h, valid)
    chex.assert_trees_all_equal(both(changed, valid), (value, gradient))
    np.testing.assert_array_equal(gradient[:, 3:], 0.0)
    short, _ = both(h[:, :3], valid[:, :3])
    chex.assert_trees_all_close(value, short, rtol=1e-5)
    empty, gradient = both(h, jnp.zeros_like(valid))
    np.testing.assert_array_equal(empty, 0.0)
    np.testing.assert_array_equal(gradient, 0.0)

  def test_rows_do_not_mix(self):
    h = jax.random.normal(jax.random.key(4), (2, 5, 16))
    valid = jnp.ones((2, 5), bool)
    energy = _energy(1)
    chex.assert_trees_all_close(
        energy(h, valid)[1:], energy(h[1:], valid[1:]), rtol=1e-6
    )

  def test_unknown_layer(self):
    with self.assertRaisesRegex(ValueError, r'layer 2 has no attention'):
      latents.hopfield_energy(_params(), CONFIG, 2)


if __name__ == '__main__':
  absltest.main()
