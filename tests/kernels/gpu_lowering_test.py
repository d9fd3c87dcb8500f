"""The Hopper kernels lower for CUDA on a host that has no GPU."""

import re

from absl.testing import absltest
from absl.testing import parameterized
import jax
from jax import export
import jax.numpy as jnp

from swm_jax.kernels.attention import api
from swm_jax.kernels.attention import block_sizes
from swm_jax.kernels.attention import pallas_gpu

_T = 700  # Padded to 704; no other axis has either size.
_SHAPE = jax.ShapeDtypeStruct


def _lower(mask=None, segments=None, lengths=None, D=64, dtype='bfloat16',
           attend=pallas_gpu.dot_product_attention, **kwargs):
  """Returns the program of all gradients, for CUDA."""

  def loss(query, key, value, mask, segments, lengths_B):
    out, lse = attend(
        query,
        key,
        value,
        mask=mask,
        segments=segments,
        lengths_B=lengths_B,
        is_causal=True,
        scale=0.1,
        **kwargs,
    )
    return out.astype(jnp.float32).sum() + lse.sum()

  key = _SHAPE((2, _T, 2, D), dtype)
  exported = export.export(
      jax.jit(jax.grad(loss, argnums=(0, 1, 2))), platforms=['cuda']
  )(_SHAPE((2, _T, 4, D), dtype), key, key, mask, segments, lengths)
  return exported.mlir_module()


def _squares(program):
  """Returns the shapes in the program that have T, or padded T, twice."""
  shapes = set(re.findall(r'tensor<([\dx]+)x\w+>', program))
  return [
      shape
      for shape in shapes
      if sum(n in ('700', '704') for n in shape.split('x')) > 1
  ]


class GpuLoweringTest(parameterized.TestCase):

  @parameterized.product(
      head_size=[64, 96, 128, 256], dtype=['bfloat16', 'float32']
  )
  def test_forward_and_backward_lower(self, head_size, dtype):
    ids = _SHAPE((2, _T), jnp.int32)
    program = _lower(
        segments=(ids, ids),
        lengths=_SHAPE((2,), jnp.int32),
        D=head_size,
        dtype=dtype,
    )
    # Both sums of the gradients of keys and values fit up to 128.
    kernels = 3 if head_size <= 128 else 4
    self.assertEqual(program.count('@mosaic_gpu'), kernels)
    self.assertEmpty(_squares(program))

  @parameterized.parameters(
      ((2, 4, _T, _T),), ((1, 1, 1, _T),), ((1, 1, _T, 1),), ((1, 4, 1, 1),)
  )
  def test_masks_lower(self, shape):
    program = _lower(mask=_SHAPE(shape, jnp.bool_))
    self.assertEqual(program.count('@mosaic_gpu'), 3)

  def test_the_check_sees_the_square_of_xla(self):
    attend = lambda *args, **kwargs: api.dot_product_attention(
        *args, implementation='xla', **kwargs
    )
    self.assertNotEmpty(_squares(_lower(attend=attend)))

  def test_the_tpu_kernels_refuse_a_gpu(self):
    attend = lambda *args, **kwargs: api.dot_product_attention(
        *args, implementation='pallas', **kwargs
    )
    with self.assertRaisesRegex(NotImplementedError, 'cuda'):
      _lower(attend=attend)

  def test_blocks_too_large_for_shared_memory_are_refused(self):
    with self.assertRaisesRegex(NotImplementedError, 'do not fit shared'):
      _lower(blocks=block_sizes.Blocks(128, 128), D=256)
    with self.assertRaisesRegex(ValueError, 'multiples of 64 rows'):
      _lower(blocks=block_sizes.Blocks(32, 64))


if __name__ == '__main__':
  absltest.main()
