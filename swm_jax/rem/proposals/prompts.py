"""What the proposer reads, and what its answers say.

A small model continues what it sees better than it follows an instruction, so
both prompts are programs of the buffer and the beginning of one more:

  # a: list[int], n: int             def f(a):
  def take(a, n):                        return min(a)
      return a[:n]
                                     def calls():
  # a: list[int]                         f([3, 1])
  def f(a):                              f([2])

                                     def f(a):
                                         return a[0] + a[-1]

                                     def calls():

The decoder stops at the first line in column 0.
"""

import ast
from collections.abc import Callable, Sequence
import dataclasses
import re
import string
from typing import Any
import warnings

from swm_jax import types
from swm_jax.evaluation import canonical
from swm_jax.rem.proposals import literals
from swm_jax.tasks import signatures
from swm_jax.verifiers.sandbox import protocol

NAME = 'f'  # of every proposed function
_CALLS = 'def calls():'
_SHOWN_CALLS = 4  # of an example's inputs
_SHORT = 48  # characters of a call that is worth showing
_ARGUMENTS = {  # Letters of the arguments of a type, as the suite has them.
    'list': 'abc', 'int': 'nkm', 'str': 'stu', 'dict': 'dpq', 'set': 'vwz',
    'float': 'xyz', 'tuple': 'pqr', 'bool': 'bce',
}


@dataclasses.dataclass(frozen=True)
class Seed:
  """A program that a verifier confirmed, to be shown to the proposer.

  Attributes:
    id: of the problem that it solves, or of the proposal that it was.
    name: of its function.
    source: definition alone, without comments before it.
    types: of its arguments, see `signatures.infer`.
    inputs: argument tuples that it was run on.
  """

  id: str
  name: str
  source: str
  types: tuple[str, ...]
  inputs: tuple[tuple[Any, ...], ...]


def seed(problem: types.Problem, text: str) -> Seed | None:
  """Makes a seed of a verified completion.

  Args:
    problem: of domain `python`, with tests.
    text: the completion.

  Returns:
    The seed; None if it is not one definition or its inputs have no types.
  """
  inputs = tuple(tuple(args) for args, _ in problem.tests)
  kinds = signatures.infer(inputs)
  source = definition(problem.program(text), problem.entry_point)
  if kinds is None or source is None or not signatures.drawable(kinds):
    return None
  return Seed(problem.id, problem.entry_point, source, kinds, inputs)


def distinct(seeds: Sequence[Seed]) -> list[Seed]:
  """Returns the first of all seeds with one canonical form."""
  found: dict[str, Seed] = {}
  for one in seeds:
    found.setdefault(canonical.form(one.source, 'python'), one)
  return list(found.values())


def definition(program: str, name: str) -> str | None:
  """Returns the source of a program's only statement, a function.

  Returns:
    Without what stands around it; None if the program is anything else.
  """
  try:
    with warnings.catch_warnings():
      warnings.simplefilter('ignore')
      body = ast.parse(program).body
  except (SyntaxError, ValueError, RecursionError, MemoryError):
    return None
  if len(body) != 1 or not isinstance(body[0], ast.FunctionDef):
    return None
  if body[0].name != name or body[0].decorator_list:
    return None
  lines = program.split('\n')[body[0].lineno - 1 : body[0].end_lineno]
  return '\n'.join(lines) + '\n'


def argument_names(kinds: Sequence[str]) -> str:
  """Returns `a, b, n` for `list[int]`, `list[str]`, `int`."""
  names = []
  for kind in kinds:
    letters = _ARGUMENTS[kind.partition('[')[0]] + string.ascii_lowercase
    names.append(next(letter for letter in letters if letter not in names))
  return ', '.join(names)


def program_prompt(
    examples: Sequence[Seed], kinds: Sequence[str], names: str
) -> str:
  """Returns the prompt for a new function of arguments of these types."""
  parts = [
      _typed(_names(one), one.types) + one.source for one in examples
  ]
  header = _typed(names, kinds) + f'def {NAME}({names}):'
  return '```python\n' + '\n'.join([*parts, header])


def calls_prompt(examples: Sequence[Seed], source: str) -> str:
  """Returns the prompt for calls of a proposed function."""
  parts = []
  for one in examples:
    calls = [f'{NAME}({literals.arguments(args)})' for args in one.inputs]
    calls = [c for c in calls if len(c) <= _SHORT][:_SHOWN_CALLS]
    if calls:
      # Under one name, or the model calls the example again.
      renamed = re.sub(rf'\b{re.escape(one.name)}\b', NAME, one.source)
      lines = ''.join(f'    {call}\n' for call in calls)
      parts.append(f'{renamed}\n{_CALLS}\n{lines}')
  return '```python\n' + '\n'.join([*parts, f'{source}\n{_CALLS}'])


def fitted(
    make: Callable[[Sequence[Seed]], str],
    examples: Sequence[Seed],
    length: Callable[[str], int],
    limit: int,
) -> tuple[str | None, Sequence[Seed]]:
  """Returns a prompt with as many of the last examples as fit, and these.

  The prompt is None if it does not fit even without an example.
  """
  for first in range(len(examples) + 1):
    prompt = make(examples[first:])
    if length(prompt) <= limit:
      return prompt, examples[first:]
  return None, ()


def read_calls(
    text: str, kinds: Sequence[str]
) -> list[tuple[Any, ...]]:
  """Returns the arguments of calls of a sampled completion.

  Lines that are no call of the function with literals of the given types are
  left out; so is a last line that was cut.
  """
  found = []
  for line in text.split('\n'):
    args = _read_call(line.strip())
    if args is not None and len(args) == len(kinds) and all(
        signatures.fits(value, kind)
        for value, kind in zip(args, kinds, strict=True)
    ):
      found.append(args)
  return found


def _read_call(line: str) -> tuple[Any, ...] | None:
  try:
    with warnings.catch_warnings():
      warnings.simplefilter('ignore')
      call = ast.parse(line, mode='eval').body
    if (
        not isinstance(call, ast.Call)
        or not isinstance(call.func, ast.Name)
        or call.func.id != NAME
        or call.keywords
    ):
      return None
    args = tuple(ast.literal_eval(value) for value in call.args)
    protocol.encode(args)
  except (
      SyntaxError, ValueError, TypeError, RecursionError, MemoryError,
  ):
    return None
  return args


def _typed(names: str, kinds: Sequence[str]) -> str:
  """The line above a definition that says what its arguments are."""
  pairs = zip(names.split(', '), kinds, strict=True)
  return f'# {", ".join(f"{name}: {kind}" for name, kind in pairs)}\n'


def _names(one: Seed) -> str:
  function = ast.parse(one.source).body[0]
  return ', '.join(arg.arg for arg in function.args.args)
