"""What samplers of dreams find, per token: the arithmetic of `dreams`.

A run of a sampler is a list of samples in the order in which they were drawn.
All runs are cut at the same number of decoded tokens. A problem is hard if
neither the wake of the base nor the base at its best temperature, with the
tokens of one run and keys of its own, solved it; the figure of merit is the
number of distinct verified solutions of hard problems per 1,000 tokens, those
spent on problems that turned out not to be hard included.
"""

from collections.abc import Collection, Mapping, Sequence
import dataclasses
from typing import Any

import numpy as np

from swm_jax import types
from swm_jax.evaluation import bootstrap


@dataclasses.dataclass(frozen=True)
class Sample:
  """One dream.

  Attributes:
    problem: id that was answered.
    form: canonical form of the program, or a digest of it.
    status: of the verdict.
    tokens: decoded for it.
  """

  problem: str
  form: str
  status: str
  tokens: int

  def to_json(self) -> list[Any]:
    return list(dataclasses.astuple(self))


def cut(samples: Sequence[Sample], tokens: int) -> list[Sample]:
  """The first samples that together take at most so many tokens.

  Raises:
    ValueError: the run is shorter than that.
  """
  total = np.cumsum([sample.tokens for sample in samples])
  if not len(total) or total[-1] < tokens:
    raise ValueError(
        f'a run has {int(total[-1]) if len(total) else 0} tokens and {tokens}'
        ' are compared; let it dream longer'
    )
  return list(samples[: int(np.searchsorted(total, tokens, side='right'))])


def solved(samples: Sequence[Sample]) -> set[str]:
  """Problems with a verified sample."""
  return {s.problem for s in samples if s.status == types.PASS}


def distinct(
    samples: Sequence[Sample], known: Collection[tuple[str, str]] = ()
) -> dict[str, int]:
  """Distinct verified solutions of each problem.

  Args:
    samples: of a run.
    known: `(problem, form)` that are not counted.
  """
  forms = {
      (s.problem, s.form) for s in samples if s.status == types.PASS
  } - set(known)
  counts: dict[str, int] = {}
  for problem, _ in forms:
    counts[problem] = counts.get(problem, 0) + 1
  return counts


@dataclasses.dataclass(frozen=True)
class Yield:
  """Distinct verified solutions per 1,000 tokens, over seeds.

  Attributes:
    mean: over all seeds.
    low: of the interval, templates resampled.
    high: of the interval.
    by_seed: the same of each seed.
    solutions: distinct ones, summed over seeds.
    problems: solved ones, summed over seeds.
    tokens: summed over seeds.
    draws: the resampled means, for ratios; `[resamples]`.
  """

  mean: float
  low: float
  high: float
  by_seed: tuple[float, ...]
  solutions: int
  problems: int
  tokens: int
  draws: np.ndarray = dataclasses.field(repr=False)

  def to_json(self) -> dict[str, Any]:
    value = dataclasses.asdict(self)
    del value['draws']
    return value


def measure(
    counts: Sequence[Mapping[str, int]],
    tokens: Sequence[int],
    template_of: Mapping[str, str],
    *,
    resamples: int = bootstrap.RESAMPLES,
    seed: int = 0,
) -> Yield:
  """Solutions per 1,000 tokens with an interval.

  Templates are drawn with replacement, the same ones for every seed of the
  sampler and, with one `template_of` and one seed, for every sampler: `draws`
  of two samplers are paired. The tokens are those of the design and stay.

  Args:
    counts: distinct solutions by problem, for each seed of the sampler.
    tokens: decoded by each.
    template_of: cluster of every problem that could have been solved.
    resamples: of the bootstrap.
    seed: of the bootstrap.
  """
  names = sorted(set(template_of.values()))
  clusters = {name: g for g, name in enumerate(names)}
  sums_Gx1 = np.zeros((len(clusters), 1))
  for found in counts:
    for problem, count in found.items():
      sums_Gx1[clusters[template_of[problem]]] += count
  thousands = sum(tokens) / 1000
  share_Gx1 = np.full_like(sums_Gx1, thousands / len(clusters))
  draws = bootstrap.resampled_ratios(sums_Gx1, share_Gx1, resamples, seed)[:, 0]
  low, high = bootstrap.percentile_interval(draws, bootstrap.CONFIDENCE)
  return Yield(
      mean=float(sums_Gx1.sum()) / thousands,
      low=low,
      high=high,
      by_seed=tuple(
          1000 * sum(found.values()) / n for found, n in zip(counts, tokens)
      ),
      solutions=int(sums_Gx1.sum()),
      problems=sum(len(found) for found in counts),
      tokens=sum(tokens),
      draws=draws,
  )


def difference(one: Yield, other: Yield) -> dict[str, float]:
  """`one` minus `other`, paired by template, per 1,000 tokens."""
  low, high = bootstrap.percentile_interval(
      one.draws - other.draws, bootstrap.CONFIDENCE
  )
  return {'mean': one.mean - other.mean, 'low': low, 'high': high}
