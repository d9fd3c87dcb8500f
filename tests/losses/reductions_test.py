"""Tests of the masked reductions."""

from absl.testing import absltest
import chex
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.losses import reductions

# Row 0 holds two trajectories, row 1 one and an empty slot.
VALUES = jnp.array([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, np.nan]])
TRAJECTORY = jnp.array([[0, 0, 1, 1], [0, 0, 0, -1]])
MASK = jnp.array([[True, True, True, True], [True, True, False, False]])


class ReductionsTest(absltest.TestCase):

  def test_sums_means_and_lasts_by_hand(self):
    for reduce, expected in (
        (reductions.sum_by_trajectory, [[3.0, 7.0], [11.0, 0.0]]),
        (reductions.mean_by_trajectory, [[1.5, 3.5], [5.5, 0.0]]),
        (reductions.last_by_trajectory, [[2.0, 4.0], [6.0, 0.0]]),
    ):
      actual = reduce(VALUES, MASK, TRAJECTORY, 2)
      chex.assert_trees_all_close(actual, jnp.array(expected))

  def test_padded_layout_is_one_trajectory_a_row(self):
    for reduce, expected in (
        (reductions.sum_by_trajectory, [10.0, 11.0]),
        (reductions.mean_by_trajectory, [2.5, 5.5]),
        (reductions.last_by_trajectory, [4.0, 6.0]),
    ):
      chex.assert_trees_all_close(reduce(VALUES, MASK), jnp.array(expected))

  def test_masked_nan_reaches_no_gradient(self):
    def total(values):
      return reductions.mean_by_trajectory(values, MASK, TRAJECTORY, 2).sum()

    expected = jnp.array([[0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.0, 0.0]])
    chex.assert_trees_all_close(jax.grad(total)(VALUES), expected)

  def test_groups_by_hand_ignore_masked_members_and_their_group(self):
    values = jnp.array([1.0, 3.0, np.inf, 10.0])
    mask = jnp.array([True, True, False, True])
    group = jnp.array([0, 0, -7, 2])
    chex.assert_trees_all_close(
        reductions.sum_by_group(values, mask, group, 3),
        jnp.array([4.0, 0.0, 10.0]),
    )
    chex.assert_trees_all_close(
        reductions.mean_by_group(values, mask, group, 3),
        jnp.array([2.0, 0.0, 10.0]),
    )


if __name__ == '__main__':
  absltest.main()
