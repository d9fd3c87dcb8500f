"""The Python verifier over many programs, and beside other work."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from unittest import mock

from absl.testing import absltest
import psutil
import pytest

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import pool as pool_lib
from swm_jax.verifiers import python

_PROBLEM = types.Problem(
    'increment', 'test', 'increment', '', 'solve',
    [((n,), n + 1) for n in range(5)],
)
_GOOD = 'def solve(n):\n  return n + 1\n'
_MIB = 1 << 20

# What might leave something: files, folders, mappings, threads, sudden ends.
_KINDS = (
    (_GOOD, 'passed'),
    ('def solve(n):\n  return n / 0\n', 'exception'),
    ('import os\nos._exit(1)\n', 'crash'),
    (
        'import tempfile\n'
        'f = open(tempfile.mkdtemp() + "/x", "w")\nf.write("x" * 9999)\n'
        'f.flush()\n' + _GOOD,
        'passed',
    ),
    ('import mmap\nm = mmap.mmap(-1, 1 << 20)\n' + _GOOD, None),
    (
        'from multiprocessing import shared_memory\n'
        's = shared_memory.SharedMemory(create=True, size=4096)\n' + _GOOD,
        None,
    ),
    (
        'import threading, time\n'
        't = threading.Thread(target=time.sleep, args=(60,), daemon=True)\n'
        't.start()\n' + _GOOD,
        'passed',
    ),
    (
        'import numpy as np\ndef solve(n):\n  return int(np.add(n, 1))\n',
        'passed',
    ),
    ('def solve(n):\n  return [n] * 10**6\n', 'output'),
    ('import os, signal\nos.kill(os.getpid(), signal.SIGABRT)\n', 'crash'),
)


def _children():
  return set(psutil.Process().children(recursive=True))


def _shared_memory():
  """Segments, POSIX and System V, of users that candidates may run as."""
  mine = os.getuid()

  def is_candidates(uid):
    # Started as root, they take a user id of their own.
    return uid == mine if mine else 61184 <= uid < 65280

  found = {
      entry.name
      for entry in os.scandir('/dev/shm')
      if is_candidates(entry.stat(follow_symlinks=False).st_uid)
  }
  for kind in ('shm', 'msg', 'sem'):
    with open(f'/proc/sysvipc/{kind}', encoding='ascii') as table:
      column = next(table).split().index('uid')
      found.update(
          (kind, line)
          for line in table
          if is_candidates(int(line.split()[column]))
      )
  return found


class ManyTest(absltest.TestCase):

  @pytest.mark.slow
  def test_10000_verifications_leave_nothing(self):
    me = psutil.Process()
    folder = tempfile.mkdtemp(prefix='verifier_test_', dir='/tmp')
    os.chmod(folder, 0o755)  # Throw-away users must reach it.
    self.addCleanup(shutil.rmtree, folder)
    descriptors, children = me.num_fds(), _children()
    shared = _shared_memory()
    verifier = python.PythonVerifier()
    sizes = []  # Of this process and of all zygotes, every 1,000.
    with (
        mock.patch.object(tempfile, 'tempdir', folder),
        # Verdicts that are kept would look like a leak.
        mock.patch.object(pool_lib, '_CACHE_ENTRIES', 100),
        verifier.pool() as pool,
    ):
      for part in range(10):
        pairs = [
            (_PROBLEM, f'{_KINDS[k % len(_KINDS)][0]}# {part} {k}')
            for k in range(1000)
        ]
        for k, verdict in pool.verify_batch(pairs):
          self.assertTrue(verdict.valid, verdict)
          expected = _KINDS[k % len(_KINDS)][1]
          if expected:
            self.assertEqual(verdict.reason, expected, verdict)
        zygotes = _children() - children
        sizes.append((
            me.memory_info().rss,
            sum(zygote.memory_info().rss for zygote in zygotes),
        ))
        self.assertLess(max(zygote.num_fds() for zygote in zygotes), 16)
      self.assertEqual(pool.counts['retried'], 0)
      self.assertEqual(pool.counts['submitted'], 10_000)
    _, alive = psutil.wait_procs(_children() - children, timeout=5)
    self.assertEqual(alive, [])
    self.assertEqual(me.num_fds(), descriptors)
    self.assertEqual(os.listdir(folder), [])
    self.assertEqual(_shared_memory() - shared, set())
    # The last 8,000 against the first 2,000, which fill what is filled once.
    own, theirs = zip(*sizes)
    self.assertLess(max(own[2:]) - own[1], 8 * _MIB, own)
    self.assertLess(max(theirs[2:]) - theirs[1], 4 * _MIB, theirs)


class LoadTest(absltest.TestCase):

  @pytest.mark.slow
  def test_load_flips_none_of_1000_verdicts(self):
    limits = base.Limits(cpu_seconds=0.6, wall_seconds=2.0)
    sources = self._programs(limits.cpu_seconds / 3)
    verifier = python.PythonVerifier(limits=limits)
    idle = self._verdicts(verifier, sources)
    burners = [
        subprocess.Popen([sys.executable, '-c', 'while True: pass'])
        for _ in range(2 * pool_lib.processors())
    ]
    try:
      loaded = self._verdicts(verifier, sources)
    finally:
      for burner in burners:
        burner.kill()
        burner.wait()
    flips = {
        k: (idle[k], loaded[k])
        for k in range(len(sources))
        if idle[k] != loaded[k]
    }
    self.assertEqual(flips, {})
    # The programs do what they are here for.
    reasons = {reason for _, reason in idle.values()}
    self.assertEqual(
        reasons, {'passed', 'wrong_answer', 'exception', 'crash', 'time'}
    )

  def _programs(self, busy_seconds):
    """1,000 programs; a tenth of them near a limit or beyond it."""
    quick = [
        _GOOD,
        'def solve(n):\n  return n if n else 1\n',
        'def solve(n):\n  return 1 // (n - 3) and n + 1\n',
        'import numpy as np\ndef solve(n):\n  return int(np.add(n, 1))\n',
        'import os\ndef solve(n):\n  os._exit(0)\n',
        'import re, json, dataclasses\ndef solve(n):\n'
        '  return json.loads(re.sub("x", str(n), "[x]"))[0] + 1\n',
    ]
    # A fixed amount of work, not of time: it takes longer beside others.
    count, start = 0, time.process_time()
    while time.process_time() - start < busy_seconds / 5:
      sum(range(1000))
      count += 1
    busy = (
        'def solve(n):\n'
        f'  for _ in range({count}):\n    sum(range(1000))\n'
        '  return n + 1\n'
    )
    waits = 'import time\ndef solve(n):\n  time.sleep(0.05)\n  return n + 1\n'
    beyond = ['import time\ntime.sleep(60)\n', 'while True: pass\n']
    slow = [busy] * 12 + [waits] * 6 + beyond
    return [
        f'{quick[k % 6] if k % 10 else slow[k // 10 % 20]}# {k}'
        for k in range(1000)
    ]

  def _verdicts(self, verifier, sources):
    with verifier.pool() as pool:
      return {
          k: (verdict.status, verdict.reason)
          for k, verdict in pool.verify_batch((_PROBLEM, s) for s in sources)
      }


if __name__ == '__main__':
  absltest.main()
