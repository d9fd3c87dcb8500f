"""What a night measures besides pass@1: drift, energies, what z_past lost."""

from collections.abc import Sequence
import functools
from typing import Any

import jax
from jax import numpy as jnp
import ml_collections
import numpy as np

from experiments import anchors
from experiments import apparatus as apparatus_lib
from swm_jax import chunked_logits
from swm_jax import consolidate
from swm_jax import global_arrays
from swm_jax import morning
from swm_jax import snapshots
from swm_jax import training
from swm_jax.data import batching
from swm_jax.data import trajectory_log
from swm_jax.evaluation import drift as drift_lib
from swm_jax.losses import anchoring
from swm_jax.models import quantised_hidden

Record = trajectory_log.Record
_TEXT_WINDOW = 128  # tokens
_BATCH_TOKENS = 1024


def beside(
    cfg: ml_collections.ConfigDict,
    lab: apparatus_lib.Apparatus,
    base: Any,
    tuned: Any,
    memories: Sequence[consolidate.Memory],
    wake_log: Sequence[Record],
) -> dict[str, Any]:
  """Everything of this module, for one night.

  Args:
    cfg: of the night.
    lab: holds the initial weights.
    base: W_k.
    tuned: W'.
    memories: that were consolidated.
    wake_log: of the night.
  """
  moved = drift(cfg, lab, base, tuned)
  first = snapshots.digest(base) == snapshots.digest(lab.params)
  return {
      'drift': moved,
      'drift_from_initial': (
          moved if first else drift(cfg, lab, lab.params, tuned)
      ),
      'energies': energies(cfg, lab, base, tuned, memories),
      'z_past': z_past(lab, base, wake_log),
  }


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
    solved = problem.prompt + problem.reference_completion
    completion = lab.tokenizer.encode(solved)
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
  text = lab.tokenizer.encode(anchors.english_halves()[1])[:limit]
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

  return chunked_logits.map_logits(
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
    kl = global_arrays.fetch(_lost(params, packed, top_k, hidden, lab.config))
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
