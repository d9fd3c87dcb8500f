"""Problems for the SMT verifier: terms that must hold for all values.

  word_identity      a shorter term equal to a given one over 32-bit words
  condition_rewrite  a shorter condition with the same truth over integers
  witness            a term that meets a goal, whatever the other integers
  loop_invariant     what holds around a loop and gives the goal after it

The language of the terms is that of `swm_jax.verifiers.smt_terms`. A template
is one identity, goal or loop; its rows differ in constants only.
"""

from collections.abc import Callable, Mapping
import dataclasses
import functools
import re
from typing import Any

from swm_jax import types
from swm_jax.verifiers import smt_terms

NAME = 'smt'
DOMAIN = 'smt'
STOP_STRINGS = ('\n', '```')

_INTEGERS = ('int', 'abcinmqrsxyz')
_WORDS = ('word32', 'xy')


@dataclasses.dataclass(frozen=True)
class _Template:
  """One thing to find.

  Attributes:
    name: unique in its type.
    family: key over the whole suite, see `tasks.base.Template`.
    question: `str.format` template of what the prompt shows.
    answer: of a correct term.
    rows: constants of each parameterisation.
  """

  name: str
  family: str
  question: str
  answer: str
  rows: tuple[Mapping[str, Any], ...] = ({},)


def _rows(**columns: tuple[Any, ...]) -> tuple[dict[str, Any], ...]:
  """Turns columns of constants into rows."""
  return tuple(dict(zip(columns, row)) for row in zip(*columns.values()))


_WORD_IDENTITY = (
    _Template(
        'xor_twice', 'undo_xor', 'x ^ {k} ^ {k}', 'x', _rows(k=(5, 9, 77))
    ),
    _Template('xor_around', 'undo_xor', 'y ^ x ^ y', 'x'),
    _Template(
        'sum_of_same', 'repeat', '{s}', '{k} * x',
        _rows(
            s=('x + x + x', 'x + x + x + x', 'x + x + x + x + x'),
            k=(3, 4, 5),
        ),
    ),
    _Template('split_by_mask', 'split', '(x & y) | (x & ~y)', 'x'),
    _Template('one_not_both', 'xor_made', '(x | y) - (x & y)', 'x ^ y'),
    _Template('add_by_carry', 'carry', '(x ^ y) + 2 * (x & y)', 'x + y'),
    _Template('and_plus_or', 'carry', '(x & y) + (x | y)', 'x + y'),
    _Template(
        'flipped_minus', 'flip', '~(~x - {k})', 'x + {k}', _rows(k=(1, 4, 20))
    ),
    _Template(
        'flip_and_add', 'negate', '~x + {k}', '{m} - x',
        _rows(k=(2, 3, 9), m=(1, 2, 8)),
    ),
    _Template('de_morgan_and', 'de_morgan', '~(~x & ~y)', 'x | y'),
    _Template('de_morgan_or', 'de_morgan', '~(~x | ~y)', 'x & y'),
    _Template(
        'shift_twice', 'shifts', 'x << {a} << {b}', 'x << {c}',
        _rows(a=(1, 2, 4), b=(2, 3, 4), c=(3, 5, 8)),
    ),
    _Template(
        'mask_twice', 'masks', 'x & {a} & {b}', 'x & {c}',
        _rows(a=(12, 7, 15), b=(10, 3, 6), c=(8, 3, 6)),
    ),
    _Template(
        'shift_and_add', 'scaled', '(x << {a}) + x', '{c} * x',
        _rows(a=(1, 2, 3), c=(3, 5, 9)),
    ),
    _Template(
        'shift_and_subtract', 'scaled', '(x << {a}) - x', '{c} * x',
        _rows(a=(2, 3, 4), c=(3, 7, 15)),
    ),
    _Template('least_and_most', 'both', 'min(x, y) + max(x, y)', 'x + y'),
    _Template(
        'nothing_left', 'zero', '{q}', '0',
        _rows(q=('x & ~x', 'x - x', 'x ^ x')),
    ),
    _Template('or_again', 'idempotent', 'x | y | x', 'x | y'),
    _Template('choose_larger', 'choose', 'x if x > y else y', 'max(x, y)'),
    _Template('and_then_xor', 'clear', '(x & y) ^ x', 'x & ~y'),
    _Template(
        'add_then_subtract', 'offset', 'x + {a} - {b}', 'x + {c}',
        _rows(a=(9, 7, 30), b=(4, 2, 10), c=(5, 5, 20)),
    ),
)  # fmt: skip

