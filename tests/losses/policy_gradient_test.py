"""Tests of the controls, by hand."""

from absl.testing import absltest
import chex
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.losses import policy_gradient

REWARD = jnp.array([1.0, 0.0, 0.0, 0.0, 1.0, 1.0])
GROUP = jnp.array([0, 0, 0, 0, 1, 1])
MASK = jnp.arange(3)[None, :] < jnp.array([3, 1, 2, 3, 2, 1])[:, None]


def _grpo(log_pf, log_behaviour, mask=MASK, reward=REWARD, **kwargs):
  return policy_gradient.grpo_loss(
      log_pf, log_behaviour, reward, mask, group=GROUP, num_groups=2, **kwargs
  )


class AdvantageTest(absltest.TestCase):

  def test_by_hand(self):
    advantage = policy_gradient.group_advantage(
        REWARD, jnp.ones(6, bool), group=GROUP, num_groups=2, epsilon=0.0625
    )
    # Mean 1/4, deviation sqrt(3) / 4; the second group is all right.
    deviation = np.sqrt(3.0) / 4 + 0.0625
    expected = np.array([0.75, -0.25, -0.25, -0.25, 0.0, 0.0]) / deviation
    chex.assert_trees_all_close(advantage, expected, atol=1e-6)

  def test_failed_verifications_are_left_out(self):
    advantage = policy_gradient.group_advantage(
        REWARD.at[3].set(jnp.nan),
        jnp.array([True, True, True, False, True, True]),
        group=GROUP.at[3].set(-7),
        num_groups=2,
    )
    self.assertEqual(advantage[3], 0.0)
    # Mean 1/3, deviation sqrt(2) / 3.
    np.testing.assert_allclose(advantage[0], np.sqrt(2.0), rtol=1e-3)


class GrpoTest(absltest.TestCase):

  def test_on_policy_gradient_is_minus_the_mean_advantage(self):
    log_pf = jnp.full((6, 3), -1.0)
    grad = jax.jit(jax.grad(lambda x: _grpo(x, log_pf).sum()))(log_pf)
    advantage = policy_gradient.group_advantage(
        REWARD, jnp.ones(6, bool), group=GROUP, num_groups=2
    )
    length = MASK.sum(axis=1, keepdims=True)
    expected = jnp.where(MASK, -advantage[:, None] / length, 0.0)
    chex.assert_trees_all_close(grad, expected, atol=1e-6)

  def test_clipping_by_hand(self):
    behaviour = jnp.full((6, 3), -1.0)
    # Ratio 2 of a right answer is clipped to 1.2, that of a wrong one is not.
    log_pf = behaviour + jnp.log(2.0)
    loss = _grpo(log_pf, behaviour)
    advantage = policy_gradient.group_advantage(
        REWARD, jnp.ones(6, bool), group=GROUP, num_groups=2
    )
    factor = jnp.array([1.2, 2.0, 2.0, 2.0, 1.0, 1.0])
    chex.assert_trees_all_close(loss, -factor * advantage, atol=1e-5)
    grad = jax.grad(lambda x: _grpo(x, behaviour).sum())(log_pf)
    chex.assert_trees_all_equal(grad[0], jnp.zeros(3))

  def test_penalty_by_hand(self):
    log_pf = jnp.full((6, 3), -1.0)
    loss = _grpo(
        log_pf, log_pf, reward=jnp.ones(6), log_p_ref=log_pf + 0.5,
        kl_weight=0.1,
    )
    expected = 0.1 * (np.exp(0.5) - 1.5)
    chex.assert_trees_all_close(loss, jnp.full(6, expected), atol=1e-6)
    with self.assertRaisesRegex(ValueError, 'needs log_p_ref'):
      _grpo(log_pf, log_pf, kl_weight=0.1)

  def test_extreme_ratios_stay_finite(self):
    loss, grad = jax.value_and_grad(
        lambda x: _grpo(x, jnp.full((6, 3), -500.0)).sum()
    )(jnp.zeros((6, 3)))
    self.assertTrue(jnp.isfinite(loss))
    self.assertTrue(jnp.isfinite(grad).all())


class CrossEntropyTest(absltest.TestCase):

  def test_by_hand(self):
    log_pf = jnp.array([[-1.0, -2.0, -9.0], [-3.0, -4.0, -5.0]])
    mask = jnp.array([[True, True, False], [True, True, True]])
    loss = policy_gradient.verified_cross_entropy_loss(
        log_pf, jnp.array([1.0, 0.0]), mask
    )
    chex.assert_trees_all_close(loss, jnp.array([3.0, 0.0]))

  def test_failed_verifications_are_inert(self):
    junk = jnp.full((1, 3), jnp.nan)
    loss, grad = jax.value_and_grad(
        lambda x: policy_gradient.verified_cross_entropy_loss(
            x, jnp.array([jnp.nan]), jnp.zeros((1, 3), bool)
        ).sum()
    )(junk)
    self.assertEqual(loss, 0.0)
    chex.assert_trees_all_equal(grad, jnp.zeros((1, 3)))


if __name__ == '__main__':
  absltest.main()
