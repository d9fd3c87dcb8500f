"""The forward flash kernel for Hopper (https://arxiv.org/abs/2407.08608)."""

import functools
import math

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import mosaic_gpu as plgpu

from swm_jax.kernels.attention import flash_forward
from swm_jax.kernels.attention import flash_problem
from swm_jax.kernels.attention import gpu_problem
from swm_jax.kernels.attention import gpu_tiles

# Columns of a value block that one product takes, so that it and the sum that
# it is added to fit the registers.
_COLUMNS = 128


def _kernel(
    problem, stages, operands, outputs, query_tile, key_ring, value_ring,
    query_barrier, ring_barrier,
):
  """Holds a block of queries; streams blocks of keys and values past it.

  Invariant after each block: `top` is the maximum of the scores so far in
  powers of 2, or FLOOR, `total` the sum of 2^(score - top) and `acc` that of
  the values weighted so, in parts of `_COLUMNS` columns.
  """
  query, key, value, masks, ranges_ref = operands
  out_ref, lse_ref = outputs
  D, held, streamed = problem.shape[5], problem.held, problem.streamed
  b, h = jax.lax.axis_index('batch'), jax.lax.axis_index('head')
  # Causal blocks that meet the most keys are run first.
  i = jax.lax.axis_size('block') - 1 - jax.lax.axis_index('block')
  first_query = i * held
  kv = flash_problem.kv_head(problem, h)
  queries = pl.ds(first_query, held)
  gpu_tiles.copy(query, (b, queries, h), query_tile, query_barrier)
  plgpu.barrier_wait(query_barrier)

  def fetch(slot, block):
    keys = pl.ds(block * streamed, streamed)
    for ring, refs in ((key_ring, key), (value_ring, value)):
      gpu_tiles.copy(refs, (b, keys, kv), ring.at[slot], ring_barrier.at[slot])

  def meet(slot, block, carry, is_masked):
    accs, top, total = carry
    shape = (held, streamed)
    scores = gpu_tiles.scaled(problem) * gpu_tiles.product(
        shape,
        gpu_tiles.pieces_of(problem, query_tile),
        gpu_tiles.transposed(gpu_tiles.pieces_of(problem, key_ring, slot)),
    )
    if is_masked:
      place = (b, h, first_query, block * streamed)
      scores = gpu_tiles.masked(problem, scores, masks, place, query_axis=0)
    new = jnp.maximum(top, scores.max(axis=1))
    shrink = jnp.exp2(top - new)
    weights = jnp.exp2(scores - gpu_tiles.spread(new, shape, 0))
    total = flash_forward.rescale(total, shrink) + weights.sum(axis=1)
    weights = gpu_tiles.split_registers(weights, problem.pieces)
    values = gpu_tiles.pieces_of(problem, value_ring, slot)
    sums = []
    for part, acc in enumerate(accs):
      columns = pl.ds(part * _COLUMNS, acc.shape[1])
      acc = flash_forward.rescale(acc, gpu_tiles.spread(shrink, acc.shape, 0))
      sums.append(acc + gpu_tiles.product(
          acc.shape, weights, [ref.at[:, columns] for ref in values]
      ))
    return tuple(sums), new, total

  widths = [min(_COLUMNS, D - at) for at in range(0, D, _COLUMNS)]
  accs, top, total = gpu_tiles.stream(
      gpu_tiles.bounds_of(ranges_ref, b, i),
      stages,
      ring_barrier,
      fetch,
      meet,
      (
          tuple(gpu_tiles.filled((held, width), 0.0) for width in widths),
          gpu_tiles.filled((held,), flash_problem.FLOOR),
          gpu_tiles.filled((held,), 0.0),
      ),
      masked_first=False,
      always_masked=problem.always_masked,
  )
  empty = total == 0.0
  total = jnp.where(empty, 1.0, total)
  for part, acc in enumerate(accs):
    columns = pl.ds(part * _COLUMNS, acc.shape[1])
    acc = acc / gpu_tiles.spread(total, acc.shape, 0)
    out_ref[b, queries, h, columns] = acc.astype(out_ref.dtype)
  lse = top * math.log(2.0) + jnp.log(total)
  lse_ref[b, h, queries] = jnp.where(empty, -jnp.inf, lse)


def forward(problem, query, key, value, masks, ranges, dtype, *, interpret):
  """Returns `(out_BxTxHxD, lse_BxHxT)`, lengths padded to blocks.

  Args:
    problem: `gpu_problem.Problem`.
    query: bfloat16 pieces `[B, T, H, D]`, T padded.
    key: bfloat16 pieces `[B, S, K, D]`, S padded.
    value: like `key`.
    masks: `gpu_problem.Masks`, queries first.
    ranges: `gpu_problem.ranges` of blocks of keys.
    dtype: of the output.
    interpret: as in `pl.kernel`.
  """
  B, T, H, _ = query[0].shape
  stages = problem.stages(held_tiles=1)
  ring = gpu_tiles.tile(problem, problem.streamed, stages)
  return gpu_tiles.call(
      functools.partial(_kernel, problem, stages),
      (query, key, value, masks, ranges),
      [
          jax.ShapeDtypeStruct(query[0].shape, dtype),
          jax.ShapeDtypeStruct((B, H, T), jnp.float32),
      ],
      [
          gpu_tiles.tile(problem, problem.held),
          ring,
          ring,
          plgpu.Barrier(num_arrivals=problem.pieces),
          plgpu.Barrier(num_arrivals=2 * problem.pieces, num_barriers=stages),
      ],
      {'batch': B, 'head': H, 'block': T // problem.held},
      problem.cost(**gpu_problem.FORWARD),
      'flash_attention_forward',
      interpret,
  )