_CONDITION_REWRITE = (
    _Template(
        'not_above', 'not_order', 'not (x > {k})', 'x <= {k}',
        _rows(k=(3, 10, 50)),
    ),
    _Template(
        'not_at_most', 'not_order', 'not (x <= {k})', 'x > {k}',
        _rows(k=(2, 8, 40)),
    ),
    _Template(
        'not_equal', 'not_equal', 'not (x == {k})', 'x != {k}',
        _rows(k=(0, 6, 12)),
    ),
    _Template(
        'both_above', 'two_bounds', 'x > {a} and x > {b}', 'x > {b}',
        _rows(a=(1, 3, 4), b=(6, 9, 20)),
    ),
    _Template(
        'either_above', 'two_bounds_or', 'x > {a} or x > {b}', 'x > {a}',
        _rows(a=(2, 5, 10), b=(7, 8, 30)),
    ),
    _Template(
        'not_either', 'push_not', 'not (x < {a} or y < {b})',
        'x >= {a} and y >= {b}', _rows(a=(1, 4, 0), b=(2, 7, 5)),
    ),
    _Template(
        'not_both', 'push_not', 'not (x == {a} and y == {b})',
        'x != {a} or y != {b}', _rows(a=(1, 3, 0), b=(2, 5, 9)),
    ),
    _Template(
        'shifted_bound', 'move', 'x + {a} > {b}', 'x > {c}',
        _rows(a=(1, 2, 3), b=(5, 9, 13), c=(4, 7, 10)),
    ),
    _Template(
        'scaled_bound', 'divide', '{a} * x > {b}', 'x > {c}',
        _rows(a=(2, 3, 5), b=(8, 15, 30), c=(4, 5, 6)),
    ),
    _Template('difference', 'to_zero', 'x - y == 0', 'x == y'),
    _Template('negative_difference', 'to_zero', 'x - y < 0', 'x < y'),
    _Template(
        'two_sided', 'pinch', 'x >= {k} and x <= {k}', 'x == {k}',
        _rows(k=(4, 7, 15)),
    ),
    _Template('pinched_names', 'pinch', 'x <= y and y <= x', 'x == y'),
    _Template(
        'or_equal', 'join', 'x > {k} or x == {k}', 'x >= {k}',
        _rows(k=(3, 6, 18)),
    ),
    _Template(
        'apart', 'apart', 'x < {k} or x > {k}', 'x != {k}', _rows(k=(2, 5, 16))
    ),
    _Template('same_sign', 'negate_order', '-x < -y', 'x > y'),
    _Template(
        'never', 'contradiction', 'x > {a} and x < {b}', 'False',
        _rows(a=(9, 7, 20), b=(3, 7, 21)),
    ),
    _Template('covered', 'absorb', 'x == y or x < y or x == y', 'x <= y'),
    _Template(
        'next_after', 'step', 'x >= {a} and x != {a}', 'x > {a}',
        _rows(a=(1, 4, 11)),
    ),
)  # fmt: skip

