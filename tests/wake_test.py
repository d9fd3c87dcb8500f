"""Wake: everything is logged once, and a cut wake loses and repeats nothing."""

import jax
import numpy as np
import pytest

from swm_jax import types
from swm_jax import wake
from swm_jax.data import trajectory_log
from tests.nightly import scripted

PROBLEMS = [scripted.problem(name) for name in ('one', 'two', 'three')]
OPTIONS = wake.Options(temperatures=((0.0, 1), (0.8, 2)), wave=2)
PARAMS = {'w': np.ones(3, np.float32)}


class Cut(Exception):
  pass


def run(folder, on_wave, decoder=None, verifier=None):
  wake.run(
      PARAMS,
      PROBLEMS,
      decoder=decoder or scripted.Decoder(),
      tokenizer=scripted.TOKENIZER,
      verifiers=verifier or scripted.Verifier(),
      log=trajectory_log.TrajectoryLog(folder, vocab_size=258),
      options=OPTIONS,
      key=jax.random.key(3),
      weights_digest='w0',
      night=0,
      read_wave=lambda wave: trajectory_log.read_wave(folder, wave),
      on_wave=on_wave,
  )


def test_logs_every_sample_of_every_problem(tmp_path):
  waves = []
  run(tmp_path, lambda wave, records: waves.append((wave, len(records))))
  assert waves == [(0, 6), (1, 3)]
  records = list(trajectory_log.read(tmp_path))
  assert [r['problem'] for r in records] == [
      p.id for p in PROBLEMS for _ in range(3)
  ]
  assert [r['temperature'] for r in records[:3]] == pytest.approx([0, 0.8, 0.8])
  assert {r['weights_digest'] for r in records} == {'w0'}
  # Failed answers are kept as well as verified ones.
  assert {r['verdict']['status'] for r in records} == {types.PASS, types.FAIL}
  assert len({r['key'].tobytes() for r in records}) == 9


def test_cut_between_the_log_and_its_report_continues(tmp_path):
  run(tmp_path / 'whole', lambda wave, records: None)

  def cut(wave, records):
    raise Cut

  with pytest.raises(Cut):
    run(tmp_path / 'cut', cut)
  told, decoder = [], scripted.Decoder()
  run(tmp_path / 'cut', lambda wave, records: told.append(wave), decoder)
  assert told == [0, 1]  # The first wave is told of, and not answered, again.
  assert decoder.calls == 1
  assert trajectory_log.content_digest(tmp_path / 'cut') == (
      trajectory_log.content_digest(tmp_path / 'whole')
  )


def test_verifier_failures_are_logged_as_such(tmp_path):
  run(
      tmp_path, lambda wave, records: None,
      verifier=scripted.Verifier(error_on=['t/two']),
  )
  status = {
      r['problem']: r['verdict']['status'] for r in trajectory_log.read(tmp_path)
  }
  assert status['t/two'] == types.ERROR
  assert status['t/one'] != types.ERROR
