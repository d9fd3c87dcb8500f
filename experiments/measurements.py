"""What a night measures besides pass@1: drift, energies, what z_past lost."""

from collections.abc import Mapping, Sequence
import functools
from typing import Any

import jax
from jax import numpy as jnp
import ml_collections
import numpy as np

from experiments import apparatus as apparatus_lib
from experiments import workdir as workdir_lib
from swm_jax import consolidate
from swm_jax import morning
from swm_jax import training
from swm_jax import types
from swm_jax.data import batching
from swm_jax.data import replay
from swm_jax.data import trajectory_log
from swm_jax.evaluation import drift as drift_lib
from swm_jax.losses import anchoring
from swm_jax.models import quantised_hidden
from swm_jax.models import transformer
from swm_jax.tasks import english

Record = trajectory_log.Record
_TEXT_WINDOW = 128  # tokens
_BATCH_TOKENS = 1024


def _english_halves() -> tuple[str, str]:
  """Anchored text and evaluated text: no paragraph is in both."""
  paragraphs = english.paragraphs()
  return '\n\n'.join(paragraphs[::2]), '\n\n'.join(paragraphs[1::2])


def anchor_text() -> str:
  """Generic text whose logits are anchored, never evaluated."""
  return _english_halves()[0]


def anchors(
    work: workdir_lib.Workdir,
    lab: apparatus_lib.Apparatus,
    params: Any,
    weights: str,
    wake_log: Sequence[Record],
    *,
    night: int,
    cfg: ml_collections.ConfigDict,
    seed: int,
) -> list[consolidate.Memory]:
  """Adds the night's verified wake traces to the reservoir and returns it.

  z_past of a wake trace was written while it was decoded, as final hidden
  states; on entering, it becomes the largest logits and the rest, with the
  output table of the weights that decoded. That of the generic text is computed
  on the first night. Neither is ever refreshed.

  Args:
    work: holds `anchors_NNN`, the reservoir after each night.
    lab: model and tokenizer.
    params: W_k, which decoded the wake log.
    weights: digest of `params`.
    wake_log: of this night.
    night: counted from 0.
    cfg: of consolidation.
    seed: of the reservoir.

  Raises:
    ValueError: the wake log is of other weights, or without hidden states.
  """
  path = work.path / 'anchors' / f'night_{night:03d}'
  if path.exists():
    reservoir = replay.Reservoir.load(path)
  else:
    if night:
      previous = work.path / 'anchors' / f'night_{night - 1:03d}'
      reservoir = replay.Reservoir.load(previous)
    else:
      reservoir = replay.Reservoir(cfg.anchor_capacity, seed=seed)
      for entry in _text_entries(lab, params, cfg):
        reservoir.add({**entry, 'weights': weights})
    passed = [e for e in wake_log if e['verdict']['status'] == types.PASS]
    for entry in _wake_entries(lab, params, weights, passed, cfg):
      reservoir.add({**entry, 'weights': weights})
    reservoir.save(path)
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


@functools.partial(jax.jit, static_argnames=('config', 'top_logits'))
def _expand(params, stored, config, top_logits):
  """The largest logits `[N, K]` of the weights that wrote hidden states."""
  top_k = training.map_logits(
      lambda logits: anchoring.compress(logits, top_logits),
      params, quantised_hidden.dequantise(stored)[None], config,
  )
  return jax.tree.map(lambda x: x[0], top_k)


