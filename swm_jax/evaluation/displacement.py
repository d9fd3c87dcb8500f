"""Does noise move a sampler out of its basin, or does it only blur it?

Greedy completions with noise are compared with the greedy completion of the
same problem without. Words that differ and do the same are blur; a completion
that does something else has left the basin, for better or for worse.
"""

from collections.abc import Hashable, Mapping, Sequence
import dataclasses


@dataclasses.dataclass(frozen=True)
class Completion:
  """A verified completion.

  Attributes:
    problem: id.
    text: cut at the stop.
    behaviour: equal for completions that do the same, say the outputs on the
      problem's inputs; where nothing finer is known, the verdict's reason.
    passed: the verdict; None where the verifier failed.
  """

  problem: str
  text: str
  behaviour: Hashable
  passed: bool | None


@dataclasses.dataclass(frozen=True)
class Displacement:
  """Shares of perturbed completions by what became of the clean one.

  The five shares add up to 1; all are NaN where nothing was compared.

  Attributes:
    compared: perturbed completions that were compared.
    masked: those that were not, because a verifier failed on either side.
    same_text: nothing changed.
    same_behaviour: another text that does the same, or passes like the clean
      one: blur.
    gained: passes where the clean one fails.
    lost: fails where the clean one passes.
    other_failure: fails as the clean one does, in another way.
    newly_solved: problems with at least one `gained`, a count.
  """

  compared: int
  masked: int
  same_text: float
  same_behaviour: float
  gained: float
  lost: float
  other_failure: float
  newly_solved: int

  @property
  def out_of_basin(self) -> float:
    """Share of completions that do something else than the clean one."""
    return self.gained + self.lost + self.other_failure


def displacement(
    clean: Sequence[Completion], perturbed: Sequence[Completion]
) -> Displacement:
  """Compares perturbed completions with the clean ones of their problems.

  Args:
    clean: one a problem.
    perturbed: any number a problem.

  Raises:
    ValueError: two clean completions share a problem, or a perturbed one has
      none.
  """
  origins = {completion.problem: completion for completion in clean}
  if len(origins) < len(clean):
    raise ValueError('clean completions must be one a problem')
  counts = dict.fromkeys(
      ('same_text', 'same_behaviour', 'gained', 'lost', 'other_failure'), 0
  )
  masked, solved = 0, set()
  for completion in perturbed:
    origin = origins.get(completion.problem)
    if origin is None:
      raise ValueError(
          f'problem {completion.problem!r} has no clean completion to compare '
          'with'
      )
    if origin.passed is None or completion.passed is None:
      masked += 1
      continue
    outcome = _outcome(origin, completion)
    counts[outcome] += 1
    if outcome == 'gained':
      solved.add(completion.problem)
  compared = len(perturbed) - masked
  return Displacement(
      compared=compared,
      masked=masked,
      newly_solved=len(solved),
      **{
          name: count / compared if compared else float('nan')
          for name, count in counts.items()
      },
  )


def by_strength(
    clean: Sequence[Completion],
    perturbed: Mapping[float, Sequence[Completion]],
) -> dict[float, Displacement]:
  """`displacement` at each strength of the noise, weakest first."""
  return {
      strength: displacement(clean, perturbed[strength])
      for strength in sorted(perturbed)
  }


def _outcome(origin, completion) -> str:
  if completion.text == origin.text:
    return 'same_text'
  if completion.passed != origin.passed:
    return 'gained' if completion.passed else 'lost'
  if completion.passed or completion.behaviour == origin.behaviour:
    return 'same_behaviour'
  return 'other_failure'
