"""Functions that change every element of a list."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

_INTS = inputs.cases(inputs.ints())
_NATURALS = inputs.cases(inputs.ints(0, 40))

TYPE = 'list_map'

TEMPLATES = (
  base.Template(
      name='add_to_each',
      family='map_add',
      describe=(
          'Given a list of integers a, return a list with {n} added to every '
          'element.'
      ),
      reference='[x + {n} for x in a]',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 1}, {'n': 5}, {'n': 10}),
  ),
  base.Template(
      name='subtract_from_each',
      family='map_add',
      describe=(
          'Given a list of integers a, return a list with {n} subtracted from '
          'every element.'
      ),
      reference='[x - {n} for x in a]',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 2}, {'n': 3}, {'n': 7}),
  ),
  base.Template(
      name='multiply_each',
      family='map_multiply',
      describe=(
          'Given a list of integers a, return a list with every element '
          'multiplied by {n}.'
      ),
      reference='[x * {n} for x in a]',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 2}, {'n': 3}, {'n': 10}),
  ),
  base.Template(
      name='raise_each',
      family='map_power',
      describe=(
          'Given a list of integers a, return a list with every element raised '
          'to the power {n}.'
      ),
      reference='[x ** {n} for x in a]',
      arguments='a',
      inputs=inputs.cases(inputs.ints(-5, 9)),
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='negate_each',
      family='map_negate',
      describe=(
          'Given a list of integers a, return a list with the sign of every '
          'element changed.'
      ),
      reference='[-x for x in a]',
      arguments='a',
      inputs=_INTS,
  ),
  base.Template(
      name='distances_from',
      family='map_distance',
      describe=(
          'Given a list of integers a, return a list of the absolute '
          'differences between every element and {n}.'
      ),
      reference='[abs(x - {n}) for x in a]',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 2}, {'n': 5}, {'n': 10}),
  ),
  base.Template(
      name='remainders',
      family='map_remainder',
      describe=(
          'Given a list of integers a, return a list of the remainders of '
          'every element divided by {n}.'
      ),
      reference='[x % {n} for x in a]',
      arguments='a',
      inputs=_NATURALS,
      parameters=({'n': 2}, {'n': 3}, {'n': 10}),
  ),
  base.Template(
      name='integer_quotients',
      family='map_quotient',
      describe=(
          'Given a list of integers a, return a list with every element '
          'divided by {n} using integer division.'
      ),
      reference='[x // {n} for x in a]',
      arguments='a',
      inputs=_NATURALS,
      parameters=({'n': 2}, {'n': 4}, {'n': 10}),
  ),
  base.Template(
      name='cap_each',
      family='map_limit',
      describe=(
          'Given a list of integers a, return a list in which every element '
          'greater than {n} is replaced by {n}.'
      ),
      reference='[min(x, {n}) for x in a]',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 5}, {'n': 8}, {'n': 10}),
  ),
  base.Template(
      name='raise_to_minimum',
      family='map_limit',
      describe=(
          'Given a list of integers a, return a list in which every element '
          'less than {n} is replaced by {n}.'
      ),
      reference='[max(x, {n}) for x in a]',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 0}, {'n': 2}, {'n': 6}),
  ),
  base.Template(
      name='replace_value',
      family='map_replace_value',
      describe=(
          'Given a list of integers a, return a list in which every {p} is '
          'replaced by {q}.'
      ),
      reference='[{q} if x == {p} else x for x in a]',
      arguments='a',
      inputs=inputs.cases(inputs.ints(-1, 4)),
      parameters=({'p': 0, 'q': 1}, {'p': 3, 'q': 0}, {'p': 2, 'q': 9}),
  ),
  base.Template(
      name='flag_above',
      family='map_flag_threshold',
      describe=(
          'Given a list of integers a, return a list of booleans that tell if '
          'each element is greater than {n}.'
      ),
      reference='[x > {n} for x in a]',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 0}, {'n': 4}, {'n': 10}),
  ),
  base.Template(
      name='numbers_to_strings',
      family='map_to_string',
      describe=(
          'Given a list of integers a, return a list of the elements as '
          'strings.'
      ),
      reference='[str(x) for x in a]',
      arguments='a',
      inputs=_INTS,
  ),
  base.Template(
      name='add_index',
      family='map_add_index',
      describe=(
          'Given a list of integers a, return a list in which its index is '
          'added to every element.'
      ),
      reference='[x + i for i, x in enumerate(a)]',
      arguments='a',
      inputs=_INTS,
  ),
  base.Template(
      name='scale_and_shift',
      family='map_affine',
      describe=(
          'Given a list of integers a, return a list with every element '
          'multiplied by {m} and then increased by {n}.'
      ),
      reference='[{m} * x + {n} for x in a]',
      arguments='a',
      inputs=_INTS,
      parameters=({'m': 2, 'n': 1}, {'m': 3, 'n': 5}, {'m': 10, 'n': 4}),
  ),
  base.Template(
      name='zero_small',
      family='map_zero_below',
      describe=(
          'Given a list of integers a, return a list in which every element '
          'that is not greater than {n} is replaced by 0.'
      ),
      reference='[x if x > {n} else 0 for x in a]',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 2}, {'n': 4}, {'n': 8}),
  ),
  base.Template(
      name='scale_even',
      family='map_scale_by_parity',
      describe=(
          'Given a list of integers a, return a list in which only the even '
          'elements are multiplied by {m}.'
      ),
      reference='[x * {m} if x % 2 == 0 else x for x in a]',
      arguments='a',
      inputs=_INTS,
      parameters=({'m': 2}, {'m': 3}, {'m': 10}),
  ),
)
