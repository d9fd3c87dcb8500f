"""Functions that compute one arithmetic expression."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

_TWO = inputs.cases(inputs.integer(edges=(0,)), inputs.integer(edges=(3,)))
_ONE = inputs.cases(inputs.integer(edges=(0, 1, -3)))
_NATURAL = inputs.cases(inputs.integer(0, 99, edges=(0, 1, 30)))

TYPE = 'number_arithmetic'

TEMPLATES = (
  base.Template(
      name='scaled_sum',
      family='arithmetic_scaled_sum',
      describe=(
          'Given two integers a and b, return {n} times the sum of a and b.'
      ),
      reference='{n} * (a + b)',
      arguments='a, b',
      inputs=_TWO,
      parameters=({'n': 3}, {'n': 4}, {'n': 10}),
  ),
  base.Template(
      name='weighted_sum',
      family='arithmetic_weighted_sum',
      describe=(
          'Given two integers a and b, return {m} times a plus {n} times b.'
      ),
      reference='{m} * a + {n} * b',
      arguments='a, b',
      inputs=_TWO,
      parameters=({'m': 2, 'n': 3}, {'m': 5, 'n': 2}, {'m': 4, 'n': 10}),
  ),
  base.Template(
      name='square_plus',
      family='arithmetic_square_plus',
      describe='Given an integer n, return the square of n plus {k}.',
      reference='n ** 2 + {k}',
      arguments='n',
      inputs=_ONE,
      parameters=({'k': 1}, {'k': 5}, {'k': 10}),
  ),
  base.Template(
      name='absolute_difference',
      family='arithmetic_absolute_difference',
      describe=(
          'Given two integers a and b, return the absolute difference between '
          'them.'
      ),
      reference='abs(a - b)',
      arguments='a, b',
      inputs=_TWO,
  ),
  base.Template(
      name='product_minus',
      family='arithmetic_product_offset',
      describe=(
          'Given two integers a and b, return the product of a and b minus {n}.'
      ),
      reference='a * b - {n}',
      arguments='a, b',
      inputs=_TWO,
      parameters=({'n': 1}, {'n': 5}, {'n': 10}),
  ),
  base.Template(
      name='average_of_two',
      family='arithmetic_mean',
      describe='Given two integers a and b, return their average as a float.',
      reference='(a + b) / 2',
      arguments='a, b',
      inputs=_TWO,
  ),
  base.Template(
      name='remainder_of',
      family='arithmetic_remainder',
      describe=(
          'Given a non-negative integer n, return the remainder of n divided '
          'by {k}.'
      ),
      reference='n % {k}',
      arguments='n',
      inputs=_NATURAL,
      parameters=({'k': 3}, {'k': 7}, {'k': 9}),
  ),
  base.Template(
      name='quotient_of',
      family='arithmetic_quotient',
      describe=(
          'Given a non-negative integer n, return how many times {k} fits '
          'completely into n.'
      ),
      reference='n // {k}',
      arguments='n',
      inputs=_NATURAL,
      parameters=({'k': 3}, {'k': 4}, {'k': 7}),
  ),
  base.Template(
      name='sum_of_two_powers',
      family='arithmetic_sum_of_powers',
      describe=(
          'Given two integers a and b, return a to the power {n} plus b to the '
          'power {n}.'
      ),
      reference='a ** {n} + b ** {n}',
      arguments='a, b',
      inputs=inputs.cases(
          inputs.integer(-5, 9, edges=(0,)), inputs.integer(-5, 9)
      ),
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='quadratic',
      family='arithmetic_polynomial',
      describe=(
          'Given an integer x, return {p} times the square of x plus {q} times '
          'x plus {r}.'
      ),
      reference='{p} * x ** 2 + {q} * x + {r}',
      arguments='x',
      inputs=_ONE,
      parameters=(
          {'p': 2, 'q': 3, 'r': 1},
          {'p': 3, 'q': 2, 'r': 5},
          {'p': 4, 'q': 5, 'r': 7},
      ),
  ),
  base.Template(
      name='sum_of_three_minus',
      family='arithmetic_sum_of_three',
      describe='Given three integers a, b and c, return their sum minus {n}.',
      reference='a + b + c - {n}',
      arguments='a, b, c',
      inputs=inputs.cases(
          inputs.integer(edges=(0,)), inputs.integer(), inputs.integer()
      ),
      parameters=({'n': 1}, {'n': 3}, {'n': 10}),
  ),
  base.Template(
      name='percentage',
      family='arithmetic_percentage',
      describe='Given an integer n, return {p} percent of n as a float.',
      reference='n * {p} / 100',
      arguments='n',
      inputs=_NATURAL,
      parameters=({'p': 25}, {'p': 50}, {'p': 75}),
  ),
  base.Template(
      name='boxes_needed',
      family='arithmetic_quotient_rounded_up',
      describe=(
          'Given the number of items n, return how many boxes are needed if '
          '{k} items fit in a box.'
      ),
      reference='(n + {m}) // {k}',
      arguments='n',
      inputs=inputs.cases(inputs.integer(0, 40, edges=(0, 1, 12, 20, 30, 24))),
      parameters=({'k': 4, 'm': 3}, {'k': 6, 'm': 5}, {'k': 10, 'm': 9}),
  ),
  base.Template(
      name='product_plus',
      family='arithmetic_product_plus_third',
      describe='Given three integers a, b and c, return a times b plus c.',
      reference='a * b + c',
      arguments='a, b, c',
      inputs=inputs.cases(
          inputs.integer(edges=(0,)), inputs.integer(), inputs.integer()
      ),
  ),
  base.Template(
      name='half_plus',
      family='arithmetic_half_plus',
      describe=(
          'Given a non-negative integer n, return n divided by {d} with '
          'integer division, plus {k}.'
      ),
      reference='n // {d} + {k}',
      arguments='n',
      inputs=_NATURAL,
      parameters=({'d': 2, 'k': 1}, {'d': 3, 'k': 2}, {'d': 5, 'k': 10}),
  ),
  base.Template(
      name='shifted_power',
      family='arithmetic_shifted_power',
      describe=(
          'Given an integer n, add {k} to n and return the result raised to '
          'the power {p}.'
      ),
      reference='(n + {k}) ** {p}',
      arguments='n',
      inputs=inputs.cases(inputs.integer(-6, 9, edges=(0, 1))),
      parameters=({'k': 1, 'p': 2}, {'k': 2, 'p': 2}, {'k': 1, 'p': 3}),
  ),
)
