"""Flash attention with a differentiable log-sum-exp for Hopper GPUs.

What has been proved, on hosts without a GPU: the kernels agree with the
reference in Pallas' interpreter for Mosaic GPU, outputs and gradients, for
every mask (`tests/kernels/gpu_parity_test.py`), they lower for CUDA
(`gpu_lowering_test`), and XLA and ptxas compile them for an H100 at head sizes
64, 96, 128 and 256 in bfloat16 and float32 (`gpu_compile_test`). No GPU has run
them: nothing is known of their speed, and the interpreter knows neither of
warps nor of products in flight. JAX's own kernels refuse causal masks under
CUDA 12.8.0 to 12.9.0, whose ptxas miscompiles theirs; use 12.9.1 or newer.

WGMMA, which they are made of, is an instruction of compute capability 9 alone:
neither older GPUs nor Blackwell have it, and take XLA. cuDNN through
`jax.nn.dot_product_attention` is no way out: it returns the log-sum-exp, but
its backward leaves out that output's cotangent.
"""

import functools
from typing import Any

import jax
from jax import ad_checkpoint
import jax.numpy as jnp

from swm_jax.kernels.attention import block_sizes
from swm_jax.kernels.attention import flash_problem
from swm_jax.kernels.attention import gpu_backward
from swm_jax.kernels.attention import gpu_forward
from swm_jax.kernels.attention import gpu_problem
from swm_jax.kernels.attention import xla


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
    interpret: Any = False,
) -> tuple[jax.Array, jax.Array]:
  """See `api.dot_product_attention`; arguments are validated there.

  Args:
    query_BxTxHxD: bfloat16, or float32 to about 2^-16; see `gpu_tiles`.
    key_BxSxKxD: see the api.
    value_BxSxKxD: see the api.
    mask: see the api.
    is_causal: see the api.
    scale: see the api.
    segments: see the api; no array of `[T, T]` is made of them.
    lengths_B: see the api; blocks beyond a row's length are not read.
    blocks: rows held and streamed, as query and key; default: measured ones,
      else `default_blocks`.
    interpret: as in `pl.kernel`.

  Returns:
    `(out_BxTxHxD, lse_BxTxH)`.

  Raises:
    NotImplementedError: the device, dtype or head size does not suit, or the
      blocks do not fit shared memory.
    ValueError: a program would hold a number of rows that is no multiple of 64.
  """
  (B, T, H, D), (S, K) = query_BxTxHxD.shape, key_BxSxKxD.shape[1:3]
  dtype = query_BxTxHxD.dtype
  check_device()
  if dtype not in (jnp.float32, jnp.bfloat16):
    raise NotImplementedError(
        f'the GPU kernels take float32 and bfloat16, not {dtype}'
    )
  if D > 256:
    raise NotImplementedError(
        f'the GPU kernels take head sizes up to 256, not {D}'
    )
  # Zeros at the end of a head change no score; WGMMA and TMA want multiples.
  width = -(-D // 32) * 32
  if blocks is None:
    measured = block_sizes.find('flash', D, S, dtype)
    blocks = measured.blocks if measured else default_blocks(width, dtype)
  if blocks.query % 64:
    raise ValueError(
        f'a program of the GPU kernels holds multiples of 64 rows, not {blocks}'
    )
  problem = gpu_problem.Problem(
      shape=(B, T, S, H, K, width),
      scale=scale,
      is_causal=is_causal,
      has_segments=segments is not None,
      has_lengths=lengths_B is not None,
      seen_shape=None if mask is None else mask.shape,
      held=blocks.query,
      streamed=blocks.key,
      pieces=1 if dtype == jnp.bfloat16 else 2,
  )
  if problem.stages(held_tiles=2) < 1:
    raise NotImplementedError(
        f'{blocks} of heads of {D} in {dtype} do not fit shared memory; take '
        f'{default_blocks(width, dtype)}'
    )
  widen = lambda x: flash_problem.pad(x, width, 3)
  out_BxTxHxD, lse_BxTxH = _attention(
      widen(query_BxTxHxD),
      widen(key_BxSxKxD),
      widen(value_BxSxKxD),
      (mask, segments, lengths_B),
      problem,
      interpret,
  )
  return out_BxTxHxD[..., :D], lse_BxTxH


def check_device():
  """Raises NotImplementedError if this host's GPUs cannot run the kernels."""
  if jax.default_backend() != 'gpu':
    return
  device = jax.devices()[0]
  if not str(device.compute_capability).startswith('9.'):
    raise NotImplementedError(
        'the GPU kernels are for compute capability 9 (Hopper) and '
        f'{device.device_kind} has {device.compute_capability}; take '
        "implementation 'xla'"
    )


def default_blocks(D: int, dtype: jnp.dtype) -> block_sizes.Blocks:
  """Returns blocks that fit shared memory, chosen for no speed."""
  row_bytes = D * dtype.itemsize
  return block_sizes.Blocks(query=64, key=64 if row_bytes <= 256 else 32)


def _pieces(problem, x, length):
  return gpu_problem.split(flash_problem.pad(x, length, 1), problem.pieces)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4, 5))
def _attention(query, key, value, masks, problem, interpret):
  """Returns `(out_BxTxHxD, lse_BxTxH)`; `masks` are the api's three."""
  T = query.shape[1]
  out, lse_BxHxT = gpu_forward.forward(
      problem,
      _pieces(problem, query, problem.padded_queries),
      _pieces(problem, key, problem.padded_keys),
      _pieces(problem, value, problem.padded_keys),
      gpu_problem.mask_operands(problem, *masks, keys_first=False),
      gpu_problem.ranges(problem, *masks[1:], keys_held=False),
      query.dtype,
      interpret=interpret,
  )
  return out[:, :T], lse_BxHxT.transpose(0, 2, 1)[:, :T]


def _forward(query, key, value, masks, problem, interpret):
  out, lse = ad_checkpoint.checkpoint_name(
      _attention(query, key, value, masks, problem, interpret), xla.OUTPUT
  )
  return (out, lse), (query, key, value, masks, out, lse)


def _backward(problem, interpret, residuals, cotangents):
  query, key, value, masks, out, lse_BxTxH = residuals
  d_out, d_lse = cotangents
  # A row that sees nothing has only scores of UNSEEN, whose power is 0.
  lse_BxTxH = jnp.where(lse_BxTxH == -jnp.inf, 0.0, lse_BxTxH)
  delta_BxTxH = flash_problem.delta(d_out, out, d_lse)
  queries, keys = problem.padded_queries, problem.padded_keys
  tiles = (
      _pieces(problem, query, queries),
      _pieces(problem, key, keys),
      _pieces(problem, value, keys),
      _pieces(problem, d_out, queries),
  )
  rows = tuple(
      flash_problem.pad(x.transpose(0, 2, 1), queries, 2)
      for x in (lse_BxTxH, delta_BxTxH)
  )
  arguments = lambda keys_held: (
      problem,
      tiles,
      rows,
      gpu_problem.mask_operands(problem, *masks, keys_first=keys_held),
      gpu_problem.ranges(problem, *masks[1:], keys_held=keys_held),
      query.dtype,
  )
  d_query = gpu_backward.d_query(*arguments(False), interpret=interpret)
  d_key, d_value = gpu_backward.d_key_value(
      *arguments(True), interpret=interpret
  )
  T, S = query.shape[1], key.shape[1]
  return d_query[:, :T], d_key[:, :S], d_value[:, :S], None


_attention.defvjp(_forward, _backward)
