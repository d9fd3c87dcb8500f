"""The forms of decoding that `benchmarks.decode` compares, on one workload.

Every form decodes all rows of a `Workload` with the same model to the same
stops, and says what it computed for that.
"""

from collections.abc import Callable
import copy
import functools
import tempfile
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from swm_jax import tokenization
from swm_jax.models import pretrained
from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import drawing
from swm_jax.samplers import rollout
from swm_jax.samplers import stopping


class Workload(NamedTuple):
  """What is decoded: each prompt once per temperature, row by row.

  Attributes:
    params: of the transformer, on the device.
    config: of the transformer.
    tokenizer: of the model.
    stops: when a completion ends.
    prompts: token ids, shortest first.
    temperatures: of the samples of each prompt; 0 is greedy.
    max_new_tokens: where a completion without a stop ends.
  """

  params: transformer.Params
  config: transformer.TransformerConfig
  tokenizer: tokenization.Tokenizer
  stops: stopping.StopTable
  prompts: list[list[int]]
  temperatures: tuple[float, ...]
  max_new_tokens: int

  @property
  def prompt_index_B(self) -> np.ndarray:
    return np.repeat(np.arange(len(self.prompts)), len(self.temperatures))

  @property
  def temperature_B(self) -> np.ndarray:
    return np.tile(self.temperatures, len(self.prompts)).astype(np.float32)


class Decoded(NamedTuple):
  """Completions, and what they took.

  Attributes:
    tokens_BxT: whatever stands behind a stop.
    count_B: tokens up to the stop, which is included.
    row_steps: rows times steps that were computed, whether or not of use.
    prompt_tokens: positions of prompts that were computed, padding included.
  """

  tokens_BxT: np.ndarray
  count_B: np.ndarray
  row_steps: int
  prompt_tokens: int


Form = Callable[[], Decoded]


def make_decoder(
    work: Workload, slots: int, weights: str | None = None
) -> decode.Decoder:
  """The decoder of this project, sized for a workload."""
  return decode.Decoder(
      work.config,
      work.stops,
      decode.DecodeConfig(
          slots=slots,
          max_prompt=len(work.prompts[-1]),
          max_new_tokens=work.max_new_tokens,
          weights=weights,
      ),
      work.tokenizer.pad_id,
  )


def ours(work: Workload, slots: int) -> Form:
  """The decoder of this project."""
  decoder = make_decoder(work, slots)
  request = decoder.request(
      work.prompts, work.prompt_index_B, work.temperature_B, row_keys(work)
  )

  def run():
    started = decoder.start(work.params, request)
    trajectories = started.to_the_end()
    return Decoded(
        trajectories.tokens,
        trajectories.mask.sum(axis=1),
        started.row_steps,
        started.prompt_tokens,
    )

  return run


def dense(work: Workload, slots: int) -> Form:
  """The usual form in JAX: fixed batches, each row with its own prompt."""
  index_B, temperature_B, keys_B = (
      work.prompt_index_B, work.temperature_B, row_keys(work)
  )
  B, width = len(index_B), len(work.prompts[-1])

  def run():
    tokens, counts, steps = [], [], 0
    for start in range(0, B, slots):
      # The last batch repeats its last row; repeats are not counted.
      rows = np.minimum(np.arange(start, start + slots), B - 1)
      tokens_BxP = np.full((slots, width), work.tokenizer.pad_id, np.int32)
      for row, prompt in zip(tokens_BxP, index_B[rows]):
        row[: len(work.prompts[prompt])] = work.prompts[prompt]
      length_B = np.array([len(work.prompts[i]) for i in index_B[rows]])
      tokens_BxT, count_B = _dense(
          work.params, tokens_BxP, length_B.astype(np.int32),
          temperature_B[rows], keys_B[rows], work.stops.next_state_SxV,
          config=work.config, new_tokens=work.max_new_tokens,
      )
      tokens.append(np.asarray(tokens_BxT)[: B - start])
      counts.append(np.asarray(count_B)[: B - start])
      # The first token of each row comes with its prompt.
      steps += int(counts[-1].max()) - 1
    batches = len(tokens)
    return Decoded(
        np.concatenate(tokens), np.concatenate(counts), slots * steps,
        batches * slots * width,
    )

  return run


@functools.partial(jax.jit, static_argnames=('config', 'new_tokens'))
def _dense(
    params, tokens_BxP, length_B, temperature_B, keys_B, table_SxV, *,
    config, new_tokens,
):
  """Decodes one batch to its end; returns tokens `[B, T]` and their count."""
  (B, P), T = tokens_BxP.shape, new_tokens
  model = transformer.Transformer(config)
  rows_B = jnp.arange(B)

  def draw(logits_BxV, n):
    keys = jax.vmap(jax.random.fold_in, (0, None))(keys_B, n)
    uniform_B = jax.vmap(jax.random.uniform)(keys)
    return drawing.draw(
        logits_BxV, rows_B, temperature_B, uniform_B, jnp.ones((B,), bool)
    )[0]

  def read(token_B, n, done_B, stop_B, tokens_BxT, count_B):
    token_B = jnp.where(done_B, 0, token_B)
    tokens_BxT = tokens_BxT.at[:, n].set(token_B)
    stop_B = jnp.where(done_B, stop_B, table_SxV[stop_B, token_B])
    count_B = count_B + ~done_B
    # The table's last state is the stop.
    done_B = stop_B == len(table_SxV) - 1
    return token_B, n + 1, done_B, stop_B, tokens_BxT, count_B

  def step(carry):
    state, cache = carry
    out = model.apply(
        {'params': params}, state[0][:, None], cache=cache,
        logits_at=jnp.zeros((B,), jnp.int32),
    )
    return read(draw(out.logits, state[1]), *state[1:]), out.cache

  out = model.apply(
      {'params': params}, tokens_BxP,
      cache=transformer.init_cache(config, B, P + T), logits_at=length_B - 1,
  )
  state = read(
      draw(out.logits, 0),
      0,
      jnp.zeros((B,), bool),
      jnp.zeros((B,), table_SxV.dtype),
      jnp.zeros((B, T), jnp.int32),
      jnp.zeros((B,), jnp.int32),
  )
  state, _ = jax.lax.while_loop(
      lambda carry: (carry[0][1] < T) & ~carry[0][2].all(),
      step,
      (state, out.cache._replace(index_B=length_B)),
  )
  return state[4], state[5]


