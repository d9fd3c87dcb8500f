"""Functions that put the elements of a list in another order."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

_INTS = inputs.cases(inputs.ints())
_FOUR_INTS = inputs.cases(inputs.ints(shortest=4))
_NATURALS = inputs.cases(inputs.ints(0, 40))

TYPE = 'list_reorder'

TEMPLATES = (
  base.Template(
      name='sort_descending',
      family='sort_values',
      describe=(
          'Given a list of integers a, return a list of the elements sorted '
          'from largest to smallest.'
      ),
      reference='sorted(a, reverse=True)',
      arguments='a',
      inputs=_INTS,
  ),
  base.Template(
      name='sort_by_distance',
      family='sort_by_distance',
      describe=(
          'Given a list of integers a, return the elements sorted by their '
          'distance from {n}, closest first.'
      ),
      reference='sorted(a, key=lambda x: abs(x - {n}))',
      arguments='a',
      inputs=inputs.cases(inputs.distinct_ints(-12, 30, shortest=0, step=3)),
      parameters=({'n': 5}, {'n': 7}, {'n': 10}),
  ),
  base.Template(
      name='reverse_first',
      family='reverse_part',
      describe=(
          'Given a list a with at least four elements, return the list with '
          'its first {n} elements reversed.'
      ),
      reference='a[:{n}][::-1] + a[{n}:]',
      arguments='a',
      inputs=_FOUR_INTS,
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='sort_by_remainder',
      family='sort_by_remainder',
      describe=(
          'Given a list of integers a, return the elements sorted by their '
          'remainder divided by {n}, equal remainders in the old order.'
      ),
      reference='sorted(a, key=lambda x: x % {n})',
      arguments='a',
      inputs=inputs.cases(inputs.distinct_ints(0, 9, shortest=0, longest=3)),
      parameters=({'n': 3}, {'n': 4}, {'n': 5}),
  ),
  base.Template(
      name='swap_ends',
      family='swap_positions',
      describe=(
          'Given a list a with at least three elements, return the list with '
          'the first and the last element swapped.'
      ),
      reference='[a[-1]] + a[1:-1] + [a[0]]',
      arguments='a',
      inputs=inputs.cases(inputs.ints(shortest=3)),
  ),
  base.Template(
      name='multiples_first',
      family='partition_by_remainder',
      describe=(
          'Given a list of integers a, return a list of the multiples of {n} '
          'in a, followed by all other elements of a.'
      ),
      reference=(
          '[x for x in a if x % {n} == 0] + [x for x in a if x % {n} != 0]'
      ),
      arguments='a',
      inputs=_NATURALS,
      parameters=({'n': 2}, {'n': 3}, {'n': 5}),
  ),
  base.Template(
      name='large_first',
      family='partition_by_threshold',
      describe=(
          'Given a list of integers a, return a list of the elements greater '
          'than {n}, followed by all other elements of a.'
      ),
      reference='[x for x in a if x > {n}] + [x for x in a if x <= {n}]',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 0}, {'n': 5}, {'n': 10}),
  ),
  base.Template(
      name='sort_by_last_letter',
      family='sort_words_by_letter',
      describe=(
          'Given a list of strings words, return the words sorted by their '
          'last letter, equal letters in the old order.'
      ),
      reference='sorted(words, key=lambda w: w[-1])',
      arguments='words',
      inputs=inputs.cases(
          inputs.list_of(
              inputs.one_of(
                  "cat", "dog", "eel", "fish", "apple", "bob", "sea", "kiwi"
              ),
          ),
      ),
  ),
  base.Template(
      name='move_value_to_end',
      family='move_value_to_end',
      describe=(
          'Given a list of integers a, return the list with every {n} moved to '
          'the end.'
      ),
      reference='[x for x in a if x != {n}] + [x for x in a if x == {n}]',
      arguments='a',
      inputs=inputs.cases(inputs.ints(-1, 4)),
      parameters=({'n': 0}, {'n': 1}, {'n': 3}),
  ),
  base.Template(
      name='largest_elements',
      family='largest_k_elements',
      describe=(
          'Given a list of integers a, return a list of the {n} largest '
          'elements, largest first.'
      ),
      reference='sorted(a, reverse=True)[:{n}]',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='smallest_elements',
      family='largest_k_elements',
      describe=(
          'Given a list of integers a, return a list of the {n} smallest '
          'elements, smallest first.'
      ),
      reference='sorted(a)[:{n}]',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='sort_without_repeats',
      family='sort_distinct',
      describe=(
          'Given a list of integers a, return a sorted list of the elements of '
          'a without duplicates.'
      ),
      reference='sorted(set(a))',
      arguments='a',
      inputs=inputs.cases(inputs.ints(-1, 6)),
  ),
  base.Template(
      name='even_indices_first',
      family='split_alternating_positions',
      describe=(
          'Given a list a, return a list of the elements at even indices, '
          'followed by the elements at odd indices.'
      ),
      reference='a[::2] + a[1::2]',
      arguments='a',
      inputs=_INTS,
  ),
  base.Template(
      name='sort_tail',
      family='sort_part',
      describe=(
          'Given a list of integers a, return a list of the first {n} elements '
          'of a, followed by the other elements sorted.'
      ),
      reference='a[:{n}] + sorted(a[{n}:])',
      arguments='a',
      inputs=_FOUR_INTS,
      parameters=({'n': 1}, {'n': 2}, {'n': 3}),
  ),
  base.Template(
      name='sort_and_trim',
      family='trim_extremes',
      describe=(
          'Given a list of at least four integers a, return the sorted list '
          'without the {n} smallest and the {n} largest elements.'
      ),
      reference='sorted(a)[{n}:-{n}]',
      arguments='a',
      inputs=inputs.cases(inputs.distinct_ints(shortest=4)),
      parameters=({'n': 1}, {'n': 2}),
  ),
  base.Template(
      name='reverse_rest',
      family='reverse_part',
      describe=(
          'Given a list a with at least four elements, return the list with '
          'all elements after the first {n} reversed.'
      ),
      reference='a[:{n}] + a[{n}:][::-1]',
      arguments='a',
      inputs=_FOUR_INTS,
      parameters=({'n': 1}, {'n': 2}, {'n': 3}),
  ),
  base.Template(
      name='sort_head',
      family='sort_part',
      describe=(
          'Given a list of at least four integers a, return the list with only '
          'its first {n} elements sorted.'
      ),
      reference='sorted(a[:{n}]) + a[{n}:]',
      arguments='a',
      inputs=_FOUR_INTS,
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
)
