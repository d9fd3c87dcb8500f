"""Tests of the cluster bootstrap."""

import time

from absl.testing import absltest
import numpy as np
from scipy import stats

from swm_jax.evaluation import bootstrap
from swm_jax.evaluation import results


def _result(passed, templates=None, valid=None, order=None):
  """A set of one type from {setting: [problems, n]}."""
  passed = {s: np.asarray(p, np.uint8) for s, p in passed.items()}
  num = len(next(iter(passed.values())))
  templates = templates or [f't{i}' for i in range(num)]
  valid = valid or {s: np.ones(p.shape, bool) for s, p in passed.items()}
  order = range(num) if order is None else order
  return results.SetResults(
      'set',
      [f'p{i}' for i in order],
      ['type'] * num,
      [templates[i] for i in order],
      {s: p[list(order)] for s, p in passed.items()},
      {s: np.asarray(v, bool)[list(order)] for s, v in valid.items()},
  )


def _draw(rng, rates_P, n):
  return (rng.random((len(rates_P), n)) < rates_P[:, None]).astype(np.uint8)


class BootstrapTest(absltest.TestCase):

  def test_every_resample_of_two_templates_is_counted(self):
    # Template rates 0 and 1: resamples give 0, 1/2, 1/2, 1 with equal chance,
    # so the quartiles are 0 to 1 at 95 % and 1/2 in the middle.
    result = _result({'greedy': [[0], [1]]})
    estimate = bootstrap.interval(result, 'greedy')
    self.assertEqual((estimate.mean, estimate.low, estimate.high), (0.5, 0, 1))
    middle = bootstrap.interval(result, 'greedy', confidence=0.4)
    self.assertEqual((middle.low, middle.high), (0.5, 0.5))

  def test_resampled_ratios_weight_clusters_by_their_size(self):
    # Sums (3, 0) over sizes (3, 1). The four equally likely draws give
    # 3/3, 3/4 twice and 0/1.
    draws = bootstrap.resampled_ratios(
        np.array([[3.0], [0.0]]), np.array([[3.0], [1.0]]), 4_000, seed=1
    )[:, 0]
    values, counts = np.unique(draws, return_counts=True)
    np.testing.assert_array_equal(values, [0.0, 0.75, 1.0])
    # Standard error of a share of 1/4 over 4,000: 0.007.
    np.testing.assert_allclose(counts / 4_000, [0.25, 0.5, 0.25], atol=0.03)

  def test_agrees_with_scipy_where_every_template_has_one_problem(self):
    rng = np.random.default_rng(0)
    passed = _draw(rng, rng.random(60), 4)
    estimate = bootstrap.interval(_result({'0.8': passed}), '0.8')
    reference = stats.bootstrap(
        (passed.mean(axis=1),), np.mean, n_resamples=10_000,
        method='percentile', rng=np.random.default_rng(1),
    ).confidence_interval
    # Monte-Carlo error of a 2.5 % quantile at 10,000 resamples: about 0.0013.
    np.testing.assert_allclose(
        [estimate.low, estimate.high], reference, atol=0.006
    )

  def test_templates_widen_the_interval_of_equal_problems(self):
    # Four copies of a problem are one observation, whatever their number.
    rates = np.random.default_rng(0).integers(0, 2, (20, 1))
    copies = np.repeat(rates, 4, axis=0)
    templates = [f't{i // 4}' for i in range(80)]
    single = bootstrap.interval(_result({'greedy': rates}), 'greedy')
    clustered = bootstrap.interval(
        _result({'greedy': copies}, templates), 'greedy'
    )
    naive = bootstrap.interval(_result({'greedy': copies}), 'greedy')
    self.assertEqual((clustered.low, clustered.high), (single.low, single.high))
    self.assertEqual(clustered.clusters, 20)
    self.assertLess(
        naive.high - naive.low, 0.6 * (clustered.high - clustered.low)
    )

  def test_equal_templates_of_different_types_are_two_clusters(self):
    result = results.SetResults(
        'set', ['a', 'b'], ['list', 'string'], ['first', 'first'],
        {'greedy': np.array([[0], [1]], np.uint8)},
        {'greedy': np.ones((2, 1), bool)},
    )
    self.assertEqual(bootstrap.interval(result, 'greedy').clusters, 2)

  def test_pairing_removes_what_makes_problems_hard(self):
    # The morning solves what dusk solved and 5 more of 100: no resample is
    # below 0, though each mean alone is uncertain by 0.1.
    dusk = np.zeros((100, 1), np.uint8)
    dusk[:40] = 1
    morning = dusk.copy()
    morning[40:45] = 1
    paired = bootstrap.difference(
        _result({'greedy': dusk}), _result({'greedy': morning}), 'greedy'
    )
    self.assertAlmostEqual(paired.mean, 0.05)
    # Width of a binomial proportion 5 of 100: sd 0.0218.
    self.assertAlmostEqual(paired.low, 0.01, delta=0.0101)
    self.assertAlmostEqual(paired.high, 0.10, delta=0.0101)

  def test_row_order_changes_nothing(self):
    rng = np.random.default_rng(3)
    templates = [f't{i % 7}' for i in range(30)]
    make = lambda order: _result(tables, templates, order=order)
    tables = {s: _draw(rng, rng.random(30), 4) for s in ('0.2', '0.8')}
    dusk, turned = make(None), make(rng.permutation(30))
    tables = {s: _draw(rng, rng.random(30), 4) for s in ('0.2', '0.8')}
    morning = make(None)
    self.assertEqual(
        bootstrap.best_difference(dusk, morning),
        bootstrap.best_difference(turned, morning),
    )
    self.assertEqual(
        bootstrap.interval(dusk, '0.8'), bootstrap.interval(turned, '0.8')
    )

  def test_best_setting_is_chosen_inside_every_resample_on_each_side(self):
    # Two templates, two settings that solve one each. Dusk's best is 1/2 on the
    # data, but 1 in the resamples (each with chance 1/4) that draw a template
    # twice. The morning is 1/2 everywhere, so differences are 0 and -1/2.
    dusk = _result({'0.2': [[1], [0]], '0.8': [[0], [1]]})
    morning = _result({
        '0.2': [[1, 0], [1, 0]],
        '0.8': [[0, 0], [0, 0]],
    })
    estimate = bootstrap.best_difference(dusk, morning)
    self.assertEqual(estimate.mean, 0.0)
    self.assertEqual((estimate.low, estimate.high), (-0.5, 0.0))
    self.assertAlmostEqual(estimate.bias, -0.25, delta=0.02)
    self.assertEqual(estimate.morning_setting, '0.2')
    self.assertEqual(estimate.morning_choice, {'0.2': 1.0, '0.8': 0.0})
    # A tie goes to the first setting, so 0.8 wins in a quarter.
    self.assertAlmostEqual(estimate.dusk_choice['0.8'], 0.25, delta=0.02)

  def test_sharpening_alone_is_no_gain(self):
    # The morning at 0.8 does what dusk did at 0.2: matched at 0.8 it looks like
    # a gain, best against best it is none.
    rng = np.random.default_rng(0)
    low, high = rng.random(200) < 0.35, rng.random(200) < 0.18
    table = lambda rows: rows.astype(np.uint8)[:, None]
    dusk = _result({'0.2': table(low), '0.8': table(high)})
    morning = _result({'0.2': table(low), '0.8': table(low)})
    self.assertGreater(bootstrap.difference(dusk, morning, '0.8').low, 0.0)
    best = bootstrap.best_difference(dusk, morning)
    self.assertEqual(best.mean, 0.0)
    self.assertFalse(best.low > 0.0)

  def test_a_problem_masked_on_one_side_is_dropped_on_both(self):
    dusk = _result({'greedy': [[1], [0], [0]]},
                   valid={'greedy': [[0], [1], [1]]})
    morning = _result({'greedy': [[1], [1], [0]]})
    estimate = bootstrap.difference(dusk, morning, 'greedy')
    self.assertEqual((estimate.problems, estimate.dropped), (2, 1))
    self.assertEqual(estimate.mean, 0.5)

  def test_settings_with_fewer_than_k_samples_are_no_candidates(self):
    result = _result({'greedy': [[1], [1]], '0.8': [[0, 1], [0, 1]]})
    best = bootstrap.best_difference(result, result, k=2)
    self.assertEqual(list(best.dusk_choice), ['0.8'])
    with self.assertRaisesRegex(ValueError, 'at least k=3 samples'):
      bootstrap.best_difference(result, result, k=3)

  def test_sets_of_different_problems_are_refused(self):
    dusk = _result({'greedy': [[1], [1]]})
    with self.assertRaisesRegex(ValueError, 'differ in 1 problems'):
      bootstrap.difference(dusk, dusk.select([1, 0]), 'greedy')

  def test_interval_covers_the_truth_about_as_often_as_it_says(self):
    # 200 sets of 40 templates x 3 problems with a shared template effect.
    # True difference 0.1. A percentile interval of 40 clusters covers a little
    # less than 95 %; 200 trials have a standard error of 1.5 %.
    rng = np.random.default_rng(0)
    templates = [f't{i // 3}' for i in range(120)]
    covered = 0
    for trial in range(200):
      base_P = np.repeat(rng.uniform(0.0, 0.8, 40), 3)
      gain_P = np.repeat(rng.choice([0.0, 0.2], 40), 3)
      dusk = {'0.8': _draw(rng, base_P, 4)}
      morning = {'0.8': _draw(rng, base_P + gain_P, 4)}
      estimate = bootstrap.difference(
          _result(dusk, templates), _result(morning, templates), '0.8',
          resamples=1_000, seed=trial,
      )
      covered += estimate.low <= 0.1 <= estimate.high
    self.assertBetween(covered / 200, 0.90, 0.985)

  def test_ten_thousand_resamples_of_a_night_are_fast(self):
    rng = np.random.default_rng(0)
    templates = [f't{i // 2}' for i in range(400)]
    tables = {s: _draw(rng, rng.random(400), 4) for s in '0123'}
    result = _result(tables, templates)
    start = time.perf_counter()
    bootstrap.best_difference(result, result)
    self.assertLess(time.perf_counter() - start, 5.0)  # 0.15 s alone

  def test_same_seed_same_interval(self):
    passed = _draw(np.random.default_rng(0), np.full(9, 0.5), 4)
    result = _result({'0.8': passed})
    first, second = (bootstrap.interval(result, '0.8', seed=7) for _ in '12')
    self.assertEqual(first, second)
    other = bootstrap.interval(result, '0.8', seed=8, resamples=1_000)
    self.assertNotEqual(first, other)


if __name__ == '__main__':
  absltest.main()
