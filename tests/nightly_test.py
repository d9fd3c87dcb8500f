"""A tiny night end to end, killed, continued, and asked for the impossible."""

from collections.abc import Callable, Iterator
import functools
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from typing import Any

import pytest
import tensorflow_datasets as tfds

from experiments import figures
from experiments import phases
from swm_jax import snapshots
from swm_jax.data import replay
from swm_jax.data import trajectory_log
from swm_jax.models import pretrained
from tests.nightly import tiny
from tests.nightly import tiny_config

# What differs between two runs of one night: clocks, memory, and where it ran.
_TIMES = {'seconds', 'peak_rss_bytes', 'tokens_per_second'}


@functools.cache
def finished() -> tuple[pathlib.Path, subprocess.CompletedProcess[str]]:
  """A night that nobody interrupted."""
  workdir = tiny.folder() / 'whole'
  return workdir, tiny.run(workdir)


def without(value: Any, keys: set[str]) -> Any:
  """Drops keys of nested dictionaries."""
  if isinstance(value, dict):
    return {k: without(v, keys) for k, v in value.items() if k not in keys}
  if isinstance(value, list):
    return [without(item, keys) for item in value]
  return value


def outcome(workdir: pathlib.Path, nights: int = 1) -> dict[str, Any]:
  """Everything of a finished directory that must not depend on its history."""
  files = {}
  for pattern in (
      'anchors/*', 'evaluations/**/*.jsonl', 'night_*/figures/*',
      'night_*/contamination.json', 'night_*/counts.json',
      'night_*/morning/*.json', 'criterion.json',
  ):
    for path in workdir.glob(pattern):
      if path.is_file() and path.stem != 'phases':  # A figure of times.
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        files[os.fspath(path.relative_to(workdir))] = digest
  store = snapshots.Snapshots(workdir / 'snapshots', read_only=True)
  return {
      'files': files,
      'lineage': {s: store.read_metadata(s) for s in store.recorded()},
      'metrics': sorted(
          json.dumps(line, sort_keys=True) for line in tiny.metrics(workdir)
      ),
      'reports': [
          without(tiny.report(workdir, n), _TIMES | {'command'})
          for n in range(nights)
      ],
      'logs': {
          f'{night} {phase}': trajectory_log.content_digest(
              workdir / f'night_{night:03d}' / phase / 'log'
          )
          for night in range(nights) for phase in ('wake', 'rem')
      },
  }


def assert_same_outcome(workdir: pathlib.Path) -> None:
  whole, _ = finished()
  expected, found = outcome(whole), outcome(workdir)
  for part in expected:
    assert found[part] == expected[part], part
  # The arrays too, and not only what is on record of them.
  assert lineage(workdir).returncode == 0


def state_of_files(workdir: pathlib.Path) -> dict[str, Any]:
  return {
      os.fspath(path): (path.stat().st_mtime_ns, path.stat().st_ino)
      for path in workdir.rglob('*') if path.is_file()
  }


def lineage(workdir: pathlib.Path) -> subprocess.CompletedProcess[str]:
  return subprocess.run(
      [sys.executable, '-m', 'experiments.lineage', f'--workdir={workdir}'],
      cwd=tiny.ROOT, env=tiny.environment(), text=True, capture_output=True,
      check=False,
  )


def copy(workdir: pathlib.Path, name: str) -> pathlib.Path:
  target = tiny.folder() / name
  shutil.copytree(workdir, target)
  return target


# --- One night ---


def test_night_ends_well_and_prints_five_lines():
  workdir, done = finished()
  assert done.returncode == 0, done.stderr
  lines = done.stdout.strip().splitlines()
  assert lines[0] == f'Report: {workdir}/night_000/report.html'
  assert len(lines) == 6
  assert lines[1].startswith('Night 0 ') and 'Held-out pass@1' in lines[2]
  assert 'Traceback' not in done.stderr


