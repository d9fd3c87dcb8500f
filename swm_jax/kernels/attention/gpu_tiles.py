"""What the flash kernels for Hopper share: sizes, tiles, masks, streaming.

A program is one warpgroup. It holds a block of rows of one side in shared
memory, queries or keys, and streams blocks of the other side past it through a
ring of buffers that TMA fills ahead. Products are WGMMA of bfloat16 with sums
in float32. A float32 operand travels as a sum of two bfloat16, its rounding and
what the rounding left, and is multiplied in three products; the relative error
is about 2^-16, where TF32, the tensor core's own way, has 2^-11.
"""

from collections.abc import Callable, Sequence
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import mosaic_gpu as plgpu

from swm_jax.kernels.attention import flash_problem
from swm_jax.kernels.attention import gpu_problem

# Exponentials are powers of 2: the hardware has no others.
LOG2_E = math.log2(math.e)


def scaled(problem: gpu_problem.Problem) -> float:
  """Returns the factor on a product of a query and a key, in powers of 2."""
  return problem.scale * LOG2_E


def split_registers(x: jax.Array, pieces: int) -> tuple[jax.Array, ...]:
  """`gpu_problem.split` inside a kernel."""
  high = x.astype(jnp.bfloat16)
  if pieces == 1:
    return (high,)
  return high, (x - high.astype(jnp.float32)).astype(jnp.bfloat16)


