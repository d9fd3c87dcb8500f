"""One layer of the transformer: attention and gated MLP, as pure functions."""

from collections.abc import Mapping
import functools
from typing import Any, NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp

from swm_jax import ordering
from swm_jax.models import architecture
from swm_jax.models import mesh_attention
from swm_jax.models import projection

KeyValue = tuple[jax.Array, jax.Array]


class Energy(NamedTuple):
  """Parts of the Hopfield energy of each query; see `transformer.Output`."""

  lse_BxTxH: jax.Array
  query_norm_BxTxH: jax.Array


def apply(
    params: architecture.Params,
    h_BxTxD: jax.Array,
    cache: KeyValue | None,
    layer: jax.Array | None = None,
    *,
    config: architecture.TransformerConfig,
    positions_BxT: jax.Array,
    sees: Mapping[str, Any],
    index_B: jax.Array | None,
) -> tuple[jax.Array, KeyValue | None, Energy]:
  """Adds attention and MLP, each normed before, to the residual stream.

  Args:
    params: of one layer.
    h_BxTxD: residual stream.
    cache: keys and values `[B, S, K, D]`, or, where `layer` is given, of all
      layers, `[N, B, S, K, D]`.
    layer: index of this layer in a stacked cache.
    config: of the model.
    positions_BxT: for RoPE.
    sees: who sees whom, as arguments of `mesh_attention`.
    index_B: slot of the cache that the first of the T tokens is written to.

  Returns:
    The stream, the cache with the T tokens written, and the energy.
  """
  B, T, _ = h_BxTxD.shape
  normed = rms_norm(h_BxTxD, params['attention_norm'], config.norm_eps)
  query, key = queries_and_keys(params, normed, positions_BxT, config)
  value = _heads(normed, params['v'], config.num_kv_heads)
  value = nn.with_logical_constraint(
      value, ('batch', 'length', 'activation_kv_heads', None)
  )
  if cache is not None:
    cache = (
        _write(cache[0], key, index_B, layer),
        _write(cache[1], value, index_B, layer),
    )
    key, value = cache if layer is None else (x[layer] for x in cache)
  out, lse_BxTxH = mesh_attention.dot_product_attention(
      query, key, value, **sees
  )
  h_BxTxD += projection.project(out.reshape(B, T, -1), params['o'])
  h_BxTxD = constrain_stream(h_BxTxD)

  normed = rms_norm(h_BxTxD, params['mlp_norm'], config.norm_eps)
  gate_BxTxF, up_BxTxF = (
      nn.with_logical_constraint(
          projection.project(normed, params[name]),
          ('batch', 'length', 'activation_mlp'),
      )
      for name in ('gate', 'up')
  )
  h_BxTxD += projection.project_gated(gate_BxTxF, up_BxTxF, params['down'])

  query = query.astype(jnp.float32)
  query_norm_BxTxH = 0.5 * config.head_dim**-0.5 * (query**2).sum(axis=-1)
  return constrain_stream(h_BxTxD), cache, Energy(lse_BxTxH, query_norm_BxTxH)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def rms_norm(x: jax.Array, scale_D: jax.Array, eps: float) -> jax.Array:
  """Scales the last axis to unit mean square, in float32; keeps x alone."""
  return _normalise(x, scale_D, eps)


def _normalise(x, scale_D, eps):
  x32 = x.astype(jnp.float32)
  x32 *= jax.lax.rsqrt(jnp.mean(x32 * x32, axis=-1, keepdims=True) + eps)
  scale = scale_D.astype(jnp.float32).reshape((1,) * (x.ndim - 1) + (-1,))
  return (x32 * scale).astype(x.dtype)


def _forward_norm(x, scale_D, eps):
  return rms_norm(x, scale_D, eps), (x, scale_D)


def _backward_norm(eps, residuals, d_out):
  x, scale_D = residuals
  x = ordering.after(d_out, x)
  _, transpose = jax.vjp(lambda *args: _normalise(*args, eps), x, scale_D)
  d_x, d_scale_D = transpose(d_out)
  return ordering.after(d_scale_D, d_x), d_scale_D


rms_norm.defvjp(_forward_norm, _backward_norm)


def rotate(x_BxTxHxD: jax.Array, positions_BxT: jax.Array, theta: float):
  """Applies rotary position embedding, pairing dimension i with i + D/2."""
  half = x_BxTxHxD.shape[-1] // 2
  frequency = theta ** (-jnp.arange(half, dtype=jnp.float32) / half)
  angle = positions_BxT[..., None].astype(jnp.float32) * frequency[None, None]
  cos, sin = jnp.cos(angle)[:, :, None], jnp.sin(angle)[:, :, None]
  first, second = jnp.split(x_BxTxHxD.astype(jnp.float32), 2, axis=-1)
  rotated = (first * cos - second * sin, second * cos + first * sin)
  return jnp.concatenate(rotated, axis=-1).astype(x_BxTxHxD.dtype)


def queries_and_keys(
    params: architecture.Params,
    normed_BxTxD: jax.Array,
    positions_BxT: jax.Array,
    config: architecture.TransformerConfig,
) -> tuple[jax.Array, jax.Array]:
  """Rotated queries `[B, T, H, D]` and keys `[B, T, K, D]` of a layer."""
  query = _heads(normed_BxTxD, params['q'], config.num_heads)
  key = _heads(normed_BxTxD, params['k'], config.num_kv_heads)
  query = nn.with_logical_constraint(
      query, ('batch', 'length', 'activation_heads', None)
  )
  key = nn.with_logical_constraint(
      key, ('batch', 'length', 'activation_kv_heads', None)
  )
  return (
      rotate(query, positions_BxT, config.rope_theta),
      rotate(key, positions_BxT, config.rope_theta),
  )


def constrain_stream(h_BxTxD: jax.Array) -> jax.Array:
  """Places the residual stream where the sharding rules say."""
  return nn.with_logical_constraint(
      h_BxTxD, ('batch', 'length', 'activation_embed')
  )


def _heads(x_BxTxD, weight, heads):
  B, T, _ = x_BxTxD.shape
  return projection.project(x_BxTxD, weight).reshape(B, T, heads, -1)


def _write(cache, new_BxTxKxD, index_B, layer):
  """Writes each row's T new entries at its own slot."""
  new_BxTxKxD = new_BxTxKxD.astype(cache.dtype)
  if layer is None:
    write = lambda row, new, start: jax.lax.dynamic_update_slice(
        row, new, (start, 0, 0)
    )
    return jax.vmap(write)(cache, new_BxTxKxD, index_B)
  # The same for `[N, B, S, K, D]`, of which vmap would transpose N and B.
  start_Bx2 = jnp.stack([jnp.full_like(index_B, layer), index_B], axis=1)
  return jax.lax.scatter(
      cache,
      start_Bx2,
      new_BxTxKxD,
      jax.lax.ScatterDimensionNumbers(
          update_window_dims=(1, 2, 3),
          inserted_window_dims=(0,),
          scatter_dims_to_operand_dims=(0, 2),
          operand_batching_dims=(1,),
          scatter_indices_batching_dims=(0,),
      ),
      unique_indices=True,
      mode=jax.lax.GatherScatterMode.CLIP,
  )
