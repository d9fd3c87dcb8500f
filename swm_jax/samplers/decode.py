"""Batched decoding with a KV cache, for thousands of short completions.

What makes it fast, in the order of what it saves:

1.  Continuous batching: a slot whose trajectories have ended takes new ones, so
    that every forward pass is full until the queue is empty.
2.  Trajectories of one prompt share a slot while they agree (`streams.py`).
3.  Each distinct prompt is read once, with others of about its length, a few
    tokens of each at a time: every length has one shape.
4.  Float32, unrolled layers, one cache leaf a layer, donated state.
5.  Copies of the weights on several devices share the prompts (`replicas.py`).

Every function has one shape, so the order of the queue changes no result and
nothing is compiled after the first call.
"""

from collections.abc import Callable, Sequence
import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from swm_jax import types
from swm_jax.models import quantised_weights
from swm_jax.models import transformer
from swm_jax.samplers import langevin
from swm_jax.samplers import replicas
from swm_jax.samplers import rescoring
from swm_jax.samplers import schedule
from swm_jax.samplers import stopping
from swm_jax.samplers import streams

_STREAMS_PER_SLOT = 4


@dataclasses.dataclass(frozen=True)
class DecodeConfig:
  """How to decode.

  The cache holds `slots` rows of `max_prompt + max_new_tokens` positions, and
  every step reads all of it: at 64 rows of SmolLM2-135M, 128 positions are
  0.4 GB and a fifth of a step. Set both lengths to what is needed.

  Attributes:
    slots: rows of a forward pass.
    max_prompt: longest prompt, tokens.
    max_new_tokens: longest completion, tokens.
    chunk: steps between visits of the host, at most.
    top_logits: K of the recorded `TopKLogits`; 0 records none.
    record_hidden: record the final hidden state that predicted each token.
    taps: layers whose residual stream is recorded.
    top_k: draw among the k most probable tokens; 0 is all.
    top_p: draw among the most probable tokens of this total probability; below
      1 without `top_k` each step sorts the vocabulary, which on CPU costs
      several times the model.
    weights: how the weights are kept while decoding, see
      `models.quantised_weights`; None is as they are given. Where that is
      another model, it is the one that draws and `log_prob_behaviour` is its
      own; `log_prob` is read once more under the given weights, and nothing
      else can be recorded.
  """

  slots: int = 64
  max_prompt: int = 96
  max_new_tokens: int = 64
  chunk: int = 8
  top_logits: int = 0
  record_hidden: bool = False
  taps: tuple[int, ...] = ()
  top_k: int = 0
  top_p: float = 1.0
  weights: str | None = None

  def __post_init__(self):
    for name in ('slots', 'max_prompt', 'max_new_tokens', 'chunk'):
      if getattr(self, name) < 1:
        raise ValueError(f'{name}={getattr(self, name)} must be at least 1')
    if self.top_k < 0 or not 0 < self.top_p <= 1:
      raise ValueError(
          f'top_k={self.top_k} must be at least 0 and top_p={self.top_p} in '
          '(0, 1]'
      )
    if self.weights not in (None, *quantised_weights.KINDS):
      raise ValueError(
          f'weights={self.weights!r} is not one of '
          f'{list(quantised_weights.KINDS)} or None'
      )


