"""The backward flash kernels for Hopper: for queries, and for keys and values.

All recompute p = 2^(s - lse) and form ds = p (dp - delta), where delta has the
log-sum-exp's cotangent in it (`flash_problem.delta`). Each block of a gradient
is summed by one program in a fixed order, without atomics, so gradients are
deterministic. Keys' and values' gradients come from one kernel where both sums
fit the registers, else from one each.
"""

import functools

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import mosaic_gpu as plgpu

from swm_jax.kernels.attention import flash_problem
from swm_jax.kernels.attention import gpu_problem
from swm_jax.kernels.attention import gpu_tiles


def _weights(problem, left, right, lse, masks, place, is_masked, query_axis):
  """Returns p, `[rows of left, rows of right]` float32, of a pair of blocks."""
  shape = (left[0].shape[0], right[0].shape[0])
  scores = gpu_tiles.scaled(problem) * gpu_tiles.product(
      shape, left, gpu_tiles.transposed(right)
  )
  if is_masked:
    scores = gpu_tiles.masked(problem, scores, masks, place, query_axis)
  return jnp.exp2(
      scores - gpu_tiles.spread(gpu_tiles.LOG2_E * lse, shape, query_axis)
  )


def _d_scores(weights, left, right, delta, query_axis):
  """Returns ds without the scale, like `weights`."""
  d_weights = gpu_tiles.product(
      weights.shape, left, gpu_tiles.transposed(right)
  )
  delta = gpu_tiles.spread(delta, weights.shape, query_axis)
  return weights * (d_weights - delta)


def _query_kernel(
    problem, stages, operands, outputs, query_tile, d_out_tile, key_ring,
    value_ring, held_barrier, ring_barrier,
):
  """Holds queries and their cotangents; streams keys and values past them."""
  query, key, value, d_out, lse_ref, delta_ref, masks, ranges_ref = operands
  (d_query_ref,) = outputs
  held, streamed, D = problem.held, problem.streamed, problem.shape[5]
  b, h = jax.lax.axis_index('batch'), jax.lax.axis_index('head')
  i = jax.lax.axis_size('block') - 1 - jax.lax.axis_index('block')
  first_query = i * held
  kv = flash_problem.kv_head(problem, h)
  queries = pl.ds(first_query, held)
  gpu_tiles.copy(query, (b, queries, h), query_tile, held_barrier)
  gpu_tiles.copy(d_out, (b, queries, h), d_out_tile, held_barrier)
  plgpu.barrier_wait(held_barrier)
  lse = gpu_tiles.load(lse_ref.at[b, h, queries], 0)
  delta = gpu_tiles.load(delta_ref.at[b, h, queries], 0)

  def fetch(slot, block):
    keys = pl.ds(block * streamed, streamed)
    for ring, refs in ((key_ring, key), (value_ring, value)):
      gpu_tiles.copy(refs, (b, keys, kv), ring.at[slot], ring_barrier.at[slot])

  def run(acc_ref):
    def meet(slot, block, carry, is_masked):
      keys = gpu_tiles.pieces_of(problem, key_ring, slot)
      weights = _weights(
          problem,
          gpu_tiles.pieces_of(problem, query_tile),
          keys,
          lse,
          masks,
          (b, h, first_query, block * streamed),
          is_masked,
          query_axis=0,
      )
      d_scores = _d_scores(
          weights,
          gpu_tiles.pieces_of(problem, d_out_tile),
          gpu_tiles.pieces_of(problem, value_ring, slot),
          delta,
          query_axis=0,
      )
      gpu_tiles.accumulate(
          acc_ref, gpu_tiles.split_registers(d_scores, problem.pieces), keys
      )
      plgpu.wgmma_wait(0)
      return carry

    gpu_tiles.stream(
        gpu_tiles.bounds_of(ranges_ref, b, i),
        stages,
        ring_barrier,
        fetch,
        meet,
        None,
        masked_first=False,
        always_masked=problem.always_masked,
    )
    return acc_ref[...]

  acc = pl.run_scoped(run, plgpu.ACC((held, D), jnp.float32))
  d_query_ref[b, queries, h] = (problem.scale * acc).astype(d_query_ref.dtype)


