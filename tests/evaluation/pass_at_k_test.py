"""Tests of the pass@k estimator."""

import itertools
import math

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from swm_jax.evaluation import pass_at_k
from swm_jax.evaluation import results


class PassAtKTest(parameterized.TestCase):

  def test_equals_the_share_of_subsets_that_hold_a_pass(self):
    # n = 5, c = 2: of the 10 pairs, C(3, 2) = 3 hold no pass, so 7/10.
    np.testing.assert_allclose(
        pass_at_k.pass_at_k(np.array([5]), np.array([2]), 2), [0.7], rtol=1e-15
    )
    for n, c, k in itertools.product(range(1, 7), range(7), range(1, 7)):
      if c > n or k > n:
        continue
      outcomes = [1] * c + [0] * (n - c)
      subsets = list(itertools.combinations(outcomes, k))
      expected = sum(any(subset) for subset in subsets) / len(subsets)
      actual = pass_at_k.pass_at_k(np.array([n]), np.array([c]), k)
      np.testing.assert_allclose(actual, [expected], atol=1e-14)

  @parameterized.parameters((100_000, 3, 1000), (2_000, 1_999, 1), (64, 0, 64))
  def test_large_counts_neither_overflow_nor_cancel(self, n, c, k):
    expected = 1 - math.comb(n - c, k) / math.comb(n, k)
    actual = pass_at_k.pass_at_k(np.array([n]), np.array([c]), k)
    np.testing.assert_allclose(actual, [expected], rtol=1e-10)

  def test_is_one_when_fewer_than_k_samples_failed(self):
    self.assertEqual(pass_at_k.pass_at_k(np.array([8]), np.array([5]), 4), [1])

  def test_is_undefined_below_k_samples(self):
    values = pass_at_k.pass_at_k(np.array([3, 0]), np.array([1, 0]), 4)
    self.assertTrue(np.isnan(values).all())

  def test_a_masked_sample_leaves_n(self):
    # Three samples, one masked: 1 of 2, not 1 of 3; the mask wins over a pass.
    result = results.SetResults(
        'set', ['a', 'b'], ['t', 't'], ['a', 'b'],
        {'0.8': np.array([[1, 0, 0], [1, 1, 0]], np.uint8)},
        {'0.8': np.array([[1, 1, 0], [0, 0, 0]], bool)},
    )
    values = pass_at_k.per_problem(result, '0.8')
    np.testing.assert_array_equal(values, [0.5, np.nan])
    self.assertEqual(pass_at_k.mean(result, '0.8'), 0.5)
    self.assertTrue(np.isnan(pass_at_k.mean(result, '0.8', k=3)))

  def test_is_unbiased_over_samples(self):
    # 4,000 draws of n = 6 at p = 0.3: pass@3 is 1 - 0.7^3, standard error of
    # the mean below 0.4 / sqrt(4000) = 0.0064; four of them.
    c = np.random.default_rng(0).binomial(6, 0.3, size=4_000)
    mean = pass_at_k.pass_at_k(np.full(4_000, 6), c, 3).mean()
    self.assertAlmostEqual(mean, 1 - 0.7**3, delta=0.026)

  def test_rejects_impossible_counts(self):
    with self.assertRaisesRegex(ValueError, 'between 0 and num_samples'):
      pass_at_k.pass_at_k(np.array([2]), np.array([3]), 1)
    with self.assertRaisesRegex(ValueError, 'k >= 1'):
      pass_at_k.pass_at_k(np.array([2]), np.array([1]), 0)


if __name__ == '__main__':
  absltest.main()
