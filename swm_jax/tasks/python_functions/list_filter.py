"""Functions that keep some elements of a list."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

_INTS = inputs.cases(inputs.ints())

TYPE = 'list_filter'

TEMPLATES = (
  base.Template(
      name='keep_above',
      family='filter_by_threshold',
      describe=(
          'Given a list of integers a, return a list of the elements greater '
          'than {n}.'
      ),
      reference='[x for x in a if x > {n}]',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 3}, {'n': 5}, {'n': 10}),
  ),
  base.Template(
      name='keep_below',
      family='filter_by_threshold',
      describe=(
          'Given a list of integers a, return a list of the elements less than '
          '{n}.'
      ),
      reference='[x for x in a if x < {n}]',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 0}, {'n': 4}, {'n': 8}),
  ),
  base.Template(
      name='keep_multiples',
      family='filter_by_remainder',
      describe=(
          'Given a list of integers a, return a list of the elements that are '
          'multiples of {n}.'
      ),
      reference='[x for x in a if x % {n} == 0]',
      arguments='a',
      inputs=inputs.cases(inputs.ints(-12, 30)),
      parameters=({'n': 2}, {'n': 3}, {'n': 5}),
  ),
  base.Template(
      name='drop_multiples',
      family='filter_by_remainder',
      describe=(
          'Given a list of integers a, return the list without the multiples '
          'of {n}.'
      ),
      reference='[x for x in a if x % {n} != 0]',
      arguments='a',
      inputs=inputs.cases(inputs.ints(-12, 30)),
      parameters=({'n': 3}, {'n': 4}, {'n': 5}),
  ),
  base.Template(
      name='keep_between',
      family='filter_by_interval',
      describe=(
          'Given a list of integers a, return a list of the elements from '
          '{low} to {high}, both included.'
      ),
      reference='[x for x in a if {low} <= x <= {high}]',
      arguments='a',
      inputs=_INTS,
      parameters=(
          {'low': 0, 'high': 5},
          {'low': 1, 'high': 9},
          {'low': 3, 'high': 12},
      ),
  ),
  base.Template(
      name='drop_value',
      family='filter_drop_value',
      describe=(
          'Given a list of integers a, return the list without the elements '
          'equal to {n}.'
      ),
      reference='[x for x in a if x != {n}]',
      arguments='a',
      inputs=inputs.cases(inputs.ints(-1, 4)),
      parameters=({'n': 0}, {'n': 1}, {'n': 3}),
  ),
  base.Template(
      name='keep_small_squares',
      family='filter_by_square',
      describe=(
          'Given a list of integers a, return a list of the elements whose '
          'square is less than {n}.'
      ),
      reference='[x for x in a if x * x < {n}]',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 20}, {'n': 50}, {'n': 100}),
  ),
  base.Template(
      name='keep_common',
      family='filter_by_membership',
      describe=(
          'Given two lists of integers a and b, return a list of the elements '
          'of a that are also in b.'
      ),
      reference='[x for x in a if x in b]',
      arguments='a, b',
      inputs=inputs.cases(inputs.ints(0, 6), inputs.ints(0, 6)),
  ),
  base.Template(
      name='keep_far_from',
      family='filter_by_distance',
      describe=(
          'Given a list of integers a, return a list of the elements that '
          'differ from {n} by more than {d}.'
      ),
      reference='[x for x in a if abs(x - {n}) > {d}]',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 5, 'd': 3}, {'n': 10, 'd': 4}, {'n': 4, 'd': 6}),
  ),
  base.Template(
      name='keep_above_index',
      family='filter_by_index',
      describe=(
          'Given a list of integers a, return a list of the elements that are '
          'greater than their index.'
      ),
      reference='[x for i, x in enumerate(a) if x > i]',
      arguments='a',
      inputs=inputs.cases(inputs.ints(-2, 7)),
  ),
  base.Template(
      name='drop_none',
      family='filter_none',
      describe=(
          'Given a list a, return the list without the elements that are None.'
      ),
      reference='[x for x in a if x is not None]',
      arguments='a',
      inputs=inputs.cases(inputs.list_of(inputs.one_of(None, 0, 1, 2))),
  ),
  base.Template(
      name='keep_frequent',
      family='filter_by_count',
      describe=(
          'Given a list of integers a, return a list of the elements that '
          'occur at least {n} times in a.'
      ),
      reference='[x for x in a if a.count(x) >= {n}]',
      arguments='a',
      inputs=inputs.cases(inputs.ints(1, 3)),
      parameters=({'n': 2}, {'n': 3}),
  ),
  base.Template(
      name='keep_outside',
      family='filter_by_interval',
      describe=(
          'Given a list of integers a, return a list of the elements that are '
          'less than {low} or greater than {high}.'
      ),
      reference='[x for x in a if x < {low} or x > {high}]',
      arguments='a',
      inputs=_INTS,
      parameters=(
          {'low': 0, 'high': 5},
          {'low': 2, 'high': 8},
          {'low': 3, 'high': 12},
      ),
  ),
  base.Template(
      name='drop_two_values',
      family='filter_drop_value',
      describe=(
          'Given a list of integers a, return a list of the elements that are '
          'neither {p} nor {q}.'
      ),
      reference='[x for x in a if x != {p} and x != {q}]',
      arguments='a',
      inputs=inputs.cases(inputs.ints(-1, 4)),
      parameters=({'p': 0, 'q': 1}, {'p': 1, 'q': 3}, {'p': 2, 'q': 0}),
  ),
  base.Template(
      name='keep_large_multiples',
      family='filter_by_remainder_and_threshold',
      describe=(
          'Given a list of integers a, return a list of the multiples of {p} '
          'in a that are greater than {k}.'
      ),
      reference='[x for x in a if x % {p} == 0 and x > {k}]',
      arguments='a',
      inputs=inputs.cases(
          inputs.ints(0, 24, edges=([], [10, 12, 14], [9, 12, 15], [8, 20, 25]))
      ),
      parameters=({'p': 2, 'k': 10}, {'p': 3, 'k': 12}, {'p': 4, 'k': 8}),
  ),
  base.Template(
      name='keep_above_average',
      family='filter_by_mean',
      describe=(
          'Given a list of integers a, return a list of the elements greater '
          'than the average of a.'
      ),
      reference='[x for x in a if x > sum(a) / len(a)]',
      arguments='a',
      inputs=_INTS,
  ),
  base.Template(
      name='drop_largest',
      family='filter_by_extreme',
      describe=(
          'Given a list of integers a, return a list of the elements that are '
          'not equal to the largest element.'
      ),
      reference='[x for x in a if x != max(a)]',
      arguments='a',
      inputs=inputs.cases(inputs.ints(0, 6)),
  ),
)
