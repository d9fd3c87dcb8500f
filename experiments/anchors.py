"""The anchors of dark experience replay, kept from night to night.

What enters: verified wake traces, verified dreams, and generic text on the
first night; each with z_past, the logits of the weights of that time.
"""

from collections.abc import Sequence
import functools
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from experiments import apparatus as apparatus_lib
from experiments import workdir as workdir_lib
from swm_jax import agreement
from swm_jax import chunked_logits
from swm_jax import consolidate
from swm_jax import global_arrays
from swm_jax import training
from swm_jax import types
from swm_jax.data import batching
from swm_jax.data import replay
from swm_jax.data import trajectory_log
from swm_jax.losses import anchoring
from swm_jax.models import quantised_hidden
from swm_jax.tasks import english

Record = trajectory_log.Record
_TEXT_WINDOW = 128  # tokens


def english_halves() -> tuple[str, str]:
  """Anchored text and evaluated text: no paragraph is in both."""
  paragraphs = english.paragraphs()
  return '\n\n'.join(paragraphs[::2]), '\n\n'.join(paragraphs[1::2])


def text() -> str:
  """Generic text whose logits are anchored, never evaluated."""
  return english_halves()[0]


def update(
    work: workdir_lib.Workdir,
    lab: apparatus_lib.Apparatus,
    params: Any,
    weights: str,
    wake_log: Sequence[Record],
    dreams: Sequence[Record],
    *,
    night: int,
    cfg: ml_collections.ConfigDict,
    seed: int,
) -> list[consolidate.Memory]:
  """Adds what the night verified to the reservoir and returns it.

  z_past of a wake trace was written while it was decoded, as final hidden
  states; on entering, it becomes the largest logits and the rest, with the
  output table of the weights that decoded. A dream was decoded by the dreamer:
  what W_k would have said in its place is computed as it enters, and so is that
  of the generic text on the first night. Nothing is ever refreshed.

  Args:
    work: holds `anchors_NNN`, the reservoir after each night.
    lab: model and tokenizer.
    params: W_k, which decoded the wake log.
    weights: digest of `params`.
    wake_log: verified traces of this night.
    dreams: verified dreams of this night.
    night: counted from 0.
    cfg: of consolidation.
    seed: of the reservoir.

  Raises:
    ValueError: the wake log is of other weights, or without hidden states.
  """
  path = work.path / 'anchors' / f'night_{night:03d}'
  keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), night), 3)
  if agreement.by_first(path.exists):
    reservoir = replay.Reservoir.load(path)
  else:
    if night:
      previous = work.path / 'anchors' / f'night_{night - 1:03d}'
      reservoir = replay.Reservoir.load(previous)
    else:
      reservoir = replay.Reservoir(cfg.anchor_capacity, seed=seed)
      ids = lab.tokenizer.encode(text())[: cfg.anchor_text_tokens]
      windows = batching.text_examples(ids, length=_TEXT_WINDOW)
      for entry in _read_entries(lab, params, windows, cfg, keys[0]):
        reservoir.add({**entry, 'weights': weights})
    answers = [
        batching.Example(e['prompt_tokens'], [e['tokens']], [i])
        for i, e in enumerate(dreams)
    ]
    for entry in (
        *_wake_entries(lab, params, weights, wake_log, cfg, keys[1]),
        *_read_entries(lab, params, answers, cfg, keys[2]),
    ):
      reservoir.add({**entry, 'weights': weights})
    agreement.by_first(lambda: reservoir.save(path))
  return [
      consolidate.Memory(
          problem='',
          prompt=entry['prompt'],
          tokens=entry['tokens'],
          sign=0,
          top_k=trajectory_log.top_k_logits(entry),
      )
      for entry in reservoir.entries
  ]


