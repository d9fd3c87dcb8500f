"""Paired cluster bootstrap over templates.

Problems of one template are one function with other constants: they are solved
or missed together, and resampling them one by one gives intervals that are too
narrow. Here whole templates are drawn with replacement, with every problem and
every sample they hold, and the same draw is applied to dusk and to the morning,
so that what makes a problem hard cancels in the difference.

A resample is a vector of template multiplicities; every mean of every resample
is then one matrix product, and 10,000 resamples of 300 problems take a fraction
of a second. `scipy.stats.bootstrap` resamples rows, and would gather an array
of resamples x templates x settings to do the same.

References:
  Efron and Tibshirani, An introduction to the bootstrap, 1993, chapter 13
  (percentile interval); Cameron, Gelbach and Miller, Bootstrap-based
  improvements for inference with clustered errors, 2008 (pairs cluster).
"""

from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np

from swm_jax.evaluation import pass_at_k
from swm_jax.evaluation import results

RESAMPLES = 10_000
CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Estimate:
  """A mean or a difference of means with its percentile interval.

  Attributes:
    mean: on the data itself, not the mean of the resamples.
    low: lower end of the interval.
    high: upper end.
    problems: that entered; problems without enough unmasked samples do not.
    dropped: problems that did not.
    clusters: templates resampled.
    resamples: number of resamples.
    confidence: of the interval, two-sided.
    seed: of the resampling.
    k: of pass@k.
  """

  mean: float
  low: float
  high: float
  problems: int
  dropped: int
  clusters: int
  resamples: int
  confidence: float
  seed: int
  k: int = 1

  def to_json(self) -> dict[str, Any]:
    return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class BestDifference(Estimate):
  """Morning at its best setting minus dusk at its best setting.

  Attributes:
    dusk_setting: setting that wins on dusk's data.
    morning_setting: setting that wins on the morning's data.
    dusk_mean: dusk's pass@k there.
    morning_mean: the morning's pass@k there.
    dusk_choice: share of the resamples in which each setting was dusk's best.
    morning_choice: the same of the morning.
    bias: mean of the resampled differences minus `mean`, see
      `best_difference`.
  """

  dusk_setting: str = ''
  morning_setting: str = ''
  dusk_mean: float = float('nan')
  morning_mean: float = float('nan')
  dusk_choice: dict[str, float] = dataclasses.field(default_factory=dict)
  morning_choice: dict[str, float] = dataclasses.field(default_factory=dict)
  bias: float = 0.0


