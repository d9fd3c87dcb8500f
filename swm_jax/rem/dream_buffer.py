"""The dreams that REM replays: distinct ones, a few of each problem.

The buffer is a function of what was added and in which order, but for what
confined programs answer, which a loaded machine can change. It is therefore
kept on disk, one file a round, and read back by a night that goes on.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import hashlib
import json
import os
import pathlib
from typing import Any

import numpy as np

from swm_jax import durable
from swm_jax import types
from swm_jax.data import trajectory_log
from swm_jax.evaluation import canonical
from swm_jax.rem import submodular
from swm_jax.verifiers import python as python_verifier

Record = trajectory_log.Record
# Maps a problem and a program to what the program does, None if unknown.
Behaviour = Callable[[types.Problem, str], str | None]

RULES = ('newest', 'submodular')
# Of an answer that says nothing about the program.
_UNKNOWN = ('worker_died', 'overloaded')


@dataclasses.dataclass(frozen=True)
class Options:
  """What a buffer keeps.

  Attributes:
    per_problem: most records of a problem.
    per_behaviour: most records of a problem that do the same, so that many ways
      to write one function leave room for functions that differ where the
      tests do not look.
    total: most records; the problem with the most gives way.
    rule: which of a problem's records stay: the `newest`, or a `submodular`
      choice for reward, diversity and length; see `submodular`.
  """

  per_problem: int
  per_behaviour: int
  total: int
  rule: str

  def __post_init__(self):
    for name in ('per_problem', 'per_behaviour', 'total'):
      if getattr(self, name) < 1:
        raise ValueError(f'{name}={getattr(self, name)} must be at least 1')
    if self.rule not in RULES:
      raise ValueError(
          f'rule={self.rule!r} is unknown; choose one of {", ".join(RULES)}'
      )


@dataclasses.dataclass(frozen=True)
class _Kept:
  """A record with what it is compared by; `number` counts all ever added."""

  record: Record
  number: int
  form: str
  behaviour: str | None
  item: submodular.Item


class DreamBuffer:
  """Distinct records by problem, the best first."""

  def __init__(
      self,
      problems: Mapping[str, types.Problem],
      options: Options,
      behaviour: Behaviour | None = None,
  ):
    """Makes an empty buffer.

    Args:
      problems: by id, all that records may be of.
      options: see `Options`.
      behaviour: what a program does; see `fuzzed`. None compares forms alone.
    """
    self._problems, self._options = problems, options
    self._behaviour = behaviour or (lambda problem, program: None)
    self._groups: dict[str, list[_Kept]] = {}
    self._number = 0
    self._additions = 0

  def __len__(self) -> int:
    return sum(map(len, self._groups.values()))

  @property
  def additions(self) -> int:
    """How often `add` was called; with a wave each, the waves it holds."""
    return self._additions

  def add(self, records: Sequence[Record]) -> None:
    """Offers records, oldest first; failures of the verifier are passed over.

    A program that is there already, by its canonical form, becomes new again.
    """
    changed = {}
    for entry in records:
      if entry['verdict']['status'] != types.ERROR:
        changed[entry['problem']] = None
        self._put(entry)
    for problem in changed:
      self._groups[problem] = self._chosen(self._groups[problem])
    while len(self) > self._options.total:
      # Of equals the one whose newest record is oldest.
      largest = max(self._groups, key=lambda problem: (
          len(self._groups[problem]),
          -max(kept.number for kept in self._groups[problem]),
      ))
      self._groups[largest].pop()
      if not self._groups[largest]:
        del self._groups[largest]
    self._additions += 1

  def of(self, problem: str, n: int) -> list[Record]:
    """The best n records of a problem, fewer if it has fewer."""
    return [kept.record for kept in self._groups.get(problem, ())[:n]]

  def sample(
      self,
      problems: Sequence[str],
      n: int,
      rng: np.random.Generator,
      priority: Mapping[str, float] | None = None,
  ) -> list[Record]:
    """Draws records of these problems without replacement.

    Args:
      problems: ids; those without records are passed over.
      n: records, fewer if there are fewer.
      rng: of the draw.
      priority: weight of each problem, say the error of the estimate of its
        difficulty (`curriculum.errors`), 0 for never; None weighs all alike.
        The records of a problem share its weight.
    """
    kept, weight = [], []
    for problem in dict.fromkeys(problems):
      group = self._groups.get(problem, [])
      kept += group
      share = 1.0 if priority is None else priority[problem]
      weight += [share / len(group) for _ in group]
    weight = np.array(weight, np.float64)
    size = min(n, int((weight > 0).sum()))
    if not size:
      return []
    places = rng.choice(
        len(kept), size=size, replace=False, p=weight / weight.sum()
    )
    return [kept[place].record for place in places]

  def save(self, path: str | os.PathLike) -> None:
    """Writes the buffer atomically; equal buffers, equal bytes."""
    durable.write_json(path, {
        'additions': self._additions,
        'number': self._number,
        'kept': [
            {
                'record': _to_json(kept.record),
                'number': kept.number,
                'behaviour': kept.behaviour,
            }
            for group in self._groups.values()
            for kept in group
        ],
    })

  def load(self, path: str | os.PathLike) -> None:
    """Replaces all that the buffer holds by what was saved.

    Raises:
      FileNotFoundError: there is no such file.
      durable.CorruptError: it is damaged.
    """
    text = pathlib.Path(path).read_bytes()
    try:
      saved = json.loads(text)
    except ValueError as error:
      raise durable.CorruptError(
          f'{path} is corrupt and cannot be read; restore it, or remove it to'
          ' have the buffer rebuilt from the log'
      ) from error
    self._groups = {}
    self._additions, self._number = saved['additions'], saved['number']
    for value in saved['kept']:
      record = _from_json(value['record'])
      self._groups.setdefault(record['problem'], []).append(_kept(
          record, value['number'], self._form(record), value['behaviour']
      ))

  def _put(self, entry: Record) -> None:
    group = self._groups.setdefault(entry['problem'], [])
    form = self._form(entry)
    same = [kept for kept in group if kept.form == form]
    if same:  # Running a program is the dear part.
      behaviour = same[0].behaviour
    else:
      problem = self._problems[entry['problem']]
      behaviour = self._behaviour(problem, problem.program(entry['text']))
    group[:] = [
        _kept(_slim(entry), self._number, form, behaviour),
        *(kept for kept in group if kept.form != form),
    ]
    self._number += 1

  def _form(self, entry: Record) -> str:
    problem = self._problems[entry['problem']]
    return canonical.form(problem.program(entry['text']), problem.domain)

  def _chosen(self, group: Sequence[_Kept]) -> list[_Kept]:
    """Those of a problem that stay, the best first."""
    seen: dict[str, int] = {}
    pool = []
    for kept in sorted(group, key=lambda kept: -kept.number):
      if kept.behaviour is not None:
        seen[kept.behaviour] = seen.get(kept.behaviour, 0) + 1
        if seen[kept.behaviour] > self._options.per_behaviour:
          continue
      pool.append(kept)
    if self._options.rule == 'newest':
      return pool[: self._options.per_problem]
    places = submodular.greedy(
        [kept.item for kept in pool], self._options.per_problem
    )
    return [pool[place] for place in places]


def fuzzed(
    interpreter: python_verifier.Interpreter,
    inputs: Mapping[str, Sequence[Sequence[Any]]],
) -> Behaviour:
  """Tells Python programs apart by what they answer, run confined.

  Args:
    interpreter: runs the programs.
    inputs: argument tuples by problem id, see `fresh_inputs`; the problem's own
      tests stand in for those that are not there.

  Returns:
    A digest of all answers; None for other domains, and where the process of
    the program died for no fault of the program's.
  """

  def behaviour(problem: types.Problem, program: str) -> str | None:
    if problem.domain != 'python':
      return None
    arguments = inputs.get(problem.id) or [args for args, _ in problem.tests]
    answers = interpreter.answers(program, problem.entry_point, arguments)
    if any(answer.reason in _UNKNOWN for answer in answers):
      return None
    text = repr([(a.reason, _stable(a.value)) for a in answers])
    # A lone surrogate is a value like any other.
    data = text.encode('utf-8', 'surrogatepass')
    return hashlib.sha256(data).hexdigest()[:16]

  return behaviour


def fresh_inputs(
    suite: Sequence[types.Problem],
) -> dict[str, list[Sequence[Any]]]:
  """The arguments of the tests of a suite, by problem id.

  A suite built with another seed asks for the same functions on other inputs,
  which no verdict has seen: `domains.load(name).suite(seed + 1)`.
  """
  return {p.id: [args for args, _ in p.tests] for p in suite}


def _stable(value: Any) -> Any:
  """A value whose `repr` is the same in every process: sets in an order."""
  if isinstance(value, (list, tuple)):
    return type(value).__name__, [_stable(item) for item in value]
  if isinstance(value, (set, frozenset)):
    return type(value).__name__, sorted(repr(_stable(v)) for v in value)
  if isinstance(value, dict):
    pairs = [(repr(_stable(k)), _stable(v)) for k, v in value.items()]
    return 'dict', sorted(pairs, key=lambda pair: pair[0])
  return value


def _kept(record, number, form, behaviour) -> _Kept:
  return _Kept(record, number, form, behaviour, submodular.Item(
      reward=float(record['verdict']['status'] == types.PASS),
      grams=submodular.grams(form),
      length=len(record['tokens']),
  ))


def _slim(entry: Record) -> Record:
  """What replay reads of a record."""
  return {
      'problem': entry['problem'],
      'prompt_tokens': np.asarray(entry['prompt_tokens'], np.int32),
      'tokens': np.asarray(entry['tokens'], np.int32),
      'text': entry['text'],
      'log_prob': np.asarray(entry['log_prob'], np.float32),
      'verdict': {'status': entry['verdict']['status']},
  }


def _to_json(record: Record) -> dict[str, Any]:
  # Every float32 is a double, and JSON spells doubles exactly.
  return {
      name: value.tolist() if isinstance(value, np.ndarray) else value
      for name, value in record.items()
  }


def _from_json(value: Mapping[str, Any]) -> Record:
  return _slim(value)
