"""Functions that keep a part of a dictionary."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs
from swm_jax.tasks.python_functions import structured_inputs

TYPE = 'dict_filter'

_KEY = inputs.one_of('a', 'ox', 'ant', 'bee', 'bat', 'cat', 'crab', 'zebra')
_DICT = inputs.cases(structured_inputs.dict_of(
    _KEY, inputs.integer(-4, 12), 2, 7,
    edges=(
        {}, {'a': 0, 'zebra': 11, 'cat': 7, 'ant': -1, 'bat': 2},
        {'ant': 3, 'bee': 4, 'bat': 5, 'cat': 6, 'crab': 10, 'ox': 1},
    ),
))
_LIST = inputs.list_of(_KEY, 0, 4)
_MIXED = inputs.cases(structured_inputs.dict_of(
    inputs.one_of('a', 'b', 'c', 'd', 'e'),
    inputs.one_of(0, 1, 5, '', '0', 'sun', None), 2, 5,
    edges=({}, {'a': 0, 'b': '', 'c': None}, {'d': 'sun', 'e': 5}),
))

TEMPLATES = [
  base.Template(
      name='entries_above',
      family='dict_keep_compare',
      describe=(
          'Given a dictionary d of numbers, return a dictionary of the entries '
          'of d whose value is greater than {n}.'
      ),
      reference='{{k: v for k, v in d.items() if v > {n}}}',
      arguments='d',
      inputs=_DICT,
      parameters=({'n': 0}, {'n': 3}, {'n': 5}),
  ),
  base.Template(
      name='entries_at_most',
      family='dict_keep_compare',
      describe=(
          'Given a dictionary d of numbers, return a dictionary of the entries '
          'of d whose value is at most {n}.'
      ),
      reference='{{k: v for k, v in d.items() if v <= {n}}}',
      arguments='d',
      inputs=_DICT,
      parameters=({'n': 0}, {'n': 4}, {'n': 6}),
  ),
  base.Template(
      name='keep_divisible',
      family='dict_keep_divisible',
      describe=(
          'Given a dictionary d of integers, return a dictionary of the '
          'entries of d whose value is divisible by {n}.'
      ),
      reference='{{k: v for k, v in d.items() if v % {n} == 0}}',
      arguments='d',
      inputs=_DICT,
      parameters=({'n': 2}, {'n': 3}, {'n': 5}),
  ),
  base.Template(
      name='keep_key_start',
      family='dict_keep_prefix',
      describe=(
          'Given a dictionary d, return a dictionary of the entries of d whose '
          'key starts with {c!r}.'
      ),
      reference='{{k: v for k, v in d.items() if k.startswith({c!r})}}',
      arguments='d',
      inputs=_DICT,
      parameters=({'c': 'a'}, {'c': 'b'}, {'c': 'c'}),
  ),
  base.Template(
      name='keep_long_keys',
      family='dict_keep_key_length',
      describe=(
          'Given a dictionary d, return a dictionary of the entries of d whose '
          'key has more than {n} letters.'
      ),
      reference='{{k: v for k, v in d.items() if len(k) > {n}}}',
      arguments='d',
      inputs=_DICT,
      parameters=({'n': 1}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='keys_above',
      family='dict_keys_compare',
      describe=(
          'Given a dictionary d of numbers, return the list of the keys whose '
          'value is greater than {n}.'
      ),
      reference='[k for k, v in d.items() if v > {n}]',
      arguments='d',
      inputs=_DICT,
      parameters=({'n': 0}, {'n': 4}, {'n': 6}),
  ),
  base.Template(
      name='values_of_keys',
      family='dict_values_by_prefix',
      describe=(
          'Given a dictionary d, return the list of the values whose key '
          'starts with {c!r}.'
      ),
      reference='[v for k, v in d.items() if k.startswith({c!r})]',
      arguments='d',
      inputs=_DICT,
      parameters=({'c': 'a'}, {'c': 'b'}, {'c': 'c'}),
  ),
  base.Template(
      name='select_keys',
      family='dict_select',
      describe=(
          'Given a dictionary d and a list of keys a, return a dictionary of '
          'the entries of d whose key is {name} a.'
      ),
      reference='{{k: v for k, v in d.items() if k {op} a}}',
      arguments='d, a',
      inputs=inputs.cases(
          structured_inputs.dict_of(_KEY, inputs.integer(0, 9), 2, 6), _LIST
      ),
      parameters=(
          {'name': 'in', 'op': 'in'},
          {'name': 'not in', 'op': 'not in'},
      ),
  ),
  base.Template(
      name='drop_key',
      family='dict_drop_key',
      describe='Given a dictionary d, return d without the key {x!r}.',
      reference='{{k: v for k, v in d.items() if k != {x!r}}}',
      arguments='d',
      inputs=_DICT,
      parameters=({'x': 'ant'}, {'x': 'bee'}, {'x': 'cat'}),
  ),
  base.Template(
      name='entries_without_value',
      family='dict_drop_value',
      describe=(
          'Given a dictionary d, return a dictionary of the entries of d whose '
          'value is not {n}.'
      ),
      reference='{{k: v for k, v in d.items() if v != {n}}}',
      arguments='d',
      inputs=_DICT,
      parameters=({'n': 0}, {'n': 4}, {'n': 10}),
  ),
  base.Template(
      name='keep_keys_with',
      family='dict_keep_containing',
      describe=(
          'Given a dictionary d, return a dictionary of the entries of d whose '
          'key contains {c!r}.'
      ),
      reference='{{k: v for k, v in d.items() if {c!r} in k}}',
      arguments='d',
      inputs=_DICT,
      parameters=({'c': 'a'}, {'c': 'e'}, {'c': 't'}),
  ),
  base.Template(
      name='keep_and_multiply',
      family='dict_keep_and_map',
      describe=(
          'Given a dictionary d of numbers, return a dictionary of the entries '
          'of d with a positive value, these values multiplied by {n}.'
      ),
      reference='{{k: v * {n} for k, v in d.items() if v > 0}}',
      arguments='d',
      inputs=_DICT,
      parameters=({'n': 2}, {'n': 3}, {'n': 10}),
  ),
  base.Template(
      name='keep_length_match',
      family='dict_keep_length_value',
      describe=(
          'Given a dictionary d from words to integers, return a dictionary of '
          'the entries of d whose value is the length of the key.'
      ),
      reference='{{k: v for k, v in d.items() if v == len(k)}}',
      arguments='d',
      inputs=inputs.cases(
          structured_inputs.dict_of(
              _KEY, inputs.integer(1, 5), 3, 7,
              edges=(
                  {}, {'a': 1, 'bee': 3, 'cat': 4, 'crab': 3}, {'ox': 2},
                  {'ant': 2, 'bat': 3}, {'cat': 3, 'a': 2},
              ),
          ),
      ),
  ),
  base.Template(
      name='entries_between',
      family='dict_keep_between',
      describe=(
          'Given a dictionary d of numbers, return a dictionary of the entries '
          'of d whose value is between {i} and {j}, both included.'
      ),
      reference='{{k: v for k, v in d.items() if {i} <= v <= {j}}}',
      arguments='d',
      inputs=_DICT,
      parameters=({'i': 0, 'j': 5}, {'i': 3, 'j': 6}, {'i': 4, 'j': 10}),
  ),
  base.Template(
      name='keep_type',
      family='dict_keep_type',
      describe=(
          'Given a dictionary d, return a dictionary of the entries of d whose '
          'value is {name}.'
      ),
      reference='{{k: v for k, v in d.items() if isinstance(v, {type})}}',
      arguments='d',
      inputs=_MIXED,
      parameters=(
          {'name': 'a string', 'type': 'str'},
          {'name': 'an integer', 'type': 'int'},
      ),
  ),
  base.Template(
      name='drop_empty',
      family='dict_drop_empty',
      describe=(
          'Given a dictionary d, return d without the entries whose value is '
          'None.'
      ),
      reference='{{k: v for k, v in d.items() if v is not None}}',
      arguments='d',
      inputs=_MIXED,
  ),
  base.Template(
      name='sorted_keys_above',
      family='dict_sorted_keys_compare',
      describe=(
          'Given a dictionary d of numbers, return the sorted list of the keys '
          'whose value is at least {n}.'
      ),
      reference='sorted(k for k, v in d.items() if v >= {n})',
      arguments='d',
      inputs=_DICT,
      parameters=({'n': 1}, {'n': 4}, {'n': 6}),
  ),
]
