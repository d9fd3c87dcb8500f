"""Tests of the balance objectives, on targets that are known exactly."""

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax

from swm_jax.losses import balance
from swm_jax.tasks import enumerable

TREE = enumerable.depth_two_tree()

# Under jit alone: one compilation a call costs less than one an operation.
_vargrad_loss = jax.jit(balance.vargrad_loss, static_argnames='num_groups')
_vargrad_log_z = jax.jit(balance.vargrad_log_z, static_argnames='num_groups')
_tb_loss = jax.jit(balance.trajectory_balance_loss)
_subtb_loss = jax.jit(
    balance.subtrajectory_balance_loss, static_argnames='decay'
)
_rtb_loss = jax.jit(balance.relative_trajectory_balance_loss)
_diagnostics = jax.jit(
    balance.vargrad_diagnostics, static_argnames=('num_groups', 'beta')
)


@jax.jit
def _tree_log_pf(policy):
  return enumerable.log_prob_actions(policy, TREE)


def _flatten(target, log_pf_PxS):
  """Lays every string of every prompt out as one batch of trajectories."""
  num_prompts, num_strings = log_pf_PxS.shape
  group = jnp.repeat(jnp.arange(num_prompts), num_strings)
  log_reward = jnp.asarray(target.log_reward).reshape(-1)
  return log_pf_PxS.reshape(-1), log_reward, group


class TrajectoryBalanceTest(parameterized.TestCase):

  def test_by_hand(self):
    # (1 + (-1 - 2) - 0.5)^2 = 6.25; the masked -9 is not read.
    loss = _tb_loss(
        jnp.array([1.0]),
        jnp.array([[-1.0, -2.0, -9.0]]),
        jnp.array([0.5]),
        jnp.array([[True, True, False]]),
    )
    chex.assert_trees_all_close(loss, jnp.array([6.25]))

  def test_zero_at_the_solution_of_an_enumerable_tree(self):
    policy = enumerable.exact_policy(TREE)
    log_pf = _tree_log_pf(policy)
    mask = jnp.asarray(TREE.mask)
    for p, log_z in enumerate(TREE.log_z):
      loss = _tb_loss(
          jnp.full(len(TREE.strings), log_z, jnp.float32),
          log_pf[p],
          jnp.asarray(TREE.log_reward[p]),
          mask,
      )
      chex.assert_trees_all_close(loss, jnp.zeros_like(loss), atol=1e-9)

  def test_off_by_delta_in_log_z_costs_delta_squared(self):
    log_pf = _tree_log_pf(enumerable.exact_policy(TREE))[0]
    loss = _tb_loss(
        jnp.full(len(TREE.strings), TREE.log_z[0] + 0.5, jnp.float32),
        log_pf,
        jnp.asarray(TREE.log_reward[0]),
        jnp.asarray(TREE.mask),
    )
    chex.assert_trees_all_close(loss, jnp.full_like(loss, 0.25), atol=1e-5)

  def test_summed_and_token_forms_agree(self):
    log_pf = jax.random.normal(jax.random.key(0), (5, 4))
    mask = jnp.arange(4)[None, :] < jnp.array([4, 1, 2, 3, 0])[:, None]
    log_z, log_reward = jnp.ones(5), jnp.arange(5.0)
    by_token = _tb_loss(log_z, log_pf, log_reward, mask)
    summed = _tb_loss(
        log_z,
        jnp.where(mask, log_pf, 0.0).sum(1),
        log_reward,
        mask.any(axis=1),
    )
    chex.assert_trees_all_close(by_token, summed, atol=1e-6)
    self.assertEqual(by_token[4], 0.0)

  def test_relative_form_is_trajectory_balance_on_prior_times_likelihood(self):
    keys = jax.random.split(jax.random.key(1), 4)
    log_z, log_pf, log_prior, log_l = (
        jax.random.normal(k, (6,)) for k in keys
    )
    valid = jnp.ones(6, bool)
    chex.assert_trees_all_close(
        _rtb_loss(
            log_z, log_pf, log_prior, log_l, valid
        ),
        _tb_loss(
            log_z, log_pf, log_prior + log_l, valid
        ),
    )