class TransformersGenerate:
  """`generate` of Hugging Face's transformers, in torch on CPU.

  As fast as it goes there: prompts of like length together, padded on the left;
  the samples of a prompt by `num_return_sequences`; a temperature for each row,
  so that every batch is full; a cache of fixed size (a growing one and a model
  that torch compiles both took more CPU time a step); and our own table of
  stops as the criterion, so that a batch ends with its last row.
  """

  def __init__(self, work: Workload, threads: int):
    """Hands the weights over.

    Raises:
      ModuleNotFoundError: torch or transformers is not installed.
    """
    import torch  # pylint: disable=g-import-not-at-top
    import transformers  # pylint: disable=g-import-not-at-top

    torch.set_num_threads(threads)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
      pretrained.save_hf(folder, work.params, work.config, work.tokenizer)
      self._model = transformers.AutoModelForCausalLM.from_pretrained(
          folder, dtype=torch.float32
      ).eval()
    self._work = work
    self._torch, self._transformers = torch, transformers

  def with_temperatures(
      self, temperatures: tuple[float, ...]
  ) -> 'TransformersGenerate':
    """The same model on a workload of other samples."""
    other = copy.copy(self)
    other._work = self._work._replace(temperatures=temperatures)
    return other

  def form(self, rows: int) -> Form:
    """Decodes in batches of so many rows."""
    at_once = rows // len(self._work.temperatures)

    def run():
      done = [
          self._batch(self._work.prompts[start : start + at_once])
          for start in range(0, len(self._work.prompts), at_once)
      ]
      return Decoded(
          np.concatenate([batch.tokens_BxT for batch in done]),
          np.concatenate([batch.count_B for batch in done]),
          sum(batch.row_steps for batch in done),
          sum(batch.prompt_tokens for batch in done),
      )

    return run

  def _batch(self, prompts) -> Decoded:
    torch, transformers, work = self._torch, self._transformers, self._work
    width, rows = len(prompts[-1]), len(prompts) * len(work.temperatures)
    ids = torch.full((len(prompts), width), work.tokenizer.pad_id)
    seen = torch.zeros((len(prompts), width), dtype=torch.int64)
    for i, prompt in enumerate(prompts):
      ids[i, width - len(prompt) :] = torch.tensor(prompt)
      seen[i, width - len(prompt) :] = 1
    temperature = torch.tensor(work.temperatures * len(prompts))[:, None]
    # So cold that a draw is greedy.
    temperature = temperature.clamp(min=1e-6)
    sampling = {'do_sample': False}
    if max(work.temperatures) > 0:
      sampling = {
          'do_sample': True, 'temperature': 1.0, 'top_k': 0, 'top_p': 1.0,
          'num_return_sequences': len(work.temperatures),
          'logits_processor': [lambda _, logits: logits / temperature],
      }
    table = torch.from_numpy(work.stops.next_state_SxV.astype(np.int64))
    state = torch.zeros(rows, dtype=torch.int64)

    def stopped(tokens, scores, **_):
      del scores
      state.copy_(table[state, tokens[:, -1]])
      return state == work.stops.stop_state

    with torch.inference_mode():
      out = self._model.generate(
          ids,
          attention_mask=seen,
          max_new_tokens=work.max_new_tokens,
          stopping_criteria=transformers.StoppingCriteriaList([stopped]),
          cache_implementation='static',
          pad_token_id=work.tokenizer.pad_id,
          eos_token_id=None,  # It is in the table.
          **sampling,
      )
    tokens_BxT = out[:, width:].numpy()
    steps = tokens_BxT.shape[1]
    tokens_BxT = np.pad(
        tokens_BxT, ((0, 0), (0, work.max_new_tokens - steps))
    )
    return Decoded(
        tokens_BxT, _useful(tokens_BxT, work.stops), rows * (steps - 1),
        rows * width,
    )


def row_keys(work: Workload) -> jax.Array:
  """A key for each row, `[B]`."""
  index_B = work.prompt_index_B
  return rollout.row_keys(jax.random.key(0), index_B, np.arange(len(index_B)))


def _useful(tokens_BxT, stops):
  """Tokens of each row up to its stop."""
  state_B = np.zeros(len(tokens_BxT), np.int64)
  count_B = np.zeros(len(tokens_BxT), np.int64)
  for token_B in tokens_BxT.T:
    count_B += state_B != stops.stop_state
    state_B = stops.next_state_SxV[state_B, token_B]
  return count_B
