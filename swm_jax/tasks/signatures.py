"""Types of plain values as text, and inputs drawn for them.

`list[int]`, `dict[str, int]`, `tuple[int, int]`: what a list of examples says
about an argument. Empty containers are of the type of the others.
"""

from collections.abc import Iterable, Sequence
import random
from typing import Any

from swm_jax.tasks.python_functions import inputs
from swm_jax.tasks.python_functions import structured_inputs

_NUMBERS = ('int', 'float')
_FLOAT = inputs.Argument(
    (0.0, -1.5), lambda rng: rng.randint(-40, 80) / 4
)


def of(value: Any) -> str:
  """Returns the type of a plain value, '' if its items are of several types."""
  kind = type(value)
  if kind in (list, set, frozenset, dict) and not value:
    return kind.__name__
  if kind in (list, set, frozenset):
    return _container(kind.__name__, [_common(map(of, value))])
  if kind is dict:
    keys, items = map(of, value), map(of, value.values())
    return _container('dict', [_common(keys), _common(items)])
  if kind is tuple:
    return _container('tuple', [of(item) for item in value])
  return 'None' if value is None else kind.__name__


def infer(examples: Iterable[Sequence[Any]]) -> tuple[str, ...] | None:
  """Returns the types of the arguments of a function.

  Args:
    examples: argument tuples.

  Returns:
    One type an argument; None if the examples differ in number or type.
  """
  rows = [tuple(map(of, args)) for args in examples]
  if not rows or len({len(row) for row in rows}) > 1:
    return None
  types = tuple(map(_common, zip(*rows, strict=True)))
  return types if all(types) else None


def fits(value: Any, type_text: str) -> bool:
  """Returns whether a value is of a type."""
  return merge(of(value), type_text) == type_text


def merge(first: str, second: str) -> str:
  """Returns the type of values of either type, '' if there is none."""
  if first == second:
    return first
  if first in _NUMBERS and second in _NUMBERS:
    return 'float'
  (name, parts), (other, others) = _split(first), _split(second)
  if name != other or not name or name in _NUMBERS:
    return ''
  if name == 'tuple' and len(parts) != len(others):
    return ''
  if not parts or not others:  # Of an empty container.
    return first if parts else second
  return _container(name, [merge(a, b) for a, b in zip(parts, others)])


def argument(type_text: str) -> inputs.Argument:
  """Returns what draws values of a type.

  Raises:
    ValueError: if nothing draws values of this type.
  """
  name, parts = _split(type_text)
  if name == 'tuple':
    return structured_inputs.tuple_of(*map(argument, parts))
  if type_text == 'list[int]':
    return inputs.ints()
  if type_text == 'list[str]':
    return inputs.words()
  if name == 'list':
    return inputs.list_of(argument(parts[0] if parts else 'int'), longest=5)
  if name in ('set', 'frozenset'):
    kind = set if name == 'set' else frozenset
    items = inputs.list_of(argument(parts[0] if parts else 'int'))
    return structured_inputs.mapped(kind, items)
  if name == 'dict':
    key, value = parts or ('str', 'int')
    # Whole words, since keys of several make long examples.
    keys = inputs.word(edges=()) if key == 'str' else argument(key)
    return structured_inputs.dict_of(keys, argument(value), longest=4)
  scalars = {
      'int': inputs.integer(edges=(0, 1)),
      'float': _FLOAT,
      'bool': inputs.boolean(),
      'str': structured_inputs.text(),
  }
  if name not in scalars:
    raise ValueError(f'nothing draws values of type {type_text!r}')
  return scalars[name]


def drawable(types: Sequence[str]) -> bool:
  """Returns whether `argument` knows every one of the types."""
  try:
    list(map(argument, types))
  except ValueError:
    return False
  return True


def draw(types: Sequence[str], count: int, seed: str) -> list[tuple[Any, ...]]:
  """Draws argument tuples, the same for equal types, counts and seeds."""
  cases = inputs.cases(*map(argument, types), count=count)
  return cases(random.Random(f'{seed}/{", ".join(types)}'))[:count]


def _common(types: Iterable[str]) -> str:
  """Merges types; '' if they differ."""
  types = list(types)
  merged = types[0]
  for other in types[1:]:
    merged = merge(merged, other)
  return merged


def _container(name: str, parts: Sequence[str]) -> str:
  if not all(parts):
    return ''
  return f'{name}[{", ".join(parts)}]' if parts else name


def _split(text: str) -> tuple[str, list[str]]:
  """`dict[str, list[int]]` is `dict` and [`str`, `list[int]`]."""
  name, bracket, rest = text.partition('[')
  if not bracket:
    return name, []
  parts, depth = [''], 0
  for character in rest[:-1]:
    depth += (character == '[') - (character == ']')
    if character == ',' and not depth:
      parts.append('')
    else:
      parts[-1] += character
  return name, [part.strip() for part in parts]
