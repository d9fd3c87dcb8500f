"""Tests of basins: radii by hand, pushes on a small model."""

import jax
import numpy as np
import pytest

from swm_jax.evaluation import basin
from tests.samplers import tiny

GIVEN = [list(b'hello'), list(b'def f(x, y):'), list(b'a')]
# Of stop tokens and none: what is continued depends on the weights alone.
REST = [list(b'xy'), list(b'qrstu'), list(b'z')]


def _keys(count=3):
  return jax.random.split(jax.random.key(5), count)


def _settle(tau, given=None, layer=1):
  given = GIVEN if given is None else given
  decoder = tiny.decoder(top_logits=0, record_hidden=False, taps=())
  return basin.settle(
      decoder, tiny.params(), given, _keys(len(given)), layer=layer, tau=tau
  )


def _log_prob(tau, rest=None):
  return basin.log_prob(
      tiny.params(), tiny.MODEL, GIVEN, rest or REST, _keys(), layer=1, tau=tau
  )


@pytest.mark.parametrize('share, expected', [
    ([1.0, 1.0, 0.0, 0.0], 0.3),  # half way from 0.2 to 0.4
    ([1.0, 0.75, 0.25, 0.0], 0.3),
    ([1.0, 0.9, 0.4, 0.6], 0.36),  # the first crossing counts
    ([1.0, 0.5, 0.25, 0.0], 0.2),  # one half is not below one half
    ([0.25, 0.0, 0.0, 0.0], 0.0),  # does not return unpushed
    ([1.0, 0.9, 0.8, 0.5], 0.8),  # never leaves: the end of the grid
])
def test_radius_by_hand(share, expected):
  assert basin.radius([0.0, 0.2, 0.4, 0.8], share) == pytest.approx(expected)


def test_radius_of_many_curves_and_of_none():
  curves = np.array([[1.0, 0.0], [np.nan, np.nan], [1.0, 1.0]])
  np.testing.assert_allclose(basin.radius([0.0, 2.0], curves), [1, np.nan, 2])


def test_reach_by_hand():
  taus = [0.0, 0.2, 0.4, 0.8]
  share = [[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]]
  np.testing.assert_allclose(basin.reach(taus, share), [0.3, 0.8, 0.0])


def test_reach_is_the_mean_of_what_radius_is_the_median_of():
  # Everybody returns up to a push of their own, uniform on [0, 1].
  taus = np.linspace(0, 1, 101)
  share = 1 - taus
  assert basin.radius(taus, share) == pytest.approx(0.5)
  assert basin.reach(taus, share) == pytest.approx(0.5)


def test_resample_keeps_clusters_together():
  numerator = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 4.0]])
  denominator = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 2.0]])
  rows = basin.resample(
      ['a', 'a', 'b'], numerator, denominator, seed=0, resamples=400
  )
  np.testing.assert_allclose(rows[0], [2 / 3, 2.0])
  # Two clusters are drawn as aa, ab or bb.
  np.testing.assert_allclose(np.unique(rows[1:, 0].round(6)), [0, 0.666667, 1])
  assert np.isnan(rows[1:, 1]).any()
  estimate = basin.interval(rows[:, 1])
  assert estimate == {'mean': 2.0, 'low': 2.0, 'high': 2.0}
  assert basin.interval(np.array([np.nan, 1.0])) is None


def test_no_push_is_plain_greedy_decoding():
  decoded = tiny.decoder()(
      tiny.params(), GIVEN, np.arange(3), np.zeros(3), _keys()
  )
  expected = [
      tokens[mask].tolist()
      for tokens, mask in zip(decoded.tokens, decoded.mask)
  ]
  assert _settle(0.0) == expected


def test_huge_push_never_returns_and_tiny_push_always_does():
  given = [list(bytes([65 + i]) * 8) for i in range(12)]
  free = _settle(0.0, given)
  # After so large a push nothing of the stream is left but its direction.
  far = _settle(1e4, given)
  assert not any(one == other for one, other in zip(free, far))
  assert _settle(1e-6, given) == free


def test_a_key_pushes_in_one_direction():
  assert _settle(3.0) == _settle(3.0)
  assert _settle(3.0)[1:] == basin.settle(
      tiny.decoder(), tiny.params(), GIVEN[1:], _keys()[1:], layer=1, tau=3.0
  )


def test_log_prob_is_that_of_the_model_and_falls_with_the_push():
  decoded = tiny.decoder()(
      tiny.params(), GIVEN, np.arange(3), np.zeros(3), _keys()
  )
  own = [
      tokens[mask].tolist()
      for tokens, mask in zip(decoded.tokens, decoded.mask)
  ]
  expected = np.where(decoded.mask, decoded.log_prob, 0).sum(axis=1)
  np.testing.assert_allclose(_log_prob(0.0, own), expected, atol=1e-4)
  assert (_log_prob(100.0, own) < _log_prob(0.0, own)).all()


def test_log_prob_does_not_depend_on_the_batch():
  alone = [
      basin.log_prob(
          tiny.params(), tiny.MODEL, GIVEN[i:i + 1], REST[i:i + 1],
          _keys()[i:i + 1], layer=1, tau=0.5,
      )[0]
      for i in range(3)
  ]
  np.testing.assert_allclose(_log_prob(0.5), alone, atol=1e-4)
