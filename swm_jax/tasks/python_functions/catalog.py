"""The suite of generated Python problems and its split for a night."""

from collections.abc import Mapping
import functools
import importlib
import pkgutil

from swm_jax import types
from swm_jax.tasks import base
from swm_jax.tasks import python_functions

NAME = 'python_functions'
DOMAIN = 'python'
STOP_STRINGS = ()
COLUMN_ZERO = True  # The next definition, or the closing fence.
UNRELATED_TYPES = (
    'boolean_logic',
    'dict_lookup',
    'nested_list',
    'number_arithmetic',
    'number_conditional',
    'number_geometry',
    'string_case',
    'tuple_ops',
)


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
