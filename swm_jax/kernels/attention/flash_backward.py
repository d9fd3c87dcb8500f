"""The backward flash kernels for TPU: one for queries, one for keys, values.

Both recompute p = exp(s - lse) and form ds = p (dp - delta), where delta has
the log-sum-exp's cotangent in it (`flash_problem.delta`). Each output block is
summed by one program in a fixed order, so gradients are deterministic.
"""

import functools

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu

from swm_jax.kernels.attention import flash_grid
from swm_jax.kernels.attention import flash_problem


def _weights_and_d_scores(
    problem, query, key, value, d_out, lse_1xT, delta_1xT, masks, place, masked
):
  """Returns p and ds, `[S, T]` float32, of one pair of blocks."""
  scores_SxT = flash_problem.scaled_scores(problem, key, query)
  if masked:
    scores_SxT = flash_problem.masked_scores(problem, scores_SxT, masks, *place)
  weights_SxT = jnp.exp(scores_SxT - lse_1xT)
  d_weights_SxT = flash_problem.dot(value, d_out, 1, 1)
  return weights_SxT, weights_SxT * (d_weights_SxT - delta_1xT)


def _query_kernel(
    problem,
    spans,
    query_ref,
    key_ref,
    value_ref,
    d_out_ref,
    lse_ref,
    delta_ref,
    masks,
    d_query_ref,
    acc_DxT,
):
  """Streams key blocks (grid axis 3) past one block of queries."""
  i_q, i_k = pl.program_id(2), pl.program_id(3)

  @pl.when(i_k == 0)
  def _():
    acc_DxT[...] = jnp.zeros_like(acc_DxT)

  def attend(masked):
    key = key_ref[...]
    _, d_scores_SxT = _weights_and_d_scores(
        problem,
        query_ref[...],
        key,
        value_ref[...],
        d_out_ref[...],
        lse_ref[...],
        delta_ref[...],
        masks,
        (i_q, i_k),
        masked,
    )
    acc_DxT[...] += flash_problem.dot(key, d_scores_SxT.astype(key.dtype), 0, 0)

  flash_problem.for_visible_blocks(problem, spans, i_q, i_k, attend)

  @pl.when(i_k == pl.num_programs(3) - 1)
  def _():
    d_query = problem.scale * acc_DxT[...].T
    d_query_ref[...] = d_query.astype(d_query_ref.dtype)


def _key_kernel(
    problem,
    spans,
    query_ref,
    key_ref,
    value_ref,
    d_out_ref,
    lse_ref,
    delta_ref,
    masks,
    d_key_ref,
    d_value_ref,
    d_key_SxD,
    d_value_SxD,
):
  """Streams the group's heads and queries (axes 3, 4) past a block of keys."""
  i_k, g, i_q = pl.program_id(2), pl.program_id(3), pl.program_id(4)

  @pl.when((g == 0) & (i_q == 0))
  def _():
    d_key_SxD[...] = jnp.zeros_like(d_key_SxD)
    d_value_SxD[...] = jnp.zeros_like(d_value_SxD)

  def attend(masked):
    query, d_out = query_ref[...], d_out_ref[...]
    weights_SxT, d_scores_SxT = _weights_and_d_scores(
        problem,
        query,
        key_ref[...],
        value_ref[...],
        d_out,
        lse_ref[...],
        delta_ref[...],
        masks,
        (i_q, i_k),
        masked,
    )
    d_value_SxD[...] += flash_problem.dot(
        weights_SxT.astype(d_out.dtype), d_out, 1, 0
    )
    d_key_SxD[...] += flash_problem.dot(
        d_scores_SxT.astype(query.dtype), query, 1, 0
    )

  flash_problem.for_visible_blocks(
      problem, spans, i_q, i_k, attend, keys_held=True
  )

  last_head = g == pl.num_programs(3) - 1

  @pl.when(last_head & (i_q == pl.num_programs(4) - 1))
  def _():
    d_key = problem.scale * d_key_SxD[...]
    d_key_ref[...] = d_key.astype(d_key_ref.dtype)
    d_value_ref[...] = d_value_SxD[...].astype(d_value_ref.dtype)


def backward(
    problem,
    query_spans,
    key_spans,
    query,
    key,
    value,
    d_out,
    lse,
    delta,
    masks,
    *,
    interpret,
):
  """Returns gradients of query, key and value, in their padded shapes.

  Args:
    problem: `flash_problem.Problem`.
    query_spans: `flash_grid.make_spans` of what held queries meet.
    key_spans: the same of what held keys meet.
    query: `[B, H, T, D]`, like `d_out`; see `flash_forward.forward`.
    key: `[B, K, S, D]`.
    value: like `key`.
    d_out: cotangent of the output.
    lse: `[B, H, 1, T]`, finite: 0 where a query sees no key.
    delta: `[B, H, 1, T]`, see `flash_problem.delta`.
    masks: `flash_problem.Masks`.
    interpret: as in `pl.pallas_call`.
  """
  D = problem.shape[5]

  def call(kernel, spans, axes, outputs, scratch, cost, name):
    grid, place = axes(problem)
    specs = flash_grid.make_specs(problem, place)
    reduced = len(grid) - 3
    return pl.pallas_call(
        flash_grid.with_spans(functools.partial(kernel, problem), spans),
        grid_spec=pltpu.PrefetchScalarGridSpec(
            num_scalar_prefetch=len(spans),
            grid=grid,
            in_specs=[
                specs.query,
                specs.key,
                specs.key,
                specs.query,
                specs.row,
                specs.row,
                specs.masks,
            ],
            out_specs=[getattr(specs, role) for role, _ in outputs],
            scratch_shapes=[
                pltpu.VMEM(shape, jnp.float32) for shape in scratch
            ],
        ),
        out_shape=[
            jax.ShapeDtypeStruct(x.shape, x.dtype) for _, x in outputs
        ],
        compiler_params=pltpu.CompilerParams(
            dimension_semantics=('parallel',) * 3 + ('arbitrary',) * reduced
        ),
        cost_estimate=cost,
        interpret=interpret,
        name=name,
    )(*spans, query, key, value, d_out, lse, delta, masks)

  (d_query,) = call(
      _query_kernel,
      query_spans,
      flash_grid.query_major,
      [('query', query)],
      [(D, problem.block_q)],
      problem.cost(**flash_problem.D_QUERY),
      'flash_attention_d_query',
  )
  d_key, d_value = call(
      _key_kernel,
      key_spans,
      flash_grid.key_major,
      [('key', key), ('key', value)],
      [(problem.block_k, D)] * 2,
      problem.cost(**flash_problem.D_KEY_VALUE),
      'flash_attention_d_key_value',
  )
  return d_query, d_key, d_value
