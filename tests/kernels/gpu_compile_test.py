"""The attention kernels compile for an H100 on a host that has none.

Needs JAX's CUDA plugin and ptxas, the optional extra `cuda`; run it with
`JAX_PLATFORMS=cpu`, as the plugin without a GPU complains otherwise.
"""

import importlib.util
import re
import subprocess
import sys

from absl.testing import absltest
from absl.testing import parameterized
import pytest

pytestmark = pytest.mark.skipif(
    any(
        importlib.util.find_spec(name) is None
        for name in ('jax_cuda12_plugin', 'nvidia')
    ),
    reason='no CUDA compiler; ./launch/setup.sh --extras=cuda installs it',
)
_SIZES = [
    (head_size, dtype)
    for head_size in (64, 96, 128, 256)
    for dtype in ('bfloat16', 'float32')
]


def _compile(head_size, dtype):
  """Returns what the compiler prints; see `hopper_compiler`."""
  from tests.kernels import hopper_compiler  # Imports what may be missing.

  done = subprocess.run(
      [
          sys.executable,
          '-m',
          'tests.kernels.hopper_compiler',
          str(head_size),
          dtype,
      ],
      env=hopper_compiler.environment(),
      capture_output=True,
      text=True,
  )
  if done.returncode:
    raise AssertionError(done.stderr[-2000:])
  return done.stdout + done.stderr


class _CompileTest(parameterized.TestCase):

  def _check(self, head_size, dtype):
    said = _compile(head_size, dtype)
    kernels = set(re.findall(r"function '(flash_\w+)' for 'sm_90a'", said))
    self.assertLen(kernels, 3 if head_size <= 128 else 4)
    self.assertNotIn('square', said)
    # A kernel with hundreds of spilled bytes is slow, not wrong.
    spills = [int(n) for n in re.findall(r'(\d+) bytes spill stores', said)]
    return max(spills)


class GpuCompileTest(_CompileTest):

  def test_compiles_without_spills_at_64(self):
    self.assertLess(self._check(64, 'bfloat16'), 64)


@pytest.mark.slow
class MoreSizesTest(_CompileTest):

  @parameterized.parameters(*_SIZES)
  def test_compiles(self, head_size, dtype):
    self.assertLess(self._check(head_size, dtype), 2048)


if __name__ == '__main__':
  absltest.main()