def test_report_has_what_other_programs_read():
  workdir, _ = finished()
  report = tiny.report(workdir)
  assert {
      'criterion', 'gate', 'evaluation', 'weights', 'phases', 'dreams',
      'contamination', 'isolation', 'seed', 'command',
  } <= report.keys()
  assert {'adopted', 'reasons'} <= report['gate'].keys()
  assert {'per_type', 'temperatures', 'kl'} <= report['evaluation'].keys()
  for name in ('held_out', 'unrelated', 'humaneval'):
    result = report['evaluation'][name]
    for part in ('dusk', 'morning'):
      assert {'pass_at_1', 'greedy', 'problems', 'samples'} <= (
          result[part].keys()
      )
      assert 0.0 <= result[part]['pass_at_1'] <= 1.0
    difference = result['difference']
    assert difference['low'] <= difference['mean'] <= difference['high']
    assert difference['mean'] == pytest.approx(
        result['morning']['pass_at_1'] - result['dusk']['pass_at_1'], abs=2e-6
    )
  assert report['evaluation']['held_out']['dusk']['problems'] == 6
  # Of each problem one greedy and two sampled answers each.
  assert report['evaluation']['held_out']['dusk']['samples'] == 3
  for name in ('dusk', 'wake', 'rem', 'consolidate', 'morning'):
    assert {'seconds', 'tokens', 'peak_rss_bytes'} <= (
        report['phases'][name].keys()
    )
    assert report['phases'][name]['tokens'] > 0
  assert {'sampled', 'verified', 'distinct', 'masked_errors'} <= (
      report['dreams'].keys()
  )
  assert report['criterion'] == json.loads(
      (workdir / 'criterion.json').read_text()
  )
  assert '--workdir=' in report['command']


def test_the_tiny_model_both_succeeds_and_fails():
  # Otherwise the other tests would see a night without x+ or without x-.
  workdir, _ = finished()
  report = tiny.report(workdir)
  assert 0 < report['wake']['verified'] < report['wake']['sampled']
  assert 0 < report['dreams']['distinct'] <= report['dreams']['verified']
  assert report['dreams']['masked_errors'] == 0
  assert report['phases']['consolidate']['negatives'] > 0
  assert report['phases']['consolidate']['steps'] >= 4


def test_pages_and_figures_are_written():
  workdir, _ = finished()
  night = workdir / 'night_000'
  for name in figures.FIGURES:
    png = (night / 'figures' / f'{name}.png').read_bytes()
    assert png.startswith(b'\x89PNG') and len(png) > 5_000
    assert b'</svg>' in (night / 'figures' / f'{name}.svg').read_bytes()
  again = copy(night, 'figures_again')
  figures.draw(tiny.report(workdir), again / 'figures')
  for path in (night / 'figures').iterdir():
    assert (again / 'figures' / path.name).read_bytes() == path.read_bytes()
  html = (night / 'report.html').read_text()
  assert html.count('data:image/png;base64,') == len(figures.FIGURES) == 6
  # Self-contained: nothing is fetched from elsewhere.
  assert not re.search(r'(src|href)="(?!data:|#)', html)
  report = tiny.report(workdir)
  mean = f"{report['evaluation']['held_out']['difference']['mean']:+.3f}"
  assert mean in html and mean in (night / 'report.md').read_text()


def test_weights_change_in_consolidation_alone():
  workdir, _ = finished()
  store = snapshots.Snapshots(workdir / 'snapshots', read_only=True)
  chain = [
      snapshots.Lineage.from_json(store.read_metadata(step))
      for step in store.recorded()
  ]
  assert [line.phase for line in chain] == list(phases.PHASES)
  params, _, _ = pretrained.load(tiny.model())
  initial = snapshots.digest(params)
  before = [line.weights_before for line in chain]
  after = [line.weights_after for line in chain]
  assert before == [initial] * 4
  assert after[:2] == [initial] * 2
  assert after[2] == after[3] != initial
  assert tiny.report(workdir)['weights'] == {
      'dusk': initial, 'morning': after[3]
  }
  saved = store.restore(2, {'params': params})['params']
  assert snapshots.digest(saved) == after[3]


def test_lineage_prints_and_verifies_the_night():
  workdir, _ = finished()
  done = lineage(workdir)
  assert done.returncode == 0, done.stderr
  gate = tiny.report(workdir)['gate']
  assert ('ADOPTED' if gate['adopted'] else 'REJECTED') in done.stdout
  assert '4 snapshots, every digest verified' in done.stdout


def test_third_parties_can_open_the_wake_log():
  workdir, _ = finished()
  folder = workdir / 'night_000' / 'wake' / 'log'
  records = tfds.builder_from_directory(folder).as_data_source('train')
  assert len(records) == tiny.report(workdir)['wake']['sampled']
  first = records[0]
  assert first['top_k']['values'].shape == (len(first['tokens']), 8)
  assert first['hidden']['codes'].shape == (len(first['tokens']), 64)
  assert first['latents'].shape == (1, 2, 64)
  assert first['verdict']['isolation'].decode()


def test_metrics_have_a_line_a_step_of_each_phase():
  workdir, _ = finished()
  lines = tiny.metrics(workdir)
  steps = {
      phase: [line['step'] for line in lines if line['phase'] == phase]
      for phase in ('wake', 'rem', 'consolidate')
  }
  consolidated = tiny.report(workdir)['phases']['consolidate']['steps']
  assert steps == {
      'wake': [0, 1], 'rem': [0, 1], 'consolidate': list(range(consolidated))
  }
  first = next(line for line in lines if line['phase'] == 'rem')
  # The dreamer begins as the base.
  assert first['loss_ratio'] == pytest.approx(1.0, abs=1e-3)
  assert first['slope'] == pytest.approx(0.0, abs=1e-3)


