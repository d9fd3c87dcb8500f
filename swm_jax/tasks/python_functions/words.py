"""Functions on the words of a sentence."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs
from swm_jax.tasks.python_functions import structured_inputs

TYPE = 'words'

_SENTENCE = inputs.cases(
    inputs.sentence(edges=('', 'a', 'be sea tree apple banana'))
)
_NOT_EMPTY = inputs.cases(
    inputs.sentence(edges=('a', 'sun cat', 'be sea tree apple banana'))
)
_DISTINCT_LENGTHS = inputs.cases(structured_inputs.mapped(
    ' '.join,
    structured_inputs.distinct_lengths(edges=(['a'], ['be', 'a', 'sun'])),
))
_FEW = inputs.cases(structured_inputs.joined(
    inputs.one_of('the', 'cat', 'dog', 'sun'), ' ', 1, 6,
    edges=('', 'the', 'cat the dog', 'cats dogs theme', 'sun sun cat cat'),
), count=12)

TEMPLATES = [
  base.Template(
      name='get_word',
      family='split_field',
      describe='Given a sentence s, return the {name} word.',
      reference='s.split()[{i}]',
      arguments='s',
      inputs=inputs.cases(
          structured_inputs.joined(inputs.word(), ' ', 3, 6, edges=('a b c',))
      ),
      parameters=(
          {'name': 'first', 'i': 0},
          {'name': 'last', 'i': -1},
          {'name': 'second', 'i': 1},
      ),
  ),
  base.Template(
      name='longest_of_sentence',
      family='word_longest',
      describe='Given a sentence s, return its {name} word.',
      reference='{f}(s.split(), key=len)',
      arguments='s',
      inputs=_DISTINCT_LENGTHS,
      parameters=(
          {'name': 'longest', 'f': 'max'},
          {'name': 'shortest', 'f': 'min'},
      ),
  ),
  base.Template(
      name='letters_of_words',
      family='word_end_letters',
      describe=(
          'Given a sentence s, return a string of the {name} letters of its '
          'words.'
      ),
      reference="''.join(w[{i}] for w in s.split())",
      arguments='s',
      inputs=_SENTENCE,
      parameters=({'name': 'first', 'i': 0}, {'name': 'last', 'i': -1}),
  ),
  base.Template(
      name='reverse_words',
      family='word_reverse_each',
      describe=(
          'Given a sentence s, return s with the letters of each word reversed.'
      ),
      reference="' '.join(w[::-1] for w in s.split())",
      arguments='s',
      inputs=_SENTENCE,
  ),
  base.Template(
      name='long_words_of',
      family='word_filter_length',
      describe=(
          'Given a sentence s, return the list of its words with more than {n} '
          'letters.'
      ),
      reference='[w for w in s.split() if len(w) > {n}]',
      arguments='s',
      inputs=_SENTENCE,
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='words_of_sentence_starting',
      family='word_filter_prefix',
      describe=(
          'Given a sentence s, return the list of its words that start with '
          '{c!r}.'
      ),
      reference='[w for w in s.split() if w.startswith({c!r})]',
      arguments='s',
      inputs=inputs.cases(
          inputs.letters('abs ', 2, 12, edges=('', 'a bb sa', 'ab ba sas as'))
      ),
      parameters=({'c': 'a'}, {'c': 'b'}, {'c': 's'}),
  ),
  base.Template(
      name='sentence_by_length',
      family='word_sort_length',
      describe='Given a sentence s, return the list of its words from {order}.',
      reference='sorted(s.split(), key=len{option})',
      arguments='s',
      inputs=_DISTINCT_LENGTHS,
      parameters=(
          {'order': 'shortest to longest', 'option': ''},
          {'order': 'longest to shortest', 'option': ', reverse=True'},
      ),
  ),
  base.Template(
      name='swap_end_words',
      family='word_swap_ends',
      describe=(
          'Given a non-empty sentence s, return s with its first and last '
          'words swapped.'
      ),
      reference=(
          'words = s.split()\n'
          'words[0], words[-1] = words[-1], words[0]\n'
          "return ' '.join(words)"
      ),
      arguments='s',
      inputs=_NOT_EMPTY,
  ),
  base.Template(
      name='remove_word',
      family='word_remove',
      describe='Given a sentence s, return s without the word {w!r}.',
      reference="' '.join(w for w in s.split() if w != {w!r})",
      arguments='s',
      inputs=_FEW,
      parameters=({'w': 'the'}, {'w': 'cat'}, {'w': 'sun'}),
  ),
  base.Template(
      name='replace_word',
      family='word_replace',
      describe=(
          'Given a sentence s, return s with every word {x!r} replaced by '
          '{y!r}.'
      ),
      reference="' '.join({y!r} if w == {x!r} else w for w in s.split())",
      arguments='s',
      inputs=_FEW,
      parameters=(
          {'x': 'cat', 'y': 'dog'},
          {'x': 'the', 'y': 'a'},
          {'x': 'sun', 'y': 'moon'},
      ),
  ),
  base.Template(
      name='count_different_words',
      family='word_count_distinct',
      describe='Given a sentence s, return the number of different words in s.',
      reference='len(set(s.split()))',
      arguments='s',
      inputs=_FEW,
  ),
  base.Template(
      name='has_word',
      family='word_contains',
      describe='Given a sentence s, return True if {w!r} is one of its words.',
      reference='{w!r} in s.split()',
      arguments='s',
      inputs=_FEW,
      parameters=({'w': 'the'}, {'w': 'cat'}, {'w': 'sun'}),
  ),
  base.Template(
      name='add_to_words',
      family='word_suffix',
      describe=(
          'Given a sentence s, return s with {e!r} added to the end of each '
          'word.'
      ),
      reference="' '.join(w + {e!r} for w in s.split())",
      arguments='s',
      inputs=_SENTENCE,
      parameters=({'e': '!'}, {'e': 's'}, {'e': ','}),
  ),
  base.Template(
      name='count_word',
      family='word_count_value',
      describe=(
          'Given a sentence s, return how many times the word {w!r} occurs in '
          's.'
      ),
      reference='s.split().count({w!r})',
      arguments='s',
      inputs=_FEW,
      parameters=({'w': 'the'}, {'w': 'cat'}, {'w': 'sun'}),
  ),
  base.Template(
      name='first_words',
      family='word_take',
      describe='Given a sentence s, return its first {n} words as a sentence.',
      reference="' '.join(s.split()[:{n}])",
      arguments='s',
      inputs=_SENTENCE,
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='shout_long_words',
      family='word_upper_long',
      describe=(
          'Given a sentence s, return s with its words of more than {n} '
          'letters in upper case.'
      ),
      reference="' '.join(w.upper() if len(w) > {n} else w for w in s.split())",
      arguments='s',
      inputs=_SENTENCE,
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='longest_length',
      family='word_longest_length',
      describe=(
          'Given a non-empty sentence s, return the length of its {name} word.'
      ),
      reference='{f}(len(w) for w in s.split())',
      arguments='s',
      inputs=_NOT_EMPTY,
      parameters=(
          {'name': 'longest', 'f': 'max'},
          {'name': 'shortest', 'f': 'min'},
      ),
  ),
  base.Template(
      name='count_words_with',
      family='word_count_containing',
      describe=(
          'Given a sentence s, return how many of its words contain {c!r}.'
      ),
      reference='sum({c!r} in w for w in s.split())',
      arguments='s',
      inputs=_SENTENCE,
      parameters=({'c': 'e'}, {'c': 'a'}, {'c': 'n'}),
  ),
]
