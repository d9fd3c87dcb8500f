"""One query token over a long cache, for TPU.

Decoding is bound by reading the cache once, so the kernel reads it where it
lies, `[B, S, K * D]`, all heads of a slot together, and never transposes it.
Queries are laid out block-diagonally, `[H, K * D]`, zero outside the lanes of
their own key-value head: one matrix product serves all heads, at the price of
K times the arithmetic, of which decoding has plenty to spare.

A cache of `[B, S, K, D]` lies otherwise on TPU, in tiles of heads and lanes, so
that XLA copies it first. A decoder that keeps its cache as `[B, S, K * D]`, K *
D a multiple of 128, and reshapes it for the api pays for no copy: the reshapes
cancel (`attention_compile_test`).
"""

import functools

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu

from swm_jax.kernels.attention import flash_forward
from swm_jax.kernels.attention import flash_problem


def slot_is_seen(slot, length):
  return slot < length


def _kernel(
    scale,
    block,
    lengths_ref,
    query_ref,
    key_ref,
    value_ref,
    out_ref,
    lse_ref,
    acc_HxE,
    top_Hx1,
    total_Hx1,
):
  """Streams cache blocks (grid axis 1) past a row's heads; E is K * D."""
  row, i = pl.program_id(0), pl.program_id(1)
  length = lengths_ref[row]

  @pl.when(i == 0)
  def _():
    acc_HxE[...] = jnp.zeros_like(acc_HxE)
    top_Hx1[...] = jnp.full_like(top_Hx1, flash_problem.FLOOR)
    total_Hx1[...] = jnp.zeros_like(total_Hx1)

  @pl.when(i * block < length)
  def _():
    value = value_ref[...]
    slot_Sx1 = jax.lax.broadcasted_iota(jnp.int32, (value.shape[0], 1), 0)
    # Beyond the end of the cache a block holds anything, NaN included.
    value = jnp.where(
        slot_is_seen(slot_Sx1 + i * block, length), value, jnp.zeros_like(value)
    )
    scores_HxS = scale * flash_problem.dot(query_ref[...], key_ref[...], 1, 1)
    slot_HxS = jax.lax.broadcasted_iota(jnp.int32, scores_HxS.shape, 1)
    scores_HxS = jnp.where(
        slot_is_seen(slot_HxS + i * block, length),
        scores_HxS,
        flash_problem.UNSEEN,
    )
    old_Hx1 = top_Hx1[...]
    new_Hx1 = jnp.maximum(old_Hx1, scores_HxS.max(axis=1, keepdims=True))
    shrink_Hx1 = jnp.exp(old_Hx1 - new_Hx1)
    weights_HxS = jnp.exp(scores_HxS - new_Hx1)
    top_Hx1[...] = new_Hx1
    total_Hx1[...] = flash_forward.rescale(
        total_Hx1[...], shrink_Hx1
    ) + weights_HxS.sum(axis=1, keepdims=True)
    acc_HxE[...] = flash_forward.rescale(
        acc_HxE[...], shrink_Hx1
    ) + flash_problem.dot(weights_HxS.astype(value.dtype), value, 1, 0)

  @pl.when(i == pl.num_programs(1) - 1)
  def _():
    total = total_Hx1[...]
    empty = total == 0.0
    total = jnp.where(empty, 1.0, total)
    out_ref[...] = (acc_HxE[...] / total).astype(out_ref.dtype)
    lse_Hx1 = jnp.where(empty, -jnp.inf, top_Hx1[...] + jnp.log(total))
    lse_ref[...] = jnp.broadcast_to(lse_Hx1, lse_ref.shape)


def last_block(length, block):
  """Returns the last block of the cache that has a slot below `length`."""
  return flash_problem.divide(jnp.maximum(length - 1, 0), block)


def padded_heads(H: int) -> int:
  """Heads are sublanes, of which bfloat16 packs 16 into a register."""
  return pl.cdiv(H, 16) * 16


def cost(B: int, S: int, H: int, K: int, D: int, itemsize: int):
  """Returns the `pl.CostEstimate` for caches that are full."""
  H = padded_heads(H)
  return pl.CostEstimate(
      flops=4 * B * H * S * K * D,
      transcendentals=B * H * S,
      bytes_accessed=itemsize * B * K * D * 2 * (S + H) + 4 * B * H * 128,
  )


def decode(
    query_BxHxD, key_BxSxKxD, value_BxSxKxD, lengths_B, *, scale, block,
    interpret,
):
  """Returns `(out_BxHxD, lse_BxH)` of one query per row; no gradients.

  Args:
    query_BxHxD: float32 or bfloat16.
    key_BxSxKxD: the cache.
    value_BxSxKxD: the cache.
    lengths_B: int32; a row sees the slots below its length. Blocks beyond it
      are neither read nor computed.
    scale: factor on the scores.
    block: slots per block.
    interpret: as in `pl.pallas_call`.
  """
  B, S, K, D = key_BxSxKxD.shape
  H, dtype = query_BxHxD.shape[1], query_BxHxD.dtype
  block = min(block, S)
  rows = padded_heads(H)
  own_HxK = jnp.arange(H)[:, None] // (H // K) == jnp.arange(K)[None]
  query = jnp.where(
      own_HxK[None, :, :, None], query_BxHxD[:, :, None], jnp.zeros((), dtype)
  ).reshape(B, H, K * D)
  query = flash_problem.pad(query, rows, 1)

  def cache_spec():
    return pl.BlockSpec(
        (None, block, K * D),
        lambda b, i, lengths: (
            b, jnp.minimum(i, last_block(lengths[b], block)), 0
        ),
    )

  def row_spec(width):
    return pl.BlockSpec((None, rows, width), lambda b, i, lengths: (b, 0, 0))

  out_BxHxE, lse_BxHx128 = pl.pallas_call(
      functools.partial(_kernel, scale, block),
      grid_spec=pltpu.PrefetchScalarGridSpec(
          num_scalar_prefetch=1,
          grid=(B, pl.cdiv(S, block)),
          in_specs=[row_spec(K * D), cache_spec(), cache_spec()],
          out_specs=[row_spec(K * D), row_spec(flash_problem.LANES)],
          scratch_shapes=[
              pltpu.VMEM((rows, K * D), jnp.float32),
              pltpu.VMEM((rows, 1), jnp.float32),
              pltpu.VMEM((rows, 1), jnp.float32),
          ],
      ),
      out_shape=[
          jax.ShapeDtypeStruct((B, rows, K * D), dtype),
          jax.ShapeDtypeStruct((B, rows, flash_problem.LANES), jnp.float32),
      ],
      compiler_params=pltpu.CompilerParams(
          dimension_semantics=('parallel', 'arbitrary')
      ),
      cost_estimate=cost(B, S, H, K, D, dtype.itemsize),
      interpret=interpret,
      name='decode_attention',
  )(
      lengths_B.astype(jnp.int32),
      query,
      key_BxSxKxD.reshape(B, S, K * D),
      value_BxSxKxD.reshape(B, S, K * D),
  )
  out_BxHxKxD = out_BxHxE[:, :H].reshape(B, H, K, D)
  out_BxHxD = jnp.where(
      own_HxK[None, :, :, None], out_BxHxKxD, jnp.zeros((), dtype)
  ).sum(axis=2)
  return out_BxHxD.astype(dtype), lse_BxHx128[:, :H, 0]
