"""Tests that hold for every objective behind the one signature."""

import functools

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.losses import objectives
from swm_jax.tasks import enumerable

TREE = enumerable.depth_two_tree()


def _at_the_solution():
  """Every string of both prompts under the policy that samples p*."""
  num_prompts, num_strings = TREE.reward.shape
  policy = enumerable.exact_policy(TREE)
  legal = jnp.asarray(TREE.legal)
  log_p = jax.nn.log_softmax(jnp.where(legal, policy, -jnp.inf), axis=-1)
  log_flow = jax.nn.logsumexp(
      policy, axis=-1, where=jnp.broadcast_to(legal, policy.shape)
  )
  flat = lambda x: jnp.asarray(x).reshape(-1, *x.shape[2:])  # noqa: E731
  every = lambda x: jnp.tile(jnp.asarray(x), (num_prompts, 1))  # noqa: E731
  prefix = TREE.prefix
  of_prefix = TREE.log_reward[:, np.maximum(prefix - 1, 0)]
  log_z = jnp.asarray(TREE.log_z, jnp.float32)
  return objectives.Trajectories(
      log_pf=flat(enumerable.log_prob_actions(policy, TREE)),
      mask=every(TREE.mask),
      group=jnp.repeat(jnp.arange(num_prompts), num_strings),
      log_reward=flat(TREE.log_reward),
      log_z=jnp.repeat(log_z, num_strings),
      log_flow=flat(log_flow[:, prefix]),
      log_prior=every(TREE.log_prior),
      log_likelihood=flat(TREE.log_reward),
      log_stop=flat(log_p[:, prefix, -1]),
      log_prefix_reward=flat(of_prefix),
      stoppable=every(prefix > 0),
      task_reward=flat(of_prefix),
      unrewarded=jnp.zeros((num_prompts * num_strings, prefix.shape[1]), bool),
      reward=flat(TREE.verified.astype(np.float32)),
      log_behaviour=flat(enumerable.log_prob_actions(policy, TREE)),
  )


def _random(all_wrong=False):
  """Eight strings under a policy that is no solution."""
  keys = iter(jax.random.split(jax.random.key(0), 8))
  normal = lambda *shape: jax.random.normal(next(keys), shape)  # noqa: E731
  mask = jnp.arange(4)[None, :] < jnp.array([4, 3, 2, 4, 1, 2, 3, 4])[:, None]
  log_reward = jnp.full(8, -30.0) if all_wrong else normal(8)
  return objectives.Trajectories(
      log_pf=-jnp.abs(normal(8, 4)),
      mask=mask,
      group=jnp.array([0, 0, 1, 1, 0, 1, 0, 1]),
      log_reward=log_reward,
      log_z=normal(8),
      log_flow=normal(8, 4),
      log_prior=-jnp.abs(normal(8, 4)),
      log_likelihood=log_reward,
      log_stop=-jnp.abs(normal(8, 4)),
      log_prefix_reward=jnp.full((8, 4), -30.0),
      stoppable=mask,
      task_reward=jnp.full((8, 4), -30.0),
      unrewarded=mask,
      reward=jnp.zeros(8) if all_wrong else (log_reward > 0).astype(float),
      log_behaviour=-jnp.abs(normal(8, 4)),
  )


_LEARNED = ('log_pf', 'log_z', 'log_flow')


@functools.partial(jax.jit, static_argnames='name')
def _value_and_grad(x, name):
  def total(learned):
    loss = objectives.OBJECTIVES[name](x.replace(**learned), 2)
    return loss.sum(), loss

  learned = {k: getattr(x, k) for k in _LEARNED}
  (_, loss), grad = jax.value_and_grad(total, has_aux=True)(learned)
  return loss, grad


class ObjectivesTest(parameterized.TestCase):

  @parameterized.parameters(*objectives.BALANCED)
  def test_zero_at_the_solution_with_its_log_z(self, name):
    x = _at_the_solution()
    # RTB's evidence is under a prior that sums to one.
    of_prior = np.log(len(TREE.strings)) if name == 'rtb' else 0.0
    x = x.replace(log_z=x.log_z - of_prior)
    loss, grad = _value_and_grad(x, name)
    chex.assert_trees_all_close(loss, jnp.zeros_like(loss), atol=1e-8)
    chex.assert_trees_all_close(
        grad, jax.tree.map(jnp.zeros_like, grad), atol=1e-3
    )
    log_z = objectives.estimate_log_z(name, x, 2)
    chex.assert_trees_all_close(
        log_z, np.float32(TREE.log_z - of_prior), atol=1e-4
    )

  @parameterized.parameters(*objectives.OBJECTIVES)
  def test_gradient_is_finite_when_every_answer_is_wrong(self, name):
    loss, grad = _value_and_grad(_random(all_wrong=True), name)
    for value in (loss, *grad.values()):
      self.assertTrue(jnp.isfinite(value).all())
    if name in objectives.BALANCED:
      self.assertGreater(jnp.abs(grad['log_pf']).max(), 0.1)
    else:  # Nothing to prefer: the controls do not move.
      chex.assert_trees_all_equal(grad['log_pf'], jnp.zeros((8, 4)))

  @parameterized.parameters(*objectives.OBJECTIVES)
  def test_a_trajectory_without_verdict_changes_nothing(self, name):
    x = _random()
    clean, clean_grad = _value_and_grad(x, name)
    values = {
        k: v for k, v in vars(x).items() if k not in ('aux_weight', 'decay')
    }
    for junk in (0.0, np.inf, np.nan):
      dirty = {
          k: jnp.concatenate([v, jnp.full_like(v[:1], junk)])
          if v.dtype == jnp.float32 else jnp.concatenate([v, v[:1]])
          for k, v in values.items()
      }
      dirty['mask'] = dirty['mask'].at[8].set(False)
      loss, grad = _value_and_grad(x.replace(**dirty), name)
      self.assertEqual(loss[8], 0.0)
      chex.assert_trees_all_close(loss[:8], clean, rtol=1e-6)
      for k in _LEARNED:
        chex.assert_trees_all_close(grad[k][:8], clean_grad[k], rtol=1e-5)
        chex.assert_trees_all_equal(grad[k][8:], jnp.zeros_like(grad[k][8:]))

  def test_raptb_without_weight_is_tb(self):
    x = _random().replace(aux_weight=0.0)
    chex.assert_trees_all_close(
        objectives.OBJECTIVES['raptb'](x, 2), objectives.OBJECTIVES['tb'](x, 2)
    )


if __name__ == '__main__':
  absltest.main()