def _key_kernel(
    problem, stages, wanted, operands, outputs, key_tile, value_tile,
    query_ring, d_out_ring, held_barrier, ring_barrier,
):
  """Holds keys and values; streams the group's queries, head by head."""
  query, key, value, d_out, lse_ref, delta_ref, masks, ranges_ref = operands
  held, streamed, D = problem.held, problem.streamed, problem.shape[5]
  b, kv = jax.lax.axis_index('batch'), jax.lax.axis_index('head')
  i = jax.lax.axis_index('block')
  first_key = i * held
  keys = pl.ds(first_key, held)
  gpu_tiles.copy(key, (b, keys, kv), key_tile, held_barrier)
  gpu_tiles.copy(value, (b, keys, kv), value_tile, held_barrier)
  plgpu.barrier_wait(held_barrier)
  bounds = gpu_tiles.bounds_of(ranges_ref, b, i)

  def run(*acc_refs):
    accs = dict(zip(wanted, acc_refs))

    def one_head(g, carry):
      h = kv * problem.group + g

      def fetch(slot, block):
        queries = pl.ds(block * streamed, streamed)
        for ring, refs in ((query_ring, query), (d_out_ring, d_out)):
          gpu_tiles.copy(
              refs, (b, queries, h), ring.at[slot], ring_barrier.at[slot]
          )

      def meet(slot, block, carry, is_masked):
        rows = pl.ds(block * streamed, streamed)
        queries = gpu_tiles.pieces_of(problem, query_ring, slot)
        d_outs = gpu_tiles.pieces_of(problem, d_out_ring, slot)
        weights = _weights(
            problem,
            gpu_tiles.pieces_of(problem, key_tile),
            queries,
            gpu_tiles.load(lse_ref.at[b, h, rows], 1),
            masks,
            (b, h, block * streamed, first_key),
            is_masked,
            query_axis=1,
        )
        if 'value' in wanted:
          gpu_tiles.accumulate(
              accs['value'],
              gpu_tiles.split_registers(weights, problem.pieces),
              d_outs,
          )
        if 'key' in wanted:
          d_scores = _d_scores(
              weights,
              gpu_tiles.pieces_of(problem, value_tile),
              d_outs,
              gpu_tiles.load(delta_ref.at[b, h, rows], 1),
              query_axis=1,
          )
          gpu_tiles.accumulate(
              accs['key'],
              gpu_tiles.split_registers(d_scores, problem.pieces),
              queries,
          )
        plgpu.wgmma_wait(0)
        return carry

      return gpu_tiles.stream(
          bounds,
          stages,
          ring_barrier,
          fetch,
          meet,
          carry,
          masked_first=True,
          always_masked=problem.always_masked,
      )

    jax.lax.fori_loop(0, problem.group, one_head, None)
    return tuple(ref[...] for ref in acc_refs)

  sums = pl.run_scoped(
      run, *[plgpu.ACC((held, D), jnp.float32)] * len(wanted)
  )
  for name, total, ref in zip(wanted, sums, outputs):
    if name == 'key':
      total = problem.scale * total
    ref[b, keys, kv] = total.astype(ref.dtype)


def _call(
    problem, kernel, operands, outputs, rows, grid, cost, name, interpret
):
  stages = problem.stages(held_tiles=2)
  held = gpu_tiles.tile(problem, problem.held)
  ring = gpu_tiles.tile(problem, problem.streamed, stages)
  return gpu_tiles.call(
      functools.partial(kernel, problem, stages),
      operands,
      outputs,
      [
          held,
          held,
          ring,
          ring,
          plgpu.Barrier(num_arrivals=2 * problem.pieces),
          plgpu.Barrier(num_arrivals=2 * problem.pieces, num_barriers=stages),
      ],
      {**grid, 'block': rows // problem.held},
      cost,
      name,
      interpret,
  )


def d_query(problem, tiles, rows, masks, ranges, dtype, *, interpret):
  """Returns the gradient of the queries, `[B, T, H, D]`, T padded.

  Args:
    problem: `gpu_problem.Problem`.
    tiles: query, key, value and the output's cotangent, each in bfloat16
      pieces; see `gpu_forward.forward`.
    rows: lse, finite: 0 where a query sees no key, and `flash_problem.delta`,
      both float32 `[B, H, T]`.
    masks: `gpu_problem.Masks`, queries first.
    ranges: `gpu_problem.ranges` of blocks of keys.
    dtype: of the gradient.
    interpret: as in `pl.kernel`.
  """
  B, T, H, _ = tiles[0][0].shape
  (gradient,) = _call(
      problem,
      _query_kernel,
      (*tiles, *rows, masks, ranges),
      [jax.ShapeDtypeStruct(tiles[0][0].shape, dtype)],
      T,
      {'batch': B, 'head': H},
      problem.cost(**gpu_problem.D_QUERY),
      'flash_attention_d_query',
      interpret,
  )
  return gradient


def d_key_value(problem, tiles, rows, masks, ranges, dtype, *, interpret):
  """Returns the gradients of keys and values, `[B, S, K, D]`, S padded.

  Args:
    problem: see `d_query`.
    tiles: see `d_query`.
    rows: see `d_query`.
    masks: `gpu_problem.Masks`, keys first.
    ranges: `gpu_problem.ranges` of blocks of queries.
    dtype: of the gradients.
    interpret: as in `pl.kernel`.
  """
  B, S, K, D = tiles[1][0].shape
  gradient = jax.ShapeDtypeStruct((B, S, K, D), dtype)

  def call(wanted, cost, name):
    return _call(
        problem,
        lambda problem, stages, *refs: _key_kernel(
            problem, stages, wanted, *refs
        ),
        (*tiles, *rows, masks, ranges),
        [gradient] * len(wanted),
        S,
        {'batch': B, 'head': K},
        problem.cost(**cost),
        f'flash_attention_d_{name}',
        interpret,
    )

  if problem.sums_pairs:
    return call(('key', 'value'), gpu_problem.D_KEY_VALUE, 'key_value')
  (d_key,) = call(('key',), gpu_problem.D_KEY, 'key')
  (d_value,) = call(('value',), gpu_problem.D_VALUE, 'value')
  return d_key, d_value
