"""Templates: how a problem type writes down its functions.

A type is a list of templates, a template is one Python function with up to
three choices of its constants, and every choice is one `types.Problem`. Tests
come from running the template's own reference solution on drawn inputs.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
import copy
import dataclasses
import hashlib
import random
import textwrap
from typing import Any

from swm_jax import types

MAX_PARAMETERS = 3
MIN_TESTS = 8
# Of every explored type, on either side of a split.
MIN_TEMPLATES = 5
# Of every explored type, in what a split for tuning keeps and sets apart.
MIN_TUNING_TEMPLATES = 1

DAY = 'day'
HELD_OUT = 'held_out'
UNRELATED = 'unrelated'

Inputs = Callable[[random.Random], Sequence[tuple[Any, ...]]]


@dataclasses.dataclass(frozen=True)
class Template:
  """One function that the suite asks for.

  Attributes:
    name: name of the function and of the template, unique in its type.
    family: key over the whole suite. Templates that ask for the same function
      with another constant, or for its mirror image (greater/less, first/last,
      max/min, prefix/suffix, even/odd), share a family, so that a split by
      family never evaluates on a mirror image of what was trained on.
    describe: `str.format` template of the one-line description.
    reference: `str.format` template of the solution: either one expression,
      whose value is returned, or the lines of the body without their common
      indentation. Literal braces are doubled.
    arguments: the argument list as written in the definition, e.g. `a, n`.
    inputs: draws at least 8 argument tuples, edge cases included.
    parameters: up to 3 choices of the constants used in `describe` and
      `reference`.
  """

  name: str
  family: str
  describe: str
  reference: str
  arguments: str
  inputs: Inputs
  parameters: tuple[Mapping[str, Any], ...] = ({},)

  def __post_init__(self):
    if not 1 <= len(self.parameters) <= MAX_PARAMETERS:
      raise ValueError(
          f'template {self.name} has {len(self.parameters)} parameterisations; '
          f'give 1 to {MAX_PARAMETERS}'
      )

  def header(self) -> str:
    return f'def {self.name}({self.arguments}):'

  def source(self, constants: Mapping[str, Any]) -> str:
    """Returns the full source of the reference solution."""
    body = textwrap.dedent(self.reference).strip('\n').format(**constants)
    if _is_expression(body):
      body = f'return {body}'
    return f'{self.header()}\n{textwrap.indent(body, "    ")}\n'


def build_problems(
    type_name: str, templates: Sequence[Template], seed: int
) -> list[types.Problem]:
  """Builds every parameterisation of the templates of one type.

  Args:
    type_name: the problem type, first part of the ids.
    templates: the type's templates.
    seed: chooses the test inputs, nothing else.

  Returns:
    Problems `type/template/k`, in the order of the templates.

  Raises:
    ValueError: a template draws too few inputs, or its reference raises on one.
  """
  problems = []
  for template in templates:
    for k, constants in enumerate(template.parameters):
      problem_id = f'{type_name}/{template.name}/{k}'
      description = template.describe.format(**constants)
      source = template.source(constants)
      arguments = template.inputs(_rng(seed, problem_id))
      problems.append(types.Problem(
          id=problem_id,
          type=type_name,
          template=template.name,
          # Newline and indentation are one token of the model's vocabulary: a
          # prompt that goes on after the colon makes it unreachable.
          prompt=f'```python\n# {description}\n{template.header()}',
          entry_point=template.name,
          tests=run_tests(problem_id, source, template.name, arguments),
          reference=source,
      ))
  return problems


def run_tests(
    problem_id: str,
    source: str,
    entry_point: str,
    arguments: Sequence[tuple[Any, ...]],
) -> tuple[tuple[tuple[Any, ...], Any], ...]:
  """Pairs every argument tuple with what the reference returns for it."""
  if len(arguments) < MIN_TESTS:
    raise ValueError(
        f'{problem_id} draws {len(arguments)} inputs; draw at least {MIN_TESTS}'
    )
  function = load_function(source, entry_point)
  tests = []
  for args in arguments:
    try:
      # The reference may change its arguments; the test must not see that.
      expected = function(*copy.deepcopy(args))
    except Exception as error:
      raise ValueError(
          f'reference of {problem_id} raises {error!r} on {args!r}'
      ) from error
    tests.append((args, copy.deepcopy(expected)))
  return tuple(tests)


def load_function(source: str, entry_point: str) -> Callable[..., Any]:
  """Returns a function from source of our own; never call it on a model's."""
  namespace = {}
  code = compile(source, f'<{entry_point}>', 'exec')
  exec(code, namespace)  # pylint: disable=exec-used
  return namespace[entry_point]


