"""Flash attention with a differentiable log-sum-exp, and decoding, for TPU.

On TPU the kernels are compiled (Mosaic). On CPU they run in Pallas'
interpreter, which is for tests and is slow. The choice is made when a program
is lowered, so that a program for TPU can be lowered and compiled on a host
without one; a GPU takes `pallas_gpu`.
"""

from collections.abc import Callable
import functools
from typing import Any

import jax
from jax import ad_checkpoint
import jax.numpy as jnp

from swm_jax.kernels.attention import block_sizes
from swm_jax.kernels.attention import flash_backward
from swm_jax.kernels.attention import flash_decode
from swm_jax.kernels.attention import flash_forward
from swm_jax.kernels.attention import flash_grid
from swm_jax.kernels.attention import flash_problem
from swm_jax.kernels.attention import masking
from swm_jax.kernels.attention import xla


DEFAULT_BLOCKS = block_sizes.Blocks(query=512, key=512)


def dot_product_attention(
    query_BxTxHxD: jax.Array,
    key_BxSxKxD: jax.Array,
    value_BxSxKxD: jax.Array,
    mask: jax.Array | None,
    *,
    is_causal: bool,
    scale: float,
    segments: tuple[jax.Array, jax.Array] | None = None,
    lengths_B: jax.Array | None = None,
    blocks: block_sizes.Blocks | None = None,
    interpret: Any = None,
) -> tuple[jax.Array, jax.Array]:
  """See `api.dot_product_attention`; arguments are validated there.

  Args:
    query_BxTxHxD: float32 or bfloat16.
    key_BxSxKxD: see the api.
    value_BxSxKxD: see the api.
    mask: see the api.
    is_causal: see the api.
    scale: see the api.
    segments: see the api; no array of `[T, T]` is made of them.
    lengths_B: see the api. With one query and no other mask the decode kernel
      runs, which does not read the cache beyond a row's length; see
      `flash_decode` on how the cache should lie.
    blocks: block sizes, multiples of 128, the lanes of a register; default:
      measured ones, else `DEFAULT_BLOCKS`.
    interpret: as in `pl.pallas_call`; None: compiled on TPU, interpreted on
      CPU.

  Returns:
    `(out_BxTxHxD, lse_BxTxH)`.

  Raises:
    NotImplementedError: the dtype or head size is not one that kernels take.
    ValueError: a block is no multiple of 128.
  """
  (B, T, H, D), (S, K) = query_BxTxHxD.shape, key_BxSxKxD.shape[1:3]
  dtype = query_BxTxHxD.dtype
  if dtype not in (jnp.float32, jnp.bfloat16):
    raise NotImplementedError(
        f'the TPU kernels take float32 and bfloat16, not {dtype}'
    )
  if D % 8:
    raise NotImplementedError(
        f'the TPU kernels take head sizes that are multiples of 8, not {D}'
    )
  name = operation(T, mask, segments, lengths_B, is_causal)
  if blocks is None:
    measured = block_sizes.find(name, D, S, dtype)
    blocks = measured.blocks if measured else DEFAULT_BLOCKS
  if blocks.query % 128 or blocks.key % 128:
    raise ValueError(f'the TPU kernels take multiples of 128, not {blocks}')
  if name == 'decode':
    out_BxHxD, lse_BxH = _decode(
        query_BxTxHxD[:, 0], key_BxSxKxD, value_BxSxKxD, lengths_B, scale,
        blocks.key, interpret,
    )
    return out_BxHxD[:, None], lse_BxH[:, None]

  mask = masking.join(mask, masking.of_lengths(lengths_B, S))
  fit = lambda block, length: min(block, -(-length // 128) * 128)
  problem = flash_problem.Problem(
      shape=(B, T, S, H, K, D),
      scale=scale,
      is_causal=is_causal,
      has_segments=segments is not None,
      seen_shape=None if mask is None else mask.shape,
      block_q=fit(blocks.query, T),
      block_k=fit(blocks.key, S),
      itemsize=dtype.itemsize,
  )
  queries = problem.query_blocks * problem.block_q
  keys = problem.key_blocks * problem.block_k
  heads_first = lambda x, n: flash_problem.pad(x.transpose(0, 2, 1, 3), n, 2)
  out_BxHxTxD, lse_BxHxT = _attention(
      heads_first(query_BxTxHxD, queries),
      heads_first(key_BxSxKxD, keys),
      heads_first(value_BxSxKxD, keys),
      flash_problem.mask_operands(problem, mask, segments),
      tuple(
          flash_grid.make_spans(
              problem, segments, lengths_B, keys_held=keys_held
          )
          for keys_held in (False, True)
      ),
      problem,
      interpret,
  )
  out_BxTxHxD = out_BxHxTxD.transpose(0, 2, 1, 3)[:, :T]
  return out_BxTxHxD, lse_BxHxT.transpose(0, 2, 1)[:, :T]


def operation(T: int, mask, segments, lengths_B, is_causal: bool) -> str:
  """Returns 'decode' or 'flash': which kernel serves these arguments."""
  unmasked = mask is None and segments is None and not is_causal
  return 'decode' if T == 1 and lengths_B is not None and unmasked else 'flash'


def _run(kernel: Callable[..., Any], interpret: Any, *operands):
  """Calls `kernel(*operands, interpret=...)`; see the module on None."""
  if interpret is not None:
    return kernel(*operands, interpret=interpret)
  return jax.lax.platform_dependent(
      *operands,
      tpu=functools.partial(kernel, interpret=False),
      cpu=functools.partial(kernel, interpret=True),
  )


@functools.partial(jax.custom_vjp, nondiff_argnums=(5, 6))
def _attention(query, key, value, masks, spans, problem, interpret):
  """Returns `(out_BxHxTxD, lse_BxHxT)` of operands padded to blocks."""
  out, lse_BxHx1xT = _run(
      functools.partial(flash_forward.forward, problem),
      interpret,
      spans[0],
      query,
      key,
      value,
      masks,
  )
  return out, lse_BxHx1xT[:, :, 0]


def _forward(query, key, value, masks, spans, problem, interpret):
  out, lse = ad_checkpoint.checkpoint_name(
      _attention(query, key, value, masks, spans, problem, interpret),
      xla.OUTPUT,
  )
  return (out, lse), (query, key, value, masks, spans, out, lse)


def _backward(problem, interpret, residuals, cotangents):
  query, key, value, masks, spans, out, lse = residuals
  d_out, d_lse = cotangents
  # A row that sees nothing has only scores of UNSEEN, whose exp is 0.
  lse = jnp.where(lse == -jnp.inf, 0.0, lse)
  delta = flash_problem.delta(d_out, out, d_lse)
  gradients = _run(
      functools.partial(flash_backward.backward, problem),
      interpret,
      *spans,
      query,
      key,
      value,
      d_out,
      lse[:, :, None],
      delta[:, :, None],
      masks,
  )
  return *gradients, None, None


_attention.defvjp(_forward, _backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4, 5, 6))
def _decode(query, key, value, lengths_B, scale, block, interpret):
  """Returns `(out_BxHxD, lse_BxH)`."""
  return _run(
      functools.partial(flash_decode.decode, scale=scale, block=block),
      interpret,
      query,
      key,
      value,
      lengths_B,
  )


def _decode_forward(query, key, value, lengths_B, scale, block, interpret):
  outputs = _decode(query, key, value, lengths_B, scale, block, interpret)
  return outputs, (query, key, value, lengths_B)


def _decode_backward(scale, block, interpret, residuals, cotangents):
  """XLA's gradients: with one query there is no `[T, S]` array to avoid."""
  del block, interpret
  query, key, value, lengths_B = residuals
  mask = masking.of_lengths(lengths_B, key.shape[1])

  def attend(query, key, value):
    out, lse = xla.dot_product_attention(
        query[:, None], key, value, mask, is_causal=False, scale=scale
    )
    return out[:, 0], lse[:, 0]

  _, vjp = jax.vjp(attend, query, key, value)
  return *vjp(cotangents), None


_decode.defvjp(_decode_forward, _decode_backward)
