"""Tests of the trajectory log, with half-written and damaged files."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from swm_jax import types
from swm_jax.data import trajectory_log

VOCAB = 300


def make_trajectories(lengths, seed=0, k=4, layers=2, width=8, hidden=8):
  rng = np.random.default_rng(seed)
  b, t = len(lengths), max(lengths)
  mask = np.arange(t) < np.array(lengths)[:, None]
  values = np.sort(rng.normal(-3, 1, (b, t, k)))[..., ::-1].astype(np.float32)
  return types.Trajectories(
      prompt_tokens=rng.integers(0, VOCAB, (b, 5)).astype(np.int32),
      prompt_length=rng.integers(1, 6, b).astype(np.int32),
      tokens=rng.integers(0, VOCAB, (b, t)).astype(np.int32),
      mask=mask,
      log_prob=rng.normal(size=(b, t)).astype(np.float32),
      log_prob_behaviour=rng.normal(size=(b, t)).astype(np.float32),
      top_k=types.TopKLogits(
          values=values,
          indices=rng.integers(0, VOCAB, (b, t, k)).astype(np.int32),
          log_rest=rng.normal(size=(b, t)).astype(np.float32),
      ),
      hidden=types.QuantisedHidden(
          codes=rng.integers(-127, 128, (b, t, hidden)).astype(np.int8),
          scale=rng.random((b, t)).astype(np.float32),
      ) if hidden else None,
      latents=rng.normal(size=(b, layers, 2, width)).astype(np.float32),
      stopped=mask[:, -1],
  )


def make_records(lengths, seed=0, wall_seconds=0.0, detail='', **kwargs):
  trajectories = make_trajectories(lengths, seed, **kwargs)
  problem = types.Problem(
      id='sort/é/1', type='sort', template='é', prompt='def f(a):',
      entry_point='f', tests=(),
  )
  verdict = types.Verdict(
      status=types.PASS, reason='ok', verifier='python', version='1',
      isolation='landlock', wall_seconds=wall_seconds, detail=detail,
      score=0.25, weak=True,
  )
  return [
      trajectory_log.record(
          trajectories, row, problem=problem, text='  return 1\n',
          verdict=verdict, temperature=0.8, weights_digest='ab' * 32,
          key=np.array([row, 2**32 - 1], np.uint32), phase='wake', night=0,
      )
      for row in range(len(lengths))
  ]


def test_only_known_origins_are_recorded():
  [made] = make_records([2])
  assert made['origin'] == 'sample'
  kwargs = {
      name: made[name] for name in ('text', 'temperature', 'key', 'phase')
  }
  with pytest.raises(ValueError, match="origin='luck' is unknown"):
    trajectory_log.record(
        make_trajectories([2]), 0, problem=None, verdict=None, night=0,
        weights_digest='', origin='luck', **kwargs,
    )


def _open(directory):
  return trajectory_log.TrajectoryLog(directory, vocab_size=VOCAB)


@pytest.fixture(name='directory')
def _directory(tmp_path):
  return tmp_path / 'log'


def test_records_return_as_they_were_written(directory):
  log = _open(directory)
  records = make_records([3, 1, 7])
  log.append_wave(records)
  read = list(trajectory_log.read(directory))
  assert len(read) == 3
  for wrote, got in zip(records, read):
    assert got['problem'] == 'sort/é/1'
    assert got['verdict'] == wrote['verdict']
    assert got['stopped'] == wrote['stopped']
    np.testing.assert_allclose(got['temperature'], 0.8, rtol=1e-7)
    for name in (
        'prompt_tokens', 'tokens', 'log_prob', 'log_prob_behaviour', 'key'
    ):
      np.testing.assert_array_equal(got[name], wrote[name])
      assert got[name].dtype == wrote[name].dtype
    assert got['latents'].dtype == np.float16
    # Half precision: 11 significant bits, so 2^-11 relative.
    np.testing.assert_allclose(got['latents'], wrote['latents'], rtol=5e-4)
    top_k = trajectory_log.top_k_logits(got)
    assert got['top_k']['indices'].dtype == np.uint16
    np.testing.assert_array_equal(top_k.indices, wrote['top_k']['indices'])
    np.testing.assert_allclose(
        top_k.values, wrote['top_k']['values'], rtol=5e-4
    )
    np.testing.assert_array_equal(top_k.log_rest, wrote['top_k']['log_rest'])
    hidden = trajectory_log.quantised_hidden(got)
    assert hidden.codes.dtype == np.int8
    np.testing.assert_array_equal(hidden.codes, wrote['hidden']['codes'])
    np.testing.assert_array_equal(hidden.scale, wrote['hidden']['scale'])


def test_z_past_takes_a_300th_of_dense_float32_logits(directory):
  # 49,152 logits of float32 are 196,608 bytes a token; a 300th is 655. 16
  # logits take 16 (2 + 2) + 4 bytes, and the hidden state 576 + 4.
  # Random content does not compress.
  lengths = [48] * 256
  log = _open(directory)
  log.append_wave(make_records(lengths, k=0, hidden=0, layers=0))
  log.append_wave(make_records(lengths, k=16, hidden=576, layers=0))
  without, with_z_past = (
      (directory / f'trajectory_log-train.array_record-{wave:05d}')
      .stat().st_size
      for wave in range(2)
  )
  # Files are padded to blocks of 64 KiB, hence one block more at most.
  per_token = (with_z_past - without + 2**16) / sum(lengths)
  assert per_token <= 4 * 49_152 / 300
  got = trajectory_log.read_wave(directory, 1)[0]
  stored = [*got['top_k'].values(), *got['hidden'].values()]
  assert sum(array.nbytes for array in stored) / 48 == 648


def test_no_stored_logits_and_no_taps(directory):
  log = _open(directory)
  log.append_wave(make_records([2], k=0, hidden=0, layers=0))
  (got,) = trajectory_log.read(directory)
  with pytest.raises(ValueError, match='decode with record_hidden'):
    trajectory_log.quantised_hidden(got)
  assert got['top_k']['values'].shape == (2, 0)
  assert got['latents'].shape[:2] == (0, 2)


def test_third_party_opens_it_without_tensorflow(directory):
  log = _open(directory)
  log.append_wave(make_records([3, 1], seed=1))
  log.append_wave(make_records([5], seed=2))
  log.finalize()
  program = (
      'import sys\n'
      'import tensorflow_datasets as tfds\n'
      f'b = tfds.builder_from_directory({str(directory)!r})\n'
      'source = b.as_data_source("train")\n'
      'print([len(source[i]["tokens"]) for i in range(len(source))])\n'
      'print("tensorflow" in sys.modules)'
  )
  result = subprocess.run(
      [sys.executable, '-c', program], capture_output=True, text=True
  )
  assert result.stdout.split('\n')[:2] == ['[3, 1, 5]', 'False'], result.stderr
  source = tfds.builder_from_directory(directory).as_data_source('train')
  for theirs, ours in zip(source, trajectory_log.read(directory)):
    assert theirs['problem'].decode() == ours['problem']
    np.testing.assert_array_equal(
        theirs['top_k']['values'], ours['top_k']['values']
    )


def test_half_written_wave_is_removed_and_whole_ones_are_kept(directory):
  log = _open(directory)
  log.append_wave(make_records([3], seed=1))
  path = directory / 'trajectory_log-train.array_record-00001.partial'
  path.write_bytes(b'half')
  (directory / 'info.partial').mkdir()  # Killed while finalizing.
  log = _open(directory)
  assert log.num_waves == 1
  assert not path.exists()
  assert log.append_wave(make_records([2], seed=2)) == 1
  log.finalize()
  assert _open(directory).finalized
  with pytest.raises(ValueError, match='is finalized'):
    log.append_wave(make_records([2]))


def test_full_disk_leaves_the_log_as_it_was(directory):
  log = _open(directory)
  log.append_wave(make_records([3], seed=1))
  partial = directory / 'trajectory_log-train.array_record-00001.partial'
  partial.symlink_to('/dev/full')
  with pytest.raises(OSError, match='No space left on device'):
    log.append_wave(make_records([3], seed=2))
  assert _open(directory).num_waves == 1
  assert len(list(trajectory_log.read(directory))) == 1


@pytest.mark.parametrize('damage', [
    pytest.param(lambda data: data[: len(data) // 2], id='cut'),
    pytest.param(
        lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:],
        id='one_bit',
    ),
    pytest.param(lambda data: b'', id='empty'),
])
def test_damaged_shard_is_named(directory, damage):
  log = _open(directory)
  log.append_wave(make_records([30, 40]))
  path = directory / 'trajectory_log-train.array_record-00000'
  path.write_bytes(damage(path.read_bytes()))
  with pytest.raises(ValueError, match='record-00000 is corrupt'):
    list(trajectory_log.read(directory))


def test_missing_shard_is_named(directory):
  log = _open(directory)
  for seed in range(3):
    log.append_wave(make_records([3], seed))
  (directory / 'trajectory_log-train.array_record-00001').unlink()
  with pytest.raises(FileNotFoundError, match='record-00001 is missing'):
    _open(directory)
  with pytest.raises(FileNotFoundError, match='no trajectory log'):
    list(trajectory_log.read(directory / 'elsewhere'))


def test_log_of_another_vocabulary_is_refused(directory):
  _open(directory)
  with pytest.raises(ValueError, match='use another work directory'):
    trajectory_log.TrajectoryLog(directory, vocab_size=100_000)


def test_record_with_a_missing_field_is_named(directory):
  (entry,) = make_records([2])
  del entry['latents']
  with pytest.raises(ValueError, match='latents'):
    _open(directory).append_wave([entry])


def _digest(tmp_path, name, *waves):
  directory = tmp_path / name
  log = _open(directory)
  for wave in waves:
    log.append_wave(wave)
  return trajectory_log.content_digest(directory)


def test_digest_ignores_times_and_the_cut_into_waves(tmp_path):
  one = make_records([3, 2, 4], wall_seconds=0.1, detail='at 0x7f01')
  two = make_records([3, 2, 4], wall_seconds=0.9, detail='at 0x55aa')
  assert _digest(tmp_path, 'a', one) == _digest(
      tmp_path, 'b', two[:1], two[1:]
  )


def test_digest_sees_every_other_field(tmp_path):
  base = _digest(tmp_path, 'a', make_records([3, 2]))
  changed = make_records([3, 2])
  changed[1]['log_prob'] = changed[1]['log_prob'] + np.float32(1e-6)
  assert base != _digest(tmp_path, 'b', changed)
  changed = make_records([3, 2])
  changed[0]['verdict']['isolation'] = 'rlimits'
  assert base != _digest(tmp_path, 'c', changed)
  assert base != _digest(tmp_path, 'd', make_records([3, 2])[::-1])
