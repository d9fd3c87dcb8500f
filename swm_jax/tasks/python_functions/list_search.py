"""Functions that look for an element of a list or for its position."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

_INTS = inputs.cases(
    inputs.ints(
        -5, 20,
        edges=([], [0], [3, 10, 15, 18], [4, 8, 12, 15], [6, 5, 4, 0, -1]),
    )
)
_FEW_VALUES = inputs.cases(inputs.ints(-1, 5))

TYPE = 'list_search'

TEMPLATES = (
  base.Template(
      name='index_of',
      family='search_index_of_value',
      describe=(
          'Given a list of integers a, return the index of the first {n} in a, '
          'or -1 if there is none.'
      ),
      reference='a.index({n}) if {n} in a else -1',
      arguments='a',
      inputs=_FEW_VALUES,
      parameters=({'n': 0}, {'n': 3}, {'n': 5}),
  ),
  base.Template(
      name='first_above',
      family='search_first_by_threshold',
      describe=(
          'Given a list of integers a, return the first element greater than '
          '{n}, or None if there is none.'
      ),
      reference="""
          for x in a:
              if x > {n}:
                  return x
          return None
      """,
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 3}, {'n': 10}, {'n': 15}),
  ),
  base.Template(
      name='first_below',
      family='search_first_by_threshold',
      describe=(
          'Given a list of integers a, return the first element less than {n}, '
          'or None if there is none.'
      ),
      reference="""
          for x in a:
              if x < {n}:
                  return x
          return None
      """,
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 0}, {'n': 4}, {'n': 6}),
  ),
  base.Template(
      name='first_multiple',
      family='search_first_multiple',
      describe=(
          'Given a list of positive integers a, return the first element '
          'divisible by {n}, or 0 if there is none.'
      ),
      reference="""
          for x in a:
              if x % {n} == 0:
                  return x
          return 0
      """,
      arguments='a',
      inputs=inputs.cases(inputs.ints(1, 30, longest=5)),
      parameters=({'n': 3}, {'n': 4}, {'n': 5}),
  ),
  base.Template(
      name='index_of_largest',
      family='search_index_of_extreme',
      describe=(
          'Given a non-empty list of different integers a, return the index of '
          'the largest element.'
      ),
      reference='a.index(max(a))',
      arguments='a',
      inputs=inputs.cases(inputs.distinct_ints()),
  ),
  base.Template(
      name='index_of_smallest',
      family='search_index_of_extreme',
      describe=(
          'Given a non-empty list of different integers a, return the index of '
          'the smallest element.'
      ),
      reference='a.index(min(a))',
      arguments='a',
      inputs=inputs.cases(inputs.distinct_ints()),
  ),
  base.Template(
      name='contains_value',
      family='search_contains',
      describe=(
          'Given a list of integers a, return True if {n} is in a, and False '
          'otherwise.'
      ),
      reference='{n} in a',
      arguments='a',
      inputs=_FEW_VALUES,
      parameters=({'n': 0}, {'n': 3}, {'n': 5}),
  ),
  base.Template(
      name='positions_of',
      family='search_positions_of_value',
      describe=(
          'Given a list of integers a, return a list of the indices at which '
          'the element is {n}.'
      ),
      reference='[i for i, x in enumerate(a) if x == {n}]',
      arguments='a',
      inputs=inputs.cases(inputs.ints(-1, 3)),
      parameters=({'n': 0}, {'n': 1}, {'n': 3}),
  ),
  base.Template(
      name='positions_above',
      family='search_positions_by_threshold',
      describe=(
          'Given a list of integers a, return a list of the indices of the '
          'elements greater than {n}.'
      ),
      reference='[i for i, x in enumerate(a) if x > {n}]',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 0}, {'n': 5}, {'n': 10}),
  ),
  base.Template(
      name='index_of_first_above',
      family='search_index_by_threshold',
      describe=(
          'Given a list of integers a, return the index of the first element '
          'greater than {n}, or -1 if there is none.'
      ),
      reference="""
          for i, x in enumerate(a):
              if x > {n}:
                  return i
          return -1
      """,
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 4}, {'n': 8}, {'n': 12}),
  ),
  base.Template(
      name='closest_to',
      family='search_closest',
      describe=(
          'Given a non-empty list of integers a, return the element that is '
          'closest to {n}.'
      ),
      reference='min(a, key=lambda x: abs(x - {n}))',
      arguments='a',
      inputs=inputs.cases(inputs.distinct_ints(-12, 30, step=3)),
      parameters=({'n': 5}, {'n': 7}, {'n': 10}),
  ),
  base.Template(
      name='first_long_word',
      family='search_word_by_length',
      describe=(
          'Given a list of strings words, return the first word with more than '
          '{n} letters, or an empty string if there is none.'
      ),
      reference="""
          for w in words:
              if len(w) > {n}:
                  return w
          return ""
      """,
      arguments='words',
      inputs=inputs.cases(
          inputs.words(
              edges=([], ['cat', 'bird', 'horse', 'rabbit'], ['moon', 'ink'])
          ),
      ),
      parameters=({'n': 3}, {'n': 4}, {'n': 5}),
  ),
  base.Template(
      name='first_word_starting_with',
      family='search_word_by_ends',
      describe=(
          'Given a list of strings words, return the first word that starts '
          'with "{c}", or an empty string if there is none.'
      ),
      reference="""
          for w in words:
              if w.startswith("{c}"):
                  return w
          return ""
      """,
      arguments='words',
      inputs=inputs.cases(
          inputs.words(
              edges=([], ['cat', 'eel', 'sun', 'be', 'eye', 'sea', 'banana'])
          ),
      ),
      parameters=({'c': 's'}, {'c': 'e'}, {'c': 'b'}),
  ),
  base.Template(
      name='kth_largest',
      family='search_kth_in_order',
      describe=(
          'Given a list of at least four different integers a, return the '
          '{ordinal} largest element.'
      ),
      reference='sorted(a)[-{n}]',
      arguments='a',
      inputs=inputs.cases(inputs.distinct_ints(shortest=4)),
      parameters=({'ordinal': 'second', 'n': 2}, {'ordinal': 'third', 'n': 3}),
  ),
  base.Template(
      name='kth_smallest',
      family='search_kth_in_order',
      describe=(
          'Given a list of at least four different integers a, return the '
          '{ordinal} smallest element.'
      ),
      reference='sorted(a)[{n}]',
      arguments='a',
      inputs=inputs.cases(inputs.distinct_ints(shortest=4)),
      parameters=({'ordinal': 'second', 'n': 1}, {'ordinal': 'third', 'n': 2}),
  ),
  base.Template(
      name='first_repeated',
      family='search_first_repeated',
      describe=(
          'Given a list of integers a, return the first element that occurs '
          'more than once in a, or -1 if there is none.'
      ),
      reference="""
          for x in a:
              if a.count(x) > 1:
                  return x
          return -1
      """,
      arguments='a',
      inputs=inputs.cases(inputs.ints(0, 5)),
  ),
  base.Template(
      name='first_common',
      family='search_first_common',
      describe=(
          'Given two lists of positive integers a and b, return the first '
          'element of a that is also in b, or 0 if there is none.'
      ),
      reference="""
          for x in a:
              if x in b:
                  return x
          return 0
      """,
      arguments='a, b',
      inputs=inputs.cases(
          inputs.ints(1, 8, longest=4), inputs.ints(1, 8, longest=4)
      ),
  ),
)
