"""Reads Metamath databases; `metamath_kernel` checks their proofs.

The language is that of chapter 4 of Megill and Wheeler, "Metamath: A Computer
Language for Mathematical Proofs", 2019,
https://us.metamath.org/downloads/metamath.pdf. File inclusion is refused.

An expression is kept as a typecode and the text of its other symbols, each
followed by one space. Texts are equal where the symbols are, and concatenate as
sequences do, so that a substitution is one string formatting.
"""

from collections.abc import Iterator
import dataclasses
import itertools
import re

_ALLOWED = re.compile(r'[^\t\n\f\r -~]')
_TOKEN = re.compile(r'[^\t\n\f\r ]+')
_COMMENT_MARK = re.compile(r'\$[()]')
_LABEL = re.compile(r'[A-Za-z0-9._-]+')
_LABELLED = frozenset(('$f', '$e', '$a', '$p'))
_KEYWORDS = frozenset('${ $} $c $v $f $e $d $a $p $. $= $( $) $[ $]'.split())


class MetamathError(ValueError):
  """A database or a proof is wrong; the message says where."""


@dataclasses.dataclass(frozen=True, slots=True)
class Statement:
  """A hypothesis or assertion.

  Attributes:
    label: unique.
    keyword: `$f`, `$e`, `$a` or `$p`.
    typecode: the first symbol.
    text: the other symbols, each followed by a space.
    variables: those in `text`, in order, with repetitions.
    template: `text` as a `%` format with a place for each of `variables`.
    order: position among all statements.
    end: order of the end of its block; None while that is open, always of
      assertions.
    hypotheses: mandatory, in order; empty for hypotheses.
    disjoint: pairs of mandatory variables that substitutions must keep apart.
    all_disjoint: pairs that its proof may take to be apart, dummies included.
    proof: what stands between `$=` and `$.`, comments removed.
  """

  label: str
  keyword: str
  typecode: str
  text: str
  variables: tuple[str, ...]
  template: str
  order: int
  end: int | None = None
  hypotheses: tuple['Statement', ...] = ()
  disjoint: tuple[tuple[str, str], ...] = ()
  all_disjoint: frozenset[tuple[str, str]] = frozenset()
  proof: str = ''

  @property
  def expression(self) -> str:
    return f'{self.typecode} {self.text}'.rstrip()


@dataclasses.dataclass
class _Block:
  """What ends with a block: its variables, hypotheses and restrictions."""

  variables: list[str] = dataclasses.field(default_factory=list)
  floating: list[Statement] = dataclasses.field(default_factory=list)
  essential: list[Statement] = dataclasses.field(default_factory=list)
  disjoint: frozenset[tuple[str, str]] = frozenset()