_WITNESS = (
    _Template('above', 'beyond', 'y > x + {k}', 'x + {m}',
              _rows(k=(2, 5, 10), m=(3, 6, 11))),
    _Template('below', 'beyond', 'y < x - {k}', 'x - {m}',
              _rows(k=(2, 5, 10), m=(3, 6, 11))),
    _Template('at_least', 'reach', 'y >= x + {k}', 'x + {k}',
              _rows(k=(2, 5, 9))),
    _Template('at_most', 'reach', 'y <= x - {k}', 'x - {k}',
              _rows(k=(1, 3, 8))),
    _Template('one_of', 'either', 'y == x or y == z', 'x'),
    _Template('same_square', 'same_square', 'y * y == x * x', 'x'),
    _Template('difference', 'inverse_add', 'y - x == {k}', 'x + {k}',
              _rows(k=(3, 8, 20))),
    _Template('taken_from', 'inverse_add', 'x - y == {k}', 'x - {k}',
              _rows(k=(1, 7, 30))),
    _Template('sum_to', 'complement', 'x + y == {k}', '{k} - x',
              _rows(k=(10, 7, 100))),
    _Template('even_above', 'parity', 'y > x and y % 2 == 0', '2 * abs(x) + 2'),
    _Template('odd_above', 'parity', 'y > x and y % 2 == 1', '2 * abs(x) + 1'),
    _Template('share', 'divide', '{k} * y <= x and x < {k} * y + {k}',
              'x // {k}', _rows(k=(2, 3, 10))),
    _Template('rest', 'remainder',
              '0 <= y and y < {k} and (x - y) % {k} == 0', 'x % {k}',
              _rows(k=(2, 5, 10))),
    _Template('at_least_both', 'extreme', 'y >= x and y >= z', 'max(x, z)'),
    _Template('at_most_both', 'extreme', 'y <= x and y <= z', 'min(x, z)'),
    _Template('above_both', 'above_both', 'y > x and y > z', 'max(x, z) + 1'),
    _Template('size', 'absolute', 'y >= x and y >= -x', 'abs(x)'),
    _Template('square_gap', 'expand', 'x * x + y == (x + 1) * (x + 1)',
              '2 * x + 1'),
    _Template('missing_part', 'subtract', 'x + y == z', 'z - x'),
    _Template('whole', 'add', 'y - z == x', 'x + z'),
    _Template('above_square', 'power', 'y > x * x + {k}', 'x * x + {m}',
              _rows(k=(0, 3, 9), m=(1, 4, 10))),
    _Template('neither', 'differs', 'y != x and y != x + {k}', 'x - {k}',
              _rows(k=(1, 2, 3))),
    _Template('multiple_above', 'multiple', 'y % {k} == 0 and y >= x',
              '{k} * abs(x)', _rows(k=(3, 5, 10))),
    _Template('mirrored', 'reflect', 'y - x == x - z', '2 * x - z'),
    _Template('scaled', 'scale', '{k} * y == {k} * x + {m}', 'x + {c}',
              _rows(k=(2, 3, 5), m=(8, 6, 15), c=(4, 2, 3))),
    _Template('twice', 'double', 'y - x == x + {k}', '2 * x + {k}',
              _rows(k=(1, 4, 6))),
)  # fmt: skip

