"""Tests of RapTB against arithmetic by hand and against trajectory balance."""

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.losses import balance
from swm_jax.losses import rooted_prefix
from swm_jax.tasks import enumerable

TREE = enumerable.depth_two_tree()
_loss = jax.jit(
    rooted_prefix.rooted_prefix_balance_loss,
    static_argnames=('decay', 'discount', 'first', 'horizon'),
)
_targets = jax.jit(
    rooted_prefix.absorbed_targets,
    static_argnames=('smoothness', 'distance_penalty', 'share_of_max'),
)


def _three_symbols(**changes):
  """One trajectory of three symbols and a stop, root and prefixes may stop."""
  arguments = dict(
      log_z=jnp.array([1.0]),
      log_pf=jnp.array([[-0.5, -1.0, -0.25, -0.75]]),
      log_reward=jnp.array([2.0]),
      mask=jnp.ones((1, 4), bool),
      log_stop=jnp.array([[-3.0, -2.0, -1.0, -0.75]]),
      log_prefix_reward=jnp.array([[-1.0, 0.0, 0.5, 2.0]]),
      stoppable=jnp.ones((1, 4), bool),
      task_reward=jnp.array([[0.0, 0.0, 0.0, 2.0]]),
      unrewarded=jnp.zeros((1, 4), bool),
      aux_weight=0.5,
      discount=0.5,
  )
  return arguments | changes


class AbsorbedTargetsTest(parameterized.TestCase):

  def test_max_by_hand(self):
    targets = _targets(
        jnp.array([[1.0, 3.0, 0.0, 2.0, 9.0]]),
        jnp.array([[True] * 4 + [False]]),
        share_of_max=1.0,
    )
    chex.assert_trees_all_close(targets, jnp.array([[3.0, 3.0, 2.0, 2.0, 0.0]]))

  def test_soft_by_hand(self):
    targets = _targets(
        jnp.array([[1.0, 0.0, 2.0]]),
        jnp.ones((1, 3), bool),
        smoothness=2.0,
        distance_penalty=0.25,
        share_of_max=0.0,
    )
    expected = [
        np.log(np.exp(2.0) + np.exp(-0.5) + np.exp(4.0 - 1.0)) / 2,
        np.log(1.0 + np.exp(4.0 - 0.5)) / 2,
        2.0,
    ]
    chex.assert_trees_all_close(
        targets, jnp.array([expected], jnp.float32), atol=1e-5
    )

  def test_no_gradient_and_no_nan_where_nothing_is_in_reach(self):
    grad = jax.grad(
        lambda u: rooted_prefix.absorbed_targets(
            u, jnp.zeros((2, 3), bool)
        ).sum()
    )(jnp.ones((2, 3)))
    chex.assert_trees_all_equal(grad, jnp.zeros((2, 3)))


