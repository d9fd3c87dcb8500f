"""Functions that choose between values by nested conditions."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

_SMALL = inputs.cases(
    inputs.integer(-12, 24, edges=(0, 5, 10, 1, 2, 8)), count=12
)
_TWO_SMALL = inputs.cases(
    inputs.integer(-5, 14), inputs.integer(-5, 14),
    edges=(
        (0, 9), (9, 0), (3, 9), (9, 3), (5, 9), (9, 5), (0, -2), (-2, 0),
        (3, -2), (-2, 3), (5, -2), (-2, 5), (4, 4), (7, 7),
    ),
    count=20,
)
_AGE = inputs.cases(inputs.integer(0, 100), count=14)

TYPE = 'number_conditional'

TEMPLATES = (
  base.Template(
      name='compare_to',
      family='conditional_compare_label',
      describe=(
          'Given an integer n, return "above" if n is greater than {k}, '
          '"below" if it is less, and "equal" otherwise.'
      ),
      reference="""
          if n > {k}:
              return "above"
          if n < {k}:
              return "below"
          return "equal"
      """,
      arguments='n',
      inputs=_SMALL,
      parameters=({'k': 0}, {'k': 5}, {'k': 10}),
  ),
  base.Template(
      name='grade_of',
      family='conditional_three_labels',
      describe=(
          'Given an integer score, return "A" if it is at least {p}, "B" if it '
          'is at least {q}, and "C" otherwise.'
      ),
      reference="""
          if score >= {p}:
              return "A"
          if score >= {q}:
              return "B"
          return "C"
      """,
      arguments='score',
      inputs=inputs.cases(
          inputs.integer(0, 100, edges=(90, 89, 80, 79, 70, 69, 50, 49)),
          count=16,
      ),
      parameters=({'p': 90, 'q': 80}, {'p': 80, 'q': 50}, {'p': 90, 'q': 70}),
  ),
  base.Template(
      name='fizz_label',
      family='conditional_two_remainders_label',
      describe=(
          'Given a positive integer n, return "fizzbuzz" if it is divisible by '
          '{p} and {q}, "fizz" if only by {p}, "buzz" if only by {q}, and "" '
          'otherwise.'
      ),
      reference="""
          if n % {p} == 0 and n % {q} == 0:
              return "fizzbuzz"
          if n % {p} == 0:
              return "fizz"
          return "buzz" if n % {q} == 0 else ""
      """,
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(1, 60, edges=(15, 30, 3, 5, 7, 14, 12, 20)), count=16
      ),
      parameters=({'p': 3, 'q': 5}, {'p': 2, 'q': 7}, {'p': 3, 'q': 4}),
  ),
  base.Template(
      name='multiple_label',
      family='conditional_remainder_label',
      describe=(
          'Given a non-negative integer n, return "yes" if n is divisible by '
          '{k}, and "no" otherwise.'
      ),
      reference='"yes" if n % {k} == 0 else "no"',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(0, 40, edges=(0, 12, 15, 7)), count=12
      ),
      parameters=({'k': 3}, {'k': 4}, {'k': 5}),
  ),
  base.Template(
      name='collatz_step',
      family='conditional_step_by_parity',
      describe=(
          'Given a positive integer n, return n // 2 if n is even, and {m} * n '
          '+ {c} if it is odd.'
      ),
      reference='n // 2 if n % 2 == 0 else {m} * n + {c}',
      arguments='n',
      inputs=inputs.cases(inputs.integer(1, 40, edges=(1, 2)), count=12),
      parameters=({'m': 3, 'c': 1}, {'m': 5, 'c': 1}, {'m': 2, 'c': 3}),
  ),
  base.Template(
      name='difference_or_default',
      family='conditional_difference_or_default',
      describe=(
          'Given two integers a and b, return a minus b if a is greater than '
          'b, and {d} otherwise.'
      ),
      reference='a - b if a > b else {d}',
      arguments='a, b',
      inputs=_TWO_SMALL,
      parameters=({'d': 1}, {'d': -1}, {'d': 100}),
  ),
  base.Template(
      name='scale_above',
      family='conditional_scale_by_threshold',
      describe=(
          'Given an integer n, return {m} times n if n is greater than {k}, '
          'and n itself otherwise.'
      ),
      reference='n * {m} if n > {k} else n',
      arguments='n',
      inputs=_SMALL,
      parameters=({'m': 2, 'k': 5}, {'m': 3, 'k': 10}, {'m': 10, 'k': 2}),
  ),
  base.Template(
      name='add_to_multiple',
      family='conditional_offset_by_remainder',
      describe=(
          'Given a non-negative integer n, return n plus {m} if n is divisible '
          'by {k}, and n itself otherwise.'
      ),
      reference='n + {m} if n % {k} == 0 else n',
      arguments='n',
      inputs=inputs.cases(inputs.integer(0, 30, edges=(0, 12, 15)), count=12),
      parameters=({'m': 1, 'k': 2}, {'m': 10, 'k': 3}, {'m': 5, 'k': 4}),
  ),
  base.Template(
      name='largest_of_three',
      family='conditional_extreme_of_three',
      describe='Given three integers a, b and c, return the largest of them.',
      reference='max(a, b, c)',
      arguments='a, b, c',
      inputs=inputs.cases(
          inputs.integer(-9, 9),
          inputs.integer(-9, 9),
          inputs.integer(-9, 9),
          edges=((1, 2, 3), (3, 1, 2), (2, 3, 1), (4, 4, 1)),
          count=12,
      ),
  ),
  base.Template(
      name='smallest_of_three',
      family='conditional_extreme_of_three',
      describe='Given three integers a, b and c, return the smallest of them.',
      reference='min(a, b, c)',
      arguments='a, b, c',
      inputs=inputs.cases(
          inputs.integer(-9, 9),
          inputs.integer(-9, 9),
          inputs.integer(-9, 9),
          edges=((1, 2, 3), (3, 1, 2), (2, 3, 1), (4, 4, 1)),
          count=12,
      ),
  ),
  base.Template(
      name='quadrant_of',
      family='conditional_quadrant',
      describe=(
          'Given two non-zero integers x and y, return 1 if both are positive, '
          '2 if only y is, 3 if none is, and 4 if only x is.'
      ),
      reference="""
          if x > 0:
              return 1 if y > 0 else 4
          return 2 if y > 0 else 3
      """,
      arguments='x, y',
      inputs=inputs.cases(
          inputs.one_of(-7, -1, 1, 4),
          inputs.one_of(-3, -2, 2, 5),
          edges=((1, 1), (-1, 1), (-1, -1), (1, -1)),
          count=10,
      ),
  ),
  base.Template(
      name='pay_with_overtime',
      family='conditional_piecewise_rate',
      describe=(
          'Given an integer hours, return the pay if each of the first {k} '
          'hours pays 1 and each further hour pays {m}.'
      ),
      reference='hours if hours <= {k} else {k} + {m} * (hours - {k})',
      arguments='hours',
      inputs=inputs.cases(
          inputs.integer(0, 60, edges=(0, 8, 9, 20, 21, 40, 41)), count=14
      ),
      parameters=({'k': 8, 'm': 2}, {'k': 40, 'm': 2}, {'k': 20, 'm': 3}),
  ),
  base.Template(
      name='count_above_limit',
      family='conditional_two_thresholds_label',
      describe=(
          'Given two integers a and b, return "both" if both are greater than '
          '{k}, "one" if only one is, and "none" otherwise.'
      ),
      reference="""
          if a > {k} and b > {k}:
              return "both"
          return "one" if a > {k} or b > {k} else "none"
      """,
      arguments='a, b',
      inputs=_TWO_SMALL,
      parameters=({'k': 0}, {'k': 3}, {'k': 5}),
  ),
  base.Template(
      name='interval_label',
      family='conditional_interval_label',
      describe=(
          'Given an integer n, return "inside" if n is from {low} to {high}, '
          'both included, and "outside" otherwise.'
      ),
      reference='"inside" if {low} <= n <= {high} else "outside"',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(-2, 24, edges=(1, 9, 10, 5, 20, 0)), count=14
      ),
      parameters=(
          {'low': 1, 'high': 9},
          {'low': 0, 'high': 10},
          {'low': 5, 'high': 20},
      ),
  ),
  base.Template(
      name='triangle_kind',
      family='conditional_triangle_kind',
      describe=(
          'Given three side lengths a, b and c, return "equilateral" if all '
          'are equal, "isosceles" if only two are, and "scalene" otherwise.'
      ),
      reference="""
          if a == b == c:
              return "equilateral"
          return "isosceles" if a == b or b == c or a == c else "scalene"
      """,
      arguments='a, b, c',
      inputs=inputs.cases(
          inputs.integer(3, 5),
          inputs.integer(3, 5),
          inputs.integer(3, 5),
          edges=((3, 3, 3), (3, 3, 4), (3, 4, 3), (4, 3, 3), (3, 4, 5)),
          count=12,
      ),
  ),
  base.Template(
      name='sum_or_product',
      family='conditional_operation_by_threshold',
      describe=(
          'Given two integers a and b, return their product if a is greater '
          'than {k}, and their sum otherwise.'
      ),
      reference='a * b if a > {k} else a + b',
      arguments='a, b',
      inputs=_TWO_SMALL,
      parameters=({'k': 0}, {'k': 3}, {'k': 5}),
  ),
  base.Template(
      name='negate_below',
      family='conditional_negate_by_threshold',
      describe=(
          'Given an integer n, return n with its sign changed if n is less '
          'than {k}, and n itself otherwise.'
      ),
      reference='-n if n < {k} else n',
      arguments='n',
      inputs=_SMALL,
      parameters=({'k': 5}, {'k': 8}, {'k': 10}),
  ),
  base.Template(
      name='ticket_price',
      family='conditional_price_by_age',
      describe=(
          'Given an integer age, return the price: 0 if age is less than {p}, '
          '{c} if age is greater than {q}, and {d} otherwise.'
      ),
      reference="""
          if age < {p}:
              return 0
          return {c} if age > {q} else {d}
      """,
      arguments='age',
      inputs=inputs.cases(
          inputs.integer(0, 99, edges=(5, 6, 17, 18, 64, 65, 3, 4)), count=16
      ),
      parameters=(
          {'p': 6, 'q': 64, 'c': 5, 'd': 10},
          {'p': 4, 'q': 65, 'c': 3, 'd': 8},
          {'p': 6, 'q': 17, 'c': 12, 'd': 7},
      ),
  ),
)
