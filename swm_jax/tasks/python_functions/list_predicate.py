"""Functions that answer a question about a list with True or False."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

_WORDS = inputs.cases(inputs.words(longest=3), count=14)

TYPE = 'list_predicate'

TEMPLATES = (
  base.Template(
      name='all_above',
      family='quantify_by_threshold',
      describe=(
          'Given a list of integers a, return True if all elements are greater '
          'than {n}, and False otherwise.'
      ),
      reference='all(x > {n} for x in a)',
      arguments='a',
      inputs=inputs.cases(inputs.ints(-1, 20, longest=3), count=16),
      parameters=({'n': 0}, {'n': 3}, {'n': 5}),
  ),
  base.Template(
      name='any_below',
      family='quantify_by_threshold',
      describe=(
          'Given a list of integers a, return True if any element is less than '
          '{n}, and False otherwise.'
      ),
      reference='any(x < {n} for x in a)',
      arguments='a',
      inputs=inputs.cases(
          inputs.ints(
              -2, 20, longest=4, edges=([], [0], [2, 7], [5, 6], [1, 9])
          ),
          count=16,
      ),
      parameters=({'n': 0}, {'n': 2}, {'n': 5}),
  ),
  base.Template(
      name='any_multiple',
      family='quantify_by_remainder',
      describe=(
          'Given a list of integers a, return True if any element is divisible '
          'by {n}, and False otherwise.'
      ),
      reference='any(x % {n} == 0 for x in a)',
      arguments='a',
      inputs=inputs.cases(inputs.ints(1, 30, longest=3), count=14),
      parameters=({'n': 3}, {'n': 4}, {'n': 5}),
  ),
  base.Template(
      name='is_sorted',
      family='is_sorted_list',
      describe=(
          'Given a list of integers a, return True if a is sorted from '
          'smallest to largest, and False otherwise.'
      ),
      reference='a == sorted(a)',
      arguments='a',
      inputs=inputs.cases(
          inputs.ints(
              longest=3,
              edges=([], [1, 2, 2], [1, 3, 4, 9], [3, 2, 1], [1, 2, 0]),
          ),
      ),
  ),
  base.Template(
      name='has_duplicates',
      family='has_repeated_elements',
      describe=(
          'Given a list of integers a, return True if any value occurs more '
          'than once, and False otherwise.'
      ),
      reference='len(set(a)) < len(a)',
      arguments='a',
      inputs=inputs.cases(inputs.ints(0, 9, longest=5), count=12),
  ),
  base.Template(
      name='sum_exceeds',
      family='sum_by_limit',
      describe=(
          'Given a list of integers a, return True if the sum of the elements '
          'is greater than {n}, and False otherwise.'
      ),
      reference='sum(a) > {n}',
      arguments='a',
      inputs=inputs.cases(
          inputs.ints(
              0,
              9,
              longest=5,
              edges=([], [5, 5], [10], [9, 6], [10, 10], [7, 4]),
          ),
          count=14,
      ),
      parameters=({'n': 10}, {'n': 15}, {'n': 20}),
  ),
  base.Template(
      name='occurs_often',
      family='count_by_limit',
      describe=(
          'Given a list of integers a, return True if {v} occurs at least {n} '
          'times, and False otherwise.'
      ),
      reference='a.count({v}) >= {n}',
      arguments='a',
      inputs=inputs.cases(inputs.ints(0, 2, longest=6), count=14),
      parameters=({'v': 0, 'n': 2}, {'v': 1, 'n': 2}, {'v': 1, 'n': 3}),
  ),
  base.Template(
      name='any_word_ends_with',
      family='quantify_words_by_ends',
      describe=(
          'Given a list of strings words, return True if any word ends with '
          '"{c}", and False otherwise.'
      ),
      reference='any(w.endswith("{c}") for w in words)',
      arguments='words',
      inputs=_WORDS,
      parameters=({'c': 'e'}, {'c': 'r'}, {'c': 'n'}),
  ),
  base.Template(
      name='all_equal_to',
      family='quantify_equal',
      describe=(
          'Given a list of integers a, return True if every element is {n}, '
          'and False otherwise.'
      ),
      reference='all(x == {n} for x in a)',
      arguments='a',
      inputs=inputs.cases(
          inputs.ints(
              0, 3, longest=3, edges=([], [0], [1, 1], [2, 2, 2], [0, 0, 1])
          ),
          count=12,
      ),
      parameters=({'n': 0}, {'n': 1}, {'n': 2}),
  ),
  base.Template(
      name='spread_below',
      family='spread_by_limit',
      describe=(
          'Given a non-empty list of integers a, return True if the largest '
          'minus the smallest element is less than {n}, and False otherwise.'
      ),
      reference='max(a) - min(a) < {n}',
      arguments='a',
      inputs=inputs.cases(
          inputs.ints(
              0, 12, shortest=1, longest=3, edges=([4], [0, 3], [1, 6], [2, 8])
          ),
          count=16,
      ),
      parameters=({'n': 3}, {'n': 5}, {'n': 6}),
  ),
  base.Template(
      name='lists_overlap',
      family='lists_overlap',
      describe=(
          'Given two lists a and b, return True if they have any element in '
          'common, and False otherwise.'
      ),
      reference='any(x in b for x in a)',
      arguments='a, b',
      inputs=inputs.cases(
          inputs.ints(0, 9, longest=3), inputs.ints(0, 9, longest=3), count=14
      ),
  ),
  base.Template(
      name='sum_divisible',
      family='sum_by_remainder_test',
      describe=(
          'Given a list of integers a, return True if the sum of the elements '
          'is divisible by {n}, and False otherwise.'
      ),
      reference='sum(a) % {n} == 0',
      arguments='a',
      inputs=inputs.cases(inputs.ints(0, 9), count=14),
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='first_below_last',
      family='compare_ends',
      describe=(
          'Given a non-empty list of integers a, return True if the first '
          'element is less than the last one, and False otherwise.'
      ),
      reference='a[0] < a[-1]',
      arguments='a',
      inputs=inputs.cases(inputs.ints(0, 3, shortest=1, longest=4), count=14),
  ),
  base.Template(
      name='neighbours_differ',
      family='neighbours_differ',
      describe=(
          'Given a list of integers a, return True if no element is equal to '
          'the element after it, and False otherwise.'
      ),
      reference='all(a[i] != a[i + 1] for i in range(len(a) - 1))',
      arguments='a',
      inputs=inputs.cases(inputs.ints(0, 4, longest=4), count=14),
  ),
  base.Template(
      name='element_above',
      family='element_by_limit',
      describe=(
          'Given a list of at least three integers a, return True if the '
          'element at index {i} is greater than {n}, and False otherwise.'
      ),
      reference='a[{i}] > {n}',
      arguments='a',
      inputs=inputs.cases(inputs.ints(0, 10, shortest=3), count=24),
      parameters=({'i': 1, 'n': 5}, {'i': 2, 'n': 3}, {'i': 1, 'n': 7}),
  ),
  base.Template(
      name='largest_divisible',
      family='extreme_by_remainder',
      describe=(
          'Given a non-empty list of integers a, return True if the largest '
          'element is divisible by {n}, and False otherwise.'
      ),
      reference='max(a) % {n} == 0',
      arguments='a',
      inputs=inputs.cases(inputs.ints(0, 20, shortest=1, longest=4), count=14),
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='more_above_than_below',
      family='majority_by_threshold',
      describe=(
          'Given a list of integers a, return True if more elements are '
          'greater than {n} than are less than {n}, and False otherwise.'
      ),
      reference=(
          'len([x for x in a if x > {n}]) > len([x for x in a if x < {n}])'
      ),
      arguments='a',
      inputs=inputs.cases(
          inputs.ints(
              0,
              10,
              longest=4,
              edges=(
                  [], [3], [5], [6], [1, 4], [2, 9], [3, 4], [3, 2], [5, 6],
                  [5, 4], [6, 7], [6, 1],
              ),
          ),
          count=20,
      ),
      parameters=({'n': 3}, {'n': 5}, {'n': 6}),
  ),
)
