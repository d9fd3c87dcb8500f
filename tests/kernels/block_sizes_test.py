"""The table of measured block sizes, and the command that fills it."""

import functools
import pathlib
import tempfile
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import jax
import jax.numpy as jnp

from experiments.benchmarks import attention as benchmark
from swm_jax.kernels.attention import block_sizes

_SMALL = block_sizes.Blocks(128, 128)
_LARGE = block_sizes.Blocks(256, 512)


class BlockSizesTest(parameterized.TestCase):

  def test_fastest_takes_the_kernel_or_xla_by_time(self):
    times = {_SMALL: 3.0, _LARGE: 2.0}
    choose = block_sizes.fastest
    self.assertEqual(
        choose(times, 2.5), block_sizes.Choice('pallas', _LARGE)
    )
    self.assertEqual(choose(times, 1.5), block_sizes.Choice('xla', _LARGE))
    # Blocks that do not fit the device have no time.
    self.assertEqual(
        choose({_SMALL: 3.0, _LARGE: None}, 9.0),
        block_sizes.Choice('pallas', _SMALL),
    )
    self.assertIsNone(choose({_LARGE: None}, 1.0))

  def test_table_round_trip_keeps_other_entries(self):
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    path = pathlib.Path(folder.name) / 'table.json'
    one, other = (
        block_sizes.table_key('TPU v5 lite', 'flash', 64, length)
        for length in (700, 3000)
    )
    self.assertEqual(one, 'TPU v5 lite/flash/64/1024')
    block_sizes.write({one: block_sizes.Choice('pallas', _LARGE)}, path)
    block_sizes.write({other: block_sizes.Choice('xla', _SMALL)}, path)
    self.assertEqual(
        dict(block_sizes.read(path)),
        {
            one: block_sizes.Choice('pallas', _LARGE),
            other: block_sizes.Choice('xla', _SMALL),
        },
    )

  def test_an_entry_is_found_for_bfloat16_alone(self):
    kind = jax.devices()[0].device_kind
    measured = block_sizes.Choice('pallas', _LARGE)
    table = {block_sizes.table_key(kind, 'flash', 64, 700): measured}
    with mock.patch.object(block_sizes, 'read', lambda: table):
      find = functools.partial(block_sizes.find, 'flash', 64)
      self.assertEqual(find(900, jnp.bfloat16), measured)
      self.assertIsNone(find(900, jnp.float32))
      self.assertIsNone(find(1100, jnp.bfloat16))

  @parameterized.parameters((1, 128), (128, 128), (129, 256), (5000, 8192))
  def test_length_buckets_are_powers_of_two(self, length, expected):
    self.assertEqual(block_sizes.length_bucket(length), expected)

  def test_blocks_that_are_no_multiple_of_128_are_refused(self):
    with self.assertRaisesRegex(ValueError, 'key block of 100 is not'):
      block_sizes.Blocks(128, 100)

  @parameterized.parameters(
      ((1, 16, 16, 2, 1, 64), 0.5, 'xla'),
      ((1, 1, 16, 2, 1, 64), 3.0, 'pallas'),
  )
  def test_tuning_leaves_out_what_does_not_fit(self, shape, xla, expected):
    seconds = iter([2.0, None, 1.0, xla])

    def measure(function, inputs):
      jax.eval_shape(function, *inputs)
      scripted = next(seconds)
      if scripted is None:
        raise jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED: vmem')
      return scripted

    candidates = [_SMALL, block_sizes.Blocks(256, 256), _LARGE]
    choice = benchmark.tune(
        benchmark.Work('tiny', shape), candidates, measure
    )
    self.assertEqual(choice, block_sizes.Choice(expected, _LARGE))

  def test_autotune_measures_nothing_off_the_device(self):
    with self.assertRaisesRegex(SystemExit, 'nothing was measured: .* a cpu'):
      benchmark.autotune(rounds=1)


if __name__ == '__main__':
  absltest.main()
