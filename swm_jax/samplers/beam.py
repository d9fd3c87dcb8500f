"""Beam search: the likeliest completions of a prompt, without a draw.

The score of a completion is the sum of its tokens' log-probabilities, which
only falls as it grows. So the search of a prompt may end, with nothing lost, as
soon as no open hypothesis scores above the worst of the `width` best that have
stopped.
"""

from collections.abc import Callable, Sequence
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from swm_jax import types
from swm_jax.models import stack
from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import streams


class Hypotheses(NamedTuple):
  """W completions of each of G prompts, best first.

  Attributes:
    score_GxW: nats; -inf where there is none.
    length_GxW: tokens.
    tokens_GxWxT: zeros after the length.
    log_prob_GxWxT: of each token, nats.
  """

  score_GxW: jax.Array
  length_GxW: jax.Array
  tokens_GxWxT: jax.Array
  log_prob_GxWxT: jax.Array


class _State(NamedTuple):
  step: jax.Array
  layers: stack.CacheLayers  # rows g * W + w
  logits_GxWxV: jax.Array  # after each open hypothesis
  open: Hypotheses
  stop_GxW: jax.Array  # state of the stop table of each open hypothesis
  stopped: Hypotheses
  expanded_G: jax.Array


@functools.partial(
    jax.jit, static_argnames=('config', 'width', 'max_new_tokens')
)
def search(
    params: transformer.Params,
    tokens_GxP: jax.Array,
    length_G: jax.Array,
    next_state_SxV: jax.Array,
    *,
    config: transformer.TransformerConfig,
    width: int,
    max_new_tokens: int,
) -> tuple[Hypotheses, Hypotheses, jax.Array]:
  """Searches the completions of a batch of prompts.

  Args:
    params: of the transformer.
    tokens_GxP: right-padded prompts.
    length_G: their tokens, at least 1.
    next_state_SxV: the stop table; its last state is the stop.
    config: of the transformer.
    width: W, hypotheses that are kept open.
    max_new_tokens: T, longest completion.

  Returns:
    The `width` best that stopped; those still open at the limit, none where
    the search ended before; and how many tokens were decoded, `[G]`: one for
    each open hypothesis that a step extended, as if all shared no prefix.
  """
  (G, P), W, T = tokens_GxP.shape, width, max_new_tokens
  model = transformer.Transformer(config)
  empty = transformer.init_cache(config, G, streams.cache_length(P, T))
  out = model.apply(
      {'params': params}, tokens_GxP, cache=empty, logits_at=length_G - 1
  )
  rows = jnp.repeat(jnp.arange(G), W)
  nothing = Hypotheses(
      jnp.full((G, W), -jnp.inf),
      jnp.zeros((G, W), jnp.int32),
      jnp.zeros((G, W, T), jnp.int32),
      jnp.zeros((G, W, T)),
  )
  state = _State(
      step=jnp.int32(0),
      layers=_take(out.cache.layers, rows),
      logits_GxWxV=jnp.broadcast_to(
          out.logits[:, None], (G, W, config.vocab_size)
      ),
      # One empty hypothesis: W equal ones would be extended alike.
      open=nothing._replace(score_GxW=nothing.score_GxW.at[:, 0].set(0.0)),
      stop_GxW=jnp.zeros((G, W), jnp.int32),
      stopped=nothing,
      expanded_G=jnp.zeros((G,), jnp.int32),
  )

  def wanted(state):
    return (state.step < T) & (state.open.score_GxW > -jnp.inf).any()

  def step(state):
    log_p_GxWxV = jax.nn.log_softmax(state.logits_GxWxV, axis=-1)
    score_GxWxV = state.open.score_GxW[..., None] + log_p_GxWxV
    # A fresh prompt counts as W: so would W samples.
    extended_G = (state.open.score_GxW > -jnp.inf).sum(axis=-1)
    extended_G = jnp.where(state.step == 0, W, extended_G)
    next_GxWxV = next_state_SxV[state.stop_GxW].astype(jnp.int32)
    stops_GxWxV = next_GxWxV == len(next_state_SxV) - 1

    def extend(allowed_GxWxV):
      score_GxW, parent_GxW, token_GxW = _best(
          jnp.where(allowed_GxWxV, score_GxWxV, -jnp.inf), W
      )
      at = (jnp.arange(G)[:, None], parent_GxW, token_GxW)
      parents = _pick(state.open, parent_GxW)
      return parent_GxW, next_GxWxV[at], Hypotheses(
          score_GxW,
          parents.length_GxW + 1,
          parents.tokens_GxWxT.at[..., state.step].set(token_GxW),
          parents.log_prob_GxWxT.at[..., state.step].set(log_p_GxWxV[at]),
      )

    _, _, ended = extend(stops_GxWxV)
    both = jax.tree.map(
        lambda *leaves: jnp.concatenate(leaves, axis=1), state.stopped, ended
    )
    _, order_GxW = jax.lax.top_k(both.score_GxW, W)
    stopped = _pick(both, order_GxW)

    parent_GxW, stop_GxW, longer = extend(~stops_GxWxV)
    going_G = longer.score_GxW[:, 0] > stopped.score_GxW[:, -1]
    longer = longer._replace(
        score_GxW=jnp.where(going_G[:, None], longer.score_GxW, -jnp.inf)
    )
    token_GxW = longer.tokens_GxWxT[..., state.step]
    out = model.apply(
        {'params': params},
        token_GxW.reshape(-1, 1),
        cache=transformer.Cache(
            _take(state.layers, rows * W + parent_GxW.reshape(-1)),
            jnp.repeat(length_G, W) + state.step,
        ),
        logits_at=jnp.zeros((G * W,), jnp.int32),
    )
    return _State(
        step=state.step + 1,
        layers=out.cache.layers,
        logits_GxWxV=out.logits.reshape(G, W, -1),
        open=longer,
        stop_GxW=stop_GxW,
        stopped=stopped,
        expanded_G=state.expanded_G + extended_G,
    )

  state = jax.lax.while_loop(wanted, step, state)
  return state.stopped, state.open, state.expanded_G


