"""Functions that build a list from numbers or extend one."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

_COUNT = inputs.cases(inputs.integer(2, 12, edges=(0, 1)))
_INTS = inputs.cases(inputs.ints())

TYPE = 'list_build'

TEMPLATES = (
  base.Template(
      name='multiples_up_to',
      family='build_multiples_up_to',
      describe=(
          'Given an integer n, return a list of the multiples of {k} from {k} '
          'to n, n included if it is one.'
      ),
      reference='list(range({k}, n + 1, {k}))',
      arguments='n',
      inputs=inputs.cases(inputs.integer(2, 40, edges=(0, 1, 15, 30))),
      parameters=({'k': 2}, {'k': 3}, {'k': 5}),
  ),
  base.Template(
      name='first_multiples',
      family='build_first_multiples',
      describe=(
          'Given an integer n, return a list of the first n multiples of {k}, '
          'starting with {k}.'
      ),
      reference='[{k} * i for i in range(1, n + 1)]',
      arguments='n',
      inputs=_COUNT,
      parameters=({'k': 3}, {'k': 4}, {'k': 7}),
  ),
  base.Template(
      name='count_down',
      family='build_countdown',
      describe=(
          'Given a positive integer n, return a list of the integers from n '
          'down to {k}.'
      ),
      reference='list(range(n, {m}, -1))',
      arguments='n',
      inputs=inputs.cases(inputs.integer(2, 12, edges=(1, 3))),
      parameters=({'k': 1, 'm': 0}, {'k': 0, 'm': -1}),
  ),
  base.Template(
      name='first_powers',
      family='build_powers_of_constant',
      describe=(
          'Given an integer n, return a list of the first n powers of {k}, '
          'starting with 1.'
      ),
      reference='[{k} ** i for i in range(n)]',
      arguments='n',
      inputs=inputs.cases(inputs.integer(2, 8, edges=(0, 1)), count=9),
      parameters=({'k': 2}, {'k': 3}, {'k': 10}),
  ),
  base.Template(
      name='powers_of_integers',
      family='build_powers_of_integers',
      describe=(
          'Given an integer n, return a list of the integers from 1 to n '
          'raised to the power {k}.'
      ),
      reference='[i ** {k} for i in range(1, n + 1)]',
      arguments='n',
      inputs=_COUNT,
      parameters=({'k': 2}, {'k': 3}, {'k': 4}),
  ),
  base.Template(
      name='repeat_value',
      family='build_repeated_value',
      describe='Given an integer n, return a list of n times the value {v}.',
      reference='[{v}] * n',
      arguments='n',
      inputs=_COUNT,
      parameters=({'v': 0}, {'v': 1}, {'v': 7}),
  ),
  base.Template(
      name='repeat_list',
      family='build_repeated_list',
      describe=(
          'Given a list a, return a list in which the elements of a are '
          'repeated {n} times, one copy after the other.'
      ),
      reference='a * {n}',
      arguments='a',
      inputs=inputs.cases(inputs.ints(longest=4)),
      parameters=({'n': 2}, {'n': 3}, {'n': 4}),
  ),
  base.Template(
      name='alternate',
      family='build_alternating',
      describe=(
          'Given an integer n, return a list of length n that alternates '
          'between {p} and {q}, starting with {p}.'
      ),
      reference='[{p} if i % 2 == 0 else {q} for i in range(n)]',
      arguments='n',
      inputs=_COUNT,
      parameters=({'p': 0, 'q': 1}, {'p': 1, 'q': -1}, {'p': 5, 'q': 2}),
  ),
  base.Template(
      name='arithmetic_sequence',
      family='build_arithmetic_sequence',
      describe=(
          'Given an integer n, return a list of n integers that starts with '
          '{s} and increases by {d} each time.'
      ),
      reference='[{s} + {d} * i for i in range(n)]',
      arguments='n',
      inputs=_COUNT,
      parameters=({'s': 1, 'd': 2}, {'s': 5, 'd': 3}, {'s': 10, 'd': 10}),
  ),
  base.Template(
      name='without_multiples',
      family='build_non_multiples',
      describe=(
          'Given an integer n, return a list of the integers from 1 to n that '
          'are not divisible by {k}.'
      ),
      reference='[i for i in range(1, n + 1) if i % {k} != 0]',
      arguments='n',
      inputs=_COUNT,
      parameters=({'k': 2}, {'k': 3}, {'k': 4}),
  ),
  base.Template(
      name='append_value',
      family='build_with_value_attached',
      describe='Given a list a, return a new list with {v} added at the end.',
      reference='a + [{v}]',
      arguments='a',
      inputs=_INTS,
      parameters=({'v': 0}, {'v': 1}, {'v': 9}),
  ),
  base.Template(
      name='prepend_value',
      family='build_with_value_attached',
      describe=(
          'Given a list a, return a new list with {v} added at the beginning.'
      ),
      reference='[{v}] + a',
      arguments='a',
      inputs=_INTS,
      parameters=({'v': 0}, {'v': 5}, {'v': 8}),
  ),
  base.Template(
      name='running_sums',
      family='build_running_sums',
      describe=(
          'Given a list of integers a, return a list in which each element is '
          'the sum of all elements of a up to this index.'
      ),
      reference='[sum(a[:i + 1]) for i in range(len(a))]',
      arguments='a',
      inputs=_INTS,
  ),
  base.Template(
      name='square_grid',
      family='build_grid',
      describe=(
          'Given an integer n, return a list of n lists, each of them n times '
          'the value {v}.'
      ),
      reference='[[{v}] * n for _ in range(n)]',
      arguments='n',
      inputs=inputs.cases(inputs.integer(2, 6, edges=(0, 1)), count=8),
      parameters=({'v': 0}, {'v': 1}, {'v': 5}),
  ),
  base.Template(
      name='numbered_labels',
      family='build_numbered_labels',
      describe=(
          'Given an integer n, return a list of the strings "{s}0", "{s}1" and '
          'so on, n strings in all.'
      ),
      reference='["{s}" + str(i) for i in range(n)]',
      arguments='n',
      inputs=_COUNT,
      parameters=({'s': 'x'}, {'s': 'item'}, {'s': 'a'}),
  ),
  base.Template(
      name='pad_list',
      family='build_padded_list',
      describe=(
          'Given a list a and an integer n that is greater than its length, '
          'return the list extended with {v} to length n.'
      ),
      reference='a + [{v}] * (n - len(a))',
      arguments='a, n',
      inputs=inputs.cases(inputs.ints(longest=4), inputs.integer(5, 9)),
      parameters=({'v': 0}, {'v': 1}, {'v': -1}),
  ),
  base.Template(
      name='list_of_indices',
      family='build_indices',
      describe='Given a list a, return a list of its indices.',
      reference='list(range(len(a)))',
      arguments='a',
      inputs=_INTS,
  ),
  base.Template(
      name='growing_lists',
      family='build_growing_lists',
      describe=(
          'Given an integer n, return a list of n lists: the first has {v} '
          'once, the second twice, and so on up to n times.'
      ),
      reference='[[{v}] * i for i in range(1, n + 1)]',
      arguments='n',
      inputs=inputs.cases(inputs.integer(2, 6, edges=(0, 1)), count=8),
      parameters=({'v': 0}, {'v': 1}, {'v': 3}),
  ),
)
