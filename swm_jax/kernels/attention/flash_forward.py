"""The forward flash kernel for TPU (https://arxiv.org/abs/2307.08691)."""

import functools

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu

from swm_jax.kernels.attention import flash_grid
from swm_jax.kernels.attention import flash_problem


def rescale(x, factor):
  """Brings a running sum from the old maximum to the new one."""
  return x * factor


def _kernel(
    problem,
    spans,
    query_ref,
    key_ref,
    value_ref,
    masks,
    out_ref,
    lse_ref,
    acc_DxT,
    top_1xT,
    total_1xT,
):
  """Streams key blocks (grid axis 3) past one block of queries.

  Invariant after each block: `top` is the maximum of the scores so far, or
  FLOOR, `total` the sum of exp(score - top) and `acc` that of the values
  weighted so.
  """
  i_q, i_k = pl.program_id(2), pl.program_id(3)

  @pl.when(i_k == 0)
  def _():
    acc_DxT[...] = jnp.zeros_like(acc_DxT)
    top_1xT[...] = jnp.full_like(top_1xT, flash_problem.FLOOR)
    total_1xT[...] = jnp.zeros_like(total_1xT)

  def attend(masked):
    scores_SxT = flash_problem.scaled_scores(
        problem, key_ref[...], query_ref[...]
    )
    if masked:
      scores_SxT = flash_problem.masked_scores(
          problem, scores_SxT, masks, i_q, i_k
      )
    old_1xT = top_1xT[...]
    new_1xT = jnp.maximum(old_1xT, scores_SxT.max(axis=0, keepdims=True))
    shrink_1xT = jnp.exp(old_1xT - new_1xT)
    weights_SxT = jnp.exp(scores_SxT - new_1xT)
    value = value_ref[...]
    top_1xT[...] = new_1xT
    total_1xT[...] = rescale(total_1xT[...], shrink_1xT) + weights_SxT.sum(
        axis=0, keepdims=True
    )
    acc_DxT[...] = rescale(acc_DxT[...], shrink_1xT) + flash_problem.dot(
        value, weights_SxT.astype(value.dtype), 0, 0
    )

  flash_problem.for_visible_blocks(problem, spans, i_q, i_k, attend)

  @pl.when(i_k == pl.num_programs(3) - 1)
  def _():
    total = total_1xT[...]
    empty = total == 0.0
    total = jnp.where(empty, 1.0, total)
    out_ref[...] = (acc_DxT[...] / total).T.astype(out_ref.dtype)
    lse_ref[...] = jnp.where(empty, -jnp.inf, top_1xT[...] + jnp.log(total))


def forward(problem, spans, query, key, value, masks, *, interpret):
  """Returns `(out_BxHxTxD, lse_BxHx1xT)`, lengths padded to blocks.

  Args:
    problem: `flash_problem.Problem`.
    spans: `flash_grid.make_spans` of blocks of keys.
    query: `[B, H, T, D]`, T a multiple of `problem.block_q`.
    key: `[B, K, S, D]`, S a multiple of `problem.block_k`.
    value: like `key`.
    masks: `flash_problem.Masks`.
    interpret: as in `pl.pallas_call`.
  """
  B, H, T, D = query.shape
  grid, place = flash_grid.query_major(problem)
  specs = flash_grid.make_specs(problem, place)
  return pl.pallas_call(
      flash_grid.with_spans(functools.partial(_kernel, problem), spans),
      grid_spec=pltpu.PrefetchScalarGridSpec(
          num_scalar_prefetch=len(spans),
          grid=grid,
          in_specs=[specs.query, specs.key, specs.key, specs.masks],
          out_specs=[specs.query, specs.row],
          scratch_shapes=[
              pltpu.VMEM((D, problem.block_q), jnp.float32),
              pltpu.VMEM((1, problem.block_q), jnp.float32),
              pltpu.VMEM((1, problem.block_q), jnp.float32),
          ],
      ),
      out_shape=[
          jax.ShapeDtypeStruct(query.shape, query.dtype),
          jax.ShapeDtypeStruct((B, H, 1, T), jnp.float32),
      ],
      compiler_params=pltpu.CompilerParams(
          dimension_semantics=('parallel', 'parallel', 'parallel', 'arbitrary')
      ),
      cost_estimate=problem.cost(**flash_problem.FORWARD),
      interpret=interpret,
      name='flash_attention_forward',
  )(*spans, query, key, value, masks)
