"""Tests of penalties on weights and of the projection of A-GEM."""

from absl.testing import absltest
import chex
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.losses import compose
from swm_jax.losses import retention

START = {'a': jnp.array([1.0, 2.0]), 'b': jnp.array([[3.0]])}
PARAMS = {'a': jnp.array([2.0, 0.0]), 'b': jnp.array([[6.0]])}


class PenaltyTest(absltest.TestCase):

  def test_l2_sp_by_hand(self):
    # (1 + 4 + 9) / 2, and its gradient is the difference.
    value, grad = jax.value_and_grad(retention.l2_sp_penalty)(PARAMS, START)
    self.assertEqual(float(value), 7.0)
    chex.assert_trees_all_close(
        grad, {'a': jnp.array([1.0, -2.0]), 'b': jnp.array([[3.0]])}
    )

  def test_ewc_by_hand(self):
    fisher = {'a': jnp.array([2.0, 0.5]), 'b': jnp.array([[0.0]])}
    value, grad = jax.value_and_grad(retention.ewc_penalty)(
        PARAMS, START, fisher
    )
    self.assertEqual(float(value), 2.0)  # (2 * 1 + 0.5 * 4) / 2
    chex.assert_trees_all_close(
        grad, {'a': jnp.array([2.0, -1.0]), 'b': jnp.zeros((1, 1))}
    )

  def test_neither_pulls_at_the_start(self):
    pull = lambda start: retention.ewc_penalty(PARAMS, start, START)
    chex.assert_trees_all_equal(
        jax.grad(pull)(START), jax.tree.map(jnp.zeros_like, START)
    )

  def test_fisher_of_a_gaussian_mean_is_its_precision(self):
    # log p = -(x - w)^2 / (2 s^2): the mean of squared scores over x that lie
    # one deviation away on either side is 1 / s^2, for each coordinate.
    deviation = jnp.array([0.5, 2.0])
    log_prob = lambda w, x: -jnp.square((x - w) / deviation).sum() / 2
    w = jnp.array([3.0, -1.0])
    fisher = retention.diagonal_fisher(
        log_prob, w, jnp.stack([w + deviation, w - deviation])
    )
    chex.assert_trees_all_close(fisher, 1 / deviation**2)
    # EWC is then exactly the quadratic log-likelihood that was lost.
    moved = w + jnp.array([0.1, 0.7])
    chex.assert_trees_all_close(
        retention.ewc_penalty(moved, w, fisher),
        log_prob(w, w) - log_prob(moved, w),
        rtol=1e-5,
    )

  def test_fisher_penalty_is_kl_to_second_order(self):
    # All classes weighed by their probability: the true Fisher, diagonal for
    # independent Bernoulli logits.
    logits = jnp.array([0.3, -1.2, 2.0])
    p = jax.nn.sigmoid(logits)

    def log_prob(w, example):
      i, x, scale = example
      log_p = jnp.where(x, jax.nn.log_sigmoid(w[i]), jax.nn.log_sigmoid(-w[i]))
      return scale * log_p

    i = jnp.repeat(jnp.arange(3), 2)
    x = jnp.tile(jnp.array([True, False]), 3)
    probability = jnp.where(x, p[i], 1 - p[i])
    fisher = 6 * retention.diagonal_fisher(
        log_prob, logits, (i, x, jnp.sqrt(probability))
    )
    chex.assert_trees_all_close(fisher, p * (1 - p), rtol=1e-5)
    step = jnp.array([1e-2, -2e-2, 3e-2])
    q = jax.nn.sigmoid(logits + step)
    kl = (p * jnp.log(p / q) + (1 - p) * jnp.log((1 - p) / (1 - q))).sum()
    penalty = retention.ewc_penalty(logits + step, logits, fisher)
    chex.assert_trees_all_close(penalty, kl, rtol=3e-2)

  def test_online_fisher_fades_by_hand(self):
    total = {'a': jnp.zeros(2)}
    for latest in ([4.0, 0.0], [0.0, 2.0], [1.0, 1.0]):
      total = retention.accumulate_fisher(
          total, {'a': jnp.array(latest)}, decay=0.5
      )
    chex.assert_trees_all_close(total['a'], jnp.array([2.0, 2.0]))


class ProjectionTest(absltest.TestCase):

  def test_by_hand_over_all_leaves_together(self):
    # g·r = 3 - 8 = -5 and r·r = 5: g + r.
    grads = {'a': jnp.array([3.0, 0.0]), 'b': jnp.array([-4.0])}
    reference = {'a': jnp.array([1.0, 0.0]), 'b': jnp.array([2.0])}
    projected = retention.project(grads, reference)
    chex.assert_trees_all_close(
        projected, {'a': jnp.array([4.0, 0.0]), 'b': jnp.array([-2.0])}
    )
    # What is left is orthogonal, so that the old loss stays, to first order.
    self.assertEqual(float(projected['a'] @ reference['a']
                           + projected['b'] @ reference['b']), 0.0)

  def test_gradients_that_agree_and_absent_references_change_nothing(self):
    grads = {'a': jnp.array([3.0, -1.0])}
    for reference in ([1.0, 2.0], [0.0, 0.0], [1.0, 3.0]):
      projected = retention.project(grads, {'a': jnp.array(reference)})
      np.testing.assert_array_equal(projected['a'], grads['a'])

  def test_opposite_gradients_cancel(self):
    grads = {'a': jnp.array([3.0, -1.0])}
    projected = retention.project(grads, {'a': jnp.array([-1.5, 0.5])})
    chex.assert_trees_all_close(projected['a'], jnp.zeros(2), atol=1e-6)


class MethodsTest(absltest.TestCase):

  def test_methods_name_terms_that_have_weights(self):
    terms = {term for terms in retention.METHODS.values() for term in terms}
    for term in terms - {'agem'}:
      self.assertEqual(getattr(compose.LossWeights(**{term: 2.0}), term), 2.0)


if __name__ == '__main__':
  absltest.main()
