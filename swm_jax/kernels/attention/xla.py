"""Grouped-query attention as XLA dots, with the flash-attention backward.

The backward recomputes the attention weights from the log-sum-exp, so that a
layer keeps no `[T, S]` array for its gradient. Keys and values are never
repeated: the G query heads of a key-value head are one more row dimension.
"""

import functools

import jax
from jax import ad_checkpoint
import jax.numpy as jnp

from swm_jax import ordering

# Name under which a policy of `jax.checkpoint` finds outputs and log-sum-exps.
OUTPUT = 'attention'


def dot_product_attention(
    query_BxTxHxD: jax.Array,
    key_BxSxKxD: jax.Array,
    value_BxSxKxD: jax.Array,
    mask_BxHxTxS: jax.Array | None,
    *,
    is_causal: bool,
    scale: float,
) -> tuple[jax.Array, jax.Array]:
  """See `api.dot_product_attention`; arguments are validated there."""
  B, T, H, D = query_BxTxHxD.shape
  S, K = key_BxSxKxD.shape[1:3]
  G = H // K
  seen = mask_BxHxTxS
  if seen is not None:
    heads = (K, G) if seen.shape[1] == H else (1, 1)
    seen = seen.reshape(seen.shape[:1] + heads + seen.shape[2:])
  if is_causal:
    causal = jnp.tril(jnp.ones((T, S), bool))[None, None, None]
    seen = causal if seen is None else seen & causal
  in_place = T == 1 and query_BxTxHxD.dtype == jnp.float32
  attend = _attention_of_one_query if in_place else _attention
  out_BxTxKxGxD, lse_BxTxKxG = attend(
      query_BxTxHxD.reshape(B, T, K, G, D),
      key_BxSxKxD,
      value_BxSxKxD,
      seen,
      scale,
  )
  return (
      out_BxTxKxGxD.reshape(B, T, H, D),
      lse_BxTxKxG.reshape(B, T, H),
  )


def _attention_of_one_query(query, key, value, seen, scale):
  """Same as `_attention` for T = 1, the step of a decoder.

  A dot would first transpose the whole cache to put the heads in front; as
  products and sums, keys and values are read once where they lie. On CPU a
  decoding step over a cache of 128 slots takes 8 % less time. In float32 alone:
  of a bfloat16 cache a TPU would first write a float32 copy.
  """
  scores_BxSxKxG = scale * (query * key[:, :, :, None]).sum(axis=-1)
  if seen is None:
    seen = jnp.ones((1,) * 5, bool)
  seen_BxSxKxG = jnp.moveaxis(seen[:, :, :, 0], -1, 1)
  # Finite, so that autodiff meets no inf - inf in a fully masked row.
  scores_BxSxKxG = jnp.where(seen_BxSxKxG, scores_BxSxKxG, -1e30)
  any_seen_Bx1xKxG = seen_BxSxKxG.any(axis=1, keepdims=True)
  weights_BxSxKxG = jax.nn.softmax(scores_BxSxKxG, axis=1)
  weights_BxSxKxG = jnp.where(any_seen_Bx1xKxG, weights_BxSxKxG, 0.0)
  out_Bx1xKxGxD = (weights_BxSxKxG[..., None] * value[:, :, :, None]).sum(
      axis=1, keepdims=True
  )
  lse_Bx1xKxG = jax.nn.logsumexp(scores_BxSxKxG, axis=1, keepdims=True)
  lse_Bx1xKxG = jnp.where(any_seen_Bx1xKxG, lse_Bx1xKxG, -jnp.inf)
  return out_Bx1xKxGxD, lse_Bx1xKxG


def _rows(x_BxTxKxGxD):
  """Puts heads in front, `[B, K, G T, D]`, so that dots move no `[T, S]`."""
  B, T, K, G, D = x_BxTxKxGxD.shape
  return x_BxTxKxGxD.transpose(0, 2, 3, 1, 4).reshape(B, K, G * T, D)


def _unrows(x_BxKxRxD, shape):
  """Undoes `_rows`; shape is `[B, T, K, G, D]`."""
  B, T, K, G, D = shape
  return x_BxKxRxD.reshape(B, K, G, T, D).transpose(0, 3, 1, 2, 4)


def _dot(spec, *args):
  return jnp.einsum(spec, *args, preferred_element_type=jnp.float32)


