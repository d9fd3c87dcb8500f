"""The attention api: exact values, edge cases, errors; see also parity_test."""

import functools
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.kernels.attention import api
from swm_jax.kernels.attention import block_sizes


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


def _fully_masked(B=2, T=5, S=5):
  """Row 1's query 0 and all of row 0 see nothing."""
  seen = jnp.ones((B, 1, T, S), bool).at[1, :, 0].set(False)
  return seen.at[0].set(False)


class AttentionTest(parameterized.TestCase):

  @parameterized.parameters(*api.IMPLEMENTATIONS)
  def test_two_keys_by_hand(self, implementation):
    # Scores 0 and ln 3, so weights 1/4 and 3/4, and lse = ln 4. Head size 8,
    # all but its first element 0.
    def tokens(*firsts):
      return jnp.zeros((1, len(firsts), 1, 8)).at[0, :, 0, 0].set(firsts)

    query, key = tokens(1.0), tokens(0.0, np.log(3.0))
    value = tokens(4.0, 8.0)
    out, lse = _attend(
        query, key, value, scale=1.0, implementation=implementation
    )
    np.testing.assert_allclose(out[0, 0, 0, 0], 7.0, rtol=1e-6)
    np.testing.assert_allclose(lse[0, 0, 0], np.log(4.0), rtol=1e-6)

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
    mask = _fully_masked()
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

  @parameterized.parameters(*api.IMPLEMENTATIONS)
  def test_segments_and_lengths_are_masks(self, name):
    query, key, value = _inputs(T=6, S=6)
    group = jnp.array([[1, 1, 1, 1, 2, 0], [1, 1, 1, 1, 1, 1]])
    branch = jnp.array([[0, 1, 1, 2, 0, 0], [0, 0, 0, 0, 0, 0]])
    lengths = jnp.array([6, 2])
    # Row 0: query 2 sees the prompt and its own branch, query 3 the prompt and
    # itself, query 4 itself, query 5 nothing. Row 1: all see keys 0 and 1.
    seen = jnp.array([
        [
            [1, 0, 0, 0, 0, 0],
            [1, 1, 1, 0, 0, 0],
            [1, 1, 1, 0, 0, 0],
            [1, 0, 0, 1, 0, 0],
            [0, 0, 0, 0, 1, 0],
            [0, 0, 0, 0, 0, 0],
        ],
        [[1, 1, 0, 0, 0, 0]] * 6,
    ])
    actual = api.dot_product_attention(
        query,
        key,
        value,
        segments=(group, branch),
        lengths_B=lengths,
        implementation=name,
    )
    expected = api.dot_product_attention(
        query,
        key,
        value,
        mask=seen[:, None] == 1,
        implementation='reference',
    )
    chex.assert_trees_all_close(actual, expected, atol=2e-6)

  def test_none_takes_xla_where_the_kernel_that_won_does_not_fit(self):
    inputs = _inputs(D=6)
    with self.assertRaises(NotImplementedError):
      api.dot_product_attention(*inputs, implementation='pallas')
    with mock.patch.object(api, '_fastest', return_value='pallas'):
      chosen = api.dot_product_attention(*inputs)
    np.testing.assert_array_equal(
        chosen[0], api.dot_product_attention(*inputs, implementation='xla')[0]
    )

  def test_none_takes_xla_where_nothing_was_measured(self):
    self.assertIsNone(block_sizes.find('flash', 64, 128, jnp.bfloat16))
    inputs = _inputs()
    np.testing.assert_array_equal(
        api.dot_product_attention(*inputs)[0],
        api.dot_product_attention(*inputs, implementation='xla')[0],
    )

  @parameterized.parameters(
      ('8.0', r'compute capability 9 .* A100 has 8\.0'),
      ('10.0', r'A100 has 10\.0'),
      # Gets past the check and as far as this host can.
      ('9.0', 'interpret mode'),
  )
  def test_pallas_takes_the_kernels_for_gpu_on_a_gpu(self, capability, error):
    device = mock.Mock(compute_capability=capability, device_kind='A100')
    with mock.patch.object(
        jax, 'default_backend', lambda: 'gpu'
    ), mock.patch.object(jax, 'devices', lambda: [device]):
      with self.assertRaisesRegex((NotImplementedError, ValueError), error):
        jax.jit(
            functools.partial(
                api.dot_product_attention, implementation='pallas'
            )
        )(*_inputs(D=64))

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
    with self.assertRaisesRegex(ValueError, r'lengths_B must be \[2\]'):
      attend(query, key, value, lengths_B=jnp.ones((3,), jnp.int32))
    with self.assertRaisesRegex(ValueError, 'as many keys as queries'):
      ids = jnp.ones((2, 4), jnp.int32)
      attend(query[:, :4], key, value, segments=(ids, ids))
    with self.assertRaisesRegex(NotImplementedError, 'not float16'):
      half = (x.astype(jnp.float16) for x in (query, key, value))
      attend(*half, implementation='pallas')
    with self.assertRaisesRegex(NotImplementedError, 'multiples of 8, not 7'):
      attend(*(x[..., :7] for x in _inputs()), implementation='pallas')
    with self.assertRaisesRegex(ValueError, "'cuda' is not one of"):
      attend(query, key, value, implementation='cuda')


if __name__ == '__main__':
  absltest.main()