class Database:
  """Statements by label, in order; grows by `read`."""

  def __init__(self, text: str = ''):
    """Reads a first text, see `read`."""
    self.statements: dict[str, Statement] = {}
    self._constants: set[str] = set()
    self._variables: set[str] = set()  # Ever declared.
    self._types: dict[str, str] = {}  # Of variables, global.
    self._active: dict[str, Statement | None] = {}  # Variable: its $f.
    self._blocks = [_Block()]
    self._order = 0
    self.read(text)

  def copy(self) -> 'Database':
    """Returns a database that grows separately; statements are shared."""
    other = Database()
    other.statements = dict(self.statements)
    other._constants = set(self._constants)
    other._variables = set(self._variables)
    other._types = dict(self._types)
    other._active = dict(self._active)
    outermost = self._blocks[0]
    other._blocks = [
        _Block(
            list(outermost.variables),
            list(outermost.floating),
            list(outermost.essential),
            outermost.disjoint,
        )
    ]
    other._order = self._order
    return other

  def assertions(self) -> Iterator[Statement]:
    """Yields `$a` and `$p` statements in order."""
    return (s for s in self.statements.values() if s.keyword in ('$a', '$p'))

  def theorems(self) -> Iterator[Statement]:
    """Yields `$p` statements in order."""
    return (s for s in self.statements.values() if s.keyword == '$p')

  def is_variable(self, symbol: str) -> bool:
    return symbol in self._variables

  def read(self, text: str) -> None:
    """Adds statements; does not check proofs.

    Args:
      text: whole statements; every block is closed at the end.

    Raises:
      MetamathError: with the line; the database must not be used any more.
    """
    tokens = _tokens(text)
    offset = 0
    try:
      for offset, token in tokens:
        if token == '$c':
          self._declare_constants(_until('$.', tokens))
        elif token == '$v':
          self._declare_variables(_until('$.', tokens))
        elif token == '$d':
          self._restrict(_until('$.', tokens))
        elif token == '${':
          self._blocks.append(_Block())
        elif token == '$}':
          self._close_block()
        elif token in _KEYWORDS:
          raise MetamathError(f'{token} cannot begin a statement')
        else:
          self._add_labelled(token, tokens)
      if len(self._blocks) > 1:
        raise MetamathError('a block is still open at the end; add $}')
    except MetamathError as error:
      line = text.count('\n', 0, getattr(error, 'offset', offset)) + 1
      raise MetamathError(f'line {line}: {error}') from None

  def _declare_constants(self, symbols: list[str]) -> None:
    if len(self._blocks) > 1:
      raise MetamathError('$c must be in the outermost block')
    for symbol in symbols:
      self._check_new_symbol(symbol)
      if symbol in self._variables:
        raise MetamathError(f'{symbol} was declared as a variable before')
      self._constants.add(symbol)
    if not symbols:
      raise MetamathError('$c declares nothing')

  def _declare_variables(self, symbols: list[str]) -> None:
    for symbol in symbols:
      self._check_new_symbol(symbol)
      self._variables.add(symbol)
      self._active[symbol] = None
      self._blocks[-1].variables.append(symbol)
    if not symbols:
      raise MetamathError('$v declares nothing')

  def _check_new_symbol(self, symbol: str) -> None:
    if '$' in symbol:
      raise MetamathError(f'{symbol} cannot be a symbol: it has a $')
    if symbol in self._constants or symbol in self._active:
      raise MetamathError(f'the symbol {symbol} is already declared')
    if symbol in self.statements:
      raise MetamathError(f'the symbol {symbol} is already a label')

  def _restrict(self, variables: list[str]) -> None:
    for variable in variables:
      if variable not in self._active:
        raise MetamathError(f'$d needs active variables; {variable} is none')
    if len(variables) < 2 or len(set(variables)) < len(variables):
      raise MetamathError('$d needs two or more different variables')
    pairs = itertools.combinations(sorted(variables), 2)
    self._blocks[-1].disjoint |= frozenset(pairs)

  def _close_block(self) -> None:
    if len(self._blocks) == 1:
      raise MetamathError('$} closes no block')
    block = self._blocks.pop()
    for hypothesis in block.floating + block.essential:
      self.statements[hypothesis.label] = dataclasses.replace(
          hypothesis, end=self._order
      )
      if hypothesis.keyword == '$f':
        self._active[hypothesis.variables[0]] = None
    for variable in block.variables:
      del self._active[variable]

  def _add_labelled(
      self, label: str, tokens: Iterator[tuple[int, str]]
  ) -> None:
    keyword = next(tokens, (0, 'the end'))[1]
    if keyword not in _LABELLED:
      raise MetamathError(
          f'after the label {label} comes {keyword} instead of $f, $e, $a or $p'
      )
    if not _LABEL.fullmatch(label):
      raise MetamathError(
          f'{label} cannot be a label: use letters, digits, ".", "-" and "_"'
      )
    if label in self.statements:
      raise MetamathError(f'the label {label} is already used')
    if label in self._constants or label in self._variables:
      raise MetamathError(f'the label {label} is already a symbol')
    symbols = _until('$=' if keyword == '$p' else '$.', tokens)
    if not symbols or symbols[0] not in self._constants:
      raise MetamathError(f'{label} must begin with a declared constant')
    if keyword == '$f':
      statement = self._floating(label, symbols)
    else:
      statement = self._essential_or_assertion(label, keyword, symbols)
      if keyword == '$p':
        proof = ' '.join(_until('$.', tokens))
        statement = dataclasses.replace(statement, proof=proof)
    self.statements[label] = statement
    self._order += 1

  def _floating(self, label: str, symbols: list[str]) -> Statement:
    if len(symbols) != 2 or symbols[1] not in self._active:
      raise MetamathError(f'{label}: $f needs a constant and one variable')
    typecode, variable = symbols
    if self._active[variable] is not None:
      raise MetamathError(f'{label}: {variable} already has an active $f')
    if self._types.setdefault(variable, typecode) != typecode:
      raise MetamathError(
          f'{label}: {variable} has the type {self._types[variable]} elsewhere'
      )
    statement = Statement(
        label, '$f', typecode, variable + ' ', (variable,), '%s ', self._order
    )
    self._active[variable] = statement
    self._blocks[-1].floating.append(statement)
    return statement

  def _essential_or_assertion(
      self, label: str, keyword: str, symbols: list[str]
  ) -> Statement:
    typecode, *symbols = symbols
    variables = []
    for symbol in symbols:
      if symbol in self._constants:
        continue
      if symbol not in self._active:
        raise MetamathError(f'{label}: {symbol} is not declared here')
      if self._active[symbol] is None:
        raise MetamathError(f'{label}: {symbol} has no active $f')
      variables.append(symbol)
    statement = Statement(
        label,
        keyword,
        typecode,
        ''.join(symbol + ' ' for symbol in symbols),
        tuple(variables),
        ''.join(
            # The text that a variable stands for ends in a space.
            '%s' if symbol in self._active else symbol.replace('%', '%%') + ' '
            for symbol in symbols
        ),
        self._order,
    )
    if keyword == '$e':
      self._blocks[-1].essential.append(statement)
      return statement
    essential = [e for block in self._blocks for e in block.essential]
    mandatory = set(variables).union(*(e.variables for e in essential))
    hypotheses = essential + [self._active[v] for v in mandatory]
    disjoint = frozenset().union(*(block.disjoint for block in self._blocks))
    return dataclasses.replace(
        statement,
        hypotheses=tuple(sorted(hypotheses, key=lambda h: h.order)),
        disjoint=tuple(sorted(p for p in disjoint if mandatory.issuperset(p))),
        all_disjoint=disjoint,
    )