def _is_expression(body: str) -> bool:
  try:
    ast.parse(body, mode='eval')
  except SyntaxError:
    return False
  return True


def _rng(seed: int, problem_id: str) -> random.Random:
  digest = hashlib.sha256(f'{seed}/{problem_id}'.encode()).digest()
  return random.Random(int.from_bytes(digest[:8], 'big'))


def split(
    problems: Sequence[types.Problem],
    families: Mapping[tuple[str, str], str],
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
    problems: of a suite.
    families: key of every (type, template); templates that ask for the same
      thing with another constant, or for its mirror image, share one.
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
  family_of = lambda problem: families[problem.type, problem.template]
  unrelated = [p for p in problems if p.type not in explored]
  counts = _count([p for p in problems if p.type in explored], family_of)
  both = sorted({family_of(p) for p in unrelated} & counts.keys())
  if both:
    raise ValueError(
        f'families in explored and in unrelated types: {both}; explore all of '
        'their types or none'
    )

  apart = _place(counts, seed, keep=1, apart=1)
  sides = {DAY: [], HELD_OUT: [], UNRELATED: unrelated}
  for problem in problems:
    if problem.type in explored:
      side = HELD_OUT if family_of(problem) in apart else DAY
      sides[side].append(problem)
  for side in (DAY, HELD_OUT):
    _check_templates(side, sides[side], explored, MIN_TEMPLATES)
  return sides


def set_apart(
    problems: Sequence[types.Problem],
    families: Mapping[tuple[str, str], str],
    seed: int,
    minimum: int = MIN_TUNING_TEMPLATES,
) -> tuple[list[types.Problem], list[types.Problem]]:
  """Sets a third of the problems apart, again by whole families.

  What is tuned on the smaller part says nothing of the problems that `split`
  held out, and has not been trained on the larger part either.

  Args:
    problems: one side of a split.
    families: as of `split`.
    seed: chooses the families, apart from `split` with the same seed.
    minimum: templates of every type in either part.

  Returns:
    The two thirds that stay and the third set apart, each in the given order.

  Raises:
    ValueError: a type has fewer templates in a part; its families are too
      large.
  """
  family_of = lambda problem: families[problem.type, problem.template]
  counts = _count(problems, family_of)
  # Another order than that of the split, which used the hash with the seed.
  apart = _place(counts, f'{seed}/apart', keep=2, apart=1)
  stays = [p for p in problems if family_of(p) not in apart]
  taken = [p for p in problems if family_of(p) in apart]
  names = {problem.type for problem in problems}
  _check_templates('what stays', stays, names, minimum)
  _check_templates('what is set apart for tuning', taken, names, minimum)
  return stays, taken


def _count(problems, family_of) -> dict[str, dict[str, int]]:
  """Family -> type -> problems."""
  counts = {}
  for problem in problems:
    by_type = counts.setdefault(family_of(problem), {})
    by_type[problem.type] = by_type.get(problem.type, 0) + 1
  return counts


def _place(
    counts: Mapping[str, Mapping[str, int]],
    seed: int | str,
    *,
    keep: int,
    apart: int,
) -> set[str]:
  """Families to set apart, so that types come to lie as `keep` to `apart`."""

  def order(family: str) -> tuple[int, str]:
    return -sum(counts[family].values()), _digest(seed, family)

  taken = set()
  # apart x problems kept - keep x problems taken, 0 where a type is balanced.
  surplus = dict.fromkeys((n for by in counts.values() for n in by), 0)
  for family in sorted(counts, key=order):
    # Keeping c adds a c to a surplus s and changes s^2 by 2a sc + a^2 c^2;
    # taking it subtracts k c: -2k sc + k^2 c^2. The sign of the difference,
    # over a + k, says which is better.
    tilt = sum(
        2 * surplus[name] * c + (apart - keep) * c * c
        for name, c in counts[family].items()
    )
    if tilt == 0:
      kept = int(_digest(seed, family)[-1], 16) % 2 == 0
    else:
      kept = tilt < 0
    if not kept:
      taken.add(family)
    for name, c in counts[family].items():
      surplus[name] += apart * c if kept else -keep * c
  return taken


def _check_templates(side, problems, names, minimum: int) -> None:
  for name in sorted(names):
    found = {p.template for p in problems if p.type == name}
    if len(found) < minimum:
      raise ValueError(
          f'type {name} has {len(found)} templates in {side}, at least'
          f' {minimum} are needed; its families are too large'
      )


def _digest(seed: int | str, family: str) -> str:
  return hashlib.sha256(f'{seed}/{family}'.encode()).hexdigest()
