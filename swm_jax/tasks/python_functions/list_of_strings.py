"""Functions on lists of words."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs
from swm_jax.tasks.python_functions import structured_inputs

TYPE = 'list_of_strings'

_WORDS = inputs.cases(
    inputs.words(edges=([], ['a'], ['eel', 'sun', 'apple', 'be', 'moon']))
)
_DISTINCT_LENGTHS = inputs.cases(structured_inputs.distinct_lengths(
    edges=(['a'], ['be', 'a', 'sun'], ['cat', 'apple'])
))
_SHORT = inputs.cases(inputs.list_of(
    inputs.one_of('a', 'be', 'sun', 'tree', 'apple', 'banana'), 1, 3,
    edges=([], ['sun'], ['tree', 'apple'], ['banana', 'apple'], ['tree', 'a']),
), count=14)
_LETTERS = inputs.cases(inputs.list_of(
    inputs.letters('abs', 1, 3), edges=([], ['a', 'sa', 'abs', 'bb', 'bas'])
))

TEMPLATES = [
  base.Template(
      name='label_with_length',
      family='strings_label_length',
      describe=(
          'Given a list of words a, return the list of the words, each '
          'followed by {sep!r} and its length.'
      ),
      reference='[w + {sep!r} + str(len(w)) for w in a]',
      arguments='a',
      inputs=_WORDS,
      parameters=({'sep': ':'}, {'sep': '-'}, {'sep': '#'}),
  ),
  base.Template(
      name='change_case_of_all',
      family='strings_case',
      describe=(
          'Given a list of words a, return the list of the words in {name} '
          'case.'
      ),
      reference='[w.{name}() for w in a]',
      arguments='a',
      inputs=inputs.cases(
          inputs.list_of(inputs.one_of('sun', 'Sea', 'TREE', 'Cat', 'fIG'))
      ),
      parameters=({'name': 'upper'}, {'name': 'lower'}),
  ),
  base.Template(
      name='words_of_length_divisible',
      family='strings_filter_divisible',
      describe=(
          'Given a list of words a, return the words whose length is divisible '
          'by {n}.'
      ),
      reference='[w for w in a if len(w) % {n} == 0]',
      arguments='a',
      inputs=_WORDS,
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='words_with_one',
      family='strings_filter_count',
      describe=(
          'Given a list of words a, return the words in which {c!r} occurs '
          'exactly once.'
      ),
      reference='[w for w in a if w.count({c!r}) == 1]',
      arguments='a',
      inputs=_LETTERS,
      parameters=({'c': 'a'}, {'c': 'b'}, {'c': 's'}),
  ),
  base.Template(
      name='lengths_of_containing',
      family='strings_filter_lengths',
      describe=(
          'Given a list of words a, return the list of the lengths of the '
          'words that contain {c!r}.'
      ),
      reference='[len(w) for w in a if {c!r} in w]',
      arguments='a',
      inputs=_WORDS,
      parameters=({'c': 'e'}, {'c': 'a'}, {'c': 'n'}),
  ),
  base.Template(
      name='letter_of_each',
      family='strings_letter',
      describe=(
          'Given a list of words a, return the list of the {name} letters of '
          'the words.'
      ),
      reference='[w[{i}] for w in a]',
      arguments='a',
      inputs=inputs.cases(inputs.words(edges=([], ['a'], ['eel', 'sun']))),
      parameters=({'name': 'first', 'i': 0}, {'name': 'last', 'i': -1}),
  ),
  base.Template(
      name='reverse_each',
      family='strings_reverse',
      describe=(
          'Given a list of words a, return the list of the words, each spelled '
          'backwards.'
      ),
      reference='[w[::-1] for w in a]',
      arguments='a',
      inputs=_WORDS,
  ),
  base.Template(
      name='extreme_length',
      family='strings_extreme_length',
      describe=(
          'Given a non-empty list of words a, return the length of the {name} '
          'word.'
      ),
      reference='{f}(len(w) for w in a)',
      arguments='a',
      inputs=_DISTINCT_LENGTHS,
      parameters=(
          {'name': 'longest', 'f': 'max'},
          {'name': 'shortest', 'f': 'min'},
      ),
  ),
  base.Template(
      name='count_in_all',
      family='strings_total_count',
      describe=(
          'Given a list of words a, return how many times {c!r} occurs in all '
          'the words together.'
      ),
      reference='sum(w.count({c!r}) for w in a)',
      arguments='a',
      inputs=_WORDS,
      parameters=({'c': 'e'}, {'c': 'a'}, {'c': 'n'}),
  ),
  base.Template(
      name='wrap_each',
      family='strings_wrap',
      describe=(
          'Given a list of words a, return the list of the words, each between '
          '{x!r} and {y!r}.'
      ),
      reference='[{x!r} + w + {y!r} for w in a]',
      arguments='a',
      inputs=_WORDS,
      parameters=(
          {'x': '(', 'y': ')'},
          {'x': '<', 'y': '>'},
          {'x': '*', 'y': '*'},
      ),
  ),
  base.Template(
      name='count_containing',
      family='strings_count_containing',
      describe=(
          'Given a list of words a, return how many of the words contain {c!r}.'
      ),
      reference='sum({c!r} in w for w in a)',
      arguments='a',
      inputs=_WORDS,
      parameters=({'c': 'e'}, {'c': 'a'}, {'c': 'n'}),
  ),
  base.Template(
      name='shortest_words',
      family='strings_shortest',
      describe=(
          'Given a list of words a of different lengths, return the list of '
          'the {n} shortest words, shortest first.'
      ),
      reference='sorted(a, key=len)[:{n}]',
      arguments='a',
      inputs=_DISTINCT_LENGTHS,
      parameters=({'n': 1}, {'n': 2}, {'n': 3}),
  ),
  base.Template(
      name='long_words_in_upper',
      family='strings_filter_and_case',
      describe=(
          'Given a list of words a, return the words with more than {n} '
          'letters in upper case.'
      ),
      reference='[w.upper() for w in a if len(w) > {n}]',
      arguments='a',
      inputs=_WORDS,
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='palindromes',
      family='strings_filter_palindrome',
      describe=(
          'Given a list of words a, return the words that read the same '
          'backwards.'
      ),
      reference='[w for w in a if w == w[::-1]]',
      arguments='a',
      inputs=inputs.cases(
          inputs.list_of(
              inputs.one_of('level', 'noon', 'eye', 'abab', 'cat', 'a', 'aab')
          ),
      ),
  ),
  base.Template(
      name='check_letter_in_words',
      family='strings_all_containing',
      describe=(
          'Given a list of words a, return True if {name} word contains {c!r}.'
      ),
      reference='{f}({c!r} in w for w in a)',
      arguments='a',
      inputs=inputs.cases(
          inputs.list_of(
              inputs.letters('abe', 1, 3), 1, 3,
              edges=(
                  [], ['a'], ['b', 'be'], ['ab', 'ea'], ['e', 'bb'], ['ba'],
                  ['eab', 'e'], ['aa', 'ea'], ['be'], ['ea', 'e'],
              ),
          ),
          count=14,
      ),
      parameters=(
          {'name': 'every', 'f': 'all', 'c': 'a'},
          {'name': 'at least one', 'f': 'any', 'c': 'b'},
          {'name': 'every', 'f': 'all', 'c': 'e'},
      ),
  ),
  base.Template(
      name='replace_in_each',
      family='strings_replace',
      describe=(
          'Given a list of words a, return the list of the words with every '
          '{x!r} replaced by {y!r}.'
      ),
      reference='[w.replace({x!r}, {y!r}) for w in a]',
      arguments='a',
      inputs=_WORDS,
      parameters=(
          {'x': 'a', 'y': 'o'},
          {'x': 'e', 'y': 'i'},
          {'x': 'n', 'y': 'm'},
      ),
  ),
  base.Template(
      name='start_of_each_in_upper',
      family='strings_take',
      describe=(
          'Given a list of words a, return the list of the first {n} letters '
          'of each word in upper case.'
      ),
      reference='[w[:{n}].upper() for w in a]',
      arguments='a',
      inputs=_WORDS,
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='count_of_length',
      family='strings_count_length',
      describe=(
          'Given a list of words a, return how many of the words have exactly '
          '{n} letters.'
      ),
      reference='sum(len(w) == {n} for w in a)',
      arguments='a',
      inputs=inputs.cases(
          inputs.words(3, 8, edges=([], ['eel', 'sun', 'moon', 'apple']))
      ),
      parameters=({'n': 3}, {'n': 4}, {'n': 5}),
  ),
  base.Template(
      name='index_of_longest',
      family='strings_index_longest',
      describe=(
          'Given a non-empty list of words a, return the index of the {name} '
          'word.'
      ),
      reference='a.index({f}(a, key=len))',
      arguments='a',
      inputs=_DISTINCT_LENGTHS,
      parameters=(
          {'name': 'longest', 'f': 'max'},
          {'name': 'shortest', 'f': 'min'},
      ),
  ),
  base.Template(
      name='count_in_each',
      family='strings_count_letter',
      describe=(
          'Given a list of words a, return the list of how many times {c!r} '
          'occurs in each word.'
      ),
      reference='[w.count({c!r}) for w in a]',
      arguments='a',
      inputs=_WORDS,
      parameters=({'c': 'e'}, {'c': 'a'}, {'c': 'n'}),
  ),
]
