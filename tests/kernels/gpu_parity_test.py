"""The Hopper kernels against the reference, and mutants of them.

They run in Pallas' interpreter for Mosaic GPU (`gpu_interpreter`), or compiled
where there is a GPU that can.
"""

import functools
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
from jax.experimental.pallas import mosaic_gpu as plgpu
import jax.numpy as jnp
import pytest

from swm_jax.kernels.attention import block_sizes
from swm_jax.kernels.attention import flash_forward
from swm_jax.kernels.attention import flash_problem
from swm_jax.kernels.attention import gpu_problem
from swm_jax.kernels.attention import gpu_tiles
from swm_jax.kernels.attention import pallas_gpu
from tests.kernels import gpu_interpreter
from tests.kernels import parity

_COMPILED = jax.default_backend() == 'gpu'
# A float32 operand is the sum of two bfloat16, good to 2^-17 of it.
_TOLERANCE = {'float32': 1e-4, 'bfloat16': 6e-2}
_MUTATED = parity.Case(T=80, S=80, H=4, K=2, is_causal=True)


def _attend(query, key, value, *, blocks=None, detect_races=False, **kwargs):
  interpret = gpu_interpreter.InterpretParams(detect_races=detect_races)
  return pallas_gpu.dot_product_attention(
      query,
      key,
      value,
      blocks=blocks,
      interpret=False if _COMPILED else interpret,
      **kwargs,
  )


def _assert_parity(case, **kwargs):
  parity.assert_parity(
      functools.partial(_attend, **kwargs), case, _TOLERANCE[case.dtype]
  )


def _wrong_block(problem, *args, **kwargs):
  """Shifts the blocks that are met by one, but for the first."""
  start_turn_stop = _RANGES(problem, *args, **kwargs)
  return jnp.maximum(start_turn_stop - jnp.array([[[0, 1, 1]]]), 0)


_RANGES = gpu_problem.ranges
_MUTANTS = {
    'mask_off_by_one': (
        flash_problem, 'sees', lambda query, key: key < query,
    ),
    'wrong_scale': (gpu_tiles, 'scaled', lambda problem: gpu_tiles.LOG2_E),
    'dropped_dlse': (
        flash_problem,
        'delta',
        lambda d_out, out, d_lse: (d_out * out).sum(axis=-1),
    ),
    'wrong_head': (
        flash_problem,
        'kv_head',
        lambda problem, h: jax.lax.rem(h, jnp.int32(problem.shape[4])),
    ),
    'wrong_block_index': (gpu_problem, 'ranges', _wrong_block),
    'missing_rescale': (flash_forward, 'rescale', lambda x, factor: x),
}


class _InterpretedTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.enter_context(gpu_interpreter.extended())
    # A failure in the interpreter leaves its memory behind.
    self.addCleanup(gpu_interpreter.reset)


class GpuParityTest(_InterpretedTest):

  @parameterized.parameters(
      'causal', 'segments', 'lengths', 'fully_masked', 'bfloat16'
  )
  def test_agrees_with_reference(self, case):
    _assert_parity(parity.FAST[case])

  @parameterized.parameters(*_MUTANTS)
  def test_fails_on_a_mutant(self, name):
    with mock.patch.object(*_MUTANTS[name]):
      with self.assertRaisesRegex(AssertionError, 'Not equal to tolerance'):
        _assert_parity(_MUTATED)

  def test_copies_and_products_do_not_race(self):
    # Blocks of 32 rows and a ring of 3: each slot is filled again.
    case = parity.Case(T=64, S=140, H=2, masks='keys')
    _assert_parity(
        case, blocks=block_sizes.Blocks(query=64, key=32), detect_races=True
    )
    if not _COMPILED:
      self.assertFalse(gpu_interpreter.get_races().races_found)

  def test_a_kernel_that_does_not_wait_for_copies_races(self):
    if _COMPILED:
      self.skipTest('the interpreter finds races; this kernel is compiled')
    with mock.patch.object(plgpu, 'barrier_wait', lambda barrier: None):
      with self.assertRaisesRegex(jax.errors.JaxRuntimeError, 'Barrier'):
        _assert_parity(_MUTATED, detect_races=True)
    self.assertTrue(gpu_interpreter.get_races().races_found)

  def test_segments_that_cannot_meet_are_not_computed(self):
    parity.assert_segments_that_cannot_meet_are_not_computed(_attend, 64)

  def test_gradients_are_deterministic(self):
    case = parity.Case(T=70, S=70, H=4, K=2, dtype='bfloat16')
    attend = functools.partial(_attend, mask=None, is_causal=True, scale=0.1)
    step, inputs = parity.make_step(attend), parity.make_inputs(case)
    chex.assert_trees_all_equal(step(*inputs), step(*inputs))


