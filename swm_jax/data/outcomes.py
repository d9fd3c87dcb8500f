"""What a log says of its problems: which samples passed, and how many."""

from collections.abc import Iterable, Sequence

from swm_jax import types
from swm_jax.data import trajectory_log

Record = trajectory_log.Record
# Answers from elsewhere say nothing of how often a problem is solved.
_OWN = ('sample', 'proposal')


def passed(entry: Record) -> bool:
  """Whether the verifier confirmed a sample."""
  return entry['verdict']['status'] == types.PASS


def by_problem(records: Iterable[Record]) -> dict[str, list[Record]]:
  """Groups records by problem id, in order of first appearance."""
  groups: dict[str, list[Record]] = {}
  for entry in records:
    groups.setdefault(entry['problem'], []).append(entry)
  return groups


def pass_counts(records: Sequence[Record]) -> dict[str, tuple[int, int]]:
  """(passed, tried) of each problem by samples drawn for its prompt.

  The verifier's own failures are left out.
  """
  counts: dict[str, tuple[int, int]] = {}
  for entry in records:
    right, tried = counts.get(entry['problem'], (0, 0))
    counts[entry['problem']] = right, tried
    if entry['origin'] in _OWN and entry['verdict']['status'] != types.ERROR:
      counts[entry['problem']] = right + passed(entry), tried + 1
  return counts


def verified_by_problem(records: Sequence[Record]) -> dict[str, list[Record]]:
  """x+ of each problem."""
  return by_problem(filter(passed, records))
