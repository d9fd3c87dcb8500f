"""Functions on single characters and their codes."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs
from swm_jax.tasks.python_functions import structured_inputs

TYPE = 'string_char'

_LETTER = inputs.cases(
    inputs.letters('abcdefghijklmnopqrstuvw', 1, 1, edges=('a', 'e', 'w')),
    count=12,
)
_WORD = inputs.cases(inputs.word(edges=('', 'a', 'abc')))
_ALPHABET = inputs.cases(
    inputs.sentence(edges=('', 'a', 'abcdefghijklmnopqrstuvwxyz'))
)

TEMPLATES = [
  base.Template(
      name='shift_letter',
      family='char_shift',
      describe=(
          'Given a letter c from a to w, return the letter {n} places after it '
          'in the alphabet.'
      ),
      reference='chr(ord(c) + {n})',
      arguments='c',
      inputs=_LETTER,
      parameters=({'n': 1}, {'n': 2}, {'n': 3}),
  ),
  base.Template(
      name='is_one_of',
      family='char_in_set',
      describe='Given a character c, return True if c is one of {letters!r}.',
      reference='c in {letters!r}',
      arguments='c',
      inputs=inputs.cases(
          inputs.one_of(
              *'dixz+59', edges=('a', 'b', 'c', 'e', 'u', '7', '0', '9')
          ),
          count=15,
      ),
      parameters=(
          {'letters': 'aeiou'},
          {'letters': 'abc'},
          {'letters': '0123456789'},
      ),
  ),
  base.Template(
      name='letter_position',
      family='char_position',
      describe=(
          'Given a lower case letter c, return its position in the alphabet, '
          'where a is {n}.'
      ),
      reference="ord(c) - ord('a') + {n}",
      arguments='c',
      inputs=_LETTER,
      parameters=({'n': 1}, {'n': 10}, {'n': 100}),
  ),
  base.Template(
      name='letter_at',
      family='char_from_position',
      describe=(
          'Given an integer n from 0 to 25, return the {name} case letter at '
          'position n of the alphabet, where {a} is 0.'
      ),
      reference='chr(ord({a!r}) + n)',
      arguments='n',
      inputs=inputs.cases(inputs.integer(0, 25, edges=(0, 1, 25))),
      parameters=({'name': 'lower', 'a': 'a'}, {'name': 'upper', 'a': 'A'}),
  ),
  base.Template(
      name='sum_of_codes',
      family='char_code_sum',
      describe='Given a string s, return the sum of the character codes of s.',
      reference='sum(ord(c) for c in s)',
      arguments='s',
      inputs=_WORD,
  ),
  base.Template(
      name='shift_text',
      family='char_shift_text',
      describe=(
          'Given a string s of letters from a to w, return s with every letter '
          'moved {n} places forward in the alphabet.'
      ),
      reference="''.join(chr(ord(c) + {n}) for c in s)",
      arguments='s',
      inputs=inputs.cases(inputs.letters('abcdefghijklmnopqrstuvw', 1, 6)),
      parameters=({'n': 1}, {'n': 2}, {'n': 3}),
  ),
  base.Template(
      name='list_codes',
      family='char_codes',
      describe='Given a string s, return the list of the character codes of s.',
      reference='[ord(c) for c in s]',
      arguments='s',
      inputs=_WORD,
  ),
  base.Template(
      name='text_from_codes',
      family='char_from_codes',
      describe=(
          'Given a list of character codes a, return the string of these '
          'characters.'
      ),
      reference="''.join(chr(x) for x in a)",
      arguments='a',
      inputs=inputs.cases(inputs.list_of(inputs.integer(97, 122))),
  ),
  base.Template(
      name='extreme_letter',
      family='char_extreme',
      describe=(
          'Given a non-empty string s of letters, return the letter that comes '
          '{name} in the alphabet, in lower case.'
      ),
      reference='{f}(s.lower())',
      arguments='s',
      inputs=inputs.cases(
          inputs.letters('abcdxyzABCDXYZ', 1, 6, edges=('a', 'Zb', 'aB'))
      ),
      parameters=({'name': 'last', 'f': 'max'}, {'name': 'first', 'f': 'min'}),
  ),
  base.Template(
      name='alphabet_start',
      family='char_alphabet',
      describe=(
          'Given an integer n from 0 to 26, return a string of the first n '
          '{name} case letters of the alphabet.'
      ),
      reference="''.join(chr(ord({a!r}) + i) for i in range(n))",
      arguments='n',
      inputs=inputs.cases(inputs.integer(1, 26, edges=(0, 1, 26))),
      parameters=({'name': 'lower', 'a': 'a'}, {'name': 'upper', 'a': 'A'}),
  ),
  base.Template(
      name='letter_distance',
      family='char_distance',
      describe=(
          'Given two lower case letters c and d, return how many places apart '
          'they are in the alphabet.'
      ),
      reference='abs(ord(c) - ord(d))',
      arguments='c, d',
      inputs=inputs.cases(
          inputs.letters(
              'abcdefghijklmnopqrstuvwxyz', 1, 1, edges=('a', 'b', 'e')
          ),
          inputs.letters(
              'abcdefghijklmnopqrstuvwxyz', 1, 1, edges=('z', 'a', 'e')
          ),
      ),
  ),
  base.Template(
      name='indexes_of_letters',
      family='char_indexes_in_set',
      describe=(
          'Given a string s, return the list of indexes of characters of s '
          'that are one of the letters {letters!r}.'
      ),
      reference='[i for i, c in enumerate(s) if c in {letters!r}]',
      arguments='s',
      inputs=_ALPHABET,
      parameters=({'letters': 'aeiou'}, {'letters': 'abc'}, {'letters': 'rst'}),
  ),
  base.Template(
      name='first_of_letters',
      family='char_first_in_set',
      describe=(
          'Given a string s, return the first of its characters that is one of '
          "the letters {letters!r}, or '' if there is none."
      ),
      reference="next((c for c in s if c in {letters!r}), '')",
      arguments='s',
      inputs=inputs.cases(
          inputs.word(edges=('', 'sky', 'sun', 'dog', 'cab', 'bee', 'tree')),
          count=12,
      ),
      parameters=(
          {'letters': 'aeiou'},
          {'letters': 'nrst'},
          {'letters': 'bcd'},
      ),
  ),
  base.Template(
      name='name_of_kind',
      family='char_label',
      describe=(
          'Given a character c, return {yes!r} if c is one of {letters!r}, '
          'otherwise return {no!r}.'
      ),
      reference='{yes!r} if c in {letters!r} else {no!r}',
      arguments='c',
      inputs=inputs.cases(
          inputs.one_of(
              *'dxz+59', edges=('a', 'b', 'c', 'e', 'u', '7', '0', '9')
          ),
          count=14,
      ),
      parameters=(
          {'letters': 'aeiou', 'yes': 'vowel', 'no': 'other'},
          {'letters': '0123456789', 'yes': 'digit', 'no': 'other'},
          {'letters': 'abc', 'yes': 'low', 'no': 'high'},
      ),
  ),
  base.Template(
      name='sum_digits',
      family='char_sum_digits',
      describe='Given a string s, return the sum of all digits in s.',
      reference='sum(int(c) for c in s if c.isdigit())',
      arguments='s',
      inputs=inputs.cases(
          inputs.letters('ab1234567', 1, 8, edges=('', 'a', '5', '1a2b3'))
      ),
  ),
  base.Template(
      name='list_kind',
      family='filter_chars_of_kind',
      describe='Given a string s, return a list of the {name} in s.',
      reference='[c for c in s if c.{test}()]',
      arguments='s',
      inputs=inputs.cases(
          structured_inputs.text(edges=('', 'a', 'B2', 'aB 12'))
      ),
      parameters=(
          {'name': 'digits', 'test': 'isdigit'},
          {'name': 'upper case letters', 'test': 'isupper'},
          {'name': 'lower case letters', 'test': 'islower'},
      ),
  ),
  base.Template(
      name='sort_letters',
      family='sort_and_join',
      describe=(
          'Given a string s, return its characters sorted from {order}, as one '
          'string.'
      ),
      reference="''.join(sorted(s{option}))",
      arguments='s',
      inputs=_WORD,
      parameters=(
          {'order': 'a to z', 'option': ''},
          {'order': 'z to a', 'option': ', reverse=True'},
      ),
  ),
  base.Template(
      name='distinct_letters',
      family='char_sort_distinct',
      describe=(
          'Given a string s, return its different characters sorted from '
          '{order}, as one string.'
      ),
      reference="''.join(sorted(set(s){option}))",
      arguments='s',
      inputs=_WORD,
      parameters=(
          {'order': 'a to z', 'option': ''},
          {'order': 'z to a', 'option': ', reverse=True'},
      ),
  ),
  base.Template(
      name='shift_digit',
      family='char_shift_digit',
      describe='Given a digit character c, return the integer c plus {n}.',
      reference='int(c) + {n}',
      arguments='c',
      inputs=inputs.cases(
          inputs.one_of(*'0123456789', edges=('0', '9')), count=11
      ),
      parameters=({'n': 1}, {'n': 2}, {'n': 10}),
  ),
]
