"""Python functions under two conventions that conflict.

The projects `alpha` and `beta` ask for the same functions in the same words and
mean different things by them: a range without or with its end, ascending or
descending order, first minus second or the reverse, and so on. A prompt names
its project and never its convention, so that what one project taught misleads
in the other:

  # project: beta
  # Given a list of numbers a, return it sorted.
  def in_order(a):

A type is one subject of one project, e.g. `beta_order`. A function and its
twin in the other project are one family: they are on the same side of every
split, and a held-out problem asks for a function that no night has seen, in
either project. What can be carried over to it is the convention.
"""

from collections.abc import Mapping
import functools

from swm_jax import types
from swm_jax.tasks import base
from swm_jax.tasks.conventions import comparing
from swm_jax.tasks.conventions import counting

NAME = 'conventions'
DOMAIN = 'python'
STOP_STRINGS = ()
COLUMN_ZERO = True  # The next definition, or the closing fence.

PROJECTS = ('alpha', 'beta')
_SUBJECTS = {
    'ranges': counting.RANGES,
    'limits': counting.LIMITS,
    'differences': counting.DIFFERENCES,
    'order': comparing.ORDER,
    'letters': comparing.LETTERS,
    'ends': comparing.ENDS,
    'style': comparing.STYLE,
}


def types_of(project: str) -> tuple[str, ...]:
  """Returns the problem types of a project."""
  return tuple(f'{project}_{subject}' for subject in _SUBJECTS)


@functools.cache
def templates() -> Mapping[str, tuple[base.Template, ...]]:
  """Returns the templates of every type."""
  return {
      f'{project}_{subject}': tuple(
          base.Template(
              name=function.name,
              family=f'{subject}/{function.name}',
              describe=f'project: {project}\n# {function.describe}',
              reference=getattr(function, project),
              arguments=function.arguments,
              inputs=function.inputs,
              parameters=function.parameters,
          )
          for function in functions
      )
      for project in PROJECTS
      for subject, functions in _SUBJECTS.items()
  }


def suite(seed: int = 0) -> list[types.Problem]:
  """Builds every problem, those of alpha first.

  Args:
    seed: chooses the test inputs, nothing else.
  """
  return [
      problem for name, group in templates().items()
      for problem in base.build_problems(name, group, seed)
  ]


@functools.cache
def families() -> Mapping[tuple[str, str], str]:
  """Returns the family of every (type, template); see `base.split`."""
  return {
      (name, template.name): template.family
      for name, group in templates().items() for template in group
  }
