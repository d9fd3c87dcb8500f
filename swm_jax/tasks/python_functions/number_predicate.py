"""Functions that answer a question about numbers with True or False."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

_SMALL = inputs.cases(inputs.integer(-12, 30, edges=(0, 6, 10)), count=16)
_TWO_SMALL = inputs.cases(
    inputs.integer(-3, 9, edges=(0,)), inputs.integer(-3, 9), count=16
)

TYPE = 'number_predicate'

TEMPLATES = (
  base.Template(
      name='is_multiple',
      family='predicate_remainder',
      describe=(
          'Given an integer n, return True if n is divisible by {k}, and False '
          'otherwise.'
      ),
      reference='n % {k} == 0',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(-12, 40, edges=(0, 12, 20, 21)), count=14
      ),
      parameters=({'k': 3}, {'k': 4}, {'k': 7}),
  ),
  base.Template(
      name='is_between',
      family='predicate_interval',
      describe=(
          'Given an integer n, return True if n is between {low} and {high}, '
          'both included, and False otherwise.'
      ),
      reference='{low} <= n <= {high}',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(-2, 24, edges=(1, 2, 5, 9, 10, 20)), count=16
      ),
      parameters=(
          {'low': 1, 'high': 9},
          {'low': 2, 'high': 10},
          {'low': 5, 'high': 20},
      ),
  ),
  base.Template(
      name='is_multiple_of_both',
      family='predicate_two_remainders',
      describe=(
          'Given an integer n, return True if n is divisible by both {p} and '
          '{q}, and False otherwise.'
      ),
      reference='n % {p} == 0 and n % {q} == 0',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(1, 60, edges=(0, 30, 12, 10, 15, 6, 60)), count=16
      ),
      parameters=({'p': 2, 'q': 3}, {'p': 3, 'q': 5}, {'p': 3, 'q': 4}),
  ),
  base.Template(
      name='is_multiple_of_either',
      family='predicate_two_remainders',
      describe=(
          'Given an integer n, return True if n is divisible by {p} or by {q}, '
          'and False otherwise.'
      ),
      reference='n % {p} == 0 or n % {q} == 0',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(1, 60, edges=(0, 30, 12, 10, 15, 7)), count=16
      ),
      parameters=({'p': 3, 'q': 7}, {'p': 4, 'q': 5}, {'p': 5, 'q': 7}),
  ),
  base.Template(
      name='is_square',
      family='predicate_perfect_power',
      describe=(
          'Given a non-negative integer n, return True if n is the square of '
          'an integer, and False otherwise.'
      ),
      reference='n in [i * i for i in range(n + 1)]',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(0, 100, edges=(0, 1, 2, 4, 8, 9, 16, 25, 49)), count=16
      ),
  ),
  base.Template(
      name='square_exceeds',
      family='predicate_square_by_limit',
      describe=(
          'Given an integer n, return True if the square of n is greater than '
          '{k}, and False otherwise.'
      ),
      reference='n * n > {k}',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(-12, 12, edges=(0, 4, 5, 7, 8, 10, -8)), count=14
      ),
      parameters=({'k': 20}, {'k': 50}, {'k': 99}),
  ),
  base.Template(
      name='sum_equals',
      family='predicate_sum_equal',
      describe=(
          'Given two integers a and b, return True if their sum is {k}, and '
          'False otherwise.'
      ),
      reference='a + b == {k}',
      arguments='a, b',
      inputs=inputs.cases(
          inputs.integer(0, 10),
          inputs.integer(0, 10),
          edges=((5, 5), (3, 2), (7, 3), (4, 4), (8, 0)),
          count=12,
      ),
      parameters=({'k': 5}, {'k': 8}, {'k': 10}),
  ),
  base.Template(
      name='is_times_other',
      family='predicate_ratio',
      describe=(
          'Given two integers a and b, return True if a is {k} times b, and '
          'False otherwise.'
      ),
      reference='a == {k} * b',
      arguments='a, b',
      inputs=inputs.cases(
          inputs.integer(0, 20),
          inputs.integer(1, 5),
          edges=((4, 2), (2, 4), (6, 2), (9, 3), (20, 5), (0, 0), (40, 4)),
          count=12,
      ),
      parameters=({'k': 2}, {'k': 3}, {'k': 4}),
  ),
  base.Template(
      name='same_sign',
      family='predicate_same_sign',
      describe=(
          'Given two non-zero integers a and b, return True if they have the '
          'same sign, and False otherwise.'
      ),
      reference='a * b > 0',
      arguments='a, b',
      inputs=inputs.cases(
          inputs.one_of(-5, -2, -1, 1, 3, 8),
          inputs.one_of(-4, -1, 1, 2, 9),
          count=12,
      ),
  ),
  base.Template(
      name='same_remainder',
      family='predicate_same_remainder',
      describe=(
          'Given two non-negative integers a and b, return True if they have '
          'the same remainder divided by {k}, and False otherwise.'
      ),
      reference='a % {k} == b % {k}',
      arguments='a, b',
      inputs=inputs.cases(
          inputs.integer(0, 30),
          inputs.integer(0, 30),
          edges=((0, 0), (4, 10), (7, 2), (13, 23), (3, 8)),
          count=14,
      ),
      parameters=({'k': 2}, {'k': 3}, {'k': 10}),
  ),
  base.Template(
      name='is_power_of',
      family='predicate_power_of',
      describe=(
          'Given a positive integer n, return True if n is a power of {k}, and '
          'False otherwise.'
      ),
      reference='n in [{k} ** i for i in range(n)]',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(1, 100, edges=(1, 2, 3, 4, 9, 16, 25, 27, 81, 64, 10)),
          count=16,
      ),
      parameters=({'k': 2}, {'k': 3}, {'k': 5}),
  ),
  base.Template(
      name='can_be_triangle',
      family='predicate_triangle',
      describe=(
          'Given three side lengths a, b and c, return True if each is less '
          'than the sum of the other two, and False otherwise.'
      ),
      reference='a < b + c and b < a + c and c < a + b',
      arguments='a, b, c',
      inputs=inputs.cases(
          inputs.integer(1, 9),
          inputs.integer(1, 9),
          inputs.integer(1, 9),
          edges=(
              (1, 1, 1), (1, 2, 3), (3, 4, 5), (3, 1, 2), (1, 3, 2), (9, 1, 2),
              (2, 9, 3),
          ),
          count=14,
      ),
  ),
  base.Template(
      name='is_far_from',
      family='predicate_distance',
      describe=(
          'Given an integer n, return True if n differs from {k} by more than '
          '{d}, and False otherwise.'
      ),
      reference='abs(n - {k}) > {d}',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(-12, 30, edges=(2, 3, 8, 10, 6, 14, 0, 20)), count=16
      ),
      parameters=({'k': 5, 'd': 3}, {'k': 10, 'd': 4}, {'k': 10, 'd': 7}),
  ),
  base.Template(
      name='is_large_multiple',
      family='predicate_remainder_and_threshold',
      describe=(
          'Given an integer n, return True if n is divisible by {p} and '
          'greater than {k}, and False otherwise.'
      ),
      reference='n % {p} == 0 and n > {k}',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(1, 40, edges=(0, 10, 12, 15, 20, 30)), count=16
      ),
      parameters=({'p': 2, 'k': 10}, {'p': 3, 'k': 12}, {'p': 5, 'k': 15}),
  ),
  base.Template(
      name='has_digits',
      family='predicate_digit_count',
      describe=(
          'Given a non-negative integer n, return True if n has exactly {k} '
          'digits, and False otherwise.'
      ),
      reference='len(str(n)) == {k}',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(0, 2000, edges=(0, 9, 10, 42, 99, 100, 999, 1000)),
          count=14,
      ),
      parameters=({'k': 2}, {'k': 3}, {'k': 4}),
  ),
  base.Template(
      name='is_one_of_three',
      family='predicate_one_of',
      describe=(
          'Given an integer n, return True if n is {p}, {q} or {r}, and False '
          'otherwise.'
      ),
      reference='n in ({p}, {q}, {r})',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(0, 9, edges=(1, 2, 4, 5, 8, 9)), count=10
      ),
      parameters=(
          {'p': 1, 'q': 5, 'r': 9},
          {'p': 2, 'q': 4, 'r': 8},
          {'p': 3, 'q': 5, 'r': 7},
      ),
  ),
  base.Template(
      name='is_largest',
      family='predicate_largest',
      describe=(
          'Given three integers a, b and c, return True if a is greater than b '
          'and greater than c, and False otherwise.'
      ),
      reference='a > b and a > c',
      arguments='a, b, c',
      inputs=inputs.cases(
          inputs.integer(0, 9),
          inputs.integer(0, 9),
          inputs.integer(0, 9),
          edges=((3, 3, 1), (3, 1, 3), (5, 2, 1), (9, 1, 8), (4, 4, 4)),
          count=14,
      ),
  ),
)
