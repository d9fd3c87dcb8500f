"""What functions do on given arguments: when it says something, when it fits.

A behaviour is the list of a function's answers to a list of argument tuples.
"""

from collections.abc import Callable, Iterable, Sequence
import copy
from typing import Any

from swm_jax import types
from swm_jax.tasks import base
from swm_jax.verifiers.sandbox import compare

MIN_DISTINCT = 3  # answers that tell a function from a constant or a guess
_LETTERS = frozenset(('lower', 'upper'))

Arguments = Sequence[Any]


def arity(problem: types.Problem) -> int:
  """Number of arguments of the function asked for."""
  return len(problem.tests[0][0])


def distinct(values: Iterable[Any]) -> list[Any]:
  """Values that differ from each other, in order of appearance."""
  kept = []
  for value in values:
    if not any(compare.same(value, other) for other in kept):
      kept.append(value)
  return kept


def equal(one: Sequence[Any], other: Sequence[Any]) -> bool:
  """Whether two behaviours are the same."""
  return len(one) == len(other) and all(map(compare.same, one, other))


def informative(inputs: Sequence[Arguments], values: Sequence[Any]) -> bool:
  """Whether answers can hardly be had without computing them.

  False for fewer than `MIN_DISTINCT` different ones, and where every answer is
  the same one of the arguments.
  """
  if len(distinct(values)) < MIN_DISTINCT:
    return False
  return not any(
      equal([args[i] for args in inputs], values)
      for i in range(len(inputs[0]))
  )


def kind(value: Any) -> str:
  """Type of a plain value with the types of its members, e.g. `list[int]`."""
  name = type(value).__name__
  if isinstance(value, dict):
    items = sorted({f'{kind(k)}: {kind(v)}' for k, v in value.items()})
  elif isinstance(value, (list, tuple, set, frozenset)):
    items = sorted({kind(item) for item in value})
  else:
    return name
  return f'{name}[{" | ".join(items)}]'


class Domain:
  """The values that a function's tests say it is meant for.

  Descriptions promise things of their arguments (not empty, different, at most
  23, sorted, with a comma); a value fits if it has every such property that all
  tested ones have.
  """

  def __init__(self, values: Sequence[Any]):
    """Takes the values of one argument in all tests."""
    self._kinds = {kind(value) for value in values}
    sizes = [_size(value) for value in values]
    self._low, self._high = min(sizes), max(sizes)
    numbers = [n for value in values for n in _numbers(value)]
    self._numbers = (min(numbers), max(numbers)) if numbers else None
    characters = [_characters(value) for value in values]
    self._needed = frozenset.intersection(*characters) - _LETTERS
    self._known = frozenset.union(*characters)
    self._properties = [
        holds for holds in (_different, _ascending)
        if all(map(holds, values))
    ]

  def __contains__(self, value: Any) -> bool:
    if kind(value) not in self._kinds:
      return False
    if not self._low <= _size(value) <= self._high:
      return False
    if not self._needed <= _characters(value) <= self._known:
      return False
    numbers = _numbers(value)
    if numbers and self._numbers:
      low, high = self._numbers
      if not low <= min(numbers) <= max(numbers) <= high:
        return False
    return all(holds(value) for holds in self._properties)


def domains(problem: types.Problem) -> list[Domain]:
  """Of each argument."""
  return [
      Domain(values) for values in zip(*(args for args, _ in problem.tests))
  ]


class Reference:
  """A reference of ours that is asked only what it is meant for."""

  def __init__(self, problem: types.Problem):
    self._domains = domains(problem)
    self._function: Callable[..., Any] = base.load_function(
        problem.reference, problem.entry_point
    )

  def fits(self, args: Arguments) -> bool:
    """Whether the problem is about such arguments."""
    return len(args) == len(self._domains) and all(
        value in domain for value, domain in zip(args, self._domains)
    )

  def __call__(self, args: Arguments) -> Any:
    """The answer; the arguments are not changed."""
    return self._function(*copy.deepcopy(tuple(args)))

  def does(
      self, inputs: Sequence[Arguments], values: Sequence[Any]
  ) -> bool:
    """Whether it behaves so, on the `MIN_DISTINCT` or more that fit."""
    asked = [(a, v) for a, v in zip(inputs, values) if self.fits(a)]
    if len(asked) < MIN_DISTINCT:
      return False
    try:
      return all(compare.same(v, self(a)) for a, v in asked)
    except Exception:  # pylint: disable=broad-exception-caught
      return False  # Not meant for it after all.


def _size(value: Any) -> int:
  return len(value) if isinstance(value, (str, list, tuple, dict, set)) else 0


def _scalars(value: Any) -> list[Any]:
  """What a container holds, at any depth."""
  if isinstance(value, dict):
    value = value.items()
  elif not isinstance(value, (list, tuple, set, frozenset)):
    return [value]
  return [scalar for item in value for scalar in _scalars(item)]


def _numbers(value: Any) -> list[float]:
  return [
      n for n in _scalars(value)
      if isinstance(n, (int, float)) and not isinstance(n, bool)
  ]


def _characters(value: Any) -> frozenset[str]:
  """Classes of the characters in strings; punctuation is itself."""
  return frozenset(
      'digit' if c.isdigit() else 'lower' if c.islower()
      else 'upper' if c.isupper() else c
      for text in _scalars(value) if isinstance(text, str) for c in text
  )


def _different(value: Any) -> bool:
  return not isinstance(value, (list, tuple)) or len(distinct(value)) == len(
      value
  )


def _ascending(value: Any) -> bool:
  if not isinstance(value, (list, tuple)):
    return True
  try:
    return list(value) == sorted(value)
  except TypeError:
    return False