def tile(problem: gpu_problem.Problem, rows: int, *leading: int):
  """Returns shared memory for blocks of rows, laid out for WGMMA and TMA."""
  return plgpu.SMEM(
      (*leading, problem.pieces, rows, problem.shape[5]),
      jnp.bfloat16,
      transforms=(
          plgpu.TilingTransform((8, problem.swizzle // 2)),
          plgpu.SwizzleTransform(problem.swizzle),
      ),
  )


def copy(refs: Sequence[Any], index: tuple[Any, ...], tile_ref, barrier):
  """Starts copies of each piece of a block; each arrives at the barrier."""
  for piece, ref in enumerate(refs):
    plgpu.copy_gmem_to_smem(ref.at[index], tile_ref.at[piece], barrier)


def bounds_of(ranges_ref, b, i) -> tuple[Any, Any, Any]:
  """Reads a row of `gpu_problem.ranges`."""
  row = ranges_ref.at[b if ranges_ref.shape[0] > 1 else 0, i]
  return row[0], row[1], row[2]


def load(block: Any, axis: int | None = None) -> jax.Array:
  """Reads global memory into the registers that WGMMA would have it in.

  Args:
    block: a reference to a block of scores, or with `axis` to a vector.
    axis: of the scores that the vector runs along.
  """
  layout = plgpu.Layout.WGMMA
  if axis is not None:
    layout = layout.reduce(1 - axis)
  return plgpu.load(block, (), layout=layout, optimized=False)


def filled(shape: Sequence[int], value: float) -> jax.Array:
  """Returns float32 registers, laid out as an accumulator or, 1-D, its rows."""
  layout = plgpu.Layout.WGMMA
  if len(shape) == 1:
    layout = layout.reduce(1)
  return plgpu.layout_cast(jnp.full(shape, value, jnp.float32), layout)


def spread(vector: jax.Array, shape: Sequence[int], axis: int) -> jax.Array:
  """Repeats a vector that runs along `axis` of scores of this shape."""
  return jax.lax.broadcast_in_dim(vector, shape, (axis,))


def accumulate(acc_ref, left: Sequence[Any], right: Sequence[Any]):
  """Adds left @ right, each a sum of pieces, to an accumulator."""
  for i, j in gpu_problem.PRODUCTS[len(left)]:
    plgpu.wgmma(acc_ref, left[i], right[j])


def product(
    shape: Sequence[int], left: Sequence[Any], right: Sequence[Any]
) -> jax.Array:
  """Returns left @ right, each a sum of pieces, in float32."""

  def compute(acc_ref):
    accumulate(acc_ref, left, right)
    return acc_ref[...]

  return pl.run_scoped(compute, plgpu.ACC(tuple(shape), jnp.float32))


def pieces_of(problem: gpu_problem.Problem, ref, *index) -> list[Any]:
  """Returns references to the pieces of a tile."""
  return [ref.at[*index, piece] for piece in range(problem.pieces)]


def transposed(refs: Sequence[Any]) -> list[Any]:
  return [plgpu.transpose_ref(ref, (1, 0)) for ref in refs]


def masked(
    problem: gpu_problem.Problem,
    scores: jax.Array,
    masks: gpu_problem.Masks,
    place: tuple[Any, Any, Any, Any],
    query_axis: int,
) -> jax.Array:
  """Puts `flash_problem.UNSEEN` where a query does not see a key.

  Args:
    problem: the sizes.
    scores: one block, float32.
    masks: references to whole operands.
    place: (b, query head, first query, first key) of the block.
    query_axis: of the scores; 1 for the kernel that holds keys.
  """
  b, h, first_query, first_key = place
  key_axis, shape = 1 - query_axis, scores.shape

  def index(axis, first):
    count = plgpu.broadcasted_iota(
        jnp.int32, shape, axis, layout=plgpu.Layout.WGMMA
    )
    return count + first

  key = index(key_axis, first_key)
  end = problem.shape[2]
  if problem.has_lengths:
    end = jnp.minimum(masks.lengths[b], end)
  seen = key < end
  if problem.is_causal:
    seen &= flash_problem.sees(index(query_axis, first_query), key)
  queries = pl.ds(first_query, shape[query_axis])
  keys = pl.ds(first_key, shape[key_axis])
  if problem.has_segments:
    query_ids, key_ids = (
        [
            spread(load(ids.at[b, rows], axis), shape, axis)
            for ids in (group, branch)
        ]
        for group, branch, rows, axis in (
            (masks.query_group, masks.query_branch, queries, query_axis),
            (masks.key_group, masks.key_branch, keys, key_axis),
        )
    )
    seen &= (query_ids[0] == key_ids[0]) & (key_ids[0] > 0)
    seen &= (key_ids[1] == 0) | (query_ids[1] == key_ids[1])
  if problem.seen_shape is not None:
    seen &= _given(problem, masks.seen, b, h, (queries, keys), query_axis) != 0
  return jnp.where(seen, scores, flash_problem.UNSEEN)


def _given(problem, seen_ref, b, h, rows, query_axis):
  """Returns the api's mask for a block of scores."""
  own_b, own_h, *own = (n > 1 for n in problem.seen_shape)
  if query_axis == 1:
    own, rows = own[::-1], rows[::-1]
  block = seen_ref.at[
      b if own_b else 0,
      h if own_h else 0,
      *(side if owned else 0 for side, owned in zip(rows, own)),
  ]
  shape = tuple(side.size for side in rows)
  if all(own):
    return load(block)
  if not any(own):
    return block[...]
  axis = own.index(True)
  return spread(load(block, axis), shape, axis)


def stream(
    bounds: tuple[Any, Any, Any],
    stages: int,
    barrier,
    fetch: Callable[[Any, Any], None],
    meet: Callable[[Any, Any, Any, bool], Any],
    carry: Any,
    *,
    masked_first: bool,
    always_masked: bool,
) -> Any:
  """Runs `carry = meet(slot, block, carry, masked)` for a range of blocks.

  Args:
    bounds: start, turn, stop; see `gpu_problem.ranges`.
    stages: blocks in flight.
    barrier: one for each stage.
    fetch: `fetch(slot, block)` starts the copies of a block into a slot. `meet`
      must be done with a slot when it returns.
    meet: see above; `masked` is static.
    carry: the first.
    masked_first: whether blocks before the turn are masked, or those after it.
    always_masked: whether all are, whatever the turn.
  """
  start, turn, stop = bounds
  for stage in range(stages):
    pl.when(start + stage < stop)(
        functools.partial(fetch, jnp.int32(stage), start + stage)
    )

  def step(masked, block, carry):
    slot = jax.lax.rem(block - start, jnp.int32(stages))
    plgpu.barrier_wait(barrier.at[slot])
    carry = meet(slot, block, carry, masked)
    following = block + stages
    pl.when(following < stop)(functools.partial(fetch, slot, following))
    return carry

  def run(first, last, masked, carry):
    return jax.lax.fori_loop(
        first, last, functools.partial(step, masked), carry
    )

  if always_masked:
    return run(start, stop, True, carry)
  carry = run(start, turn, masked_first, carry)
  return run(turn, stop, not masked_first, carry)


def call(
    body: Callable[..., None],
    operands: Any,
    outputs: Any,
    scratch: Sequence[Any],
    grid: dict[str, int],
    cost: pl.CostEstimate,
    name: str,
    interpret: Any,
) -> Any:
  """Runs `body(operand refs, output refs, *scratch)`, trees of references."""
  leaves, tree = jax.tree.flatten(operands)

  def kernel(*refs):
    inputs = jax.tree.unflatten(tree, refs[: len(leaves)])
    pl.run_scoped(
        functools.partial(body, inputs, refs[len(leaves) :]), *scratch
    )

  return pl.kernel(
      kernel,
      out_type=list(outputs),
      mesh=plgpu.Mesh(
          grid=tuple(grid.values()),
          grid_names=tuple(grid),
          kernel_name=name,
      ),
      compiler_params=plgpu.CompilerParams(approx_math=True),
      cost_estimate=cost,
      interpret=interpret,
      name=name,
  )(*leaves)
