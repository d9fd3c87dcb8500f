"""Masked reductions from tokens to trajectories and from these to prompts.

Two layouts occur. *Padded*: `[B, T]`, a trajectory a row. *Packed*: `[R, M]`,
the targets of up to J trajectories in a row, with `trajectory_RxM` naming the
slot of each (`swm_jax.data.batching`). Sums are taken in float32, and entries
outside the mask are replaced before any arithmetic, so that an inf or NaN
there reaches neither the value nor the gradient.
"""

import chex
import jax
import jax.numpy as jnp


def sum_by_trajectory(
    values: jax.Array,
    mask: jax.Array,
    trajectory: jax.Array | None = None,
    num_trajectories: int = 1,
) -> jax.Array:
  """Sums the values of each trajectory's tokens.

  Args:
    values: one value per token, `[B, T]` or packed `[R, M]`.
    mask: True where a token counts, same shape.
    trajectory: slot of each token in its row, `[R, M]`, int32, any value where
      not `mask`; None for the padded layout.
    num_trajectories: J, slots per row; unused in the padded layout.

  Returns:
    `[B]`, or `[R, J]` with 0 in empty slots, float32.
  """
  chex.assert_rank(values, 2)
  chex.assert_equal_shape([values, mask])
  values = jnp.where(mask, values.astype(jnp.float32), 0.0)
  if trajectory is None:
    return values.sum(axis=-1)
  chex.assert_equal_shape([values, trajectory])
  slot = jnp.where(mask, trajectory, 0)
  return jax.vmap(
      lambda row, index: jax.ops.segment_sum(row, index, num_trajectories)
  )(values, slot)


def mean_by_trajectory(
    values: jax.Array,
    mask: jax.Array,
    trajectory: jax.Array | None = None,
    num_trajectories: int = 1,
) -> jax.Array:
  """Averages over each trajectory's tokens; as `sum_by_trajectory`."""
  total = sum_by_trajectory(values, mask, trajectory, num_trajectories)
  count = sum_by_trajectory(
      jnp.ones_like(values), mask, trajectory, num_trajectories
  )
  return total / jnp.maximum(count, 1.0)


def last_by_trajectory(
    values: jax.Array,
    mask: jax.Array,
    trajectory: jax.Array | None = None,
    num_trajectories: int = 1,
) -> jax.Array:
  """Picks the value at each trajectory's last token; 0 if it has none."""
  chex.assert_equal_shape([values, mask])
  position = jnp.broadcast_to(jnp.arange(values.shape[1]), values.shape)
  slot = jnp.zeros_like(position) if trajectory is None else trajectory
  # The last position of every token's own trajectory, -1 where masked.
  last = jax.vmap(
      lambda index, at: jax.ops.segment_max(at, index, num_trajectories)
  )(jnp.where(mask, slot, 0), jnp.where(mask, position, -1))
  own_last = jnp.take_along_axis(last, jnp.where(mask, slot, 0), axis=1)
  return sum_by_trajectory(
      values, mask & (position == own_last), trajectory, num_trajectories
  )


def sum_by_group(
    values: jax.Array, mask: jax.Array, group: jax.Array, num_groups: int
) -> jax.Array:
  """Sums over the trajectories of each prompt.

  Args:
    values: one value per trajectory, `[J]`.
    mask: True where a trajectory counts, `[J]`.
    group: prompt of each trajectory, `[J]`, int32 in `[0, num_groups)`, any
      value where not `mask`.
    num_groups: G, static.

  Returns:
    `[G]`, float32.
  """
  chex.assert_rank(values, 1)
  chex.assert_equal_shape([values, mask, group])
  values = jnp.where(mask, values.astype(jnp.float32), 0.0)
  return jax.ops.segment_sum(values, jnp.where(mask, group, 0), num_groups)


def mean_by_group(
    values: jax.Array, mask: jax.Array, group: jax.Array, num_groups: int
) -> jax.Array:
  """Averages over the trajectories of each prompt; 0 where it has none."""
  total = sum_by_group(values, mask, group, num_groups)
  count = sum_by_group(jnp.ones_like(values), mask, group, num_groups)
  return total / jnp.maximum(count, 1.0)