class RootedPrefixTest(parameterized.TestCase):

  def test_by_hand(self):
    # Root: D_0 - log Z = -3 + 1 = -2. Prefix 2: -1.5 - 1 - 0.5 - (-2) = -1.
    # Prefix 3: -1.75 - 0.75 - 2 + 2 = -2.5. Whole: 1 - 2.5 - 2 = -3.5.
    loss = _loss(**_three_symbols())
    chex.assert_trees_all_close(
        loss, jnp.array([3.5**2 + 0.5 * (1.0 + 2.5**2) / 2])
    )

  def test_absorption_by_hand(self):
    # Prefix 2 earns nothing: u_2 = 0 becomes max(0, 2), a token away from the
    # last prefix: -1 + 0.5 (0 - 2) = -2.
    loss = _loss(**_three_symbols(
        unrewarded=jnp.array([[True, True, True, False]]), share_of_max=1.0
    ))
    chex.assert_trees_all_close(
        loss, jnp.array([3.5**2 + 0.5 * (4.0 + 2.5**2) / 2])
    )

  def test_decay_and_first_by_hand(self):
    # Prefix 1: -0.5 - 2 - 0 + 2 = -0.5; weights 1, 2, 4.
    loss = _loss(**_three_symbols(first=1, decay=2.0))
    expected = (0.25 + 2 * 1.0 + 4 * 2.5**2) / 7
    chex.assert_trees_all_close(
        loss, jnp.array([3.5**2 + 0.5 * expected]), rtol=1e-6
    )

  def test_horizon_by_hand(self):
    # Prefix 2 is the last; it is at the horizon and absorbs nothing.
    unrewarded = jnp.ones((1, 4), bool)
    loss = _loss(**_three_symbols(horizon=2, unrewarded=unrewarded))
    chex.assert_trees_all_close(loss, jnp.array([3.5**2 + 0.5 * 1.0]))

  def test_weight_zero_is_trajectory_balance(self):
    arguments = _three_symbols(aux_weight=0.0)
    chex.assert_trees_all_close(
        _loss(**arguments),
        balance.trajectory_balance_loss(
            *(arguments[k] for k in ('log_z', 'log_pf', 'log_reward', 'mask'))
        ),
    )

  @parameterized.parameters(True, False)
  def test_gradients_of_log_z_and_stop_are_those_of_the_whole(self, root):
    stoppable = jnp.ones((1, 4), bool).at[0, 0].set(root)

    def loss(log_z, log_stop, aux_weight):
      return _loss(**_three_symbols(
          log_z=log_z, log_stop=log_stop, aux_weight=aux_weight,
          stoppable=stoppable,
      )).sum()

    grad = jax.grad(loss, argnums=(0, 1))
    arguments = _three_symbols()
    with_prefixes = grad(arguments['log_z'], arguments['log_stop'], 0.5)
    without = grad(arguments['log_z'], arguments['log_stop'], 0.0)
    chex.assert_trees_all_close(with_prefixes, without)
    chex.assert_trees_all_equal(with_prefixes[1], jnp.zeros((1, 4)))

  def _at_the_solution(self, unrewarded, aux_weight):
    logits = enumerable.exact_policy(TREE)[0]
    legal = jnp.asarray(TREE.legal)
    log_p = jax.nn.log_softmax(jnp.where(legal, logits, -jnp.inf), axis=-1)
    prefix = jnp.asarray(TREE.prefix)
    reward = jnp.asarray(TREE.log_reward[0])
    of_prefix = reward[jnp.maximum(prefix - 1, 0)]
    shape = TREE.mask.shape
    return _loss(
        jnp.full(shape[0], TREE.log_z[0], jnp.float32),
        enumerable.log_prob_actions(enumerable.exact_policy(TREE), TREE)[0],
        reward,
        jnp.asarray(TREE.mask),
        log_stop=log_p[prefix, -1],  # -inf at the root: not to be read.
        log_prefix_reward=of_prefix,
        stoppable=prefix > 0,
        task_reward=of_prefix,
        unrewarded=jnp.full(shape, unrewarded),
        aux_weight=aux_weight,
        first=1,
    )

  def test_zero_at_the_solution_unless_a_target_was_absorbed(self):
    loss = self._at_the_solution(False, 0.25)
    chex.assert_trees_all_close(loss, jnp.zeros_like(loss), atol=1e-9)
    # What makes it necessary that the weight falls to 0.
    self.assertGreater(self._at_the_solution(True, 0.25).max(), 1e-3)
    loss = self._at_the_solution(True, 0.0)
    chex.assert_trees_all_close(loss, jnp.zeros_like(loss), atol=1e-9)

  def test_rows_without_verdict_are_inert(self):
    junk = jnp.full((1, 4), jnp.nan)
    arguments = _three_symbols(
        log_z=jnp.array([jnp.nan]), log_pf=junk, log_stop=junk,
        log_reward=jnp.array([jnp.nan]), mask=jnp.zeros((1, 4), bool),
        log_prefix_reward=junk, task_reward=junk,
    )
    loss, grad = jax.value_and_grad(
        lambda x: _loss(**(arguments | {'log_pf': x})).sum()
    )(junk)
    self.assertEqual(loss, 0.0)
    chex.assert_trees_all_equal(grad, jnp.zeros((1, 4)))

  def test_the_root_is_no_prefix(self):
    with self.assertRaisesRegex(ValueError, 'prefix 0 is the root'):
      _loss(**_three_symbols(first=0))


if __name__ == '__main__':
  absltest.main()
