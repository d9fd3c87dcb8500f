"""Tests of the decode view of the parameters."""

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.models import quantised_weights
from swm_jax.models import transformer

CONFIG = transformer.TransformerConfig(
    vocab_size=50,
    num_layers=2,
    width=16,
    mlp_width=24,
    num_heads=4,
    num_kv_heads=2,
    head_dim=4,
    max_length=16,
)


def params(config=CONFIG):
  return transformer.init_params(config, jax.random.key(0))


def forward(tree, config=CONFIG):
  tokens_BxT = jnp.arange(12).reshape(2, 6)
  return transformer.Transformer(config).apply({'params': tree}, tokens_BxT)


class Int8WeightTest(parameterized.TestCase):

  def test_codes_are_those_computed_by_hand(self):
    weight = jnp.array([[1.27, 0.0, -3.0], [-0.636, 0.0, 1.5]])
    quantised = quantised_weights.quantise(weight)
    np.testing.assert_array_equal(
        quantised.codes, [[127, 0, -127], [-64, 0, 64]]
    )
    np.testing.assert_allclose(
        quantised.scale, [[0.01, 0.0, 3 / 127]], rtol=1e-6
    )

  def test_no_weight_moves_by_more_than_half_its_channels_scale(self):
    key = jax.random.key(1)
    for shape in ((64, 8), (3, 64, 8)):
      sizes = np.broadcast_to(10.0 ** np.arange(-4.0, 4.0), shape)
      weight = jax.random.normal(key, shape) * sizes
      quantised = quantised_weights.quantise(weight)
      np.testing.assert_allclose(
          quantised.scale,
          jnp.abs(weight).max(axis=-2, keepdims=True) / 127,
          rtol=1e-6,
      )
      moved = jnp.abs(quantised_weights.dequantise(quantised) - weight)
      # Division, product and difference round in the seventh digit.
      self.assertTrue(np.all(moved <= quantised.scale * (0.5 + 127 * 3e-7)))
      self.assertEqual(quantised.codes.dtype, jnp.int8)

  def test_representable_weights_do_not_move(self):
    codes = np.random.default_rng(0).integers(-127, 128, (32, 4))
    codes[0] = 127
    weight = jnp.float32(codes * 2.0 ** np.arange(-2, 2))
    quantised = quantised_weights.quantise(weight)
    np.testing.assert_array_equal(quantised.codes, codes)
    np.testing.assert_array_equal(
        quantised_weights.dequantise(quantised), weight
    )

  @parameterized.parameters('float32', 'bfloat16')
  def test_multiplies_like_the_weight_it_stands_for(self, dtype):
    x = jax.random.normal(jax.random.key(0), (2, 3, 32)).astype(dtype)
    quantised = quantised_weights.quantise(
        jax.random.normal(jax.random.key(1), (32, 8))
    )
    product = x @ quantised.astype(dtype)
    self.assertEqual(product.dtype, x.dtype)
    np.testing.assert_allclose(
        product.astype(np.float32),
        np.float32(x) @ quantised_weights.dequantise(quantised),
        atol=1e-5 if dtype == 'float32' else 0.1,
    )


class ViewTest(parameterized.TestCase):

  def test_none_is_the_parameters_themselves(self):
    tree = params()
    self.assertIs(quantised_weights.view(tree, None), tree)

  @parameterized.parameters(False, True)
  def test_int8_model_is_the_model_of_the_dequantised_weights(self, scanned):
    config = dataclasses.replace(CONFIG, scan_layers=scanned)
    view = quantised_weights.view(params(config), 'int8')
    is_int8 = lambda leaf: isinstance(leaf, quantised_weights.Int8Weight)
    leaves = jax.tree.leaves(view, is_leaf=is_int8)
    self.assertLen(list(filter(is_int8, leaves)), 7 if scanned else 14)
    dequantised = jax.tree.map(
        lambda leaf: quantised_weights.dequantise(leaf) if is_int8(leaf)
        else leaf,
        view,
        is_leaf=is_int8,
    )
    logits = forward(view, config).logits
    np.testing.assert_allclose(
        logits, forward(dequantised, config).logits, atol=1e-5
    )
    moved = jnp.abs(logits - forward(params(config), config).logits).max()
    self.assertGreater(moved, 1e-4)

  def test_bfloat16_rounds_matrices_and_leaves_norms(self):
    tree = params()
    view = quantised_weights.view(tree, 'bfloat16')
    for old, new in zip(jax.tree.leaves(tree), jax.tree.leaves(view)):
      self.assertEqual(new.dtype, jnp.float32 if old.ndim == 1 else 'bfloat16')
      np.testing.assert_allclose(old, np.float32(new), rtol=2.0**-8)

  def test_bfloat16_changes_no_bit_of_a_model_that_computes_in_it(self):
    config = dataclasses.replace(CONFIG, dtype='bfloat16')
    self.assertFalse(quantised_weights.changes_the_model('bfloat16', config))
    self.assertTrue(quantised_weights.changes_the_model('bfloat16', CONFIG))
    self.assertTrue(quantised_weights.changes_the_model('int8', config))
    self.assertFalse(quantised_weights.changes_the_model(None, CONFIG))
    view = quantised_weights.view(params(config), 'bfloat16')
    np.testing.assert_array_equal(
        forward(view, config).logits, forward(params(config), config).logits
    )

  def test_an_unknown_kind_is_named(self):
    with self.assertRaisesRegex(ValueError, "weights='int4' is not one of"):
      quantised_weights.view(params(), 'int4')


if __name__ == '__main__':
  absltest.main()
