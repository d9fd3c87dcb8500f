"""String functions that split and join."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs
from swm_jax.tasks.python_functions import structured_inputs

TYPE = 'string_split_join'

_FIELDS = inputs.cases(structured_inputs.joined(
    inputs.one_of('a', 'be', 'cat', 'dog'), ',;-', 1, 6,
    edges=('a', 'dog,a', 'b;a;c', 'c-a-b'),
))
_THREE = inputs.cases(structured_inputs.joined(
    inputs.one_of('a', 'be', 'cat', 'dog', 'eel'), ',', 3, 5,
    edges=('a,b,c', 'c,b,a,d'),
))
_WORDS = inputs.cases(inputs.words(edges=([], ['a'], ['sun', 'cat', 'be'])))
_NUMBERS = inputs.cases(inputs.ints())

TEMPLATES = [
  base.Template(
      name='split_text',
      family='split',
      describe=(
          'Given a string s, split it at every {sep!r} and return the list of '
          'parts.'
      ),
      reference='s.split({sep!r})',
      arguments='s',
      inputs=_FIELDS,
      parameters=({'sep': ','}, {'sep': ';'}, {'sep': '-'}),
  ),
  base.Template(
      name='join_words',
      family='join',
      describe=(
          'Given a list of words a, return one string with the words joined by '
          '{sep!r}.'
      ),
      reference='{sep!r}.join(a)',
      arguments='a',
      inputs=_WORDS,
      parameters=({'sep': '-'}, {'sep': ', '}, {'sep': ' '}),
  ),
  base.Template(
      name='spread_letters',
      family='join',
      describe='Given a string s, return its characters joined by {sep!r}.',
      reference='{sep!r}.join(s)',
      arguments='s',
      inputs=inputs.cases(inputs.word()),
      parameters=({'sep': '-'}, {'sep': ' '}, {'sep': '.'}),
  ),
  base.Template(
      name='get_field',
      family='split_field',
      describe=(
          "Given a string s of words separated by ',', return the word at "
          'index {n}.'
      ),
      reference="s.split(',')[{n}]",
      arguments='s',
      inputs=_THREE,
      parameters=({'n': 0}, {'n': 1}, {'n': 2}),
  ),
  base.Template(
      name='parse_numbers',
      family='split_parse',
      describe=(
          "Given a string s of integers separated by ',', return the list of "
          'integers.'
      ),
      reference="[int(x) for x in s.split(',')]",
      arguments='s',
      inputs=inputs.cases(
          structured_inputs.joined(
              inputs.integer(-9, 30), ',', 1, 6, edges=('0', '3,-3')
          ),
      ),
  ),
  base.Template(
      name='sum_of_text',
      family='split_parse_sum',
      describe=(
          "Given a string s such as '1+2+3', return the sum of its numbers."
      ),
      reference="sum(int(x) for x in s.split('+'))",
      arguments='s',
      inputs=inputs.cases(
          structured_inputs.joined(
              inputs.integer(0, 30), '+', 1, 5, edges=('0', '3+3')
          ),
      ),
  ),
  base.Template(
      name='join_numbers',
      family='join_numbers',
      describe=(
          'Given a list of integers a, return a string with the integers '
          'joined by {sep!r}.'
      ),
      reference='{sep!r}.join(str(x) for x in a)',
      arguments='a',
      inputs=_NUMBERS,
      parameters=({'sep': ','}, {'sep': '-'}, {'sep': ' '}),
  ),
  base.Template(
      name='reverse_fields',
      family='reverse_words',
      describe=(
          'Given a string s of parts separated by {sep!r}, return s with the '
          'parts in reverse order.'
      ),
      reference='{sep!r}.join(s.split({sep!r})[::-1])',
      arguments='s',
      inputs=_FIELDS,
      parameters=({'sep': ','}, {'sep': ';'}, {'sep': '-'}),
  ),
  base.Template(
      name='sort_fields',
      family='sort_fields',
      describe=(
          'Given a string s of parts separated by {sep!r}, return s with the '
          'parts sorted.'
      ),
      reference='{sep!r}.join(sorted(s.split({sep!r})))',
      arguments='s',
      inputs=_FIELDS,
      parameters=({'sep': ','}, {'sep': ';'}, {'sep': '-'}),
  ),
  base.Template(
      name='end_fields',
      family='split_ends',
      describe=(
          'Given a string s, split it at every {sep!r} and return a list of '
          'the first and the last part.'
      ),
      reference='[s.split({sep!r})[0], s.split({sep!r})[-1]]',
      arguments='s',
      inputs=_FIELDS,
      parameters=({'sep': ','}, {'sep': ';'}, {'sep': '-'}),
  ),
  base.Template(
      name='join_filled',
      family='join_nonempty',
      describe=(
          'Given a list of strings a, return the strings that are not empty '
          'joined by {sep!r}.'
      ),
      reference='{sep!r}.join(w for w in a if w)',
      arguments='a',
      inputs=inputs.cases(inputs.list_of(inputs.one_of('', 'a', 'be', 'cat'))),
      parameters=({'sep': ' '}, {'sep': ','}, {'sep': '-'}),
  ),
  base.Template(
      name='join_in_case',
      family='join_case',
      describe=(
          'Given a list of words a, return the words in upper case joined by '
          '{sep!r}.'
      ),
      reference='{sep!r}.join(w.upper() for w in a)',
      arguments='a',
      inputs=_WORDS,
      parameters=({'sep': ' '}, {'sep': '_'}, {'sep': '+'}),
  ),
  base.Template(
      name='field_lengths',
      family='split_lengths',
      describe=(
          'Given a string s, split it at every {sep!r} and return the list of '
          'the lengths of the parts.'
      ),
      reference='[len(w) for w in s.split({sep!r})]',
      arguments='s',
      inputs=_FIELDS,
      parameters=({'sep': ','}, {'sep': ';'}, {'sep': '-'}),
  ),
  base.Template(
      name='split_pair',
      family='split_pair',
      describe=(
          "Given a string s such as 'a=1', return the tuple of the part before "
          "and the part after '='."
      ),
      reference="tuple(s.split('='))",
      arguments='s',
      inputs=inputs.cases(
          structured_inputs.joined(
              inputs.one_of('a', 'be', 'cat', 'x1', 'dog'), '=', 2, 2,
              edges=('a=1', 'name=sun'),
          ),
      ),
  ),
  base.Template(
      name='join_first',
      family='join_some',
      describe=(
          "Given a list of words a, return its first {n} words joined by ','."
      ),
      reference="','.join(a[:{n}])",
      arguments='a',
      inputs=inputs.cases(
          inputs.words(0, 7, edges=([], ['a'], ['a', 'b', 'c', 'd', 'e']))
      ),
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='join_sorted',
      family='sort_and_join',
      describe=(
          'Given a list of words a, return the words in alphabetical order '
          'joined by {sep!r}.'
      ),
      reference='{sep!r}.join(sorted(a))',
      arguments='a',
      inputs=_WORDS,
      parameters=({'sep': ','}, {'sep': ' '}, {'sep': '-'}),
  ),
  base.Template(
      name='strip_fields',
      family='split_strip',
      describe=(
          "Given a string s, split it at every ',' and return the list of "
          'parts without spaces at their ends.'
      ),
      reference="[w.strip() for w in s.split(',')]",
      arguments='s',
      inputs=inputs.cases(
          structured_inputs.joined(
              structured_inputs.padded(inputs.word()), ',', 1, 5,
              edges=('a', ' a , b', 'a,  b c '),
          ),
      ),
  ),
  base.Template(
      name='list_in_english',
      family='join_and',
      describe=(
          "Given a list of at least two words a, return the words joined by ', "
          "' but with ' {w} ' before the last."
      ),
      reference="', '.join(a[:-1]) + ' {w} ' + a[-1]",
      arguments='a',
      inputs=inputs.cases(
          inputs.words(2, 5, edges=(['a', 'b'], ['a', 'b', 'c']))
      ),
      parameters=({'w': 'and'}, {'w': 'or'}, {'w': 'then'}),
  ),
]
