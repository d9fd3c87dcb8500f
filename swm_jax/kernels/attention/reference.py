"""Attention in plain jnp: the specification that implementations are tested on.

Nothing here is fused, grouped or recomputed, and gradients are what autodiff
makes of it.
"""

import jax
import jax.numpy as jnp

# Finite, so that a fully masked row has no inf - inf in its gradient.
_MASKED = -1e30


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
  (T, H), S = query_BxTxHxD.shape[1:3], key_BxSxKxD.shape[1]
  query = query_BxTxHxD.astype(jnp.float32)
  # Query head h reads key-value head h // (H / K).
  group = H // key_BxSxKxD.shape[2]
  key_BxSxHxD = jnp.repeat(key_BxSxKxD, group, 2).astype(jnp.float32)
  value_BxSxHxD = jnp.repeat(value_BxSxKxD, group, 2).astype(jnp.float32)

  scores_BxHxTxS = scale * jnp.einsum('bthd,bshd->bhts', query, key_BxSxHxD)
  seen = jnp.ones((1, 1, T, S), bool) if mask_BxHxTxS is None else mask_BxHxTxS
  if is_causal:
    seen = seen & jnp.tril(jnp.ones((T, S), bool))[None, None]
  seen = jnp.broadcast_to(seen, scores_BxHxTxS.shape)
  scores_BxHxTxS = jnp.where(seen, scores_BxHxTxS, _MASKED)
  any_seen_BxHxT = seen.any(axis=-1)

  weights_BxHxTxS = jax.nn.softmax(scores_BxHxTxS, axis=-1)
  weights_BxHxTxS = jnp.where(any_seen_BxHxT[..., None], weights_BxHxTxS, 0.0)
  out_BxTxHxD = jnp.einsum('bhts,bshd->bthd', weights_BxHxTxS, value_BxSxHxD)
  lse_BxHxT = jnp.where(
      any_seen_BxHxT, jax.nn.logsumexp(scores_BxHxTxS, axis=-1), -jnp.inf
  )
  lse_BxTxH = lse_BxHxT.transpose(0, 2, 1)
  return out_BxTxHxD.astype(query_BxTxHxD.dtype), lse_BxTxH
