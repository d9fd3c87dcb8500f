"""The api's compact masks as boolean arrays `[B, 1, T or 1, S]`."""

import jax
import jax.numpy as jnp


def of_lengths(lengths_B: jax.Array | None, S: int) -> jax.Array | None:
  """Returns `[B, 1, 1, S]`, True below a row's length."""
  if lengths_B is None:
    return None
  return jnp.arange(S)[None, None, None] < lengths_B[:, None, None, None]


def of_segments(
    segments: tuple[jax.Array, jax.Array] | None,
) -> jax.Array | None:
  """Returns `[B, 1, T, T]` of `(group_BxT, branch_BxT)`; see the api."""
  if segments is None:
    return None
  group, branch = segments
  q, k = (slice(None), slice(None), None), (slice(None), None, slice(None))
  seen_BxTxT = (group[q] == group[k]) & (group[k] > 0)
  seen_BxTxT &= (branch[k] == 0) | (branch[k] == branch[q])
  return seen_BxTxT[:, None]


def join(*masks: jax.Array | None) -> jax.Array | None:
  """Returns the "and" of those that are not None; None if all are."""
  joined = None
  for mask in masks:
    if mask is not None:
      joined = mask if joined is None else joined & mask
  return joined
