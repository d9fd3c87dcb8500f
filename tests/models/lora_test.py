"""Tests of low-rank updates."""

import functools

from absl.testing import absltest
import chex
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.models import lora
from swm_jax.models import transformer

CONFIG = transformer.TransformerConfig(
    vocab_size=20,
    num_layers=2,
    width=16,
    mlp_width=24,
    num_heads=2,
    num_kv_heads=1,
    head_dim=8,
)


@functools.cache
def _params():
  init = jax.jit(functools.partial(transformer.init_params, CONFIG))
  return init(jax.random.key(0))


class LoraTest(absltest.TestCase):

  def test_starts_at_zero(self):
    params = _params()
    update = lora.init_lora(params, 3, jax.random.key(1))
    chex.assert_trees_all_equal(lora.merge(params, update, 8.0), params)
    self.assertGreater(abs(update['layer_1']['down']['a']).min(), 0.0)
    # Per layer, rank 3: q (16 + 16), v (16 + 8), up and down (16 + 24).
    self.assertEqual(
        transformer.count_params(update), 2 * 3 * (32 + 24 + 40 + 40)
    )

  def test_adds_scaled_product_by_hand(self):
    params = {'layer_0': {'q': jnp.zeros((2, 2)), 'k': jnp.ones((2, 1))}}
    a, b = jnp.array([[1.0], [2.0]]), jnp.array([[3.0, 4.0]])
    merged = lora.merge(params, {'layer_0': {'q': {'a': a, 'b': b}}}, 0.5)
    # alpha / rank = 0.5, a b = [[3, 4], [6, 8]].
    np.testing.assert_allclose(merged['layer_0']['q'], [[1.5, 2.0], [3.0, 4.0]])
    self.assertIs(merged['layer_0']['k'], params['layer_0']['k'])

  def test_gradient_reaches_the_update(self):
    params = _params()
    update = lora.init_lora(params, 2, jax.random.key(1), targets=('q', 'o'))

    def loss(update):
      merged = lora.merge(params, update, 2.0)
      tokens = jnp.array([[1, 2, 3]])
      model = transformer.Transformer(CONFIG)
      return model.apply({'params': merged}, tokens).logits[0, -1, 4]

    gradient = jax.jit(jax.grad(loss))(update)
    # b = 0 at the start, so a moves only after b has.
    np.testing.assert_array_equal(gradient['layer_0']['q']['a'], 0.0)
    self.assertGreater(abs(gradient['layer_0']['q']['b']).max(), 0.0)

  def test_same_key_same_update(self):
    draw = lambda seed: lora.init_lora(_params(), 2, jax.random.key(seed))
    chex.assert_trees_all_equal(draw(3), draw(3))
    a = draw(3)['layer_0']['q']['a']
    self.assertGreater(abs(a - draw(4)['layer_0']['q']['a']).max(), 0.1)
    self.assertGreater(abs(a - draw(3)['layer_1']['q']['a']).max(), 0.1)

  def test_bfloat16_base_keeps_its_dtype(self):
    params = jax.tree.map(lambda x: x.astype(jnp.bfloat16), _params())
    update = lora.init_lora(params, 2, jax.random.key(1))
    chex.assert_trees_all_equal_dtypes(lora.merge(params, update, 1.0), params)
    self.assertEqual(update['layer_0']['q']['a'].dtype, jnp.float32)

  def test_axes_have_the_ranks_of_the_arrays(self):
    update = lora.init_lora(_params(), 2, jax.random.key(1))
    axes = lora.logical_axes(CONFIG, update)
    self.assertEqual(axes['layer_0']['down']['a'], ('mlp', 'rank'))
    self.assertEqual(axes['layer_0']['down']['b'], ('rank', 'embed'))

  def test_errors_name_the_target(self):
    with self.assertRaisesRegex(ValueError, r"\['query'\] are not among"):
      lora.init_lora(_params(), 2, jax.random.key(0), targets=('query',))
    with self.assertRaisesRegex(ValueError, 'rank must be at least 1'):
      lora.init_lora(_params(), 0, jax.random.key(0))
    update = {'layer_9': {'q': {'a': jnp.ones((1, 1)), 'b': jnp.ones((1, 1))}}}
    with self.assertRaisesRegex(ValueError, 'no layer_9/q'):
      lora.merge(_params(), update, 1.0)


if __name__ == '__main__':
  absltest.main()
