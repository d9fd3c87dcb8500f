"""Sizes, costs and operands of the Hopper kernels; see `gpu_tiles`."""

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import mosaic_gpu as plgpu

from swm_jax.kernels.attention import flash_problem
from swm_jax.kernels.attention import visible_blocks

# Of the 227 KiB of shared memory that a program may have, what tiles may take;
# the rest is for barriers and sums across warps.
SHARED_BYTES = 220 * 1024
MAX_STAGES = 3
# Operands of the products of two sums of bfloat16; the least is left out.
PRODUCTS = {1: ((0, 0),), 2: ((0, 1), (1, 0), (0, 0))}


@dataclasses.dataclass(frozen=True)
class Problem:
  """Static facts of one attention.

  Attributes:
    shape: (B, T, S, H, K, D), lengths before padding.
    scale: factor on the scores.
    is_causal: query t sees key s only if s <= t.
    has_segments: whether `Masks` has ids.
    has_lengths: whether `Masks` has lengths.
    seen_shape: of the mask given to the api, `[B|1, H|1, T|1, S|1]`, or None.
    held: rows of the block that a program holds, a multiple of 64.
    streamed: rows of the blocks that stream past it, a multiple of 32.
    pieces: bfloat16 that an operand is the sum of: 1, or 2 for float32.
  """

  shape: tuple[int, int, int, int, int, int]
  scale: float
  is_causal: bool
  has_segments: bool
  has_lengths: bool
  seen_shape: tuple[int, int, int, int] | None
  held: int
  streamed: int
  pieces: int

  @property
  def group(self) -> int:
    """Query heads per key-value head."""
    return self.shape[3] // self.shape[4]

  @property
  def sums_pairs(self) -> bool:
    """Whether gradients of a key and a value block fit one warpgroup."""
    return self.shape[5] <= 128

  @property
  def multiple(self) -> int:
    """What lengths are padded to a multiple of: both sides are held once."""
    return math.lcm(self.held, self.streamed)

  @property
  def padded_queries(self) -> int:
    return pl.cdiv(self.shape[1], self.multiple) * self.multiple

  @property
  def padded_keys(self) -> int:
    return pl.cdiv(self.shape[2], self.multiple) * self.multiple

  @property
  def always_masked(self) -> bool:
    """Whether no block can be known to need no mask."""
    return self.has_segments or self.seen_shape is not None

  @property
  def swizzle(self) -> int:
    """Bytes of the swizzle of all tiles, which WGMMA contracts in units of."""
    widest = plgpu.find_swizzle(16 * self.shape[5])
    return min(widest, 2 * self.streamed)

  def tile_bytes(self, rows: int) -> int:
    return 2 * self.pieces * rows * self.shape[5]

  def stages(self, held_tiles: int) -> int:
    """Returns how many blocks of two streamed tiles may be in flight."""
    left = SHARED_BYTES - held_tiles * self.tile_bytes(self.held)
    return min(MAX_STAGES, left // (2 * self.tile_bytes(self.streamed)))

  def cost(
      self, *, dots: int, queries: int, keys: int, rows: int
  ) -> pl.CostEstimate:
    """Returns the cost of a kernel: what it computes, and what HBM must move.

    Blocks that are streamed again are taken to come from the L2 cache: keys
    and values of the heads in flight fit its 50 MB.

    Args:
      dots: matrix products per visited pair of blocks.
      queries: arrays `[B, T, H, D]` read or written.
      keys: arrays `[B, S, K, D]` read or written.
      rows: float32 row statistics `[B, H, T]` read or written.
    """
    B, T, S, H, K, D = self.shape
    pairs = B * H * self.visited_pairs
    itemsize = 2 * self.pieces
    mask = 0 if self.seen_shape is None else math.prod(self.seen_shape)
    return pl.CostEstimate(
        flops=2 * dots * pairs * D * len(PRODUCTS[self.pieces]),
        transcendentals=pairs,
        bytes_accessed=(
            itemsize * B * D * (queries * T * H + keys * S * K)
            + 4 * rows * B * H * T
            + mask
        ),
    )

  @property
  def visited_pairs(self) -> int:
    """Scores that are computed per head, with whole blocks on the diagonal."""
    blocks_q = pl.cdiv(self.shape[1], self.held)
    blocks_k = pl.cdiv(self.shape[2], self.streamed)
    visited = blocks_q * blocks_k
    if self.is_causal:
      visited = sum(
          min(blocks_k, pl.cdiv((i + 1) * self.held, self.streamed))
          for i in range(blocks_q)
      )
    return visited * self.held * self.streamed


# Arguments of `Problem.cost` for each kernel.
FORWARD = dict(dots=2, queries=2, keys=2, rows=1)
D_QUERY = dict(dots=3, queries=3, keys=2, rows=2)
D_KEY_VALUE = dict(dots=4, queries=2, keys=4, rows=2)
D_KEY = dict(dots=3, queries=2, keys=3, rows=2)
D_VALUE = dict(dots=2, queries=2, keys=3, rows=2)


class Masks(NamedTuple):
  """Optional operands of a kernel, as arrays or references.

  Attributes:
    seen: int8 `[B or 1, H or 1, T or 1, S or 1]`, padded where not 1; its last
      two axes are exchanged for the kernel that holds keys.
    query_group: int32 `[B, T]`.
    query_branch: int32 `[B, T]`.
    key_group: int32 `[B, S]`.
    key_branch: int32 `[B, S]`.
    lengths: int32 `[B]`.
  """

  seen: Any = None
  query_group: Any = None
  query_branch: Any = None
  key_group: Any = None
  key_branch: Any = None
  lengths: Any = None


def split(x: jax.Array, pieces: int) -> tuple[jax.Array, ...]:
  """Returns bfloat16 arrays whose sum is `x`, up to 2^-17 of it for two."""
  if pieces == 1:
    return (x.astype(jnp.bfloat16),)
  # A plain round trip through bfloat16 is one that XLA may leave out.
  rounded = jax.lax.reduce_precision(x, exponent_bits=8, mantissa_bits=7)
  return rounded.astype(jnp.bfloat16), (x - rounded).astype(jnp.bfloat16)


def mask_operands(
    problem: Problem, mask, segments, lengths_B, *, keys_first: bool
) -> Masks:
  """Lays the api's masks out for the kernels, padded to blocks."""
  queries, keys = problem.padded_queries, problem.padded_keys
  pad = flash_problem.pad
  seen = None
  if mask is not None:
    seen = mask.astype(jnp.int8)
    # An axis of 1 is broadcast and stays 1.
    seen = pad(seen, queries, 2) if mask.shape[2] > 1 else seen
    seen = pad(seen, keys, 3) if mask.shape[3] > 1 else seen
    seen = seen.transpose(0, 1, 3, 2) if keys_first else seen
  masks = Masks(seen)
  if segments is not None:
    group, branch = (ids.astype(jnp.int32) for ids in segments)
    masks = masks._replace(
        query_group=pad(group, queries, 1),
        query_branch=pad(branch, queries, 1),
        key_group=pad(group, keys, 1),
        key_branch=pad(branch, keys, 1),
    )
  if lengths_B is not None:
    masks = masks._replace(lengths=lengths_B.astype(jnp.int32))
  return masks


def ranges(
    problem: Problem, segments, lengths_B, *, keys_held: bool
) -> jax.Array:
  """Returns which streamed blocks each held block meets.

  Returns:
    int32 `[B or 1, held blocks, 3]`: start, turn, stop. Of the blocks from
    start to stop, those before the turn need no mask where queries are held;
    where keys are held, those from the turn on.
  """
  block_q, block_k = problem.held, problem.streamed
  if keys_held:
    block_q, block_k = block_k, block_q
  first_query = jnp.arange(0, problem.padded_queries, block_q)[None, :, None]
  first_key = jnp.arange(0, problem.padded_keys, block_k)[None, None]
  last_key = first_key + block_k - 1
  end = jnp.full((1,), problem.shape[2], jnp.int32)
  if lengths_B is not None:
    end = jnp.minimum(end, lengths_B)
  end = end[:, None, None]
  visible = (first_key < end) & (first_query < problem.shape[1])
  whole = last_key < end
  if problem.is_causal:
    visible &= flash_problem.sees(first_query + block_q - 1, first_key)
    whole &= flash_problem.sees(first_query, last_key)
  if segments is not None:
    group = flash_problem.pad(segments[0], problem.padded_keys, 1)
    visible &= visible_blocks.of_segments(group, block_q, block_k)
  if problem.always_masked:
    whole = jnp.zeros_like(whole)
  visible, whole = jnp.broadcast_arrays(visible, whole)
  if keys_held:
    visible, whole = (x.transpose(0, 2, 1) for x in (visible, whole))
  start, stop = visible_blocks.spans(visible)
  j = jnp.arange(visible.shape[2])[None, None]
  broken = ~whole & (start[..., None] <= j) & (j < stop[..., None])
  if keys_held:
    turn = jnp.where(broken.any(axis=2), visible_blocks.spans(broken)[1], start)
  else:
    turn = jnp.where(broken.any(axis=2), visible_blocks.spans(broken)[0], stop)
  return jnp.stack([start, turn, stop], axis=2)
