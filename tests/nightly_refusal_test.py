"""What a night refuses: bad input, full disks, contaminated problems."""

from collections.abc import Iterator
import os
import pathlib
import re
import subprocess
import textwrap
import time

import pytest

from experiments import options as options_lib
from tests.nightly import outcomes
from tests.nightly import tiny
from tests.nightly import tiny_config


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
  with pytest.raises(options_lib.NightError, match=message):
    options_lib.check(cfg)


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
  workdir, _ = outcomes.finished()
  before = outcomes.state_of_files(workdir)
  done = tiny.run(workdir, '--config.rem.beta=3.0')
  assert_one_sentence(done, 'rem.beta', '10.0', '3.0', '--workdir')
  assert outcomes.state_of_files(workdir) == before


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
  outcomes.finished()
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
  outcomes.assert_same_outcome(workdir)


# --- Nothing evaluated is trained on ---

_CONTAMINATED = textwrap.dedent("""
    from absl import app
    from swm_jax.tasks import base
    clean = base.split

    def contaminated(*args):
      split = clean(*args)
      split['unrelated'] = [split['day'][0], *split['unrelated']]
      return split

    base.split = contaminated
    from experiments import nightly
    app.run(nightly.main)
""")


@pytest.mark.slow
def test_night_that_diverges_is_one_sentence():
  workdir = tiny.folder() / 'diverged'
  done = tiny.run(
      workdir, '--config.consolidate.learning_rate=1e30',
      '--config.consolidate.clip=1e30',
  )
  assert_one_sentence(done, 'is nan at step', 'of consolidate, night 0')


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
