"""Functions that compute a term or a sum of a sequence of numbers."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

_COUNT = inputs.cases(inputs.integer(2, 12, edges=(0, 1)))
_INDEX = inputs.cases(inputs.integer(2, 12, edges=(1,)))

TYPE = 'number_sequence'

TEMPLATES = (
  base.Template(
      name='sum_of_powers_up_to',
      family='series_sum_of_powers',
      describe=(
          'Given a non-negative integer n, return the sum of the integers from '
          '1 to n, each raised to the power {k}.'
      ),
      reference='sum(i ** {k} for i in range(1, n + 1))',
      arguments='n',
      inputs=_COUNT,
      parameters=({'k': 2}, {'k': 3}, {'k': 4}),
  ),
  base.Template(
      name='sum_of_odd_numbers',
      family='series_sum_of_odd_numbers',
      describe=(
          'Given a non-negative integer n, return the sum of the first n odd '
          'numbers.'
      ),
      reference='sum(2 * i + 1 for i in range(n))',
      arguments='n',
      inputs=_COUNT,
  ),
  base.Template(
      name='product_from',
      family='series_product',
      describe=(
          'Given an integer n greater than 3, return the product of the '
          'integers from {k} to n, both included.'
      ),
      reference="""
          result = 1
          for i in range({k}, n + 1):
              result *= i
          return result
      """,
      arguments='n',
      inputs=inputs.cases(inputs.integer(4, 9, edges=(4, 5)), count=8),
      parameters=({'k': 1}, {'k': 2}, {'k': 3}),
  ),
  base.Template(
      name='fibonacci_like',
      family='sequence_fibonacci',
      describe=(
          'Term 0 is {p}, term 1 is {q}, and each later term is the sum of the '
          'two before it. Return term n.'
      ),
      reference="""
          a, b = {p}, {q}
          for _ in range(n):
              a, b = b, a + b
          return a
      """,
      arguments='n',
      inputs=_COUNT,
      parameters=({'p': 0, 'q': 1}, {'p': 2, 'q': 1}, {'p': 1, 'q': 3}),
  ),
  base.Template(
      name='geometric_sum',
      family='series_geometric',
      describe=(
          'Given a non-negative integer n, return the sum of the first n '
          'powers of {k}, starting with 1.'
      ),
      reference='sum({k} ** i for i in range(n))',
      arguments='n',
      inputs=inputs.cases(inputs.integer(2, 9, edges=(0, 1)), count=9),
      parameters=({'k': 2}, {'k': 3}, {'k': 10}),
  ),
  base.Template(
      name='repeated_rule',
      family='sequence_repeated_rule',
      describe=(
          'Start with x = {s} and replace x by {m} * x + {c} n times. Return x.'
      ),
      reference="""
          x = {s}
          for _ in range(n):
              x = {m} * x + {c}
          return x
      """,
      arguments='n',
      inputs=inputs.cases(inputs.integer(2, 9, edges=(0, 1)), count=9),
      parameters=(
          {'s': 1, 'm': 2, 'c': 1},
          {'s': 0, 'm': 3, 'c': 2},
          {'s': 5, 'm': 2, 'c': 3},
      ),
  ),
  base.Template(
      name='arithmetic_term',
      family='sequence_arithmetic_term',
      describe=(
          'A sequence starts with {s} and grows by {d} at each step. Return '
          'term n, where term 1 is {s}.'
      ),
      reference='{s} + {d} * (n - 1)',
      arguments='n',
      inputs=_INDEX,
      parameters=({'s': 2, 'd': 3}, {'s': 5, 'd': 4}, {'s': 10, 'd': 7}),
  ),
  base.Template(
      name='geometric_term',
      family='sequence_geometric_term',
      describe=(
          'A sequence starts with {s} and is multiplied by {r} at each step. '
          'Return term n, where term 1 is {s}.'
      ),
      reference='{s} * {r} ** (n - 1)',
      arguments='n',
      inputs=inputs.cases(inputs.integer(2, 9, edges=(1,)), count=9),
      parameters=({'s': 3, 'r': 2}, {'s': 5, 'r': 2}, {'s': 2, 'r': 3}),
  ),
  base.Template(
      name='alternating_series',
      family='series_alternating',
      describe=(
          'Given a non-negative integer n, return 1 - 2 + 3 - 4 and so on up '
          'to the term n.'
      ),
      reference='sum(i if i % 2 == 1 else -i for i in range(1, n + 1))',
      arguments='n',
      inputs=_COUNT,
  ),
  base.Template(
      name='halving_steps',
      family='sequence_division_steps',
      describe=(
          'Given a non-negative integer n, return how many integer divisions '
          'by {k} it takes until n is 0.'
      ),
      reference="""
          steps = 0
          while n > 0:
              n //= {k}
              steps += 1
          return steps
      """,
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(1, 100, edges=(0, 1, 8, 9, 25)), count=12
      ),
      parameters=({'k': 2}, {'k': 3}, {'k': 5}),
  ),
  base.Template(
      name='sum_of_products',
      family='series_sum_of_products',
      describe=(
          'Given a non-negative integer n, return the sum of i * (i + {k}) for '
          'i from 1 to n.'
      ),
      reference='sum(i * (i + {k}) for i in range(1, n + 1))',
      arguments='n',
      inputs=_COUNT,
      parameters=({'k': 1}, {'k': 2}, {'k': 3}),
  ),
  base.Template(
      name='tribonacci_like',
      family='sequence_tribonacci',
      describe=(
          'The first three terms are {p}, {q} and {r}, and each later term is '
          'the sum of the three before it. Return term n, counting from 0.'
      ),
      reference="""
          a, b, c = {p}, {q}, {r}
          for _ in range(n):
              a, b, c = b, c, a + b + c
          return a
      """,
      arguments='n',
      inputs=_COUNT,
      parameters=(
          {'p': 0, 'q': 0, 'r': 1},
          {'p': 1, 'q': 1, 'r': 1},
          {'p': 0, 'q': 1, 'r': 2},
      ),
  ),
  base.Template(
      name='first_root_reaching',
      family='sequence_first_root',
      describe=(
          'Given a non-negative integer n, return the smallest non-negative '
          'integer whose power {k} is at least n.'
      ),
      reference="""
          i = 0
          while i ** {k} < n:
              i += 1
          return i
      """,
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(1, 99, edges=(0, 1, 2, 9, 16, 27)), count=12
      ),
      parameters=({'k': 2}, {'k': 3}),
  ),
  base.Template(
      name='next_power_of',
      family='sequence_next_power',
      describe=(
          'Given a positive integer n, return the smallest power of {k} that '
          'is at least n, where 1 is a power.'
      ),
      reference="""
          p = 1
          while p < n:
              p *= {k}
          return p
      """,
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(1, 99, edges=(1, 2, 8, 9, 10)), count=12
      ),
      parameters=({'k': 2}, {'k': 3}, {'k': 10}),
  ),
  base.Template(
      name='sum_between',
      family='series_sum_between',
      describe=(
          'Given two integers a and b with a less than b, return the sum of '
          'the integers from a to b, both included.'
      ),
      reference='sum(range(a, b + 1))',
      arguments='a, b',
      inputs=inputs.cases(
          inputs.integer(-5, 6, edges=(0, 3)), inputs.integer(7, 14, edges=(0,))
      ),
  ),
  base.Template(
      name='grow_by_fraction',
      family='sequence_growth',
      describe=(
          'Given two integers x and n, add x // {k} to x n times, one after '
          'the other, and return x.'
      ),
      reference="""
          for _ in range(n):
              x += x // {k}
          return x
      """,
      arguments='x, n',
      inputs=inputs.cases(
          inputs.integer(10, 99), inputs.integer(1, 5, edges=(0, 1))
      ),
      parameters=({'k': 2}, {'k': 4}, {'k': 10}),
  ),
  base.Template(
      name='sum_of_linear_terms',
      family='series_sum_of_linear_terms',
      describe=(
          'Given a non-negative integer n, return the sum of {m} * i + {c} for '
          'i from 1 to n.'
      ),
      reference='sum({m} * i + {c} for i in range(1, n + 1))',
      arguments='n',
      inputs=_COUNT,
      parameters=({'m': 2, 'c': 1}, {'m': 3, 'c': 2}, {'m': 5, 'c': 4}),
  ),
)
