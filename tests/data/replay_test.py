"""Tests of the buffers: uniformity, caps, and exact restoration."""

import chex
import jax
import numpy as np
import pytest

from swm_jax.data import replay


def _anchor(i, length=3):
  rng = np.random.default_rng(i)
  return {
      'prompt': np.array([i], np.int32),
      'tokens': rng.integers(0, 99, length).astype(np.int32),
      'top_k': {
          'values': rng.normal(size=(length, 4)).astype(np.float16),
          'indices': rng.integers(0, 99, (length, 4)).astype(np.uint16),
          'log_rest': rng.normal(size=length).astype(np.float32),
      },
      'weights': 'ab' * 32,
      'night': 2,
  }


def _dream(length=2, log_ref=-3.25):
  return {'tokens': np.arange(length, dtype=np.int32), 'log_ref': log_ref}


def _assert_equal(one, two):
  chex.assert_trees_all_equal(
      jax.tree.map(np.asarray, list(one)), jax.tree.map(np.asarray, list(two))
  )
  chex.assert_trees_all_equal_dtypes(
      jax.tree.map(np.asarray, list(one)), jax.tree.map(np.asarray, list(two))
  )


def _fill(buffer, indices):
  for i in indices:
    buffer.add(_anchor(i, length=1 + i % 4))


def test_reservoir_keeps_all_until_full():
  buffer = replay.Reservoir(capacity=5, seed=0)
  _fill(buffer, range(5))
  _assert_equal(buffer.entries, [_anchor(i, 1 + i % 4) for i in range(5)])


def test_reservoir_is_uniform():
  # Item i of n is kept with probability k / n in each of m independent runs;
  # its count is binomial. The largest of 40 deviations stays below 4 standard
  # errors with probability above 0.997, and the seeds are fixed.
  n, k, runs = 40, 10, 400
  anchors = [_anchor(i) for i in range(n)]
  counts = np.zeros(n)
  for seed in range(runs):
    buffer = replay.Reservoir(capacity=k, seed=seed)
    for anchor in anchors:
      buffer.add(anchor)
    assert len(buffer) == k
    counts[[int(anchor['prompt'][0]) for anchor in buffer.entries]] += 1
  standard_error = np.sqrt(runs * (k / n) * (1 - k / n))
  assert np.abs(counts - runs * k / n).max() < 4 * standard_error


def test_reservoir_continues_over_nights_as_if_uninterrupted(tmp_path):
  whole = replay.Reservoir(capacity=7, seed=3)
  _fill(whole, range(100))
  night = replay.Reservoir(capacity=7, seed=3)
  _fill(night, range(37))
  night.save(tmp_path / 'anchors.npz')
  night = replay.Reservoir.load(tmp_path / 'anchors.npz')
  assert night.seen == 37
  _fill(night, range(37, 100))
  _assert_equal(night.entries, whole.entries)
  night.save(tmp_path / 'one.npz')
  whole.save(tmp_path / 'two.npz')
  assert (tmp_path / 'one.npz').read_bytes() == (
      tmp_path / 'two.npz'
  ).read_bytes()


def test_anchors_are_never_refreshed(tmp_path):
  buffer = replay.Reservoir(capacity=3, seed=0)
  anchor = _anchor(0)
  buffer.add(anchor)
  anchor['top_k']['values'][:] = 0  # The caller's array, not the buffer's.
  _assert_equal(buffer.entries, [_anchor(0)])
  buffer.save(tmp_path / 'anchors')
  for kept in (buffer, replay.Reservoir.load(tmp_path / 'anchors')):
    with pytest.raises(ValueError, match='read-only'):
      kept.entries[0]['top_k']['values'][:] = 0


def test_anchors_of_another_form_are_named():
  buffer = replay.Reservoir(capacity=3, seed=0)
  with pytest.raises(ValueError, match="lacks .'top_k', 'weights'."):
    buffer.add({'prompt': np.zeros(1), 'tokens': np.zeros(1)})
  buffer.add(_anchor(0))
  wide = _anchor(1)
  wide['top_k']['values'] = np.zeros((3, 8), np.float16)
  with pytest.raises(ValueError, match=r'values as \(8,\) and .* holds \(4,\)'):
    buffer.add(wide)
  assert buffer.seen == 1


def test_two_draws_are_independent_and_repeatable():
  buffer = replay.Reservoir(capacity=50, seed=0)
  _fill(buffer, range(50))
  ids = lambda drawn: [int(anchor['prompt'][0]) for anchor in drawn]
  rng = np.random.default_rng(1)
  one, two = ids(buffer.draw(rng, 10)), ids(buffer.draw(rng, 10))
  assert len(set(one)) == 10 and one != two
  assert one == ids(buffer.draw(np.random.default_rng(1), 10))
  assert len(buffer.draw(rng, 99)) == 50


def test_empty_buffers_survive(tmp_path):
  replay.Reservoir(capacity=2, seed=0).save(tmp_path / 'a.npz')
  buffer = replay.Reservoir.load(tmp_path / 'a.npz')
  assert not len(buffer)
  assert buffer.draw(np.random.default_rng(0), 3) == []


def test_damaged_or_missing_buffer_is_named(tmp_path):
  path = tmp_path / 'anchors.npz'
  with pytest.raises(FileNotFoundError, match='no replay buffer .*anchors'):
    replay.Reservoir.load(path)
  buffer = replay.Reservoir(capacity=2, seed=0)
  _fill(buffer, range(2))
  buffer.save(path)
  data = path.read_bytes()
  for damaged in (data[: len(data) // 2], b'', data[:150] + b'x' + data[151:]):
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match='anchors.npz is corrupt'):
      replay.Reservoir.load(path)
