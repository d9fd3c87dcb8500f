"""What a run of several nights forgot: the matrix, and numbers drawn from it.

A row is what was measured: the untouched weights, then each morning. A column
is a problem type, or the types of one night together. Averages over nights are
those of Lopez-Paz and Ranzato, with each night as a task, T nights and R_k,j
the accuracy after night k on the types of night j:

  accuracy           mean over j of R_T,j
  gain               accuracy minus the same mean of the untouched weights
  backward transfer  mean over j < T of R_T,j - R_j,j; below 0 is forgetting
  forward transfer   mean over j > 1 of R_j-1,j - R_0,j, row 0 the untouched

Intervals resample templates inside each type, so that no type can vanish from
a resample; all rows, and all arms of one seed, share the draws and are so
compared in pairs. `best` is the largest of the settings' means, chosen anew in
each resample, for every row and column by itself.

References:
  Lopez-Paz and Ranzato, Gradient episodic memory for continual learning, 2017,
  https://arxiv.org/abs/1706.08840
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import json
import pathlib
from typing import Any

import numpy as np

from swm_jax.evaluation import bootstrap
from swm_jax.evaluation import pass_at_k
from swm_jax.evaluation import results as results_lib

BEST, GREEDY = 'best', 'greedy'
AVERAGES = ('accuracy', 'gain', 'backward', 'forward')
Results = results_lib.SetResults


@dataclasses.dataclass(frozen=True)
class Matrix:
  """Held-out results of all rows of one run.

  Attributes:
    rows: results of the untouched weights and of each morning, same problems.
    nights: types that each night saw.
    resamples: of the bootstrap.
    seed: of it.
  """

  rows: Sequence[Results]
  nights: Sequence[Sequence[str]]
  resamples: int = 2_000
  seed: int = 0

  def __post_init__(self):
    if len(self.rows) != len(self.nights) + 1:
      raise ValueError(
          f'{len(self.nights)} nights need {len(self.nights) + 1} rows, got'
          f' {len(self.rows)}'
      )

  @property
  def types(self) -> list[str]:
    return list(dict.fromkeys(self.rows[0].types))

  @functools.cached_property
  def _by_type(self) -> dict[str, tuple[np.ndarray, np.ndarray, int]]:
    """Means `[R, S]`, resampled means `[B, R, S]` and problems of each type."""
    settings = self.rows[0].settings
    out = {}
    for index, kind in enumerate(self.types):
      parts = [row.by_type()[kind] for row in self.rows]
      ids = sorted(parts[0].ids)
      if any(sorted(part.ids) != ids for part in parts):
        raise ValueError(f'the rows differ in their problems of type {kind}')
      templates = dict(zip(parts[0].ids, parts[0].templates))
      clusters = sorted(set(templates.values()))
      place = np.array([clusters.index(templates[i]) for i in ids])
      columns = []
      for part in parts:
        order = [list(part.ids).index(i) for i in ids]
        columns += [
            pass_at_k.per_problem(part, setting)[order] for setting in settings
        ]
      values_PxC = np.stack(columns, axis=1)
      # What the verifier failed on is dropped in every row and setting.
      defined = ~np.isnan(values_PxC).any(axis=1)
      if not defined.any():
        raise ValueError(f'type {kind} has no problem that was judged')
      values_PxC, place = values_PxC[defined], place[defined]
      sums_GxC = np.zeros((len(clusters), values_PxC.shape[1]))
      np.add.at(sums_GxC, place, values_PxC)
      sizes_Gx1 = np.bincount(place, minlength=len(clusters))[:, None]
      filled = sizes_Gx1[:, 0] > 0
      draws = bootstrap.resampled_ratios(
          sums_GxC[filled], np.broadcast_to(
              sizes_Gx1[filled].astype(float), sums_GxC[filled].shape
          ), self.resamples, self.seed + index,
      )
      shape = len(self.rows), len(settings)
      out[kind] = (
          values_PxC.mean(axis=0).reshape(shape),
          draws.reshape(-1, *shape), int(defined.sum()),
      )
    return out

  def accuracy(
      self, types: Sequence[str], setting: str
  ) -> tuple[np.ndarray, np.ndarray, int]:
    """pass@1 of every row on some types.

    Args:
      types: of which every problem counts once.
      setting: `greedy`, another setting of the results, or `best`.

    Returns:
      Means `[R]`, resampled means `[B, R]`, and the number of problems.
    """
    parts = [self._by_type[kind] for kind in types]
    total = sum(n for _, _, n in parts)
    mean_RxS = sum(n * mean for mean, _, n in parts) / total
    draws_BxRxS = sum(n * draws for _, draws, n in parts) / total
    if setting == BEST:
      return mean_RxS.max(axis=-1), draws_BxRxS.max(axis=-1), total
    column = self.rows[0].settings.index(setting)
    return mean_RxS[:, column], draws_BxRxS[..., column], total

  def learned(self, kind: str) -> list[int | None]:
    """For each row, the row of the last night so far that saw a type."""
    last, out = None, [None]
    for night, seen in enumerate(self.nights):
      last = night + 1 if kind in seen else last
      out.append(last)
    return out

  def cells(self, setting: str) -> list[dict[str, dict[str, Any]]]:
    """Every cell with its interval, and its change since it was learned.

    Returns:
      Of each row, of each type: mean, low, high, problems, and `since`, the
      same of the difference to the last night that saw the type; None before.
    """
    out = [{} for _ in self.rows]
    for kind in self.types:
      mean_R, draws_BxR, problems = self.accuracy([kind], setting)
      for row, learned in enumerate(self.learned(kind)):
        cell = _estimate(mean_R[row], draws_BxR[:, row], problems)
        cell['since'] = None if learned is None else _estimate(
            mean_R[row] - mean_R[learned],
            draws_BxR[:, row] - draws_BxR[:, learned], problems,
        )
        out[row][kind] = cell
    return out

  def _averages(
      self, setting: str
  ) -> dict[str, tuple[float, np.ndarray, int]]:
    """Mean, resampled means `[B]` and problems of each of AVERAGES."""
    nights = range(len(self.nights))
    known = set(self.types)
    columns = [
        self.accuracy([kind for kind in seen if kind in known], setting)
        for seen in self.nights
    ]
    problems = sum(
        self._by_type[kind][2] for kind in {k for s in self.nights for k in s}
        if kind in known
    )
    # Rows: 0 the untouched, j + 1 the morning of night j.
    pairs = {
        'accuracy': [(j, len(nights), None) for j in nights],
        'gain': [(j, len(nights), 0) for j in nights],
        'backward': [(j, len(nights), j + 1) for j in nights[:-1]],
        'forward': [(j, j, 0) for j in nights[1:]],
    }
    out = {}
    for name, terms in pairs.items():
      if not terms:
        continue
      mean, draws = 0.0, np.zeros(self.resamples)
      for j, row, minus in terms:
        mean_R, draws_BxR, _ = columns[j]
        mean += mean_R[row] - (0.0 if minus is None else mean_R[minus])
        draws = draws + draws_BxR[:, row]
        if minus is not None:
          draws = draws - draws_BxR[:, minus]
      out[name] = mean / len(terms), draws / len(terms), problems
    return out

  def averages(self, setting: str) -> dict[str, dict[str, Any]]:
    """AVERAGES with their intervals, as far as there are nights enough."""
    return {
        name: _estimate(*value)
        for name, value in self._averages(setting).items()
    }

  def ahead_of(self, other: 'Matrix', setting: str) -> dict[str, Any]:
    """Accuracy of this run minus that of another on the same problems."""
    if list(self.rows[0].ids) != list(other.rows[0].ids):
      raise ValueError('the runs were judged on different problems')
    own, own_draws, problems = self._averages(setting)['accuracy']
    its, its_draws, _ = other._averages(setting)['accuracy']
    return _estimate(own - its, own_draws - its_draws, problems)

  def to_json(self) -> dict[str, Any]:
    return {
        'nights': [list(seen) for seen in self.nights],
        'resamples': self.resamples,
        'seed': self.seed,
        'confidence': bootstrap.CONFIDENCE,
        'cells': {name: self.cells(name) for name in (BEST, GREEDY)},
        'averages': {name: self.averages(name) for name in (BEST, GREEDY)},
    }


def _estimate(mean: float, draws: np.ndarray, problems: int) -> dict[str, Any]:
  low, high = bootstrap.percentile_interval(draws, bootstrap.CONFIDENCE)
  return {
      'mean': float(mean), 'low': low, 'high': high, 'problems': problems
  }


def read(workdir: pathlib.Path, num_nights: int, seed: int) -> Matrix:
  """Reads the nights that a work directory holds.

  Raises:
    FileNotFoundError: a night is not finished.
    ValueError: a night did not go on from the morning of the one before it.
  """
  rows, nights, weights = [], [], None
  for index in range(num_nights):
    folder = workdir / f'night_{index:03d}'
    if not (folder / 'report.json').exists():
      raise FileNotFoundError(
          f'night {index} of {workdir} is not finished; run it first'
      )
    report = json.loads((folder / 'report.json').read_text())
    measured = json.loads((folder / 'morning' / 'results.json').read_text())
    if index == 0:
      rows.append(results_lib.from_json(measured['dusk']['held_out']))
    elif report['weights']['dusk'] != weights:
      raise ValueError(
          f'night {index} of {workdir} did not begin with the weights of the'
          ' morning before; run with --config.adopt=always'
      )
    weights = report['weights']['morning']
    rows.append(results_lib.from_json(measured['morning']['held_out']))
    seen = report['config']['tasks']['nights']
    nights.append(
        seen[index % len(seen)] if seen else list(dict.fromkeys(rows[0].types))
    )
  return Matrix(rows, nights, seed=seed)


def drifts(workdir: pathlib.Path, num_nights: int) -> list[Mapping[str, Any]]:
  """KL(initial||morning) on code and English text of each night."""
  out = []
  for index in range(num_nights):
    path = workdir / f'night_{index:03d}' / 'morning' / 'judgement.json'
    moved = json.loads(path.read_text())['drift_from_initial']
    out.append({text: moved[text]['kl'] for text in ('code', 'english')})
  return out
