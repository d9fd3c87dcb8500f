"""Functions that limit a number or round it."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

_SMALL = inputs.cases(inputs.integer(-12, 30, edges=(0, 5, 10, -1)), count=12)
_NATURAL = inputs.cases(
    inputs.integer(0, 120, edges=(0, 1, 20, 35)), count=12
)
_TWO_SMALL = inputs.cases(
    inputs.integer(0, 24, edges=(0, 5, 10)), inputs.integer(0, 24), count=12
)
_FLOATS = inputs.cases(
    inputs.one_of(
        2.34567, 0.5678, 13.98765, 7.12345, 1.23456, 88.8888, 3.14159, 0.98761,
        edges=(0.0, 2.5, 6.0, 1.2, 9.87654, 4.56789),
    ),
    count=10,
)

TYPE = 'number_clamp_round'

TEMPLATES = (
  base.Template(
      name='clamp_between',
      family='clamp_interval',
      describe=(
          'Given an integer n, return {low} if n is less than {low}, {high} if '
          'n is greater than {high}, and n otherwise.'
      ),
      reference='max({low}, min(n, {high}))',
      arguments='n',
      inputs=_SMALL,
      parameters=(
          {'low': 0, 'high': 10},
          {'low': 1, 'high': 6},
          {'low': -5, 'high': 5},
      ),
  ),
  base.Template(
      name='at_least',
      family='clamp_one_side',
      describe='Given an integer n, return n, but never less than {k}.',
      reference='max(n, {k})',
      arguments='n',
      inputs=_SMALL,
      parameters=({'k': 0}, {'k': 3}, {'k': 10}),
  ),
  base.Template(
      name='at_most',
      family='clamp_one_side',
      describe='Given an integer n, return n, but never more than {k}.',
      reference='min(n, {k})',
      arguments='n',
      inputs=_SMALL,
      parameters=({'k': 5}, {'k': 8}, {'k': 20}),
  ),
  base.Template(
      name='round_down_to',
      family='round_to_multiple',
      describe=(
          'Given a non-negative integer n, return the largest multiple of {k} '
          'that is not greater than n.'
      ),
      reference='n // {k} * {k}',
      arguments='n',
      inputs=_NATURAL,
      parameters=({'k': 4}, {'k': 5}, {'k': 10}),
  ),
  base.Template(
      name='round_up_to',
      family='round_to_multiple',
      describe=(
          'Given a non-negative integer n, return the smallest multiple of {k} '
          'that is not less than n.'
      ),
      reference='(n + {m}) // {k} * {k}',
      arguments='n',
      inputs=_NATURAL,
      parameters=({'k': 4, 'm': 3}, {'k': 5, 'm': 4}, {'k': 10, 'm': 9}),
  ),
  base.Template(
      name='round_to_nearest',
      family='round_to_nearest_multiple',
      describe=(
          'Given a non-negative integer n, return the multiple of {k} that is '
          'closest to n.'
      ),
      reference='{k} * round(n / {k})',
      arguments='n',
      inputs=_NATURAL,
      parameters=({'k': 3}, {'k': 5}, {'k': 7}),
  ),
  base.Template(
      name='round_decimals',
      family='round_to_decimals',
      describe='Given a float x, return x rounded to {k} decimal places.',
      reference='round(x, {k})',
      arguments='x',
      inputs=_FLOATS,
      parameters=({'k': 1}, {'k': 2}, {'k': 3}),
  ),
  base.Template(
      name='integer_part',
      family='truncate_to_integer',
      describe='Given a float x, return its integer part as an integer.',
      reference='int(x)',
      arguments='x',
      inputs=inputs.cases(
          inputs.one_of(
              2.75,
              0.5,
              -0.5,
              3.99,
              7.25,
              100.125,
              edges=(0.0, -1.75, 6.0, -3.0, 1.5),
          ),
          count=11,
      ),
  ),
  base.Template(
      name='missing_to_multiple',
      family='distance_to_multiple',
      describe=(
          'Given a non-negative integer n, return the smallest non-negative '
          'integer that must be added to n to get a multiple of {k}.'
      ),
      reference='-n % {k}',
      arguments='n',
      inputs=_NATURAL,
      parameters=({'k': 3}, {'k': 7}, {'k': 10}),
  ),
  base.Template(
      name='hour_after',
      family='wrap_clock',
      describe=(
          'Given an hour from 0 to 23, return the hour of the day {k} hours '
          'later.'
      ),
      reference='(hour + {k}) % 24',
      arguments='hour',
      inputs=inputs.cases(inputs.integer(0, 23, edges=(0, 23, 12)), count=12),
      parameters=({'k': 5}, {'k': 8}, {'k': 10}),
  ),
  base.Template(
      name='excess_over',
      family='excess_over_limit',
      describe=(
          'Given an integer n, return by how much n is greater than {k}, or 0 '
          'if it is not.'
      ),
      reference='max(0, n - {k})',
      arguments='n',
      inputs=_SMALL,
      parameters=({'k': 4}, {'k': 10}, {'k': 15}),
  ),
  base.Template(
      name='capped_sum',
      family='clamp_sum',
      describe='Given two integers a and b, return their sum, but at most {k}.',
      reference='min(a + b, {k})',
      arguments='a, b',
      inputs=_TWO_SMALL,
      parameters=({'k': 10}, {'k': 20}, {'k': 25}),
  ),
  base.Template(
      name='limited_difference',
      family='clamp_difference',
      describe=(
          'Given two integers a and b, return a minus b, but at least {k}.'
      ),
      reference='max(a - b, {k})',
      arguments='a, b',
      inputs=_TWO_SMALL,
      parameters=({'k': 0}, {'k': 1}, {'k': -5}),
  ),
  base.Template(
      name='middle_of_three',
      family='middle_of_three',
      describe=(
          'Given three integers a, b and c, return the one in the middle when '
          'they are sorted.'
      ),
      reference='sorted([a, b, c])[1]',
      arguments='a, b, c',
      inputs=inputs.cases(
          inputs.integer(-9, 20),
          inputs.integer(-9, 20),
          inputs.integer(-9, 20),
          edges=((1, 2, 3), (2, 1, 3), (3, 1, 2), (1, 1, 5), (4, 9, 2)),
          count=12,
      ),
  ),
  base.Template(
      name='average_rounded_down',
      family='average_rounded',
      describe=(
          'Given two non-negative integers a and b, return their average '
          'rounded down to an integer.'
      ),
      reference='(a + b) // 2',
      arguments='a, b',
      inputs=_TWO_SMALL,
  ),
  base.Template(
      name='capped_points',
      family='clamp_then_multiply',
      describe=(
          'Given the number of wins n, return {m} points for each win, where '
          'at most {k} wins count.'
      ),
      reference='min(n, {k}) * {m}',
      arguments='n',
      inputs=inputs.cases(inputs.integer(0, 30, edges=(0, 5, 10, 8)), count=12),
      parameters=({'k': 10, 'm': 3}, {'k': 5, 'm': 2}, {'k': 8, 'm': 10}),
  ),
  base.Template(
      name='ignore_small',
      family='dead_zone',
      describe=(
          'Given an integer n, return 0 if the absolute value of n is less '
          'than {k}, and n otherwise.'
      ),
      reference='0 if abs(n) < {k} else n',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(-12, 12, edges=(0, 3, -3, 5, -6, 2)), count=14
      ),
      parameters=({'k': 3}, {'k': 5}, {'k': 6}),
  ),
  base.Template(
      name='limited_size',
      family='clamp_absolute_value',
      describe=(
          'Given an integer n, return the absolute value of n, but at most {k}.'
      ),
      reference='min(abs(n), {k})',
      arguments='n',
      inputs=_SMALL,
      parameters=({'k': 5}, {'k': 8}, {'k': 10}),
  ),
  base.Template(
      name='bounded_percentage',
      family='clamp_scaled',
      describe=(
          'Given an integer n, return n times {k}, but at least 0 and at most '
          '100.'
      ),
      reference='max(0, min(100, n * {k}))',
      arguments='n',
      inputs=_SMALL,
      parameters=({'k': 5}, {'k': 10}, {'k': 20}),
  ),
)
