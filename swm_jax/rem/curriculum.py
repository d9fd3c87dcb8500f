"""Which problems a round dreams of."""

from collections.abc import Mapping, Sequence

import numpy as np

from swm_jax import types
from swm_jax.rem import options as options_lib


def choose_prompts(
    problems: Sequence[types.Problem],
    counts: Mapping[str, tuple[int, int]],
    options: options_lib.Options,
    rng: np.random.Generator,
) -> list[types.Problem]:
  """Draws a round's problems without replacement, rarely solved ones first.

  The weight is 1 - p with p = (passed + 1) / (tried + 2), the posterior mean
  under a uniform prior, so that a problem tried in vain for long keeps a
  chance and a solved one fades.

  Args:
    problems: of the day.
    counts: `(passed, tried)` by problem id.
    options: see `Options`.
    rng: of the draw.
  """
  rate = np.array([
      counts[p.id][0] / max(counts[p.id][1], 1) for p in problems
  ])
  weight = np.array([
      1.0 - (counts[p.id][0] + 1) / (counts[p.id][1] + 2) for p in problems
  ])
  weight = np.where(rate > options.max_pass_rate, 0.0, weight)
  size = min(options.prompts, int((weight > 0).sum()))
  if not size:
    return []
  drawn = rng.choice(
      len(problems), size=size, replace=False, p=weight / weight.sum()
  )
  return [problems[i] for i in drawn]
