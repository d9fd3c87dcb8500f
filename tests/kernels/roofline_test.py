"""Predictions by hand, and the formulas against XLA's own count."""

from absl.testing import absltest
from absl.testing import parameterized
from jax.experimental import pallas as pl

from experiments.benchmarks import attention as benchmark
from swm_jax.kernels.attention import flash_problem
from swm_jax.kernels.attention import roofline

_DEVICE = roofline.Device('toy', False, 100.0, 10.0, 128, '')


def _problem(T, S, block_q=128, block_k=128, is_causal=True):
  return flash_problem.Problem(
      shape=(1, T, S, 2, 1, 64),
      scale=1.0,
      is_causal=is_causal,
      has_segments=False,
      seen_shape=None,
      block_q=block_q,
      block_k=block_k,
      itemsize=2,
  )


class RooflineTest(parameterized.TestCase):

  def test_prediction_by_hand(self):
    # The first takes 1000 / 100 = 10 s of arithmetic, doubled as heads of 64
    # fill half of a unit of 128; the second 50 / 10 = 5 s of traffic.
    costs = [
        pl.CostEstimate(flops=1000, transcendentals=0, bytes_accessed=20),
        pl.CostEstimate(flops=100, transcendentals=0, bytes_accessed=50),
    ]
    found = roofline.predict(_DEVICE, costs, useful_flops=500, width=64)
    self.assertEqual(
        found, roofline.Prediction(25.0, 'compute', 500 / 25 / 100, 1100, 70)
    )

  @parameterized.parameters(
      # Blocks on and below the diagonal of 3 x 3; then keys that are never
      # seen; queries that see all; blocks of different sizes.
      (384, 384, 128, 128, 6),
      (128, 384, 128, 128, 1),
      (384, 128, 128, 128, 3),
      (512, 512, 256, 128, 6),
      (512, 512, 128, 256, 6),
  )
  def test_causal_blocks_are_counted(self, T, S, block_q, block_k, expected):
    problem = _problem(T, S, block_q, block_k)
    self.assertEqual(problem.visited_blocks, expected)
    brute = sum(
        i_k <= flash_problem.last_key_block(problem, i_q)
        for i_q in range(problem.query_blocks)
        for i_k in range(problem.key_blocks)
    )
    self.assertEqual(brute, expected)

  def test_forward_cost_by_hand(self):
    # 2 heads, 3 pairs of blocks of 128 x 128, 2 dots of 64.
    cost = roofline.flash_costs(_problem(256, 256), backward=False)[0]
    pairs = 2 * 3 * 128 * 128
    self.assertEqual(cost.flops, 4 * 64 * pairs)
    self.assertEqual(cost.transcendentals, pairs)
    # Query and out once, key and value per pair of blocks, lse in float32.
    self.assertEqual(
        cost.bytes_accessed,
        2 * 64 * (2 * 2 * 256 + 2 * 6 * 128) + 4 * 2 * 256,
    )

  @parameterized.parameters((5, 5), (5, 9), (9, 5))
  def test_useful_pairs_are_those_seen(self, T, S):
    seen = sum(s <= t for t in range(T) for s in range(S))
    self.assertEqual(
        roofline.flash_useful_flops(_problem(T, S), backward=False),
        4 * 2 * 64 * seen,
    )

  def test_xla_counts_the_formula_in_the_reference(self):
    work = benchmark.Work('tiny', (1, 256, 256, 4, 2, 64))
    # What is not a dot, the softmax, is a few FLOPs per pair and 256 per dot.
    self.assertBetween(benchmark.reference_flops_ratio(work), 1.0, 1.08)

  def test_every_benchmarked_work_has_a_prediction(self):
    for work in benchmark._WORKS:
      for device in roofline.DEVICES:
        found = benchmark.predict(work, device)
        self.assertBetween(found.share_of_peak, 0.0, 1.0)
        if work.decodes:
          self.assertEqual(found.bound, 'memory')
        elif work.shape[1] > 4096:
          self.assertEqual(found.bound, 'compute')


if __name__ == '__main__':
  absltest.main()
