"""What the flash kernels share: sizes, products, masks and their costs.

The kernels work on transposed scores, `[keys, queries]`: a statistic of a query
(maximum, sum, log-sum-exp, delta) is then a row of lanes, `[1, block_q]`, which
costs no padding in HBM, and a softmax reduces over sublanes, which is cheaper
than over lanes.
"""

from collections.abc import Callable, Sequence
import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl

# Scores of unseen keys, and the least maximum of a row. Both finite, so that
# no inf - inf arises, and so far apart that exp(UNSEEN - FLOOR) is 0.
UNSEEN = -2e38
FLOOR = -1e30
LANES = 128
# Arguments of `Problem.cost` for each kernel.
FORWARD = dict(dots=2, queries=2, keys=2, rows=1)
D_QUERY = dict(dots=3, queries=3, keys=2, rows=2)
D_KEY_VALUE = dict(dots=4, queries=2, keys=4, rows=2, key_major=True)
IDS = 8  # Sublanes of the int32 tile that holds a token's group and branch.


class Masks(NamedTuple):
  """Optional operands of a kernel, as arrays, block specs or references.

  Attributes:
    seen: `[B or 1, H or 1, S or 1, T or 1]` int8, transposed; or int32
      `[B or 1, H or 1, 1, S]` if it is the same for every query.
    query_ids: int32 `[B, 8, T]`: row 0 groups, row 1 branches.
    key_ids: the same with the padding of keys.
  """

  seen: Any = None
  query_ids: Any = None
  key_ids: Any = None


@dataclasses.dataclass(frozen=True)
class Problem:
  """Static facts of one attention.

  Attributes:
    shape: (B, T, S, H, K, D), lengths before padding.
    scale: factor on the scores.
    is_causal: query t sees key s only if s <= t.
    has_segments: whether `Masks` has ids.
    seen_shape: of the mask given to the api, `[B|1, H|1, T|1, S|1]`, or None.
    block_q: queries per block, a multiple of 128.
    block_k: keys per block, a multiple of 128.
    itemsize: bytes of an element of query, key and value.
  """

  shape: tuple[int, int, int, int, int, int]
  scale: float
  is_causal: bool
  has_segments: bool
  seen_shape: tuple[int, int, int, int] | None
  block_q: int
  block_k: int
  itemsize: int

  @property
  def group(self) -> int:
    """Query heads per key-value head."""
    return self.shape[3] // self.shape[4]

  @property
  def query_blocks(self) -> int:
    return pl.cdiv(self.shape[1], self.block_q)

  @property
  def key_blocks(self) -> int:
    return pl.cdiv(self.shape[2], self.block_k)

  @property
  def seen_by_key(self) -> bool:
    """Whether the mask is the same for every query."""
    return (
        self.seen_shape is not None
        and self.seen_shape[2] == 1
        and self.seen_shape[3] > 1
    )

  @functools.cached_property
  def visited_blocks(self) -> int:
    """Pairs of a query and a key block that are computed, per head."""
    if not self.is_causal:
      return self.query_blocks * self.key_blocks
    return sum(
        1 + min(last_key_block(self, i), self.key_blocks - 1)
        for i in range(self.query_blocks)
    )

  def cost(
      self, *, dots: int, queries: int, keys: int, rows: int, key_major=False
  ) -> pl.CostEstimate:
    """Returns the cost of a kernel: what it does, not what it must.

    Args:
      dots: matrix products per visited pair of blocks.
      queries: arrays `[B, H, T, D]` read or written.
      keys: arrays `[B, K, S, D]` read or written.
      rows: float32 row statistics `[B, H, T]` read or written.
      key_major: whether queries stream past keys; else keys past queries. What
        streams is fetched anew for every visited pair of blocks.
    """
    B, T, S, H, K, D = self.shape
    visits = B * H * self.visited_blocks
    pairs = visits * self.block_q * self.block_k
    queries_read, keys_read = B * H * T, B * K * S
    if key_major:
      queries_read = visits * self.block_q
    else:
      keys_read = visits * self.block_k
    elements = D * (queries * queries_read + keys * keys_read)
    mask = self.seen_shape is not None and self.seen_shape[2] > 1
    return pl.CostEstimate(
        flops=2 * dots * pairs * D,
        transcendentals=pairs,
        bytes_accessed=(
            self.itemsize * elements + 4 * rows * queries_read + pairs * mask
        ),
    )


def divide(a, b: int):
  """Divides what is not negative; `//` lowers only where a TPU is attached."""
  return a // b if isinstance(a, int) else jax.lax.div(a, jnp.int32(b))


def kv_head(problem: Problem, h):
  """Returns the key-value head that query head `h` reads."""
  return divide(h, problem.group)


def last_key_block(problem: Problem, i_q):
  """Returns the last key block that query block `i_q` sees if causal."""
  return divide((i_q + 1) * problem.block_q - 1, problem.block_k)