def _scores(query_BxKxRxD, key_BxKxSxD, seen, scale, G):
  scores_BxKxRxS = scale * _dot(
      'bkrd,bksd->bkrs', query_BxKxRxD, key_BxKxSxD
  )
  if seen is None:
    return scores_BxKxRxS
  B, K, R, S = scores_BxKxRxS.shape
  scores_BxKxGxTxS = scores_BxKxRxS.reshape(B, K, G, R // G, S)
  return jnp.where(seen, scores_BxKxGxTxS, -jnp.inf).reshape(B, K, R, S)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def _attention(query, key, value, seen, scale):
  """Returns (out_BxTxKxGxD, lse_BxTxKxG)."""
  B, T, K, G, _ = query.shape
  key_BxKxSxD, value_BxKxSxD = (jnp.swapaxes(x, 1, 2) for x in (key, value))
  scores_BxKxRxS = _scores(_rows(query), key_BxKxSxD, seen, scale, G)
  # A fully masked row has maximum -inf; 0 there keeps exp(-inf - 0) = 0.
  top = scores_BxKxRxS.max(axis=-1, keepdims=True)
  top = jnp.where(top == -jnp.inf, 0.0, top)
  weights_BxKxRxS = jnp.exp(scores_BxKxRxS - top)
  total_BxKxRx1 = weights_BxKxRxS.sum(axis=-1, keepdims=True)
  out_BxKxRxD = _dot(
      'bkrs,bksd->bkrd', weights_BxKxRxS.astype(value.dtype), value_BxKxSxD
  )
  out_BxKxRxD /= jnp.where(total_BxKxRx1 == 0.0, 1.0, total_BxKxRx1)
  lse_BxKxRx1 = jnp.log(total_BxKxRx1) + top
  out_BxTxKxGxD = _unrows(out_BxKxRxD.astype(query.dtype), query.shape)
  return out_BxTxKxGxD, _unrows(lse_BxKxRx1, (B, T, K, G, 1))[..., 0]


def _forward(query, key, value, seen, scale):
  out, lse = ad_checkpoint.checkpoint_name(
      _attention(query, key, value, seen, scale), OUTPUT
  )
  return (out, lse), (query, key, value, seen, out, lse)


def _backward(scale, residuals, cotangents):
  query, key, value, seen, out, lse_BxTxKxG = residuals
  d_out_BxTxKxGxD, d_lse_BxTxKxG = cotangents
  query = ordering.after(d_out_BxTxKxGxD, query)
  # ds = p (dp - delta + dlse): the log-sum-exp's cotangent joins delta.
  delta_BxTxKxG = (
      d_out_BxTxKxGxD.astype(jnp.float32) * out.astype(jnp.float32)
  ).sum(axis=-1) - d_lse_BxTxKxG
  # exp(-inf - 0) = 0: no weight, and so no gradient, in a fully masked row.
  lse_BxTxKxG = jnp.where(lse_BxTxKxG == -jnp.inf, 0.0, lse_BxTxKxG)
  lse_BxKxRx1, delta_BxKxRx1 = (
      _rows(x[..., None]) for x in (lse_BxTxKxG, delta_BxTxKxG)
  )
  key_BxKxSxD, value_BxKxSxD = (jnp.swapaxes(x, 1, 2) for x in (key, value))
  query_BxKxRxD, d_out_BxKxRxD = _rows(query), _rows(d_out_BxTxKxGxD)
  scores_BxKxRxS = _scores(
      query_BxKxRxD, key_BxKxSxD, seen, scale, query.shape[3]
  )
  p = jnp.exp(scores_BxKxRxS - lse_BxKxRx1)
  dp = _dot('bkrd,bksd->bkrs', d_out_BxKxRxD, value_BxKxSxD)
  ds = (scale * p * (dp - delta_BxKxRx1)).astype(query.dtype)
  d_query_BxKxRxD = _dot('bkrs,bksd->bkrd', ds, key_BxKxSxD)
  d_key_BxKxSxD = _dot('bkrs,bkrd->bksd', ds, query_BxKxRxD)
  d_value_BxKxSxD = _dot(
      'bkrs,bkrd->bksd', p.astype(value.dtype), d_out_BxKxRxD
  )
  return (
      _unrows(d_query_BxKxRxD.astype(query.dtype), query.shape),
      jnp.swapaxes(d_key_BxKxSxD, 1, 2).astype(key.dtype),
      jnp.swapaxes(d_value_BxKxSxD, 1, 2).astype(value.dtype),
      None,
  )


_attention.defvjp(_forward, _backward)