class LogRewardTest(absltest.TestCase):

  def test_by_hand(self):
    # -4 / 2 + 5 (R - 1): -7 when wrong, -2 when right.
    actual = balance.log_reward(
        jnp.array([-4.0, -4.0]),
        jnp.array([0.0, 1.0]),
        temperature=2.0,
        beta=5.0,
    )
    chex.assert_trees_all_close(actual, jnp.array([-7.0, -2.0]))

  def test_infinite_beta_is_refused(self):
    with self.assertRaisesRegex(ValueError, 'must be finite'):
      balance.log_reward(jnp.zeros(1), jnp.zeros(1), beta=float('inf'))
    with self.assertRaisesRegex(ValueError, 'must be positive'):
      balance.log_reward(jnp.zeros(1), jnp.zeros(1), temperature=0.0, beta=1.0)

  def test_gradient_is_finite_when_every_answer_is_wrong(self):
    def loss(log_pf):
      log_r = balance.log_reward(
          jnp.full(4, -20.0), jnp.zeros(4), beta=30.0
      )
      return _vargrad_loss(
          log_pf,
          log_r,
          jnp.ones(4, bool),
          group=jnp.zeros(4, jnp.int32),
          num_groups=1,
      ).mean()

    grad = jax.jit(jax.grad(loss))(jnp.array([-20.0, -80.0, -5.0, -21.0]))
    self.assertTrue(jnp.isfinite(grad).all())


class VargradTest(parameterized.TestCase):

  def test_zero_at_the_solution_per_prompt_and_not_per_batch(self):
    log_pf = _tree_log_pf(enumerable.exact_policy(TREE))
    log_pf, log_reward, group = _flatten(TREE, log_pf.sum(axis=-1))
    valid = jnp.ones_like(log_pf, bool)
    loss = _vargrad_loss(
        log_pf, log_reward, valid, group=group, num_groups=2
    )
    chex.assert_trees_all_close(loss, jnp.zeros_like(loss), atol=1e-9)
    log_z = _vargrad_log_z(
        log_pf, log_reward, valid, group=group, num_groups=2
    )
    chex.assert_trees_all_close(
        log_z, jnp.asarray(TREE.log_z, jnp.float32), atol=1e-5
    )
    # One mean for the batch charges a quarter of the squared difference.
    one = _vargrad_loss(
        log_pf, log_reward, valid, group=jnp.zeros_like(group), num_groups=1
    )
    quarter = ((TREE.log_z[1] - TREE.log_z[0]) / 2) ** 2
    self.assertGreater(quarter, 1.0)
    chex.assert_trees_all_close(
        one, jnp.full_like(one, quarter), atol=1e-3
    )

  def test_gradient_is_zero_at_the_optimum(self):
    def loss(policy):
      log_pf = _tree_log_pf(policy).sum(axis=-1)
      log_pf, log_reward, group = _flatten(TREE, log_pf)
      return _vargrad_loss(
          log_pf,
          log_reward,
          jnp.ones_like(log_pf, bool),
          group=group,
          num_groups=2,
      ).mean()

    grad_fn = jax.jit(jax.grad(loss))
    grad = grad_fn(enumerable.exact_policy(TREE))
    chex.assert_trees_all_close(grad, jnp.zeros_like(grad), atol=1e-5)
    moved = grad_fn(enumerable.init_policy(TREE))
    self.assertGreater(jnp.abs(moved).max(), 0.1)

  def test_detaching_log_z_changes_no_gradient(self):
    keys = jax.random.split(jax.random.key(2), 2)
    log_pf, log_reward = (jax.random.normal(k, (8,)) for k in keys)
    group = jnp.array([0, 0, 0, 1, 1, 1, 1, 0])
    valid = jnp.array([True] * 6 + [False, True])

    def detached(x):
      return _vargrad_loss(
          x, log_reward, valid, group=group, num_groups=2
      ).sum()

    def variance(x):
      total = 0.0
      for g in range(2):
        member = (group == g) & valid
        residual = x - log_reward
        mean = jnp.where(member, residual, 0.0).sum() / member.sum()
        total += jnp.where(member, (residual - mean) ** 2, 0.0).sum()
      return total

    chex.assert_trees_all_close(
        jax.jit(jax.grad(detached))(log_pf),
        jax.jit(jax.grad(variance))(log_pf),
        atol=1e-5,
    )

  def test_verifier_errors_change_nothing(self):
    log_pf = jnp.array([-1.0, -2.0, -3.0])
    log_reward = jnp.array([0.0, 1.0, -1.0])
    group = jnp.array([0, 0, 0])

    def loss(log_pf, log_reward, valid, group):
      return _vargrad_loss(
          log_pf, log_reward, valid, group=group, num_groups=1
      ).sum()

    value_and_grad = jax.jit(jax.value_and_grad(loss))
    clean, clean_grad = value_and_grad(
        log_pf, log_reward, jnp.ones(3, bool), group
    )
    for junk in (0.0, 1e30, np.inf, np.nan):
      dirty, dirty_grad = value_and_grad(
          jnp.append(log_pf, junk),
          jnp.append(log_reward, junk),
          jnp.array([True, True, True, False]),
          jnp.append(group, -1),
      )
      self.assertEqual(dirty, clean)
      chex.assert_trees_all_close(dirty_grad[:3], clean_grad)
      self.assertEqual(dirty_grad[3], 0.0)

  def test_permuting_the_batch_permutes_the_loss(self):
    keys = jax.random.split(jax.random.key(3), 2)
    log_pf, log_reward = (jax.random.normal(k, (6,)) for k in keys)
    group = jnp.array([0, 1, 0, 1, 1, 0])
    order = jnp.array([3, 1, 5, 0, 2, 4])
    valid = jnp.ones(6, bool)
    loss = _vargrad_loss(
        log_pf, log_reward, valid, group=group, num_groups=2
    )
    permuted = _vargrad_loss(
        log_pf[order], log_reward[order], valid, group=group[order],
        num_groups=2,
    )
    chex.assert_trees_all_close(permuted, loss[order], atol=1e-6)


