"""Tests of the metrics files, with interrupted writers."""

import jax.numpy as jnp
import pytest

from swm_jax import metrics


def test_lines_return_in_order(tmp_path):
  with metrics.MetricsWriter(tmp_path) as writer:
    writer.write('rem', 0, 0, {'loss': jnp.float32(0.5), 'tokens': 3})
    writer.write('rem', 0, 1, {'loss': 0.25})
    writer.write('rem', 1, 0, {'loss': 1.0})
  assert metrics.read(tmp_path) == [
      {'phase': 'rem', 'night': 0, 'step': 0, 'loss': 0.5, 'tokens': 3.0},
      {'phase': 'rem', 'night': 0, 'step': 1, 'loss': 0.25},
      {'phase': 'rem', 'night': 1, 'step': 0, 'loss': 1.0},
  ]
  assert list((tmp_path / 'tensorboard').glob('events.*'))


def test_resumed_run_leaves_the_file_of_an_uninterrupted_one(tmp_path):
  def run(workdir, first, last):
    writer = metrics.MetricsWriter(workdir)
    for step in range(first, last):
      writer.write('rem', 0, step, {'loss': 1 / (step + 1)})
    return writer  # Not closed: the process was killed.

  run(tmp_path / 'whole', 0, 6)
  run(tmp_path / 'killed', 0, 4)
  path = tmp_path / 'killed' / 'metrics.jsonl'
  path.write_text(path.read_text() + '{"phase": "rem", "st')
  assert len(metrics.read(tmp_path / 'killed')) == 4
  run(tmp_path / 'killed', 2, 6)  # Step 2 was the last one saved.
  assert path.read_bytes() == (
      tmp_path / 'whole' / 'metrics.jsonl'
  ).read_bytes()


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_values_that_are_not_finite_are_named(tmp_path, value):
  with metrics.MetricsWriter(tmp_path) as writer:
    message = f'grad_norm is {value} at step 7 of rem, night 0'
    with pytest.raises(FloatingPointError, match=message):
      writer.write('rem', 0, 7, {'loss': 1.0, 'grad_norm': jnp.float32(value)})
  assert metrics.read(tmp_path) == []


def test_damaged_line_is_named(tmp_path):
  whole = '{"phase": "rem", "night": 0, "step": 0}'
  (tmp_path / 'metrics.jsonl').write_text(f'{whole}\nx\n')
  with pytest.raises(ValueError, match='metrics.jsonl line 2 is damaged'):
    metrics.MetricsWriter(tmp_path)


def test_no_metrics_yet(tmp_path):
  assert metrics.read(tmp_path) == []
