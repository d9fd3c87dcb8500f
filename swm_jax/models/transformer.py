"""A Llama-shaped causal transformer: pure init and apply, unrolled layers.

The same module trains (packed rows, `Attend`), decodes (`Cache`), is perturbed
(`edits`) and is observed (`taps`, log-sum-exp). Layers are unrolled because on
CPU that is a quarter faster than a scan over stacked layers; there each layer
has its own sub-tree of parameters and its own cache leaves.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
from typing import Any, NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp

from swm_jax.kernels.attention import api as attention

Params = Mapping[str, Any]
Edit = Callable[[jax.Array], jax.Array]


@dataclasses.dataclass(frozen=True)
class TransformerConfig:
  """Shape and numerics of a transformer.

  Attributes:
    vocab_size: rows of the embedding.
    num_layers: blocks of attention and MLP.
    width: of the residual stream.
    mlp_width: of the gated MLP.
    num_heads: query heads.
    num_kv_heads: key-value heads; divides `num_heads`.
    head_dim: of one head; even, for RoPE.
    rope_theta: base of the rotary wavelengths.
    norm_eps: added to the mean square in RMSNorm.
    tied_embeddings: the embedding is also the output table.
    max_length: longest sequence, and largest cache.
    dtype: of activations. Norms, softmax and logits are always float32.
    param_dtype: of parameters.
    remat: recompute each layer in the backward pass.
  """

  vocab_size: int
  num_layers: int
  width: int
  mlp_width: int
  num_heads: int
  num_kv_heads: int
  head_dim: int
  rope_theta: float = 10_000.0
  norm_eps: float = 1e-5
  tied_embeddings: bool = True
  max_length: int = 2048
  dtype: str = 'float32'
  param_dtype: str = 'float32'
  remat: bool = False

  def __post_init__(self):
    if self.num_heads % self.num_kv_heads:
      raise ValueError(
          f'num_heads={self.num_heads} must be a multiple of '
          f'num_kv_heads={self.num_kv_heads}'
      )
    if self.head_dim % 2:
      raise ValueError(f'head_dim={self.head_dim} must be even for RoPE')


class Cache(NamedTuple):
  """Keys and values of what was already read.

  Attributes:
    layers: per layer (key_BxSxKxD, value_BxSxKxD), keys already rotated.
    index_B: slot that the next token of each row is written to, int32.
  """

  layers: tuple[tuple[jax.Array, jax.Array], ...]
  index_B: jax.Array


class Attend(NamedTuple):
  """Which tokens of a packed row see each other.

  Query q sees key k iff k <= q (by index in the row), both have the same
  positive group, and k is in branch 0 or in q's own branch. A group is a
  prompt, its branch 0, with the completions that share it, branches 1, 2, ...

  Attributes:
    group_BxT: int32, 0 marks padding.
    branch_BxT: int32.
  """

  group_BxT: jax.Array
  branch_BxT: jax.Array


class Output(NamedTuple):
  """What one forward pass gives.

  Attributes:
    logits: float32, `[B, T, V]`, or `[B, V]` or `[B, M, V]` with `logits_at`.
    hidden_BxTxD: after the final norm; `logits_from_hidden` makes logits of it.
    cache: updated, `index_B` advanced by T; None without a cache.
    latents_BxLxTxD: residual stream entering the tapped layers, after edits,
      float32; None without taps.
    lse: per layer `[B, T, H]`, logsumexp of beta k·q over the keys seen, nats.
    query_norm: per layer `[B, T, H]`, beta q·q / 2 of the rotated query, nats;
      beta = head_dim**-0.5 as in `lse`, so that beta times the Hopfield energy
      of a query (https://arxiv.org/abs/2008.02217) is `query_norm - lse`.
  """

  logits: jax.Array | None
  hidden_BxTxD: jax.Array
  cache: Cache | None
  latents_BxLxTxD: jax.Array | None
  lse: tuple[jax.Array, ...] | None
  query_norm: tuple[jax.Array, ...] | None


class Parameter(NamedTuple):
  """Shape, logical axes and initial standard deviation (0: ones)."""

  shape: tuple[int, ...]
  axes: tuple[str, ...]
  stddev: float


def layer_parameters(config: TransformerConfig) -> dict[str, Parameter]:
  """Describes the parameters of one layer; projections are `[in, out]`."""
  D, F = config.width, config.mlp_width
  heads = config.num_heads * config.head_dim
  kv_heads = config.num_kv_heads * config.head_dim
  # Each layer adds two terms to the residual stream: keep its variance ~1.
  residual = (2 * config.num_layers) ** -0.5
  return {
      'attention_norm': Parameter((D,), ('norm',), 0.0),
      'q': Parameter((D, heads), ('embed', 'heads'), D**-0.5),
      'k': Parameter((D, kv_heads), ('embed', 'kv_heads'), D**-0.5),
      'v': Parameter((D, kv_heads), ('embed', 'kv_heads'), D**-0.5),
      'o': Parameter((heads, D), ('heads', 'embed'), residual * heads**-0.5),
      'mlp_norm': Parameter((D,), ('norm',), 0.0),
      'gate': Parameter((D, F), ('embed', 'mlp'), D**-0.5),
      'up': Parameter((D, F), ('embed', 'mlp'), D**-0.5),
      'down': Parameter((F, D), ('mlp', 'embed'), residual * F**-0.5),
  }


def top_parameters(config: TransformerConfig) -> dict[str, Parameter]:
  """Describes the parameters outside the layers."""
  V, D = config.vocab_size, config.width
  table = Parameter((V, D), ('vocab', 'embed'), D**-0.5)
  top = {'embedding': table, 'final_norm': Parameter((D,), ('norm',), 0.0)}
  return top if config.tied_embeddings else top | {'lm_head': table}


def parameters(config: TransformerConfig) -> dict[str, Any]:
  """The parameter tree, with a `Parameter` at each leaf."""
  return top_parameters(config) | {
      f'layer_{i}': layer_parameters(config) for i in range(config.num_layers)
  }


def logical_axes(config: TransformerConfig) -> dict[str, Any]:
  """The parameter tree, with a tuple of logical axis names at each leaf."""
  return jax.tree.map(
      lambda parameter: parameter.axes,
      parameters(config),
      is_leaf=lambda x: isinstance(x, Parameter),
  )


def init_params(config: TransformerConfig, key: jax.Array) -> dict[str, Any]:
  """Draws random parameters: a plain nested dict in `config.param_dtype`."""
  return Transformer(config).init(key, jnp.zeros((1, 1), jnp.int32))['params']


def init_cache(config: TransformerConfig, batch: int, length: int) -> Cache:
  """Makes an empty cache of `length` slots for `batch` rows."""
  shape = (batch, length, config.num_kv_heads, config.head_dim)
  layers = tuple(
      (jnp.zeros(shape, config.dtype), jnp.zeros(shape, config.dtype))
      for _ in range(config.num_layers)
  )
  return Cache(layers, jnp.zeros((batch,), jnp.int32))


def count_params(params: Params) -> int:
  """Number of scalars in a tree of parameters."""
  return sum(leaf.size for leaf in jax.tree.leaves(params))


def logits_from_hidden(
    params: Params, hidden: jax.Array, config: TransformerConfig
) -> jax.Array:
  """Logits `[..., V]`, float32, of final-norm outputs `[..., D]`."""
  table = params['embedding' if config.tied_embeddings else 'lm_head']
  # Contracting the last dims of [V, D] is twice as fast on CPU as [D, V].
  return jnp.einsum(
      '...d,vd->...v',
      hidden.astype(config.dtype),
      table.astype(config.dtype),
      preferred_element_type=jnp.float32,
  )


def rms_norm(x: jax.Array, scale_D: jax.Array, eps: float) -> jax.Array:
  """Scales the last axis to unit mean square, in float32."""
  x32 = x.astype(jnp.float32)
  x32 *= jax.lax.rsqrt(jnp.mean(x32 * x32, axis=-1, keepdims=True) + eps)
  scale = scale_D.astype(jnp.float32).reshape((1,) * (x.ndim - 1) + (-1,))
  return (x32 * scale).astype(x.dtype)


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
    layer_params: Params,
    normed_BxTxD: jax.Array,
    positions_BxT: jax.Array,
    config: TransformerConfig,
) -> tuple[jax.Array, jax.Array]:
  """Rotated queries `[B, T, H, D]` and keys `[B, T, K, D]` of a layer."""
  query = _heads(normed_BxTxD, layer_params['q'], config.num_heads)
  key = _heads(normed_BxTxD, layer_params['k'], config.num_kv_heads)
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


def _project(x, weight):
  return x @ weight.astype(x.dtype)


def _heads(x_BxTxD, weight, heads):
  B, T, _ = x_BxTxD.shape
  return _project(x_BxTxD, weight).reshape(B, T, heads, -1)


def _write(cache_BxSxKxD, new_BxTxKxD, index_B):
  """Writes each row's T new entries at its own slot."""
  write = lambda cache, new, i: jax.lax.dynamic_update_slice(
      cache, new.astype(cache.dtype), (i, 0, 0)
  )
  return jax.vmap(write)(cache_BxSxKxD, new_BxTxKxD, index_B)


class Layer(nn.Module):
  """Attention and gated MLP, each normed before and added to the stream."""

  config: TransformerConfig

  @nn.compact
  def __call__(self, h_BxTxD, positions_BxT, mask, cache, index_B):
    config = self.config
    params = _declare(self, layer_parameters(config))
    B, T, _ = h_BxTxD.shape

    normed = rms_norm(h_BxTxD, params['attention_norm'], config.norm_eps)
    query, key = queries_and_keys(params, normed, positions_BxT, config)
    value = _heads(normed, params['v'], config.num_kv_heads)
    value = nn.with_logical_constraint(
        value, ('batch', 'length', 'activation_kv_heads', None)
    )
    if cache is not None:
      key = _write(cache[0], key, index_B)
      value = _write(cache[1], value, index_B)
      cache = (key, value)
    out, lse_BxTxH = attention.dot_product_attention(
        query, key, value, is_causal=mask is None, mask=mask
    )
    h_BxTxD += _project(out.reshape(B, T, -1), params['o'])
    h_BxTxD = _constrain(h_BxTxD)

    normed = rms_norm(h_BxTxD, params['mlp_norm'], config.norm_eps)
    gate_BxTxF = nn.silu(_project(normed, params['gate']))
    mlp_BxTxF = gate_BxTxF * _project(normed, params['up'])
    mlp_BxTxF = nn.with_logical_constraint(
        mlp_BxTxF, ('batch', 'length', 'activation_mlp')
    )
    h_BxTxD += _project(mlp_BxTxF, params['down'])

    query = query.astype(jnp.float32)
    query_norm_BxTxH = 0.5 * config.head_dim**-0.5 * (query**2).sum(axis=-1)
    return _constrain(h_BxTxD), cache, lse_BxTxH, query_norm_BxTxH


class Transformer(nn.Module):
  """Maps tokens to next-token logits; see `Output` for what else."""

  config: TransformerConfig

  @nn.compact
  def __call__(
      self,
      tokens_BxT: jax.Array,
      *,
      positions_BxT: jax.Array | None = None,
      attend: Attend | None = None,
      cache: Cache | None = None,
      edits: Mapping[int, Edit] | None = None,
      taps: Sequence[int] = (),
      return_lse: bool = False,
      logits_at: jax.Array | None = None,
      compute_logits: bool = True,
  ) -> Output:
    """Runs the model.

    Args:
      tokens_BxT: int32.
      positions_BxT: RoPE positions; default: the index in the row, or the cache
        slot that the token is written to.
      attend: packed rows; default: causal over all of T.
      cache: each row's T tokens are written from its own `index_B` on; a token
        sees the slots up to its own. The caller keeps `index_B + T` within the
        cache.
      edits: layer -> function of the residual stream `[B, T, D]` entering it;
        layer `num_layers` is after the last.
      taps: layers, counted as in `edits`, whose input is returned.
      return_lse: return `lse` and `query_norm`.
      logits_at: token indices, `[B]` or `[B, M]`: logits only there.
      compute_logits: False leaves `logits` None.

    Returns:
      An `Output`.

    Raises:
      ValueError: a sequence is longer than `max_length`, a layer does not
        exist, or `attend` and `cache` are both given.
    """
    config = self.config
    edits = edits or {}
    _validate(config, tokens_BxT, attend, cache, edits, taps)
    T = tokens_BxT.shape[1]
    params = _declare(self, top_parameters(config))
    index_B = None if cache is None else cache.index_B
    if positions_BxT is None:
      positions_BxT = jnp.arange(T, dtype=jnp.int32)[None]
      if cache is not None:
        positions_BxT = index_B[:, None] + positions_BxT
    mask = _mask(T, attend, cache)

    h_BxTxD = params['embedding'].astype(config.dtype)[tokens_BxT]
    h_BxTxD = _constrain(h_BxTxD)
    make_layer = nn.remat(Layer) if config.remat else Layer
    tapped, layers, lse, query_norm = {}, [], [], []
    for i in range(config.num_layers + 1):
      if i in edits:
        h_BxTxD = edits[i](h_BxTxD).astype(config.dtype)
      if i in taps:
        tapped[i] = h_BxTxD.astype(jnp.float32)
      if i < config.num_layers:
        kv = None if cache is None else cache.layers[i]
        h_BxTxD, kv, layer_lse, layer_norm = make_layer(
            config, name=f'layer_{i}'
        )(h_BxTxD, positions_BxT, mask, kv, index_B)
        layers.append(kv)
        lse.append(layer_lse)
        query_norm.append(layer_norm)

    hidden_BxTxD = rms_norm(h_BxTxD, params['final_norm'], config.norm_eps)
    logits = None
    if compute_logits:
      at = hidden_BxTxD if logits_at is None else _gather(
          hidden_BxTxD, logits_at
      )
      logits = logits_from_hidden(params, at, config)
      inner = ('length',) * (logits.ndim - 2)
      logits = nn.with_logical_constraint(
          logits, ('batch', *inner, 'activation_vocab')
      )
    return Output(
        logits=logits,
        hidden_BxTxD=hidden_BxTxD,
        cache=None if cache is None else Cache(tuple(layers), index_B + T),
        latents_BxLxTxD=(
            jnp.stack([tapped[i] for i in taps], axis=1) if taps else None
        ),
        lse=tuple(lse) if return_lse else None,
        query_norm=tuple(query_norm) if return_lse else None,
    )


def _declare(module: nn.Module, table: Mapping[str, Parameter]) -> Params:
  dtype = module.config.param_dtype
  return {
      name: module.param(
          name,
          nn.initializers.normal(stddev) if stddev else nn.initializers.ones,
          shape,
          dtype,
      )
      for name, (shape, _, stddev) in table.items()
  }


def _constrain(h_BxTxD):
  return nn.with_logical_constraint(
      h_BxTxD, ('batch', 'length', 'activation_embed')
  )


def _gather(hidden_BxTxD, at):
  """Rows of `hidden` at `at`, `[B]` -> `[B, D]`, `[B, M]` -> `[B, M, D]`."""
  at_BxMx1 = at.reshape(at.shape[0], -1, 1)
  rows = jnp.take_along_axis(hidden_BxTxD, at_BxMx1, axis=1)
  return rows.reshape(at.shape + (hidden_BxTxD.shape[-1],))


def _mask(T, attend, cache):
  """Boolean `[B, 1, T, S]`, or None where plain causal attention will do."""
  if cache is not None:
    S = cache.layers[0][0].shape[1]
    own_slot_BxT = cache.index_B[:, None] + jnp.arange(T)[None]
    return jnp.arange(S)[None, None, None] <= own_slot_BxT[:, None, :, None]
  if attend is None:
    return None
  group, branch = attend
  q, k = (slice(None), slice(None), None), (slice(None), None, slice(None))
  seen_BxTxT = (group[q] == group[k]) & (group[k] > 0)
  seen_BxTxT &= (branch[k] == 0) | (branch[k] == branch[q])
  causal = jnp.tril(jnp.ones((T, T), bool))
  return (seen_BxTxT & causal[None])[:, None]


def _validate(config, tokens_BxT, attend, cache, edits, taps):
  """Raises ValueError for what cannot be run."""
  if tokens_BxT.ndim != 2:
    raise ValueError(f'tokens must be [B, T], got shape {tokens_BxT.shape}')
  length = tokens_BxT.shape[1]
  if cache is not None:
    if attend is not None:
      raise ValueError('give the model attend or cache, not both')
    if len(cache.layers) != config.num_layers:
      raise ValueError(
          f'cache has {len(cache.layers)} layers, model {config.num_layers}'
      )
    length = max(length, cache.layers[0][0].shape[1])
  if length > config.max_length:
    raise ValueError(
        f'sequence or cache of {length} exceeds max_length={config.max_length}'
    )
  for layer in (*edits, *taps):
    if not 0 <= layer <= config.num_layers:
      raise ValueError(
          f'layer {layer} of edits or taps is not in 0..{config.num_layers}'
      )
