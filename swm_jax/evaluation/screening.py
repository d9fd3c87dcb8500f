"""Which proposed problems overlap with evaluated ones, to be left out.

A model that proposes problems to itself may hit on an evaluated one by chance.
That is no fault that should stop a night, but nothing may be learned from it:
whoever holds the evaluated problems, never the proposer, screens proposals
before they are trained on, and the night's audit then finds nothing.

Beside the rules of `contamination` a proposal is left out if it behaves as an
evaluated reference does: if the reference, run confined on the proposal's
inputs, returns what the proposal returns.
"""

from collections.abc import Sequence
import dataclasses
from typing import Any

from swm_jax import types
from swm_jax.evaluation import contamination
from swm_jax.tasks import signatures

BEHAVIOUR = 'behaviour'
UNJUDGED = 'unjudged'  # The verifier failed: nobody knows.


def screen(
    proposed: Sequence[types.Problem],
    evaluated: Sequence[types.Problem],
    verifiers: Any,
) -> tuple[set[str], dict[str, Any]]:
  """Finds proposals that overlap with evaluated problems.

  Args:
    proposed: a problem for each proposal, with its program as the reference and
      its known pairs as the tests; of domain `python`.
    evaluated: problems of any domain.
    verifiers: running; runs the references.

  Returns:
    Ids of the problems to leave out, and plain values for the report: how many
    were compared, and (proposed id, evaluated id, rule) of every overlap.
  """
  hits, _ = contamination.overlaps(
      map(contamination.from_proposal, proposed),
      map(contamination.from_problem, evaluated),
  )
  references = [
      (other, _kinds(other)) for other in evaluated
      if other.domain == 'python' and other.reference
  ]
  waiting = []
  for problem in proposed:
    kinds = _kinds(problem)
    for other, others in references:
      if _comparable(kinds, others):
        asked = dataclasses.replace(
            problem, id=f'{problem.id}/screened', spec={},
            entry_point=other.entry_point,
        )
        future = verifiers.submit(asked, other.reference)
        waiting.append((problem.id, other.id, future))
  for mine, other, future in waiting:
    verdict = future.result()
    if verdict.passed or not verdict.valid:
      hits.append((mine, other, BEHAVIOUR if verdict.passed else UNJUDGED))
  left_out = {mine for mine, _, _ in hits}
  return left_out, {
      'proposed': len(proposed),
      'left_out': len(left_out),
      'behaviours_compared': len(waiting),
      'overlaps': [list(hit) for hit in hits],
  }


def _kinds(problem: types.Problem) -> tuple[str, ...] | None:
  return signatures.infer(args for args, _ in problem.tests)


def _comparable(
    first: tuple[str, ...] | None, second: tuple[str, ...] | None
) -> bool:
  """Whether functions of these arguments might be one; None may be any."""
  if first is None or second is None:
    return True
  return len(first) == len(second) and all(
      map(signatures.merge, first, second)
  )
