"""Dot-product attention that also returns its log-sum-exp.

The log-sum-exp is, up to sign and scale, the Hopfield energy of the keys
(https://arxiv.org/abs/2008.02217), so it is an output with a gradient and not
an internal quantity.
"""

import jax
import jax.numpy as jnp

from swm_jax.kernels.attention import block_sizes
from swm_jax.kernels.attention import masking
from swm_jax.kernels.attention import pallas_gpu
from swm_jax.kernels.attention import pallas_tpu
from swm_jax.kernels.attention import reference
from swm_jax.kernels.attention import xla


def _with_mask(attend):
  """Gives `attend` the compact masks as one boolean array."""

  def attend_masked(query, key, value, mask, *, segments, lengths_B, **kwargs):
    mask = masking.join(
        mask,
        masking.of_segments(segments),
        masking.of_lengths(lengths_B, key.shape[1]),
    )
    return attend(query, key, value, mask, **kwargs)

  return attend_masked


def _pallas(*args, **kwargs):
  """Takes the kernels of the default device's kind."""
  on_gpu = jax.default_backend() == 'gpu'
  kernels = pallas_gpu if on_gpu else pallas_tpu
  return kernels.dot_product_attention(*args, **kwargs)


IMPLEMENTATIONS = {
    'xla': _with_mask(xla.dot_product_attention),
    'reference': _with_mask(reference.dot_product_attention),
    'pallas': _pallas,
}


def dot_product_attention(
    query_BxTxHxD: jax.Array,
    key_BxSxKxD: jax.Array,
    value_BxSxKxD: jax.Array,
    *,
    is_causal: bool = False,
    mask: jax.Array | None = None,
    segments: tuple[jax.Array, jax.Array] | None = None,
    lengths_B: jax.Array | None = None,
    scale: float | None = None,
    implementation: str | None = None,
) -> tuple[jax.Array, jax.Array]:
  """Computes softmax(scale q k^T) v and logsumexp(scale q k^T), per head.

  Query head h reads key-value head `h // (H / K)`. Scores, softmax and
  log-sum-exp are float32 whatever the input dtype.

  Args:
    query_BxTxHxD: queries, floating point.
    key_BxSxKxD: keys, same dtype; K divides H.
    value_BxSxKxD: values, same shape and dtype as the keys.
    is_causal: query t sees key s only if s <= t, both counted from 0.
    mask: True where a query may see a key, `[B or 1, H or 1, T or 1, S or 1]`;
      combined with the other masks by "and".
    segments: `(group_BxT, branch_BxT)` int32, for packed rows where T = S: a
      query sees a key only if both have the same positive group and the key is
      in branch 0 or in the query's branch. Plain segments have branch 0.
    lengths_B: int32; a row's queries see key s only if s < its length.
    scale: factor on q k^T, the Hopfield beta; default `D ** -0.5`.
    implementation: a key of `IMPLEMENTATIONS`. 'pallas' takes the kernels for
      TPU or, where the default device is a GPU, those for Hopper; on CPU the
      former are interpreted, which is for tests. None chooses the fastest: XLA,
      but 'pallas' where `block_sizes` has measured on the device that it wins.

  Returns:
    `(out_BxTxHxD, lse_BxTxH)`: out in the query's dtype, lse float32, nats.
    Where a query sees no key, out is 0, lse is -inf, and every gradient is 0.

  Raises:
    ValueError: a shape or the implementation's name is wrong.
    TypeError: a dtype is wrong.
    NotImplementedError: the named implementation cannot run these arrays.
  """
  q, k, v = query_BxTxHxD, key_BxSxKxD, value_BxSxKxD
  if q.ndim != 4 or k.ndim != 4 or v.shape != k.shape:
    raise ValueError(
        'attention takes query [B, T, H, D] and key, value [B, S, K, D]; got '
        f'{q.shape}, {k.shape}, {v.shape}'
    )
  (B, T, H, D), (S, K) = q.shape, k.shape[1:3]
  if k.shape[0] != B or k.shape[3] != D or H % K:
    raise ValueError(
        f'query {q.shape} and key {k.shape} must agree in B and D, and the '
        f"query's {H} heads must be a multiple of the key's {K}"
    )
  if not jnp.issubdtype(q.dtype, jnp.floating) or not (
      q.dtype == k.dtype == v.dtype
  ):
    raise TypeError(
        'query, key and value must share one floating-point dtype; got '
        f'{q.dtype}, {k.dtype}, {v.dtype}'
    )
  if mask is not None:
    if mask.dtype != jnp.bool_:
      raise TypeError(f'mask must be bool, got {mask.dtype}')
    if mask.ndim != 4 or any(
        have not in (1, full) for have, full in zip(mask.shape, (B, H, T, S))
    ):
      raise ValueError(
          f'mask must broadcast to [B, H, T, S] = {(B, H, T, S)}; got '
          f'{mask.shape}'
      )
  if segments is not None and (
      T != S or any(ids.shape != (B, T) for ids in segments)
  ):
    raise ValueError(
        f'segments take two arrays of [B, T] = {(B, T)} and as many keys as '
        f'queries; got {[ids.shape for ids in segments]} and {S} keys'
    )
  if lengths_B is not None and lengths_B.shape != (B,):
    raise ValueError(f'lengths_B must be [{B}], got {lengths_B.shape}')
  choices = [implementation]
  if implementation is None:
    operation = pallas_tpu.operation(T, mask, segments, lengths_B, is_causal)
    choices = [_fastest(operation, q, S), 'xla']  # XLA takes everything.
  elif implementation not in IMPLEMENTATIONS:
    raise ValueError(
        f'attention implementation {implementation!r} is not one of '
        f'{sorted(IMPLEMENTATIONS)}'
    )
  while choices:
    attend = IMPLEMENTATIONS[choices.pop(0)]
    try:
      return attend(
          q,
          k,
          v,
          mask,
          is_causal=is_causal,
          segments=segments,
          lengths_B=lengths_B,
          scale=D**-0.5 if scale is None else float(scale),
      )
    except NotImplementedError:
      if not choices:
        raise


def _fastest(operation, query_BxTxHxD, keys):
  """Returns the name of the fastest implementation on the default device."""
  measured = None
  if jax.default_backend() != 'cpu':
    measured = block_sizes.find(
        operation, query_BxTxHxD.shape[3], keys, query_BxTxHxD.dtype
    )
  return measured.implementation if measured else 'xla'