def _tokens(text: str) -> Iterator[tuple[int, str]]:
  """Yields (offset, token) of what is no comment."""
  if bad := _ALLOWED.search(text):
    raise _at(bad.start(), f'the character {bad.group()!r} is not allowed')
  position = 0
  while match := _TOKEN.search(text, position):
    position = match.end()
    token = match.group()
    if token == '$(':
      end = _COMMENT_MARK.search(text, position)
      if end is None:
        raise _at(match.start(), 'the comment does not end')
      whole = _TOKEN.match(text, end.start())
      before = text[end.start() - 1]
      if whole.group() != '$)' or _TOKEN.match(before):
        raise _at(end.start(), 'a comment holds $( or $)')
      position = whole.end()
    elif token[0] == '$' and token not in _KEYWORDS:
      raise _at(match.start(), f'{token} is no keyword')
    elif token in ('$[', '$]'):
      raise _at(match.start(), 'file inclusion is not supported')
    elif token == '$)':
      raise _at(match.start(), '$) ends no comment')
    else:
      yield match.start(), token


def _at(offset: int, message: str) -> MetamathError:
  error = MetamathError(message)
  error.offset = offset
  return error


def _until(end: str, tokens: Iterator[tuple[int, str]]) -> list[str]:
  found = []
  for offset, token in tokens:
    if token == end:
      return found
    if token in _KEYWORDS:
      raise _at(offset, f'{token} comes before {end}')
    found.append(token)
  raise MetamathError(f'the text ends before {end}')