def first_query_block(problem: Problem, i_k):
  """Returns the first query block that sees key block `i_k` if causal."""
  return divide(i_k * problem.block_k, problem.block_q)


def sees(query, key):
  """Causality, on positions counted from 0."""
  return key <= query


def scaled_scores(problem: Problem, key_SxD, query_TxD):
  return problem.scale * dot(key_SxD, query_TxD, 1, 1)


def dot(a, b, a_axis, b_axis):
  """Contracts one axis of each matrix into float32, at full precision."""
  return jax.lax.dot_general(
      a,
      b,
      (((a_axis,), (b_axis,)), ((), ())),
      precision=(
          jax.lax.Precision.HIGHEST if a.dtype == jnp.float32 else None
      ),
      preferred_element_type=jnp.float32,
  )


def for_visible_blocks(
    problem: Problem,
    spans: Sequence[Any],
    i_q,
    i_k,
    attend: Callable[[bool], None],
    *,
    keys_held: bool = False,
):
  """Runs `attend(masked)` unless no query of the block can see any key of it.

  `masked` is static: without a mask, a block below the diagonal and clear of
  the padding needs none.
  """
  masked = problem.seen_shape is not None or problem.has_segments
  padded = problem.shape[2] % problem.block_k != 0
  if masked or not (problem.is_causal or padded):
    whole = not masked
  else:
    last_key = (i_k + 1) * problem.block_k - 1
    whole = last_key < problem.shape[2]
    if problem.is_causal:
      whole &= sees(i_q * problem.block_q, last_key)
  visible = True
  if spans:
    b, (start, stop) = pl.program_id(0), spans
    held, streamed = (i_k, i_q) if keys_held else (i_q, i_k)
    visible = (start[b, held] <= streamed) & (streamed < stop[b, held])
  elif problem.is_causal:
    visible = i_k <= last_key_block(problem, i_q)
  if isinstance(whole, bool):
    pl.when(visible)(lambda: attend(not whole))
    return
  pl.when(visible & whole)(lambda: attend(False))
  pl.when(visible & ~whole)(lambda: attend(True))


def masked_scores(problem: Problem, scores_SxT, masks: Masks, i_q, i_k):
  """Puts `UNSEEN` where a query does not see a key."""
  key = jax.lax.broadcasted_iota(jnp.int32, scores_SxT.shape, 0)
  key += i_k * problem.block_k
  seen = key < problem.shape[2]
  if problem.is_causal:
    query = jax.lax.broadcasted_iota(jnp.int32, scores_SxT.shape, 1)
    seen &= sees(query + i_q * problem.block_q, key)
  if masks.seen is not None:
    given = masks.seen[...].astype(jnp.int32)
    if problem.seen_by_key:
      given = jnp.broadcast_to(given, (IDS, given.shape[1])).T[:, :1]
    seen &= given != 0
  if masks.query_ids is not None:
    group, branch = masks.query_ids[0:1, :], masks.query_ids[1:2, :]
    key_ids_Sx8 = masks.key_ids[...].T
    key_group, key_branch = key_ids_Sx8[:, 0:1], key_ids_Sx8[:, 1:2]
    seen &= (group == key_group) & (key_group > 0)
    seen &= (key_branch == 0) | (branch == key_branch)
  return jnp.where(seen, scores_SxT, UNSEEN)


def pad(x: jax.Array, length: int, axis: int) -> jax.Array:
  """Pads `axis` with zeros to `length`."""
  widths = [(0, 0)] * x.ndim
  widths[axis] = (0, length - x.shape[axis])
  return jnp.pad(x, widths) if length > x.shape[axis] else x


def mask_operands(problem: Problem, mask, segments) -> Masks:
  """Lays the api's mask and segments out for the kernels, padded to blocks."""
  queries = problem.query_blocks * problem.block_q
  keys = problem.key_blocks * problem.block_k
  seen = None
  if problem.seen_by_key:
    seen = pad(mask.astype(jnp.int32), keys, 3)
  elif mask is not None:
    seen = mask.astype(jnp.int8).transpose(0, 1, 3, 2)
    # An axis of 1 is broadcast and stays 1.
    seen = pad(seen, keys, 2) if problem.seen_shape[3] > 1 else seen
    seen = pad(seen, queries, 3) if problem.seen_shape[2] > 1 else seen
  if segments is None:
    return Masks(seen)
  ids = jnp.stack(segments, axis=1).astype(jnp.int32)
  ids = pad(ids, IDS, 1)
  return Masks(seen, pad(ids, queries, 2), pad(ids, keys, 2))


def delta(d_out_BxHxTxD, out_BxHxTxD, d_lse_BxHxT):
  """Returns what ds = p (dp - delta) subtracts, lse's cotangent included."""
  product = d_out_BxHxTxD.astype(jnp.float32) * out_BxHxTxD.astype(jnp.float32)
  return product.sum(axis=-1) - d_lse_BxHxT