# Questions are loops: start; guard; step; goal.
_LOOP_INVARIANT = (
    _Template('add_constant', 'linear',
              'i, s = 0, 0; i < n; i, s = i + 1, s + {k}; s == {k} * n',
              's == {k} * i and i <= n', _rows(k=(2, 5, 7))),
    _Template('subtract_constant', 'linear',
              'i, s = 0, 0; i < n; i, s = i + 1, s - {k}; s == -{k} * n',
              's == -{k} * i and i <= n', _rows(k=(1, 3, 4))),
    _Template('start_above', 'offset',
              'i, s = 0, {k}; i < n; i, s = i + 1, s + 1; s == n + {k}',
              's == i + {k} and i <= n', _rows(k=(2, 5, 9))),
    _Template('count_down', 'countdown',
              'i, s = n, 0; i > 0; i, s = i - 1, s + 1; s == n',
              's + i == n and i >= 0'),
    _Template('count_to', 'bound', 'i = 0; i < n; i = i + 1; i == n', 'i <= n'),
    _Template('count_to_zero', 'bound', 'x = n; x > 0; x = x - 1; x == 0',
              'x >= 0'),
    _Template('side_by_side', 'equal_steps',
              'a, b = 0, 0; a < n; a, b = a + {k}, b + {k}; a == b', 'a == b',
              _rows(k=(1, 2, 5))),
    _Template('kept_gap', 'gap',
              'a, b = 0, {m}; a < n; a, b = a + {k}, b + {k}; b - a == {m}',
              'b - a == {m}', _rows(k=(1, 2, 3), m=(4, 5, 1))),
    _Template('hand_over', 'exchange',
              'a, b = n, 0; a > 0; a, b = a - {k}, b + {k}; a + b == n',
              'a + b == n', _rows(k=(1, 2, 3))),
    _Template('ratio', 'ratio',
              'a, b = 0, 0; b < n; a, b = a + {k}, b + 1; a == {k} * b',
              'a == {k} * b', _rows(k=(2, 4, 6))),
    _Template('stays_positive', 'sign',
              'x = {m}; x < n; x = x + {k}; x >= {m}', 'x >= {m}',
              _rows(k=(1, 2, 5), m=(1, 0, 3))),
    _Template('parity', 'remainder', 'x = 0; x < n; x = x + {k}; x % {k} == 0',
              'x % {k} == 0', _rows(k=(2, 3, 5))),
    _Template('capped', 'cap',
              'x = 0; x < n; x = min(x + {k}, {m}); x <= {m}', 'x <= {m}',
              _rows(k=(3, 2, 4), m=(10, 9, 30))),
    _Template('division', 'quotient',
              'q, r = 0, a; r >= b; q, r = q + 1, r - b; a == q * b + r',
              'a == q * b + r'),
    _Template('product', 'product',
              'i, s = 0, 0; i < n; i, s = i + 1, s + m; s == n * m',
              's == i * m and i <= n'),
    _Template('odd_numbers', 'square',
              'i, s = 0, 0; i < n; i, s = i + 1, s + 2 * i + 1; s == n * n',
              's == i * i and i <= n'),
    _Template('triangle', 'triangle',
              'i, s = 0, 0; i < n; i, s = i + 1, s + i; 2 * s == n * (n - 1)',
              '2 * s == i * (i - 1) and i <= n'),
    _Template('in_order', 'order',
              'a, b = 0, 0; b < n; a, b = a + {j}, b + {k}; a <= b',
              'a <= b', _rows(j=(1, 2, 1), k=(2, 3, 5))),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class _Type:
  """One type: its worked examples, its templates, how to ask and to judge."""

  examples: str
  templates: tuple[_Template, ...]
  make: Callable[[str, str], tuple[str, dict[str, Any]]]


def _variables(
    text: str, sort_and_names: tuple[str, str], without: str = ''
) -> dict[str, str]:
  """Sorts of the one-letter names that a text holds, in their order."""
  sort, names = sort_and_names
  found = sorted({
      name for name in re.findall(r'\b[a-z]\b', text)
      if name in names and name != without
  })
  return dict.fromkeys(found, sort)


def _shorter(
    question: str, answer: str, sort_and_names: tuple[str, str]
) -> tuple[str, dict[str, Any]]:
  variables = _variables(question, sort_and_names)
  long, short = (smt_terms.parse(t, variables) for t in (question, answer))
  # One more than needed, if that is still less than what was given.
  most = min(smt_terms.cost(short) + 1, smt_terms.cost(long) - 1)
  return f'long: {question}\nshort:', {
      'kind': 'equal',
      'variables': variables,
      'term': question,
      'max_cost': most,
  }


def _witness(question: str, answer: str) -> tuple[str, dict[str, Any]]:
  variables = _variables(question, _INTEGERS, without='y')
  cost = smt_terms.cost(smt_terms.parse(answer, variables))
  return f'goal: {question}\ny =', {
      'kind': 'witness',
      'variables': variables,
      'target': 'y',
      'sort': 'int',
      'goal': question,
      'max_cost': cost + 6,
  }


def _invariant(question: str, answer: str) -> tuple[str, dict[str, Any]]:
  start, guard, step, goal = question.split('; ')
  variables = _variables(question, _INTEGERS)
  cost = smt_terms.cost(smt_terms.parse(answer, variables))
  shown = f'{start}\nwhile {guard}: {step}\nassert {goal}\ninvariant:'
  return shown, {
      'kind': 'invariant',
      'variables': variables,
      'assume': 'n >= 0' if 'n' in variables else 'True',
      'start': _assignments(start),
      'guard': guard,
      'step': _assignments(step),
      'goal': goal,
      'max_cost': cost + 10,
  }


def _assignments(text: str) -> dict[str, str]:
  """`i, s = i + 1, s + 2` as {'i': 'i + 1', 's': 's + 2'}."""
  names, values = text.split(' = ')
  if ', ' not in names:
    return {names: values}
  first, second = names.split(', ')
  one, two = values.split(', ')
  return {first: one, second: two}


_TYPES = {
    'word_identity': _Type(
        'Shorten expressions over unsigned 32-bit words.\n\n'
        'long: (x | y) & x\nshort: x\n\n'
        'long: x + y + x\nshort: 2 * x + y\n\n'
        'long: x ^ y ^ y ^ y\nshort: x ^ y\n\n'
        'long: (x << 5) + y - x\nshort: 31 * x + y\n\n',
        _WORD_IDENTITY,
        functools.partial(_shorter, sort_and_names=_WORDS),
    ),
    'condition_rewrite': _Type(
        'Shorten conditions over integers.\n\n'
        'long: not (x >= 5)\nshort: x < 5\n\n'
        'long: x < 3 and x < 8\nshort: x < 3\n\n'
        'long: x - 4 <= 7\nshort: x <= 11\n\n'
        'long: not (x != y) or x > y\nshort: x >= y\n\n',
        _CONDITION_REWRITE,
        functools.partial(_shorter, sort_and_names=_INTEGERS),
    ),
    'witness': _Type(
        'Find y so that the goal holds for all integers.\n\n'
        'goal: y > x + 7\ny = x + 8\n\n'
        'goal: y >= x and y >= 4\ny = max(x, 4)\n\n'
        'goal: y + 4 == x\ny = x - 4\n\n'
        'goal: y - x == 6\ny = x + 6\n\n',
        _WITNESS,
        _witness,
    ),
    'loop_invariant': _Type(
        'Find what is true before and after every turn of the loop.\n\n'
        'i, s = 0, 0\nwhile i < n: i, s = i + 1, s + 9\nassert s == 9 * n\n'
        'invariant: s == 9 * i and i <= n\n\n'
        'a, b = 1, 3\nwhile a < n: a, b = a + 1, b + 1\nassert b == a + 2\n'
        'invariant: b == a + 2\n\n',
        _LOOP_INVARIANT,
        _invariant,
    ),
}


def suite(seed: int = 0) -> list[types.Problem]:
  """Returns every problem; nothing is drawn, so the seed has no influence."""
  del seed
  return [
      _problem(type_name, template, k)
      for type_name, kind in _TYPES.items()
      for template in kind.templates
      for k in range(len(template.rows))
  ]


def families() -> Mapping[tuple[str, str], str]:
  """Maps (type, template) to the family key of the template."""
  return {
      (type_name, template.name): f'{type_name}/{template.family}'
      for type_name, kind in _TYPES.items()
      for template in kind.templates
  }


def _problem(type_name: str, template: _Template, k: int) -> types.Problem:
  kind = _TYPES[type_name]
  question = template.question.format(**template.rows[k])
  answer = template.answer.format(**template.rows[k])
  prefix, spec = kind.make(question, answer)
  return types.Problem(
      id=f'{type_name}/{template.name}/{k}',
      type=type_name,
      template=template.name,
      prompt=f'{kind.examples}```python\n{prefix}',
      reference=f'{prefix} {answer}',
      question=prefix,
      domain=DOMAIN,
      spec={'prefix': prefix, **spec},
  )
