"""Compares what a night trains on with what it is judged on."""

from collections.abc import Sequence
from typing import Any

from experiments import anchors
from experiments import apparatus
from swm_jax.data import trajectory_log
from swm_jax.evaluation import contamination

Record = trajectory_log.Record


def audit(
    lab: apparatus.Apparatus, records: Sequence[Record]
) -> dict[str, Any]:
  """Audits day problems, answers to them, and anchored text.

  Args:
    lab: holds all problems.
    records: of the night's wake and REM.

  Returns:
    What `contamination.audit` does.

  Raises:
    contamination.ContaminationError: something evaluated is trained on.
  """
  problems = {problem.id: problem for problem in lab.day}
  trained = [contamination.from_problem(problem) for problem in lab.day]
  for entry in records:
    problem = problems[entry['problem']]
    source = problem.program(entry['text'])
    trained.append(contamination.from_program(problem, source))
  trained.append(contamination.from_text('anchor text', anchors.text()))
  return contamination.audit(trained, [
      contamination.from_problem(problem)
      for problem_set in lab.sets.values()
      for problem in problem_set.problems
  ])
