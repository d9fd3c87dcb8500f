"""The device side of decoding: streams that share slots while they agree.

A *stream* is one trajectory being sampled. A *slot* is one row of the KV cache
and of the forward pass. Trajectories of one prompt begin alike and often stay
alike for many tokens, so all streams with the same history sit on one slot,
which is computed once. A stream that draws another token than the first of its
slot is *parked*: it keeps its token, and the slot's cache still holds its
history (a slot only ever grows), until the host gives it a slot with a copy.

This changes what is computed and no result: a stream's logits depend on its own
history, and every forward pass has the same shape.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from swm_jax import types
from swm_jax.models import quantised_hidden
from swm_jax.models import stack
from swm_jax.models import transformer
from swm_jax.samplers import drawing

IDLE = 0  # no trajectory, or one that has ended
ATTACHED = 1  # on its slot, taking part in the forward pass
PARKED = 2  # has drawn a token that its slot does not follow

Layers = stack.CacheLayers
_PROMPT_MULTIPLE = 32


class Streams(NamedTuple):
  """State and record of every stream.

  Attributes:
    slot_C: whose cache holds the history.
    status_C: `IDLE`, `ATTACHED` or `PARKED`.
    count_C: tokens sampled.
    token_C: the last of them.
    stop_C: state of the stop table.
    prompt_length_C: tokens of the prompt.
    temperature_C: 0 is greedy.
    key_data_CxW: raw data of the trajectory's key.
    tokens_CxT: sampled tokens; likewise the two log-probabilities.
    log_prob_CxT: untempered, nats.
    behaviour_CxT: of the law that was drawn from, nats.
    top_logits: `[C, T, K]` at each sampled token, or None.
    hidden: `[C, T, D]` that predicted each sampled token, or None.
    prompt_latents_CxLxD: residual stream at the last prompt token.
    latents_sum_CxLxD: summed over the sampled tokens as they are fed.
  """

  slot_C: jax.Array
  status_C: jax.Array
  count_C: jax.Array
  token_C: jax.Array
  stop_C: jax.Array
  prompt_length_C: jax.Array
  temperature_C: jax.Array
  key_data_CxW: jax.Array
  tokens_CxT: jax.Array
  log_prob_CxT: jax.Array
  behaviour_CxT: jax.Array
  top_logits: types.TopKLogits | None
  hidden: types.QuantisedHidden | None
  prompt_latents_CxLxD: jax.Array
  latents_sum_CxLxD: jax.Array


class Prefilled(NamedTuple):
  """A batch of G prompts that have been read.

  Attributes:
    layers: keys and values of G prompts.
    logits_GxV: after the last prompt token.
    hidden_GxD: what they are read from.
    latents_GxLxD: residual stream at the last prompt token.
  """

  layers: Layers
  logits_GxV: jax.Array
  hidden_GxD: jax.Array
  latents_GxLxD: jax.Array


class Placement(NamedTuple):
  """What the host writes into `Streams` for trajectories that start.

  Attributes:
    fresh_C: streams that start; the other fields are read only there.
    slot_C: the slot that the prompt is copied to.
    entry_C: the prompt's row in `Prefilled`.
    stop_C: state of the stop table after the prompt.
    prompt_length_C: its tokens.
    temperature_C: of the trajectory.
    key_data_CxW: of the trajectory's key.
  """

  fresh_C: Any
  slot_C: Any
  entry_C: Any
  stop_C: Any
  prompt_length_C: Any
  temperature_C: Any
  key_data_CxW: Any


class Shape(NamedTuple):
  """Everything static: one compilation of each function per value.

  Attributes:
    model: configuration of the transformer.
    slots: S, rows of the forward pass.
    streams: C, trajectories in flight.
    max_prompt: P.
    max_new_tokens: T.
    top_logits: K, 0 records none.
    record_hidden: record final hidden states.
    taps: layers whose input is recorded.
    top_k: see `drawing.draw`; likewise `top_p`.
    key_impl: name of the generator behind the keys.
  """

  model: transformer.TransformerConfig
  slots: int
  streams: int
  max_prompt: int
  max_new_tokens: int
  top_logits: int
  record_hidden: bool
  taps: tuple[int, ...]
  top_k: int
  top_p: float
  key_impl: str


def prompt_room(tokens: int) -> int:
  """Length of a prompt cache for prompts of so many tokens."""
  return -(-tokens // _PROMPT_MULTIPLE) * _PROMPT_MULTIPLE


def cache_length(max_prompt: int, max_new_tokens: int) -> int:
  """Length of a slot; its last position is never read: idle slots write it."""
  # A prompt is copied with its padding, which the completion overwrites.
  return max(max_prompt + max_new_tokens, prompt_room(max_prompt))


def empty(shape: Shape) -> tuple[Streams, Layers]:
  """Idle streams, and an empty cache of the slots."""
  C, T = shape.streams, shape.max_new_tokens
  D, K = shape.model.width, shape.top_logits
  key_data = jax.random.key_data(jax.random.key(0, impl=shape.key_impl))
  integers = lambda *dims: jnp.zeros(dims, jnp.int32)
  floats = lambda *dims: jnp.zeros(dims, jnp.float32)
  top_logits = hidden = None
  if K:
    top_logits = types.TopKLogits(
        floats(C, T, K), integers(C, T, K), floats(C, T)
    )
  if shape.record_hidden:
    codes_CxTxD = jnp.zeros((C, T, D), jnp.int8)
    hidden = types.QuantisedHidden(codes_CxTxD, floats(C, T))
  streams = Streams(
      slot_C=integers(C),
      status_C=integers(C),
      count_C=integers(C),
      token_C=integers(C),
      stop_C=integers(C),
      prompt_length_C=integers(C),
      temperature_C=floats(C),
      key_data_CxW=jnp.zeros((C, *key_data.shape), key_data.dtype),
      tokens_CxT=integers(C, T),
      log_prob_CxT=floats(C, T),
      behaviour_CxT=floats(C, T),
      top_logits=top_logits,
      hidden=hidden,
      prompt_latents_CxLxD=floats(C, len(shape.taps), D),
      latents_sum_CxLxD=floats(C, len(shape.taps), D),
  )
  length = cache_length(shape.max_prompt, T)
  slots = transformer.init_cache(shape.model, shape.slots, length)
  return streams, slots.layers


@functools.partial(
    jax.jit, static_argnames=('shape',), donate_argnames=('layers',)
)
def admit(
    streams: Streams,
    layers: Layers,
    prefilled: Prefilled,
    copies: tuple[jax.Array, jax.Array, jax.Array],
    placement: Placement,
    next_state_SxV: jax.Array,
    *,
    shape: Shape,
) -> tuple[Streams, Layers]:
  """Starts trajectories: copies their prompts, draws their first tokens.

  Args:
    streams: before.
    layers: cache of the slots.
    prefilled: the prompts.
    copies: `(count, entry, slot)`: the first `count` entries of the two arrays
      say which prompt goes to which slot.
    placement: what the host knows of each trajectory.
    next_state_SxV: the stop table.
    shape: static.
  """
  layers = _copy_rows(layers, prefilled.layers, copies)
  fresh_C = placement.fresh_C
  choose = lambda new, old: jnp.where(
      fresh_C.reshape(-1, *[1] * (old.ndim - 1)), new, old
  )
  entry_C = jnp.where(fresh_C, placement.entry_C, 0)
  streams = streams._replace(
      slot_C=choose(placement.slot_C, streams.slot_C),
      status_C=choose(ATTACHED, streams.status_C),
      count_C=choose(0, streams.count_C),
      stop_C=choose(placement.stop_C, streams.stop_C),
      prompt_length_C=choose(
          placement.prompt_length_C, streams.prompt_length_C
      ),
      temperature_C=choose(placement.temperature_C, streams.temperature_C),
      key_data_CxW=choose(placement.key_data_CxW, streams.key_data_CxW),
      prompt_latents_CxLxD=choose(
          prefilled.latents_GxLxD[entry_C], streams.prompt_latents_CxLxD
      ),
      latents_sum_CxLxD=choose(0.0, streams.latents_sum_CxLxD),
  )
  streams = _draw(
      streams, prefilled.logits_GxV, prefilled.hidden_GxD, entry_C, fresh_C,
      next_state_SxV, shape,
  )
  return streams, layers


@functools.partial(jax.jit, donate_argnames=('layers',))
def fork(
    streams: Streams,
    layers: Layers,
    copies: tuple[jax.Array, jax.Array, jax.Array],
    slot_C: jax.Array,
    status_C: jax.Array,
) -> tuple[Streams, Layers]:
  """Gives parked streams a slot: `copies` is `(count, source, target)`."""
  layers = _copy_rows(layers, layers, copies)
  return streams._replace(slot_C=slot_C, status_C=status_C), layers


@functools.partial(
    jax.jit, static_argnames=('shape', 'chunk'), donate_argnames=('layers',)
)
def advance(
    params: transformer.Params,
    streams: Streams,
    layers: Layers,
    idle_when_parked: jax.Array,
    idle_when_not: jax.Array,
    next_state_SxV: jax.Array,
    *,
    shape: Shape,
    chunk: int,
) -> tuple[Streams, Layers, jax.Array]:
  """Samples up to `chunk` tokens of every attached stream.

  Stops earlier when as many slots are idle as the host can use: the first bound
  holds while a stream is parked, the second while none is. Returns the number
  of steps, too.
  """
  model = transformer.Transformer(shape.model)
  zeros_S = jnp.zeros((shape.slots,), jnp.int32)

  def wanted(carry):
    n, streams, _ = carry
    idle = shape.slots - (_leaders(streams, shape) < shape.streams).sum()
    parked = (streams.status_C == PARKED).any()
    enough = jnp.where(parked, idle_when_parked, idle_when_not)
    return (n < chunk) & (idle < jnp.minimum(enough, shape.slots))

  def step(carry):
    n, streams, layers = carry
    leader_S = _leaders(streams, shape)
    live_S = leader_S < shape.streams
    leader_S = jnp.where(live_S, leader_S, 0)
    index_S = (streams.prompt_length_C + streams.count_C - 1)[leader_S]
    last = cache_length(shape.max_prompt, shape.max_new_tokens) - 1
    out = model.apply(
        {'params': params},
        jnp.where(live_S, streams.token_C[leader_S], 0)[:, None],
        cache=transformer.Cache(layers, jnp.where(live_S, index_S, last)),
        taps=shape.taps,
        logits_at=zeros_S,
    )
    attached_C = streams.status_C == ATTACHED
    fed_CxLxD = latents_at(out, zeros_S, shape)[streams.slot_C]
    streams = streams._replace(
        latents_sum_CxLxD=streams.latents_sum_CxLxD
        + jnp.where(attached_C[:, None, None], fed_CxLxD, 0.0)
    )
    streams = _draw(
        streams, out.logits, out.hidden_BxTxD[:, 0], streams.slot_C, attached_C,
        next_state_SxV, shape,
    )
    return n + 1, streams, out.cache.layers

  steps, streams, layers = jax.lax.while_loop(
      wanted, step, (0, streams, layers)
  )
  return streams, layers, steps


def _draw(
    streams, logits_XxV, hidden_XxD, source_C, drawing_C, next_state_SxV, shape
):
  """Draws a token for each stream of `drawing_C`; parks who leaves its slot."""
  T = shape.max_new_tokens
  keys_C = keys(streams.key_data_CxW, shape)
  keys_C = jax.vmap(jax.random.fold_in)(keys_C, streams.count_C)
  token_C, log_prob_C, behaviour_C = drawing.draw(
      logits_XxV,
      source_C,
      streams.temperature_C,
      jax.vmap(jax.random.uniform)(keys_C),
      drawing_C,
      top_k=shape.top_k,
      top_p=shape.top_p,
  )
  rows_C = jnp.arange(shape.streams)
  # Column T does not exist: streams that do not draw write nothing.
  column_C = jnp.where(drawing_C, streams.count_C, T)
  record = lambda old, new: old.at[rows_C, column_C].set(new, mode='drop')
  top_logits = hidden = None
  if shape.top_logits:
    top_logits = drawing.summarise(logits_XxV, shape.top_logits)
  if shape.record_hidden:
    hidden = quantised_hidden.quantise(hidden_XxD)
  top_logits, hidden = jax.tree.map(
      lambda old, new: record(old, new[source_C]),
      (streams.top_logits, streams.hidden),
      (top_logits, hidden),
  )
  # The table's last state is the stop.
  stop_C = next_state_SxV[streams.stop_C, token_C].astype(jnp.int32)
  stop_C = jnp.where(drawing_C, stop_C, streams.stop_C)
  count_C = streams.count_C + drawing_C
  ended_C = (stop_C == len(next_state_SxV) - 1) | (count_C >= T)
  streams = streams._replace(
      token_C=jnp.where(drawing_C, token_C, streams.token_C),
      count_C=count_C,
      stop_C=stop_C,
      status_C=jnp.where(drawing_C & ended_C, IDLE, streams.status_C),
      tokens_CxT=record(streams.tokens_CxT, token_C),
      log_prob_CxT=record(streams.log_prob_CxT, log_prob_C),
      behaviour_CxT=record(streams.behaviour_CxT, behaviour_C),
      top_logits=top_logits,
      hidden=hidden,
  )
  leader_S = jnp.minimum(_leaders(streams, shape), shape.streams - 1)
  leaves_C = streams.token_C != streams.token_C[leader_S[streams.slot_C]]
  leaves_C &= streams.status_C == ATTACHED
  return streams._replace(
      status_C=jnp.where(leaves_C, PARKED, streams.status_C)
  )


def _leaders(streams, shape):
  """First attached stream of each slot, `[S]`; C where there is none."""
  C = shape.streams
  rows_C = jnp.where(streams.status_C == ATTACHED, jnp.arange(C), C)
  return jnp.full((shape.slots,), C).at[streams.slot_C].min(rows_C)


def keys(key_data_CxW: jax.Array, shape: Shape) -> jax.Array:
  """Typed keys of raw data."""
  return jax.random.wrap_key_data(key_data_CxW, impl=shape.key_impl)


def latents_at(
    out: transformer.Output, at_B: jax.Array, shape: Shape
) -> jax.Array:
  """Tapped residual stream `[B, L, D]` at one token of each row."""
  if not shape.taps:
    return jnp.zeros((len(at_B), 0, shape.model.width), jnp.float32)
  latents_BxLxTxD = out.latents_BxLxTxD
  return jnp.take_along_axis(
      latents_BxLxTxD, at_B[:, None, None, None], axis=2
  )[:, :, 0]


def _copy_rows(target, source, copies):
  """Copies rows of each leaf of `source` into the start of rows of `target`.

  Leaves are `[B, S, K, D]`, or `[N, B, S, K, D]` where layers are scanned.
  """
  count, from_N, to_N = copies

  def copy(n, target):
    def leaf(old, new):
      before = (0,) * (old.ndim - 4)
      row = jax.lax.dynamic_slice_in_dim(new, from_N[n], 1, axis=len(before))
      at = (*before, to_N[n], 0, 0, 0)
      return jax.lax.dynamic_update_slice(old, row, at)

    # Where rows move inside one cache, read what earlier copies left.
    return jax.tree.map(leaf, target, target if inside else source)

  inside = target is source
  return jax.lax.fori_loop(0, count, copy, target)