class Decoder:
  """Samples completions; holds no weights and no state between calls."""

  def __init__(
      self,
      model_config: transformer.TransformerConfig,
      stop_table: stopping.StopTable,
      config: DecodeConfig,
      pad_id: int,
  ):
    """Checks that the parts fit.

    Args:
      model_config: of the transformer.
      stop_table: when a completion ends.
      config: sizes and policy.
      pad_id: fills prompts and completions; inert.

    Raises:
      ValueError: the table is of another vocabulary, prompt and completion do
        not fit into the model, or what is recorded would be of other weights.
    """
    vocab_size = stop_table.next_state_SxV.shape[1]
    if vocab_size != model_config.vocab_size:
      raise ValueError(
          f'the stop table has {vocab_size} tokens and the model '
          f'{model_config.vocab_size}; build it with the tokenizer of the model'
      )
    length = streams.cache_length(config.max_prompt, config.max_new_tokens)
    if length > model_config.max_length:
      raise ValueError(
          f'max_prompt={config.max_prompt} and max_new_tokens='
          f'{config.max_new_tokens} need a cache of {length} tokens, more than '
          f'the max_length={model_config.max_length} of the model'
      )
    self._rescores = quantised_weights.changes_the_model(
        config.weights, model_config
    )
    if self._rescores and (
        config.top_logits or config.record_hidden or config.taps
    ):
      raise ValueError(
          f'weights={config.weights!r} decode with another model, whose '
          'logits, hidden states and latents must not be recorded: leave '
          'top_logits, record_hidden and taps out, or set weights=None'
      )
    self.model_config = model_config
    self.stop_table = stop_table
    self.config = config
    self.pad_id = pad_id

  def __call__(
      self,
      params: transformer.Params,
      prompts: Sequence[Sequence[int]],
      prompt_index_B: Sequence[int] | np.ndarray,
      temperature_B: Sequence[float] | np.ndarray,
      keys_B: jax.Array,
      *,
      perturb: langevin.Perturbation | None = None,
      stop_states: Sequence[int] | None = None,
      on_finished: Callable[[int, list[int]], None] | None = None,
  ) -> types.Trajectories:
    """Samples one completion per row.

    A row depends on its prompt, temperature and key alone, not on its place in
    the request nor on what else is in it.

    Args:
      params: of the transformer; copies of them on several devices, along the
        mesh axis `data`, decode side by side, see `replicas`.
      prompts: token ids of the distinct prompts.
      prompt_index_B: prompt of each row.
      temperature_B: 0 is greedy.
      keys_B: typed key per row; the token at step n is the inverse CDF of
        `uniform(fold_in(key, n))`.
      perturb: Langevin noise on the prompt's residual stream, drawn anew from
        each row's key. Log-probabilities are then the perturbed model's. None,
        or a perturbation that moves nothing, is the clean path.
      stop_states: state of the stop table after each prompt; None is 0 for all:
        every completion starts where its prompt ends. A prompt that holds the
        beginning of a completion has the state after that.
      on_finished: called with row and sampled tokens as soon as the host knows
        that a row has ended, in no particular order.

    Returns:
      Trajectories with numpy leaves, rows in the order of the request. The mean
      latents are over the sampled tokens as they are fed to the model, which is
      all but the last (zeros where only one was sampled). Record fields are 0
      where not `mask`, and tokens there are `pad_id`.

    Raises:
      ValueError: a prompt is empty or too long, an argument does not fit, or a
        perturbation meets `weights`.
    """
    request = self.request(
        prompts, prompt_index_B, temperature_B, keys_B, stop_states
    )
    params = jax.tree.map(jnp.asarray, params)
    copies = replicas.split(params)
    decode_one = functools.partial(self._decode, perturb)
    if len(copies) == 1:
      return decode_one(params, request, on_finished)
    return replicas.decode(copies, request, decode_one, on_finished)

  def request(
      self,
      prompts: Sequence[Sequence[int]],
      prompt_index_B: Sequence[int] | np.ndarray,
      temperature_B: Sequence[float] | np.ndarray,
      keys_B: jax.Array,
      stop_states: Sequence[int] | None = None,
  ) -> schedule.Request:
    """Checks arguments of a call; see `__call__`."""
    request = schedule.Request(
        prompts=prompts,
        prompt_index_B=np.asarray(prompt_index_B, np.int64).reshape(-1),
        temperature_B=np.asarray(temperature_B, np.float32).reshape(-1),
        key_data_BxW=np.asarray(jax.random.key_data(keys_B)),
        key_impl=str(jax.random.key_impl(keys_B)),
        stop_states=[0] * len(prompts) if stop_states is None else stop_states,
    )
    _check(request, self.config.max_prompt, self.stop_table.stop_state)
    return request

  def start(
      self,
      params: transformer.Params,
      request: schedule.Request,
      perturb: langevin.Perturbation | None = None,
  ) -> schedule.Run:
    """Prepares decoding, with one copy of the weights, that can be observed.

    Its log-probabilities are those of the weights as they decode.
    """
    config = self.config
    if perturb is not None and perturb.is_identity:
      perturb = None
    if perturb is not None and config.weights is not None:
      raise ValueError(
          f'weights={config.weights!r} cannot read perturbed prompts; set '
          'weights=None'
      )
    if perturb is not None and perturb.energy == 'head':
      width = 0 if perturb.head is None else len(perturb.head.weight_D)
      if width != self.model_config.width:
        raise ValueError(
            f"energy 'head' has weights of {width} dimensions for a model of "
            f'width {self.model_config.width}; fit them with '
            '`latents.fit_head` and set `head` of the perturbation'
        )
    shape = streams.Shape(
        model=self.model_config,
        slots=config.slots,
        streams=_STREAMS_PER_SLOT * config.slots,
        max_prompt=config.max_prompt,
        max_new_tokens=config.max_new_tokens,
        top_logits=config.top_logits,
        record_hidden=config.record_hidden,
        taps=tuple(config.taps),
        top_k=config.top_k,
        top_p=config.top_p,
        key_impl=request.key_impl,
    )
    return schedule.Run(
        shape,
        config.chunk,
        quantised_weights.view(params, config.weights),
        self.stop_table,
        request,
        self.pad_id,
        perturb,
    )

  def _decode(self, perturb, params, request, on_finished):
    """Decodes with one copy of the weights."""
    trajectories = self.start(params, request, perturb).to_the_end(on_finished)
    if not self._rescores:
      return trajectories
    return trajectories.replace(
        log_prob=rescoring.log_prob(params, self.model_config, trajectories)
    )


def _check(
    request: schedule.Request, max_prompt: int, stop_state: int
) -> None:
  """Raises ValueError for a request that cannot be decoded."""
  B = len(request.prompt_index_B)
  if not len(request.temperature_B) == len(request.key_data_BxW) == B:
    raise ValueError(
        f'{B} prompt indices, {len(request.temperature_B)} temperatures and '
        f'{len(request.key_data_BxW)} keys must be one per row'
    )
  count = len(request.prompts)
  if ((request.prompt_index_B < 0) | (request.prompt_index_B >= count)).any():
    raise ValueError(f'prompt_index must be in 0..{count - 1}')
  if len(request.stop_states) != count or not all(
      0 <= state < stop_state for state in request.stop_states
  ):
    raise ValueError(
        f'stop_states must be {count}, one per prompt, each in '
        f'0..{stop_state - 1}: a completion that has stopped cannot go on'
    )
  temperature_B = request.temperature_B
  if not (np.isfinite(temperature_B) & (temperature_B >= 0)).all():
    raise ValueError('temperatures must be finite and not negative')
  for i, prompt in enumerate(request.prompts):
    if not 1 <= len(prompt) <= max_prompt:
      raise ValueError(
          f'prompt {i} has {len(prompt)} tokens; the decoder takes 1 to '
          f'max_prompt={max_prompt}'
      )
