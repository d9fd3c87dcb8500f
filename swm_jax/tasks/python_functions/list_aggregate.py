"""Functions that turn a list, or selected elements of it, into one number."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

_INTS = inputs.cases(inputs.ints())
_SOME_INTS = inputs.cases(inputs.ints(shortest=1))

TYPE = 'list_aggregate'

TEMPLATES = (
  base.Template(
      name='sum_above',
      family='sum_by_threshold',
      describe=(
          'Given a list of integers a, return the sum of the elements greater '
          'than {n}.'
      ),
      reference='sum(x for x in a if x > {n})',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 0}, {'n': 5}, {'n': 10}),
  ),
  base.Template(
      name='sum_below',
      family='sum_by_threshold',
      describe=(
          'Given a list of integers a, return the sum of the elements less '
          'than {n}.'
      ),
      reference='sum(x for x in a if x < {n})',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 3}, {'n': 8}, {'n': 12}),
  ),
  base.Template(
      name='count_above',
      family='count_by_threshold',
      describe=(
          'Given a list of integers a, return how many elements are greater '
          'than {n}.'
      ),
      reference='len([x for x in a if x > {n}])',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 2}, {'n': 5}, {'n': 10}),
  ),
  base.Template(
      name='sum_multiples',
      family='sum_by_remainder',
      describe=(
          'Given a list of integers a, return the sum of the elements that are '
          'multiples of {n}.'
      ),
      reference='sum(x for x in a if x % {n} == 0)',
      arguments='a',
      inputs=inputs.cases(inputs.ints(-12, 30)),
      parameters=({'n': 2}, {'n': 3}, {'n': 5}),
  ),
  base.Template(
      name='count_multiples',
      family='count_by_remainder',
      describe=(
          'Given a list of integers a, return how many elements are divisible '
          'by {n}.'
      ),
      reference='len([x for x in a if x % {n} == 0])',
      arguments='a',
      inputs=inputs.cases(inputs.ints(-12, 30)),
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='sum_of_powers',
      family='sum_of_powers',
      describe=(
          'Given a list of integers a, return the sum of the elements raised '
          'to the power {n}.'
      ),
      reference='sum(x ** {n} for x in a)',
      arguments='a',
      inputs=inputs.cases(inputs.ints(-5, 9)),
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='product_of_elements',
      family='product_of_list',
      describe=(
          'Given a non-empty list of integers a, return the product of all '
          'elements.'
      ),
      reference="""
          result = 1
          for x in a:
              result *= x
          return result
      """,
      arguments='a',
      inputs=inputs.cases(inputs.ints(-4, 6, shortest=1, longest=6)),
  ),
  base.Template(
      name='range_of_values',
      family='spread_of_list',
      describe=(
          'Given a non-empty list of integers a, return the largest element '
          'minus the smallest element.'
      ),
      reference='max(a) - min(a)',
      arguments='a',
      inputs=_SOME_INTS,
  ),
  base.Template(
      name='sum_plus',
      family='sum_with_offset',
      describe=(
          'Given a list of integers a, return the sum of the elements plus {n}.'
      ),
      reference='sum(a) + {n}',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 1}, {'n': 10}, {'n': 100}),
  ),
  base.Template(
      name='count_value',
      family='count_of_value',
      describe=(
          'Given a list of integers a, return how many times {n} occurs in a.'
      ),
      reference='a.count({n})',
      arguments='a',
      inputs=inputs.cases(inputs.ints(-1, 3)),
      parameters=({'n': 0}, {'n': 1}, {'n': 3}),
  ),
  base.Template(
      name='sum_distances',
      family='sum_of_distances',
      describe=(
          'Given a list of integers a, return the sum of the absolute '
          'differences between every element and {n}.'
      ),
      reference='sum(abs(x - {n}) for x in a)',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 2}, {'n': 5}, {'n': 10}),
  ),
  base.Template(
      name='largest_times',
      family='scaled_extreme',
      describe=(
          'Given a non-empty list of integers a, return the largest element '
          'multiplied by {n}.'
      ),
      reference='max(a) * {n}',
      arguments='a',
      inputs=_SOME_INTS,
      parameters=({'n': 2}, {'n': 3}, {'n': 10}),
  ),
  base.Template(
      name='sum_of_first',
      family='sum_of_end',
      describe=(
          'Given a list of integers a, return the sum of the first {n} '
          'elements.'
      ),
      reference='sum(a[:{n}])',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='sum_of_last',
      family='sum_of_end',
      describe=(
          'Given a list of integers a, return the sum of the last {n} elements.'
      ),
      reference='sum(a[-{n}:])',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='largest_below',
      family='extreme_within_limit',
      describe=(
          'Given a list of positive integers a, return the largest element '
          'less than {n}, or 0 if there is none.'
      ),
      reference='max([x for x in a if x < {n}], default=0)',
      arguments='a',
      inputs=inputs.cases(inputs.ints(1, 24)),
      parameters=({'n': 6}, {'n': 10}, {'n': 15}),
  ),
  base.Template(
      name='alternating_sum',
      family='sum_alternating_positions',
      describe=(
          'Given a list of integers a, return the sum of the elements at even '
          'indices minus the sum of the elements at odd indices.'
      ),
      reference='sum(a[::2]) - sum(a[1::2])',
      arguments='a',
      inputs=_INTS,
  ),
  base.Template(
      name='sum_between',
      family='sum_by_interval',
      describe=(
          'Given a list of integers a, return the sum of the elements from '
          '{low} to {high}, both included.'
      ),
      reference='sum(x for x in a if {low} <= x <= {high})',
      arguments='a',
      inputs=_INTS,
      parameters=(
          {'low': 2, 'high': 8},
          {'low': 3, 'high': 10},
          {'low': 4, 'high': 12},
      ),
  ),
  base.Template(
      name='sum_limited',
      family='sum_of_limited',
      describe=(
          'Given a list of integers a, return the sum of all elements, where '
          'an element greater than {n} counts as {n}.'
      ),
      reference='sum(min(x, {n}) for x in a)',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 4}, {'n': 8}, {'n': 10}),
  ),
)