class SubtrajectoryBalanceTest(parameterized.TestCase):

  @parameterized.parameters(0.5, 1.0, 2.0)
  def test_zero_with_exact_flows_for_any_decay(self, decay):
    policy = enumerable.exact_policy(TREE)
    log_pf = _tree_log_pf(policy)
    # The flow of a prefix is the sum of the flows of its actions.
    legal = jnp.broadcast_to(jnp.asarray(TREE.legal), policy.shape)
    log_flow = jax.nn.logsumexp(policy, axis=-1, where=legal)
    for p in range(2):
      loss = _subtb_loss(
          log_flow[p][TREE.prefix],
          log_pf[p],
          jnp.asarray(TREE.log_reward[p]),
          jnp.asarray(TREE.mask),
          decay=decay,
      )
      chex.assert_trees_all_close(loss, jnp.zeros_like(loss), atol=1e-8)

  def test_by_hand(self):
    # Flows 1, 2 and log R = 0; log P_F = -0.5, -1. Residuals: 0 to 1:
    # 1 - 0.5 - 2 = -1.5; 1 to 2: 2 - 1 - 0 = 1; 0 to 2: 1 - 1.5 - 0 = -0.5.
    # Lambda = 2: (2 * 2.25 + 2 * 1 + 4 * 0.25) / (2 + 2 + 4) = 0.9375.
    loss = _subtb_loss(
        jnp.array([[1.0, 2.0, 99.0]]),
        jnp.array([[-0.5, -1.0, 99.0]]),
        jnp.array([0.0]),
        jnp.array([[True, True, False]]),
        decay=2.0,
    )
    chex.assert_trees_all_close(loss, jnp.array([0.9375]))

  def test_one_token_is_trajectory_balance(self):
    args = (jnp.array([[-2.0]]), jnp.array([1.0]), jnp.array([[True]]))
    chex.assert_trees_all_close(
        _subtb_loss(jnp.array([[0.3]]), *args),
        _tb_loss(jnp.array([0.3]), *args),
    )

  def test_empty_row_costs_nothing(self):
    loss, grad = jax.value_and_grad(
        lambda x: _subtb_loss(
            x, x, jnp.zeros(1), jnp.zeros((1, 3), bool), decay=1.0
        ).sum()
    )(jnp.full((1, 3), np.nan))
    self.assertEqual(loss, 0.0)
    chex.assert_trees_all_close(grad, jnp.zeros((1, 3)))


