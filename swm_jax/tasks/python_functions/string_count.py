"""String functions that count characters or words."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs
from swm_jax.tasks.python_functions import structured_inputs

TYPE = 'string_count'

_FEW = inputs.letters('aabbeeo', 2, 10, edges=('', 'a', 'aabbbeeee'))
_MIXED = inputs.cases(structured_inputs.text())
_SENTENCE = inputs.sentence(edges=('', 'a', 'be sea tree tree'))

TEMPLATES = [
  base.Template(
      name='count_letter',
      family='count_of_value',
      describe='Given a string s, return how many times {c!r} occurs in s.',
      reference='s.count({c!r})',
      arguments='s',
      inputs=inputs.cases(_FEW),
      parameters=({'c': 'a'}, {'c': 'b'}, {'c': 'e'}),
  ),
  base.Template(
      name='count_some_letters',
      family='count_chars_in_set',
      describe=(
          'Given a string s, return how many of its characters are one of the '
          'letters {letters!r}.'
      ),
      reference='sum(c in {letters!r} for c in s)',
      arguments='s',
      inputs=inputs.cases(
          inputs.sentence(edges=('', 'abcdefghijklmnopqrstuvwxyz'))
      ),
      parameters=({'letters': 'aeiou'}, {'letters': 'abc'}, {'letters': 'xyz'}),
  ),
  base.Template(
      name='count_character_kind',
      family='count_chars_of_kind',
      describe='Given a string s, return the number of {name} in s.',
      reference='sum(c.{test}() for c in s)',
      arguments='s',
      inputs=inputs.cases(
          structured_inputs.text(
              edges=('', 'a', 'B2', 'abC12 DEf 3', '7 8', '2026')
          ),
      ),
      parameters=(
          {'name': 'digits', 'test': 'isdigit'},
          {'name': 'upper case letters', 'test': 'isupper'},
          {'name': 'letters', 'test': 'isalpha'},
      ),
  ),
  base.Template(
      name='count_other_characters',
      family='count_chars_except',
      describe=(
          'Given a string s, return how many characters of s are not {c!r}.'
      ),
      reference='sum(c != {c!r} for c in s)',
      arguments='s',
      inputs=inputs.cases(
          inputs.letters('ab e-', 1, 10, edges=('', 'a b', '--a'))
      ),
      parameters=({'c': 'a'}, {'c': ' '}, {'c': '-'}),
  ),
  base.Template(
      name='count_different',
      family='count_distinct',
      describe=(
          'Given a string s, return the number of different characters in s.'
      ),
      reference='len(set(s))',
      arguments='s',
      inputs=inputs.cases(_FEW),
  ),
  base.Template(
      name='count_words',
      family='count_words',
      describe='Given a sentence s, return the number of words in s.',
      reference='len(s.split())',
      arguments='s',
      inputs=inputs.cases(_SENTENCE),
  ),
  base.Template(
      name='count_long_words',
      family='count_sentence_words_by_length',
      describe=(
          'Given a sentence s, return how many of its words have more than {n} '
          'letters.'
      ),
      reference='sum(len(w) > {n} for w in s.split())',
      arguments='s',
      inputs=inputs.cases(_SENTENCE, count=12),
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='count_words_starting',
      family='count_words_by_prefix',
      describe='Given a string s, return how many words of s start with {c!r}.',
      reference='sum(w.startswith({c!r}) for w in s.split())',
      arguments='s',
      inputs=inputs.cases(
          inputs.letters('abs ', 1, 12, edges=('', 'a bb sa', 'ab ba sas as'))
      ),
      parameters=({'c': 'a'}, {'c': 'b'}, {'c': 's'}),
  ),
  base.Template(
      name='count_difference',
      family='count_difference',
      describe=(
          'Given a string s, return the number of {x!r} in s minus the number '
          'of {y!r} in s.'
      ),
      reference='s.count({x!r}) - s.count({y!r})',
      arguments='s',
      inputs=inputs.cases(_FEW),
      parameters=(
          {'x': 'a', 'y': 'b'},
          {'x': 'b', 'y': 'e'},
          {'x': 'e', 'y': 'a'},
      ),
  ),
  base.Template(
      name='count_any_case',
      family='count_any_case',
      describe=(
          'Given a string s, return how many times {c!r} occurs in s in lower '
          'or upper case.'
      ),
      reference='s.lower().count({c!r})',
      arguments='s',
      inputs=inputs.cases(
          inputs.letters('aAbBeE', 1, 10, edges=('', 'a', 'AaBbbEe'))
      ),
      parameters=({'c': 'a'}, {'c': 'b'}, {'c': 'e'}),
  ),
  base.Template(
      name='has_more',
      family='count_more',
      describe=(
          'Given a string s, return True if {x!r} occurs more often in s than '
          '{y!r}.'
      ),
      reference='s.count({x!r}) > s.count({y!r})',
      arguments='s',
      inputs=inputs.cases(
          inputs.letters(
              'abe', 1, 8,
              edges=('', 'aa', 'bb', 'aabb', 'e', 'bee', 'abb', 'baa', 'aba'),
          ),
          count=14,
      ),
      parameters=(
          {'x': 'a', 'y': 'b'},
          {'x': 'b', 'y': 'e'},
          {'x': 'e', 'y': 'a'},
      ),
  ),
  base.Template(
      name='count_in_start',
      family='count_in_part',
      describe=(
          "Given a string s, return how many times 'a' occurs in the first {n} "
          'characters of s.'
      ),
      reference="s[:{n}].count('a')",
      arguments='s',
      inputs=inputs.cases(inputs.letters('ab', 5, 9, edges=('', 'aaaaaaaa'))),
      parameters=({'n': 3}, {'n': 4}, {'n': 5}),
  ),
  base.Template(
      name='highest_count',
      family='count_highest',
      describe=(
          'Given a non-empty string s, return how many times its most frequent '
          'character occurs.'
      ),
      reference='max(s.count(c) for c in s)',
      arguments='s',
      inputs=inputs.cases(
          inputs.letters('abcde', 1, 9, edges=('a', 'aabbb', 'abcde'))
      ),
  ),
  base.Template(
      name='count_items',
      family='count_words',
      describe=(
          'Given a string s of items separated by {sep!r}, return the number '
          'of items.'
      ),
      reference='len(s.split({sep!r}))',
      arguments='s',
      inputs=inputs.cases(
          structured_inputs.joined(
              inputs.one_of('a', 'be', 'cat'), ',;-', 1, 6,
              edges=('a', 'a,b,c', 'a;b,c'),
          ),
      ),
      parameters=({'sep': ','}, {'sep': ';'}, {'sep': '-'}),
  ),
  base.Template(
      name='count_single_letters',
      family='count_occurring_once',
      describe=(
          'Given a string s, return how many characters occur exactly once in '
          's.'
      ),
      reference='sum(s.count(c) == 1 for c in s)',
      arguments='s',
      inputs=inputs.cases(_FEW),
  ),
  base.Template(
      name='count_neighbours',
      family='count_equal_neighbours',
      describe=(
          'Given a string s, return how many characters of s are equal to the '
          'next character.'
      ),
      reference='sum(x == y for x, y in zip(s, s[1:]))',
      arguments='s',
      inputs=inputs.cases(
          inputs.letters('ab', 2, 9, edges=('', 'a', 'aabb', 'aaa'))
      ),
  ),
  base.Template(
      name='share_of_letter',
      family='count_share',
      describe=(
          'Given a non-empty string s, return the number of {c!r} in s divided '
          'by the length of s.'
      ),
      reference='s.count({c!r}) / len(s)',
      arguments='s',
      inputs=inputs.cases(
          inputs.letters('abe', 1, 8, edges=('a', 'b', 'e', 'aabe'))
      ),
      parameters=({'c': 'a'}, {'c': 'b'}, {'c': 'e'}),
  ),
]
