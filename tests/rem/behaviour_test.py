"""What answers say about a function, and which arguments it is meant for."""

import pytest

from swm_jax import types
from swm_jax.rem import behaviour


def problem(name, body, tests):
  return types.Problem(
      id=f't/{name}/0', type='t', template=name, prompt=f'def {name}(a):',
      entry_point=name, tests=tuple(((a,), b) for a, b in tests),
      reference=f'def {name}(a):\n    return {body}\n',
  )


@pytest.mark.parametrize('values, expected', [
    ([1, 2, 3, 1], True),
    ([1, 2, 1, 2], False),  # two answers: half of all guesses are right
    ([0, 5, 9, 4], False),  # the first argument
    ([1, True, 1.0, 2], True),  # True is no number
    ([1, 1.0, 2, 2.0], False),
])
def test_what_is_constant_or_an_argument_says_little(values, expected):
  inputs = [(0, 9), (5, 9), (9, 9), (4, 9)]
  assert behaviour.informative(inputs, values) is expected


def test_kinds_name_the_types_of_members():
  assert behaviour.kind([1, 2]) == 'list[int]'
  assert behaviour.kind({'a': [1], 'b': ['x']}) == (
      'dict[str: list[int] | str: list[str]]'
  )
  assert behaviour.kind([]) == 'list[]'
  assert behaviour.kind(True) == 'bool'


@pytest.mark.parametrize('tested, fits, not_fits', [
    ([1, 5, 23], 7, 24),
    ([1, 5, 23], 1, 'a'),
    ([[1, 2], [3]], [2], []),  # never empty
    ([[1, 2], [7, 3, 5]], [2, 7], [2, 2]),  # always different
    ([[1, 1], [2, 5]], [3, 4], [4, 3]),  # always ascending
    ([[1, 1], [5, 2]], [4, 3], [9, 3]),  # no number beyond 5
    (['a,b', 'c,'], 'd,e', 'd'),  # always a comma
    (['12', '3'], '4', 'x'),  # digits only
    (['a', 'bc'], 'cd', 'cde'),
])
def test_a_value_fits_with_every_property_of_the_tests(tested, fits, not_fits):
  domain = behaviour.Domain(tested)
  assert fits in domain
  assert not_fits not in domain


def test_a_reference_is_compared_on_what_it_is_meant_for_alone():
  half = behaviour.Reference(
      problem('half', '10 // a', [(1, 10), (2, 5), (5, 2), (10, 1)])
  )
  inputs = [(0,), (1,), (2,), (5,)]
  # 10 // 0 would raise; 0 is not asked.
  assert half.does(inputs, [7, 10, 5, 2])
  assert not half.does(inputs, [7, 10, 5, 3])
  # Too few to say.
  assert not half.does(inputs[:3], [7, 10, 5])


def test_a_reference_does_not_change_its_arguments():
  pop = behaviour.Reference(problem('pop', 'a.pop()', [([1, 2], 2), ([3], 3)]))
  value = [1, 2]
  assert pop((value,)) == 2
  assert value == [1, 2]
