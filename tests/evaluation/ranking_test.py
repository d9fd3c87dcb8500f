"""Tests of the AUROC and its interval."""

import math

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from scipy import stats

from swm_jax.evaluation import bootstrap
from swm_jax.evaluation import ranking


def _data(seed=0, problems=12, samples=5):
  """Scores that know something, in problems of three to a template."""
  rng = np.random.default_rng(seed)
  problem_N = np.repeat(np.arange(problems), samples)
  template_N = problem_N // 3
  right_N = rng.random(len(problem_N)) < rng.random(problems)[problem_N]
  score_N = np.round(right_N + rng.normal(size=len(problem_N)), 1)
  return score_N, right_N, problem_N.tolist(), template_N.tolist()


class AurocTest(parameterized.TestCase):

  @parameterized.parameters(
      ([1.0, 2.0, 3.0, 4.0], [0, 0, 1, 1], 1.0),
      ([4.0, 3.0, 2.0, 1.0], [0, 0, 1, 1], 0.0),
      # Right 2 and 4 against wrong 1 and 3: won, lost, won, won.
      ([1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1], 0.75),
      # Right 1 and 2 against wrong 1: a tie counts half, (0.5 + 1) / 2.
      ([1.0, 1.0, 2.0], [0, 1, 1], 0.75),
      ([5.0, 5.0, 5.0], [0, 1, 1], 0.5),
      ([-math.inf, 0.0], [0, 1], 1.0),
  )
  def test_by_hand(self, scores, right, value):
    self.assertAlmostEqual(ranking.auroc(scores, right), value)

  @parameterized.parameters(([],), ([True],), ([False, False],))
  def test_nothing_to_compare(self, right):
    self.assertTrue(math.isnan(ranking.auroc([1.0] * len(right), right)))

  def test_is_mann_whitney(self):
    score_N, right_N, *_ = _data()
    u = stats.mannwhitneyu(score_N[right_N], score_N[~right_N]).statistic
    self.assertAlmostEqual(
        ranking.auroc(score_N, right_N), u / right_N.sum() / (~right_N).sum()
    )


class IntervalTest(absltest.TestCase):

  def test_resamples_are_aurocs_of_drawn_templates(self):
    score_N, right_N, problems, templates = _data()
    estimate = ranking.across(
        score_N, right_N, problems, templates, resamples=200, seed=3
    )
    self.assertEqual(estimate.value, ranking.auroc(score_N, right_N))
    # The same draws, ranked again one by one.
    rng = np.random.default_rng(3)
    draws = []
    for weights in rng.multinomial(4, np.full(4, 0.25), size=200):
      rows = np.concatenate([
          np.tile(np.flatnonzero(np.array(templates) == g), weights[g])
          for g in range(4)
      ])
      draws.append(ranking.auroc(score_N[rows], right_N[rows]))
    low, high = bootstrap.percentile_interval(np.array(draws), 0.95)
    self.assertAlmostEqual(estimate.low, low)
    self.assertAlmostEqual(estimate.high, high)
    self.assertEqual(
        (estimate.samples, estimate.right, estimate.problems,
         estimate.clusters),
        (60, right_N.sum(), 12, 4),
    )

  def test_within_is_the_mean_over_mixed_problems(self):
    # Problem a: 1.0. b: right 1 of wrong 0 and 2, so 0.5. c and d: no pair.
    scores = [1.0, 0.0, 1.0, 0.0, 2.0, 9.0, 9.0, -9.0]
    right = [True, False, True, False, False, True, True, False]
    problems = ['a', 'a', 'b', 'b', 'b', 'c', 'c', 'd']
    estimate = ranking.within(scores, right, problems, problems)
    self.assertEqual(estimate.value, 0.75)
    # Two templates of 1 and 1/2: a quarter of the resamples is each extreme.
    self.assertEqual((estimate.low, estimate.high), (0.5, 1.0))
    self.assertEqual(
        (estimate.samples, estimate.right, estimate.problems,
         estimate.clusters), (5, 2, 2, 2)
    )

  def test_knowing_the_easy_problems_helps_across_and_not_within(self):
    # The score is the problem's rate: the same for all samples of a problem.
    problems = [i for i in range(10) for _ in range(10)]
    right = [k < i for i in range(10) for k in range(10)]
    across = ranking.across(problems, right, problems, problems)
    within = ranking.within(problems, right, problems, problems)
    self.assertGreater(across.low, 0.7)
    self.assertEqual((within.value, within.low, within.high), (0.5, 0.5, 0.5))

  def test_row_order_changes_nothing(self):
    score_N, right_N, problems, templates = _data()
    order = np.random.default_rng(1).permutation(len(score_N))
    for measure in (ranking.across, ranking.within):
      self.assertEqual(
          measure(score_N, right_N, problems, templates, resamples=100),
          measure(
              score_N[order], right_N[order],
              [problems[i] for i in order], [templates[i] for i in order],
              resamples=100,
          ),
      )

  def test_nothing_to_compare(self):
    for measure in (ranking.across, ranking.within):
      estimate = measure([1.0, 2.0], [True, True], ['a', 'a'], ['t', 't'])
      for value in (estimate.value, estimate.low, estimate.high):
        self.assertTrue(math.isnan(value))


if __name__ == '__main__':
  absltest.main()
