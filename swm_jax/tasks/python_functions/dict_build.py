"""Functions that make a dictionary."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs
from swm_jax.tasks.python_functions import structured_inputs

TYPE = 'dict_build'

_WORDS = structured_inputs.distinct(
    inputs.word(), 1, 5, edges=([], ['a'], ['sun', 'eel'])
)
_FILLED = inputs.cases(_WORDS)
_NUMBERS = inputs.cases(structured_inputs.distinct(
    inputs.integer(-9, 20), 1, 5, edges=([], [0], [1, 5, 6, 9, 10])
))
_DICT = structured_inputs.dict_of(
    inputs.one_of('a', 'b', 'c', 'x'), inputs.integer(-9, 20),
    edges=({}, {'a': 0, 'b': 2, 'x': 3}, {'c': 5}),
)

TEMPLATES = [
  base.Template(
      name='map_to_lengths',
      family='dict_of_lengths',
      describe=(
          'Given a list of words a, return a dictionary from each word to its '
          'length.'
      ),
      reference='{{w: len(w) for w in a}}',
      arguments='a',
      inputs=_FILLED,
  ),
  base.Template(
      name='map_to_multiples',
      family='dict_of_multiples',
      describe=(
          'Given a list of numbers a, return a dictionary from each number to '
          '{n} times the number.'
      ),
      reference='{{x: x * {n} for x in a}}',
      arguments='a',
      inputs=_NUMBERS,
      parameters=({'n': 2}, {'n': 3}, {'n': 10}),
  ),
  base.Template(
      name='map_to_powers',
      family='dict_of_powers',
      describe=(
          'Given a list of numbers a, return a dictionary from each number to '
          'its {name}.'
      ),
      reference='{{x: x ** {n} for x in a}}',
      arguments='a',
      inputs=_NUMBERS,
      parameters=({'name': 'square', 'n': 2}, {'name': 'cube', 'n': 3}),
  ),
  base.Template(
      name='zip_to_dictionary',
      family='dict_zip',
      describe=(
          'Given a list of keys a and a list of values b of the same length, '
          'return the dictionary from each key to its value.'
      ),
      reference='dict(zip(a, b))',
      arguments='a, b',
      inputs=inputs.cases(
          structured_inputs.distinct(inputs.word(), 4, 4),
          inputs.ints(0, 9, 4, 4),
          edges=(([], []), (['a'], [1]), (['x', 'y'], [2, 2])),
      ),
  ),
  base.Template(
      name='count_characters',
      family='dict_counts',
      describe=(
          'Given a string s, return a dictionary from each character of s to '
          'how many times it occurs.'
      ),
      reference='{{c: s.count(c) for c in s}}',
      arguments='s',
      inputs=inputs.cases(
          inputs.letters('abcde', 1, 9, edges=('', 'a', 'aabbb'))
      ),
  ),
  base.Template(
      name='count_these',
      family='dict_counts',
      describe=(
          'Given a string s, return a dictionary from each letter of '
          '{letters!r} to how many times it occurs in s.'
      ),
      reference='{{c: s.count(c) for c in {letters!r}}}',
      arguments='s',
      inputs=inputs.cases(
          inputs.letters('abcxyz', 1, 9, edges=('', 'a', 'zzxyabc'))
      ),
      parameters=({'letters': 'abc'}, {'letters': 'xyz'}, {'letters': 'ax'}),
  ),
  base.Template(
      name='invert',
      family='dict_invert',
      describe=(
          'Given a dictionary d with different values, return the dictionary '
          'from each value to its key.'
      ),
      reference='{{v: k for k, v in d.items()}}',
      arguments='d',
      inputs=inputs.cases(
          structured_inputs.dict_of(
              inputs.word(), inputs.integer(0, 20), distinct_values=True
          ),
      ),
  ),
  base.Template(
      name='map_to_index',
      family='dict_of_indexes',
      describe=(
          'Given a list of different words a, return a dictionary from each '
          'word to its place in the list, counted from {n}.'
      ),
      reference='{{w: i for i, w in enumerate(a, {n})}}',
      arguments='a',
      inputs=_FILLED,
      parameters=({'n': 0}, {'n': 1}, {'n': 100}),
  ),
  base.Template(
      name='fill_dictionary',
      family='dict_of_constant',
      describe=(
          'Given a list of keys a, return a dictionary where every key has the '
          'value {x!r}.'
      ),
      reference='{{k: {x!r} for k in a}}',
      arguments='a',
      inputs=_FILLED,
      parameters=({'x': 0}, {'x': True}, {'x': ''}),
  ),
  base.Template(
      name='add_entry',
      family='dict_add_entry',
      describe=(
          'Given a dictionary d, return d with the value of {k!r} set to {v!r}.'
      ),
      reference='{{**d, {k!r}: {v!r}}}',
      arguments='d',
      inputs=inputs.cases(_DICT),
      parameters=(
          {'k': 'a', 'v': 1},
          {'k': 'x', 'v': 0},
          {'k': 'name', 'v': 'Bob'},
      ),
  ),
  base.Template(
      name='merge',
      family='dict_merge',
      describe=(
          'Given two dictionaries d and e, return a dictionary with the '
          'entries of both, the values of {name} win.'
      ),
      reference='{{**{x}, **{y}}}',
      arguments='d, e',
      inputs=inputs.cases(
          _DICT, _DICT,
          edges=(({'a': 1}, {'a': 2}), ({'a': 1, 'b': 2}, {'b': 3, 'c': 4})),
      ),
      parameters=(
          {'name': 'e', 'x': 'd', 'y': 'e'},
          {'name': 'd', 'x': 'e', 'y': 'd'},
      ),
  ),
  base.Template(
      name='range_of_powers',
      family='dict_range',
      describe=(
          'Given an integer n, return a dictionary from each number from 1 to '
          'n to its {name}.'
      ),
      reference='{{i: i ** {k} for i in range(1, n + 1)}}',
      arguments='n',
      inputs=inputs.cases(inputs.integer(1, 12, edges=(0, 1, 2, 5))),
      parameters=(
          {'name': 'square', 'k': 2},
          {'name': 'cube', 'k': 3},
          {'name': 'fourth power', 'k': 4},
      ),
  ),
  base.Template(
      name='make_record',
      family='dict_record',
      describe=(
          'Given a string s and an integer n, return a dictionary with s under '
          'the key {x!r} and n under the key {y!r}.'
      ),
      reference='{{{x!r}: s, {y!r}: n}}',
      arguments='s, n',
      inputs=inputs.cases(inputs.word(), inputs.integer(0, 99)),
      parameters=(
          {'x': 'name', 'y': 'age'},
          {'x': 'word', 'y': 'count'},
          {'x': 'item', 'y': 'price'},
      ),
  ),
  base.Template(
      name='map_to_test',
      family='dict_of_tests',
      describe=(
          'Given a list of numbers a, return a dictionary from each number to '
          'True if it is greater than {n}, otherwise False.'
      ),
      reference='{{x: x > {n} for x in a}}',
      arguments='a',
      inputs=_NUMBERS,
      parameters=({'n': 0}, {'n': 5}, {'n': 9}),
  ),
  base.Template(
      name='map_to_letter',
      family='dict_of_letters',
      describe=(
          'Given a list of words a, return a dictionary from each word to its '
          '{name} letter.'
      ),
      reference='{{w: w[{i}] for w in a}}',
      arguments='a',
      inputs=inputs.cases(
          structured_inputs.distinct(
              inputs.word(), 1, 5, edges=([], ['a'], ['sun', 'eel'])
          ),
      ),
      parameters=({'name': 'first', 'i': 0}, {'name': 'last', 'i': -1}),
  ),
  base.Template(
      name='change_key_case',
      family='dict_map_keys',
      describe=(
          'Given a dictionary d, return d with all its keys in {name} case.'
      ),
      reference='{{k.{name}(): v for k, v in d.items()}}',
      arguments='d',
      inputs=inputs.cases(
          structured_inputs.dict_of(
              inputs.one_of('sun', 'Sea', 'TREE', 'Cat', 'fig'),
              inputs.integer(0, 20),
          ),
      ),
      parameters=({'name': 'upper'}, {'name': 'lower'}),
  ),
  base.Template(
      name='multiply_values',
      family='dict_multiply_values',
      describe=(
          'Given a dictionary d of numbers, return d with every value '
          'multiplied by {n}.'
      ),
      reference='{{k: v * {n} for k, v in d.items()}}',
      arguments='d',
      inputs=inputs.cases(_DICT),
      parameters=({'n': 2}, {'n': 3}, {'n': -1}),
  ),
  base.Template(
      name='pairs_to_dictionary',
      family='dict_from_text',
      describe=(
          "Given a string s such as 'a=1,b=2', return the dictionary of its "
          "strings, such as {{'a': '1', 'b': '2'}}."
      ),
      reference="dict(w.split('=') for w in s.split(','))",
      arguments='s',
      inputs=inputs.cases(
          structured_inputs.joined(
              inputs.one_of('a=1', 'b=2', 'c=sun', 'd=x', 'e=5'), ',', 1, 4,
              edges=('a=1', 'a=b,b=a'),
          ),
      ),
  ),
]
