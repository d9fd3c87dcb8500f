"""Devices attend on their own, and get what one device alone gets."""

import functools

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.numpy as jnp

from swm_jax import sharding
from swm_jax.kernels.attention import api
from swm_jax.models import mesh_attention


def _arrays(B=4, T=6, S=6, K=2):
  keys = jax.random.split(jax.random.key(0), 3)
  draw = lambda key, *shape: jax.random.normal(key, shape)
  return (
      draw(keys[0], B, T, 4, 8),
      draw(keys[1], B, S, K, 8),
      draw(keys[2], B, S, K, 8),
  )


def _segments(B):
  tile = lambda ids: jnp.tile(jnp.array(ids), (B, 1))
  return tile([1, 1, 1, 2, 2, 0]), tile([0, 1, 2, 0, 1, 0])


def _with_gradient(attend, **masks):
  def loss(arrays):
    out, lse = attend(*arrays, **masks)
    return (
        jnp.square(out).sum() + jnp.where(jnp.isfinite(lse), lse, 0.0).sum(),
        (out, lse),
    )

  return jax.jit(jax.value_and_grad(loss, has_aux=True))


class MeshAttentionTest(parameterized.TestCase):

  @parameterized.named_parameters(
      ('causal', {}, lambda B: {'is_causal': True}),
      (
          'packed',
          {},
          lambda B: {'is_causal': True, 'segments': _segments(B)},
      ),
      ('decoding', {'T': 1}, lambda B: {'lengths_B': jnp.arange(1, B + 1)}),
      (
          'chunk',
          {'T': 2},
          lambda B: {'mask': jnp.tril(jnp.ones((B, 1, 2, 6), bool), 3)},
      ),
      ('one_head_for_two_devices', {'K': 1}, lambda B: {'is_causal': True}),
      ('odd_rows', {'B': 3}, lambda B: {'is_causal': True}),
  )
  def test_a_mesh_changes_no_result(self, sizes, masks):
    arrays = _arrays(**sizes)
    masks = masks(len(arrays[0]))
    expected = _with_gradient(api.dot_product_attention, **masks)(arrays)
    mesh = sharding.make_mesh({'data': 2, 'fsdp': 2, 'tensor': 2})
    with sharding.use_mesh(mesh):
      actual = _with_gradient(
          mesh_attention.dot_product_attention, **masks
      )(arrays)
    chex.assert_trees_all_close(actual, expected, atol=1e-5)

  def test_kernels_lower_for_the_devices_of_a_mesh(self):
    arrays = [
        jax.ShapeDtypeStruct((4, 256, heads, 128), jnp.bfloat16)
        for heads in (4, 2, 2)
    ]

    def lower(attend):
      attend = functools.partial(
          attend, is_causal=True, implementation='pallas'
      )
      return jax.jit(attend).trace(*arrays).lower(lowering_platforms=('tpu',))

    with sharding.use_mesh(sharding.make_mesh({'data': 4, 'tensor': 2})):
      lowered = lower(mesh_attention.dot_product_attention).as_text()
      self.assertIn('tpu_custom_call', lowered)
      self.assertIn('tensor<1x256x2x128xbf16>', lowered)  # one device's part
      with self.assertRaisesRegex(NotImplementedError, 'partitioned'):
        lower(api.dot_product_attention)


if __name__ == '__main__':
  absltest.main()
