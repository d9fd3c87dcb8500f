"""The attention kernels lower for TPU on a host that has none."""

import functools

from absl.testing import absltest
from absl.testing import parameterized
import jax
from jax import export
import jax.numpy as jnp

from swm_jax.kernels.attention import api
from swm_jax.kernels.attention import flash_forward
from swm_jax.kernels.attention import flash_problem


def _export(function, *avals):
  return export.export(jax.jit(function), platforms=['tpu'])(*avals)


def _avals(T, S, D, dtype, H=4, K=2):
  shape = jax.ShapeDtypeStruct
  return [
      shape((1, T, H, D), dtype),
      shape((1, S, K, D), dtype),
      shape((1, S, K, D), dtype),
  ]


class AttentionLoweringTest(parameterized.TestCase):

  @parameterized.product(
      head_size=[64, 96, 128, 256], dtype=['bfloat16', 'float32']
  )
  def test_forward_and_backward_lower(self, head_size, dtype):

    def loss(query, key, value, group, branch):
      out, lse = api.dot_product_attention(
          query,
          key,
          value,
          is_causal=True,
          segments=(group, branch),
          implementation='pallas',
      )
      return out.astype(jnp.float32).sum() + lse.sum()

    exported = _export(
        jax.grad(loss, argnums=(0, 1, 2)),
        *_avals(T=700, S=700, D=head_size, dtype=dtype),
        *[jax.ShapeDtypeStruct((1, 700), jnp.int32)] * 2,
    )
    text = exported.mlir_module()
    for kernel in ('forward', 'd_query', 'd_key_value'):
      self.assertIn(f'flash_attention_{kernel}', text)
    # What an interpreted kernel would be.
    self.assertNotIn('stablehlo.while', text)

  @parameterized.product(
      head_size=[64, 96, 128, 256], dtype=['bfloat16', 'float32']
  )
  def test_decoding_lowers(self, head_size, dtype):
    def attend(query, key, value, lengths):
      return api.dot_product_attention(
          query, key, value, lengths_B=lengths, implementation='pallas'
      )

    exported = _export(
        attend,
        *_avals(T=1, S=1000, D=head_size, dtype=dtype),
        jax.ShapeDtypeStruct((1,), jnp.int32),
    )
    self.assertIn('decode_attention', exported.mlir_module())

  @parameterized.parameters(
      ((1, 4, 70, 90),),
      ((1, 1, 1, 90),),
      ((1, 1, 70, 1),),
      ((1, 4, 1, 1),),
  )
  def test_masks_lower(self, shape):
    def attend(query, key, value, mask):
      return api.dot_product_attention(
          query, key, value, mask=mask, implementation='pallas'
      )

    exported = _export(
        attend,
        *_avals(T=70, S=90, D=64, dtype='bfloat16'),
        jax.ShapeDtypeStruct(shape, jnp.bool_),
    )
    self.assertIn('flash_attention_forward', exported.mlir_module())

  def test_a_block_that_breaks_the_tiling_does_not_lower(self):
    # The row of log-sum-exps would be in blocks of 100 lanes of 200.
    problem = flash_problem.Problem(
        shape=(1, 200, 200, 2, 2, 64),
        scale=1.0,
        is_causal=False,
        has_segments=False,
        seen_shape=None,
        block_q=100,
        block_k=100,
        itemsize=4,
    )
    forward = functools.partial(
        flash_forward.forward,
        problem,
        (),
        masks=flash_problem.Masks(),
        interpret=False,
    )
    avals = [jax.ShapeDtypeStruct((1, 2, 200, 64), jnp.float32)] * 3
    with self.assertRaisesRegex(ValueError, 'divisible by 8 and 128'):
      _export(forward, *avals)


if __name__ == '__main__':
  absltest.main()
