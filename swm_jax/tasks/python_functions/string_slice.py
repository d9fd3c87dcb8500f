"""String functions that take characters by position."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

TYPE = 'string_slice'

_ANY = inputs.cases(inputs.letters('abcdefgh', edges=('', 'a', 'abcdef')))
_LONG = inputs.cases(inputs.letters('abcdefgh', 6, 10, edges=('abcdef',)))
_EVEN = inputs.cases(inputs.one_of(
    'be', 'moon', 'tree', 'kiwi', 'banana', 'otter!', 'played', 'umbrella',
    edges=('', 'ab', 'abcd'),
))
_ODD = inputs.cases(inputs.one_of(
    'cat', 'dog', 'level', 'apple', 'river', 'running', 'pepper!', 'eel',
    edges=('a', 'abc', 'abcde'),
))

TEMPLATES = [
  base.Template(
      name='first_characters',
      family='slice_end',
      describe='Given a string s, return its first {n} characters.',
      reference='s[:{n}]',
      arguments='s',
      inputs=_ANY,
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='remove_last_characters',
      family='slice_drop_end',
      describe='Given a string s, return s without its last {n} characters.',
      reference='s[:-{n}]',
      arguments='s',
      inputs=_LONG,
      parameters=({'n': 1}, {'n': 2}, {'n': 3}),
  ),
  base.Template(
      name='slice_between',
      family='slice_between',
      describe=(
          'Given a string s, return the characters of s from index {i} up to '
          'but not including index {j}.'
      ),
      reference='s[{i}:{j}]',
      arguments='s',
      inputs=_LONG,
      parameters=({'i': 1, 'j': 3}, {'i': 2, 'j': 5}, {'i': 1, 'j': 5}),
  ),
  base.Template(
      name='both_ends',
      family='slice_both_ends',
      describe=(
          'Given a string s, return its first {n} characters followed by its '
          'last {n} characters.'
      ),
      reference='s[:{n}] + s[-{n}:]',
      arguments='s',
      inputs=_LONG,
      parameters=({'n': 1}, {'n': 2}, {'n': 3}),
  ),
  base.Template(
      name='swap_halves',
      family='slice_swap_halves',
      describe=(
          'Given a string s of even length, return its second half followed by '
          'its first half.'
      ),
      reference='s[len(s) // 2:] + s[:len(s) // 2]',
      arguments='s',
      inputs=_EVEN,
  ),
  base.Template(
      name='half_of_string',
      family='slice_half',
      describe='Given a string s of even length, return the {name} half of s.',
      reference='s[{part}]',
      arguments='s',
      inputs=_EVEN,
      parameters=(
          {'name': 'first', 'part': ':len(s) // 2'},
          {'name': 'second', 'part': 'len(s) // 2:'},
      ),
  ),
  base.Template(
      name='middle_character',
      family='element_in_middle',
      describe='Given a string s of odd length, return its middle character.',
      reference='s[len(s) // 2]',
      arguments='s',
      inputs=_ODD,
  ),
  base.Template(
      name='remove_at_index',
      family='remove_at_position',
      describe='Given a string s, return s without the character at index {n}.',
      reference='s[:{n}] + s[{m}:]',
      arguments='s',
      inputs=_LONG,
      parameters=({'n': 1, 'm': 2}, {'n': 2, 'm': 3}, {'n': 3, 'm': 4}),
  ),
  base.Template(
      name='move_start_to_end',
      family='rotate_list',
      describe=(
          'Given a string s, move its first {n} characters to the end and '
          'return the result.'
      ),
      reference='s[{n}:] + s[:{n}]',
      arguments='s',
      inputs=_LONG,
      parameters=({'n': 1}, {'n': 2}, {'n': 3}),
  ),
  base.Template(
      name='reverse_start',
      family='slice_reverse_end',
      describe=(
          'Given a string s, return its first {n} characters in reverse order.'
      ),
      reference='s[:{n}][::-1]',
      arguments='s',
      inputs=_LONG,
      parameters=({'n': 3}, {'n': 4}, {'n': 5}),
  ),
  base.Template(
      name='truncate',
      family='slice_truncate',
      describe=(
          'Given a string s, return s if it has at most {n} characters, '
          "otherwise its first {n} characters followed by '...'."
      ),
      reference="s if len(s) <= {n} else s[:{n}] + '...'",
      arguments='s',
      inputs=inputs.cases(
          inputs.letters(
              'abcdefgh', edges=('', 'abc', 'abcd', 'abcde', 'abcdef')
          ),
      ),
      parameters=({'n': 3}, {'n': 4}, {'n': 5}),
  ),
  base.Template(
      name='repeat_start',
      family='slice_repeat_prefix',
      describe=(
          'Given a string s, return its first {n} characters followed by the '
          'whole of s.'
      ),
      reference='s[:{n}] + s',
      arguments='s',
      inputs=_LONG,
      parameters=({'n': 1}, {'n': 2}, {'n': 3}),
  ),
  base.Template(
      name='split_by_index_parity',
      family='split_alternating_positions',
      describe=(
          'Given a string s, return the characters of s at {first} indexes '
          'followed by those at {second} indexes.'
      ),
      reference='s[{i}::2] + s[{j}::2]',
      arguments='s',
      inputs=_ANY,
      parameters=(
          {'first': 'even', 'second': 'odd', 'i': '', 'j': '1'},
          {'first': 'odd', 'second': 'even', 'i': '1', 'j': ''},
      ),
  ),
  base.Template(
      name='split_in_pieces',
      family='slice_chunks',
      describe=(
          'Given a string s, return a list of its pieces of {n} characters, '
          'the last may be shorter.'
      ),
      reference='[s[i:i + {n}] for i in range(0, len(s), {n})]',
      arguments='s',
      inputs=inputs.cases(
          inputs.letters(
              'abcdefgh', 1, 12, edges=('', 'a', 'abcdefgh', 'abcdefghijkl')
          ),
      ),
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='list_prefixes',
      family='slice_prefixes',
      describe=(
          'Given a string s, return the list of all its non-empty {name}, from '
          '{order}.'
      ),
      reference='[s[{part}] for i in range({indexes})]',
      arguments='s',
      inputs=inputs.cases(inputs.letters('abcde', 1, 6)),
      parameters=(
          {
              'name': 'prefixes', 'order': 'shortest to longest', 'part': ':i',
              'indexes': '1, len(s) + 1',
          },
          {
              'name': 'suffixes', 'order': 'longest to shortest', 'part': 'i:',
              'indexes': 'len(s)',
          },
      ),
  ),
  base.Template(
      name='slice_arguments',
      family='slice_given_length',
      describe=(
          'Given a string s and integers i and n, return the n characters of s '
          'that start at index i.'
      ),
      reference='s[i:i + n]',
      arguments='s, i, n',
      inputs=inputs.cases(
          inputs.letters(
              'abcdefgh', 6, 10, edges=('abcdefgh', 'abcdef', 'bbbcccddd')
          ),
          inputs.integer(0, 3), inputs.integer(1, 3),
      ),
  ),
]
