"""Plain values as Python writes them, the same text in every process."""

import ast
from collections.abc import Sequence
from typing import Any

from swm_jax.verifiers.sandbox import compare


def text(value: Any) -> str:
  """Returns a literal; the members of sets are sorted by their text."""
  kind = type(value)
  if kind is list:
    return f'[{", ".join(map(text, value))}]'
  if kind is tuple:
    return f'({", ".join(map(text, value))}{"," * (len(value) == 1)})'
  if kind is dict:
    pairs = (f'{text(key)}: {text(item)}' for key, item in value.items())
    return f'{{{", ".join(pairs)}}}'
  if kind is set and value:
    return f'{{{", ".join(sorted(map(text, value)))}}}'
  return repr(value)


def arguments(args: Sequence[Any]) -> str:
  """Returns arguments as they are written in a call."""
  return ', '.join(map(text, args))


def exact(value: Any) -> bool:
  """Returns whether the value's text is a literal of the same value."""
  try:
    return compare.same(value, ast.literal_eval(text(value)))
  except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
    return False
