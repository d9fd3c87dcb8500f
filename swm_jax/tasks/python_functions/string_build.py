"""Functions that make a string out of parts."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

TYPE = 'string_build'

_WORD = inputs.cases(inputs.word(edges=('', 'a', 'sun')))
_TWO_WORDS = inputs.cases(inputs.word(), inputs.word(edges=('cat', '')))
_NAMES = inputs.cases(
    inputs.one_of('Ada', 'Bob', 'Cleo', 'Dan', 'Eve', 'A'),
    inputs.one_of('Stone', 'Lake', 'Moss', 'Hill', 'B', 'Reed'),
)

TEMPLATES = [
  base.Template(
      name='wrap',
      family='build_wrap',
      describe='Given a string s, return s between {left!r} and {right!r}.',
      reference='{left!r} + s + {right!r}',
      arguments='s',
      inputs=_WORD,
      parameters=(
          {'left': '(', 'right': ')'},
          {'left': '[', 'right': ']'},
          {'left': 'Hello, ', 'right': '!'},
      ),
  ),
  base.Template(
      name='repeat_joined',
      family='build_repeat',
      describe="Given a string s, return s repeated {n} times, joined by '-'.",
      reference="'-'.join([s] * {n})",
      arguments='s',
      inputs=_WORD,
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='repeat_joined_by',
      family='build_repeat',
      describe=(
          'Given a string s and an integer n, return s repeated n times, '
          'joined by {sep!r}.'
      ),
      reference='{sep!r}.join([s] * n)',
      arguments='s, n',
      inputs=inputs.cases(
          inputs.word(edges=('sun', 'a', 'cat')),
          inputs.integer(1, 5, edges=(0, 1, 3)),
      ),
      parameters=({'sep': ' '}, {'sep': ','}, {'sep': '+'}),
  ),
  base.Template(
      name='pad_text',
      family='build_pad_text',
      describe=(
          'Given a string s, return s padded with {c!r} on the {side} to a '
          'length of 6.'
      ),
      reference='s.{method}(6, {c!r})',
      arguments='s',
      inputs=_WORD,
      parameters=(
          {'c': '*', 'side': 'left', 'method': 'rjust'},
          {'c': '-', 'side': 'right', 'method': 'ljust'},
          {'c': '.', 'side': 'left', 'method': 'rjust'},
      ),
  ),
  base.Template(
      name='number_with_unit',
      family='build_unit',
      describe='Given an integer n, return n as a string followed by {u!r}.',
      reference='str(n) + {u!r}',
      arguments='n',
      inputs=inputs.cases(inputs.integer(-20, 99, edges=(0, 7))),
      parameters=({'u': '%'}, {'u': ' kg'}, {'u': '!'}),
  ),
  base.Template(
      name='format_pair',
      family='build_pair',
      describe=(
          'Given a string s and an integer n, return a string of s and n with '
          '{sep!r} between them.'
      ),
      reference='s + {sep!r} + str(n)',
      arguments='s, n',
      inputs=inputs.cases(inputs.word(), inputs.integer(0, 99)),
      parameters=({'sep': ': '}, {'sep': '='}, {'sep': '-'}),
  ),
  base.Template(
      name='add_mirror',
      family='build_mirror',
      describe=(
          'Given a string s, return s followed by {sep!r} and the reverse of s.'
      ),
      reference='s + {sep!r} + s[::-1]',
      arguments='s',
      inputs=_WORD,
      parameters=({'sep': '|'}, {'sep': '-'}, {'sep': ' '}),
  ),
  base.Template(
      name='repeat_characters',
      family='build_repeat_each',
      describe=(
          'Given a string s, return s with every character repeated {n} times.'
      ),
      reference="''.join(c * {n} for c in s)",
      arguments='s',
      inputs=inputs.cases(inputs.word(edges=('', 'a', 'eel'))),
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='count_up',
      family='build_number_text',
      describe=(
          'Given an integer n, return a string of the numbers from 1 to n '
          'joined by {sep!r}.'
      ),
      reference='{sep!r}.join(str(i) for i in range(1, n + 1))',
      arguments='n',
      inputs=inputs.cases(inputs.integer(1, 15, edges=(0, 1, 2, 10))),
      parameters=({'sep': ' '}, {'sep': ','}, {'sep': '-'}),
  ),
  base.Template(
      name='draw_line',
      family='build_line',
      describe=(
          'Given an integer n, return {left!r} followed by n dashes and '
          '{right!r}.'
      ),
      reference="{left!r} + '-' * n + {right!r}",
      arguments='n',
      inputs=inputs.cases(inputs.integer(1, 12, edges=(0, 1, 2))),
      parameters=(
          {'left': '<', 'right': '>'},
          {'left': '|', 'right': '|'},
          {'left': 'o', 'right': '>'},
      ),
  ),
  base.Template(
      name='draw_steps',
      family='build_triangle',
      describe=(
          'Given an integer n, return one string of n lines with 1, 2, and so '
          "on up to n {c!r} characters, joined by '\\n'."
      ),
      reference="'\\n'.join({c!r} * i for i in range(1, n + 1))",
      arguments='n',
      inputs=inputs.cases(inputs.integer(1, 9, edges=(0, 1, 2)), count=9),
      parameters=({'c': '*'}, {'c': '#'}, {'c': 'x'}),
  ),
  base.Template(
      name='interleave',
      family='build_interleave',
      describe=(
          'Given two strings s and t of equal length, return the first '
          'character of s, the first of t, the second of s, and so on, as one '
          'string.'
      ),
      reference="''.join(x + y for x, y in zip(s, t))",
      arguments='s, t',
      inputs=inputs.cases(
          inputs.letters('abc', 3, 3), inputs.letters('xyz', 3, 3),
          edges=(('', ''), ('a', 'b'), ('ace', 'bdf')),
      ),
  ),
  base.Template(
      name='initials',
      family='build_initials',
      describe=(
          'Given a first name s and a last name t, return their first letters, '
          'each followed by {sep!r}.'
      ),
      reference='s[0] + {sep!r} + t[0] + {sep!r}',
      arguments='s, t',
      inputs=_NAMES,
      parameters=({'sep': '.'}, {'sep': '-'}, {'sep': '. '}),
  ),
  base.Template(
      name='full_name',
      family='build_name',
      describe=(
          'Given a first name s and a last name t, return t, then {sep!r}, '
          'then s.'
      ),
      reference='t + {sep!r} + s',
      arguments='s, t',
      inputs=_NAMES,
      parameters=({'sep': ', '}, {'sep': ' '}, {'sep': '_'}),
  ),
  base.Template(
      name='surround',
      family='build_surround',
      describe=(
          'Given a string s and an integer n, return s with n {c!r} characters '
          'on each side.'
      ),
      reference='{c!r} * n + s + {c!r} * n',
      arguments='s, n',
      inputs=inputs.cases(inputs.word(), inputs.integer(0, 4, edges=(2, 0))),
      parameters=({'c': '*'}, {'c': '-'}, {'c': ' '}),
  ),
  base.Template(
      name='stretch_end',
      family='build_stretch',
      describe=(
          'Given a non-empty string s, return s with its last character '
          'written {n} times.'
      ),
      reference='s[:-1] + s[-1] * {n}',
      arguments='s',
      inputs=inputs.cases(inputs.word(edges=('a', 'no', 'hey'))),
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='count_things',
      family='build_plural',
      describe=(
          "Given a word s and an integer n, return a string such as '1 cat' or "
          "'3 cats'."
      ),
      reference="str(n) + ' ' + s if n == 1 else str(n) + ' ' + s + 's'",
      arguments='s, n',
      inputs=inputs.cases(
          inputs.one_of('cat', 'dog', 'sun', 'tree'),
          inputs.integer(0, 5, edges=(0, 1, 2, 3, 1)),
      ),
  ),
  base.Template(
      name='join_by_length',
      family='build_by_length',
      describe=(
          'Given two strings s and t, return s + t if s is {name} than t, '
          'otherwise return t + s.'
      ),
      reference='s + t if len(s) {op} len(t) else t + s',
      arguments='s, t',
      inputs=inputs.cases(
          inputs.word(edges=('cat',)), inputs.word(edges=('sun',)), count=12,
          edges=(('a', 'be'), ('tree', 'eel'), ('a', 'b'), ('', 'sun')),
      ),
      parameters=(
          {'name': 'longer', 'op': '>'},
          {'name': 'shorter', 'op': '<'},
      ),
  ),
  base.Template(
      name='sandwich',
      family='build_sandwich',
      describe=(
          'Given two strings s and t, return s, t and s again, joined by '
          '{sep!r}.'
      ),
      reference='s + {sep!r} + t + {sep!r} + s',
      arguments='s, t',
      inputs=_TWO_WORDS,
      parameters=({'sep': '-'}, {'sep': ' '}, {'sep': '/'}),
  ),
]
