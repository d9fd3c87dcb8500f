"""Tests of hidden states in a byte a dimension."""

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.losses import anchoring
from swm_jax.models import quantised_hidden
from swm_jax.models import transformer

V, D, TOKENS = 300, 64, 50
CONFIG = transformer.TransformerConfig(
    vocab_size=V, num_layers=1, width=D, mlp_width=8, num_heads=1,
    num_kv_heads=1, head_dim=8,
)

_quantise = jax.jit(quantised_hidden.quantise)


def _hidden(outlier=1.0):
  """States of which one dimension is larger than the others."""
  hidden = jax.random.normal(jax.random.key(0), (TOKENS, D))
  return hidden.at[:, 5].multiply(outlier)


def _params(sharpness):
  """An output table; the logits have about this standard deviation."""
  table = jax.random.normal(jax.random.key(1), (V, D))
  return {'embedding': sharpness * D**-0.5 * table}


class QuantisedHiddenTest(parameterized.TestCase):

  def test_by_hand(self):
    # Of width 1 the cosine transform is sqrt(2) cos(pi / 4) = 1.
    stored = quantised_hidden.quantise(jnp.array([[-2.54], [0.0]]))
    self.assertEqual(stored.codes.dtype, jnp.int8)
    np.testing.assert_array_equal(stored.codes, [[-127], [0]])
    np.testing.assert_allclose(stored.scale, [0.02, 0.0], rtol=1e-6)
    np.testing.assert_allclose(
        quantised_hidden.dequantise(stored), [[-2.54], [0.0]], rtol=1e-6
    )

  @parameterized.parameters(1.0, 20.0)
  def test_codes_return_exactly(self, outlier):
    stored = _quantise(_hidden(outlier))
    again = _quantise(quantised_hidden.dequantise(stored))
    np.testing.assert_array_equal(again.codes, stored.codes)
    chex.assert_trees_all_close(again.scale, stored.scale, rtol=1e-5)

  @parameterized.parameters(1.0, 20.0, 1000.0)
  def test_error_is_half_a_unit_in_each_rotated_dimension(self, outlier):
    hidden = _hidden(outlier)
    stored = _quantise(hidden)
    self.assertTrue((jnp.abs(stored.codes).max(axis=-1) == 127).all())
    error = jnp.linalg.norm(
        quantised_hidden.dequantise(stored) - hidden, axis=-1
    )
    self.assertTrue((error <= stored.scale / 2 * D**0.5 * 1.001).all())

  def test_large_dimension_does_not_take_the_range_of_the_others(self):
    # Spread over all dimensions it is sqrt(2 / D) of itself, times the cosine.
    alone = jnp.zeros((1, D)).at[0, 5].set(100.0)
    scale = _quantise(alone).scale
    self.assertLessEqual(float(scale[0]), 100.0 * (2 / D) ** 0.5 / 127 * 1.001)

  @parameterized.product(outlier=(1.0, 8.0), sharpness=(0.3, 3.0))
  def test_distribution_returns(self, outlier, sharpness):
    params, hidden = _params(sharpness), _hidden(outlier)
    stored = _quantise(hidden)
    logits = transformer.logits_from_hidden(params, hidden, CONFIG)
    read = quantised_hidden.logits(params, stored, CONFIG)
    kl = anchoring.dense_kl(logits, read)
    # Hoeffding: KL <= (range of the change of logits)^2 / 8, and a logit moves
    # by at most the norm of its row times that of the error.
    row = jnp.linalg.norm(params['embedding'], axis=-1).max()
    change = 2 * row * stored.scale / 2 * D**0.5
    self.assertTrue((kl <= change**2 / 8 + 1e-6).all())
    self.assertLess(float(kl.mean()), 1e-3)

  def test_another_table_gives_another_distribution(self):
    params, hidden = _params(1.0), _hidden()
    logits = transformer.logits_from_hidden(params, hidden, CONFIG)
    other = {'embedding': params['embedding'][::-1]}
    read = quantised_hidden.logits(other, _quantise(hidden), CONFIG)
    self.assertGreater(float(anchoring.dense_kl(logits, read).mean()), 0.1)


if __name__ == '__main__':
  absltest.main()
