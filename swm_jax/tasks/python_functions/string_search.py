"""String functions that look for something."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs
from swm_jax.tasks.python_functions import structured_inputs

TYPE = 'string_search'

_FEW = inputs.cases(inputs.letters(
    'abcab', 1, 9, edges=('', 'a', 'cc', 'abcabc', 'bbb', 'cbacbacba')
))
_ALL = inputs.cases(structured_inputs.mapped(
    'abc'.join, inputs.words(2, 3, edges=(['', ''], ['cba', 'ca']))
))
_MIXED = inputs.cases(structured_inputs.mapped(
    'x1 '.join,
    structured_inputs.distinct(
        structured_inputs.text(), 2, 2, edges=(['', ''], ['A', 'b'])
    ),
))

TEMPLATES = [
  base.Template(
      name='find_letter',
      family='search_index_of_value',
      describe=(
          'Given a string s, return the index of the first {c!r} in s, or -1 '
          'if there is none.'
      ),
      reference='s.find({c!r})',
      arguments='s',
      inputs=_FEW,
      parameters=({'c': 'a'}, {'c': 'b'}, {'c': 'c'}),
  ),
  base.Template(
      name='find_last',
      family='search_index_of_value',
      describe=(
          'Given a string s, return the index of the last {c!r} in s, or -1 if '
          'there is none.'
      ),
      reference='s.rfind({c!r})',
      arguments='s',
      inputs=_FEW,
      parameters=({'c': 'a'}, {'c': 'b'}, {'c': 'c'}),
  ),
  base.Template(
      name='all_indexes',
      family='search_positions_of_value',
      describe=(
          'Given a string s, return the list of all indexes where s has {c!r}.'
      ),
      reference='[i for i, c in enumerate(s) if c == {c!r}]',
      arguments='s',
      inputs=_FEW,
      parameters=({'c': 'a'}, {'c': 'b'}, {'c': 'c'}),
  ),
  base.Template(
      name='text_between',
      family='find_between',
      describe=(
          "Given a string s with one '(' and one ')' after it, return the text "
          'between them.'
      ),
      reference="s[s.index('(') + 1:s.index(')')]",
      arguments='s',
      inputs=inputs.cases(
          inputs.one_of(
              'a(b)c', 'f(x) + 1', '(sun)', 'go (to) it', 'sum(a, b)',
              'k(level)d', 'a()', 'the (big) dog', edges=('()', 'x(y)'),
          ),
      ),
  ),
  base.Template(
      name='find_second',
      family='find_second',
      describe=(
          'Given a string s, return the index of the second {c!r} in s, or -1 '
          'if there are fewer than two.'
      ),
      reference='s.find({c!r}, s.find({c!r}) + 1)',
      arguments='s',
      inputs=_FEW,
      parameters=({'c': 'a'}, {'c': 'b'}, {'c': 'c'}),
  ),
  base.Template(
      name='next_character',
      family='find_neighbour',
      describe=(
          'Given a string s, return the character after the first {c!r} in s.'
      ),
      reference='s[s.index({c!r}) + 1]',
      arguments='s',
      inputs=inputs.cases(
          structured_inputs.mapped(
              '{0[0]}={0[1]}+{0[2]}-{0[3]}'.format,
              structured_inputs.distinct(
                  inputs.word(), 4, 4,
                  edges=(['a', 'b', 'c', 'd'], ['x=y', 'z', 'x', 'y+z-x']),
              ),
          ),
      ),
      parameters=({'c': '='}, {'c': '+'}, {'c': '-'}),
  ),
  base.Template(
      name='first_single',
      family='find_first_single',
      describe=(
          'Given a string s, return the first character that occurs only once '
          'in s.'
      ),
      reference='next(c for c in s if s.count(c) == 1)',
      arguments='s',
      inputs=inputs.cases(
          inputs.one_of(
              'aab', 'abca', 'level', 'apple', 'banana', 'eel', 'queen',
              'aabbc', 'tooth', 'eye', edges=('a', 'ababc'),
          ),
      ),
  ),
  base.Template(
      name='first_of_kind',
      family='find_char_of_kind',
      describe='Given a string s that contains {name}, return the first one.',
      reference='next(c for c in s if c.{test}())',
      arguments='s',
      inputs=_MIXED,
      parameters=(
          {'name': 'digits', 'test': 'isdigit'},
          {'name': 'lower case letters', 'test': 'islower'},
      ),
  ),
  base.Template(
      name='index_of_kind',
      family='find_index_of_kind',
      describe=(
          'Given a string s that contains {name}, return the index of the '
          'first one.'
      ),
      reference='next(i for i, c in enumerate(s) if c.{test}())',
      arguments='s',
      inputs=_MIXED,
      parameters=(
          {'name': 'digits', 'test': 'isdigit'},
          {'name': 'spaces', 'test': 'isspace'},
          {'name': 'lower case letters', 'test': 'islower'},
      ),
  ),
  base.Template(
      name='index_of_word',
      family='find_word',
      describe=(
          'Given a sentence s that contains the word {w!r}, return the index '
          'of its first occurrence among the words of s, counted from 0.'
      ),
      reference='s.split().index({w!r})',
      arguments='s',
      inputs=inputs.cases(
          structured_inputs.mapped(
              lambda a: ' '.join(a + ['the', 'cat', 'dog', 'the']),
              inputs.words(0, 5, edges=([], ['dog'], ['cats', 'sun'])),
          ),
      ),
      parameters=({'w': 'the'}, {'w': 'cat'}, {'w': 'dog'}),
  ),
  base.Template(
      name='in_first_half',
      family='find_in_half',
      describe=(
          'Given a string s of even length, return True if its first half '
          'contains {c!r}.'
      ),
      reference='{c!r} in s[:len(s) // 2]',
      arguments='s',
      inputs=inputs.cases(
          inputs.one_of(
              'abcd', 'cdab', 'bacc', 'ccba', 'dbdadc', 'aadb', 'ddacbd', 'cd',
              'abba', 'dcdcab', edges=('', 'ab', 'ba'),
          ),
          count=13,
      ),
      parameters=({'c': 'a'}, {'c': 'b'}, {'c': 'c'}),
  ),
  base.Template(
      name='most_frequent',
      family='find_most_common',
      describe=(
          'Given a non-empty string s, return its most frequent character.'
      ),
      reference='max(s, key=s.count)',
      arguments='s',
      inputs=inputs.cases(
          inputs.one_of(
              'aab', 'baa', 'levell', 'banana', 'eel', 'queene', 'cbbcb',
              'tootho', 'xyyxx', 'zz', edges=('a', 'bcc'),
          ),
      ),
  ),
  base.Template(
      name='count_found',
      family='find_count_of_list',
      describe=(
          'Given a string s and a list of strings a, return how many of the '
          'strings in a occur in s.'
      ),
      reference='sum(w in s for w in a)',
      arguments='s, a',
      inputs=inputs.cases(
          inputs.letters('abc', 2, 6),
          inputs.list_of(inputs.letters('abc', 1, 2), 1, 4), count=12,
          edges=(
              ('', ['a']), ('abc', []), ('cab', ['ab', 'c', 'ac']),
              ('sunset', ['sun', 'moon']), ('bbb', ['a', 'c']),
          ),
      ),
  ),
  base.Template(
      name='word_with_letter',
      family='find_word_with',
      describe=(
          'Given a list of words a, return the first word that contains {c!r}, '
          'or None if there is none.'
      ),
      reference='next((w for w in a if {c!r} in w), None)',
      arguments='a',
      inputs=inputs.cases(
          inputs.words(edges=([], ['sun'], ['apple', 'moon', 'eel'])), count=12
      ),
      parameters=({'c': 'e'}, {'c': 'a'}, {'c': 'o'}),
  ),
  base.Template(
      name='find_or_length',
      family='find_or_length',
      describe=(
          'Given a string s, return the index of the first {c!r} in s, or the '
          'length of s if there is none.'
      ),
      reference='s.index({c!r}) if {c!r} in s else len(s)',
      arguments='s',
      inputs=_FEW,
      parameters=({'c': 'a'}, {'c': 'b'}, {'c': 'c'}),
  ),
  base.Template(
      name='span_of_letter',
      family='find_span',
      describe=(
          'Given a string s that contains {c!r}, return the index of its last '
          '{c!r} minus the index of its first {c!r}.'
      ),
      reference='s.rindex({c!r}) - s.index({c!r})',
      arguments='s',
      inputs=_ALL,
      parameters=({'c': 'a'}, {'c': 'b'}, {'c': 'c'}),
  ),
  base.Template(
      name='find_two',
      family='find_two',
      describe=(
          'Given a string s that contains {x!r} and {y!r}, return a list of '
          'the index of the first {x!r} and the index of the first {y!r}.'
      ),
      reference='[s.index({x!r}), s.index({y!r})]',
      arguments='s',
      inputs=_ALL,
      parameters=(
          {'x': 'a', 'y': 'b'},
          {'x': 'c', 'y': 'a'},
          {'x': 'b', 'y': 'c'},
      ),
  ),
  base.Template(
      name='text_from_letter',
      family='find_rest',
      describe=(
          'Given a string s that contains {c!r}, return the part of s from the '
          'first {c!r} to the end, including that {c!r}.'
      ),
      reference='s[s.index({c!r}):]',
      arguments='s',
      inputs=_ALL,
      parameters=({'c': 'a'}, {'c': 'b'}, {'c': 'c'}),
  ),
  base.Template(
      name='split_once',
      family='find_split_once',
      describe=(
          'Given a string s that contains {c!r}, return the list of the parts '
          'of s before and after the first {c!r}.'
      ),
      reference='s.split({c!r}, 1)',
      arguments='s',
      inputs=_ALL,
      parameters=({'c': 'a'}, {'c': 'b'}, {'c': 'c'}),
  ),
]