@pytest.mark.slow
def test_finished_night_is_shown_again_and_left_alone():
  workdir, done = finished()
  before = state_of_files(workdir)
  again = tiny.run(workdir)
  assert again.returncode == 0, again.stderr
  assert again.stdout == done.stdout
  assert state_of_files(workdir) == before


# --- Several nights ---


@pytest.mark.slow
def test_second_night_builds_on_the_first():
  whole, _ = finished()
  workdir = copy(whole, 'second')
  adopted = tiny.report(workdir)['gate']['adopted']
  before = outcome(workdir)['files']
  done = tiny.run(workdir, '--config.num_nights=2')
  assert done.returncode == 0, done.stderr
  first, second = tiny.report(workdir), tiny.report(workdir, 1)
  expected = first['weights']['morning' if adopted else 'dusk']
  assert second['weights']['dusk'] == expected
  # Those weights were measured in the first night: nothing is decoded again,
  # and nothing of the first night is touched.
  assert second['evaluation']['held_out']['dusk'] == (
      first['evaluation']['held_out']['morning' if adopted else 'dusk']
  )
  after = outcome(workdir, 2)['files']
  assert {name: after[name] for name in before} == before
  weights = {
      report['weights'][time][:16]
      for report in (first, second) for time in ('dusk', 'morning')
  }
  assert {p.name for p in (workdir / 'evaluations').iterdir()} == weights
  # Other keys by day, so that the second wake is not the first again.
  logs = outcome(workdir, 2)['logs']
  assert logs['0 wake'] != logs['1 wake']
  anchors = [
      replay.Reservoir.load(workdir / 'anchors' / f'night_{n:03d}')
      for n in range(2)
  ]
  old = {entry['tokens'].tobytes() for entry in anchors[0].entries}
  kept = sum(e['tokens'].tobytes() in old for e in anchors[1].entries)
  assert kept > 0 and anchors[1].seen > anchors[0].seen
  printed = lineage(workdir)
  assert printed.returncode == 0, printed.stderr
  assert 'night 0 ' in printed.stdout and 'night 1 ' in printed.stdout
  assert '8 snapshots' in printed.stdout


@pytest.mark.slow
def test_rejected_night_leaves_the_next_one_the_old_weights():
  workdir = tiny.folder() / 'rejected'
  done = tiny.run(
      workdir, '--config.criterion.min_gain=1.0', '--config.num_nights=2'
  )
  assert done.returncode == 0, done.stderr
  first, second = tiny.report(workdir), tiny.report(workdir, 1)
  assert not first['gate']['adopted'] and first['gate']['reasons']
  assert second['weights']['dusk'] == first['weights']['dusk']
  assert first['weights']['morning'] != first['weights']['dusk']
  store = snapshots.Snapshots(workdir / 'snapshots', read_only=True)
  assert store.read_metadata(4)['parent'] is None
  assert 2 in store.steps()  # The rejected weights are kept.
  assert lineage(workdir).returncode == 0


# --- Killed and continued ---


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
  finished()
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
  assert_same_outcome(workdir)


@pytest.mark.slow
def test_terminated_night_exits_cleanly_and_ends_the_same():
  finished()
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
  assert_same_outcome(workdir)


# --- What cannot be done ---


def assert_one_sentence(
    done: subprocess.CompletedProcess[str], *parts: str
) -> None:
  """Fails unless the command failed with a sentence that has these parts."""
  assert done.returncode not in (0, None), done.stdout
  assert 'Traceback' not in done.stderr, done.stderr
  said = [
      line for line in done.stderr.splitlines()
      # Neither log lines nor the usage that absl prints.
      if not re.match(r'[IWE]\d{4} ', line)
  ]
  for part in parts:
    assert any(part in line for line in said), (part, done.stderr)


@pytest.mark.parametrize(
    ('key', 'value', 'message'),
    [
        ('criterion.min_gain', 2.0, r'min_gain=2.0 must lie in \[0.0, 1.0\]'),
        ('rem.objective', 'best', "objective='best' is unknown"),
        ('consolidate.energy', 'nlll', "energy='nlll' is unknown"),
        ('num_nights', 0, 'num_nights=0 must be at least 1'),
    ],
)
def test_value_that_does_not_fit_is_found_before_dusk(key, value, message):
  cfg = tiny_config.get_config()
  cfg.update_from_flattened_dict({key: value})
  with pytest.raises(phases.NightError, match=message):
    phases.check(cfg)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('flag', 'parts'),
    [
        ('--config.rem.round=3', ['round', 'rounds']),
        ('--config.rem.rounds=three', ['rounds', 'three']),
        ('--config.num_nights=0', ['num_nights', 'at least 1']),
    ],
)
def test_config_that_does_not_fit(flag, parts):
  workdir = tiny.folder() / 'never'
  assert_one_sentence(tiny.run(workdir, flag), *parts)
  assert not workdir.exists()


