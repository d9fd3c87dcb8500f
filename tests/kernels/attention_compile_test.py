"""The attention kernels compile for TPU slices on a host that has none.

Needs libtpu, the optional extra `tpu`.
"""

import importlib.util
import os
import re

from absl.testing import absltest
from absl.testing import parameterized
import jax
from jax.experimental import topologies
import jax.numpy as jnp
import pytest

from swm_jax.kernels.attention import api
from swm_jax.kernels.attention import block_sizes
from swm_jax.kernels.attention import flash_decode
from swm_jax.kernels.attention import flash_problem
from swm_jax.kernels.attention import pallas_tpu
from swm_jax.kernels.attention import roofline

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec('libtpu') is None,
    reason='no libtpu; ./launch/setup.sh --extras=tpu installs it',
)
_TOPOLOGIES = {'v5e': 'v5e:2x2', 'v5p': 'v5p:2x2x1', 'v6e': 'v6e:2x2'}
_T = 1280  # No other axis has this size.


def _compile(function, *avals, topology='v5e'):
  # No metadata server to ask what machine this is, and no lock on a TPU.
  os.environ['TPU_SKIP_MDS_QUERY'] = '1'
  os.environ['ALLOW_MULTIPLE_LIBTPU_LOAD'] = '1'
  slice_ = topologies.get_topology_desc(_TOPOLOGIES[topology], 'tpu')
  sharding = jax.sharding.SingleDeviceSharding(slice_.devices[0])
  placed = [
      jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding) for x in avals
  ]
  return jax.jit(function).lower(*placed).compile()


def _avals(D=64, dtype='bfloat16', B=1, T=_T, S=_T, H=4, K=2):
  shape = jax.ShapeDtypeStruct
  return [
      shape((B, T, H, D), dtype),
      shape((B, S, K, D), dtype),
      shape((B, S, K, D), dtype),
  ]


def _squares(compiled, T):
  """Returns the shapes in the program that have T twice."""
  shapes = set(re.findall(r'\w+\[([\d,]+)\]', compiled.as_text()))
  return [s for s in shapes if s.split(',').count(str(T)) > 1]


def _gradients(implementation):
  def loss(query, key, value):
    out, lse = api.dot_product_attention(
        query, key, value, is_causal=True, implementation=implementation
    )
    return out.astype(jnp.float32).sum() + lse.sum()

  return jax.grad(loss, argnums=(0, 1, 2))


class AttentionCompileTest(parameterized.TestCase):

  @parameterized.product(topology=list(_TOPOLOGIES), head_size=[64])
  def test_no_square_of_the_length_is_materialised(self, topology, head_size):
    compiled = _compile(
        _gradients('pallas'), *_avals(D=head_size), topology=topology
    )
    self.assertEqual(compiled.as_text().count('tpu_custom_call'), 3)
    self.assertEmpty(_squares(compiled, _T))
    # One head's square would be more, in bytes, than all that is allocated.
    memory = compiled.memory_analysis().temp_size_in_bytes
    self.assertLess(memory, 4 * 4 * _T * _T)

  def test_the_check_sees_the_square_of_xla(self):
    compiled = _compile(_gradients('xla'), *_avals())
    self.assertNotEmpty(_squares(compiled, _T))

  def test_compiler_counts_what_the_formula_does(self):
    compiled = _compile(_gradients('pallas'), *_avals(D=128))
    problem = flash_problem.Problem(
        shape=(1, _T, _T, 4, 2, 128),
        scale=1.0,
        is_causal=True,
        has_segments=False,
        seen_shape=None,
        block_q=pallas_tpu.DEFAULT_BLOCKS.query,
        block_k=pallas_tpu.DEFAULT_BLOCKS.key,
        itemsize=2,
    )
    flops = sum(c.flops for c in roofline.flash_costs(problem, backward=True))
    # The rest is delta, 2 T D per head, and sums.
    counted = compiled.cost_analysis()['flops']
    self.assertBetween(counted, flops, 1.01 * flops)

  def test_blocks_too_large_for_vmem_do_not_compile(self):
    def attend(query, key, value):
      return pallas_tpu.dot_product_attention(
          query,
          key,
          value,
          None,
          is_causal=True,
          scale=1.0,
          blocks=block_sizes.Blocks(query=2048, key=2048),
      )

    with self.assertRaisesRegex(jax.errors.JaxRuntimeError, 'vmem'):
      _compile(attend, *_avals(D=128, T=4096, S=4096))

  @parameterized.parameters(*_TOPOLOGIES)
  def test_a_fused_cache_is_not_copied(self, topology):
    B, S, H, K, D = 4, 8192, 64, 8, 128

    def attend(query, key, value, lengths):
      return api.dot_product_attention(
          query,
          key.reshape(B, S, K, D),
          value.reshape(B, S, K, D),
          lengths_B=lengths,
          implementation='pallas',
      )

    cache = jax.ShapeDtypeStruct((B, S, K * D), jnp.bfloat16)
    compiled = _compile(
        attend,
        jax.ShapeDtypeStruct((B, 1, H, D), jnp.bfloat16),
        cache,
        cache,
        jax.ShapeDtypeStruct((B,), jnp.int32),
        topology=topology,
    )
    cost = flash_decode.cost(B, S, H, K, D, 2)
    cache_bytes = 2 * 2 * B * S * K * D
    self.assertLess(
        compiled.memory_analysis().temp_size_in_bytes, 0.1 * cache_bytes
    )
    counted = compiled.cost_analysis()['bytes accessed']
    self.assertBetween(counted, cost.bytes_accessed, 1.1 * cost.bytes_accessed)


@pytest.mark.slow
class MoreSizesTest(parameterized.TestCase):

  @parameterized.product(
      topology=list(_TOPOLOGIES),
      head_size=[64, 96, 128, 256],
      dtype=['bfloat16', 'float32'],
  )
  def test_every_kernel_compiles(self, topology, head_size, dtype):
    avals = _avals(D=head_size, dtype=dtype)
    compiled = _compile(_gradients('pallas'), *avals, topology=topology)
    self.assertEmpty(_squares(compiled, _T))

    def attend(query, key, value, lengths):
      return api.dot_product_attention(
          query, key, value, lengths_B=lengths, implementation='pallas'
      )

    compiled = _compile(
        attend,
        *_avals(D=head_size, dtype=dtype, T=1),
        jax.ShapeDtypeStruct((1,), jnp.int32),
        topology=topology,
    )
    self.assertEqual(compiled.as_text().count('tpu_custom_call'), 1)

  @parameterized.parameters(*_TOPOLOGIES)
  def test_every_mask_compiles(self, topology):
    def attend(query, key, value, mask, group, branch, lengths):
      return api.dot_product_attention(
          query,
          key,
          value,
          mask=mask,
          segments=(group, branch),
          lengths_B=lengths,
          is_causal=True,
          implementation='pallas',
      )

    shape = jax.ShapeDtypeStruct
    for mask in ((1, 4, _T, _T), (1, 1, 1, _T), (1, 1, _T, 1), (1, 4, 1, 1)):
      _compile(
          attend,
          *_avals(),
          shape(mask, jnp.bool_),
          shape((1, _T), jnp.int32),
          shape((1, _T), jnp.int32),
          shape((1,), jnp.int32),
          topology=topology,
      )


if __name__ == '__main__':
  absltest.main()
