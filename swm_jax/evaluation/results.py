"""Results of one problem set: which sample of which problem passed.

The unit of everything measured at dusk and in the morning. Samples that the
verifier itself failed on are kept as *masked*: they are neither passes nor
failures, and every estimate removes them from n.
"""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
from typing import Any

import numpy as np

from swm_jax import types

# One character per sample in JSON, so that a set of 300 problems stays legible.
_FAILED, _PASSED, _MASKED = '0', '1', 'x'


@dataclasses.dataclass(frozen=True)
class SetResults:
  """Outcomes of every sample of a set of problems, by sampling setting.

  Attributes:
    name: of the set, e.g. `held_out`.
    ids: problem ids, unique; row p of every array is problem `ids[p]`.
    types: problem type of each row.
    templates: template of each row, the cluster of the bootstrap.
    passed: setting (`greedy`, or a temperature such as `0.8`) -> uint8
      `[problems, n]`; n may differ between settings.
    valid: same keys and shapes, bool; False where the sample is masked.
  """

  name: str
  ids: Sequence[str]
  types: Sequence[str]
  templates: Sequence[str]
  passed: Mapping[str, np.ndarray]
  valid: Mapping[str, np.ndarray]

  def __post_init__(self):
    if len(set(self.ids)) != len(self.ids):
      raise ValueError(f'set {self.name!r} holds a problem id twice')
    for field in ('types', 'templates'):
      if len(getattr(self, field)) != len(self.ids):
        raise ValueError(
            f'set {self.name!r} has {len(self.ids)} ids and'
            f' {len(getattr(self, field))} {field}'
        )
    if self.passed.keys() != self.valid.keys():
      raise ValueError(
          f'set {self.name!r}: passed has settings {sorted(self.passed)}, valid'
          f' has {sorted(self.valid)}'
      )
    for setting, passed in self.passed.items():
      valid = self.valid[setting]
      if passed.ndim != 2 or passed.shape[0] != len(self.ids):
        raise ValueError(
            f'set {self.name!r}, setting {setting}: passed has shape'
            f' {passed.shape}, expected ({len(self.ids)}, n)'
        )
      if valid.shape != passed.shape:
        raise ValueError(
            f'set {self.name!r}, setting {setting}: valid has shape'
            f' {valid.shape}, passed has {passed.shape}'
        )

  @property
  def settings(self) -> tuple[str, ...]:
    return tuple(self.passed)

  def counts(self, setting: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns correct and unmasked samples per problem, int64 `[problems]`."""
    self._check_setting(setting)
    valid = self.valid[setting].astype(bool)
    correct = (self.passed[setting].astype(bool) & valid).sum(axis=1)
    return correct.astype(np.int64), valid.sum(axis=1).astype(np.int64)

  def masked(self, setting: str) -> int:
    """Number of samples lost to failures of the verifier itself."""
    self._check_setting(setting)
    return int((~self.valid[setting].astype(bool)).sum())

  def select(self, keep: Sequence[bool], name: str = '') -> 'SetResults':
    """Returns the rows where `keep` is true, e.g. those of one type."""
    rows = np.flatnonzero(np.asarray(keep, bool))
    take = lambda values: [values[row] for row in rows]
    return SetResults(
        name or self.name,
        take(self.ids),
        take(self.types),
        take(self.templates),
        {setting: array[rows] for setting, array in self.passed.items()},
        {setting: array[rows] for setting, array in self.valid.items()},
    )

  def by_type(self) -> dict[str, 'SetResults']:
    """Splits the set by problem type, in order of first appearance."""
    return {
        kind: self.select(
            [other == kind for other in self.types], f'{self.name}/{kind}'
        )
        for kind in dict.fromkeys(self.types)
    }

  def to_json(self) -> dict[str, Any]:
    """Returns plain values for `json.dump`; `from_json` is the inverse."""
    outcomes = {}
    for setting in self.settings:
      symbols = np.where(
          self.valid[setting].astype(bool),
          np.where(self.passed[setting].astype(bool), _PASSED, _FAILED),
          _MASKED,
      )
      outcomes[setting] = [''.join(row) for row in symbols]
    return {
        'name': self.name,
        'ids': list(self.ids),
        'types': list(self.types),
        'templates': list(self.templates),
        'outcomes': outcomes,
    }

  def _check_setting(self, setting: str) -> None:
    if setting not in self.passed:
      raise ValueError(
          f'set {self.name!r} has no setting {setting!r}; it has'
          f' {list(self.settings)}'
      )


def from_json(value: Mapping[str, Any]) -> SetResults:
  """Rebuilds `SetResults` from the value of `SetResults.to_json`.

  Raises:
    ValueError: if rows of one setting differ in length or hold another symbol
      than 0, 1 and x.
  """
  passed, valid = {}, {}
  for setting, rows in value['outcomes'].items():
    if len({len(row) for row in rows}) > 1 or set(''.join(rows)) - set('01x'):
      raise ValueError(
          f'set {value["name"]!r}, setting {setting}: outcomes must be strings'
          ' of 0, 1 and x, one length per setting'
      )
    width = len(rows[0]) if rows else 0
    symbols = np.array([list(row) for row in rows], dtype='U1')
    symbols = symbols.reshape(len(rows), width)
    passed[setting] = (symbols == _PASSED).astype(np.uint8)
    valid[setting] = symbols != _MASKED
  return SetResults(
      value['name'],
      list(value['ids']),
      list(value['types']),
      list(value['templates']),
      passed,
      valid,
  )


def collect(
    name: str,
    problems: Sequence[types.Problem],
    outcomes: Iterable[tuple[str, int, types.Verdict]],
) -> SetResults:
  """Builds the results of a set from its verdicts.

  Args:
    name: of the set.
    problems: the problems of the set, in row order.
    outcomes: `(setting, problem index, verdict)` of every sample, in sample
      order within a problem.

  Raises:
    ValueError: if a setting does not have the same number of samples for every
      problem, which means that verdicts were lost.
  """
  verdicts: dict[str, list[list[types.Verdict]]] = {}
  for setting, index, verdict in outcomes:
    rows = verdicts.setdefault(setting, [[] for _ in problems])
    rows[index].append(verdict)
  passed, valid = {}, {}
  for setting, rows in verdicts.items():
    widths = {len(row) for row in rows}
    if len(widths) != 1:
      raise ValueError(
          f'set {name!r}, setting {setting}: problems have between'
          f' {min(widths)} and {max(widths)} samples; every problem needs as'
          ' many'
      )
    passed[setting] = np.array(
        [[verdict.passed for verdict in row] for row in rows], np.uint8
    )
    valid[setting] = np.array(
        [[verdict.valid for verdict in row] for row in rows], bool
    )
  return SetResults(
      name,
      [problem.id for problem in problems],
      [problem.type for problem in problems],
      [problem.template for problem in problems],
      passed,
      valid,
  )


def concatenate(name: str, parts: Sequence[SetResults]) -> SetResults:
  """Joins disjoint problem sets measured at the same settings.

  Raises:
    ValueError: if the parts differ in settings or samples, or share a problem.
  """
  settings = parts[0].settings
  for part in parts[1:]:
    if set(part.settings) != set(settings):
      raise ValueError(
          f'cannot concatenate {part.name!r} with settings'
          f' {list(part.settings)} to {parts[0].name!r} with {list(settings)}'
      )
  for setting in settings:
    widths = sorted({part.passed[setting].shape[1] for part in parts})
    if len(widths) > 1:
      raise ValueError(
          f'cannot concatenate sets with {widths} samples at {setting}'
      )
  stack = lambda field: {
      setting: np.concatenate([getattr(part, field)[setting] for part in parts])
      for setting in settings
  }
  chain = lambda field: [v for part in parts for v in getattr(part, field)]
  return SetResults(
      name,
      chain('ids'),
      chain('types'),
      chain('templates'),
      stack('passed'),
      stack('valid'),
  )


def merge(first: SetResults, second: SetResults) -> SetResults:
  """Adds the samples of `second` to those of `first` for the same problems.

  Settings of both are joined along the sample axis (other seeds, say); a
  setting of one alone is taken as it is.

  Raises:
    ValueError: if the two do not hold the same problems. Row order may differ.
  """
  order = {problem_id: row for row, problem_id in enumerate(second.ids)}
  if set(order) != set(first.ids):
    raise ValueError(
        f'cannot merge {second.name!r} into {first.name!r}:'
        f' {len(set(order) ^ set(first.ids))} problems are in one alone'
    )
  rows = np.array([order[problem_id] for problem_id in first.ids], np.int64)

  def join(own, other):
    joined = dict(own)
    for setting, array in other.items():
      parts = [own[setting]] if setting in own else []
      joined[setting] = np.concatenate(parts + [array[rows]], axis=1)
    return joined

  return dataclasses.replace(
      first,
      passed=join(first.passed, second.passed),
      valid=join(first.valid, second.valid),
  )
