"""Functions that read values of a dictionary."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs
from swm_jax.tasks.python_functions import structured_inputs

TYPE = 'dict_lookup'

_KEY = inputs.one_of('a', 'b', 'c', 'x')
_KEYS = inputs.list_of(_KEY, 0, 4)
_DICT = structured_inputs.dict_of(
    _KEY, inputs.integer(-9, 30), 0, 4,
    edges=({}, {'a': 5}, {'x': 7, 'b': -2}, {'a': 1, 'b': 2, 'c': 3, 'x': 4}),
)
_SMALL = structured_inputs.dict_of(
    _KEY, inputs.integer(0, 6), 0, 4,
    edges=(
        {}, {'a': 3}, {'b': 2}, {'c': 4}, {'a': 1, 'x': 0}, {'b': 5, 'c': 2},
    ),
)
_WORDS = structured_inputs.dict_of(_KEY, inputs.word(), 0, 3)
_DICT_AND_KEY = inputs.cases(_DICT, _KEY, count=12, edges=(
    ({'a': 0, 'b': 9}, 'a'), ({'a': 0, 'b': 9}, 'b'), ({'a': 3}, 'c'),
))

TEMPLATES = [
  base.Template(
      name='get_value',
      family='dict_get',
      describe=(
          'Given a dictionary d and a key k, return the value of k in d, or '
          '{x!r} if k is not in d.'
      ),
      reference='d.get(k, {x!r})',
      arguments='d, k',
      inputs=_DICT_AND_KEY,
      parameters=({'x': 0}, {'x': -1}, {'x': None}),
  ),
  base.Template(
      name='add_two_values',
      family='dict_get_two',
      describe=(
          'Given a dictionary d, return the value of {x!r} plus the value of '
          '{y!r}, a missing key counts as 0.'
      ),
      reference='d.get({x!r}, 0) + d.get({y!r}, 0)',
      arguments='d',
      inputs=inputs.cases(_DICT, count=12),
      parameters=(
          {'x': 'a', 'y': 'b'},
          {'x': 'b', 'y': 'x'},
          {'x': 'c', 'y': 'a'},
      ),
  ),
  base.Template(
      name='look_up_all',
      family='dict_get_each',
      describe=(
          'Given a dictionary d and a list of keys a, return the list of their '
          'values, with {x!r} for keys that are not in d.'
      ),
      reference='[d.get(k, {x!r}) for k in a]',
      arguments='d, a',
      inputs=inputs.cases(_DICT, _KEYS),
      parameters=({'x': 0}, {'x': -1}, {'x': None}),
  ),
  base.Template(
      name='key_of_extreme',
      family='dict_extreme_key',
      describe=(
          'Given a non-empty dictionary d of numbers, return the key with the '
          '{name} value.'
      ),
      reference='{f}(d, key=d.get)',
      arguments='d',
      inputs=inputs.cases(
          structured_inputs.dict_of(
              _KEY, inputs.integer(-9, 30), 1, 4,
              edges=({'a': 1}, {'b': 2, 'a': 5}, {'x': 5, 'c': -2}),
              distinct_values=True,
          ),
          count=12,
      ),
      parameters=(
          {'name': 'largest', 'f': 'max'},
          {'name': 'smallest', 'f': 'min'},
      ),
  ),
  base.Template(
      name='keys_with_value',
      family='dict_keys_of_value',
      describe=(
          'Given a dictionary d, return the list of the keys whose value is '
          '{n}.'
      ),
      reference='[k for k, v in d.items() if v == {n}]',
      arguments='d',
      inputs=inputs.cases(
          structured_inputs.dict_of(
              inputs.letters('abcdexyz', 1, 1, edges=()), inputs.integer(1, 3),
              2, 6,
              edges=({}, {'a': 1, 'b': 2, 'c': 3, 'd': 1, 'e': 2, 'x': 3}),
          ),
      ),
      parameters=({'n': 1}, {'n': 2}, {'n': 3}),
  ),
  base.Template(
      name='find_key',
      family='dict_find_key',
      describe=(
          'Given a dictionary d with different values and a value v, return '
          'the key whose value is v, or {x!r} if there is none.'
      ),
      reference='next((k for k in d if d[k] == v), {x!r})',
      arguments='d, v',
      inputs=inputs.cases(
          structured_inputs.dict_of(
              _KEY, inputs.integer(1, 5), 1, 4, distinct_values=True
          ),
          inputs.integer(1, 5), count=12,
          edges=(
              ({}, 1), ({'a': 1, 'b': 2}, 2), ({'a': 3, 'b': 4}, 4),
              ({'a': 1}, 2),
          ),
      ),
      parameters=({'x': None}, {'x': ''}, {'x': '?'}),
  ),
  base.Template(
      name='nested_value',
      family='dict_get_nested',
      describe=(
          'Given a dictionary d of dictionaries and a key k, return the value '
          'of {x!r} in the dictionary of k, or 0 if one is missing.'
      ),
      reference='d.get(k, {{}}).get({x!r}, 0)',
      arguments='d, k',
      inputs=inputs.cases(
          structured_inputs.dict_of(
              _KEY,
              structured_inputs.dict_of(
                  inputs.one_of('age', 'size', 'name'), inputs.integer(1, 30),
                  2, 3,
              ),
              3, 4,
          ),
          _KEY, count=12,
          edges=(
              ({'a': {'age': 3, 'size': 5, 'name': 7}}, 'a'), ({'a': {}}, 'a'),
              ({}, 'a'),
          ),
      ),
      parameters=({'x': 'age'}, {'x': 'size'}, {'x': 'name'}),
  ),
  base.Template(
      name='value_is_above',
      family='dict_value_test',
      describe=(
          'Given a dictionary d and a key k, return True if k is in d and its '
          'value is greater than {n}.'
      ),
      reference='k in d and d[k] > {n}',
      arguments='d, k',
      inputs=inputs.cases(
          _SMALL, _KEY, count=14,
          edges=(
              ({'a': 3}, 'a'), ({'a': 4}, 'a'), ({'b': 5, 'c': 2}, 'b'),
              ({'b': 9}, 'b'), ({'a': 2}, 'a'), ({'b': 3, 'c': 6}, 'c'),
          ),
      ),
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='has_value',
      family='dict_has_value',
      describe='Given a dictionary d, return True if {n} is one of its values.',
      reference='{n} in d.values()',
      arguments='d',
      inputs=inputs.cases(_SMALL, count=12),
      parameters=({'n': 1}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='translate',
      family='dict_translate',
      describe=(
          'Given a dictionary d from letters to letters and a string s, return '
          's with each letter replaced by its value in d, or by {x!r} if it is '
          'not in d.'
      ),
      reference="''.join(d.get(c, {x!r}) for c in s)",
      arguments='d, s',
      inputs=inputs.cases(
          structured_inputs.dict_of(
              _KEY, inputs.one_of('1', '2', 'o', 'u'), 1, 4
          ),
          inputs.letters('abcx', 1, 6), count=10,
          edges=(({}, 'ab'), ({'a': 'b', 'b': 'a'}, 'abc'), ({'a': 'e'}, '')),
      ),
      parameters=({'x': '?'}, {'x': '-'}, {'x': '_'}),
  ),
  base.Template(
      name='look_up_twice',
      family='dict_get_twice',
      describe=(
          'Given a dictionary d whose values are keys of d and a key k, return '
          'the value of the value of k.'
      ),
      reference='d[d[k]]',
      arguments='d, k',
      inputs=inputs.cases(
          structured_inputs.mapped(
              lambda a: dict(zip('abc', a)),
              structured_inputs.distinct(inputs.one_of('a', 'b', 'c'), 3, 3),
          ),
          inputs.one_of('a', 'b', 'c'),
          edges=(
              ({'a': 'b', 'b': 'c'}, 'a'), ({'a': 'a'}, 'a'),
              ({'sun': 'sea', 'sea': 'moon'}, 'sun'),
          ),
      ),
  ),
  base.Template(
      name='sorted_values',
      family='dict_sorted_values',
      describe=(
          'Given a dictionary d of numbers, return the list of its values in '
          '{order} order.'
      ),
      reference='sorted(d.values(){option})',
      arguments='d',
      inputs=inputs.cases(_DICT),
      parameters=(
          {'order': 'ascending', 'option': ''},
          {'order': 'descending', 'option': ', reverse=True'},
      ),
  ),
  base.Template(
      name='sum_of_keys',
      family='dict_sum_lookup',
      describe=(
          'Given a dictionary d of prices and a list of names a, return the '
          'sum of the prices of the names in a, where a name that is not in d '
          'costs {x}.'
      ),
      reference='sum(d.get(k, {x}) for k in a)',
      arguments='d, a',
      inputs=inputs.cases(_DICT, _KEYS),
      parameters=({'x': 0}, {'x': 1}, {'x': 10}),
  ),
  base.Template(
      name='price_with_fee',
      family='dict_get_plus',
      describe=(
          'Given a dictionary d of prices and a key k in d, return the price '
          'of k plus {n}.'
      ),
      reference='d[k] + {n}',
      arguments='d, k',
      inputs=inputs.cases(
          structured_inputs.dict_of(_KEY, inputs.integer(1, 30), 4, 4), _KEY
      ),
      parameters=({'n': 1}, {'n': 5}, {'n': 10}),
  ),
  base.Template(
      name='answer_if_known',
      family='dict_membership_label',
      describe=(
          'Given a dictionary d and a key k, return {yes!r} if k is in d, '
          'otherwise return {no!r}.'
      ),
      reference='{yes!r} if k in d else {no!r}',
      arguments='d, k',
      inputs=_DICT_AND_KEY,
      parameters=(
          {'yes': 'yes', 'no': 'no'},
          {'yes': 'known', 'no': 'unknown'},
          {'yes': 'old', 'no': 'new'},
      ),
  ),
  base.Template(
      name='greet',
      family='dict_get_greeting',
      describe=(
          'Given a dictionary d of names and a key k, return {p!r} followed by '
          'the name of k, or followed by {x!r} if k is not in d.'
      ),
      reference='{p!r} + d.get(k, {x!r})',
      arguments='d, k',
      inputs=inputs.cases(
          _WORDS, _KEY, count=12,
          edges=(({}, 'a'), ({'a': 'Bob'}, 'a'), ({'a': 'Bob'}, 'b')),
      ),
      parameters=(
          {'p': 'Hello ', 'x': 'friend'},
          {'p': 'Dear ', 'x': 'guest'},
          {'p': '@', 'x': 'all'},
      ),
  ),
]
