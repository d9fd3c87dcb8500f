"""What a night did to the energies and the probability of its own x+ and x-.

The contrast is meant to prune: to take probability from x- that cross-entropy
on x+ alone would leave, or would raise along with x+, since both are answers to
one prompt. A run that learns more moves both further; so beside both changes
stands `spill`, the nats of log p(x-) that came with each nat of log p(x+). Two
runs compared at equal gain are two spills.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from swm_jax import consolidate
from swm_jax import morning
from swm_jax.evaluation import basin
from swm_jax.models import transformer

ENERGIES = ('nll', 'hopfield')
SIGNS = {'x_plus': +1, 'x_minus': -1}
_BATCH_TOKENS = 1024
_MAX_LENGTH = 384

Scores = Mapping[str, np.ndarray]


def score(
    params: transformer.Params,
    config: transformer.TransformerConfig,
    memories: Sequence[consolidate.Memory],
) -> Scores:
  """`log_prob` (summed, nats) and each of `ENERGIES` of every memory."""

  def values(scores, batch):
    return {
        kind: consolidate.trajectory_energy(
            scores, batch, batch.target_mask, kind=kind
        )
        for kind in ENERGIES
    }

  return morning.trajectory_values(
      params, config,
      [memory.prompt for memory in memories],
      [memory.tokens for memory in memories],
      values,
      return_lse=True,
      tokens_per_batch=_BATCH_TOKENS,
      max_length=_MAX_LENGTH,
  )


def energies(
    memories: Sequence[consolidate.Memory],
    templates: Sequence[str],
    before: Scores,
    after: Scores,
    *,
    seed: int,
) -> dict[str, Any]:
  """E_W over x+ and x-: every value, means, and how far apart the two are.

  Args:
    memories: x+ and x-.
    templates: of each memory.
    before: scores under W_k.
    after: scores under W'.
    seed: of the intervals.

  Returns:
    By kind of energy: under each sign the values `before` and `after`, and the
    mean `change`; and `gap`, the change of mean E(x-) - E(x+).
  """
  out: dict[str, Any] = {}
  signs = np.array([memory.sign for memory in memories])
  for kind in ENERGIES:
    change = after[kind] - before[kind]
    rows = _by_sign(signs, templates, change, seed)
    out[kind] = {
        name: {
            'before': before[kind][signs == sign].tolist(),
            'after': after[kind][signs == sign].tolist(),
            'change': basin.interval(rows[name]),
        }
        for name, sign in SIGNS.items()
    }
    out[kind]['gap'] = basin.interval(rows['x_minus'] - rows['x_plus'])
  return out


def pruning(
    memories: Sequence[consolidate.Memory],
    templates: Sequence[str],
    before: Scores,
    after: Mapping[str, Scores],
    *,
    seed: int,
) -> dict[str, Any]:
  """Changes of log-probability and of probability mass, run by run.

  Args:
    memories: x+ and x-.
    templates: of each memory; intervals resample these.
    before: scores under W_k.
    after: scores under the weights of each run.
    seed: of the intervals.

  Returns:
    For each run the mean changes `x_plus` and `x_minus` of log p, nats;
    `margin`, the first minus the second; `spill`, the second over the first;
    `mass_plus` and `mass_minus`, the mean change over problems of the
    probability of all listed answers together. With two runs also
    `difference`, the first minus the second in each of these.
  """
  signs = np.array([memory.sign for memory in memories])
  rows = {
      name: _measures(
          signs, [memory.problem for memory in memories], templates,
          before['log_prob'], scores['log_prob'], seed,
      )
      for name, scores in after.items()
  }
  out: dict[str, Any] = {
      'trajectories': {
          name: int((signs == sign).sum()) for name, sign in SIGNS.items()
      },
      'problems': len({memory.problem for memory in memories}),
      'templates': len(set(templates)),
      'runs': {
          name: {key: basin.interval(row) for key, row in measures.items()}
          for name, measures in rows.items()
      },
  }
  if len(rows) == 2:
    first, second = rows.values()
    out['difference'] = {
        key: basin.interval(first[key] - second[key]) for key in first
    }
  return out


def _by_sign(signs, templates, values, seed):
  """Rows of `basin.resample` of the mean over x+ and over x-."""
  weight_Px2 = np.stack([signs == sign for sign in SIGNS.values()], axis=1)
  rows = basin.resample(
      templates, weight_Px2 * values[:, None], weight_Px2, seed=seed
  )
  return dict(zip(SIGNS, rows.T))


def _measures(signs, problems, templates, before, after, seed):
  """Every statistic of one run, as rows of `basin.resample`."""
  change = _by_sign(signs, templates, after - before, seed)
  measures = dict(change)
  measures['margin'] = change['x_plus'] - change['x_minus']
  with np.errstate(invalid='ignore', divide='ignore'):
    measures['spill'] = change['x_minus'] / change['x_plus']
  listed: dict[tuple[str, int], int] = {}
  for key in zip(problems, signs):
    listed[key] = listed.get(key, 0) + 1
  share_P = np.array([1 / listed[key] for key in zip(problems, signs)])
  weight_Px2 = np.stack([signs == sign for sign in SIGNS.values()], axis=1)
  mass_P = np.exp(after) - np.exp(before)
  rows = basin.resample(
      templates, weight_Px2 * mass_P[:, None], weight_Px2 * share_P[:, None],
      seed=seed,
  )
  measures['mass_plus'], measures['mass_minus'] = rows.T
  return measures
