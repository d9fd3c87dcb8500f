"""A night killed or terminated at any moment ends like one that was not."""

from collections.abc import Callable
import pathlib
import random
import signal
import subprocess
import time

import pytest

from swm_jax import snapshots
from tests.nightly import outcomes
from tests.nightly import tiny


def appears(pattern: str, count: int = 1) -> Callable[[pathlib.Path], bool]:
  return lambda workdir: len(list(workdir.glob(pattern))) >= count


def has_line(phase: str, step: int) -> Callable[[pathlib.Path], bool]:
  start = f'"phase": "{phase}", "night": 0, "step": {step},'

  def is_there(workdir):
    path = workdir / 'metrics.jsonl'
    return path.exists() and start in path.read_text()

  return is_there


def later(seconds: float) -> Callable[[pathlib.Path], bool]:
  """True from so long after the night has begun to log."""
  began: list[float] = []

  def is_later(workdir):
    if not began and (workdir / 'metrics.jsonl').exists():
      began.append(time.monotonic())
    return bool(began) and time.monotonic() - began[0] > seconds

  return is_later


_random = random.Random(20)
MOMENTS = {
    'random, early': later(_random.uniform(0.0, 4.0)),
    'middle of dusk': appears('evaluations/*/held_out/wave_000.jsonl'),
    'dusk is over': appears('night_000/counts.json'),
    'middle of wake': appears('night_000/wake/log/*array_record-00000'),
    'wake log is whole': appears('night_000/wake/log/dataset_info.json'),
    'wake is on record': appears('snapshots/ledger/0.json'),
    'first dreams': appears('night_000/rem/log/*array_record-00000'),
    'first update': has_line('rem', 0),
    'dreamer is saved': appears('night_000/rem/partial/ledger/1.json'),
    'last dreams': appears('night_000/rem/log/*array_record-00001'),
    'rem is being saved': appears('snapshots/1.*'),
    'audited': appears('night_000/contamination.json'),
    'anchors are kept': appears('anchors/night_000'),
    'middle of consolidation': has_line('consolidate', 1),
    'state is being saved': appears('night_000/consolidate/partial/3.*'),
    'consolidated': appears('snapshots/ledger/2.json'),
    'middle of the morning': appears('evaluations/*/unrelated/*', count=2),
    'random, late': later(_random.uniform(1.0, 4.0)),
    'morning is measured': appears('night_000/morning/results.json'),
    'judged': appears('night_000/morning/judgement.json'),
    'morning is on record': appears('snapshots/ledger/3.json'),
    'half of the report': appears('night_000/report.md'),
}


def run_until(workdir: pathlib.Path, moment, how: int) -> subprocess.Popen:
  """Starts a night and sends a signal at a moment; waits for its end."""
  process = tiny.start(workdir)
  deadline = time.monotonic() + 300
  while process.poll() is None and not moment(workdir):
    assert time.monotonic() < deadline, 'the moment never came'
    time.sleep(0.001)
  process.send_signal(how)
  try:
    # Far less than a phase takes, but for compilation on a busy machine.
    process.communicate(timeout=30)
  finally:
    process.kill()
  return process


@pytest.mark.slow
def test_killed_at_any_moment_the_night_ends_the_same():
  outcomes.finished()
  workdir = tiny.folder() / 'killed'
  killed = []
  for name, moment in MOMENTS.items():
    process = run_until(workdir, moment, signal.SIGKILL)
    if process.returncode == -signal.SIGKILL:
      killed.append(name)
  # A moment of milliseconds may pass unseen, the night then ends; most do not.
  assert killed == list(MOMENTS)
  done = tiny.run(workdir)
  assert done.returncode == 0, done.stderr
  outcomes.assert_same_outcome(workdir)


@pytest.mark.slow
def test_terminated_night_exits_cleanly_and_ends_the_same():
  outcomes.finished()
  workdir = tiny.folder() / 'terminated'
  for name in (
      'middle of dusk', 'first dreams', 'middle of consolidation', 'judged'
  ):
    process = run_until(workdir, MOMENTS[name], signal.SIGTERM)
    assert process.returncode == 128 + signal.SIGTERM, name
    if name == 'middle of consolidation':
      # What was trained is saved before leaving.
      partial = workdir / 'night_000' / 'consolidate' / 'partial'
      done = snapshots.Snapshots(partial, read_only=True).latest()
      steps = [
          line for line in tiny.metrics(workdir)
          if line['phase'] == 'consolidate'
      ]
      assert done == len(steps) > 1
  done = tiny.run(workdir)
  assert done.returncode == 0, done.stderr
  outcomes.assert_same_outcome(workdir)


# --- What cannot be done ---