def _wake_entries(
    lab, params, weights: str, wake_log: Sequence[Record], cfg
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
  top_k = _expand(params, stored, lab.config, cfg.anchor_top_logits)
  ends = np.cumsum([len(entry['tokens']) for entry in wake_log])
  split = [np.split(np.asarray(x), ends[:-1]) for x in jax.tree.leaves(top_k)]
  return [
      _anchor(lab, e['prompt_tokens'], e['tokens'], types.TopKLogits(*leaves))
      for e, *leaves in zip(wake_log, *split)
  ]


def _text_entries(lab, params, cfg) -> list[dict[str, Any]]:
  """Windows of the anchor text with the logits of the first night's weights."""
  ids = lab.tokenizer.encode(anchor_text())[: cfg.anchor_text_tokens]
  examples = batching.text_examples(ids, length=_TEXT_WINDOW)
  entries = []
  for example in examples:
    [packed] = batching.pack(
        [example], rows=1, length=_TEXT_WINDOW, targets=_TEXT_WINDOW, slots=1
    )
    _, top_k = training.score_batch(
        params, packed, lab.config, cfg.anchor_top_logits
    )
    [tokens] = example.completions
    top_k = jax.tree.map(lambda x: x[0, : len(tokens)], top_k)
    entries.append(_anchor(lab, example.prompt, tokens, top_k))
  return entries


def drift(
    cfg: ml_collections.ConfigDict,
    lab: apparatus_lib.Apparatus,
    base: Any,
    tuned: Any,
) -> dict[str, Any]:
  """KL(base||tuned) and perplexity on held-out solutions and on English."""
  hidden_fn, logits_fn = drift_lib.transformer_functions(lab.config)
  limit = cfg.evaluation.drift_tokens
  examples, clusters, tokens = [], {}, 0
  problems = lab.sets['held_out'].problems
  # Every third problem first: constants of one template say little more.
  for problem in [*problems[::3], *problems[1::3], *problems[2::3]]:
    _, _, body = problem.reference.partition(':\n')
    completion = lab.tokenizer.encode(problem.prompt + '\n' + body)
    prompt = lab.tokenizer.encode(problem.prompt)
    if completion[: len(prompt)] != prompt or tokens > limit:
      continue
    completion = completion[len(prompt):]
    clusters[len(examples)] = f'{problem.type}/{problem.template}'
    examples.append(batching.Example(prompt, [completion], [len(examples)]))
    tokens += len(completion)
  shape = batching.choose_shape(
      examples, tokens_per_batch=_BATCH_TOKENS, max_length=384
  )
  text = lab.tokenizer.encode(_english_halves()[1])[:limit]
  measure = functools.partial(
      drift_lib.measure, hidden_fn, logits_fn, base, tuned, seed=cfg.seed
  )
  return {
      'code': measure(
          batching.pack(
              examples, rows=shape.rows, length=shape.length,
              targets=shape.targets, slots=shape.slots,
          ),
          clusters=clusters,
      ).to_json(),
      'english': measure(
          batching.pack_text(text, rows=8, length=_TEXT_WINDOW)
      ).to_json(),
  }


def energies(
    cfg: ml_collections.ConfigDict,
    lab: apparatus_lib.Apparatus,
    base: Any,
    tuned: Any,
    memories: Sequence[consolidate.Memory],
) -> dict[str, Any]:
  """E_W and probability of x+ and x-, before and after the night.

  The mass is the sum over a problem's listed answers of p(y|x), averaged over
  problems: what the night added to x+ and took from x- (pruning).
  """
  limit = cfg.evaluation.energy_trajectories
  chosen = []
  for sign in (+1, -1):
    signed = [memory for memory in memories if memory.sign == sign]
    count = min(limit, len(signed))
    chosen += [signed[i * len(signed) // count] for i in range(count)]
  kind = cfg.consolidate.energy
  # The scalar head lives and dies with a night's training.
  kind = 'nll' if kind == 'head' else kind

  def value_fn(scores, batch):
    return {'energy': consolidate.trajectory_energy(
        scores, batch, batch.target_mask, kind=kind
    )}

  out: dict[str, Any] = {'kind': kind}
  for time, params in (('dusk', base), ('morning', tuned)):
    values = morning.trajectory_values(
        params, lab.config,
        [memory.prompt for memory in chosen],
        [memory.tokens for memory in chosen],
        value_fn,
        return_lse=kind == 'hopfield',
        tokens_per_batch=_BATCH_TOKENS,
        max_length=384,
    )
    for sign, name in ((+1, 'x_plus'), (-1, 'x_minus')):
      rows = [i for i, memory in enumerate(chosen) if memory.sign == sign]
      mass: dict[str, float] = {}
      for i in rows:
        problem = chosen[i].problem
        mass[problem] = mass.get(problem, 0.0) + float(
            np.exp(values['log_prob'][i])
        )
      out.setdefault(name, {})[time] = {
          'energy': [round(float(values['energy'][i]), 5) for i in rows],
          'mass': float(np.mean(list(mass.values()))) if mass else 0.0,
          'problems': len(mass),
          'trajectories': len(rows),
      }
  return out


@functools.partial(jax.jit, static_argnames='config')
def _lost(params, packed, top_k, hidden, config):
  """Nats `[R, M]` lost by the hidden states and by the largest logits."""
  scores = training.score(params, packed, config)

  def lost(logits, top_k, hidden):
    read = quantised_hidden.logits(params, hidden, config)
    return {
        'kl': anchoring.dense_kl(logits, read),
        'kl_top_k': anchoring.kl_to_dense(top_k, logits),
    }

  return training.map_logits(
      lost, params, scores.hidden, config, top_k, hidden
  )


def z_past(
    lab: apparatus_lib.Apparatus,
    params: Any,
    wake_log: Sequence[Record],
    trajectories: int = 128,
) -> dict[str, Any]:
  """Bytes of z_past per token, and how far it is from the dense logits.

  Args:
    lab: the model.
    params: W_k, which decoded the wake log.
    wake_log: of this night.
    trajectories: about so many are measured.

  Returns:
    `kl` is that of the distribution which the hidden states give back, nats per
    token; `kl_top_k` that of the largest logits with the rest spread evenly.
  """
  stride = max(1, len(wake_log) // trajectories)
  entries = [e for e in wake_log[::stride] if len(e['tokens'])]
  examples = [
      batching.Example(e['prompt_tokens'], [e['tokens']], [i])
      for i, e in enumerate(entries)
  ]
  shape = batching.choose_shape(
      examples, tokens_per_batch=_BATCH_TOKENS, max_length=384
  )
  stored = {
      i: (trajectory_log.top_k_logits(e), trajectory_log.quantised_hidden(e))
      for i, e in enumerate(entries)
  }
  lost, tokens = {'kl': 0.0, 'kl_top_k': 0.0}, 0
  for packed in batching.pack(
      examples, rows=shape.rows, length=shape.length, targets=shape.targets,
      slots=shape.slots,
  ):
    top_k, hidden = batching.per_target(stored, packed)
    top_k = top_k.replace(indices=np.where(
        packed.target_mask[..., None], top_k.indices,
        np.arange(top_k.indices.shape[-1]),
    ))
    kl = _lost(params, packed, top_k, hidden, lab.config)
    for name, kl_RxM in kl.items():
      lost[name] += float(jnp.where(packed.target_mask, kl_RxM, 0.0).sum())
    tokens += int(packed.target_mask.sum())
  size = sum(
      array.nbytes
      for e in entries for part in ('top_k', 'hidden')
      for array in e[part].values()
  ) / tokens
  dense = 4 * lab.config.vocab_size
  return {
      'bytes_per_token': size,
      'share_of_dense': size / dense,
      **{name: total / tokens for name, total in lost.items()},
      'top_logits': entries[0]['top_k']['values'].shape[1],
      'tokens': tokens,
  }
