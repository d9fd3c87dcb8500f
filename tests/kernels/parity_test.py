"""Every attention implementation against the reference, and mutants of one.

Where there is a TPU the kernels are compiled, else they run in Pallas' TPU
interpreter, where memory that nothing was written to is NaN and a block read
out of bounds raises.
"""

import functools
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
from jax._src.pallas.mosaic.interpret import (
    interpret_pallas_call as tpu_interpreter,
)
from jax.experimental.pallas import tpu as pltpu
import jax.numpy as jnp
import pytest

from swm_jax.kernels.attention import api
from swm_jax.kernels.attention import block_sizes
from swm_jax.kernels.attention import flash_decode
from swm_jax.kernels.attention import flash_forward
from swm_jax.kernels.attention import flash_grid
from swm_jax.kernels.attention import flash_problem
from swm_jax.kernels.attention import pallas_tpu
from tests.kernels import parity

_INTERPRET = (
    False if jax.default_backend() == 'tpu' else pltpu.InterpretParams()
)


def _pallas(query, key, value, interpret=_INTERPRET, **kwargs):
  return pallas_tpu.dot_product_attention(
      query,
      key,
      value,
      blocks=block_sizes.Blocks(query=128, key=128),
      interpret=interpret,
      **kwargs,
  )


def _xla(query, key, value, **kwargs):
  return api.dot_product_attention(
      query, key, value, implementation='xla', **kwargs
  )


_ATTENTIONS = {'pallas': _pallas, 'xla': _xla}
_FLASH = parity.Case(T=140, S=140, H=4, K=2, is_causal=True)
_DECODE = parity.FAST['decode']
_MUTANTS = {
    'mask_off_by_one': (
        _FLASH, flash_problem, 'sees', lambda query, key: key < query,
    ),
    'wrong_scale': (
        _FLASH,
        flash_problem,
        'scaled_scores',
        lambda problem, key, query: flash_problem.dot(key, query, 1, 1),
    ),
    'dropped_dlse': (
        _FLASH,
        flash_problem,
        'delta',
        lambda d_out, out, d_lse: (d_out * out).sum(axis=-1),
    ),
    'wrong_block_index': (
        _FLASH,
        flash_problem,
        'kv_head',
        lambda problem, h: jax.lax.rem(h, jnp.int32(problem.shape[4])),
    ),
    'wrong_first_query_block': (
        _FLASH, flash_problem, 'first_query_block', lambda problem, i_k: 1,
    ),
    'wrong_span': (
        parity.Case(T=140, S=140, H=4, K=2, masks='segments'),
        flash_grid,
        '_into_span',
        lambda spans, b, held, streamed: 1,
    ),
    'missing_rescale': (
        _FLASH, flash_forward, 'rescale', lambda x, factor: x,
    ),
    'decode_mask_off_by_one': (
        _DECODE,
        flash_decode,
        'slot_is_seen',
        lambda slot, length: slot <= length,
    ),
    'decode_wrong_last_block': (
        _DECODE, flash_decode, 'last_block', lambda length, block: 0,
    ),
}


class ParityTest(parameterized.TestCase):

  def tearDown(self):
    super().tearDown()
    # A failure in the interpreter leaves its memory behind.
    pltpu.reset_tpu_interpret_mode_state()

  @parameterized.product(name=[*_ATTENTIONS], case=[*parity.FAST])
  def test_agrees_with_reference(self, name, case):
    parity.assert_parity(_ATTENTIONS[name], parity.FAST[case])

  @parameterized.parameters(*_MUTANTS)
  def test_fails_on_a_mutant(self, name):
    case, module, function, mutant = _MUTANTS[name]
    with mock.patch.object(module, function, mutant):
      # The interpreter itself notices a block that is written twice.
      with self.assertRaisesRegex(
          (AssertionError, jax.errors.JaxRuntimeError),
          'Not equal to tolerance|Revisited block',
      ):
        parity.assert_parity(_pallas, case)

  @parameterized.parameters(
      # The forward and both backward kernels, then the decode kernel.
      parity.Case(T=140, S=140, is_causal=True, masks='segments'),
      parity.Case(T=1, S=140, masks='lengths'),
  )
  def test_copies_and_kernels_do_not_race(self, case):
    if _INTERPRET is False:
      self.skipTest('the interpreter finds races; this kernel is compiled')
    detecting = pltpu.InterpretParams(detect_races=True)
    parity.assert_parity(
        functools.partial(_pallas, interpret=detecting), case
    )
    self.assertFalse(tpu_interpreter.races.races_found)

  def test_segments_that_cannot_meet_are_not_computed(self):
    parity.assert_segments_that_cannot_meet_are_not_computed(_pallas, 128)

  def test_a_block_out_of_bounds_raises(self):
    if _INTERPRET is False:
      self.skipTest('a compiled kernel checks no bounds; this one is compiled')
    inputs = parity.make_inputs(parity.Case(T=8, S=8, H=4, K=2))
    attend = functools.partial(_pallas, mask=None, is_causal=False, scale=1.0)
    with mock.patch.object(flash_problem, 'kv_head', lambda problem, h: h):
      with self.assertRaisesRegex(
          jax.errors.JaxRuntimeError, 'Out-of-bounds block index'
      ):
        jax.block_until_ready(jax.jit(attend)(*inputs))

  def test_gradients_are_deterministic(self):
    case = parity.Case(T=140, S=140, H=4, K=2, dtype='bfloat16')
    attend = functools.partial(_pallas, mask=None, is_causal=True, scale=0.1)
    step, inputs = parity.make_step(attend), parity.make_inputs(case)
    chex.assert_trees_all_equal(step(*inputs), step(*inputs))

  def test_nothing_is_read_beyond_a_row_length(self):
    query, key, value = parity.make_inputs(_DECODE)
    lengths = jnp.array([5, 0, 128, 200])
    unseen = jnp.arange(_DECODE.S)[None, :, None, None]
    unseen = unseen >= lengths[:, None, None, None]
    attend = functools.partial(
        _pallas, mask=None, is_causal=False, scale=1.0, lengths_B=lengths
    )
    attend = jax.jit(attend)
    clean = attend(query, key, value)
    key, value = (jnp.where(unseen, jnp.nan, x) for x in (key, value))
    spoilt = attend(query, key, value)
    chex.assert_trees_all_equal(clean, spoilt)


@pytest.mark.slow
class MoreSizesTest(parameterized.TestCase):

  @parameterized.product(name=[*_ATTENTIONS], case=[*parity.SLOW])
  def test_agrees_with_reference(self, name, case):
    parity.assert_parity(_ATTENTIONS[name], parity.SLOW[case])


if __name__ == '__main__':
  absltest.main()