class DiagnosticsTest(absltest.TestCase):

  BETA = 5.0
  LOG_P_REF = jnp.array([-3.0, -1.0, -2.0, -4.0, -1.0, -6.0])
  REWARD = jnp.array([1.0, 0.0, 0.0, 1.0, 1.0, 1.0])
  GROUP = jnp.array([0, 0, 0, 0, 1, 1])
  VALID = jnp.ones(6, bool)

  def _diagnose(self, log_pf, valid=VALID):
    return _diagnostics(
        log_pf,
        self.LOG_P_REF,
        balance.log_reward(self.LOG_P_REF, self.REWARD, beta=self.BETA),
        self.REWARD,
        valid,
        group=self.GROUP,
        num_groups=3,
        beta=self.BETA,
    )

  def test_at_the_reference(self):
    d = self._diagnose(self.LOG_P_REF)
    self.assertAlmostEqual(float(d['loss_ratio']), 1.0, places=5)
    self.assertAlmostEqual(float(d['slope']), 0.0, places=5)
    self.assertEqual(d['mixed_groups'], 0.5)
    # Four of six in the mixed group, variance 1/4: 4 * 0.25 / 6.
    self.assertAlmostEqual(float(d['reward_variance']), 1 / 6, places=5)
    # w = 1, e^-5: (2 + 2 e^-5)^2 / (2 + 2 e^-10) / 4 = 0.507; mean with 1.
    w = np.exp(-5.0)
    share = (2 + 2 * w) ** 2 / (2 + 2 * w * w) / 4
    self.assertAlmostEqual(
        float(d['effective_samples']), (share + 1) / 2, places=5
    )

  def test_at_the_solution(self):
    log_r = balance.log_reward(self.LOG_P_REF, self.REWARD, beta=self.BETA)
    d = self._diagnose(log_r - jnp.array([1.0, 2.0])[self.GROUP])
    self.assertAlmostEqual(float(d['loss_ratio']), 0.0, places=5)
    self.assertAlmostEqual(float(d['slope']), self.BETA, places=4)
    self.assertAlmostEqual(float(d['effective_samples']), 1.0, places=5)

  def test_errors_are_inert_and_no_mixed_group_is_finite(self):
    dirty = self._diagnose(
        self.LOG_P_REF.at[3].set(np.nan), self.VALID.at[3].set(False)
    )
    self.assertAlmostEqual(float(dirty['loss_ratio']), 1.0, places=5)
    none = self._diagnose(self.LOG_P_REF, jnp.zeros(6, bool))
    for value in none.values():
      self.assertEqual(value, 0.0)


def _train(target, objective, behaviour_temperature, *, steps=1500, batch=32):
  """Trains a tabular policy and returns exact L1 and log Z errors, `[P]`."""
  num_prompts = len(target.prompts)
  log_reward_all = jnp.asarray(target.log_reward)
  group = jnp.repeat(jnp.arange(num_prompts), batch)
  tx = optax.multi_transform(
      {'policy': optax.adam(0.03), 'log_z': optax.adam(0.1)},
      {'policy': 'policy', 'log_z': 'log_z'},
  )
  params = {
      'policy': enumerable.init_policy(target),
      'log_z': jnp.zeros(num_prompts),
  }

  def loss_fn(params, chosen_PxB):
    log_pf = enumerable.log_prob_actions(params['policy'], target).sum(-1)
    pick = lambda x: jnp.take_along_axis(x, chosen_PxB, axis=1).reshape(-1)
    log_pf, log_reward = pick(log_pf), pick(log_reward_all)
    valid = jnp.ones_like(log_pf, bool)
    if objective == 'vargrad':
      loss = _vargrad_loss(
          log_pf, log_reward, valid, group=group, num_groups=num_prompts
      )
    else:
      loss = _tb_loss(
          params['log_z'][group], log_pf, log_reward, valid
      )
    return loss.mean()

  def step(carry, key):
    params, state = carry
    behaviour = enumerable.log_prob_actions(
        params['policy'], target, behaviour_temperature
    ).sum(-1)
    chosen = jax.random.categorical(
        key, behaviour, axis=-1, shape=(batch, num_prompts)
    ).T
    grads = jax.grad(loss_fn)(params, chosen)
    updates, state = tx.update(grads, state)
    return (optax.apply_updates(params, updates), state), None

  @jax.jit
  def run(params, key):
    (params, _), _ = jax.lax.scan(
        step, (params, tx.init(params)), jax.random.split(key, steps)
    )
    log_pf = enumerable.log_prob_actions(params['policy'], target).sum(-1)
    # VarGrad's log Z is the mean over samples of the policy, here all of them.
    log_z = params['log_z']
    if objective == 'vargrad':
      log_z = (jnp.exp(log_pf) * (log_reward_all - log_pf)).sum(-1)
    return (
        enumerable.l1_distance(log_pf, target),
        enumerable.log_z_error(log_z, target),
    )

  return run(params, jax.random.key(0))


class TrainingTest(parameterized.TestCase):

  @parameterized.product(
      objective=('vargrad', 'tb'), behaviour_temperature=(1.0, 2.0)
  )
  def test_reaches_the_target(self, objective, behaviour_temperature):
    target = enumerable.arithmetic_expressions()
    l1, log_z_error = _train(target, objective, behaviour_temperature)
    self.assertLess(l1.max(), 0.02)
    self.assertLess(log_z_error.max(), 0.05)


if __name__ == '__main__':
  absltest.main()
