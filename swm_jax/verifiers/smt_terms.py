"""Terms of the SMT domain: one small language for judges and candidates.

A term is an expression in Python's syntax and with Python's precedence over
named variables of three sorts:

  int      unbounded integers
  wordN    N-bit words: unsigned numbers modulo 2**N
  bool     truth values

Terms are total, every operator has one meaning for all values of its operands,
and sorts never mix: a truth value is no number.

  or and not              truth values
  < <= > >= == !=         numbers, words as unsigned; == and != also truth
                          values; `a < b < c` if b is a name or a number
  | ^ &                   words bit by bit; truth values
  << >>                   words; zeros come in, so 0 from N places on
  + - *                   numbers, words modulo 2**N
  // %                    by a positive number written out; round down
  ** 0 to 4               numbers; the exponent is written out
  - ~                     `-` numbers, `~` words
  a if c else b           any sort
  min(a, b) max(a, b)     numbers, words as unsigned
  abs(a)                  int

Nothing else parses: no commands, declarations, options, strings, quantifiers or
uninterpreted names, so that a term can say nothing to a solver but its value.
"""

from collections.abc import Callable, Mapping
import dataclasses
import operator
import re

INT, BOOL = 'int', 'bool'
MAX_CHARACTERS = 600
MAX_TOKENS = 200
MAX_DEPTH = 24
_MAX_DIGITS = 18
_MAX_EXPONENT = 4

_TOKEN = re.compile(
    r'[ \t]*(?:(?P<number>0[xX][0-9a-fA-F]+|[0-9]+)|(?P<name>[A-Za-z_]\w*)'
    r'|(?P<sign>\*\*|//|<<|>>|<=|>=|==|!=|[-+*%&|^~<>(),]))',
    re.ASCII,
)
_KEYWORDS = frozenset(('and', 'or', 'not', 'if', 'else', 'True', 'False'))
_FUNCTIONS = {'abs': 1, 'min': 2, 'max': 2}
_COMPARISONS = ('<', '<=', '>', '>=', '==', '!=')
# Left-associative operators between numbers, from the loosest.
_LEVELS = (
    ('|',), ('^',), ('&',), ('<<', '>>'), ('+', '-'), ('*', '//', '%'),
)
_WORD_ONLY = frozenset(('|', '^', '&', '<<', '>>'))
_BITWISE = frozenset(('|', '^', '&'))


class Refused(ValueError):
  """A text is no term; `reason` is one of `base.REASONS`."""

  def __init__(self, message: str, reason: str = 'refused'):
    super().__init__(message)
    self.reason = reason


@dataclasses.dataclass(frozen=True)
class Term:
  """One node.

  Attributes:
    op: the operator as written; `neg`, `number`, `variable`, `ite`.
    sort: of the value.
    args: operands.
    value: of a number or truth value; the name of a variable.
  """

  op: str
  sort: str
  args: tuple['Term', ...] = ()
  value: int | bool | str | None = None


def width(sort: str) -> int:
  """Bits of a word sort, 0 for any other."""
  return int(sort[4:]) if sort.startswith('word') else 0


def parse(text: str, variables: Mapping[str, str]) -> Term:
  """Parses one term.

  Args:
    text: the whole text, on one line.
    variables: sort of every name that may occur; at most one number sort.

  Raises:
    Refused: for anything but one term of known names and fitting sorts.
  """
  return _Parser(text, variables).whole()