def _anchor(
    lab, prompt, tokens, top_k: types.TopKLogits
) -> dict[str, Any]:
  """An entry of the reservoir, in the types of the log."""
  index_dtype = trajectory_log.index_dtype(lab.config.vocab_size)
  return {
      'prompt': np.asarray(prompt, np.int32),
      'tokens': np.asarray(tokens, np.int32),
      'top_k': {
          'values': np.asarray(top_k.values, np.float16),
          'indices': np.asarray(top_k.indices, index_dtype),
          'log_rest': np.asarray(top_k.log_rest, np.float32),
      },
  }


def _store(params, hidden_RxMxD, key, config, form, count):
  """What is kept of the distributions that final hidden states stand for."""

  def largest(logits):
    return anchoring.compress(logits, count)

  def sampled(logits, place):
    # A key for each position, so that the parts of a batch change nothing.
    draw = lambda row, i: anchoring.sample(  # noqa: E731
        row, count, jax.random.fold_in(key, i)
    )
    return jax.vmap(jax.vmap(draw))(logits, place)

  if form != 'sampled':
    return chunked_logits.map_logits(largest, params, hidden_RxMxD, config)
  place_RxM = jnp.arange(hidden_RxMxD[..., 0].size).reshape(
      hidden_RxMxD.shape[:2]
  )
  return chunked_logits.map_logits(
      sampled, params, hidden_RxMxD, config, place_RxM
  )


@functools.partial(jax.jit, static_argnames=('config', 'form', 'count'))
def _expand(params, stored, key, config, form, count):
  """The logits `[N, K]` of the weights that wrote hidden states."""
  hidden = quantised_hidden.dequantise(stored)[None]
  kept = _store(params, hidden, key, config, form, count)
  return jax.tree.map(lambda x: x[0], kept)


@functools.partial(jax.jit, static_argnames=('config', 'form', 'count'))
def _read(params, packed, key, config, form, count):
  """The logits `[R, M, K]` at the targets of packed rows."""
  hidden = training.score(params, packed, config).hidden
  return _store(params, hidden, key, config, form, count)


def _wake_entries(
    lab, params, weights: str, wake_log: Sequence[Record], cfg, key
) -> list[dict[str, Any]]:
  """Wake traces with the logits that their hidden states stand for."""
  for entry in wake_log:
    if entry['weights_digest'] != weights:
      raise ValueError(
          f'the wake log was decoded by weights {entry["weights_digest"][:16]},'
          f' and its hidden states say nothing with those of {weights[:16]};'
          ' give the weights that decoded'
      )
  if not wake_log:
    return []
  stored = jax.tree.map(
      lambda *leaves: np.concatenate(leaves),
      *map(trajectory_log.quantised_hidden, wake_log),
  )
  top_k = global_arrays.fetch(_expand(
      params, stored, key, lab.config, cfg.anchor_form, cfg.anchor_top_logits
  ))
  ends = np.cumsum([len(entry['tokens']) for entry in wake_log])
  split = [np.split(x, ends[:-1]) for x in jax.tree.leaves(top_k)]
  return [
      _anchor(lab, e['prompt_tokens'], e['tokens'], types.TopKLogits(*leaves))
      for e, *leaves in zip(wake_log, *split)
  ]


def _read_entries(
    lab, params, examples: Sequence[batching.Example], cfg, key
) -> list[dict[str, Any]]:
  """Examples of one completion each, with the logits of W_k at its tokens."""
  entries = []
  length = max((len(e.prompt) + len(e.completions[0]) for e in examples), default=0)
  length = -(-length // _TEXT_WINDOW) * _TEXT_WINDOW  # Few shapes to compile.
  for i, example in enumerate(examples):
    [packed] = batching.pack(
        [example], rows=1, length=length, targets=length, slots=1
    )
    top_k = global_arrays.fetch(_read(
        params, packed, jax.random.fold_in(key, i), lab.config,
        cfg.anchor_form, cfg.anchor_top_logits,
    ))
    [tokens] = example.completions
    top_k = jax.tree.map(lambda x: x[0, : len(tokens)], top_k)
    entries.append(_anchor(lab, example.prompt, tokens, top_k))
  return entries
