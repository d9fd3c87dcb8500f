"""Problems that ask for f(g(x)), from two problems of the day.

The model may know both steps and yet not what they make together; the reference
and the tests of the new problem follow from those of its parts.
"""

import ast
from collections.abc import Mapping, Sequence
import random
import textwrap

from swm_jax import types
from swm_jax.rem import behaviour
from swm_jax.tasks import base

TYPE = 'composed'
_PROMPT = """```python
# First: {first}
# Then, with that result as {name}: {second}
def {entry_point}({arguments}):"""


def build(
    problems: Sequence[types.Problem],
    count: int,
    *,
    seed: int,
    forbidden: Sequence[types.Problem] = (),
    families: Mapping[tuple[str, str], str] | None = None,
) -> list[types.Problem]:
  """Composes pairs of problems whose types fit.

  A pair is refused if too few answers of g are what f is meant for, if its own
  answers are nearly constant or an argument, and if a given or forbidden
  problem, f and g among them, asks for the same behaviour.

  Args:
    problems: of the day, in Python and with references.
    count: most compositions.
    seed: of their choice.
    forbidden: what is evaluated. Its references are run to compare, and no part
      may share a family with it.
    families: of every (type, template), to know such parts; None if there is
      nothing forbidden.

  Returns:
    Problems `composed/<g>+<f>/k` of as many different pairs of templates.
  """
  held_out = {families[p.type, p.template] for p in forbidden}
  parts = [
      p for p in problems
      if not held_out or families[p.type, p.template] not in held_out
  ]
  references = {p.id: behaviour.Reference(p) for p in (*problems, *forbidden)}
  firsts = [p for p in parts if _single_return(p) is not None]
  seconds = [p for p in parts if behaviour.arity(p) == 1]
  kinds = {p.id: {behaviour.kind(value) for _, value in p.tests} for p in parts}
  takes = {
      p.id: {behaviour.kind(value) for (value,), _ in p.tests} for p in seconds
  }
  pairs = [
      (g, f) for g in firsts for f in seconds
      if g.template != f.template and kinds[g.id] & takes[f.id]
  ]
  random.Random(seed).shuffle(pairs)
  made: dict[tuple[str, str], types.Problem] = {}
  for g, f in pairs:
    if len(made) >= count:
      break
    if (g.template, f.template) not in made:
      problem = _compose(g, f, references)
      if problem is not None:
        made[g.template, f.template] = problem
  return list(made.values())


def _compose(
    g: types.Problem,
    f: types.Problem,
    references: Mapping[str, behaviour.Reference],
) -> types.Problem | None:
  """The problem of one pair, or None if it is refused."""
  inputs = [
      args for args, value in g.tests if references[f.id].fits((value,))
  ]
  if len(inputs) < base.MIN_TESTS:
    return None
  entry_point = f'{g.template}_then_{f.template}'
  name = f'{g.template}+{f.template}'
  problem_id = f'{TYPE}/{name}/{_number(g) * base.MAX_PARAMETERS + _number(f)}'
  source = _source(g, f, entry_point)
  try:
    tests = base.run_tests(problem_id, source, entry_point, inputs)
  except ValueError:  # f promises itself more than its tests show.
    return None
  values = [value for _, value in tests]
  if not behaviour.informative(inputs, values):
    return None
  # Both parts are among them: neither step is for nothing.
  if any(other.does(inputs, values) for other in references.values()):
    return None
  (parameter,) = _arguments(f)
  return types.Problem(
      id=problem_id,
      type=TYPE,
      template=name,
      prompt=_PROMPT.format(
          first=_description(g),
          second=_description(f),
          name=f'the new {parameter}' if parameter in _arguments(g)
          else parameter,
          entry_point=entry_point,
          arguments=', '.join(_arguments(g)),
      ),
      entry_point=entry_point,
      tests=tests,
      reference=source,
  )


def _source(g: types.Problem, f: types.Problem, entry_point: str) -> str:
  """The reference: g's value takes the name of f's parameter."""
  (parameter,) = _arguments(f)
  _, _, body = f.reference.partition(':\n')
  return (
      f'def {entry_point}({", ".join(_arguments(g))}):\n'
      f'    {parameter} = {_single_return(g)}\n'
      f'{textwrap.indent(textwrap.dedent(body), "    ")}'
  )


def _function(problem: types.Problem) -> ast.FunctionDef:
  (function,) = ast.parse(problem.reference).body
  return function


def _arguments(problem: types.Problem) -> Sequence[str]:
  return [arg.arg for arg in _function(problem).args.args]


def _single_return(problem: types.Problem) -> str | None:
  """The expression that a reference is, None if it is more than one."""
  match _function(problem).body:
    case [ast.Return(value=value)]:
      return ast.get_source_segment(problem.reference, value)
  return None


def _description(problem: types.Problem) -> str:
  """The comment of a prompt."""
  return ' '.join(
      line.removeprefix('#').strip()
      for line in problem.prompt.splitlines() if line.startswith('#')
  )


def _number(problem: types.Problem) -> int:
  """Which of its template's constants a problem has."""
  return int(problem.id.rpartition('/')[2])
