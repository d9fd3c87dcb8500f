"""Functions of the decimal digits of a number."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

_DIGITS = inputs.cases(
    inputs.integer(10, 99999, edges=(0, 7, 10, 131, 7707)), count=12
)
_LONG = inputs.cases(
    inputs.integer(1000, 999999, edges=(1000, 7171, 55555)), count=12
)

TYPE = 'number_digits'

TEMPLATES = (
  base.Template(
      name='digit_at_place',
      family='digits_at_place',
      describe=(
          'Given a non-negative integer n, return its {place} digit, or 0 if '
          'there is none.'
      ),
      reference='n // {d} % 10',
      arguments='n',
      inputs=_DIGITS,
      parameters=(
          {'place': 'tens', 'd': 10},
          {'place': 'hundreds', 'd': 100},
          {'place': 'thousands', 'd': 1000},
      ),
  ),
  base.Template(
      name='sum_of_digits',
      family='digits_sum',
      describe='Given a non-negative integer n, return the sum of its digits.',
      reference='sum(int(d) for d in str(n))',
      arguments='n',
      inputs=_DIGITS,
  ),
  base.Template(
      name='count_digit',
      family='digits_count_value',
      describe=(
          'Given a non-negative integer n, return how many of its digits are '
          '{d}.'
      ),
      reference='str(n).count("{d}")',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(1000, 9999, edges=(0, 7, 11, 100, 7707, 1131)),
          count=12,
      ),
      parameters=({'d': 0}, {'d': 1}, {'d': 7}),
  ),
  base.Template(
      name='digits_in_reverse',
      family='digits_reverse',
      describe=(
          'Given a non-negative integer n, return the integer whose digits are '
          'those of n in reverse order.'
      ),
      reference='int(str(n)[::-1])',
      arguments='n',
      inputs=_DIGITS,
  ),
  base.Template(
      name='largest_digit',
      family='digits_extreme',
      describe='Given a non-negative integer n, return its largest digit.',
      reference='max(int(d) for d in str(n))',
      arguments='n',
      inputs=_DIGITS,
  ),
  base.Template(
      name='list_of_digits',
      family='digits_list',
      describe=(
          'Given a non-negative integer n, return a list of its digits as '
          'integers.'
      ),
      reference='[int(d) for d in str(n)]',
      arguments='n',
      inputs=_DIGITS,
  ),
  base.Template(
      name='contains_digit',
      family='digits_contain_value',
      describe=(
          'Given a non-negative integer n, return True if one of its digits is '
          '{d}, and False otherwise.'
      ),
      reference='"{d}" in str(n)',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(10, 9999, edges=(0, 7, 11, 203, 7707, 1131)), count=14
      ),
      parameters=({'d': 0}, {'d': 3}, {'d': 7}),
  ),
  base.Template(
      name='sum_of_digit_powers',
      family='digits_sum_of_powers',
      describe=(
          'Given a non-negative integer n, return the sum of its digits, each '
          'raised to the power {k}.'
      ),
      reference='sum(int(d) ** {k} for d in str(n))',
      arguments='n',
      inputs=_DIGITS,
      parameters=({'k': 2}, {'k': 3}, {'k': 4}),
  ),
  base.Template(
      name='count_large_digits',
      family='digits_count_by_threshold',
      describe=(
          'Given a non-negative integer n, return how many of its digits are '
          'greater than {k}.'
      ),
      reference='len([d for d in str(n) if int(d) > {k}])',
      arguments='n',
      inputs=_DIGITS,
      parameters=({'k': 3}, {'k': 5}, {'k': 6}),
  ),
  base.Template(
      name='digits_without',
      family='digits_remove_value',
      describe=(
          'Given a non-negative integer n, return a string of its digits '
          'without the digit {d}.'
      ),
      reference='str(n).replace("{d}", "")',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(1000, 9999, edges=(0, 7, 11, 1010, 7707, 1131)),
          count=12,
      ),
      parameters=({'d': 0}, {'d': 1}, {'d': 7}),
  ),
  base.Template(
      name='replace_digit',
      family='digits_replace_value',
      describe=(
          'Given a non-negative integer n, return the integer with every digit '
          '{p} replaced by {q}.'
      ),
      reference='int(str(n).replace("{p}", "{q}"))',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(1000, 9999, edges=(0, 7, 11, 1010, 7707, 1131)),
          count=12,
      ),
      parameters=({'p': 1, 'q': 2}, {'p': 0, 'q': 1}, {'p': 7, 'q': 3}),
  ),
  base.Template(
      name='append_digit',
      family='digits_append',
      describe=(
          'Given a positive integer n, return the integer you get by writing '
          'the digit {d} after n.'
      ),
      reference='n * 10 + {d}',
      arguments='n',
      inputs=_DIGITS,
      parameters=({'d': 0}, {'d': 1}, {'d': 5}),
  ),
  base.Template(
      name='digit_sum_divisible',
      family='digits_sum_by_remainder',
      describe=(
          'Given a non-negative integer n, return True if the sum of its '
          'digits is divisible by {k}, and False otherwise.'
      ),
      reference='sum(int(d) for d in str(n)) % {k} == 0',
      arguments='n',
      inputs=_DIGITS,
      parameters=({'k': 2}, {'k': 3}, {'k': 5}),
  ),
  base.Template(
      name='first_digits',
      family='digits_first_k',
      describe=(
          'Given an integer n with at least four digits, return its first {k} '
          'digits as an integer.'
      ),
      reference='int(str(n)[:{k}])',
      arguments='n',
      inputs=_LONG,
      parameters=({'k': 2}, {'k': 3}),
  ),
  base.Template(
      name='last_digits',
      family='digits_first_k',
      describe=(
          'Given an integer n with at least four digits, return its last {k} '
          'digits as an integer.'
      ),
      reference='int(str(n)[-{k}:])',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(1000, 999999, edges=(1000, 7071, 50500)), count=12
      ),
      parameters=({'k': 2}, {'k': 3}),
  ),
  base.Template(
      name='even_digits',
      family='digits_filter_by_parity',
      describe=(
          'Given a non-negative integer n, return a list of its even digits as '
          'integers.'
      ),
      reference='[int(d) for d in str(n) if int(d) % 2 == 0]',
      arguments='n',
      inputs=_DIGITS,
  ),
)
