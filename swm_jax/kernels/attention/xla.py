"""Grouped-query attention as XLA dots, with the flash-attention backward.

The backward recomputes the attention weights from the log-sum-exp, so that a
layer keeps no `[T, S]` array for its gradient. Keys and values are never
repeated: the G query heads of a key-value head are one more row dimension.
"""

import functools

import jax
import jax.numpy as jnp


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
  attend = _attention_of_one_query if T == 1 else _attention
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
  decoding step over a cache of 128 slots takes 8 % less time.
  """
  dtype = query.dtype
  query, key, value = (x.astype(jnp.float32) for x in (query, key, value))
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
  return out_Bx1xKxGxD.astype(dtype), lse_Bx1xKxG


def _dot(spec, *args):
  return jnp.einsum(spec, *args, preferred_element_type=jnp.float32)


def _scores(query, key, seen, scale):
  scores_BxKxGxTxS = scale * _dot('btkgd,bskd->bkgts', query, key)
  if seen is None:
    return scores_BxKxGxTxS
  return jnp.where(seen, scores_BxKxGxTxS, -jnp.inf)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def _attention(query, key, value, seen, scale):
  """Returns (out_BxTxKxGxD, lse_BxTxKxG)."""
  scores_BxKxGxTxS = _scores(query, key, seen, scale)
  # A fully masked row has maximum -inf; 0 there keeps exp(-inf - 0) = 0.
  top = scores_BxKxGxTxS.max(axis=-1, keepdims=True)
  top = jnp.where(top == -jnp.inf, 0.0, top)
  weights_BxKxGxTxS = jnp.exp(scores_BxKxGxTxS - top)
  total_BxKxGxT = weights_BxKxGxTxS.sum(axis=-1)
  out_BxTxKxGxD = _dot(
      'bkgts,bskd->btkgd', weights_BxKxGxTxS.astype(value.dtype), value
  )
  lse_BxKxGxT = jnp.log(total_BxKxGxT) + top[..., 0]
  total_BxTxKxG = jnp.moveaxis(total_BxKxGxT, -1, 1)
  total_BxTxKxG = jnp.where(total_BxTxKxG == 0.0, 1.0, total_BxTxKxG)
  out_BxTxKxGxD /= total_BxTxKxG[..., None]
  return out_BxTxKxGxD.astype(query.dtype), jnp.moveaxis(lse_BxKxGxT, -1, 1)


def _forward(query, key, value, seen, scale):
  out, lse = _attention(query, key, value, seen, scale)
  return (out, lse), (query, key, value, seen, out, lse)


def _backward(scale, residuals, cotangents):
  query, key, value, seen, out, lse_BxTxKxG = residuals
  d_out_BxTxKxGxD, d_lse_BxTxKxG = cotangents
  lse_BxKxGxT = jnp.moveaxis(lse_BxTxKxG, 1, -1)
  # exp(-inf - 0) = 0: no weight, and so no gradient, in a fully masked row.
  lse_BxKxGxT = jnp.where(lse_BxKxGxT == -jnp.inf, 0.0, lse_BxKxGxT)
  p = jnp.exp(_scores(query, key, seen, scale) - lse_BxKxGxT[..., None])
  # ds = p (dp - delta + dlse): the log-sum-exp's cotangent joins delta.
  delta_BxTxKxG = (
      d_out_BxTxKxGxD.astype(jnp.float32) * out.astype(jnp.float32)
  ).sum(axis=-1) - d_lse_BxTxKxG
  delta_BxKxGxT = jnp.moveaxis(delta_BxTxKxG, 1, -1)
  dp = _dot('btkgd,bskd->bkgts', d_out_BxTxKxGxD, value)
  ds = (scale * p * (dp - delta_BxKxGxT[..., None])).astype(query.dtype)
  d_query = _dot('bkgts,bskd->btkgd', ds, key)
  d_key = _dot('bkgts,btkgd->bskd', ds, query)
  d_value = _dot('bkgts,btkgd->bskd', p.astype(value.dtype), d_out_BxTxKxGxD)
  return (
      d_query.astype(query.dtype),
      d_key.astype(key.dtype),
      d_value.astype(value.dtype),
      None,
  )


_attention.defvjp(_forward, _backward)
