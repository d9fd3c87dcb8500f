"""Toolboxes with an interpreter, for the tests of external programs."""

import os
import pathlib
import shutil
import tempfile
import textwrap

from absl.testing import parameterized

from swm_jax.verifiers import base
from swm_jax.verifiers.sandbox import levels
from swm_jax.verifiers.sandbox import toolbox

PYTHON = '/usr/bin/python3'
LIMITS = base.Limits(cpu_seconds=5.0, wall_seconds=20.0)
SHORT = base.Limits(cpu_seconds=0.3, wall_seconds=0.8)
LEVELS = levels.LEVELS[:2]


def python(source: str) -> list[str]:
  """Returns a command that runs a program of Python."""
  return [PYTHON, '-I', '-S', '-B', '-c', textwrap.dedent(source)]


class BoxTest(parameterized.TestCase):
  """Opens toolboxes of a level that this host has."""

  def box(self, level, *, spawn=False, executable=(), readable=()):
    if not os.path.exists(PYTHON):
      self.skipTest('needs /usr/bin/python3 (Debian package python3)')
    reason = levels.probe(level)
    if reason:
      self.skipTest(reason)
    profile = toolbox.Profile(
        readable=('/usr/lib', *readable),
        executable=(PYTHON, '/bin/cat', '/bin/sh', *executable),
        spawn=spawn,
    )
    box = toolbox.Toolbox(level, profile)
    self.addCleanup(box.close)
    return box

  def temp_folder(self):
    folder = tempfile.mkdtemp(prefix='toolbox_test_', dir='/tmp')
    os.chmod(folder, 0o777)
    self.addCleanup(shutil.rmtree, folder)
    return pathlib.Path(folder)