@pytest.mark.slow
def test_missing_model_binds_the_directory_to_nothing():
  workdir = tiny.folder() / 'missing_model'
  done = tiny.run(workdir, '--config.model.path=/nowhere/model')
  assert_one_sentence(done, '/nowhere/model')
  assert not (workdir / 'config.json').exists()


def test_unwritable_directory():
  file = tiny.folder() / 'file'
  file.write_text('not a directory')
  assert_one_sentence(tiny.run(file / 'below'), 'cannot write', '--workdir')
  assert file.read_text() == 'not a directory'


@pytest.mark.slow
def test_directory_of_another_config_is_left_alone():
  workdir, _ = finished()
  before = state_of_files(workdir)
  done = tiny.run(workdir, '--config.rem.beta=3.0')
  assert_one_sentence(done, 'rem.beta', '10.0', '3.0', '--workdir')
  assert state_of_files(workdir) == before


@pytest.mark.slow
@pytest.mark.parametrize('content', ['{"seed": 0', '[]', ''])
def test_damaged_config_is_named(content):
  workdir = tiny.folder() / 'damaged'
  workdir.mkdir(exist_ok=True)
  (workdir / 'config.json').write_text(content)
  done = tiny.run(workdir)
  assert_one_sentence(done, 'config.json', 'not JSON')
  assert (workdir / 'config.json').read_text() == content


@pytest.mark.slow
def test_directory_in_use():
  workdir = tiny.folder() / 'in_use'
  first = tiny.start(workdir)
  try:
    while not (workdir / 'metrics.jsonl').exists():
      assert first.poll() is None, first.communicate()
      time.sleep(0.01)
    assert_one_sentence(tiny.run(workdir), 'another process', os.fspath(workdir))
  finally:
    first.kill()
    first.communicate()


@pytest.fixture
def small_disk() -> Iterator[pathlib.Path]:
  """A file system of 8 MB; skipped where it may not be mounted."""
  path = tiny.folder() / 'disk'
  path.mkdir(exist_ok=True)
  mount = ['mount', '-t', 'tmpfs', '-o', 'size=8M', 'tmpfs', os.fspath(path)]
  if os.geteuid() or subprocess.run(mount, check=False).returncode:
    pytest.skip('a small file system cannot be mounted here')
  yield path
  subprocess.run(['umount', os.fspath(path)], check=True)


@pytest.mark.slow
def test_full_disk_loses_nothing(small_disk):
  finished()
  workdir = small_disk / 'night'
  ballast = small_disk / 'ballast'
  ballast.write_bytes(bytes(8 * 2**20 - 2**16))
  # No room for an answer, then none for a snapshot, then enough of both.
  assert_one_sentence(tiny.run(workdir), 'No space left')
  ballast.unlink()
  assert_one_sentence(tiny.run(workdir), 'make room', 'run the command again')
  assert list(workdir.glob('night_000/wake/log/*array_record-00001'))
  subprocess.run(
      ['mount', '-o', 'remount,size=512M', os.fspath(small_disk)], check=True
  )
  done = tiny.run(workdir)
  assert done.returncode == 0, done.stderr
  assert_same_outcome(workdir)


# --- Nothing evaluated is trained on ---

_CONTAMINATED = textwrap.dedent("""
    from absl import app
    from swm_jax.tasks.python_functions import catalog
    clean = catalog.split

    def contaminated(*args):
      split = clean(*args)
      split['unrelated'] = [split['day'][0], *split['unrelated']]
      return split

    catalog.split = contaminated
    from experiments import nightly
    app.run(nightly.main)
""")


@pytest.mark.slow
def test_contaminated_night_stops_before_it_trains():
  workdir = tiny.folder() / 'contaminated'
  command = tiny.command(workdir)
  done = subprocess.run(
      [command[0], '-c', _CONTAMINATED, *command[3:]],
      cwd=tiny.ROOT, env=tiny.environment(), text=True, capture_output=True,
      check=False,
  )
  assert done.returncode == 1
  day = tiny.problems()['day'][0].id
  assert_one_sentence(done, f'{day} is trained on and {day} is evaluated')
  assert not (workdir / 'snapshots' / 'ledger' / '2.json').exists()
