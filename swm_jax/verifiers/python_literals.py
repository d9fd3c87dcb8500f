"""Candidates that are one literal: read here, never run.

Some problems ask for a value, not for a program: what a given function returns,
or arguments for which it returns a given value. A candidate is then the text of
the problem and a literal,

  assert f([1, 2, 3]) == [3, 2, 1]

so that it can neither call the function nor carry a copy of it. A problem says
so in its `spec`:

  prefix    what a candidate begins with; what follows is the literal. Nothing
            of it is run, so that it may show the function.
  program   source of a function that is called on the literal; what it returns
            must be the expected value. Absent: the literal itself must.
  function  name of the function in `program`
  arity     number of its arguments; of more than one the literal is the tuple

The program may have been written by a model: it is confined as a candidate is,
and gets the literal as plain data.
"""

import ast
from collections.abc import Mapping
from typing import Any
import warnings

from swm_jax.verifiers.sandbox import protocol

_MAX_LITERAL = 4096  # characters


class Refused(ValueError):
  """The candidate is not one literal.

  Attributes:
    reason: one of `base.REASONS`.
  """

  def __init__(self, reason: str, detail: str):
    super().__init__(detail)
    self.reason = reason


def read(candidate: str, prefix: str) -> Any:
  """Returns the literal of a candidate, without running anything.

  Args:
    candidate: as a whole.
    prefix: what it has to begin with.

  Raises:
    Refused: if what follows the prefix is not one literal of plain data.
  """
  if not candidate.startswith(prefix):
    raise Refused('missing', 'does not begin as the problem says')
  text = candidate[len(prefix):].strip()
  if len(text) > _MAX_LITERAL:
    raise Refused('syntax', f'longer than {_MAX_LITERAL} characters')
  try:
    with warnings.catch_warnings():
      warnings.simplefilter('ignore')  # Odd escapes.
      tree = ast.parse(text, mode='eval')
  except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
    raise Refused('syntax', f'does not parse: {error}') from error
  try:
    value = ast.literal_eval(tree)
    protocol.encode(value)
  except (
      ValueError, TypeError, RecursionError, MemoryError,
  ) as error:  # What the protocol refuses is a ValueError too.
    raise Refused('refused', f'is no literal: {error}') from error
  return value


def arguments(spec: Mapping[str, Any], value: Any) -> tuple[Any, ...]:
  """Returns the arguments of the program of `spec` that a literal stands for.

  Raises:
    Refused: if there are fewer or more than the program takes.
  """
  if spec['arity'] == 1:
    return (value,)
  if type(value) is not tuple or len(value) != spec['arity']:
    raise Refused('refused', f'is no tuple of {spec["arity"]} arguments')
  return value
