"""The Python verifier on real processes: verdicts, deaths, leaks, load."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import psutil
import pytest

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import python
from swm_jax.verifiers.sandbox import conversation
from swm_jax.verifiers.sandbox import levels
from swm_jax.verifiers.sandbox import protocol
from swm_jax.verifiers.sandbox import worker as worker_lib

_TESTS = [((n,), n + 1) for n in range(5)]
_GOOD = 'def solve(n):\n  return n + 1\n'


def _problem(name='increment', tests=_TESTS):
  return types.Problem(name, 'test', name, '', 'solve', tests)


class VerifySourceTest(parameterized.TestCase):

  @parameterized.named_parameters(
      ('right', _GOOD, 'passed'),
      ('wrong', 'def solve(n):\n  return n\n', 'wrong_answer'),
      ('float_for_int', 'def solve(n):\n  return n + 1.0\n', 'passed'),
      ('bool_for_int', 'def solve(n):\n  return n == 0\n', 'wrong_answer'),
      ('text_for_int', 'def solve(n):\n  return str(n + 1)\n', 'wrong_answer'),
      ('raises', 'def solve(n):\n  return n / 0\n', 'exception'),
      ('raises_while_loading', 'x = 1 / 0\n' + _GOOD, 'exception'),
      ('does_not_parse', 'def solve(n:\n', 'syntax'),
      ('null_byte', 'def solve(n): return "\0"', 'syntax'),
      ('surrogate', 'def solve(n): return "\ud800"', 'syntax'),
      ('too_long', '#' * (17 << 20), 'syntax'),
      ('empty', '', 'missing'),
      ('not_a_function', 'solve = 3', 'missing'),
      ('object', 'def solve(n):\n  return object()\n', 'refused'),
      ('sleeps', 'import time\ndef solve(n):\n  time.sleep(9)\n', 'time'),
      ('exits', 'import os\ndef solve(n):\n  os._exit(0)\n', 'crash'),
      ('huge_answer', 'def solve(n):\n  return "a" * 10**6\n', 'output'),
      ('huge_list', 'def solve(n):\n  return [0] * 10**10\n', 'memory'),
      ('forks', 'import os\ndef solve(n):\n  os.fork()\n', 'forbidden'),
      ('wrong_arity', 'def solve():\n  return 1\n', 'exception'),
  )
  def test_verdict(self, source, reason):
    verdict = python.verify_source(source, _TESTS, wall=1.0)
    self.assertEqual(verdict.reason, reason, verdict)
    status = types.PASS if reason == 'passed' else types.FAIL
    self.assertEqual(verdict.status, status)
    self.assertIn(verdict.isolation, levels.LEVELS)
    self.assertEqual(verdict.verifier, 'python')
    verdict.detail.encode()  # Whatever a candidate writes, logs can hold.

  def test_it_stops_at_the_first_wrong_case(self):
    source = (
        'import time\n'
        'def solve(n):\n'
        '  time.sleep(n)\n'  # The second case would outlive the limit.
        '  return -1\n'
    )
    verdict = python.verify_source(source, [((0,), 1), ((60,), 1)], wall=5.0)
    self.assertEqual(verdict.reason, 'wrong_answer')
    self.assertIn('test 0 of 2', verdict.detail)

  def test_another_entry_point(self):
    source = 'def add(a, b):\n  return a + b\n'
    tests = [(('a', 'b'), 'ab'), (([1], [2]), [1, 2])]
    self.assertTrue(
        python.verify_source(source, tests, entry_point='add').passed
    )

  def test_tests_that_are_not_plain_data_are_one_clear_error(self):
    with self.assertRaisesRegex(ValueError, 'test 1 cannot be used: object'):
      python.verify_source(_GOOD, [((1,), 2), ((object(),), 2)])
    with self.assertRaisesRegex(ValueError, 'without tests'):
      python.verify_source(_GOOD, [])

  def test_a_large_input_arrives_and_one_that_is_not_read_hangs_nobody(self):
    tests = [((list(range(200_000)),), 200_000)]
    self.assertTrue(
        python.verify_source('def solve(xs):\n  return len(xs)', tests).passed
    )
    verdict = python.verify_source(
        'import time\ntime.sleep(60)\ndef solve(xs):\n  return 0',
        tests,
        wall=0.5,
    )
    self.assertEqual(verdict.reason, 'time')

  def test_candidates_see_a_fixed_world(self):
    source = (
        'import os, random\n'
        'def solve(n):\n'
        '  e = {k: v for k, v in os.environ.items()}\n'
        '  e.pop("TMPDIR"), e.pop("HOME")\n'
        '  return hash("a"), random.random(), sorted(e)\n'
    )
    verifier = python.PythonVerifier()
    answers = set()
    for _ in range(2):
      worker = worker_lib.Worker(verifier.isolation)
      with _Answers() as seen:
        worker.run(source, 'solve', *_one_call(), base.Limits())
      worker.close()
      answers.add(str(seen))
    self.assertLen(answers, 1)
    self.assertNotIn('PATH', answers.pop())


class _Answers(list):
  """Records what children answer."""

  def __enter__(self):
    self._original = protocol.value_of

    def value_of(tree):
      self.append(self._original(tree))
      return self[-1]

    protocol.value_of = value_of
    return self

  def __exit__(self, *_):
    protocol.value_of = self._original


def _one_call():
  return (conversation.Calls([protocol.encode((1,))], [None]),)


class DeathTest(absltest.TestCase):

  def test_a_killed_zygote_is_replaced(self):
    verifier = python.PythonVerifier()
    with verifier.pool(1) as pool:
      self.assertTrue(pool.verify(_problem(), _GOOD).passed)
      for child in _zygotes(os.getpid()):
        child.kill()
      self.assertTrue(pool.verify(_problem(), _GOOD + '# again').passed)

  def test_a_zygote_killed_in_the_middle_is_an_error_or_a_retry(self):
    verifier = python.PythonVerifier()
    source = 'import time\ndef solve(n):\n  time.sleep(0.1)\n  return n + 1\n'
    with verifier.pool(1) as pool:
      future = pool.submit(_problem(), source)
      time.sleep(1.0)
      pool.verify(_problem(), _GOOD)
      future = pool.submit(_problem(), source + '# again')
      time.sleep(0.2)
      for child in _zygotes(os.getpid()):
        child.kill()
      self.assertTrue(future.result(30).passed)
    self.assertEqual(_zygotes(os.getpid()), [])

  def test_nothing_outlives_a_killed_owner(self):
    self._check_killed_owner({})

  @pytest.mark.slow
  def test_nothing_outlives_a_killed_owner_without_namespaces(self):
    self._check_killed_owner({levels.ENVIRONMENT_VARIABLE: 'landlock+seccomp'})

  def _check_killed_owner(self, environment):
    program = textwrap.dedent("""
        import time
        from swm_jax import types
        from swm_jax.verifiers import python
        pool = python.PythonVerifier().pool(2)
        problem = types.Problem('p', 't', 't', '', 'solve', [((1,), 2)])
        candidate = ('import tempfile; f = open(tempfile.mkdtemp() + "/x", "w")'
                     + chr(10) + 'while True: pass #')
        for k in range(2):
          pool.submit(problem, candidate + str(k))
        time.sleep(60)
    """)
    folder = _temp_folder(self)
    owner = subprocess.Popen(
        [sys.executable, '-c', program],
        env={**os.environ, **environment, 'TMPDIR': folder},
    )
    # Two zygotes and two candidates; with namespaces also two inits.
    level = environment.get(levels.ENVIRONMENT_VARIABLE) or levels.choose()
    expected = 6 if level == 'namespaces' else 4
    family, deadline = [], time.monotonic() + 60
    while len(family) < expected and time.monotonic() < deadline:
      time.sleep(0.05)
      family = _zygotes(owner.pid)
    self.assertLen(family, expected)
    time.sleep(0.1)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    _, alive = psutil.wait_procs(family, timeout=10)
    self.assertEqual(alive, [])
    self.assertEqual(os.listdir(folder), [])


def _temp_folder(test):
  """A folder that throw-away users can reach, and nobody else writes to."""
  folder = tempfile.mkdtemp(prefix='verifier_test_', dir='/tmp')
  os.chmod(folder, 0o755)
  test.addCleanup(shutil.rmtree, folder)
  return folder


class LeakTest(absltest.TestCase):

  def test_300_verifications_leave_nothing(self):
    self._check(300)

  def _check(self, count):
    me = psutil.Process()
    folder = _temp_folder(self)
    before = me.num_fds(), len(_zygotes(me.pid))
    sources = [_GOOD, 'def solve(n): 1 / 0', 'import os\nos._exit(1)']
    verifier = python.PythonVerifier()
    with (
        mock.patch.object(tempfile, 'tempdir', folder),
        verifier.pool(2) as pool,
    ):
      for half in range(2):
        pairs = [
            (_problem(), f'{sources[k % 3]}# {half} {k}')
            for k in range(count // 2)
        ]
        for k, verdict in pool.verify_batch(pairs):
          self.assertEqual(verdict.passed, k % 3 == 0, verdict)
        descriptors = [zygote.num_fds() for zygote in _zygotes(me.pid)]
        self.assertLess(max(descriptors), 16)
    self.assertEqual(me.num_fds(), before[0])
    self.assertLen(_zygotes(me.pid), before[1])
    self.assertEqual(os.listdir(folder), [])


class LoadTest(absltest.TestCase):

  @pytest.mark.slow
  def test_a_busy_host_flips_no_verdict(self):
    """0.6 s of work under a 0.9 s limit, with 4 busy processes a core."""
    work = (
        'import time\n'
        'def solve(n):\n'
        '  end = time.process_time() + 0.6\n'
        '  while time.process_time() < end:\n'
        '    pass\n'
        '  return n + 1\n'
    )
    limits = base.Limits(cpu_seconds=0.9, wall_seconds=0.9)
    problem = _problem('one', [((1,), 2)])
    burners = [
        subprocess.Popen([sys.executable, '-c', 'while True: pass'])
        for _ in range(4 * os.cpu_count())
    ]
    try:
      with python.PythonVerifier().pool(2) as pool:
        pending = [
            pool.submit(problem, f'{work}# {k}', limits=limits)
            for k in range(10)
        ]
        reasons = [future.result().reason for future in pending]
    finally:
      for burner in burners:
        burner.kill()
        burner.wait()
    self.assertEqual(reasons, ['passed'] * 10)


def _zygotes(pid):
  found = []
  for process in psutil.Process(pid).children(recursive=True):
    try:
      if 'zygote' in ' '.join(process.cmdline()):
        found.append(process)
    except psutil.NoSuchProcess:
      pass
  return found


class LevelsTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    kept = os.environ.pop(levels.ENVIRONMENT_VARIABLE, None)

    def restore():
      os.environ.pop(levels.ENVIRONMENT_VARIABLE, None)
      if kept is not None:
        os.environ[levels.ENVIRONMENT_VARIABLE] = kept

    self.addCleanup(restore)

  def test_the_weakest_level_is_found_out_and_never_chosen_unasked(self):
    self.assertNotEqual(levels.probe('rlimits'), '')
    os.environ[levels.ENVIRONMENT_VARIABLE] = 'rlimits'
    with self.assertRaisesRegex(RuntimeError, 'allow_unsafe'):
      levels.choose()
    self.assertEqual(levels.choose(allow_unsafe=True), 'rlimits')

  def test_a_required_level_stops_a_weaker_host(self):
    os.environ[levels.ENVIRONMENT_VARIABLE] = 'landlock+seccomp'
    with self.assertRaisesRegex(RuntimeError, 'cannot isolate'):
      levels.choose(require_level='namespaces')

  def test_an_unknown_level_is_named(self):
    with self.assertRaisesRegex(ValueError, 'gvisor'):
      levels.choose(require_level='gvisor')

  def test_without_walls_forked_children_still_end(self):
    os.environ[levels.ENVIRONMENT_VARIABLE] = 'rlimits'
    verifier = python.PythonVerifier(allow_unsafe=True)
    self.assertEqual(verifier.isolation, 'rlimits')
    source = (
        'import os, time\n'
        'def solve(n):\n'
        '  if n == 0 and os.fork() == 0:\n'
        '    os.setsid()\n'
        '    if os.fork() == 0:\n'
        '      while True:\n'
        '        time.sleep(60)\n'
        '    os._exit(0)\n'
        '  return n + 1\n'
    )
    before = len(_zygotes(os.getpid()))
    with verifier.pool(1) as pool:
      self.assertTrue(pool.verify(_problem(), source).passed)
      self.assertTrue(pool.verify(_problem(), _GOOD).passed)
      self.assertLen(_zygotes(os.getpid()), before + 1)

  def test_candidates_never_run_as_root(self):
    source = 'import os\ndef solve():\n  return 0 in os.getresuid()\n'
    self.assertTrue(python.verify_source(source, [((), False)]).passed)


if __name__ == '__main__':
  absltest.main()
