"""Hypergrids against cases worked by hand, and the losses against both."""

import math

from absl.testing import absltest
from absl.testing import parameterized
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.losses import objectives
from swm_jax.tasks import hypergrid


def _random_trajectories(grid, num_rows, seed):
  """States, actions and mask of a uniformly random policy, `[B, T]`."""
  rng = np.random.default_rng(seed)
  shape = (num_rows, grid.max_steps)
  state = np.zeros((*shape, grid.dims), np.int32)
  action = np.full(shape, grid.dims, np.int32)
  mask = np.zeros(shape, bool)
  final = np.zeros((num_rows, grid.dims), np.int32)
  for row in range(num_rows):
    for t in range(grid.max_steps):
      state[row, t], mask[row, t] = final[row], True
      free = np.flatnonzero(final[row] < grid.side - 1)
      action[row, t] = rng.choice([*free, grid.dims])
      if action[row, t] == grid.dims:
        break
      final[row, action[row, t]] += 1
  return state, action, mask, final


class HypergridTest(parameterized.TestCase):

  def test_two_by_two_by_hand(self):
    # All four points are outer: 0.6 each. (1, 1) has two parents, so that
    # half of its 0.6 comes through each side, and F is 2.4, 0.9, 0.9, 0.6.
    grid = hypergrid.Hypergrid(dims=2, side=2)
    log_flow, log_pf = hypergrid.balanced_policy(grid)
    np.testing.assert_allclose(jnp.exp(log_flow), [2.4, 0.9, 0.9, 0.6], 1e-6)
    np.testing.assert_allclose(
        jnp.exp(log_pf),
        [
            [3 / 8, 3 / 8, 1 / 4],
            [1 / 3, 0, 2 / 3],
            [0, 1 / 3, 2 / 3],
            [0, 0, 1],
        ],
        1e-6,
    )
    np.testing.assert_allclose(hypergrid.target(grid), [0.25] * 4, 1e-6)
    np.testing.assert_allclose(hypergrid.log_z(grid), math.log(2.4), 1e-6)

  def test_uniform_policy_by_hand(self):
    grid = hypergrid.Hypergrid(dims=2, side=2)
    np.testing.assert_allclose(
        hypergrid.terminating_probability(grid, jnp.zeros((4, 3))),
        [1 / 3, 1 / 6, 1 / 6, 1 / 3],
        1e-6,
    )

  def test_reward_of_eight_by_eight(self):
    # Coordinates 1 and 6 are in the ring; 0, 1, 6 and 7 are outer.
    grid = hypergrid.Hypergrid(dims=2, side=8, r0=0.125)
    reward = np.exp(hypergrid.log_reward(grid, hypergrid.states(grid)))
    reward = reward.reshape(8, 8)
    expected = np.full((8, 8), 0.125)
    expected[np.ix_([0, 1, 6, 7], [0, 1, 6, 7])] = 0.625
    expected[np.ix_([1, 6], [1, 6])] = 2.625
    np.testing.assert_allclose(reward, expected, 1e-6)
    np.testing.assert_allclose(
        hypergrid.log_z(grid), math.log(8 + 16 * 0.5 + 4 * 2), 1e-6
    )

  def test_borders_of_the_rings_are_outside(self):
    # c is exactly 0.4, 0.3 and 0.25: floats get the first two wrong.
    grid = hypergrid.Hypergrid(dims=1, side=21)
    reward = np.exp(hypergrid.log_reward(grid, jnp.array([[2], [4], [5], [3]])))
    np.testing.assert_allclose(reward, [0.6, 0.6, 0.1, 2.6], 1e-6)

  def test_parents_and_legal_actions(self):
    grid = hypergrid.Hypergrid(dims=3, side=3)
    state = jnp.array([[0, 0, 0], [2, 0, 1], [2, 2, 2], [1, 0, 0]])
    np.testing.assert_array_equal(
        hypergrid.legal(grid, state),
        [[1, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1], [1, 1, 1, 1]],
    )
    action = jnp.array([0, 1, 3, 0])
    np.testing.assert_array_equal(
        hypergrid.step(state, action),
        [[1, 0, 0], [2, 1, 1], [2, 2, 2], [2, 0, 0]],
    )
    # One parent, three, a stop, one.
    np.testing.assert_allclose(
        hypergrid.log_pb(state, action), [0, -math.log(3), 0, 0], 1e-6
    )

  @parameterized.parameters((1, 5), (2, 3), (3, 4), (2, 8))
  def test_balanced_policy_samples_the_target(self, dims, side):
    grid = hypergrid.Hypergrid(dims, side)
    log_flow, log_pf = hypergrid.balanced_policy(grid)
    target = hypergrid.target(grid)
    self.assertAlmostEqual(float(target.sum()), 1.0, places=5)
    np.testing.assert_allclose(log_flow[0], hypergrid.log_z(grid), rtol=1e-5)
    np.testing.assert_allclose(jnp.exp(log_pf).sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(
        hypergrid.terminating_probability(grid, log_pf), target, 1e-4
    )

  def test_distribution_of_any_policy_sums_to_one(self):
    grid = hypergrid.Hypergrid(dims=3, side=4)
    logits = jax.random.normal(
        jax.random.key(0), (grid.num_states, grid.num_actions)
    )
    total = hypergrid.terminating_probability(grid, 3 * logits).sum()
    np.testing.assert_allclose(total, 1.0, rtol=1e-5)

  @parameterized.parameters('tb', 'subtb', 'vargrad')
  def test_losses_vanish_at_the_balanced_policy(self, name):
    # On trajectories of another policy, and only if P_B is given.
    grid = hypergrid.Hypergrid(dims=3, side=4)
    state, action, mask, final = _random_trajectories(grid, 32, seed=1)
    log_flow_S, log_pf_SxA = hypergrid.balanced_policy(grid)
    index = np.ravel_multi_index(
        np.moveaxis(state, -1, 0), (grid.side,) * grid.dims
    )
    log_pf = jnp.where(mask, log_pf_SxA[index, action], 0.0)
    log_pb = hypergrid.log_pb(jnp.asarray(state), jnp.asarray(action))

    def loss(log_pf):
      trajectories = objectives.Trajectories(
          log_pf=log_pf,
          mask=jnp.asarray(mask),
          group=jnp.zeros(32, jnp.int32),
          log_reward=hypergrid.log_reward(grid, jnp.asarray(final)),
          log_z=jnp.full(32, hypergrid.log_z(grid)),
          log_flow=log_flow_S[index],
          decay=0.9,
      )
      return objectives.OBJECTIVES[name](trajectories, 1)

    np.testing.assert_allclose(loss(log_pf - log_pb), 0.0, atol=1e-8)
    self.assertGreater(float(loss(log_pf).max()), 0.1)

  def test_refuses_bad_grids(self):
    with self.assertRaisesRegex(ValueError, 'side=1'):
      hypergrid.Hypergrid(dims=2, side=1)
    with self.assertRaisesRegex(ValueError, 'r0=0.0 must be positive'):
      hypergrid.Hypergrid(dims=2, side=3, r0=0.0)


if __name__ == '__main__':
  absltest.main()
