"""Functions on tuples and lists of pairs."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs
from swm_jax.tasks.python_functions import structured_inputs

TYPE = 'tuple_ops'

_NUMBER = inputs.integer(-5, 12)
_PAIR = structured_inputs.tuple_of(_NUMBER, _NUMBER, edges=((0, 3), (4, 4)))
_PAIRS = inputs.cases(inputs.list_of(
    structured_inputs.tuple_of(inputs.integer(0, 4), inputs.integer(0, 4)),
    edges=([], [(1, 2)], [(2, 2), (3, 1), (0, 4), (1, 4), (3, 2)]),
))
_ONE = inputs.cases(_PAIR)
_TWO = inputs.cases(_PAIR, _PAIR)
_SCORES = inputs.cases(structured_inputs.mapped(
    lambda numbers: [('abcdef'[n % 6], n) for n in numbers],
    structured_inputs.distinct(
        _NUMBER, edges=([3], [2, 7], [7, 2], [4, 5, 6, 1])
    ),
))
_LONG = inputs.cases(structured_inputs.tuple_of(
    _NUMBER, _NUMBER, _NUMBER, _NUMBER, edges=((1, 2, 3), (0, 0, 5, 5, 1))
))
_LIST = inputs.cases(inputs.ints(0, 20, 1, 6, edges=([3], [5, 2], [2, 2, 7])))

TEMPLATES = [
  base.Template(
      name='swap_pair',
      family='tuple_swap',
      describe=(
          'Given a tuple p of two items, return the tuple with the items '
          'swapped.'
      ),
      reference='(p[1], p[0])',
      arguments='p',
      inputs=_ONE,
  ),
  base.Template(
      name='combine_pairs',
      family='pair_arithmetic',
      describe=(
          'Given a list a of pairs of numbers, return the list of the {name} '
          'of each pair.'
      ),
      reference='[x {op} y for x, y in a]',
      arguments='a',
      inputs=_PAIRS,
      parameters=({'name': 'sum', 'op': '+'}, {'name': 'product', 'op': '*'}),
  ),
  base.Template(
      name='part_of_pairs',
      family='pair_project',
      describe=(
          'Given a list a of pairs, return the list of the {name} items of the '
          'pairs.'
      ),
      reference='[{v} for x, y in a]',
      arguments='a',
      inputs=_PAIRS,
      parameters=({'name': 'first', 'v': 'x'}, {'name': 'second', 'v': 'y'}),
  ),
  base.Template(
      name='swap_all_pairs',
      family='pair_swap_each',
      describe=(
          'Given a list a of pairs, return the list of the pairs with their '
          'items swapped.'
      ),
      reference='[(y, x) for x, y in a]',
      arguments='a',
      inputs=_PAIRS,
  ),
  base.Template(
      name='order_pair',
      family='tuple_order',
      describe=(
          'Given a tuple p of two numbers, return the tuple with the {name} '
          'number first.'
      ),
      reference='({f}(p), {g}(p))',
      arguments='p',
      inputs=_ONE,
      parameters=(
          {'name': 'smaller', 'f': 'min', 'g': 'max'},
          {'name': 'larger', 'f': 'max', 'g': 'min'},
      ),
  ),
  base.Template(
      name='filter_pairs',
      family='pair_filter',
      describe=(
          'Given a list a of pairs of numbers, return the pairs whose first '
          'number is {name} the second.'
      ),
      reference='[(x, y) for x, y in a if x {op} y]',
      arguments='a',
      inputs=_PAIRS,
      parameters=(
          {'name': 'less than', 'op': '<'},
          {'name': 'greater than', 'op': '>'},
          {'name': 'equal to', 'op': '=='},
      ),
  ),
  base.Template(
      name='count_sums',
      family='pair_count_sum',
      describe=(
          'Given a list a of pairs of numbers, return how many pairs have the '
          'sum {n}.'
      ),
      reference='sum(x + y == {n} for x, y in a)',
      arguments='a',
      inputs=_PAIRS,
      parameters=({'n': 3}, {'n': 4}, {'n': 5}),
  ),
  base.Template(
      name='number_items',
      family='tuple_enumerate',
      describe=(
          'Given a list a, return a list of tuples (i, x) for each item x, '
          'where i counts from {n}.'
      ),
      reference='[(i, x) for i, x in enumerate(a, {n})]',
      arguments='a',
      inputs=_LIST,
      parameters=({'n': 0}, {'n': 1}, {'n': 10}),
  ),
  base.Template(
      name='pair_with_lengths',
      family='tuple_word_length',
      describe=(
          'Given a list of words a, return the list of tuples of each word and '
          'its length.'
      ),
      reference='[(w, len(w)) for w in a]',
      arguments='a',
      inputs=inputs.cases(inputs.words(edges=([], ['a'], ['sun', 'eel']))),
  ),
  base.Template(
      name='ends_as_pair',
      family='tuple_ends',
      describe=(
          'Given a non-empty list a, return the tuple of its {x} and its {y} '
          'item.'
      ),
      reference='(a[{i}], a[{j}])',
      arguments='a',
      inputs=_LIST,
      parameters=(
          {'x': 'first', 'y': 'last', 'i': 0, 'j': -1},
          {'x': 'last', 'y': 'first', 'i': -1, 'j': 0},
      ),
  ),
  base.Template(
      name='combine_points',
      family='tuple_points',
      describe=(
          'Given two tuples p and q of two numbers each, return the tuple of '
          'the {name} of the first items and the {name} of the second items.'
      ),
      reference='(p[0] {op} q[0], p[1] {op} q[1])',
      arguments='p, q',
      inputs=_TWO,
      parameters=({'name': 'sum', 'op': '+'}, {'name': 'product', 'op': '*'}),
  ),
  base.Template(
      name='scale_pair',
      family='tuple_scale',
      describe=(
          'Given a tuple p of two numbers, return the tuple with both numbers '
          'multiplied by {n}.'
      ),
      reference='(p[0] * {n}, p[1] * {n})',
      arguments='p',
      inputs=_ONE,
      parameters=({'n': 2}, {'n': 3}, {'n': 10}),
  ),
  base.Template(
      name='shift_all_pairs',
      family='pair_shift_second',
      describe=(
          'Given a list a of pairs of numbers, return the list of the pairs '
          'with {n} added to their second number.'
      ),
      reference='[(x, y + {n}) for x, y in a]',
      arguments='a',
      inputs=_PAIRS,
      parameters=({'n': 1}, {'n': 2}, {'n': 10}),
  ),
  base.Template(
      name='sum_part',
      family='pair_sum_part',
      describe=(
          'Given a list a of pairs of numbers, return the sum of the {name} '
          'numbers of the pairs.'
      ),
      reference='sum({v} for x, y in a)',
      arguments='a',
      inputs=_PAIRS,
      parameters=({'name': 'first', 'v': 'x'}, {'name': 'second', 'v': 'y'}),
  ),
  base.Template(
      name='sort_by_second',
      family='pair_sort',
      describe=(
          'Given a list a of pairs, return the pairs sorted by their second '
          'item, {order} first.'
      ),
      reference='sorted(a, key=lambda p: p[1]{option})',
      arguments='a',
      inputs=_SCORES,
      parameters=(
          {'order': 'smallest', 'option': ''},
          {'order': 'largest', 'option': ', reverse=True'},
      ),
  ),
  base.Template(
      name='best_name',
      family='pair_best',
      describe=(
          'Given a list a of tuples (name, score), return the name with the '
          '{name} score.'
      ),
      reference='{f}(a, key=lambda p: p[1])[0]',
      arguments='a',
      inputs=_SCORES,
      parameters=(
          {'name': 'highest', 'f': 'max'},
          {'name': 'lowest', 'f': 'min'},
      ),
  ),
  base.Template(
      name='replace_end',
      family='tuple_replace_end',
      describe='Given a tuple t, return t with its first item replaced by {n}.',
      reference='({n},) + t[1:]',
      arguments='t',
      inputs=_LONG,
      parameters=({'n': 0}, {'n': 1}, {'n': -1}),
  ),
  base.Template(
      name='append_item',
      family='tuple_append',
      describe='Given a tuple t, return t with {n} added at the end.',
      reference='t + ({n},)',
      arguments='t',
      inputs=_LONG,
      parameters=({'n': 0}, {'n': 5}, {'n': 100}),
  ),
  base.Template(
      name='names_above',
      family='pair_filter_names',
      describe=(
          'Given a list a of tuples (name, score), return the list of the '
          'names with a score greater than {n}.'
      ),
      reference='[x for x, y in a if y > {n}]',
      arguments='a',
      inputs=_SCORES,
      parameters=({'n': 0}, {'n': 4}, {'n': 6}),
  ),
  base.Template(
      name='number_and_multiple',
      family='tuple_multiple',
      describe='Given a number n, return the tuple of n and {k} times n.',
      reference='(n, n * {k})',
      arguments='n',
      inputs=inputs.cases(inputs.integer(-9, 20, edges=(0, 1, -1))),
      parameters=({'k': 2}, {'k': 3}, {'k': 10}),
  ),
]
