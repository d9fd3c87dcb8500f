"""Functions on lists of lists."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs
from swm_jax.tasks.python_functions import structured_inputs

TYPE = 'nested_list'

_NUMBER = inputs.integer(-4, 9)
_ROW = inputs.ints(-4, 9, 0, 4)
_ROWS = inputs.cases(
    inputs.list_of(
        _ROW, edges=([], [[1], [2, 3], []], [[3, 5, 4]], [[4], [1, 5], [7]])
    ),
    count=12,
)
_FILLED = inputs.cases(inputs.list_of(
    inputs.ints(-4, 9, 1, 4), 1, 5, edges=([[1]], [[2, 3], [-1]])
))
_TABLE = inputs.cases(structured_inputs.table(
    _NUMBER, (1, 4), (3, 4), edges=([[1, 2, 3]], [[1, 2, 3], [4, 5, 6]])
))
_SQUARE = inputs.cases(structured_inputs.table(
    _NUMBER, (1, 4), square=True, edges=([[5]], [[1, 2], [3, 4]])
))
_DIGITS = inputs.cases(inputs.list_of(
    inputs.ints(0, 4, 0, 4), 1, 4,
    edges=([], [[]], [[0, 1], [2, 3, 3], [1, 1]], [[3], [], [2]]),
), count=12)

TEMPLATES = [
  base.Template(
      name='row_sums',
      family='nested_row_sums',
      describe=(
          'Given a list of lists of numbers a, return the list of the sums of '
          'the inner lists.'
      ),
      reference='[sum(r) for r in a]',
      arguments='a',
      inputs=_ROWS,
  ),
  base.Template(
      name='row_extremes',
      family='nested_row_extremes',
      describe=(
          'Given a list of non-empty lists of numbers a, return the list of '
          'the {name} number of each inner list.'
      ),
      reference='[{f}(r) for r in a]',
      arguments='a',
      inputs=_FILLED,
      parameters=(
          {'name': 'largest', 'f': 'max'},
          {'name': 'smallest', 'f': 'min'},
      ),
  ),
  base.Template(
      name='flatten',
      family='nested_flatten',
      describe=(
          'Given a list of lists a, return one list with all items of the '
          'inner lists.'
      ),
      reference='[x for r in a for x in r]',
      arguments='a',
      inputs=_ROWS,
  ),
  base.Template(
      name='sum_everything',
      family='nested_total',
      describe=(
          'Given a list of lists of numbers a, return the sum of all numbers.'
      ),
      reference='sum(sum(r) for r in a)',
      arguments='a',
      inputs=_ROWS,
  ),
  base.Template(
      name='column_sum',
      family='nested_column_sum',
      describe=(
          'Given a list of rows a, return the sum of the numbers at index {i} '
          'of each row.'
      ),
      reference='sum(r[{i}] for r in a)',
      arguments='a',
      inputs=_TABLE,
      parameters=({'i': 0}, {'i': 1}, {'i': 2}),
  ),
  base.Template(
      name='row_end_sums',
      family='nested_row_ends',
      describe=(
          'Given a list of non-empty lists of numbers a, return the list of '
          'the first plus the last number of each inner list.'
      ),
      reference='[r[0] + r[-1] for r in a]',
      arguments='a',
      inputs=_FILLED,
  ),
  base.Template(
      name='transpose',
      family='nested_transpose',
      describe=(
          'Given a list of equally long rows a, return the list of its '
          'columns, each as a list.'
      ),
      reference='[list(c) for c in zip(*a)]',
      arguments='a',
      inputs=_TABLE,
  ),
  base.Template(
      name='rows_with_sum_above',
      family='nested_filter_sum',
      describe=(
          'Given a list of lists of numbers a, return the inner lists whose '
          'sum is greater than {n}.'
      ),
      reference='[r for r in a if sum(r) > {n}]',
      arguments='a',
      inputs=_ROWS,
      parameters=({'n': 0}, {'n': 4}, {'n': 6}),
  ),
  base.Template(
      name='extreme_of_all',
      family='nested_extreme',
      describe=(
          'Given a list of non-empty lists of numbers a, return the {name} of '
          'all numbers.'
      ),
      reference='{f}({f}(r) for r in a)',
      arguments='a',
      inputs=_FILLED,
      parameters=(
          {'name': 'largest', 'f': 'max'},
          {'name': 'smallest', 'f': 'min'},
      ),
  ),
  base.Template(
      name='diagonal',
      family='nested_diagonal',
      describe=(
          'Given a square table a as a list of rows, return the list of the '
          'numbers on its diagonal from top left to bottom right.'
      ),
      reference='[a[i][i] for i in range(len(a))]',
      arguments='a',
      inputs=_SQUARE,
  ),
  base.Template(
      name='item_at',
      family='nested_item',
      describe=(
          'Given a list of rows a, return the number at index {j} of the row '
          'at index {i}.'
      ),
      reference='a[{i}][{j}]',
      arguments='a',
      inputs=inputs.cases(
          structured_inputs.table(
              _NUMBER, (2, 4), (3, 4), edges=([[1, 2, 3], [4, 5, 6]],)
          ),
      ),
      parameters=({'i': 0, 'j': 1}, {'i': 1, 'j': 0}, {'i': 1, 'j': 2}),
  ),
  base.Template(
      name='multiply_everything',
      family='nested_map',
      describe=(
          'Given a list of lists of numbers a, return a with every number '
          'multiplied by {n}.'
      ),
      reference='[[x * {n} for x in r] for r in a]',
      arguments='a',
      inputs=_ROWS,
      parameters=({'n': 2}, {'n': 3}, {'n': 10}),
  ),
  base.Template(
      name='flatten_above',
      family='nested_flatten_filter',
      describe=(
          'Given a list of lists of numbers a, return one list of all numbers '
          'greater than {n}.'
      ),
      reference='[x for r in a for x in r if x > {n}]',
      arguments='a',
      inputs=_ROWS,
      parameters=({'n': 0}, {'n': 2}, {'n': 4}),
  ),
  base.Template(
      name='count_numbers_above',
      family='nested_count_compare',
      describe=(
          'Given a list of lists of numbers a, return how many numbers in the '
          'inner lists are greater than {n}.'
      ),
      reference='sum(x > {n} for r in a for x in r)',
      arguments='a',
      inputs=_DIGITS,
      parameters=({'n': 1}, {'n': 2}, {'n': 3}),
  ),
  base.Template(
      name='check_row_sums',
      family='nested_check_sums',
      describe=(
          'Given a list of lists of numbers a, return True if {name} inner '
          'list has a sum greater than {n}.'
      ),
      reference='{f}(sum(r) > {n} for r in a)',
      arguments='a',
      inputs=inputs.cases(
          inputs.list_of(
              inputs.ints(0, 4, 0, 3), 1, 3,
              edges=(
                  [], [[]], [[1]], [[2]], [[3]], [[1, 1], [2, 1]],
                  [[4], [3, 1]], [[0, 1], [1]],
              ),
          ),
          count=14,
      ),
      parameters=(
          {'name': 'every', 'f': 'all', 'n': 1},
          {'name': 'at least one', 'f': 'any', 'n': 2},
          {'name': 'every', 'f': 'all', 'n': 2},
      ),
  ),
  base.Template(
      name='operation_table',
      family='nested_products',
      describe=(
          'Given two integers n and m, return a list of n rows of m numbers, '
          'where the number at index j of row i is i {op} j, counted from 0.'
      ),
      reference='[[i {op} j for j in range(m)] for i in range(n)]',
      arguments='n, m',
      inputs=inputs.cases(
          inputs.integer(1, 4, edges=(0, 1, 2)),
          inputs.integer(1, 4, edges=(2, 1, 3)),
      ),
      parameters=({'op': '*'}, {'op': '+'}, {'op': '-'}),
  ),
  base.Template(
      name='sort_rows',
      family='nested_sort_rows',
      describe=(
          'Given a list of lists of numbers a, return a with every inner list '
          'sorted in {order} order.'
      ),
      reference='[sorted(r{option}) for r in a]',
      arguments='a',
      inputs=_ROWS,
      parameters=(
          {'order': 'ascending', 'option': ''},
          {'order': 'descending', 'option': ', reverse=True'},
      ),
  ),
  base.Template(
      name='extreme_row_sum',
      family='nested_extreme_sum',
      describe=(
          'Given a non-empty list of lists of numbers a, return the {name} sum '
          'of an inner list.'
      ),
      reference='{f}(sum(r) for r in a)',
      arguments='a',
      inputs=_FILLED,
      parameters=(
          {'name': 'largest', 'f': 'max'},
          {'name': 'smallest', 'f': 'min'},
      ),
  ),
  base.Template(
      name='count_rows_with_sum',
      family='nested_count_sum',
      describe=(
          'Given a list of lists of numbers a, return how many inner lists '
          'have a sum greater than {n}.'
      ),
      reference='sum(sum(r) > {n} for r in a)',
      arguments='a',
      inputs=_DIGITS,
      parameters=({'n': 1}, {'n': 2}, {'n': 4}),
  ),
  base.Template(
      name='filtered_row_sums',
      family='nested_row_filtered_sum',
      describe=(
          'Given a list of lists of numbers a, return the list of the sums of '
          'the numbers greater than {n} in each inner list.'
      ),
      reference='[sum(x for x in r if x > {n}) for r in a]',
      arguments='a',
      inputs=_ROWS,
      parameters=({'n': 1}, {'n': 2}, {'n': 4}),
  ),
]