class _Parser:
  """Recursive descent over one text."""

  def __init__(self, text: str, variables: Mapping[str, str]):
    self._variables = variables
    numbers = set(variables.values()) - {BOOL}
    if len(numbers) > 1:
      raise ValueError(f'variables of two number sorts: {sorted(numbers)}')
    self._number_sort = numbers.pop() if numbers else INT
    self._tokens = _tokens(text)
    self._position = 0
    self._depth = 0

  def whole(self) -> Term:
    term = self._term()
    if (kind_and_text := self._tokens[self._position])[0] != 'end':
      raise Refused(f'{kind_and_text[1]!r} is left over', 'syntax')
    return term

  def _peek(self) -> str:
    return self._tokens[self._position][1]

  def _next(self) -> tuple[str, str]:
    token = self._tokens[self._position]
    if token[0] != 'end':
      self._position += 1
    return token

  def _accept(self, *texts: str) -> str | None:
    if self._peek() in texts:
      return self._next()[1]
    return None

  def _expect(self, text: str) -> None:
    if self._accept(text) is None:
      found = self._peek() or 'the end'
      raise Refused(f'expected {text!r}, found {found!r}', 'syntax')

  def _deeper(self, parse_inner: Callable[[], Term]) -> Term:
    self._depth += 1
    if self._depth > MAX_DEPTH:
      raise Refused(f'nested more than {MAX_DEPTH} deep')
    term = parse_inner()
    self._depth -= 1
    return term

  def _term(self) -> Term:
    return self._deeper(self._conditional)

  def _conditional(self) -> Term:
    first = self._disjunction()
    if self._accept('if') is None:
      return first
    condition = self._disjunction()
    self._expect('else')
    otherwise = self._term()
    _demand(condition.sort == BOOL, 'the condition of `if` is no truth value')
    _demand(first.sort == otherwise.sort, '`if` and `else` differ in sort')
    return Term('ite', first.sort, (condition, first, otherwise))

  def _disjunction(self) -> Term:
    return self._connective(
        'or', lambda: self._connective('and', self._negation)
    )

  def _connective(self, op: str, inner: Callable[[], Term]) -> Term:
    term = inner()
    while self._accept(op):
      term = _connect(op, term, inner())
    return term

  def _negation(self) -> Term:
    if self._accept('not') is None:
      return self._comparison()
    inner = self._deeper(self._negation)
    _demand(inner.sort == BOOL, '`not` of a number')
    return Term('not', BOOL, (inner,))

  def _comparison(self) -> Term:
    left, chain = self._binary(0), None
    while op := self._accept(*_COMPARISONS):
      right = self._binary(0)
      if chain is not None and left.args:
        raise Refused(
            'the middle of a chained comparison must be a name or a number'
        )
      link = _compare(op, left, right)
      chain = link if chain is None else _connect('and', chain, link)
      left = right
    return left if chain is None else chain

  def _binary(self, level: int) -> Term:
    if level == len(_LEVELS):
      return self._unary()
    left = self._binary(level + 1)
    while op := self._accept(*_LEVELS[level]):
      left = _combine(op, left, self._binary(level + 1))
    return left

  def _unary(self) -> Term:
    op = self._accept('-', '~')
    if op is None:
      return self._power()
    inner = self._deeper(self._unary)
    _demand(inner.sort != BOOL, f'`{op}` of a truth value')
    if op == '~':
      _demand(width(inner.sort) > 0, '`~` is for words')
      return Term('~', inner.sort, (inner,))
    if inner.op == 'number' and inner.sort == INT:
      return Term('number', INT, value=-inner.value)
    return Term('neg', inner.sort, (inner,))

  def _power(self) -> Term:
    base = self._atom()
    if self._accept('**') is None:
      return base
    exponent = self._deeper(self._unary)
    _demand(base.sort != BOOL, '`**` of a truth value')
    _demand(
        exponent.op == 'number' and 0 <= exponent.value <= _MAX_EXPONENT,
        f'the exponent of `**` must be a number from 0 to {_MAX_EXPONENT}',
    )
    return Term('**', base.sort, (base, exponent))

  def _atom(self) -> Term:
    kind, text = self._next()
    if kind == 'number':
      return self._number(text)
    if text == '(':
      term = self._term()
      self._expect(')')
      return term
    if text in ('True', 'False'):
      return Term('number', BOOL, value=text == 'True')
    if kind != 'name' or text in _KEYWORDS:
      raise Refused(f'unexpected {text or "end"!r}', 'syntax')
    if text in self._variables:
      return Term('variable', self._variables[text], value=text)
    if text in _FUNCTIONS:
      return self._call(text)
    raise Refused(
        f'unknown name {text!r}; use {", ".join(sorted(self._variables))}'
    )

  def _number(self, text: str) -> Term:
    if len(text) > _MAX_DIGITS:
      raise Refused(f'a number of more than {_MAX_DIGITS} digits')
    if text[0] == '0' and text.strip('0') and text[1] not in 'xX':
      raise Refused(f'the number {text} begins with 0', 'syntax')
    value = int(text, 16 if text[:2] in ('0x', '0X') else 10)
    bits = width(self._number_sort)
    if bits and value >> bits:
      raise Refused(f'{text} does not fit into {bits} bits')
    return Term('number', self._number_sort, value=value)

  def _call(self, name: str) -> Term:
    self._expect('(')
    args = [self._term()]
    while self._accept(','):
      args.append(self._term())
    self._expect(')')
    _demand(
        len(args) == _FUNCTIONS[name],
        f'{name} takes {_FUNCTIONS[name]} and not {len(args)} arguments',
    )
    sort = args[0].sort
    _demand(all(a.sort == sort != BOOL for a in args), f'{name} is for numbers')
    _demand(name != 'abs' or sort == INT, 'abs is for integers, not words')
    return Term(name, sort, tuple(args))