@pytest.mark.slow
class MoreSizesTest(_InterpretedTest):

  @parameterized.parameters(
      'causal_longer_keys',
      'grouped_queries',
      'head_size_96',
      'head_size_256',
      'mask_of_queries',
      'segments_bfloat16',
  )
  def test_agrees_with_reference(self, case):
    _assert_parity((parity.FAST | parity.SLOW)[case])

  @parameterized.parameters((128, 64), (64, 128))
  def test_agrees_at_other_blocks_with_every_mask(self, query, key):
    case = parity.Case(
        T=140,
        S=140,
        H=4,
        K=2,
        B=2,
        is_causal=True,
        masks='segments+lengths+per_head',
    )
    _assert_parity(case, blocks=block_sizes.Blocks(query, key))


class RangesTest(parameterized.TestCase):
  """What blocks are met, with no kernel."""

  def _problem(self, **kwargs):
    facts = dict(
        shape=(1, 256, 256, 2, 1, 64),
        scale=1.0,
        is_causal=False,
        has_segments=False,
        has_lengths=False,
        seen_shape=None,
        held=64,
        streamed=64,
        pieces=1,
    )
    return gpu_problem.Problem(**(facts | kwargs))

  def test_causal_blocks_by_hand(self):
    problem = self._problem(is_causal=True)
    found = gpu_problem.ranges(problem, None, None, keys_held=False)
    chex.assert_trees_all_equal(
        found, jnp.array([[[0, 0, 1], [0, 1, 2], [0, 2, 3], [0, 3, 4]]])
    )
    found = gpu_problem.ranges(problem, None, None, keys_held=True)
    chex.assert_trees_all_equal(
        found, jnp.array([[[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 4, 4]]])
    )

  def test_keys_beyond_a_length_are_not_met(self):
    problem = self._problem(shape=(3, 64, 256, 2, 1, 64), has_lengths=True)
    lengths = jnp.array([0, 70, 256])
    found = gpu_problem.ranges(problem, None, lengths, keys_held=False)
    chex.assert_trees_all_equal(
        found, jnp.array([[[0, 0, 0]], [[0, 1, 2]], [[0, 4, 4]]])
    )

  def test_segments_that_share_no_group_are_not_met(self):
    # Groups 2, 2, 1, padding: one block each.
    group = jnp.repeat(jnp.array([[2, 2, 1, 0]]), 64, axis=1)
    problem = self._problem(is_causal=True, has_segments=True)
    found = gpu_problem.ranges(
        problem, (group, group), None, keys_held=False
    )
    chex.assert_trees_all_equal(
        found, jnp.array([[[0, 0, 1], [0, 0, 2], [2, 2, 3], [0, 0, 0]]])
    )

  def test_cost_by_hand(self):
    # 2 heads; 1 + 2 + 3 + 4 pairs of blocks of 64 x 64; 2 dots of 64.
    cost = self._problem(is_causal=True).cost(**gpu_problem.FORWARD)
    pairs = 2 * 10 * 64 * 64
    self.assertEqual(cost.flops, 4 * 64 * pairs)
    self.assertEqual(cost.transcendentals, pairs)
    # Query, out, key and value once, log-sum-exp in float32.
    self.assertEqual(
        cost.bytes_accessed, 2 * 64 * (2 * 2 * 256 + 2 * 256) + 4 * 2 * 256
    )


if __name__ == '__main__':
  absltest.main()
