"""Every attention implementation against the reference."""

import functools

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.kernels.attention import api



@functools.partial(
    jax.jit, static_argnames=('is_causal', 'scale', 'implementation')
)
def _attend(query, key, value, **kwargs):
  return api.dot_product_attention(query, key, value, **kwargs)


def _inputs(B=2, T=5, S=5, H=4, K=2, D=8, dtype='float32', seed=0):
  keys = jax.random.split(jax.random.key(seed), 3)
  shapes = (B, T, H, D), (B, S, K, D), (B, S, K, D)
  return [
      jax.random.normal(key, shape, dtype) for key, shape in zip(keys, shapes)
  ]


def _mask(name, B=2, H=4, T=5, S=5):
  if name == 'none':
    return None
  if name == 'per_head':
    return jax.random.bernoulli(jax.random.key(7), 0.6, (B, H, T, S))
  if name == 'keys':
    return (jnp.arange(S) < 3)[None, None, None]
  # Row 1's query 0 and all of row 0 see nothing.
  seen = jnp.ones((B, 1, T, S), bool).at[1, :, 0].set(False)
  return seen.at[0].set(False)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _both(implementation, is_causal, mask, inputs):
  """Outputs, and gradients of a loss that touches out and finite lse."""

  def loss(query, key, value):
    out, lse = api.dot_product_attention(
        query,
        key,
        value,
        is_causal=is_causal,
        mask=mask,
        implementation=implementation,
    )
    weight = jnp.arange(out.size, dtype=jnp.float32).reshape(out.shape)
    finite = jnp.where(lse == -jnp.inf, 0.0, lse)
    total = (out * jnp.cos(weight)).sum()
    return total + (finite * jnp.sin(weight[..., 0])).sum(), (out, lse)

  return jax.grad(loss, argnums=(0, 1, 2), has_aux=True)(*inputs)


class AttentionTest(parameterized.TestCase):

  @parameterized.parameters(*api.IMPLEMENTATIONS)
  def test_two_keys_by_hand(self, implementation):
    # Scores 0 and ln 3, so weights 1/4 and 3/4, and lse = ln 4.
    query = jnp.full((1, 1, 1, 1), 1.0)
    key = jnp.array([0.0, np.log(3.0)]).reshape(1, 2, 1, 1)
    value = jnp.array([4.0, 8.0]).reshape(1, 2, 1, 1)
    out, lse = _attend(
        query, key, value, scale=1.0, implementation=implementation
    )
    np.testing.assert_allclose(out[0, 0, 0, 0], 7.0, rtol=1e-6)
    np.testing.assert_allclose(lse[0, 0, 0], np.log(4.0), rtol=1e-6)

  @parameterized.parameters(
      (False, 'none', 2),
      (False, 'per_head', 2),
      (False, 'fully_masked', 2),
      (True, 'none', 1),
      (True, 'none', 4),
      (True, 'per_head', 2),
      (True, 'keys', 2),
      (True, 'fully_masked', 2),
  )
  def test_agrees_with_reference_forward_and_backward(
      self, is_causal, mask, kv_heads
  ):
    inputs, mask = _inputs(K=kv_heads), _mask(mask)
    # Gradients add about 10 terms of size 1.
    chex.assert_trees_all_close(
        _both('xla', is_causal, mask, inputs),
        _both('reference', is_causal, mask, inputs),
        atol=5e-6,
        rtol=5e-6,
    )

  @parameterized.parameters('none', 'per_head', 'fully_masked')
  def test_one_query_agrees_forward_and_backward(self, mask):
    inputs, mask = _inputs(T=1, S=9), _mask(mask, T=1, S=9)
    chex.assert_trees_all_close(
        _both('xla', False, mask, inputs),
        _both('reference', False, mask, inputs),
        atol=5e-6,
        rtol=5e-6,
    )

  def test_one_query_over_a_longer_cache(self):
    inputs = _inputs(T=1, S=9)
    mask = (jnp.arange(9)[None] <= jnp.array([[3], [8]]))[:, None, None]
    out, lse = _attend(*inputs, mask=mask)
    expected = _attend(
        *inputs, mask=mask, implementation='reference'
    )
    chex.assert_trees_all_close((out, lse), expected, atol=2e-6)
    query, key, value = inputs
    short, _ = _attend(query, key[:, :4], value[:, :4])
    chex.assert_trees_all_close(out[0], short[0], atol=2e-6)

  @parameterized.parameters(*api.IMPLEMENTATIONS)
  def test_fully_masked_rows_are_zero_with_zero_gradient(self, name):
    mask = _mask('fully_masked')
    inputs = _inputs()
    out, lse = _attend(
        *inputs, mask=mask, implementation=name
    )
    np.testing.assert_array_equal(out[0], 0.0)
    np.testing.assert_array_equal(lse[0], -np.inf)
    np.testing.assert_array_equal(out[1, 0], 0.0)

    def loss(*args):  # Touches masked rows too, lse without a guard.
      out, lse = _attend(
          *args, mask=mask, implementation=name
      )
      return out.sum() + lse.sum()

    gradients = jax.jit(jax.grad(loss, argnums=(0, 1, 2)))(*inputs)
    chex.assert_tree_all_finite(gradients)
    for gradient in gradients:
      np.testing.assert_array_equal(gradient[0], 0.0)
    np.testing.assert_array_equal(gradients[0][1, 0], 0.0)

  def test_bfloat16_inputs_give_float32_lse(self):
    inputs = _inputs(dtype='bfloat16')
    out, lse = _attend(*inputs, is_causal=True)
    self.assertEqual(out.dtype, jnp.bfloat16)
    self.assertEqual(lse.dtype, jnp.float32)
    expected, _ = _attend(
        *(x.astype(jnp.float32) for x in inputs),
        is_causal=True,
        implementation='reference',
    )
    # bfloat16 has 8 bits of mantissa; values are of size 1.
    chex.assert_trees_all_close(
        out.astype(jnp.float32), expected, atol=3e-2
    )

  def test_large_scores_stay_finite(self):
    query, key, value = _inputs()
    out, lse = _attend(query * 1e4, key, value)
    chex.assert_tree_all_finite((out, lse))

  def test_errors_name_the_argument(self):
    query, key, value = _inputs()
    attend = api.dot_product_attention
    with self.assertRaisesRegex(ValueError, 'multiple of'):
      attend(query[:, :, :3], key, value)
    with self.assertRaisesRegex(ValueError, r'query \[B, T, H, D\]'):
      attend(query[0], key, value)
    with self.assertRaisesRegex(TypeError, 'one floating-point dtype'):
      attend(query, key.astype(jnp.bfloat16), value)
    with self.assertRaisesRegex(TypeError, 'mask must be bool'):
      attend(query, key, value, mask=jnp.ones((1, 1, 5, 5)))
    with self.assertRaisesRegex(ValueError, 'mask must broadcast'):
      attend(query, key, value, mask=jnp.ones((2, 3, 5, 5), bool))
    with self.assertRaisesRegex(ValueError, "'cuda' is not one of"):
      attend(query, key, value, implementation='cuda')


if __name__ == '__main__':
  absltest.main()
