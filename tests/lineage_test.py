"""Tests of the lineage check on a work directory of three nights."""

import dataclasses
import json
import shutil
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from experiments import lineage
from swm_jax import snapshots
from swm_jax import types
from swm_jax.data import trajectory_log


def _write_log(directory, seed):
  trajectories = types.Trajectories(
      prompt_tokens=np.ones((2, 3), np.int32),
      prompt_length=np.full(2, 3),
      tokens=np.full((2, 4), seed, np.int32),
      mask=np.ones((2, 4), bool),
      log_prob=np.zeros((2, 4), np.float32),
      log_prob_behaviour=np.zeros((2, 4), np.float32),
      top_k=None,
      hidden=None,
      latents=np.zeros((2, 1, 2, 8), np.float32),
      stopped=np.ones(2, bool),
  )
  log = trajectory_log.TrajectoryLog(directory, vocab_size=300)
  log.append_wave([
      trajectory_log.record(
          trajectories, row,
          problem=types.Problem('a/b/0', 'a', 'b', 'def f(x):', 'f', ()),
          text='\n  return x\n',
          verdict=types.Verdict('pass', 'ok', 'python', '1', 'landlock'),
          temperature=0.8, weights_digest='0' * 64,
          key=np.array([0, row], np.uint32), phase='wake', night=0,
      )
      for row in range(2)
  ])
  log.finalize()
  return trajectory_log.content_digest(directory)


def _weights(seed):
  return {'w': jnp.asarray(
      np.random.default_rng(seed).normal(size=(64, 64)), jnp.float32
  )}


@pytest.fixture(name='sound', scope='module')
def _sound(tmp_path_factory):
  """Nights 0 (adopted), 1 (rejected) and 2 (begun from night 0)."""
  tmp_path = tmp_path_factory.mktemp('sound')
  store = snapshots.Snapshots(tmp_path / 'snapshots')
  before, parent = snapshots.digest(_weights(0)), None
  for night, gate in enumerate(('adopted', 'rejected', '')):
    folder = tmp_path / f'night_{night:03d}'
    wake = _write_log(folder / 'wake' / 'log', 10 * night)
    base = snapshots.Lineage(
        night=night, phase='wake', parent=parent, weights_before=before,
        weights_after=before, wake_log=wake,
    )
    step = 4 * night
    store.save(step, {'night': night}, base.to_json(), keep=True)
    if not gate:
      break
    dreams = _write_log(folder / 'rem' / 'log', 10 * night + 1)
    base = dataclasses.replace(
        base, phase='rem', parent=step, dream_buffer=dreams
    )
    store.save(step + 1, {'lora': jnp.ones(3)}, base.to_json(), keep=True)
    tuned = _weights(night + 1)
    base = dataclasses.replace(
        base, phase='consolidate', parent=step + 1,
        weights_after=snapshots.digest(tuned),
    )
    store.save(step + 2, {'params': tuned}, base.to_json(), keep=True)
    base = dataclasses.replace(
        base, phase='morning', parent=step + 2, gate=gate,
        verifiers=({'name': 'python', 'version': '1', 'isolation': 'full'},),
        reasons=('held-out pass@1 rose by 0.03 (0.01, 0.05)',),
    )
    store.save(step + 3, {'night': night}, base.to_json(), keep=True)
    if gate == 'adopted':
      before, parent = base.weights_after, step + 2
  return tmp_path


@pytest.fixture(name='workdir')
def _workdir(sound, tmp_path):
  return shutil.copytree(sound, tmp_path / 'copy')


def _edit(workdir, step, **fields):
  path = workdir / 'snapshots' / 'ledger' / f'{step}.json'
  record = json.loads(path.read_text())
  record['metadata'].update(fields)
  path.write_text(json.dumps(record))