def interval(
    result: results.SetResults,
    setting: str,
    *,
    k: int = 1,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Estimate:
  """Mean pass@k of one set at one setting, with its interval."""
  table = _Table([result], [setting], k)
  draws = table.resample(resamples, seed)[:, 0]
  return _estimate(Estimate, table, table.means[0], draws, confidence, seed)


def difference(
    dusk: results.SetResults,
    morning: results.SetResults,
    setting: str,
    *,
    k: int = 1,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Estimate:
  """Morning minus dusk at the same setting, paired by problem.

  A problem that lacks k unmasked samples on one side is dropped on both.

  Raises:
    ValueError: if the two do not hold the same problems, or no problem is left.
  """
  table = _Table([dusk, morning], [setting], k)
  draws = table.resample(resamples, seed)
  mean = table.means[1] - table.means[0]
  draws = draws[:, 1] - draws[:, 0]
  return _estimate(Estimate, table, mean, draws, confidence, seed)


def best_difference(
    dusk: results.SetResults,
    morning: results.SetResults,
    settings: Sequence[str] | None = None,
    *,
    k: int = 1,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> BestDifference:
  """Morning at its best setting minus dusk at its own best setting.

  The best setting is chosen again inside every resample, for dusk and for the
  morning separately, so that the interval carries the uncertainty of the
  choice. Fixing it from the full data would pretend that it was known before.

  The bias: the largest of several noisy means is too large on average, for
  dusk as for the morning, and the more so the closer the settings lie. Both
  sides choose from the same settings on the same problems, so most of it
  cancels; what is left has the sign of the side whose settings lie closer
  together. Sharpening brings the morning's settings together, and so leans,
  by a fraction of the standard error, towards the morning. Resampling repeats
  the choice on noisier data: `bias` (mean of resamples minus estimate) shows
  the size of the effect, and the interval is not shifted by it. A measurement
  without it needs a second set of samples at the setting chosen on the first.

  Args:
    dusk: results of the untouched weights.
    morning: results of the night's weights, same problems.
    settings: to choose from; None takes every setting of both sets that has at
      least k samples.
    k: of pass@k.
    resamples: number of resamples.
    confidence: of the two-sided percentile interval.
    seed: of the resampling; same seed, same interval, whatever the row order.

  Raises:
    ValueError: if the two do not hold the same problems, or no setting or no
      problem is left.
  """
  if settings is None:
    # Sorted, so that ties do not depend on the order of a mapping.
    settings = [
        s for s in sorted(dusk.settings)
        if s in morning.passed
        and min(dusk.passed[s].shape[1], morning.passed[s].shape[1]) >= k
    ]
  if not settings:
    raise ValueError(
        f'sets {dusk.name!r} and {morning.name!r} share no setting with at'
        f' least {k=} samples'
    )
  table = _Table([dusk, morning], settings, k)
  num = len(settings)
  draws = table.resample(resamples, seed)
  dusk_RxS, morning_RxS = draws[:, :num], draws[:, num:]
  dusk_means, morning_means = table.means[:num], table.means[num:]
  draws = morning_RxS.max(axis=1) - dusk_RxS.max(axis=1)
  mean = morning_means.max() - dusk_means.max()
  return _estimate(
      BestDifference,
      table,
      mean,
      draws,
      confidence,
      seed,
      dusk_setting=settings[int(dusk_means.argmax())],
      morning_setting=settings[int(morning_means.argmax())],
      dusk_mean=float(dusk_means.max()),
      morning_mean=float(morning_means.max()),
      dusk_choice=_choices(dusk_RxS, settings),
      morning_choice=_choices(morning_RxS, settings),
      bias=float(draws.mean() - mean),
  )


def resampled_ratios(
    numerator_GxS: np.ndarray,
    denominator_GxS: np.ndarray,
    resamples: int,
    seed: int,
) -> np.ndarray:
  """Sum of numerators over sum of denominators in every resample.

  Args:
    numerator_GxS: sum of the quantity in each of G clusters, S columns.
    denominator_GxS: what it is divided by (problems, tokens), same shape.
    resamples: R.
    seed: of the resampling.

  Returns:
    float64 `[R, S]`. A column without any weight in a resample gives NaN.
  """
  clusters = len(numerator_GxS)
  rng = np.random.default_rng(seed)
  weights_RxG = rng.multinomial(
      clusters, np.full(clusters, 1.0 / clusters), size=resamples
  ).astype(np.float64)
  with np.errstate(invalid='ignore', divide='ignore'):
    return (weights_RxG @ numerator_GxS) / (weights_RxG @ denominator_GxS)


def percentile_interval(
    draws: np.ndarray, confidence: float
) -> tuple[float, float]:
  """Returns the central interval of the resampled statistics."""
  if not 0.0 < confidence < 1.0:
    raise ValueError(f'{confidence=} must lie between 0 and 1')
  tail = 50.0 * (1.0 - confidence)
  low, high = np.percentile(draws, [tail, 100.0 - tail])
  return float(low), float(high)


class _Table:
  """Per-template sums of pass@k; a column per (set, setting), set by set."""

  def __init__(
      self, sets: Sequence[results.SetResults], settings: Sequence[str], k: int
  ):
    first = sets[0]
    # Sorted by id, so that neither sums nor intervals see the row order.
    ids = sorted(first.ids)
    columns = []
    for result in sets:
      row = {problem_id: i for i, problem_id in enumerate(result.ids)}
      if row.keys() != set(ids):
        raise ValueError(
            f'{first.name!r} and {result.name!r} differ in'
            f' {len(row.keys() ^ set(ids))} problems; a paired comparison'
            ' needs the same problems on both sides'
        )
      order = [row[problem_id] for problem_id in ids]
      for setting in settings:
        columns.append(pass_at_k.per_problem(result, setting, k)[order])
    values_PxS = np.stack(columns, axis=1)
    defined = ~np.isnan(values_PxS).any(axis=1)
    if not defined.any():
      raise ValueError(
          f'set {first.name!r} has no problem with {k=} unmasked samples at'
          f' every one of the settings {list(settings)}'
      )
    row = {problem_id: i for i, problem_id in enumerate(first.ids)}
    # Template names are unique inside a type only.
    keys = [(first.types[row[i]], first.templates[row[i]]) for i in ids]
    keys = [key for key, used in zip(keys, defined) if used]
    values_PxS = values_PxS[defined]
    cluster = {key: g for g, key in enumerate(sorted(set(keys)))}
    index = np.array([cluster[key] for key in keys])
    self._sums_GxS = np.zeros((len(cluster), values_PxS.shape[1]))
    np.add.at(self._sums_GxS, index, values_PxS)
    self._sizes_Gx1 = np.bincount(index, minlength=len(cluster)).astype(
        np.float64
    )[:, None]
    self.means = self._sums_GxS.sum(axis=0) / self._sizes_Gx1.sum()
    self.problems = len(keys)
    self.dropped = len(ids) - len(keys)
    self.clusters = len(cluster)
    self.k = k

  def resample(self, resamples: int, seed: int) -> np.ndarray:
    return resampled_ratios(self._sums_GxS, self._sizes_Gx1, resamples, seed)


def _estimate(cls, table, mean, draws, confidence, seed, **fields):
  low, high = percentile_interval(draws, confidence)
  return cls(
      mean=float(mean),
      low=low,
      high=high,
      problems=table.problems,
      dropped=table.dropped,
      clusters=table.clusters,
      resamples=len(draws),
      confidence=confidence,
      seed=seed,
      k=table.k,
      **fields,
  )


def _choices(means_RxS, settings):
  best = np.bincount(means_RxS.argmax(axis=1), minlength=len(settings))
  return {s: float(n) / len(means_RxS) for s, n in zip(settings, best)}
