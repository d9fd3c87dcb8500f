"""Which pairs of a block of queries and a block of keys have work to do.

Decided outside the kernels, from causality, lengths and segments, on tables of
one boolean for each pair of blocks. A kernel then takes a range of blocks for
each block it holds, and neither fetches nor computes what lies outside.
"""

import jax
import jax.numpy as jnp


def of_segments(
    group_BxT: jax.Array, block_q: int, block_k: int
) -> jax.Array:
  """Returns `[B, blocks of queries, blocks of keys]`: may groups be shared?

  A block is judged by the least and the greatest of its groups, which is exact
  for packed rows, whose groups come one after another, and safe for any other.

  Args:
    group_BxT: int32; only positive groups are seen. Its end is padded.
    block_q: queries per block.
    block_k: keys per block.
  """

  def bounds(block):
    B, T = group_BxT.shape
    group = jnp.pad(group_BxT, ((0, 0), (0, -T % block)))
    group = group.reshape(B, -1, block)
    # A block of nothing but padding has a least group above any other's.
    least = jnp.where(group > 0, group, jnp.iinfo(jnp.int32).max)
    return least.min(axis=2), group.max(axis=2)

  (least_q, greatest_q), (least_k, greatest_k) = map(bounds, (block_q, block_k))
  shared = least_q[:, :, None] <= greatest_k[:, None]
  return shared & (least_k[:, None] <= greatest_q[:, :, None])


def spans(visible_BxIxJ: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Returns `(start_BxI, stop_BxI)`, which hold all visible j; 0, 0 if none."""
  J = visible_BxIxJ.shape[2]
  start = jnp.argmax(visible_BxIxJ, axis=2)
  stop = J - jnp.argmax(visible_BxIxJ[:, :, ::-1], axis=2)
  stop = jnp.where(visible_BxIxJ.any(axis=2), stop, 0)
  return start.astype(jnp.int32), stop.astype(jnp.int32)
