"""A night killed or terminated at any moment ends like one that was not."""

import pathlib
import random
import signal
import subprocess
import time

import pytest

from swm_jax import snapshots
from tests.nightly import moments
from tests.nightly import outcomes
from tests.nightly import tiny


_random = random.Random(20)
MOMENTS = {
    'random, early': moments.later(_random.uniform(0.0, 4.0)),
    'middle of dusk': moments.appears('evaluations/*/held_out/wave_000.jsonl'),
    'dusk is over': moments.appears('night_000/counts.json'),
    'middle of wake': moments.appears('night_000/wake/log/*array_record-00000'),
    'wake log is whole': moments.appears(
        'night_000/wake/log/dataset_info.json'
    ),
    'wake is on record': moments.appears('snapshots/ledger/0.json'),
    'first dreams': moments.appears('night_000/rem/log/*array_record-00000'),
    'first update': moments.has_line('rem', 0),
    'dreamer is saved': moments.appears('night_000/rem/partial/ledger/1.json'),
    'last dreams': moments.appears('night_000/rem/log/*array_record-00001'),
    'rem is being saved': moments.appears('snapshots/1.*'),
    'audited': moments.appears('night_000/contamination.json'),
    'anchors are kept': moments.appears('anchors/night_000'),
    'middle of consolidation': moments.has_line('consolidate', 1),
    'state is being saved': moments.appears(
        'night_000/consolidate/partial/3.*'
    ),
    'consolidated': moments.appears('snapshots/ledger/2.json'),
    'middle of the morning': moments.appears(
        'evaluations/*/unrelated/*', count=2
    ),
    'random, late': moments.later(_random.uniform(1.0, 4.0)),
    'morning is measured': moments.appears('night_000/morning/results.json'),
    'judged': moments.appears('night_000/morning/judgement.json'),
    'morning is on record': moments.appears('snapshots/ledger/3.json'),
    'half of the report': moments.appears('night_000/report.md'),
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
