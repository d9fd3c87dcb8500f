"""Functions that take elements of a list by position."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

_INTS = inputs.cases(inputs.ints())
_SOME_INTS = inputs.cases(inputs.ints(shortest=1))
_FIVE_INTS = inputs.cases(inputs.ints(shortest=5, longest=9))

TYPE = 'list_indexing'

TEMPLATES = (
  base.Template(
      name='drop_first_elements',
      family='slice_drop_end',
      describe=(
          'Given a list a, return the list without its first {n} elements.'
      ),
      reference='a[{n}:]',
      arguments='a',
      inputs=_INTS,
      parameters=({'n': 1}, {'n': 2}, {'n': 3}),
  ),
  base.Template(
      name='every_kth',
      family='slice_by_step',
      describe=(
          'Given a list a, return a list of every {ordinal} element, starting '
          'with the first one.'
      ),
      reference='a[::{n}]',
      arguments='a',
      inputs=_INTS,
      parameters=(
          {'ordinal': 'second', 'n': 2},
          {'ordinal': 'third', 'n': 3},
          {'ordinal': 'fourth', 'n': 4},
      ),
  ),
  base.Template(
      name='element_at',
      family='element_at_position',
      describe=(
          'Given a list a with at least five elements, return the element at '
          'index {n}.'
      ),
      reference='a[{n}]',
      arguments='a',
      inputs=_FIVE_INTS,
      parameters=({'n': 1}, {'n': 2}, {'n': 4}),
  ),
  base.Template(
      name='element_from_end',
      family='element_at_position',
      describe=(
          'Given a list a with at least five elements, return the {ordinal} '
          'element from the end.'
      ),
      reference='a[-{n}]',
      arguments='a',
      inputs=_FIVE_INTS,
      parameters=(
          {'ordinal': 'second', 'n': 2},
          {'ordinal': 'third', 'n': 3},
          {'ordinal': 'fourth', 'n': 4},
      ),
  ),
  base.Template(
      name='sum_of_ends',
      family='combine_ends',
      describe=(
          'Given a non-empty list of integers a, return the sum of the first '
          'and the last element.'
      ),
      reference='a[0] + a[-1]',
      arguments='a',
      inputs=_SOME_INTS,
  ),
  base.Template(
      name='without_index',
      family='remove_at_position',
      describe=(
          'Given a list a with at least five elements, return the list without '
          'the element at index {n}.'
      ),
      reference='a[:{n}] + a[{m}:]',
      arguments='a',
      inputs=_FIVE_INTS,
      parameters=({'n': 1, 'm': 2}, {'n': 2, 'm': 3}, {'n': 3, 'm': 4}),
  ),
  base.Template(
      name='insert_at',
      family='change_at_position',
      describe=(
          'Given a list a with at least five elements, return a list with {v} '
          'inserted at index {n}.'
      ),
      reference='a[:{n}] + [{v}] + a[{n}:]',
      arguments='a',
      inputs=_FIVE_INTS,
      parameters=({'n': 1, 'v': 0}, {'n': 2, 'v': 7}, {'n': 3, 'v': 1}),
  ),
  base.Template(
      name='replace_at',
      family='change_at_position',
      describe=(
          'Given a list a with at least five elements, return a list with the '
          'element at index {n} replaced by {v}.'
      ),
      reference='a[:{n}] + [{v}] + a[{m}:]',
      arguments='a',
      inputs=_FIVE_INTS,
      parameters=(
          {'n': 1, 'm': 2, 'v': 9},
          {'n': 2, 'm': 3, 'v': 0},
          {'n': 3, 'm': 4, 'v': 5},
      ),
  ),
  base.Template(
      name='element_or_default',
      family='element_or_default',
      describe=(
          'Given a list a, return the element at index {n}, or {d} if the list '
          'is too short.'
      ),
      reference='a[{n}] if len(a) > {n} else {d}',
      arguments='a',
      inputs=inputs.cases(
          inputs.ints(
              longest=5, edges=([], [7], [7, 8], [7, 8, 9], [7, 8, 9, 6])
          ),
      ),
      parameters=({'n': 1, 'd': 0}, {'n': 2, 'd': -1}, {'n': 3, 'd': 0}),
  ),
  base.Template(
      name='two_elements',
      family='pick_two_positions',
      describe=(
          'Given a list a with at least five elements, return a list of the '
          'elements at index {i} and index {j}.'
      ),
      reference='[a[{i}], a[{j}]]',
      arguments='a',
      inputs=_FIVE_INTS,
      parameters=({'i': 0, 'j': 2}, {'i': 1, 'j': 3}, {'i': 4, 'j': 0}),
  ),
  base.Template(
      name='inner_elements',
      family='slice_inner',
      describe=(
          'Given a list a with at least four elements, return the list without '
          'the first {n} and the last {n} elements.'
      ),
      reference='a[{n}:-{n}]',
      arguments='a',
      inputs=inputs.cases(inputs.ints(shortest=4, longest=9)),
      parameters=({'n': 1}, {'n': 2}),
  ),
  base.Template(
      name='wrapped_element',
      family='element_wrapped',
      describe=(
          'Given a non-empty list a and an integer n, return the element at '
          'index n modulo the length of a.'
      ),
      reference='a[n % len(a)]',
      arguments='a, n',
      inputs=inputs.cases(inputs.ints(shortest=1), inputs.integer(0, 20)),
  ),
  base.Template(
      name='sum_every_kth',
      family='sum_by_step',
      describe=(
          'Given a list of integers a, return the sum of every {ordinal} '
          'element, starting with the first one.'
      ),
      reference='sum(a[::{n}])',
      arguments='a',
      inputs=_INTS,
      parameters=({'ordinal': 'second', 'n': 2}, {'ordinal': 'third', 'n': 3}),
  ),
  base.Template(
      name='first_and_tail',
      family='slice_first_and_tail',
      describe=(
          'Given a list a with at least five elements, return a list of its '
          'first element followed by its last {n} elements.'
      ),
      reference='[a[0]] + a[-{n}:]',
      arguments='a',
      inputs=_FIVE_INTS,
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='last_then_first',
      family='slice_swapped_ends',
      describe=(
          'Given a list a with at least five elements, return a list of its '
          'last {m} elements followed by its first {n} elements.'
      ),
      reference='a[-{m}:] + a[:{n}]',
      arguments='a',
      inputs=_FIVE_INTS,
      parameters=({'m': 2, 'n': 2}, {'m': 1, 'n': 3}, {'m': 2, 'n': 1}),
  ),
  base.Template(
      name='reversed_slice',
      family='slice_between_reversed',
      describe=(
          'Given a list a, return a list of the elements from index {i} to '
          'index {j}, both included, in reverse order.'
      ),
      reference='a[{i}:{end}][::-1]',
      arguments='a',
      inputs=_INTS,
      parameters=(
          {'i': 1, 'j': 2, 'end': 3},
          {'i': 1, 'j': 3, 'end': 4},
          {'i': 2, 'j': 5, 'end': 6},
      ),
  ),
)
