"""Small C++ functions, and programs that read a line and print one.

Expected values come from a Python solution of the same template, not from the
C++ reference, so that each checks the other.
"""

from collections.abc import Mapping, Sequence
import functools
import hashlib
import random
import string
import textwrap

from swm_jax import types
from swm_jax.tasks import base
from swm_jax.tasks import cpp_functions
from swm_jax.tasks import cpp_programs
from swm_jax.tasks import cpp_template

NAME = 'cpp'
DOMAIN = 'cpp'
STOP_STRINGS = ('```',)
UNRELATED_TYPES = ('conditionals',)

_INDENT = '    '
_FUNCTION_TASK = 'Complete the C++ function.'
_PROGRAM_TASK = 'Complete the C++ program.'
_FUNCTION_HEADERS = """\
#include <algorithm>
#include <string>
#include <vector>
using namespace std;

"""
_PROGRAM_HEADERS = """\
#include <iostream>
#include <string>
using namespace std;

"""


@functools.cache
def templates() -> Mapping[str, tuple[cpp_template.Template, ...]]:
  """Returns the templates of every type."""
  return {**cpp_functions.TEMPLATES, **cpp_programs.TEMPLATES}


@functools.cache
def families() -> Mapping[tuple[str, str], str]:
  """Returns the family of every (type, template); see `base.split`."""
  return {
      (type_name, template.name): template.family
      for type_name, group in templates().items()
      for template in group
  }


def suite(seed: int = 0) -> list[types.Problem]:
  """Builds every problem.

  Args:
    seed: chooses the test inputs; functions and constants do not depend on it.

  Returns:
    Problems `type/template/k` by type.
  """
  return [
      _problem(type_name, template, k, constants, seed)
      for type_name, group in templates().items()
      for template in group
      for k, constants in enumerate(template.constants)
  ]


def _problem(
    type_name: str,
    template: cpp_template.Template,
    k: int,
    constants: Mapping[str, object],
    seed: int,
) -> types.Problem:
  fill = lambda text: string.Template(text).substitute(constants)
  problem_id = f'{type_name}/{template.name}/{k}'
  comment = textwrap.fill(
      fill(template.describe), 78, initial_indent='// ', subsequent_indent='// '
  )
  reference = fill(template.cpp)
  tests = _tests(problem_id, template, fill(template.python), seed)
  if template.returns:
    task, headers = _FUNCTION_TASK, _FUNCTION_HEADERS
    parameters = ', '.join(
        f'{kind} {name}' for kind, name in template.arguments
    )
    opening = f'{template.returns} {template.name}({parameters}) {{'
    if ';' not in reference:
      reference = f'return {reference};'
    kinds = {
        'entry_point': template.name,
        'tests': tests,
        'spec': {
            'parameters': tuple(kind for kind, _ in template.arguments),
            'returns': template.returns,
        },
    }
  else:
    task, headers = _PROGRAM_TASK, _PROGRAM_HEADERS
    opening = 'int main() {\n' + textwrap.indent(_reading(template), _INDENT)
    cases = tuple((_line(args), output) for args, output in tests)
    kinds = {'spec': {'cases': cases}}
  start = f'{headers}{comment}\n{opening}'
  return types.Problem(
      id=problem_id,
      type=type_name,
      template=template.name,
      prompt=(
          f'{task}\n\n```cpp\n{cpp_template.EXAMPLES[type_name]}```\n\n'
          f'{task}\n\n```cpp\n{start}'
      ),
      question=f'{comment}\n{opening}',
      reference=f'{start}\n{textwrap.indent(reference, _INDENT)}\n}}\n',
      domain=DOMAIN,
      **kinds,
  )


def _reading(template: cpp_template.Template) -> str:
  """The statements that read the arguments of a program."""
  declared = '\n'.join(f'{kind} {name};' for kind, name in template.arguments)
  names = ' >> '.join(name for _, name in template.arguments)
  return f'{declared}\ncin >> {names};'


def _line(args: Sequence[object]) -> str:
  return ' '.join(map(str, args)) + '\n'


def _tests(
    problem_id: str,
    template: cpp_template.Template,
    python: str,
    seed: int,
) -> tuple[tuple[tuple[object, ...], object], ...]:
  """Draws inputs and runs the Python solution on them."""
  digest = hashlib.sha256(f'{seed}/{problem_id}'.encode()).digest()
  arguments = template.inputs(
      random.Random(int.from_bytes(digest[:8], 'big'))
  )
  names = ', '.join(name for _, name in template.arguments)
  source = f'def solve({names}):\n{textwrap.indent(_returning(python), "  ")}'
  return base.run_tests(problem_id, source, 'solve', arguments)


def _returning(python: str) -> str:
  return python if 'return ' in python else f'return {python}'
