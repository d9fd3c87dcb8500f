"""String functions about upper and lower case."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs
from swm_jax.tasks.python_functions import structured_inputs

TYPE = 'string_case'

_TEXT = inputs.cases(structured_inputs.text())
_WORD = inputs.cases(inputs.word(edges=('a', 'be', 'eel')), count=12)

TEMPLATES = [
  base.Template(
      name='change_case',
      family='case_whole',
      describe='Given a string s, return s in {name} case.',
      reference='s.{name}()',
      arguments='s',
      inputs=_TEXT,
      parameters=({'name': 'upper'}, {'name': 'lower'}),
  ),
  base.Template(
      name='swap_case',
      family='case_swap',
      describe=(
          'Given a string s, return s with upper case letters made lower case '
          'and lower case letters made upper case.'
      ),
      reference='s.swapcase()',
      arguments='s',
      inputs=_TEXT,
  ),
  base.Template(
      name='capitalize_word',
      family='case_first_letter',
      describe=(
          'Given a lower case word s, return s with its first letter in upper '
          'case.'
      ),
      reference='s.capitalize()',
      arguments='s',
      inputs=_WORD,
  ),
  base.Template(
      name='upper_start',
      family='case_prefix',
      describe=(
          'Given a string s, return s with its first {n} characters in upper '
          'case.'
      ),
      reference='s[:{n}].upper() + s[{n}:]',
      arguments='s',
      inputs=inputs.cases(inputs.word(edges=('', 'a', 'be', 'umbrella'))),
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='upper_at_index',
      family='case_at_index',
      describe=(
          'Given a string s, return s with the character at index {n} in upper '
          'case.'
      ),
      reference='s[:{n}] + s[{n}].upper() + s[{m}:]',
      arguments='s',
      inputs=inputs.cases(inputs.letters('abcde', 4, 8, edges=('abcd',))),
      parameters=({'n': 1, 'm': 2}, {'n': 2, 'm': 3}, {'n': 3, 'm': 4}),
  ),
  base.Template(
      name='upper_some_letters',
      family='case_of_letters',
      describe=(
          'Given a string s, return s with each of the letters {letters!r} in '
          'upper case.'
      ),
      reference="''.join(c.upper() if c in {letters!r} else c for c in s)",
      arguments='s',
      inputs=inputs.cases(
          inputs.sentence(edges=('', 'abcdefghijklmnopqrstuvwxyz'))
      ),
      parameters=({'letters': 'aeiou'}, {'letters': 'abc'}, {'letters': 'st'}),
  ),
  base.Template(
      name='upper_by_index',
      family='case_by_index',
      describe=(
          'Given a string s, return s with the characters at {name} indexes in '
          'upper case.'
      ),
      reference=(
          "''.join(c.upper() if i % 2 == {r} else c for i, c in enumerate(s))"
      ),
      arguments='s',
      inputs=inputs.cases(inputs.word(edges=('', 'a', 'umbrella'))),
      parameters=({'name': 'even', 'r': 0}, {'name': 'odd', 'r': 1}),
  ),
  base.Template(
      name='upper_if_short',
      family='case_if_length',
      describe=(
          'Given a string s, return s in upper case if it has fewer than {n} '
          'characters, otherwise return s.'
      ),
      reference='s.upper() if len(s) < {n} else s',
      arguments='s',
      inputs=inputs.cases(
          inputs.word(edges=('', 'sun', 'tree', 'grape', 'letter')), count=12
      ),
      parameters=({'n': 4}, {'n': 5}, {'n': 6}),
  ),
  base.Template(
      name='upper_if_contains',
      family='case_if_contains',
      describe=(
          'Given a word s, return s in upper case if it contains {c!r}, '
          'otherwise capitalize s.'
      ),
      reference='s.upper() if {c!r} in s else s.capitalize()',
      arguments='s',
      inputs=inputs.cases(
          inputs.word(edges=('', 'eel', 'apple', 'moon')), count=12
      ),
      parameters=({'c': 'e'}, {'c': 'a'}, {'c': 'o'}),
  ),
  base.Template(
      name='title_case',
      family='case_title',
      describe=(
          'Given a sentence s, return s with the first letter of every word in '
          'upper case.'
      ),
      reference='s.title()',
      arguments='s',
      inputs=inputs.cases(inputs.sentence()),
  ),
  base.Template(
      name='shout',
      family='case_upper_suffix',
      describe='Given a string s, return s in upper case followed by {end!r}.',
      reference='s.upper() + {end!r}',
      arguments='s',
      inputs=_TEXT,
      parameters=({'end': '!'}, {'end': '?'}, {'end': '...'}),
  ),
  base.Template(
      name='whisper',
      family='case_lower_wrap',
      describe=(
          'Given a string s, return s in lower case between {left!r} and '
          '{right!r}.'
      ),
      reference='{left!r} + s.lower() + {right!r}',
      arguments='s',
      inputs=_TEXT,
      parameters=(
          {'left': '(', 'right': ')'},
          {'left': '<', 'right': '>'},
          {'left': '*', 'right': '*'},
      ),
  ),
  base.Template(
      name='clean_case',
      family='case_strip',
      describe=(
          'Given a string s, return s in {name} case without the spaces at '
          'both ends.'
      ),
      reference='s.strip().{name}()',
      arguments='s',
      inputs=inputs.cases(
          structured_inputs.padded(
              structured_inputs.text(edges=('', '  Ab ', 'C d  '))
          ),
      ),
      parameters=({'name': 'lower'}, {'name': 'upper'}),
  ),
  base.Template(
      name='make_key',
      family='case_replace_spaces',
      describe=(
          'Given a string s, return s in lower case with every space replaced '
          'by {c!r}.'
      ),
      reference="s.lower().replace(' ', {c!r})",
      arguments='s',
      inputs=_TEXT,
      parameters=({'c': '_'}, {'c': '-'}, {'c': '.'}),
  ),
  base.Template(
      name='equal_ignoring_case',
      family='case_insensitive_equal',
      describe=(
          'Given two strings s and t, return True if they are equal ignoring '
          'case.'
      ),
      reference='s.lower() == t.lower()',
      arguments='s, t',
      inputs=inputs.cases(
          inputs.word(), inputs.word(),
          edges=(
              ('', ''), ('Cat', 'cat'), ('DOG', 'dog'), ('sun', 'sun'),
              ('A', 'b'), ('Eye', 'Eyes'),
          ),
      ),
  ),
  base.Template(
      name='repeat_in_case',
      family='case_copy',
      describe='Given a string s, return s followed by s in {name} case.',
      reference='s + s.{name}()',
      arguments='s',
      inputs=_TEXT,
      parameters=({'name': 'upper'}, {'name': 'lower'}),
  ),
  base.Template(
      name='swap_case_start',
      family='case_swap_prefix',
      describe=(
          'Given a string s, return the first {n} characters of s with their '
          'case swapped.'
      ),
      reference='s[:{n}].swapcase()',
      arguments='s',
      inputs=inputs.cases(
          structured_inputs.text(edges=('', 'a', 'aBcDe', 'hello'))
      ),
      parameters=({'n': 3}, {'n': 4}, {'n': 5}),
  ),
]
