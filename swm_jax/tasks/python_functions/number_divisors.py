"""Functions of divisors, multiples and prime numbers."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

_POSITIVE = inputs.cases(
    inputs.integer(1, 60, edges=(1, 2, 7, 12, 16, 36)), count=12
)
_TWO_POSITIVE = inputs.cases(
    inputs.integer(1, 40, edges=(1, 12, 7)),
    inputs.integer(1, 40, edges=(5, 18, 7)),
    count=12,
)

TYPE = 'number_divisors'

TEMPLATES = (
  base.Template(
      name='list_divisors',
      family='divisors_list',
      describe=(
          'Given a positive integer n, return a sorted list of its divisors, 1 '
          'and n included.'
      ),
      reference='[i for i in range(1, n + 1) if n % i == 0]',
      arguments='n',
      inputs=_POSITIVE,
  ),
  base.Template(
      name='divisors_from',
      family='divisors_list',
      describe=(
          'Given a positive integer n, return a sorted list of its divisors '
          'that are at least {k}.'
      ),
      reference='[i for i in range({k}, n + 1) if n % i == 0]',
      arguments='n',
      inputs=_POSITIVE,
      parameters=({'k': 2}, {'k': 3}, {'k': 4}),
  ),
  base.Template(
      name='count_divisors',
      family='divisors_count',
      describe=(
          'Given a positive integer n, return how many divisors it has, 1 and '
          'n included.'
      ),
      reference='len([i for i in range(1, n + 1) if n % i == 0])',
      arguments='n',
      inputs=_POSITIVE,
  ),
  base.Template(
      name='sum_of_divisors',
      family='divisors_sum',
      describe=(
          'Given a positive integer n, return the sum of its divisors, 1 and n '
          'included.'
      ),
      reference='sum(i for i in range(1, n + 1) if n % i == 0)',
      arguments='n',
      inputs=_POSITIVE,
  ),
  base.Template(
      name='is_prime',
      family='divisors_prime',
      describe=(
          'Given a non-negative integer n, return True if n is a prime number, '
          'and False otherwise.'
      ),
      reference='n > 1 and all(n % i != 0 for i in range(2, n))',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(0, 60, edges=(0, 1, 2, 3, 4, 9, 25, 29, 49)), count=16
      ),
  ),
  base.Template(
      name='common_divisor_with',
      family='divisors_greatest_common',
      describe=(
          'Given a positive integer n, return the greatest common divisor of n '
          'and {k}.'
      ),
      reference=(
          'max(i for i in range(1, {k} + 1) if n % i == 0 and {k} % i == 0)'
      ),
      arguments='n',
      inputs=_POSITIVE,
      parameters=({'k': 12}, {'k': 18}, {'k': 30}),
  ),
  base.Template(
      name='smallest_divisor_above',
      family='divisors_extreme',
      describe=(
          'Given an integer n greater than 5, return the smallest divisor of n '
          'that is greater than {k}.'
      ),
      reference='min(i for i in range({m}, n + 1) if n % i == 0)',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(6, 99, edges=(35, 49, 77, 12)), count=12
      ),
      parameters=({'k': 1, 'm': 2}, {'k': 2, 'm': 3}, {'k': 4, 'm': 5}),
  ),
  base.Template(
      name='largest_divisor_up_to',
      family='divisors_extreme',
      describe=(
          'Given a positive integer n, return the largest divisor of n that is '
          'at most {k}.'
      ),
      reference='max(i for i in range(1, {k} + 1) if n % i == 0)',
      arguments='n',
      inputs=_POSITIVE,
      parameters=({'k': 5}, {'k': 9}, {'k': 10}),
  ),
  base.Template(
      name='times_divisible',
      family='divisors_multiplicity',
      describe=(
          'Given a positive integer n, return how many times n can be divided '
          'by {k} without a remainder.'
      ),
      reference="""
          count = 0
          while n % {k} == 0:
              n //= {k}
              count += 1
          return count
      """,
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(1, 100, edges=(1, 8, 9, 27, 48, 25, 50)), count=14
      ),
      parameters=({'k': 2}, {'k': 3}, {'k': 5}),
  ),
  base.Template(
      name='divisors_that_are_multiples',
      family='divisors_filter_by_remainder',
      describe=(
          'Given a positive integer n, return a sorted list of its divisors '
          'that are multiples of {k}.'
      ),
      reference='[i for i in range(1, n + 1) if n % i == 0 and i % {k} == 0]',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(1, 80, edges=(1, 12, 30, 60, 36)), count=12
      ),
      parameters=({'k': 2}, {'k': 3}, {'k': 5}),
  ),
  base.Template(
      name='sum_of_multiples_below',
      family='divisors_sum_of_multiples',
      describe=(
          'Given a positive integer n, return the sum of all multiples of {k} '
          'that are positive and less than n.'
      ),
      reference='sum(i for i in range(1, n) if i % {k} == 0)',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(1, 60, edges=(1, 6, 10, 15)), count=12
      ),
      parameters=({'k': 2}, {'k': 3}, {'k': 5}),
  ),
  base.Template(
      name='remainders_of',
      family='divisors_remainders',
      describe=(
          'Given a positive integer n, return a list of the remainders of n '
          'divided by 1, 2, and so on up to {k}.'
      ),
      reference='[n % i for i in range(1, {k} + 1)]',
      arguments='n',
      inputs=_POSITIVE,
      parameters=({'k': 4}, {'k': 5}, {'k': 6}),
  ),
  base.Template(
      name='quotient_or_default',
      family='divisors_exact_quotient',
      describe=(
          'Given a non-negative integer n, return n // {k} if n is divisible '
          'by {k}, and {d} otherwise.'
      ),
      reference='n // {k} if n % {k} == 0 else {d}',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(0, 60, edges=(0, 12, 20, 7)), count=12
      ),
      parameters=({'k': 3, 'd': 0}, {'k': 4, 'd': -1}, {'k': 5, 'd': 0}),
  ),
  base.Template(
      name='remove_factor',
      family='divisors_remove_factor',
      describe=(
          'Given a positive integer n, divide n by {k} as long as there is no '
          'remainder and return what is left.'
      ),
      reference="""
          while n % {k} == 0:
              n //= {k}
          return n
      """,
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(1, 100, edges=(1, 8, 9, 27, 48, 25, 50)), count=14
      ),
      parameters=({'k': 2}, {'k': 3}, {'k': 5}),
  ),
  base.Template(
      name='divisor_pairs',
      family='divisors_pairs',
      describe=(
          'Given a positive integer n, return a list of all tuples (i, n // i) '
          'for the divisors i of n from 1 to n.'
      ),
      reference='[(i, n // i) for i in range(1, n + 1) if n % i == 0]',
      arguments='n',
      inputs=_POSITIVE,
  ),
  base.Template(
      name='common_divisors',
      family='divisors_common',
      describe=(
          'Given two positive integers a and b, return a sorted list of the '
          'integers that divide both.'
      ),
      reference='[i for i in range(1, a + 1) if a % i == 0 and b % i == 0]',
      arguments='a, b',
      inputs=_TWO_POSITIVE,
  ),
  base.Template(
      name='divides_all',
      family='divisors_of_all',
      describe=(
          'Given a list of positive integers a and a positive integer n, '
          'return True if n divides every element, and False otherwise.'
      ),
      reference='all(x % n == 0 for x in a)',
      arguments='a, n',
      inputs=inputs.cases(
          inputs.ints(1, 40, shortest=1, longest=3),
          inputs.integer(1, 4),
          edges=(([4, 8], 4), ([3, 9, 12], 3), ([10], 5), ([10, 6], 5)),
          count=12,
      ),
  ),
  base.Template(
      name='least_common_multiple',
      family='divisors_least_common_multiple',
      describe=(
          'Given a positive integer n, return the smallest positive integer '
          'that is a multiple of both n and {k}.'
      ),
      reference=(
          '[i for i in range(1, {k} * n + 1) if i % n == 0 and i % {k} == 0][0]'
      ),
      arguments='n',
      inputs=inputs.cases(inputs.integer(1, 30, edges=(1, 2, 3, 12)), count=10),
      parameters=({'k': 4}, {'k': 6}, {'k': 10}),
  ),
)
