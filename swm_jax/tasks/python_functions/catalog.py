"""The suite of generated Python problems and its split for a night."""

from collections.abc import Mapping, Sequence
import functools
import hashlib
import importlib
import pkgutil

from swm_jax import types
from swm_jax.tasks import base
from swm_jax.tasks import python_functions

DAY = 'day'
HELD_OUT = 'held_out'
UNRELATED = 'unrelated'

# Of every explored type, on either side of the split.
MIN_TEMPLATES = 5


@functools.cache
def templates() -> Mapping[str, tuple[base.Template, ...]]:
  """Returns the templates of every type, types in alphabetical order.

  A type is a module of this package that defines TYPE and TEMPLATES.
  """
  by_type = {}
  for info in pkgutil.iter_modules(python_functions.__path__):
    module = importlib.import_module(f'{python_functions.__name__}.{info.name}')
    if hasattr(module, 'TEMPLATES'):
      by_type[module.TYPE] = tuple(module.TEMPLATES)
  return dict(sorted(by_type.items()))


def suite(seed: int = 0) -> list[types.Problem]:
  """Builds every problem.

  Args:
    seed: chooses the test inputs; functions and constants do not depend on it.

  Returns:
    Problems by type in alphabetical order.
  """
  problems = []
  for name, type_templates in templates().items():
    problems += base.build_problems(name, type_templates, seed)
  return problems


@functools.cache
def families() -> Mapping[tuple[str, str], str]:
  """Returns the family of every (type, template)."""
  return {
      (name, template.name): template.family
      for name, type_templates in templates().items()
      for template in type_templates
  }


def split(
    problems: Sequence[types.Problem],
    seed: int,
    explored: Sequence[str],
) -> dict[str, list[types.Problem]]:
  """Splits problems into what a night may see and what it is judged on.

  Whole families go to either side, so that no held-out problem asks for a
  function, or the mirror image of one, that is asked for by day. Families are
  placed from the largest to the smallest, equal ones in the order of a hash of
  the seed and the family, each where it balances the problem counts of its
  types best. The order of `problems` and `explored` has no influence, nor has
  a type that shares no family with the others.

  Args:
    problems: of the suite.
    seed: chooses the split.
    explored: types to divide between day and held-out; all others are
      unrelated.

  Returns:
    `day`, `held_out` and `unrelated` problems, each in the given order.

  Raises:
    ValueError: an explored type has no problem, or has fewer than 5 templates
      on a side; or a family belongs to an explored and to an unrelated type.
  """
  missing = set(explored) - {problem.type for problem in problems}
  if missing:
    raise ValueError(f'explored types without a problem: {sorted(missing)}')
  explored = set(explored)
  unrelated = [p for p in problems if p.type not in explored]
  counts = {}  # family -> type -> problems
  for problem in problems:
    if problem.type in explored:
      by_type = counts.setdefault(_family(problem), {})
      by_type[problem.type] = by_type.get(problem.type, 0) + 1
  both = sorted({_family(p) for p in unrelated} & counts.keys())
  if both:
    raise ValueError(
        f'families in explored and in unrelated types: {both}; explore all of '
        'their types or none'
    )

  def order(family: str) -> tuple[int, str]:
    return -sum(counts[family].values()), _digest(seed, family)

  side_of = {}
  surplus = dict.fromkeys(explored, 0)  # day minus held-out problems
  for family in sorted(counts, key=order):
    # Adding c to a surplus s changes s^2 by 2sc + c^2, subtracting it by
    # -2sc + c^2: the sign of sum(s * c) says which is better.
    tilt = sum(surplus[name] * c for name, c in counts[family].items())
    if tilt == 0:
      day = int(_digest(seed, family)[-1], 16) % 2 == 0
    else:
      day = tilt < 0
    side_of[family] = DAY if day else HELD_OUT
    for name, c in counts[family].items():
      surplus[name] += c if day else -c

  sides = {DAY: [], HELD_OUT: [], UNRELATED: unrelated}
  for problem in problems:
    if problem.type in explored:
      sides[side_of[_family(problem)]].append(problem)
  for side in (DAY, HELD_OUT):
    for name in sorted(explored):
      found = {p.template for p in sides[side] if p.type == name}
      if len(found) < MIN_TEMPLATES:
        raise ValueError(
            f'type {name} has {len(found)} templates in {side}, at least '
            f'{MIN_TEMPLATES} are needed; its families are too large'
        )
  return sides


def _family(problem: types.Problem) -> str:
  return families()[problem.type, problem.template]


def _digest(seed: int, family: str) -> str:
  return hashlib.sha256(f'{seed}/{family}'.encode()).hexdigest()
