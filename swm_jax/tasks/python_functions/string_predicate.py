"""Questions about strings, answered True or False."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

TYPE = 'string_predicate'

_FEW = inputs.letters('abc', 1, 6, edges=('', 'a', 'abc', 'bb', 'cab'))

TEMPLATES = [
  base.Template(
      name='starts_with',
      family='starts_with',
      describe='Given a string s, return True if s starts with {p!r}.',
      reference='s.startswith({p!r})',
      arguments='s',
      inputs=inputs.cases(
          inputs.one_of(
              'undo', 'under', 'up', 'redo', 'red', 'rose', 'apple', 'area',
              'banana', 'unit', 'dune', edges=('', 'un', 're', 'a'),
          ),
          count=14,
      ),
      parameters=({'p': 'un'}, {'p': 're'}, {'p': 'a'}),
  ),
  base.Template(
      name='ends_with',
      family='starts_with',
      describe='Given a string s, return True if s ends with {p!r}.',
      reference='s.endswith({p!r})',
      arguments='s',
      inputs=inputs.cases(
          inputs.one_of(
              'singing', 'ingot', 'played', 'edge', 'cats', 'sun', 'running',
              'dogs', 'baked', 'king', edges=('', 'ing', 'ed', 's'),
          ),
          count=14,
      ),
      parameters=({'p': 'ing'}, {'p': 'ed'}, {'p': 's'}),
  ),
  base.Template(
      name='is_palindrome_text',
      family='is_palindrome_list',
      describe='Given a string s, return True if s reads the same backwards.',
      reference='s == s[::-1]',
      arguments='s',
      inputs=inputs.cases(
          inputs.one_of(
              'level', 'noon', 'eye', 'abba', 'abab', 'apple', 'cat', 'abca',
              'aab', edges=('', 'a', 'ab'),
          ),
          count=12,
      ),
  ),
  base.Template(
      name='has_letter',
      family='search_contains',
      describe='Given a string s, return True if s contains {c!r}.',
      reference='{c!r} in s',
      arguments='s',
      inputs=inputs.cases(
          inputs.letters('abcdef', 1, 5, edges=('', 'a', 'b', 'e')), count=12
      ),
      parameters=({'c': 'a'}, {'c': 'b'}, {'c': 'e'}),
  ),
  base.Template(
      name='is_all',
      family='string_of_kind',
      describe=(
          'Given a non-empty string s of letters and digits, return True if '
          'all its characters are {name}.'
      ),
      reference='all(c.{test}() for c in s)',
      arguments='s',
      inputs=inputs.cases(
          inputs.one_of(
              '123', 'a1', 'abc', 'ABC', 'aB', '12x', 'XYZ', 'A1', 'hello',
              '42', edges=('a', 'B', '7'),
          ),
          count=13,
      ),
      parameters=(
          {'name': 'digits', 'test': 'isdigit'},
          {'name': 'letters', 'test': 'isalpha'},
          {'name': 'upper case letters', 'test': 'isupper'},
      ),
  ),
  base.Template(
      name='has_kind',
      family='string_of_kind',
      describe=(
          'Given a string s, return True if at least one of its characters is '
          '{name}.'
      ),
      reference='any(c.{test}() for c in s)',
      arguments='s',
      inputs=inputs.cases(
          inputs.one_of(
              '123', 'a1', 'abc', 'ABC', 'aB', '12 x', 'x y', 'A 1', 'hello',
              '42', edges=('', 'B', '7'),
          ),
          count=13,
      ),
      parameters=(
          {'name': 'a digit', 'test': 'isdigit'},
          {'name': 'an upper case letter', 'test': 'isupper'},
          {'name': 'a space', 'test': 'isspace'},
      ),
  ),
  base.Template(
      name='starts_as_it_ends',
      family='compare_ends',
      describe=(
          'Given a non-empty string s, return True if its first and last '
          'characters are equal.'
      ),
      reference='s[0] == s[-1]',
      arguments='s',
      inputs=inputs.cases(
          inputs.letters('abc', 1, 5, edges=('a', 'ab', 'aba', 'abb', 'bcb')),
          count=12,
      ),
  ),
  base.Template(
      name='has_more_characters',
      family='length_by_limit',
      describe=(
          'Given a string s, return True if s has more than {n} characters.'
      ),
      reference='len(s) > {n}',
      arguments='s',
      inputs=inputs.cases(
          inputs.word(
              edges=('', 'sun', 'tree', 'grape', 'letter', 'yellow', 'umbrella')
          ),
          count=12,
      ),
      parameters=({'n': 3}, {'n': 4}, {'n': 5}),
  ),
  base.Template(
      name='divisible_length',
      family='length_by_remainder',
      describe=(
          'Given a string s, return True if its length is divisible by {n}.'
      ),
      reference='len(s) % {n} == 0',
      arguments='s',
      inputs=inputs.cases(
          inputs.word(
              edges=('', 'a', 'be', 'sun', 'tree', 'letter', 'umbrella')
          ),
          count=12,
      ),
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='starts_and_ends',
      family='starts_and_ends',
      describe=(
          'Given a string s, return True if s starts with {x!r} and ends with '
          '{y!r}.'
      ),
      reference='s.startswith({x!r}) and s.endswith({y!r})',
      arguments='s',
      inputs=inputs.cases(
          inputs.letters(
              'abc', 1, 4,
              edges=(
                  '', 'a', 'ab', 'acb', 'aab', 'ba', 'bca', 'bba', 'cb', 'cab',
                  'ccb', 'abc', 'ca', 'bb',
              ),
          ),
          count=14,
      ),
      parameters=(
          {'x': 'a', 'y': 'b'},
          {'x': 'b', 'y': 'a'},
          {'x': 'c', 'y': 'b'},
      ),
  ),
  base.Template(
      name='only_letters_of',
      family='only_chars_in_set',
      describe=(
          'Given a string s, return True if all its characters are among the '
          'letters {letters!r}.'
      ),
      reference='all(c in {letters!r} for c in s)',
      arguments='s',
      inputs=inputs.cases(
          inputs.letters(
              'abco', 1, 3, edges=('', 'ab', 'aba', 'abc', 'c', 'bcb', 'ao')
          ),
          count=14,
      ),
      parameters=({'letters': 'ab'}, {'letters': 'bc'}, {'letters': 'ao'}),
  ),
  base.Template(
      name='compare_lengths',
      family='compare_lengths',
      describe='Given two strings s and t, return True if s is {name} t.',
      reference='len(s) {op} len(t)',
      arguments='s, t',
      inputs=inputs.cases(
          inputs.word(), inputs.word(), count=12,
          edges=(
              ('', ''), ('a', 'b'), ('cat', 'be'), ('be', 'cat'),
              ('sun', 'cat'), ('tree', 'eel'),
          ),
      ),
      parameters=(
          {'name': 'longer than', 'op': '>'},
          {'name': 'shorter than', 'op': '<'},
          {'name': 'as long as', 'op': '=='},
      ),
  ),
  base.Template(
      name='is_anagram',
      family='anagram',
      describe=(
          'Given two strings s and t, return True if t has the same letters as '
          's in any order.'
      ),
      reference='sorted(s) == sorted(t)',
      arguments='s, t',
      inputs=inputs.cases(
          inputs.letters('ab', 1, 3), inputs.letters('ab', 1, 3), count=12,
          edges=(
              ('eat', 'tea'), ('aab', 'abb'), ('abc', 'cab'), ('ab', 'ba'),
              ('', 'a'), ('aa', 'a'),
          ),
      ),
  ),
  base.Template(
      name='is_long_with_start',
      family='length_and_start',
      describe=(
          'Given a string s, return True if s has more than {n} characters and '
          'starts with {c!r}.'
      ),
      reference='len(s) > {n} and s.startswith({c!r})',
      arguments='s',
      inputs=inputs.cases(
          inputs.letters(
              'abc', 1, 6,
              edges=(
                  '', 'a', 'ab', 'abc', 'bcab', 'bab', 'acabb', 'bbabc', 'bbbb',
                  'cb', 'ccabba', 'cab', 'aaaaaa', 'caba',
              ),
          ),
          count=14,
      ),
      parameters=({'n': 2, 'c': 'a'}, {'n': 3, 'c': 'b'}, {'n': 2, 'c': 'c'}),
  ),
  base.Template(
      name='same_start',
      family='same_start',
      describe=(
          'Given two strings s and t, return True if their first {n} '
          'characters are equal.'
      ),
      reference='s[:{n}] == t[:{n}]',
      arguments='s, t',
      inputs=inputs.cases(
          inputs.letters('ab', 4, 6), inputs.letters('ab', 4, 6), count=14,
          edges=(
              ('abab', 'abba'), ('abaab', 'ababa'), ('abcd', 'abce'),
              ('bbbb', 'bbbba'), ('aaaa', 'baaa'), ('abcde', 'abcdf'),
              ('aabb', 'abbb'),
          ),
      ),
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='has_even_count',
      family='count_parity',
      describe=(
          'Given a string s, return True if {c!r} occurs an even number of '
          'times in s.'
      ),
      reference='s.count({c!r}) % 2 == 0',
      arguments='s',
      inputs=inputs.cases(_FEW, count=12),
      parameters=({'c': 'a'}, {'c': 'b'}, {'c': 'c'}),
  ),
]
