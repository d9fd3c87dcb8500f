"""A Metamath kernel: checks proofs, in bounded work.

The rules are those of section 4.1.4 and appendix B of Megill and Wheeler,
"Metamath: A Computer Language for Mathematical Proofs", 2019,
https://us.metamath.org/downloads/metamath.pdf. Unknown steps `?` are refused.
As in Metamath's own program, `Z` may only follow a step by an assertion.
"""

from collections.abc import Collection, Iterable, Iterator
import dataclasses
import itertools
import re

from swm_jax.verifiers import metamath_database

_LETTERS = re.compile(r'[A-Z?]*')


class ProofError(metamath_database.MetamathError):
  """A proof does not prove its statement."""


class IncompleteProof(ProofError):
  """A proof has an unknown step `?`."""


class BudgetExceeded(metamath_database.MetamathError):
  """A proof needs more than its budget."""


@dataclasses.dataclass(frozen=True)
class Budget:
  """What one proof may cost; processor time and memory are linear in it.

  Attributes:
    steps: labels used; of a compressed proof, letters that stand for one.
    characters: in all expressions made, searched for variables or compared
      variable by variable.
  """

  steps: int = 1 << 40
  characters: int = 1 << 50


UNBOUNDED = Budget()


@dataclasses.dataclass(frozen=True)
class Checked:
  """What a right proof uses.

  Attributes:
    steps: as counted by `Budget`.
    labels: of hypotheses and assertions.
  """

  steps: int
  labels: frozenset[str]


def verify(
    database: metamath_database.Database,
    theorem: metamath_database.Statement,
    proof: str | None = None,
    budget: Budget = UNBOUNDED,
) -> Checked:
  """Checks a proof.

  Args:
    database: holds `theorem`.
    theorem: a `$p` statement.
    proof: normal or compressed, what would stand between `$=` and `$.`; None
      for the theorem's own.
    budget: of this proof.

  Returns:
    What the proof uses.

  Raises:
    ProofError: it does not prove the theorem; says at which step.
    BudgetExceeded: it needs more than the budget.
  """
  tokens = (theorem.proof if proof is None else proof).split()
  check = _Check(database, theorem, budget)
  try:
    if not tokens:
      raise ProofError('the proof is empty')
    if tokens[0] == '(':
      check.compressed(tokens)
    else:
      check.normal(tokens)
    return check.finish()
  except metamath_database.MetamathError as error:
    raise type(error)(
        f'{theorem.label}, step {check.steps}: {error}'
    ) from None


def axioms(
    database: metamath_database.Database, labels: Iterable[str]
) -> frozenset[str]:
  """Returns the labels of all `$a` statements that some statements rest on.

  A theorem whose proof has an unknown step counts as an axiom. The label list
  of a compressed proof counts whole, also where it is not used.
  """
  seen = set()
  queue = list(labels)
  while queue:
    label = queue.pop()
    if label not in seen and label in database.statements:
      seen.add(label)
      queue.extend(_cited(database.statements[label]))
  return frozenset(l for l in seen if _is_axiom(database.statements[l]))


def resting_on_others(
    database: metamath_database.Database, allowed: Collection[str]
) -> frozenset[str]:
  """Returns the labels of what rests on any axiom but `allowed`.

  Costs one pass over the database, so that each proof then only needs a look
  at its own labels. Counts as `axioms` does.
  """
  found = set()
  for statement in database.assertions():
    own = _is_axiom(statement) and statement.label not in allowed
    if own or not found.isdisjoint(_cited(statement)):
      found.add(statement.label)
  return frozenset(found)


def _is_axiom(statement: metamath_database.Statement) -> bool:
  return statement.keyword == '$a' or '?' in statement.proof


def _cited(statement: metamath_database.Statement) -> list[str]:
  tokens = statement.proof.split()
  if tokens and tokens[0] == '(' and ')' in tokens:
    return tokens[1 : tokens.index(')')]
  return tokens


