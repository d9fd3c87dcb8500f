"""The Ray backend on a real local Ray."""

import os
import shutil
import sys
import time
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import psutil
import pytest
import ray

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import python
from swm_jax.verifiers import ray_pool

_PROBLEM = types.Problem(
    'p', 't', 't', '', 'solve', [((n,), n + 1) for n in range(5)]
)
_GOOD = 'def solve(n):\n  return n + 1\n'
_LIMITS = base.Limits(cpu_seconds=2.0, wall_seconds=2.0)
_SLEEPS = 'import time\ndef solve(n):\n  time.sleep(60) # {}'


def _init():
  ray.init(
      num_cpus=2,
      resources={'tool': 1},
      include_dashboard=False,
      log_to_driver=False,
      object_store_memory=100 << 20,
  )


def _descendants(word):
  """Processes below this one whose command line holds `word`."""
  found = []
  for process in psutil.Process().children(recursive=True):
    try:
      if word in ' '.join(process.cmdline()):
        found.append(process)
    except psutil.NoSuchProcess:
      pass
  return found


def _wait_until_gone(word, but=()):
  processes = [p for p in _descendants(word) if p not in but]
  _, alive = psutil.wait_procs(processes, timeout=10)
  return not alive


class WithoutRayTest(absltest.TestCase):

  def test_the_extra_is_named(self):
    with mock.patch.dict(sys.modules, {'ray': None}):
      with self.assertRaisesRegex(
          base.ToolMissing, r'setup.sh --extras=ray$'
      ):
        ray_pool.RayVerifier('python')


@pytest.mark.slow
class RayTest(parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    _init()

  @classmethod
  def tearDownClass(cls):
    ray.shutdown()
    super().tearDownClass()

  def setUp(self):
    super().setUp()
    self._before = _descendants('zygote')  # Of other tests' pools.
    self.addCleanup(self._check_that_all_is_gone)

  def _check_that_all_is_gone(self):
    self.assertTrue(ray.is_initialized())  # Others may use it still.
    # Actors, and in them zygotes and candidates.
    self.assertTrue(_wait_until_gone('ray::_Actor'))
    self.assertTrue(_wait_until_gone('zygote', but=self._before))

  def _verifier(self, **options):
    verifier = ray_pool.RayVerifier('python', **options)
    self.addCleanup(verifier.close)
    return verifier

  def test_verdicts_are_those_of_the_local_pool(self):
    sources = [
        _GOOD,
        'def solve(n):\n  return n\n',
        'def solve(n):\n  return n / 0\n',
        'def solve(n:\n',
        'import numpy as np\ndef solve(n):\n  return int(np.int64(n) + 1)\n',
        _SLEEPS,
        'import os\ndef solve(n):\n  os._exit(0)\n',
        'import os\ndef solve(n):\n  os.fork()\n',
        'import socket\ndef solve(n):\n  socket.socket()\n',
        'class Any(int):\n  def __eq__(self, other): return True\n'
        'def solve(n):\n  return Any(0)\n',
        'def solve(n):\n  return "\ud800"',
    ]
    pairs = [(_PROBLEM, source) for source in sources]
    verifier = self._verifier(options={'limits': _LIMITS})
    with verifier.pool() as pool:
      far = dict(pool.verify_batch(pairs))
    with python.PythonVerifier(limits=_LIMITS).pool(2) as pool:
      near = dict(pool.verify_batch(pairs))
    say = lambda v: (v.status, v.reason, v.verifier, v.version, v.isolation)
    self.assertEqual(
        {i: say(verdict) for i, verdict in far.items()},
        {i: say(verdict) for i, verdict in near.items()},
    )
    self.assertEqual(far[0].status, types.PASS)
    self.assertEqual(far[7].reason, 'forbidden')

  def test_an_actor_killed_in_the_middle_is_replaced(self):
    source = _GOOD.replace('return', 'import time; time.sleep(0.3); return')
    with self._verifier().pool(1) as pool:
      self.assertTrue(pool.verify(_PROBLEM, _GOOD).passed)
      future = pool.submit(_PROBLEM, source)
      time.sleep(0.5)
      (actor,) = _descendants('ray::_Actor')
      actor.kill()
      self.assertTrue(future.result(60).passed)
      self.assertEqual(pool.counts['retried'], 1)

  def test_actors_that_keep_dying_are_an_error(self):
    with self._verifier().pool(1) as pool:
      self.assertTrue(pool.verify(_PROBLEM, _GOOD).passed)
      future = pool.submit(_PROBLEM, _SLEEPS)
      killed = 0
      while not future.done():
        for actor in _descendants('ray::_Actor'):
          # Between two candidates it has another title.
          if 'verify' in ' '.join(actor.cmdline()):
            actor.kill()
            actor.wait(10)
            killed += 1
        time.sleep(0.05)
      self.assertEqual(future.result().reason, 'worker_died')
      self.assertEqual(killed, 3)

  def test_the_deadline_masks_what_is_missing(self):
    with self._verifier().pool() as pool:
      self.assertTrue(pool.verify(_PROBLEM, _GOOD).passed)
      sources = [_GOOD, *(_SLEEPS.format(i) for i in range(300))]
      start = time.monotonic()
      got = dict(
          pool.verify_batch(
              [(_PROBLEM, source) for source in sources], deadline_seconds=1
          )
      )
      self.assertLess(time.monotonic() - start, 5.0)
      self.assertLen(got, 301)
      self.assertTrue(got[0].passed)
      self.assertEqual({got[i].reason for i in range(1, 301)}, {'deadline'})
      start = time.monotonic()
    self.assertLess(time.monotonic() - start, 5.0)

  def test_actors_are_placed_by_resources(self):
    with self._verifier(resources={'tool': 1}).pool() as pool:
      got = dict(pool.verify_batch([(_PROBLEM, _GOOD), (_PROBLEM, 'x = 1')]))
      self.assertLen(_descendants('ray::_Actor'), 1)
    self.assertEqual((got[0].reason, got[1].reason), ('passed', 'missing'))
    with self.assertRaisesRegex(
        base.ToolMissing, 'no machine of the Ray cluster offers CPU 1, lean 2;'
    ):
      ray_pool.RayVerifier('python', resources={'lean': 2})

  def test_what_an_actor_lacks_is_said_here(self):
    with self.assertRaisesRegex(
        RuntimeError, "python actor did not start: ValueError: 'gvisor' is no"
    ):
      ray_pool.RayVerifier('python', options={'require_level': 'gvisor'})

  @absltest.skipIf(shutil.which('lean'), 'needs a machine without Lean')
  def test_a_tool_that_an_actor_lacks_is_named(self):
    with self.assertRaisesRegex(base.ToolMissing, 'lean'):
      ray_pool.RayVerifier('lean')


@pytest.mark.slow
class OwnRayTest(absltest.TestCase):

  def test_a_ray_of_its_own_is_started_and_ended(self):
    environment = {k: v for k, v in os.environ.items() if k != 'RAY_ADDRESS'}
    with mock.patch.dict(os.environ, environment, clear=True):
      verifier = ray_pool.RayVerifier('python')
      self.assertTrue(verifier.verify(_PROBLEM, _GOOD).passed)
      verifier.close()
    self.assertFalse(ray.is_initialized())
    self.assertTrue(_wait_until_gone('ray'))
    with self.assertRaisesRegex(RuntimeError, 'Ray was shut down'):
      verifier.open_slot()


if __name__ == '__main__':
  absltest.main()
