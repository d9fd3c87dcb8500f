"""From the records of a night to what consolidation reads: x+, x-, counts."""

from collections.abc import Mapping, Sequence

from swm_jax import types
from swm_jax.consolidate import layout
from swm_jax.data import outcomes
from swm_jax.data import trajectory_log
from swm_jax.evaluation import canonical

Record = trajectory_log.Record


def choose(
    problems: Mapping[str, types.Problem],
    records: Sequence[Record],
    *,
    positives: int,
    negatives: int,
    weak: bool,
) -> list[layout.Memory]:
  """Chooses x+ and x-: distinct programs, a few of each solved problem.

  The least likely x+ teach most; the likeliest x- are what the model writes.

  Args:
    problems: by id.
    records: of wake and REM; the verifier's own failures are never chosen.
    positives: most x+ of a problem.
    negatives: most x- of a problem.
    weak: whether verdicts that are only opinions count.
  """
  records = [e for e in records if weak or not e['verdict']['weak']]
  counts = outcomes.pass_counts(records)
  chosen = []
  for problem_id, group in outcomes.by_problem(records).items():
    distinct = distinct_programs(problems[problem_id], group)
    passed, tried = counts[problem_id]
    x_plus = list(filter(outcomes.passed, distinct))
    x_minus = [e for e in distinct if e['verdict']['status'] == types.FAIL]
    if not x_plus:
      continue
    x_plus.sort(key=lambda e: float(e['log_prob'].sum()))
    x_minus.sort(key=lambda e: -float(e['log_prob'].sum()))
    for sign, entries in ((+1, x_plus[:positives]), (-1, x_minus[:negatives])):
      chosen += [
          layout.Memory(
              problem=problem_id,
              prompt=entry['prompt_tokens'],
              tokens=entry['tokens'],
              sign=sign,
              log_mu=float(entry['log_prob'].sum()),
              pass_rate=passed / max(tried, 1),
          )
          for entry in entries
      ]
  return chosen


def program_form(problem: types.Problem, entry: Record) -> str:
  """What equal programs share; see `canonical.form`."""
  return canonical.form(problem.program(entry['text']), problem.domain)


def distinct_programs(
    problem: types.Problem, records: Sequence[Record]
) -> list[Record]:
  """Keeps the first record of each program, by `program_form`."""
  kept: dict[str, Record] = {}
  for entry in records:
    kept.setdefault(program_form(problem, entry), entry)
  return list(kept.values())
