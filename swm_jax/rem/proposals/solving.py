"""How hard the tasks of proposals are, and what the proposer earns for them."""

from collections.abc import Mapping, Sequence
import dataclasses
import json
import os
import pathlib
from typing import Any

from swm_jax import agreement
from swm_jax import durable
from swm_jax.rem.proposals import proposal as proposal_lib
from swm_jax.rem.proposals import forms

_FILE = 'scores_{:04d}.jsonl'


@dataclasses.dataclass(frozen=True)
class Score:
  """How a task fared.

  Attributes:
    proposal: id.
    kind: one of `forms.KINDS`.
    passed: verified samples of the solver.
    tried: judged samples of the solver, at least 1.
  """

  proposal: str
  kind: str
  passed: int
  tried: int

  @property
  def rate(self) -> float:
    return self.passed / self.tried

  @property
  def learnable(self) -> bool:
    """Solved sometimes: it can be learned from, and there is what to learn."""
    return 0 < self.passed < self.tried

  @property
  def reward(self) -> float:
    return reward(self.rate)

  def to_json(self) -> dict[str, Any]:
    return dataclasses.asdict(self) | {
        'difficulty': 1.0 - self.rate,
        'learnable': self.learnable,
        'reward': self.reward,
    }


def reward(rate: float) -> float:
  """What the proposer earns: 4p(1-p), 1 for even odds and 0 without doubt."""
  return 4.0 * rate * (1.0 - rate)


def scores(
    proposals: Sequence[proposal_lib.Proposal],
    counts: Mapping[str, tuple[int, int]],
) -> list[Score]:
  """Returns the scores of all tasks that were tried.

  Args:
    proposals: of a round.
    counts: `(passed, tried)` by id of the task; what the verifier failed to
      judge is in neither number.
  """
  found = []
  for proposal in proposals:
    for kind, task in zip(forms.KINDS, forms.tasks(proposal)):
      passed, tried = counts.get(task.id, (0, 0))
      if tried:
        found.append(Score(proposal.id, kind, passed, tried))
  return found


def rewards(
    proposals: Sequence[proposal_lib.Proposal], found: Sequence[Score]
) -> dict[str, float]:
  """Returns the proposer's reward of every proposal, by id.

  The mean over its tasks that were tried; 0 for a proposal that is not valid. A
  valid one that nobody tried is left out.
  """
  by_id: dict[str, list[float]] = {}
  for score in found:
    by_id.setdefault(score.proposal, []).append(score.reward)
  earned = {}
  for proposal in proposals:
    if not proposal.valid:
      earned[proposal.id] = 0.0
    elif proposal.id in by_id:
      mine = by_id[proposal.id]
      earned[proposal.id] = sum(mine) / len(mine)
  return earned


def write(
    directory: str | os.PathLike[str], index: int, found: Sequence[Score]
) -> None:
  """Makes the scores of a round durable, one JSON line each; a collective."""
  lines = ''.join(json.dumps(score.to_json()) + '\n' for score in found)
  path = pathlib.Path(directory) / _FILE.format(index)
  agreement.by_first(lambda: durable.write_bytes(path, lines.encode()))
