"""Functions of neighbouring elements, or of two lists element by element."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

_INTS = inputs.cases(inputs.ints())
_TWO_LISTS = inputs.cases(inputs.ints(0, 9), inputs.ints(0, 9))
_THREE_INTS = inputs.cases(inputs.ints(shortest=3))

TYPE = 'list_pairs'

TEMPLATES = (
  base.Template(
      name='add_scaled_lists',
      family='pairs_weighted_sum',
      describe=(
          'Given two lists of integers a and b, return a list of each element '
          'of a plus {n} times the element of b at the same index.'
      ),
      reference='[x + {n} * y for x, y in zip(a, b)]',
      arguments='a, b',
      inputs=_TWO_LISTS,
      parameters=({'n': 2}, {'n': 3}, {'n': 10}),
  ),
  base.Template(
      name='add_lists',
      family='pairs_add',
      describe=(
          'Given two lists of integers a and b, return a list of the sums of '
          'the elements at the same index.'
      ),
      reference='[x + y for x, y in zip(a, b)]',
      arguments='a, b',
      inputs=_TWO_LISTS,
  ),
  base.Template(
      name='dot_product',
      family='pairs_dot_product',
      describe=(
          'Given two lists of integers a and b, return the sum of the products '
          'of the elements at the same index.'
      ),
      reference='sum(x * y for x, y in zip(a, b))',
      arguments='a, b',
      inputs=_TWO_LISTS,
  ),
  base.Template(
      name='sums_at_gap',
      family='neighbour_sums',
      describe=(
          'Given a list of integers a, return a list of a[i] + a[i + {n}] for '
          'every index i where both exist.'
      ),
      reference='[a[i] + a[i + {n}] for i in range(len(a) - {n})]',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 1}, {'n': 2}, {'n': 3}),
  ),
  base.Template(
      name='neighbour_differences',
      family='neighbour_differences',
      describe=(
          'Given a list of integers a, return a list of the differences '
          'between each element and the one before it.'
      ),
      reference='[a[i] - a[i - 1] for i in range(1, len(a))]',
      arguments='a',
      inputs=_INTS,
  ),
  base.Template(
      name='larger_of_each',
      family='pairs_extreme',
      describe=(
          'Given two lists of integers a and b, return a list of the larger of '
          'the two elements at each index.'
      ),
      reference='[max(x, y) for x, y in zip(a, b)]',
      arguments='a, b',
      inputs=_TWO_LISTS,
  ),
  base.Template(
      name='count_equal_pairs',
      family='pairs_count_equal',
      describe=(
          'Given two lists of integers a and b, return how many indices have '
          'equal elements in a and b.'
      ),
      reference='sum(1 for x, y in zip(a, b) if x == y)',
      arguments='a, b',
      inputs=inputs.cases(inputs.ints(0, 2), inputs.ints(0, 2)),
  ),
  base.Template(
      name='count_jumps',
      family='neighbour_count_jumps',
      describe=(
          'Given a list of integers a, return how many neighbouring elements '
          'differ by more than {n}.'
      ),
      reference='sum(1 for x, y in zip(a, a[1:]) if abs(x - y) > {n})',
      arguments='a',
      inputs=inputs.cases(inputs.ints(0, 12)),
      parameters=({'n': 2}, {'n': 3}, {'n': 5}),
  ),
  base.Template(
      name='count_increases',
      family='neighbour_count_increases',
      describe=(
          'Given a list of integers a, return how many elements are greater '
          'than the element before them.'
      ),
      reference='sum(1 for i in range(1, len(a)) if a[i] > a[i - 1])',
      arguments='a',
      inputs=_INTS,
  ),
  base.Template(
      name='interleave_lists',
      family='pairs_interleave_lists',
      describe=(
          'Given two lists a and b, return a list with the elements of a and b '
          'in turn, until one of them ends.'
      ),
      reference='[z for pair in zip(a, b) for z in pair]',
      arguments='a, b',
      inputs=_TWO_LISTS,
  ),
  base.Template(
      name='pair_with_constant',
      family='pairs_with_constant',
      describe=(
          'Given a list a, return a list of the tuples (x, {n}) for every '
          'element x of a.'
      ),
      reference='[(x, {n}) for x in a]',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 0}, {'n': 1}, {'n': 5}),
  ),
  base.Template(
      name='pair_with_power',
      family='pairs_with_power',
      describe=(
          'Given a list of integers a, return a list of the tuples (x, x to '
          'the power {n}) for every element x of a.'
      ),
      reference='[(x, x ** {n}) for x in a]',
      arguments='a',
      inputs=inputs.cases(inputs.ints(-5, 9)),
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='pair_with_multiple',
      family='pairs_with_multiple',
      describe=(
          'Given a list of integers a, return a list of the tuples (x, {n} '
          'times x) for every element x of a.'
      ),
      reference='[(x, {n} * x) for x in a]',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 2}, {'n': 3}, {'n': 10}),
  ),
  base.Template(
      name='large_sums',
      family='pairs_filter_by_sum',
      describe=(
          'Given two lists of integers a and b, return a list of the sums of '
          'elements at the same index that are greater than {n}.'
      ),
      reference='[x + y for x, y in zip(a, b) if x + y > {n}]',
      arguments='a, b',
      inputs=inputs.cases(
          inputs.ints(0, 9),
          inputs.ints(0, 9),
          edges=(([4, 5, 3, 6], [4, 5, 2, 3]),),
      ),
      parameters=({'n': 5}, {'n': 8}, {'n': 10}),
  ),
  base.Template(
      name='count_pairs_with_sum',
      family='pairs_count_by_sum',
      describe=(
          'Given two lists of integers a and b, return how many pairs of '
          'elements at the same index have the sum {n}.'
      ),
      reference='sum(1 for x, y in zip(a, b) if x + y == {n})',
      arguments='a, b',
      inputs=inputs.cases(inputs.ints(0, 5), inputs.ints(0, 5)),
      parameters=({'n': 4}, {'n': 5}, {'n': 6}),
  ),
  base.Template(
      name='all_pairs',
      family='pairs_of_all',
      describe=(
          'Given two lists a and b, return a list of all tuples (x, y) with x '
          'from a and y from b, ordered by x as in a.'
      ),
      reference='[(x, y) for x in a for y in b]',
      arguments='a, b',
      inputs=inputs.cases(
          inputs.ints(0, 9, longest=3), inputs.ints(0, 9, longest=3)
      ),
  ),
  base.Template(
      name='largest_product_at_gap',
      family='neighbour_best_product',
      describe=(
          'Given a list of at least four integers a, return the largest '
          'product of two elements whose indices differ by {n}.'
      ),
      reference='max(a[i] * a[i + {n}] for i in range(len(a) - {n}))',
      arguments='a',
      inputs=inputs.cases(inputs.ints(-4, 9, shortest=4)),
      parameters=({'n': 1}, {'n': 2}, {'n': 3}),
  ),
  base.Template(
      name='select_by_other_list',
      family='pairs_select',
      describe=(
          'Given two lists of integers a and b, return a list of the elements '
          'of a where the element of b at the same index is greater than {n}.'
      ),
      reference='[x for x, y in zip(a, b) if y > {n}]',
      arguments='a, b',
      inputs=_TWO_LISTS,
      parameters=({'n': 2}, {'n': 4}, {'n': 5}),
  ),
  base.Template(
      name='join_word_pairs',
      family='pairs_join_text',
      describe=(
          'Given two lists of strings first and second, return a list of the '
          'words at the same index joined with "{s}".'
      ),
      reference='[x + "{s}" + y for x, y in zip(first, second)]',
      arguments='first, second',
      inputs=inputs.cases(inputs.words(), inputs.words()),
      parameters=({'s': '-'}, {'s': ' '}, {'s': '='}),
  ),
)
