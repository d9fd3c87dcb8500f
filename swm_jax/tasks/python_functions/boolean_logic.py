"""Functions that combine conditions."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

_TWO_FLAGS = inputs.cases(inputs.boolean(), inputs.boolean(), count=8)
_THREE_FLAGS = inputs.cases(
    inputs.boolean(), inputs.boolean(), inputs.boolean(), count=8
)
_TWO_SMALL = inputs.cases(
    inputs.integer(-2, 14), inputs.integer(-2, 14),
    edges=(
        (0, 9), (9, 0), (3, 9), (9, 3), (5, 9), (9, 5), (4, 13), (13, 4),
        (10, 12), (12, 10), (0, 0), (12, 13),
    ),
    count=20,
)

TYPE = 'boolean_logic'

TEMPLATES = (
  base.Template(
      name='exactly_one',
      family='logic_two_flags_differ',
      describe=(
          'Given two booleans a and b, return True if exactly one of them is '
          'True, and False otherwise.'
      ),
      reference='a != b',
      arguments='a, b',
      inputs=_TWO_FLAGS,
  ),
  base.Template(
      name='exactly_k_true',
      family='logic_count_of_flags',
      describe=(
          'Given three booleans a, b and c, return True if exactly {word} of '
          'them {verb} True, and False otherwise.'
      ),
      reference='[a, b, c].count(True) == {k}',
      arguments='a, b, c',
      inputs=_THREE_FLAGS,
      parameters=(
          {'word': 'one', 'verb': 'is', 'k': 1},
          {'word': 'two', 'verb': 'are', 'k': 2},
      ),
  ),
  base.Template(
      name='implies',
      family='logic_implication',
      describe=(
          'Given two booleans a and b, return False if a is True and b is '
          'False, and True otherwise.'
      ),
      reference='not a or b',
      arguments='a, b',
      inputs=_TWO_FLAGS,
  ),
  base.Template(
      name='none_true',
      family='logic_none',
      describe=(
          'Given three booleans a, b and c, return True if all of them are '
          'False, and False otherwise.'
      ),
      reference='not a and not b and not c',
      arguments='a, b, c',
      inputs=_THREE_FLAGS,
  ),
  base.Template(
      name='can_ride',
      family='logic_threshold_or_flag',
      describe=(
          'Given an integer height and a boolean with_adult, return True if '
          'height is greater than {k} or with_adult is True.'
      ),
      reference='height > {k} or with_adult',
      arguments='height, with_adult',
      inputs=inputs.cases(
          inputs.integer(80, 200),
          inputs.boolean(),
          edges=(
              (100, False), (101, False), (120, False), (121, False),
              (130, False), (131, False), (90, True),
          ),
          count=16,
      ),
      parameters=({'k': 100}, {'k': 120}, {'k': 130}),
  ),
  base.Template(
      name='is_open',
      family='logic_interval_and_flag',
      describe=(
          'Given an hour and a boolean holiday, return True if hour is at '
          'least {p} and less than {q} and it is not a holiday.'
      ),
      reference='{p} <= hour < {q} and not holiday',
      arguments='hour, holiday',
      inputs=inputs.cases(
          inputs.integer(0, 23),
          inputs.boolean(),
          edges=(
              (8, False), (9, False), (10, False), (17, False), (18, False),
              (20, False), (12, True), (16, False), (19, False),
          ),
          count=16,
      ),
      parameters=({'p': 8, 'q': 17}, {'p': 9, 'q': 18}, {'p': 10, 'q': 20}),
  ),
  base.Template(
      name='both_above',
      family='logic_two_thresholds',
      describe=(
          'Given two integers a and b, return True if both are greater than '
          '{k}, and False otherwise.'
      ),
      reference='a > {k} and b > {k}',
      arguments='a, b',
      inputs=_TWO_SMALL,
      parameters=({'k': 0}, {'k': 3}, {'k': 5}),
  ),
  base.Template(
      name='either_below',
      family='logic_two_thresholds',
      describe=(
          'Given two integers a and b, return True if at least one of them is '
          'less than {k}, and False otherwise.'
      ),
      reference='a < {k} or b < {k}',
      arguments='a, b',
      inputs=_TWO_SMALL,
      parameters=({'k': 0}, {'k': 4}, {'k': 10}),
  ),
  base.Template(
      name='exactly_one_above',
      family='logic_thresholds_differ',
      describe=(
          'Given two integers a and b, return True if exactly one of them is '
          'greater than {k}, and False otherwise.'
      ),
      reference='(a > {k}) != (b > {k})',
      arguments='a, b',
      inputs=_TWO_SMALL,
      parameters=({'k': 0}, {'k': 3}, {'k': 5}),
  ),
  base.Template(
      name='most_are_true',
      family='logic_majority',
      describe=(
          'Given a list of booleans flags, return True if more than half of '
          'them are True, and False otherwise.'
      ),
      reference='flags.count(True) > len(flags) / 2',
      arguments='flags',
      inputs=inputs.cases(
          inputs.list_of(
              inputs.boolean(),
              longest=5,
              edges=(
                  [], [True], [True, False], [True, True, False],
                  [False, False, True],
              ),
          ),
      ),
  ),
  base.Template(
      name='all_same',
      family='logic_all_same',
      describe=(
          'Given three booleans a, b and c, return True if all of them are '
          'equal, and False otherwise.'
      ),
      reference='a == b == c',
      arguments='a, b, c',
      inputs=_THREE_FLAGS,
  ),
  base.Template(
      name='needs_coat',
      family='logic_nested',
      describe=(
          'Given booleans rain and car and an integer wind, return True if it '
          'rains and either there is no car or wind is greater than {k}.'
      ),
      reference='rain and (not car or wind > {k})',
      arguments='rain, car, wind',
      inputs=inputs.cases(
          inputs.boolean(),
          inputs.boolean(),
          inputs.integer(0, 40, edges=(10, 20)),
          edges=(
              (True, True, 5), (True, True, 10), (True, True, 11),
              (True, True, 20), (True, True, 21), (True, True, 30),
              (True, True, 31), (True, False, 0), (False, False, 40),
              (False, True, 40),
          ),
          count=16,
      ),
      parameters=({'k': 10}, {'k': 20}, {'k': 30}),
  ),
  base.Template(
      name='is_neither',
      family='logic_neither_value',
      describe=(
          'Given an integer n, return True if n is neither {p} nor {q}, and '
          'False otherwise.'
      ),
      reference='n != {p} and n != {q}',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(0, 9, edges=(1, 2, 3, 5, 7, 0)), count=10
      ),
      parameters=({'p': 0, 'q': 1}, {'p': 3, 'q': 5}, {'p': 2, 'q': 7}),
  ),
  base.Template(
      name='choose_value',
      family='logic_select',
      describe=(
          'Given a boolean flag and an integer a, return a if flag is True, '
          'and {k} otherwise.'
      ),
      reference='a if flag else {k}',
      arguments='flag, a',
      inputs=inputs.cases(inputs.boolean(), inputs.integer(edges=(4, 9))),
      parameters=({'k': 0}, {'k': -1}, {'k': 10}),
  ),
  base.Template(
      name='is_increasing',
      family='logic_chain',
      describe=(
          'Given three integers a, b and c, return True if a is less than b '
          'and b is less than c, and False otherwise.'
      ),
      reference='a < b < c',
      arguments='a, b, c',
      inputs=inputs.cases(
          inputs.integer(0, 6),
          inputs.integer(0, 6),
          inputs.integer(0, 6),
          edges=(
              (1, 2, 3), (3, 2, 1), (1, 1, 2), (1, 2, 2), (0, 4, 6), (2, 5, 3),
          ),
          count=14,
      ),
  ),
  base.Template(
      name='divisible_by_one',
      family='logic_remainders_differ',
      describe=(
          'Given an integer n, return True if n is divisible by exactly one of '
          '{p} and {q}, and False otherwise.'
      ),
      reference='(n % {p} == 0) != (n % {q} == 0)',
      arguments='n',
      inputs=inputs.cases(
          inputs.integer(1, 60, edges=(0, 30, 12, 10, 15, 6, 60)), count=16
      ),
      parameters=({'p': 2, 'q': 3}, {'p': 3, 'q': 5}, {'p': 4, 'q': 6}),
  ),
  base.Template(
      name='both_multiples',
      family='logic_both_multiples',
      describe=(
          'Given two non-negative integers a and b, return True if both are '
          'divisible by {k}, and False otherwise.'
      ),
      reference='a % {k} == 0 and b % {k} == 0',
      arguments='a, b',
      inputs=inputs.cases(
          inputs.integer(0, 20),
          inputs.integer(0, 20),
          edges=((0, 0), (4, 8), (3, 9), (10, 5), (4, 3), (3, 8), (5, 4)),
          count=14,
      ),
      parameters=({'k': 2}, {'k': 3}, {'k': 5}),
  ),
  base.Template(
      name='enough_flags',
      family='logic_enough_flags',
      describe=(
          'Given a list of booleans flags, return True if at least {k} of them '
          'are True, and False otherwise.'
      ),
      reference='flags.count(True) >= {k}',
      arguments='flags',
      inputs=inputs.cases(
          inputs.list_of(
              inputs.boolean(),
              longest=6,
              edges=(
                  [], [True, True], [True, False], [True, True, True],
                  [False, True, True, True, True],
              ),
          ),
          count=12,
      ),
      parameters=({'k': 2}, {'k': 3}, {'k': 4}),
  ),
)