class BeamDecoder:
  """Gives sample i of every prompt the i-th best completion of a beam.

  It is called like `decode.Decoder`, by `rollout` too. It draws nothing, and so
  reads no key. Prompts are searched in batches that fill the decoder's slots.

  Attributes:
    decoded_tokens: of all calls so far; what `search` counts, not what is
      returned, is the price of a beam.
    stop_table: of the decoder.
    config: of the decoder.
  """

  def __init__(self, decoder: decode.Decoder, width: int):
    """Takes model, stops and sizes of a decoder; `width` is W.

    Of its config it reads `slots`, `max_prompt` and `max_new_tokens`. Weights
    are used as they are given, and no logits, hidden states or latents are
    recorded.
    """
    if width < 1:
      raise ValueError(f'width={width} must be at least 1')
    self._decoder = decoder
    self._width = width
    self.decoded_tokens = 0
    self.stop_table = decoder.stop_table
    self.config = decoder.config

  def __call__(
      self,
      params: transformer.Params,
      prompts: Sequence[Sequence[int]],
      prompt_index_B: Sequence[int] | np.ndarray,
      temperature_B: Sequence[float] | np.ndarray,
      keys_B: jax.Array,
      *,
      perturb: None = None,
      on_finished: Callable[[int, list[int]], None] | None = None,
  ) -> types.Trajectories:
    """Searches; arguments are those of `Decoder`.

    Args:
      params: of the transformer.
      prompts: token ids of the distinct prompts.
      prompt_index_B: prompt of each row.
      temperature_B: 0.
      keys_B: typed key per row; not read.
      perturb: None.
      on_finished: called with row and tokens, batch after batch.

    Returns:
      Trajectories, those of a prompt best first: all that stopped come before
      all that were cut at the limit. A row for which there is no completion has
      no token.

    Raises:
      ValueError: as `Decoder` does, or a row is not greedy, a prompt has more
        rows than the beam is wide, or `perturb` is given.
    """
    if perturb is not None:
      raise ValueError('beam search takes no perturbation; leave perturb out')
    request = self._decoder.request(
        prompts, prompt_index_B, temperature_B, keys_B
    )
    if request.temperature_B.any():
      raise ValueError('beam search draws nothing; plan temperature 0')
    number_B = request.sample_numbers()
    W = self._width
    if number_B.max(initial=0) >= W:
      raise ValueError(
          f'a prompt has {number_B.max() + 1} rows, more than the width={W} of '
          'the beam'
      )
    result = self._empty(request)
    used = np.unique(request.prompt_index_B)
    batch = max(1, self.config.slots // W)
    params = jax.tree.map(jnp.asarray, params)
    for start in range(0, len(used), batch):
      # The last batch repeats its last prompt: one shape for all.
      at = np.minimum(np.arange(start, start + batch), len(used) - 1)
      tokens_GxP = np.zeros((batch, self.config.max_prompt), np.int32)
      for row, prompt in zip(tokens_GxP, used[at]):
        row[: len(prompts[prompt])] = prompts[prompt]
      stopped, cut, expanded_G = jax.device_get(search(
          params,
          tokens_GxP,
          np.array([len(prompts[prompt]) for prompt in used[at]], np.int32),
          self.stop_table.next_state_SxV,
          config=self._decoder.model_config,
          width=W,
          max_new_tokens=self.config.max_new_tokens,
      ))
      for g, prompt in enumerate(used[start : start + batch]):
        self.decoded_tokens += int(expanded_G[g])
        found = [
            (hypotheses, w, ended)
            for hypotheses, ended in ((stopped, True), (cut, False))
            for w in range(W)
            if hypotheses.score_GxW[g, w] > -np.inf
        ]
        for row in np.flatnonzero(request.prompt_index_B == prompt).tolist():
          if number_B[row] < len(found):
            _write(result, row, g, *found[number_B[row]])
          if on_finished is not None:
            on_finished(row, result.tokens[row][result.mask[row]].tolist())
    return result

  def _empty(self, request) -> types.Trajectories:
    """Trajectories without a token."""
    B, T = len(request.prompt_index_B), self.config.max_new_tokens
    pad_id = self._decoder.pad_id
    lengths = np.array([len(prompt) for prompt in request.prompts], np.int32)
    prompt_tokens = np.full((B, self.config.max_prompt), pad_id, np.int32)
    for row, prompt in enumerate(request.prompt_index_B):
      prompt_tokens[row, : lengths[prompt]] = request.prompts[prompt]
    return types.Trajectories(
        prompt_tokens=prompt_tokens,
        prompt_length=lengths[request.prompt_index_B],
        tokens=np.full((B, T), pad_id, np.int32),
        mask=np.zeros((B, T), bool),
        log_prob=np.zeros((B, T), np.float32),
        log_prob_behaviour=np.zeros((B, T), np.float32),
        top_k=None,
        hidden=None,
        latents=np.zeros(
            (B, 0, 2, self._decoder.model_config.width), np.float32
        ),
        stopped=np.zeros((B,), bool),
    )


def _write(result, row, g, hypotheses, w, ended):
  """Writes one hypothesis into a row of the result."""
  length = hypotheses.length_GxW[g, w]
  result.tokens[row, :length] = hypotheses.tokens_GxWxT[g, w, :length]
  result.log_prob[row, :length] = hypotheses.log_prob_GxWxT[g, w, :length]
  result.mask[row, :length] = True
  result.stopped[row] = ended


def _best(score_GxWxV, width):
  """The W best of all: their scores, rows and tokens, each `[G, W]`."""
  # Of each row first: what is not among its W best is not among those of all.
  kept = min(width, score_GxWxV.shape[-1])
  score_GxWxK, token_GxWxK = jax.lax.top_k(score_GxWxV, kept)
  flat = (len(score_GxWxV), -1)
  score_GxW, at_GxW = jax.lax.top_k(score_GxWxK.reshape(flat), width)
  token_GxW = jnp.take_along_axis(token_GxWxK.reshape(flat), at_GxW, axis=1)
  return score_GxW, at_GxW // kept, token_GxW


def _pick(hypotheses, at_GxW):
  """Hypotheses by their place in each group."""
  return jax.tree.map(
      lambda leaf: jnp.take_along_axis(
          leaf, at_GxW.reshape(*at_GxW.shape, *[1] * (leaf.ndim - 2)), axis=1
      ),
      hypotheses,
  )


def _take(layers, rows):
  """Rows of a cache, `[B, S, K, D]` or `[N, B, S, K, D]`."""
  return jax.tree.map(
      lambda leaf: jnp.take(leaf, rows, axis=leaf.ndim - 4), layers
  )