class _Check:
  """One proof being checked: the stack, and what is left of the budget."""

  def __init__(self, database, theorem, budget: Budget):
    self.steps = 0
    self._database = database
    self._theorem = theorem
    self._budget = budget
    self._characters = budget.characters
    # Typecode and text of each entry.
    self._stack: list[tuple[str, str]] = []
    self._used: set[str] = set()

  def normal(self, labels: list[str]) -> None:
    for label in labels:
      self._count_step()
      self._use(self._lookup(label))

  def compressed(self, tokens: list[str]) -> None:
    if ')' not in tokens:
      raise ProofError('the label list of the compressed proof has no )')
    close = tokens.index(')')
    statements = list(self._theorem.hypotheses)
    mandatory = {hypothesis.label for hypothesis in statements}
    for label in tokens[1:close]:
      statement = self._lookup(label)
      if label in mandatory:
        raise ProofError(f'{label} is mandatory, so it must not be listed')
      statements.append(statement)
    saved = []
    can_save = False
    for number in _numbers(''.join(tokens[close + 1 :])):
      if number is None:
        if not can_save:
          raise ProofError('Z must follow a step that uses an assertion')
        saved.append(self._stack[-1])
        can_save = False
        continue
      self._count_step()
      can_save = False
      if number < len(statements):
        can_save = statements[number].keyword in ('$a', '$p')
        self._use(statements[number])
      elif number < len(statements) + len(saved):
        self._stack.append(saved[number - len(statements)])
      else:
        raise ProofError(f'no label or saved step has the number {number + 1}')

  def finish(self) -> Checked:
    theorem = self._theorem
    if len(self._stack) != 1:
      raise ProofError(
          f'the stack ends with {len(self._stack)} entries instead of one'
      )
    if self._stack[0] != (theorem.typecode, theorem.text):
      raise ProofError(
          f'it proves {_show(self._stack[0])} instead of {theorem.expression}'
      )
    return Checked(self.steps, frozenset(self._used))

  def _lookup(self, label: str) -> metamath_database.Statement:
    if '?' in label:
      raise IncompleteProof('an unknown step ?')
    statement = self._database.statements.get(label)
    if statement is None:
      raise ProofError(f'there is no label {label[:80]}')
    order = self._theorem.order
    if statement.order >= order:
      raise ProofError(f'{label} does not come before the theorem')
    if statement.end is not None and statement.end <= order:
      raise ProofError(f'the hypothesis {label} belongs to another block')
    return statement

  def _count_step(self) -> None:
    self.steps += 1
    if self.steps > self._budget.steps:
      raise BudgetExceeded(f'more than {self._budget.steps} steps')

  def _pay(self, characters: int) -> None:
    self._characters -= characters
    if self._characters < 0:
      raise BudgetExceeded(
          f'more than {self._budget.characters} characters of expressions'
      )

  def _use(self, statement: metamath_database.Statement) -> None:
    """Makes the step of a hypothesis or an assertion."""
    self._used.add(statement.label)
    if statement.keyword in ('$f', '$e'):
      self._stack.append((statement.typecode, statement.text))
      return
    hypotheses = statement.hypotheses
    base = len(self._stack) - len(hypotheses)
    if base < 0:
      raise ProofError(
          f'{statement.label} needs {len(hypotheses)} entries, the stack has'
          f' {len(self._stack)}'
      )
    values = {}  # Of the assertion's variables.
    for hypothesis, entry in zip(hypotheses, self._stack[base:]):
      typecode, text = entry
      if hypothesis.keyword == '$f' and typecode == hypothesis.typecode:
        values[hypothesis.variables[0]] = text
      elif hypothesis.keyword == '$f' or entry != (
          hypothesis.typecode, self._substitute(hypothesis, values)
      ):
        raise ProofError(
            f'{statement.label}: {_show(entry)} does not match its hypothesis'
            f' {hypothesis.label}, {hypothesis.expression}'
        )
    if statement.disjoint:
      self._check_disjoint(statement, values)
    del self._stack[base:]
    self._stack.append(
        (statement.typecode, self._substitute(statement, values))
    )

  def _substitute(self, statement, values: dict[str, str]) -> str:
    parts = tuple([values[variable] for variable in statement.variables])
    # Paid before it is made.
    self._pay(len(statement.template) + sum(map(len, parts)))
    return statement.template % parts

  def _check_disjoint(self, statement, values: dict[str, str]) -> None:
    variables = {}
    for name in dict.fromkeys(itertools.chain(*statement.disjoint)):
      self._pay(len(values[name]))
      symbols = set(values[name].split())
      variables[name] = sorted(filter(self._database.is_variable, symbols))
    allowed = self._theorem.all_disjoint
    for first, second in statement.disjoint:
      self._pay(len(variables[first]) * len(variables[second]))
      for pair in itertools.product(variables[first], variables[second]):
        if pair not in allowed and pair[::-1] not in allowed:
          why = (
              f'both have {pair[0]}'
              if pair[0] == pair[1]
              else f'no $d keeps {pair[0]} and {pair[1]} apart'
          )
          raise ProofError(
              f'{statement.label} keeps {first} and {second} apart, but in what'
              f' stands for them {why}'
          )


def _numbers(letters: str) -> Iterator[int | None]:
  """Yields the numbers of a compressed proof from 0, None for each Z."""
  if not _LETTERS.fullmatch(letters):
    raise ProofError('the compressed proof has something else than A to Z')
  if not letters:
    raise ProofError('the compressed proof is empty')
  number = 0
  pending = False
  for letter in letters:
    if letter == '?':
      raise IncompleteProof('an unknown step ?')
    if letter == 'Z':
      if pending:
        raise ProofError('Z stands inside a number')
      yield None
    elif letter >= 'U':
      number = 5 * number + ord(letter) - ord('T')
      pending = True
      if number > 1 << 32:
        raise ProofError('a number of the compressed proof is too large')
    else:
      yield 20 * number + ord(letter) - ord('A')
      number = 0
      pending = False
  if pending:
    raise ProofError('the compressed proof ends inside a number')


def _show(entry: tuple[str, str]) -> str:
  typecode, text = entry
  shown = f'{typecode} {text}'.rstrip()
  return shown if len(shown) <= 120 else shown[:117] + '...'
