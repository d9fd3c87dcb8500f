"""String functions that replace or remove parts."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs
from swm_jax.tasks.python_functions import structured_inputs

TYPE = 'string_replace'

_LETTERS = inputs.cases(
    inputs.letters('abeo-', 1, 10, edges=('', 'a', 'abeo', 'aabb--ee'))
)
_MIXED = inputs.cases(structured_inputs.text(edges=('', 'a', 'B2', 'aB 12')))
_ALPHABET = inputs.cases(
    inputs.sentence(edges=('', 'a', 'abcdefghijklmnopqrstuvwxyz'))
)

TEMPLATES = [
  base.Template(
      name='replace_character',
      family='replace_all',
      describe='Given a string s, return s with every {x!r} replaced by {y!r}.',
      reference='s.replace({x!r}, {y!r})',
      arguments='s',
      inputs=_LETTERS,
      parameters=(
          {'x': 'a', 'y': 'o'},
          {'x': '-', 'y': ' '},
          {'x': 'e', 'y': '3'},
      ),
  ),
  base.Template(
      name='remove_character',
      family='replace_all',
      describe='Given a string s, return s without any {c!r}.',
      reference="s.replace({c!r}, '')",
      arguments='s',
      inputs=_LETTERS,
      parameters=({'c': 'a'}, {'c': '-'}, {'c': 'b'}),
  ),
  base.Template(
      name='replace_first',
      family='replace_first',
      describe=(
          'Given a string s, return s with only the first {x!r} replaced by '
          '{y!r}.'
      ),
      reference='s.replace({x!r}, {y!r}, 1)',
      arguments='s',
      inputs=_LETTERS,
      parameters=(
          {'x': 'a', 'y': 'o'},
          {'x': '-', 'y': ' '},
          {'x': 'b', 'y': 'p'},
      ),
  ),
  base.Template(
      name='remove_some_letters',
      family='filter_chars_in_set',
      describe=(
          'Given a string s, return s without any of the letters {letters!r}.'
      ),
      reference="''.join(c for c in s if c not in {letters!r})",
      arguments='s',
      inputs=_ALPHABET,
      parameters=({'letters': 'aeiou'}, {'letters': 'abc'}, {'letters': 'st'}),
  ),
  base.Template(
      name='keep_character_kind',
      family='filter_chars_of_kind',
      describe='Given a string s, return only the {name} of s, as a string.',
      reference="''.join(c for c in s if c.{test}())",
      arguments='s',
      inputs=_MIXED,
      parameters=(
          {'name': 'digits', 'test': 'isdigit'},
          {'name': 'upper case letters', 'test': 'isupper'},
          {'name': 'letters', 'test': 'isalpha'},
      ),
  ),
  base.Template(
      name='hide_character_kind',
      family='replace_chars_of_kind',
      describe=(
          'Given a string s, return s with every {name} replaced by {y!r}.'
      ),
      reference="''.join({y!r} if c.{test}() else c for c in s)",
      arguments='s',
      inputs=_MIXED,
      parameters=(
          {'name': 'digit', 'test': 'isdigit', 'y': '#'},
          {'name': 'upper case letter', 'test': 'isupper', 'y': '*'},
          {'name': 'letter', 'test': 'isalpha', 'y': 'x'},
      ),
  ),
  base.Template(
      name='hide_some_letters',
      family='replace_chars_in_set',
      describe=(
          'Given a string s, return s with each of the letters {letters!r} '
          'replaced by {y!r}.'
      ),
      reference="''.join({y!r} if c in {letters!r} else c for c in s)",
      arguments='s',
      inputs=_ALPHABET,
      parameters=(
          {'letters': 'aeiou', 'y': '*'},
          {'letters': 'abc', 'y': '.'},
          {'letters': 'nrst', 'y': '_'},
      ),
  ),
  base.Template(
      name='swap_letters',
      family='replace_swap',
      describe=(
          'Given a string s, return s with every {x!r} replaced by {y!r} and '
          'every {y!r} replaced by {x!r}.'
      ),
      reference=(
          "''.join({y!r} if c == {x!r} else {x!r} if c == {y!r} else c for c "
          'in s)'
      ),
      arguments='s',
      inputs=_LETTERS,
      parameters=(
          {'x': 'a', 'y': 'b'},
          {'x': 'e', 'y': 'o'},
          {'x': 'a', 'y': '-'},
      ),
  ),
  base.Template(
      name='replace_two',
      family='replace_two',
      describe=(
          'Given a string s, return s with every {x!r} replaced by {p!r} and '
          'every {y!r} replaced by {q!r}.'
      ),
      reference='s.replace({x!r}, {p!r}).replace({y!r}, {q!r})',
      arguments='s',
      inputs=_LETTERS,
      parameters=(
          {'x': 'a', 'p': '4', 'y': 'e', 'q': '3'},
          {'x': 'a', 'p': 'x', 'y': 'b', 'q': 'y'},
          {'x': '-', 'p': ' ', 'y': 'o', 'q': '0'},
      ),
  ),
  base.Template(
      name='remove_start',
      family='remove_prefix',
      describe=(
          'Given a string s, return s without {p!r} at its start if it starts '
          'with {p!r}, otherwise return s.'
      ),
      reference='s.removeprefix({p!r})',
      arguments='s',
      inputs=inputs.cases(
          inputs.one_of(
              'undo', 'unfair', 'sun', 'redo', 'review', 'tree', 'precook',
              'prep', 'spree', 'unred', edges=('', 'un', 're', 'pre'),
          ),
          count=12,
      ),
      parameters=({'p': 'un'}, {'p': 're'}, {'p': 'pre'}),
  ),
  base.Template(
      name='replace_at_index',
      family='replace_at_position',
      describe=(
          'Given a string s, return s with the character at index {n} replaced '
          'by {c!r}.'
      ),
      reference='s[:{n}] + {c!r} + s[{m}:]',
      arguments='s',
      inputs=inputs.cases(inputs.letters('abcde', 4, 9, edges=('abcde',))),
      parameters=(
          {'n': 1, 'm': 2, 'c': '*'},
          {'n': 2, 'm': 3, 'c': '-'},
          {'n': 3, 'm': 4, 'c': 'x'},
      ),
  ),
  base.Template(
      name='replace_last',
      family='replace_end',
      describe=(
          'Given a non-empty string s, return s with its last character '
          'replaced by {c!r}.'
      ),
      reference='s[:-1] + {c!r}',
      arguments='s',
      inputs=inputs.cases(inputs.letters('abcde', 1, 8, edges=('a', 'bb'))),
      parameters=({'c': '!'}, {'c': '?'}, {'c': 'ing'}),
  ),
  base.Template(
      name='strip_character',
      family='strip_chars',
      describe=(
          'Given a string s, return s without the {c!r} characters at its '
          'start and end.'
      ),
      reference='s.strip({c!r})',
      arguments='s',
      inputs=inputs.cases(
          inputs.letters('a*-_', 1, 9, edges=('', '**a*a*', '--a-a--', '_a_a_'))
      ),
      parameters=({'c': '*'}, {'c': '-'}, {'c': '_'}),
  ),
  base.Template(
      name='single_spaces',
      family='rejoin_words',
      describe='Given a string s, return the words of s joined by {sep!r}.',
      reference='{sep!r}.join(s.split())',
      arguments='s',
      inputs=inputs.cases(
          inputs.letters('ab   ', 4, 12, edges=('', ' a  b ', 'ab   ba'))
      ),
      parameters=({'sep': ' '}, {'sep': '-'}, {'sep': '_'}),
  ),
  base.Template(
      name='bracket_letter',
      family='wrap_letter',
      describe=(
          'Given a string s and a letter c, return s with {left!r} before and '
          '{right!r} after every c.'
      ),
      reference='s.replace(c, {left!r} + c + {right!r})',
      arguments='s, c',
      inputs=inputs.cases(
          inputs.letters('abc', 1, 8, edges=('', 'abc', 'aab')),
          inputs.letters('abc', 1, 1, edges=()),
      ),
      parameters=(
          {'left': '(', 'right': ')'},
          {'left': '[', 'right': ']'},
          {'left': '<', 'right': '>'},
      ),
  ),
  base.Template(
      name='replace_ending',
      family='replace_ending',
      describe=(
          'Given a string s, if it ends with {x!r} return s with that letter '
          'replaced by {y!r}, otherwise return s.'
      ),
      reference='s[:-1] + {y!r} if s.endswith({x!r}) else s',
      arguments='s',
      inputs=inputs.cases(
          inputs.one_of(
              'city', 'baby', 'day', 'yes', 'house', 'tree', 'eye', 'leaf',
              'wolf', 'fig', edges=('y', 'e', 'f'),
          ),
          count=12,
      ),
      parameters=(
          {'x': 'y', 'y': 'ies'},
          {'x': 'e', 'y': 'ing'},
          {'x': 'f', 'y': 'ves'},
      ),
  ),
]
