"""A Llama-shaped causal transformer: pure init and apply.

The same module trains (packed rows, `Attend`), decodes (`Cache`), is perturbed
(`edits`) and is observed (`taps`, log-sum-exp). Its layers are unrolled, each
with its own sub-tree of parameters and its own leaves of the cache, or, for
models of many layers, scanned over stacked leaves; see
`TransformerConfig.scan_layers`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp

from swm_jax.models import architecture
from swm_jax.models import block
from swm_jax.models import stack

# The model's users need no other module.
Params = architecture.Params
TransformerConfig = architecture.TransformerConfig
count_params = architecture.count_params
logical_axes = architecture.logical_axes
stack_layers = architecture.stack_layers
unstack_layers = architecture.unstack_layers


class Cache(NamedTuple):
  """Keys and values of what was already read.

  Attributes:
    layers: per layer (key_BxSxKxD, value_BxSxKxD), keys already rotated; with
      `scan_layers` one pair for all layers, `[N, B, S, K, D]`.
    index_B: slot that the next token of each row is written to, int32.
  """

  layers: stack.CacheLayers
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

  `lse` and `query_norm` are tuples, or with `scan_layers` arrays
  `[N, B, T, H]`: index or iterate over them by layer.
  """

  logits: jax.Array | None
  hidden_BxTxD: jax.Array
  cache: Cache | None
  latents_BxLxTxD: jax.Array | None
  lse: Sequence[jax.Array] | jax.Array | None
  query_norm: Sequence[jax.Array] | jax.Array | None


def init_params(config: TransformerConfig, key: jax.Array) -> dict[str, Any]:
  """Draws random parameters: a plain nested dict in `config.param_dtype`."""
  return _Parameters(config).init(key)['params']


def init_cache(config: TransformerConfig, batch: int, length: int) -> Cache:
  """Makes an empty cache of `length` slots for `batch` rows."""
  N = config.num_layers
  shape = (batch, length, config.num_kv_heads, config.head_dim)
  empty = lambda *dims: tuple(jnp.zeros(dims, config.dtype) for _ in range(2))
  if config.scan_layers:
    layers = empty(N, *shape)
  else:
    layers = tuple(empty(*shape) for _ in range(N))
  return Cache(layers, jnp.zeros((batch,), jnp.int32))


def logits_from_hidden(
    params: Params, hidden: jax.Array, config: TransformerConfig
) -> jax.Array:
  """Logits `[..., V]`, float32, of final-norm outputs `[..., D]`."""
  table = params['embedding' if config.tied_embeddings else 'lm_head']
  # Contracting the last dims of [V, D] is twice as fast on CPU as [D, V].
  logits = jnp.einsum(
      '...d,vd->...v',
      hidden.astype(config.dtype),
      table.astype(config.dtype),
      preferred_element_type=jnp.float32,
  )
  leading = ('batch', 'length', *(None,) * logits.ndim)[: logits.ndim - 1]
  return nn.with_logical_constraint(logits, (*leading, 'activation_vocab'))


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
      edits: Mapping[int, stack.Edit] | None = None,
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
    params = _declare(self, architecture.parameters(config))
    T = tokens_BxT.shape[1]
    index_B = None if cache is None else cache.index_B
    if positions_BxT is None:
      positions_BxT = jnp.arange(T, dtype=jnp.int32)[None]
      if cache is not None:
        positions_BxT = index_B[:, None] + positions_BxT

    # A row of the table must be whole where it is read: else every device
    # would gather the rows of all tokens.
    table_VxD = nn.with_logical_constraint(
        params['embedding'].astype(config.dtype), ('vocab', 'activation_embed')
    )
    h_BxTxD = table_VxD[tokens_BxT]
    passage = stack.run(
        params,
        block.constrain_stream(h_BxTxD),
        None if cache is None else cache.layers,
        config=config,
        edits=edits,
        taps=taps,
        return_energy=return_lse,
        positions_BxT=positions_BxT,
        sees=_sees(T, attend, cache),
        index_B=index_B,
    )
    hidden_BxTxD = block.rms_norm(
        passage.h_BxTxD, params['final_norm'], config.norm_eps
    )
    logits = None
    if compute_logits:
      at = hidden_BxTxD if logits_at is None else _gather(
          hidden_BxTxD, logits_at
      )
      logits = logits_from_hidden(params, at, config)
    return Output(
        logits=logits,
        hidden_BxTxD=hidden_BxTxD,
        cache=None if cache is None else Cache(passage.cache, index_B + T),
        latents_BxLxTxD=jnp.stack(passage.tapped, axis=1) if taps else None,
        lse=passage.energy.lse_BxTxH if return_lse else None,
        query_norm=passage.energy.query_norm_BxTxH if return_lse else None,
    )


class _Parameters(nn.Module):
  """The parameters, or the sub-tree of the module's name; drawn by names."""

  config: TransformerConfig

  @nn.compact
  def __call__(self) -> Params:
    table = architecture.parameters(self.config)
    return _declare(self, table[self.name] if self.name else table)


def _declare(module, table):
  params = {}
  for name, entry in table.items():
    if not isinstance(entry, architecture.Parameter):
      params[name] = _Parameters(module.config, name=name)()
      continue
    initializers = nn.initializers
    draw = initializers.normal(entry.stddev) if entry.stddev else (
        initializers.ones
    )
    params[name] = module.param(
        name, draw, entry.shape, module.config.param_dtype
    )
  return params


def _gather(hidden_BxTxD, at):
  """Rows of `hidden` at `at`, `[B]` -> `[B, D]`, `[B, M]` -> `[B, M, D]`."""
  at_BxMx1 = at.reshape(at.shape[0], -1, 1)
  rows = jnp.take_along_axis(hidden_BxTxD, at_BxMx1, axis=1)
  return rows.reshape(at.shape + (hidden_BxTxD.shape[-1],))


def _sees(T, attend, cache):
  """Who sees whom, as arguments of `mesh_attention`."""
  if cache is None:
    return {'is_causal': True, 'segments': attend}
  if T == 1:
    return {'lengths_B': cache.index_B + 1}
  S = jax.tree.leaves(cache.layers)[0].shape[-3]
  own_slot_BxT = cache.index_B[:, None] + jnp.arange(T)[None]
  slots = jnp.arange(S)[None, None, None]
  return {'mask': slots <= own_slot_BxT[:, None, :, None]}


def _validate(config, tokens_BxT, attend, cache, edits, taps):
  """Raises ValueError for what cannot be run."""
  if tokens_BxT.ndim != 2:
    raise ValueError(f'tokens must be [B, T], got shape {tokens_BxT.shape}')
  length = tokens_BxT.shape[1]
  if cache is not None:
    if attend is not None:
      raise ValueError('give the model attend or cache, not both')
    leaf, *_ = leaves = jax.tree.leaves(cache.layers)
    layers = len(leaf) if config.scan_layers else len(leaves) // 2
    if leaf.ndim != 4 + config.scan_layers or layers != config.num_layers:
      raise ValueError(
          f'a cache of {len(leaves)} arrays {leaf.shape} does not fit a model '
          f'of {config.num_layers} layers with scan_layers={config.scan_layers}'
      )
    length = max(length, leaf.shape[-3])
  if length > config.max_length:
    raise ValueError(
        f'sequence or cache of {length} exceeds max_length={config.max_length}'
    )
  for layer in (*edits, *taps):
    if not 0 <= layer <= config.num_layers:
      raise ValueError(
          f'layer {layer} of edits or taps is not in 0..{config.num_layers}'
      )