def _tokens(text: str) -> list[tuple[str, str]]:
  text = text.strip()
  if not text:
    raise Refused('there is no term', 'missing')
  if len(text) > MAX_CHARACTERS:
    raise Refused(f'longer than {MAX_CHARACTERS} characters')
  tokens, position = [], 0
  while position < len(text):
    match = _TOKEN.match(text, position)
    if match is None:
      rest = text[position:].lstrip(' \t')[:1]
      raise Refused(f'{rest!r} is no part of a term', 'syntax')
    tokens.append((match.lastgroup, match[match.lastgroup]))
    position = match.end()
  if len(tokens) > MAX_TOKENS:
    raise Refused(f'more than {MAX_TOKENS} symbols')
  return tokens + [('end', '')]


def _demand(truth: bool, message: str) -> None:
  if not truth:
    raise Refused(message)


def _connect(op: str, left: Term, right: Term) -> Term:
  _demand(left.sort == right.sort == BOOL, f'`{op}` is for truth values')
  return Term(op, BOOL, (left, right))


def _compare(op: str, left: Term, right: Term) -> Term:
  _demand(left.sort == right.sort, f'`{op}` of a number and a truth value')
  _demand(
      left.sort != BOOL or op in ('==', '!='), f'`{op}` is not for truth values'
  )
  return Term(op, BOOL, (left, right))


def _combine(op: str, left: Term, right: Term) -> Term:
  _demand(left.sort == right.sort, f'`{op}` of a number and a truth value')
  if left.sort == BOOL:
    _demand(op in _BITWISE, f'`{op}` is not for truth values')
  elif left.sort == INT:
    _demand(op not in _WORD_ONLY, f'`{op}` is for words, not integers')
  if op in ('//', '%'):
    _demand(
        right.op == 'number' and right.value > 0,
        f'the right side of `{op}` must be a positive number',
    )
  return Term(op, left.sort, (left, right))


def cost(term: Term) -> int:
  """Names, numbers and operators in a term; parentheses are free."""
  return 1 + sum(cost(arg) for arg in term.args)


def substitute(term: Term, values: Mapping[str, Term]) -> Term:
  """Puts terms in place of variables, all at once."""
  if term.op == 'variable':
    return values.get(term.value, term)
  return dataclasses.replace(
      term, args=tuple(substitute(arg, values) for arg in term.args)
  )


_EVALUATE = {
    'or': operator.or_, 'and': operator.and_, 'not': operator.not_,
    '<': operator.lt, '<=': operator.le, '>': operator.gt, '>=': operator.ge,
    '==': operator.eq, '!=': operator.ne,
    '|': operator.or_, '^': operator.xor, '&': operator.and_,
    '>>': operator.rshift,
    '+': operator.add, '-': operator.sub, '*': operator.mul,
    '//': operator.floordiv, '%': operator.mod, '**': operator.pow,
    'neg': operator.neg, '~': operator.invert, 'abs': abs,
    'min': min, 'max': max,
    'ite': lambda condition, first, other: first if condition else other,
}  # fmt: skip


def evaluate(term: Term, values: Mapping[str, int | bool]) -> int | bool:
  """The value of a term: the language's definition, without any solver."""
  if term.op == 'number':
    return term.value
  if term.op == 'variable':
    return values[term.value]
  args = [evaluate(arg, values) for arg in term.args]
  bits = width(term.sort)
  if term.op == '<<':
    return (args[0] << min(args[1], bits)) % (1 << bits)
  result = _EVALUATE[term.op](*args)
  return result % (1 << bits) if bits else result
