"""Tests of the contrastive divergence."""

import functools

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.losses import contrastive

# Prompt 0: x+ at 1, x- at 2 and 4. Prompt 1: x+ only. Prompt 2: x+ at 0 and 2,
# x- at 1. The last slot is a verifier's failure.
ENERGY = jnp.array([1.0, 2.0, 4.0, 7.0, 0.0, 2.0, 1.0, np.nan])
SIGN = jnp.array([1, -1, -1, 1, 1, 1, -1, 0])
GROUP = jnp.array([0, 0, 0, 1, 2, 2, 2, 2])


@functools.partial(jax.jit, static_argnames=('form', 'beta', 'margin', 'l2'))
def _loss(energy=ENERGY, sign=SIGN, group=GROUP, weight=None, **kwargs):
  return contrastive.contrastive_divergence_loss(
      energy, sign, weight, group=group, num_groups=3, **kwargs
  )


def _softplus(x):
  return np.log1p(np.exp(x))


class ContrastiveTest(parameterized.TestCase):

  def test_softplus_by_hand(self):
    loss, paired = _loss(beta=2.0, margin=0.5)
    expected = [
        (_softplus(-2 + 0.5) + _softplus(-6 + 0.5)) / 2,
        0.0,
        (_softplus(-2 + 0.5) + _softplus(2 + 0.5)) / 2,
    ]
    chex.assert_trees_all_close(loss, jnp.array(expected), atol=1e-6)
    self.assertSequenceEqual(paired.tolist(), [True, False, True])

  def test_raw_by_hand(self):
    loss, _ = _loss(form='raw', beta=9.0)  # beta does not matter here
    # ((1 - 2) + (1 - 4)) / 2 and ((0 - 1) + (2 - 1)) / 2.
    chex.assert_trees_all_close(loss, jnp.array([-2.0, 0.0, 0.0]))

  def test_topr_by_hand(self):
    # x- alone: -(2 + 4) / 2 and, over two pairs with one x-, -1.
    loss, paired = _loss(form='topr')
    chex.assert_trees_all_close(loss, jnp.array([-3.0, 0.0, -1.0]))
    self.assertSequenceEqual(paired.tolist(), [True, False, True])
    weight = jnp.array([9.0, 0.5, 0.0, 9.0, 9.0, 9.0, 0.1, np.nan])
    loss, _ = _loss(form='topr', weight=weight)
    chex.assert_trees_all_close(loss, jnp.array([-0.5, 0.0, -0.1]))

  def test_topr_is_truncated_importance_times_log_likelihood(self):
    # min(1, pi / mu) log pi: what is drawn too rarely now is pushed less.
    log_mu = jnp.array([0.0, -2.0])

    def loss(log_pi):
      return contrastive.contrastive_divergence_loss(
          jnp.concatenate([jnp.zeros(1), -log_pi]), jnp.array([1, -1, -1]),
          jnp.pad(contrastive.importance_weight(log_pi, log_mu), (1, 0)),
          group=jnp.zeros(3, jnp.int32), num_groups=1, form='topr',
      )[0][0]

    grad = jax.grad(loss)(jnp.array([-3.0, -1.0]))
    chex.assert_trees_all_close(
        grad, jnp.array([np.exp(-3.0), 1.0]) / 2, atol=1e-6
    )

  def test_margin_of_softplus_is_that_of_simpo(self):
    # SimPO: -log sigmoid(beta (log pi(x+) - log pi(x-)) - gamma), log pi a mean
    # over tokens, which is minus our energy.
    winner, loser, beta, gamma = -0.4, -0.7, 2.5, 1.4
    loss, _ = contrastive.contrastive_divergence_loss(
        jnp.array([-winner, -loser]), jnp.array([1, -1]),
        group=jnp.zeros(2, jnp.int32), num_groups=1, beta=beta, margin=gamma,
    )
    expected = -np.log(1 / (1 + np.exp(-(beta * (winner - loser) - gamma))))
    chex.assert_trees_all_close(loss[0], expected, atol=1e-6)

  def test_logsumexp_by_hand(self):
    loss, _ = _loss(form='logsumexp')
    expected = [
        np.log(1 + np.exp(-1.0) + np.exp(-3.0)),
        0.0,
        (np.log(1 + np.exp(-1.0)) + np.log(1 + np.exp(1.0))) / 2,
    ]
    chex.assert_trees_all_close(loss, jnp.array(expected), atol=1e-6)

  def test_weights_by_hand(self):
    weight = jnp.array([9.0, 0.5, 0.0, 9.0, 9.0, 9.0, 1.0, np.nan])
    raw, _ = _loss(weight=weight, form='raw')
    # 0.5 * (1 - 2) over two pairs.
    chex.assert_trees_all_close(raw, jnp.array([-0.25, 0.0, 0.0]))
    soft, _ = _loss(weight=weight)
    chex.assert_trees_all_close(soft[0], 0.5 * _softplus(-1.0) / 2, atol=1e-6)
    lse, _ = _loss(weight=weight, form='logsumexp')
    chex.assert_trees_all_close(
        lse[0], np.log(1 + 0.5 * np.exp(-1.0)), atol=1e-6
    )

  def test_l2_by_hand(self):
    plain, _ = _loss(form='raw')
    held, _ = _loss(form='raw', l2=0.1)
    # Prompt 0: ((1 + 4) + (1 + 16)) / 2 = 11; prompt 2: (1 + 5) / 2 = 3.
    chex.assert_trees_all_close(
        held - plain, jnp.array([1.1, 0.0, 0.3]), atol=1e-6
    )

  @parameterized.product(
      form=('softplus', 'raw', 'logsumexp'), beta=(0.5, 4.0)
  )
  def test_descends_on_verified_and_ascends_on_failed(self, form, beta):
    grad = jax.grad(lambda e: _loss(e, form=form, beta=beta)[0].sum())(ENERGY)
    self.assertTrue(jnp.isfinite(grad).all())
    for slot in (0, 4, 5):  # x+ with an opponent
      self.assertGreater(grad[slot], 0.0)
    for slot in (1, 2, 6):  # x-
      self.assertLess(grad[slot], 0.0)
    for slot in (3, 7):  # no opponent, and a failed verifier
      self.assertEqual(grad[slot], 0.0)
    # Only differences matter: a prompt's gradients sum to zero.
    self.assertAlmostEqual(float(grad.sum()), 0.0, places=5)

  def test_fixed_point_of_softplus_with_l2(self):
    # For one pair at energies -a and +a with beta = 1 the gradient on x+ is
    # sigmoid(-2a) - 2 l2 a; it vanishes where sigmoid(-2a) = 2 l2 a.
    a, l2 = 1.0, float(jax.nn.sigmoid(-2.0)) / 2.0
    grad = jax.jit(
        jax.grad(
            lambda e: contrastive.contrastive_divergence_loss(
                e, jnp.array([1, -1]), group=jnp.zeros(2, jnp.int32),
                num_groups=1, l2=l2,
            )[0][0]
        )
    )
    chex.assert_trees_all_close(
        grad(jnp.array([-a, a])), jnp.zeros(2), atol=1e-6
    )
    energies = jnp.zeros(2)
    for _ in range(200):
      energies -= grad(energies)
    chex.assert_trees_all_close(energies, jnp.array([-a, a]), atol=1e-4)

  def test_softplus_forgets_pairs_that_are_far_apart_and_raw_does_not(self):
    energy = jnp.array([0.0, 50.0])
    pull = {}
    for form in ('softplus', 'raw'):
      grad = jax.jit(
          jax.grad(
              lambda e: contrastive.contrastive_divergence_loss(
                  e, jnp.array([1, -1]), group=jnp.zeros(2, jnp.int32),
                  num_groups=1, form=form,  # pylint: disable=cell-var-from-loop
              )[0][0]
          )
      )
      pull[form] = grad(energy)[0]
    self.assertLess(pull['softplus'], 1e-6)
    self.assertEqual(pull['raw'], 1.0)

  def test_errors_change_nothing(self):
    clean, _ = _loss(ENERGY[:7], SIGN[:7], GROUP[:7])
    dirty, _ = _loss()
    chex.assert_trees_all_close(clean, dirty)

  def test_unknown_form_is_named(self):
    with self.assertRaisesRegex(ValueError, "form='hinge' is unknown"):
      _loss(form='hinge')

  def test_importance_weights_by_hand(self):
    log_pi = jnp.array([-1.0, -3.0, -2.0])
    log_mu = jnp.array([-2.0, -2.0, -500.0])
    chex.assert_trees_all_close(
        contrastive.importance_weight(log_pi, log_mu),
        jnp.array([1.0, np.exp(-1.0), 1.0]),
        atol=1e-6,
    )
    grad = jax.grad(
        lambda x: contrastive.importance_weight(x, log_mu).sum()
    )(log_pi)
    chex.assert_trees_all_close(grad, jnp.zeros(3))

  @parameterized.parameters(
      ([1, 2, 3], [1, 2, 4], 2),
      ([1, 2, 3], [9, 2, 3], 0),
      ([1, 2], [1, 2, 3], 2),
      ([1, 2], [1, 2], 2),
      ([], [1], 0),
  )
  def test_first_divergence(self, tokens, other, index):
    self.assertEqual(contrastive.first_divergence(tokens, other), index)
    self.assertEqual(contrastive.first_divergence(other, tokens), index)

  def test_mask_starts_at_the_earliest_divergence(self):
    mask = contrastive.after_first_divergence(
        [1, 2, 3, 4], [[1, 2, 3, 5], [1, 7]]
    )
    self.assertSequenceEqual(mask.tolist(), [False, True, True, True])
    with self.assertRaisesRegex(ValueError, 'others is empty'):
      contrastive.after_first_divergence([1], [])


if __name__ == '__main__':
  absltest.main()