def test_whole_chain_is_printed_and_verified(sound):
  result = subprocess.run(
      [sys.executable, '-m', 'experiments.lineage', f'--workdir={sound}'],
      capture_output=True,
      text=True,
  )
  assert result.returncode == 0, result.stderr
  lines = result.stdout.splitlines()
  assert [line.split('W_')[0].strip() for line in lines if 'W_' in line] == [
      'night 0', 'night 1', 'night 2'
  ]
  assert sum('ADOPTED' in line for line in lines) == 1
  assert sum('REJECTED' in line for line in lines) == 1
  assert any('8 <- 2 ' in line for line in lines)
  assert lines[-1] == '9 snapshots, every digest verified'


def test_changed_weights_are_found(workdir):
  data = max(
      (p for p in (workdir / 'snapshots' / '2').rglob('*') if p.is_file()),
      key=lambda path: path.stat().st_size,
  )
  content = bytearray(data.read_bytes())
  content[len(content) // 2] ^= 1
  data.write_bytes(content)
  (mismatch,) = lineage.verify(workdir)
  # A flipped bit either breaks the compression or shows in the digest.
  assert 'snapshot 2' in mismatch


def test_changed_or_lost_logs_are_found(workdir):
  shutil.rmtree(workdir / 'night_000' / 'wake' / 'log')
  _write_log(workdir / 'night_000' / 'wake' / 'log', 99)
  shutil.rmtree(workdir / 'night_001' / 'rem' / 'log')
  mismatches = lineage.verify(workdir)
  assert [m.split(':')[0] for m in mismatches] == [
      'snapshot 0', 'snapshot 1', 'snapshot 2', 'snapshot 3',  # Their wake log.
      'snapshot 5', 'snapshot 6', 'snapshot 7',  # Night 1 has no dreams left.
  ]
  assert 'has content digest' in mismatches[0]
  assert 'there is no trajectory log in' in mismatches[-1]


def test_snapshot_lost_by_hand_is_found(workdir):
  shutil.rmtree(workdir / 'snapshots' / '6')
  (mismatch,) = lineage.verify(workdir)
  assert 'is on record and missing' in mismatch


@pytest.mark.parametrize('step, fields, message', [
    (0, {'weights_after': 'x'}, 'snapshot 0: the weights changed during wake'),
    (3, {'gate': 'rejected'}, 'began from snapshot 2 of night 0, which'),
    (5, {'parent': 99}, 'snapshot 5: its parent 99 is not on record'),
    (3, {'weights_after': 'x'}, 'judged other weights than its parent 2 holds'),
    (8, {'parent': None}, 'began from the initial weights although'),
    (8, {'parent': 6}, 'of night 1, which was not adopted'),
    (6, {'weights_before': 'x'}, 'disagree on the weights that night 1 began'),
])
def test_broken_links_are_found(sound, step, fields, message):
  store = snapshots.Snapshots(sound / 'snapshots', read_only=True)
  chain = lineage.read(store)
  assert not list(lineage.broken_links(chain))
  chain[step] = dataclasses.replace(chain[step], **fields)
  found = list(lineage.broken_links(chain))
  assert any(message in mismatch for mismatch in found), found


def test_record_is_checked_against_the_copy_beside_the_arrays(workdir):
  _edit(workdir, 5, reasons=['other'])
  (mismatch,) = lineage.verify(workdir)
  assert 'snapshot 5: the record beside its arrays is another one' in mismatch


def test_mismatch_gives_a_sentence_and_exit_code_one(workdir):
  _edit(workdir, 5, parent=99)
  result = subprocess.run(
      [sys.executable, '-m', 'experiments.lineage', f'--workdir={workdir}'],
      capture_output=True,
      text=True,
  )
  assert result.returncode == 1
  assert 'snapshot 5: its parent 99 is not on record' in result.stderr
  assert 'Traceback' not in result.stderr


def test_no_work_directory(tmp_path):
  with pytest.raises(SystemExit, match='there are no snapshots in .*nowhere'):
    lineage.run(tmp_path / 'nowhere')
