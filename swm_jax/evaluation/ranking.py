"""How well a score tells right from wrong: AUROC, and its cluster bootstrap.

The AUROC is the probability that a right sample scores above a wrong one, ties
counted half (Mann and Whitney, 1947; Hanley and McNeil, 1982). Over samples of
many problems it also rewards a score for knowing which problems are easy.
Inside a problem it does not: that is what a learner who compares samples of one
prompt gets from the score.

Templates are resampled, as in `bootstrap`. A resample that draws template g
w_g times has w' A w won pairs of w'p * w'n, where A[g, h] counts the pairs of a
right sample of g and a wrong one of h that are won: nothing is ranked again.
"""

from collections.abc import Hashable, Sequence
import dataclasses

import numpy as np
from scipy import stats

from swm_jax.evaluation import bootstrap


@dataclasses.dataclass(frozen=True)
class Auroc:
  """An AUROC with its percentile interval; NaN where nothing can be compared.

  Attributes:
    value: on the data itself.
    low: lower end.
    high: upper end.
    samples: that entered.
    right: of these.
    problems: that entered; inside problems, those with right and wrong samples.
    clusters: templates resampled.
  """

  value: float
  low: float
  high: float
  samples: int
  right: int
  problems: int
  clusters: int

  def __str__(self) -> str:
    return f'{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]'


def auroc(scores: Sequence[float], right: Sequence[bool]) -> float:
  """Probability that a right sample scores above a wrong one; NaN if none."""
  right_N = np.asarray(right, bool)
  n_right = int(right_N.sum())
  n_wrong = len(right_N) - n_right
  if not n_right or not n_wrong:
    return float('nan')
  ranks_N = stats.rankdata(np.asarray(scores, float))  # Ties share a rank.
  wins = ranks_N[right_N].sum() - n_right * (n_right + 1) / 2
  return float(wins / (n_right * n_wrong))


def across(
    scores: Sequence[float],
    right: Sequence[bool],
    problems: Sequence[Hashable],
    templates: Sequence[Hashable],
    *,
    resamples: int = bootstrap.RESAMPLES,
    confidence: float = bootstrap.CONFIDENCE,
    seed: int = 0,
) -> Auroc:
  """AUROC over the samples of all problems together.

  Args:
    scores: of each sample.
    right: whether it is right.
    problems: that it answers.
    templates: of that problem; resampled whole.
    resamples: number of resamples.
    confidence: of the two-sided interval.
    seed: of the resampling.
  """
  score_N, right_N = np.asarray(scores, float), np.asarray(right, bool)
  group_N, groups = _numbered(templates)
  wins_GxG = np.zeros((groups, groups))
  wrong_W = score_N[~right_N]
  for g in range(groups):
    margin_RxW = score_N[(group_N == g) & right_N][:, None] - wrong_W
    wins_W = (margin_RxW > 0).sum(axis=0) + 0.5 * (margin_RxW == 0).sum(axis=0)
    wins_GxG[g] = np.bincount(group_N[~right_N], wins_W, groups)
  n_right_G = np.bincount(group_N, right_N, groups)
  n_wrong_G = np.bincount(group_N, ~right_N, groups)
  rng = np.random.default_rng(seed)
  weights_RxG = rng.multinomial(
      groups, np.full(groups, 1.0 / groups), size=resamples
  ).astype(float)
  won_R = ((weights_RxG @ wins_GxG) * weights_RxG).sum(axis=1)
  with np.errstate(invalid='ignore', divide='ignore'):
    draws_R = won_R / (
        (weights_RxG @ n_right_G) * (weights_RxG @ n_wrong_G)
    )
  return Auroc(
      auroc(score_N, right_N), *_interval(draws_R, confidence),
      samples=len(score_N), right=int(right_N.sum()),
      problems=len(set(problems)), clusters=groups,
  )


def within(
    scores: Sequence[float],
    right: Sequence[bool],
    problems: Sequence[Hashable],
    templates: Sequence[Hashable],
    *,
    resamples: int = bootstrap.RESAMPLES,
    confidence: float = bootstrap.CONFIDENCE,
    seed: int = 0,
) -> Auroc:
  """Mean over problems of the AUROC among the samples of one problem.

  Only problems with right and wrong samples enter. Arguments as `across`.
  """
  score_N, right_N = np.asarray(scores, float), np.asarray(right, bool)
  problem_N, count = _numbered(problems)
  values, kept, homes = [], np.zeros(len(score_N), bool), []
  for p in range(count):
    rows = np.flatnonzero(problem_N == p)
    value = auroc(score_N[rows], right_N[rows])
    if not np.isnan(value):
      values.append(value)
      kept[rows] = True
      homes.append(templates[rows[0]])
  group_P, groups = _numbered(homes)
  if not values:
    nan = float('nan')
    return Auroc(nan, nan, nan, 0, 0, 0, 0)
  draws_R = bootstrap.resampled_ratios(
      np.bincount(group_P, values, groups)[:, None],
      np.bincount(group_P, minlength=groups).astype(float)[:, None],
      resamples, seed,
  )[:, 0]
  return Auroc(
      float(np.mean(values)), *_interval(draws_R, confidence),
      samples=int(kept.sum()), right=int(right_N[kept].sum()),
      problems=len(values), clusters=groups,
  )


def _numbered(labels: Sequence[Hashable]) -> tuple[np.ndarray, int]:
  """Numbers labels in sorted order, so that row order changes no interval."""
  number = {label: i for i, label in enumerate(sorted(set(labels)))}
  return np.array([number[label] for label in labels], int), len(number)


def _interval(draws: np.ndarray, confidence: float) -> tuple[float, float]:
  """Percentiles of the resamples that had a pair to compare."""
  draws = draws[~np.isnan(draws)]
  if not len(draws):
    return float('nan'), float('nan')
  return bootstrap.percentile_interval(draws, confidence)
