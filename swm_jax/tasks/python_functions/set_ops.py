"""Functions on different and common items."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs
from swm_jax.tasks.python_functions import structured_inputs

TYPE = 'set_ops'

_LIST = inputs.ints(0, 9, edges=([], [2], [3, 3, 5, 5, 1], [4, 2, 4]))
_ONE = inputs.cases(_LIST, count=12)
_TWO = inputs.cases(_LIST, _LIST, edges=(
    ([], []), ([1, 2], []), ([3, 1, 2], [2, 3, 4]), ([5, 5], [5, 7, 7])
))
_ALIKE = inputs.cases(
    inputs.ints(1, 3, 1, 3), inputs.ints(1, 3, 1, 4), count=14,
    edges=(
        ([], []), ([1], [1, 2]), ([2, 1], [1]), ([1, 2], [3]), ([2, 1], [1, 2]),
        ([1, 1], [1]), ([2, 2], [3, 1]), ([3], []), ([], [1]),
    ),
)
_REPEATS = inputs.cases(inputs.ints(
    0, 4, 3, 9, edges=([], [2], [1, 1], [1, 3, 3, 2, 2, 2], [4, 0, 4, 0])
), count=12)

TEMPLATES = [
  base.Template(
      name='common_items',
      family='set_intersection',
      describe=(
          'Given two lists a and b, return the sorted list of the different '
          'items that are in both.'
      ),
      reference='sorted(set(a) & set(b))',
      arguments='a, b',
      inputs=_TWO,
  ),
  base.Template(
      name='all_items',
      family='set_union',
      describe=(
          'Given two lists a and b, return the sorted list of the different '
          'items that are in a or in b.'
      ),
      reference='sorted(set(a) | set(b))',
      arguments='a, b',
      inputs=_TWO,
  ),
  base.Template(
      name='items_only_in_first',
      family='set_difference',
      describe=(
          'Given two lists a and b, return the sorted list of the different '
          'items of {x} that are not in {y}.'
      ),
      reference='sorted(set({x}) - set({y}))',
      arguments='a, b',
      inputs=_TWO,
      parameters=({'x': 'a', 'y': 'b'}, {'x': 'b', 'y': 'a'}),
  ),
  base.Template(
      name='items_in_one',
      family='set_symmetric_difference',
      describe=(
          'Given two lists a and b, return the sorted list of the different '
          'items that are in exactly one of them.'
      ),
      reference='sorted(set(a) ^ set(b))',
      arguments='a, b',
      inputs=_TWO,
  ),
  base.Template(
      name='is_subset',
      family='set_subset',
      describe=(
          'Given two lists a and b, return True if every item of {x} is in {y}.'
      ),
      reference='set({x}) <= set({y})',
      arguments='a, b',
      inputs=_ALIKE,
      parameters=({'x': 'a', 'y': 'b'}, {'x': 'b', 'y': 'a'}),
  ),
  base.Template(
      name='same_items',
      family='set_equal',
      describe=(
          'Given two lists a and b, return True if they have the same items, '
          'ignoring order and repetition.'
      ),
      reference='set(a) == set(b)',
      arguments='a, b',
      inputs=_ALIKE,
  ),
  base.Template(
      name='missing_numbers',
      family='set_missing',
      describe=(
          'Given a list of integers a, return the list of the numbers from 1 '
          'to {n} that are not in a.'
      ),
      reference='[i for i in range(1, {m}) if i not in a]',
      arguments='a',
      inputs=inputs.cases(
          inputs.ints(1, 8, edges=([], [1, 2, 3, 4, 5, 6, 7, 8], [3, 3]))
      ),
      parameters=({'n': 4, 'm': 5}, {'n': 5, 'm': 6}, {'n': 8, 'm': 9}),
  ),
  base.Template(
      name='items_occurring',
      family='set_by_count',
      describe=(
          'Given a list a, return the sorted list of the different items that '
          'occur exactly {name} in a.'
      ),
      reference='sorted(x for x in set(a) if a.count(x) == {n})',
      arguments='a',
      inputs=_REPEATS,
      parameters=(
          {'name': 'once', 'n': 1},
          {'name': 'twice', 'n': 2},
          {'name': 'three times', 'n': 3},
      ),
  ),
  base.Template(
      name='repeated_items',
      family='set_by_count',
      describe=(
          'Given a list a, return the sorted list of the different items that '
          'occur more than {name} in a.'
      ),
      reference='sorted(x for x in set(a) if a.count(x) > {n})',
      arguments='a',
      inputs=_REPEATS,
      parameters=({'name': 'once', 'n': 1}, {'name': 'twice', 'n': 2}),
  ),
  base.Template(
      name='different_above',
      family='set_filter',
      describe=(
          'Given a list of numbers a, return the sorted list of its different '
          'items greater than {n}.'
      ),
      reference='sorted(set(x for x in a if x > {n}))',
      arguments='a',
      inputs=_ONE,
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='different_remainders',
      family='set_map_remainder',
      describe=(
          'Given a list of integers a, return the sorted list of the different '
          'remainders of its items divided by {n}.'
      ),
      reference='sorted(set(x % {n} for x in a))',
      arguments='a',
      inputs=_ONE,
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='distinct_end_letters',
      family='set_map_letters',
      describe=(
          'Given a list of words a, return the sorted list of the different '
          '{name} letters of the words.'
      ),
      reference='sorted(set(w[{i}] for w in a))',
      arguments='a',
      inputs=inputs.cases(
          inputs.words(edges=([], ['a'], ['eel', 'ear', 'sea']))
      ),
      parameters=({'name': 'first', 'i': 0}, {'name': 'last', 'i': -1}),
  ),
  base.Template(
      name='with_item',
      family='set_add_item',
      describe=(
          'Given a list of numbers a, return the sorted list of its different '
          'items together with {n}.'
      ),
      reference='sorted(set(a) | {{{n}}})',
      arguments='a',
      inputs=_ONE,
      parameters=({'n': 0}, {'n': 2}, {'n': 5}),
  ),
  base.Template(
      name='without_item',
      family='set_add_item',
      describe=(
          'Given a list of numbers a, return the sorted list of its different '
          'items without {n}.'
      ),
      reference='sorted(set(a) - {{{n}}})',
      arguments='a',
      inputs=_ONE,
      parameters=({'n': 2}, {'n': 3}, {'n': 5}),
  ),
  base.Template(
      name='different_at',
      family='set_nth',
      describe=(
          'Given a list of numbers a, return the {name} of its different items.'
      ),
      reference='sorted(set(a))[{i}]',
      arguments='a',
      inputs=inputs.cases(
          structured_inputs.mapped(
              lambda a: a + a[:2],
              structured_inputs.distinct(
                  inputs.integer(0, 9), 3, 6, edges=([1, 2, 3], [5, 4, 9])
              ),
          ),
      ),
      parameters=(
          {'name': 'second smallest', 'i': 1},
          {'name': 'second largest', 'i': -2},
          {'name': 'third smallest', 'i': 2},
      ),
  ),
  base.Template(
      name='extreme_common',
      family='set_extreme_common',
      describe=(
          'Given two lists of numbers a and b with common items, return the '
          '{name} item that is in both.'
      ),
      reference='{f}(set(a) & set(b))',
      arguments='a, b',
      inputs=inputs.cases(
          structured_inputs.distinct(
              inputs.integer(0, 9), 6, 8, edges=([3], [1, 2])
          ),
          structured_inputs.distinct(
              inputs.integer(0, 9), 6, 8, edges=([3, 4], [2, 1])
          ),
      ),
      parameters=(
          {'name': 'largest', 'f': 'max'},
          {'name': 'smallest', 'f': 'min'},
      ),
  ),
  base.Template(
      name='count_different_above',
      family='set_count_filter',
      describe=(
          'Given a list of numbers a, return how many different items of a are '
          'greater than {n}.'
      ),
      reference='len(set(x for x in a if x > {n}))',
      arguments='a',
      inputs=_ONE,
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='sum_of_different',
      family='set_sum',
      describe=(
          'Given a list of numbers a, return the sum of its different items.'
      ),
      reference='sum(set(a))',
      arguments='a',
      inputs=_ONE,
  ),
  base.Template(
      name='different_letters_of',
      family='set_intersection_constant',
      describe=(
          'Given a string s, return how many different letters of {letters!r} '
          'are in s.'
      ),
      reference='len(set(s) & set({letters!r}))',
      arguments='s',
      inputs=inputs.cases(
          inputs.word(edges=('', 'a', 'eel', 'queen', 'cabin')), count=12
      ),
      parameters=(
          {'letters': 'aeiou'},
          {'letters': 'abc'},
          {'letters': 'nrst'},
      ),
  ),
]
