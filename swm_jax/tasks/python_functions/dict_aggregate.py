"""Functions that reduce a dictionary to one value."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs
from swm_jax.tasks.python_functions import structured_inputs

TYPE = 'dict_aggregate'

_KEY = inputs.one_of('a', 'ant', 'bee', 'bat', 'cat', 'crab', 'zebra', 'sheep')
_ANY = structured_inputs.dict_of(
    _KEY, inputs.integer(-4, 12), 1, 7,
    edges=(
        {}, {'a': 0, 'zebra': 2, 'bee': 1},
        {'ant': 3, 'bee': 4, 'bat': 5, 'cat': 6, 'crab': 10},
    ),
)
_DICT = inputs.cases(_ANY, count=12)
_NOT_EMPTY = inputs.cases(structured_inputs.dict_of(
    _KEY, inputs.integer(-4, 12), 1, 6, edges=({'a': 2}, {'ant': 3, 'bee': -4})
))
_FEW = inputs.cases(structured_inputs.dict_of(
    _KEY, inputs.integer(1, 4), 1, 6,
    edges=({}, {'a': 1, 'bee': 1, 'cat': 2, 'bat': 2, 'sheep': 3}),
), count=12)
_SMALL = inputs.cases(structured_inputs.dict_of(
    _KEY, inputs.integer(0, 6), 1, 3,
    edges=(
        {}, {'a': 1}, {'a': 2, 'bee': 0}, {'a': 4}, {'ant': 5, 'bat': 1},
        {'cat': 1, 'a': 2}, {'cat': 2, 'bat': 3}, {'ant': 4, 'bee': 4},
    ),
), count=14)
_LISTS = inputs.cases(structured_inputs.dict_of(
    _KEY, inputs.ints(0, 9, 0, 4), 1, 5, edges=({}, {'a': []}, {'bat': [1, 2]})
))

TEMPLATES = [
  base.Template(
      name='sum_values',
      family='dict_sum',
      describe='Given a dictionary d of numbers, return the sum of its values.',
      reference='sum(d.values())',
      arguments='d',
      inputs=_DICT,
  ),
  base.Template(
      name='extreme_value',
      family='dict_extreme',
      describe=(
          'Given a non-empty dictionary d of numbers, return its {name} value.'
      ),
      reference='{f}(d.values())',
      arguments='d',
      inputs=_NOT_EMPTY,
      parameters=(
          {'name': 'largest', 'f': 'max'},
          {'name': 'smallest', 'f': 'min'},
      ),
  ),
  base.Template(
      name='value_range',
      family='dict_range_of_values',
      describe=(
          'Given a non-empty dictionary d of numbers, return its largest value '
          'minus its smallest value.'
      ),
      reference='max(d.values()) - min(d.values())',
      arguments='d',
      inputs=_NOT_EMPTY,
  ),
  base.Template(
      name='mean_value',
      family='dict_mean',
      describe=(
          'Given a non-empty dictionary d of numbers, return the average of '
          'its values.'
      ),
      reference='sum(d.values()) / len(d)',
      arguments='d',
      inputs=_NOT_EMPTY,
  ),
  base.Template(
      name='count_entries_equal',
      family='dict_count_equal',
      describe=(
          'Given a dictionary d, return how many of its values are equal to '
          '{n}.'
      ),
      reference='sum(v == {n} for v in d.values())',
      arguments='d',
      inputs=_FEW,
      parameters=({'n': 1}, {'n': 2}, {'n': 3}),
  ),
  base.Template(
      name='sum_values_above',
      family='dict_sum_compare',
      describe=(
          'Given a dictionary d of numbers, return the sum of its values that '
          'are greater than {n}.'
      ),
      reference='sum(v for v in d.values() if v > {n})',
      arguments='d',
      inputs=_DICT,
      parameters=({'n': 2}, {'n': 3}, {'n': 5}),
  ),
  base.Template(
      name='count_values_above',
      family='dict_count_compare',
      describe=(
          'Given a dictionary d of numbers, return how many of its values are '
          'greater than {n}.'
      ),
      reference='sum(v > {n} for v in d.values())',
      arguments='d',
      inputs=_DICT,
      parameters=({'n': 0}, {'n': 3}, {'n': 5}),
  ),
  base.Template(
      name='total_cost',
      family='dict_sum_products',
      describe=(
          'Given a dictionary d from items to tuples (price, count), return '
          'the sum of price times count.'
      ),
      reference='sum(p * n for p, n in d.values())',
      arguments='d',
      inputs=inputs.cases(
          structured_inputs.dict_of(
              _KEY,
              structured_inputs.tuple_of(
                  inputs.integer(1, 9), inputs.integer(0, 5)
              ),
              1, 4,
          ),
      ),
  ),
  base.Template(
      name='sum_by_key_start',
      family='dict_sum_prefix',
      describe=(
          'Given a dictionary d of numbers, return the sum of the values whose '
          'key starts with {c!r}.'
      ),
      reference='sum(v for k, v in d.items() if k.startswith({c!r}))',
      arguments='d',
      inputs=_DICT,
      parameters=({'c': 'a'}, {'c': 'b'}, {'c': 'c'}),
  ),
  base.Template(
      name='count_different_values',
      family='dict_count_distinct',
      describe=(
          'Given a dictionary d, return the number of different values in d.'
      ),
      reference='len(set(d.values()))',
      arguments='d',
      inputs=_FEW,
  ),
  base.Template(
      name='any_above',
      family='dict_any_compare',
      describe=(
          'Given a dictionary d of numbers, return True if {name} value is '
          'greater than {n}.'
      ),
      reference='{f}(v > {n} for v in d.values())',
      arguments='d',
      inputs=_SMALL,
      parameters=(
          {'name': 'at least one', 'f': 'any', 'n': 4},
          {'name': 'every', 'f': 'all', 'n': 1},
          {'name': 'at least one', 'f': 'any', 'n': 2},
      ),
  ),
  base.Template(
      name='text_of_entries',
      family='dict_to_text',
      describe=(
          'Given a dictionary d from strings to integers, return a string of '
          "the entries such as 'a{x}1{y}b{x}2'."
      ),
      reference='{y!r}.join(k + {x!r} + str(v) for k, v in d.items())',
      arguments='d',
      inputs=inputs.cases(_ANY),
      parameters=(
          {'x': '=', 'y': ','},
          {'x': ':', 'y': ' '},
          {'x': '-', 'y': ';'},
      ),
  ),
  base.Template(
      name='count_all_items',
      family='dict_total_items',
      describe=(
          'Given a dictionary d of lists, return the total number of items in '
          'the lists.'
      ),
      reference='sum(len(v) for v in d.values())',
      arguments='d',
      inputs=_LISTS,
  ),
  base.Template(
      name='top_values',
      family='dict_top_values',
      describe=(
          'Given a dictionary d of numbers, return the list of its {n} largest '
          'values, largest first.'
      ),
      reference='sorted(d.values(), reverse=True)[:{n}]',
      arguments='d',
      inputs=inputs.cases(
          structured_inputs.dict_of(
              _KEY, inputs.integer(-4, 12), 4, 7,
              edges=({'ant': 3, 'bee': 4, 'bat': 5, 'cat': 6},),
          ),
      ),
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='sum_value_powers',
      family='dict_sum_powers',
      describe=(
          'Given a dictionary d of numbers, return the sum of the {name} of '
          'its values.'
      ),
      reference='sum(v ** {n} for v in d.values())',
      arguments='d',
      inputs=_DICT,
      parameters=({'name': 'squares', 'n': 2}, {'name': 'cubes', 'n': 3}),
  ),
  base.Template(
      name='total_with_fee',
      family='dict_sum_plus',
      describe=(
          'Given a dictionary d of prices, return the sum of its values plus '
          '{n}.'
      ),
      reference='sum(d.values()) + {n}',
      arguments='d',
      inputs=_DICT,
      parameters=({'n': 1}, {'n': 5}, {'n': 10}),
  ),
  base.Template(
      name='reaches_total',
      family='dict_sum_test',
      describe=(
          'Given a dictionary d of numbers, return True if the sum of its '
          'values is at least {n}.'
      ),
      reference='sum(d.values()) >= {n}',
      arguments='d',
      inputs=_SMALL,
      parameters=({'n': 2}, {'n': 4}, {'n': 6}),
  ),
  base.Template(
      name='key_of_most',
      family='dict_longest_list',
      describe=(
          'Given a non-empty dictionary d of lists, return the key of the '
          '{name} list.'
      ),
      reference='{f}(d, key=lambda k: len(d[k]))',
      arguments='d',
      inputs=inputs.cases(
          structured_inputs.mapped(
              lambda a: {w[0]: list(w) for w in a},
              structured_inputs.distinct_lengths(
                  2, 4, edges=(['a'], ['be', 'cat'])
              ),
          ),
      ),
      parameters=(
          {'name': 'longest', 'f': 'max'},
          {'name': 'shortest', 'f': 'min'},
      ),
  ),
  base.Template(
      name='count_divisible_values',
      family='dict_count_divisible',
      describe=(
          'Given a dictionary d of integers, return how many of its values are '
          'divisible by {n}.'
      ),
      reference='sum(v % {n} == 0 for v in d.values())',
      arguments='d',
      inputs=_DICT,
      parameters=({'n': 2}, {'n': 3}, {'n': 5}),
  ),
]
