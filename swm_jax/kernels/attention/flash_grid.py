"""Grids and block specs of the flash kernels, and which blocks they meet."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl

from swm_jax.kernels.attention import flash_problem
from swm_jax.kernels.attention import visible_blocks


def with_spans(kernel: Callable[..., None], spans: Sequence[Any]):
  """Gives `kernel` the references to its spans as its first argument."""
  n = len(spans)
  return lambda *refs: kernel(refs[:n], *refs[n:])


def make_spans(
    problem: flash_problem.Problem, segments, lengths_B, *, keys_held: bool
) -> tuple[jax.Array, ...]:
  """Returns which streamed blocks each held block meets, for scalar memory.

  Returns:
    start and stop, int32 `[B, held blocks]`; nothing without segments and
    lengths, when what is visible is static.
  """
  if segments is None and lengths_B is None:
    return ()
  B = problem.shape[0]
  first_query = jnp.arange(problem.query_blocks)[None, :, None]
  first_query *= problem.block_q
  first_key = jnp.arange(problem.key_blocks)[None, None] * problem.block_k
  visible = jnp.ones((B, problem.query_blocks, problem.key_blocks), bool)
  if problem.is_causal:
    visible &= flash_problem.sees(first_query + problem.block_q - 1, first_key)
  if lengths_B is not None:
    visible &= first_key < lengths_B[:, None, None]
  if segments is not None:
    visible &= visible_blocks.of_segments(
        segments[0], problem.block_q, problem.block_k
    )
  if keys_held:
    visible = visible.transpose(0, 2, 1)
  return visible_blocks.spans(visible)


class Specs(NamedTuple):
  """Block specs of the operands under one grid."""

  query: pl.BlockSpec
  key: pl.BlockSpec
  row: pl.BlockSpec
  masks: flash_problem.Masks


def make_specs(
    problem: flash_problem.Problem, place: Callable[..., tuple]
) -> Specs:
  """Returns block specs.

  Args:
    problem: the sizes.
    place: maps grid indices and spans to (b, query head, query block, key
      block).
  """
  D = problem.shape[5]

  def spec(block, index):
    return pl.BlockSpec(block, lambda *grid: index(*place(*grid)))

  seen = None
  if problem.seen_shape is not None:
    own = [n > 1 for n in problem.seen_shape]

    def pick(chosen, i):
      return i if chosen else 0

    if problem.seen_by_key:
      seen = spec(
          (None, None, 1, problem.block_k),
          lambda b, h, i_q, i_k: (pick(own[0], b), pick(own[1], h), 0, i_k),
      )
    else:
      seen = spec(
          (
              None,
              None,
              problem.block_k if own[3] else 1,
              problem.block_q if own[2] else 1,
          ),
          lambda b, h, i_q, i_k: (
              pick(own[0], b),
              pick(own[1], h),
              pick(own[3], i_k),
              pick(own[2], i_q),
          ),
      )
  masks = flash_problem.Masks(seen)
  if problem.has_segments:
    ids = flash_problem.IDS
    masks = flash_problem.Masks(
        seen,
        spec((None, ids, problem.block_q), lambda b, h, i_q, i_k: (b, 0, i_q)),
        spec((None, ids, problem.block_k), lambda b, h, i_q, i_k: (b, 0, i_k)),
    )
  return Specs(
      query=spec(
          (None, None, problem.block_q, D),
          lambda b, h, i_q, i_k: (b, h, i_q, 0),
      ),
      key=spec(
          (None, None, problem.block_k, D),
          lambda b, h, i_q, i_k: (b, flash_problem.kv_head(problem, h), i_k, 0),
      ),
      row=spec(
          (None, None, 1, problem.block_q),
          lambda b, h, i_q, i_k: (b, h, 0, i_q),
      ),
      masks=masks,
  )


def _into_span(spans, b, held, streamed):
  start, stop = (ref[b, held] for ref in spans)
  return jnp.clip(streamed, start, jnp.maximum(stop - 1, start))


def query_major(
    problem: flash_problem.Problem,
) -> tuple[tuple[int, ...], Callable]:
  """Returns (grid, place) with keys streaming past a block of queries."""
  B, H = problem.shape[0], problem.shape[3]

  def place(b, h, i_q, i_k, *spans):
    # A skipped block repeats the last index, so that nothing is fetched.
    if spans:
      i_k = _into_span(spans, b, i_q, i_k)
    elif problem.is_causal:
      i_k = jnp.minimum(i_k, flash_problem.last_key_block(problem, i_q))
    return b, h, i_q, i_k

  return (B, H, problem.query_blocks, problem.key_blocks), place


def key_major(
    problem: flash_problem.Problem,
) -> tuple[tuple[int, ...], Callable]:
  """Returns (grid, place) with a group's queries streaming past its keys."""
  B, K = problem.shape[0], problem.shape[4]

  def place(b, k, i_k, g, i_q, *spans):
    if spans:
      i_q = _into_span(spans, b, i_k, i_q)
    elif problem.is_causal:
      first = flash_problem.first_query_block(problem, i_k)
      first = jnp.minimum(first, problem.query_blocks - 1)
      i_q = jnp.maximum(i_q, first)
    return b, k * problem.group + g, i_q, i_k

  grid = (B, K, problem.key_blocks, problem.group, problem.query_blocks)
  return grid, place
