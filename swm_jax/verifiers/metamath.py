"""The Metamath verifier: does a proof prove the judge's statement?

The judge writes the database and the statement, the candidate only a proof: a
list of labels, normal or compressed. Nothing of it is executed or declared, so
it needs no sandbox: the kernel runs in this process, and its budget of steps
and characters bounds time and memory whatever the proof says. The budget, not a
clock, decides, so no load of the host changes a verdict.

`spec` of a problem holds

  database  text of the judge's database, its own proofs right and complete
  theorem   `$d`, `$e` and last one `$p` statement, labelled `entry_point`, up
            to and with its `$=`
  axioms    labels of the `$a` statements that the proof may rest on, itself or
            through theorems of the database; None for all
"""

import functools
import hashlib
import time
from typing import Any

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import metamath_database
from swm_jax.verifiers import metamath_kernel
from swm_jax.verifiers import pool as pool_lib

_VERSION = '1'
_KERNEL_VERSION = '1'
MAX_CANDIDATE = 1 << 16  # Characters.
# What a second of the limit buys; spending it takes a few hundredths of one.
_STEPS_A_SECOND = 50_000
_CHARACTERS_A_SECOND = 2_000_000
_SPACES = str.maketrans('\t\n\f\r', '    ')
_GOAL = '${{\n{theorem}\n ? $.\n$}}\n'


class _Failed(Exception):
  """A candidate is not a right proof: a reason of `base.REASONS` and why."""


@functools.lru_cache(maxsize=8)
def load_database(text: str) -> metamath_database.Database:
  """Reads a judge's database and checks every proof in it.

  Raises:
    ValueError: it is wrong somewhere or has an unknown step.
  """
  database = metamath_database.Database(text)
  for theorem in database.theorems():
    metamath_kernel.verify(database, theorem)
  return database


class _Prepared:
  """A problem read once for many candidates.

  Attributes:
    database: the judge's, with the statement to prove.
    theorem: that statement.
    header: tokens of the problem's `theorem`.
    barred: labels that may not be used: what rests on axioms off the list.
    digest: of everything that decides a verdict.
  """

  def __init__(self, problem: types.Problem):
    missing = {'database', 'theorem'} - problem.spec.keys()
    if missing:
      raise ValueError(f'the spec of {problem.id} lacks {sorted(missing)}')
    text, theorem = problem.spec['database'], problem.spec['theorem']
    base_database = load_database(text)
    self.header = theorem.split()
    self.database = base_database.copy()
    self.database.read(_GOAL.format(theorem=theorem))
    new = self.database.statements.keys() - base_database.statements.keys()
    assertions = [
        label for label in new
        if self.database.statements[label].keyword in ('$a', '$p')
    ]
    if assertions != [problem.entry_point] or self.header[-1] != '$=':
      raise ValueError(
          f'the theorem of {problem.id} must be one $p statement labelled'
          f' {problem.entry_point}, ending in $='
      )
    self.theorem = self.database.statements[problem.entry_point]
    self.barred = frozenset()
    axioms = problem.spec.get('axioms')
    if axioms is not None:
      axioms = sorted(axioms)
      unknown = set(axioms) - base_database.statements.keys()
      if unknown:
        raise ValueError(
            f'{problem.id} allows unknown axioms {sorted(unknown)}'
        )
      self.barred = metamath_kernel.resting_on_others(base_database, axioms)
    rules = repr((text, theorem, axioms))
    self.digest = hashlib.sha256(rules.encode()).hexdigest()

  def judge(self, candidate: str, budget: metamath_kernel.Budget) -> None:
    """Returns if the candidate proves the theorem, else raises `_Failed`."""
    proof = _extract_proof(candidate, self.header)
    try:
      checked = metamath_kernel.verify(
          self.database, self.theorem, proof, budget
      )
    except metamath_kernel.BudgetExceeded as error:
      raise _Failed('time', str(error)) from error
    except metamath_kernel.IncompleteProof as error:
      raise _Failed('forbidden', str(error)) from error
    except metamath_kernel.ProofError as error:
      raise _Failed('wrong_answer', str(error)) from error
    if barred := sorted(checked.labels & self.barred):
      raise _Failed(
          'forbidden', f'it uses {barred}, which rest on axioms off the list'
      )


def _extract_proof(candidate: str, header: list[str]) -> str:
  """Returns the proof in a candidate, which may repeat the statement.

  Args:
    candidate: a proof, with or without `$.` after it, and with or without the
      statement before it.
    header: tokens of the statement, up to and with `$=`.

  Raises:
    _Failed: it is anything else.
  """
  if len(candidate) > MAX_CANDIDATE:
    raise _Failed('output', f'longer than {MAX_CANDIDATE} characters')
  if not candidate.isascii() or not candidate.translate(_SPACES).isprintable():
    raise _Failed('refused', 'a proof is printable ASCII')
  tokens = candidate.split()
  if '$=' in tokens:
    start = tokens.index('$=') + 1
    if tokens[:start] != header:
      raise _Failed(
          'forbidden' if _declares(tokens[:start], header) else 'refused',
          f'the statement must read {" ".join(header)}',
      )
    tokens = tokens[start:]
  if tokens and tokens[-1] == '$.':
    tokens.pop()
  if _declares(tokens, []):
    raise _Failed('forbidden', 'a proof has labels only, no other statements')
  if '$.' in tokens:
    raise _Failed('refused', 'something comes after the end of the proof')
  if not tokens:
    raise _Failed('missing', 'there is no proof')
  return ' '.join(tokens)


def _declares(tokens: list[str], allowed: list[str]) -> bool:
  """Whether tokens have keywords that `allowed` has not, ends left aside."""
  return any('$' in t and t != '$.' and t not in allowed for t in tokens)


class _Slot:
  """Checks in the thread that calls."""

  def __init__(self, domain: 'MetamathVerifier'):
    self._domain = domain

  def verify(
      self, problem: types.Problem, completion: str, limits: base.Limits
  ) -> types.Verdict:
    prepared = self._domain.prepared(problem)
    budget = metamath_kernel.Budget(
        steps=int(limits.cpu_seconds * _STEPS_A_SECOND),
        characters=int(limits.cpu_seconds * _CHARACTERS_A_SECOND),
    )
    status, reason, detail = types.PASS, 'passed', ''
    start, cpu_start = time.perf_counter(), time.thread_time()
    try:
      prepared.judge(completion, budget)
    except _Failed as failure:
      status = types.FAIL
      reason, detail = failure.args
    return base.make_verdict(
        self._domain,
        status,
        reason,
        cpu_seconds=time.thread_time() - cpu_start,
        wall_seconds=time.perf_counter() - start,
        detail=detail,
    )

  def abort(self) -> None:
    """Does nothing: the budget ends every check within a second."""

  def close(self) -> None:
    """Does nothing: there is no process behind it."""


class MetamathVerifier(pool_lib.Pooled):
  """Verifies Metamath proofs of the judge's statements; see `base.Verifier`.

  Attributes:
    isolation: `none`, since nothing of a candidate is run.
    limits: `cpu_seconds` is turned into a budget of steps and characters; the
      others cannot be reached.
  """

  name = 'metamath'
  isolation = 'none'
  version = f'{_VERSION}/{_KERNEL_VERSION}'

  def __init__(
      self,
      *,
      limits: base.Limits = base.Limits(),
      require_level: str | None = None,
      allow_unsafe: bool = False,
  ):
    """Makes a verifier.

    Args:
      limits: per candidate.
      require_level: met by every host, as there is nothing to isolate.
      allow_unsafe: likewise without effect.
    """
    del require_level, allow_unsafe
    self.limits = limits
    self._prepared: dict[str, tuple[Any, _Prepared]] = {}

  def prepared(self, problem: types.Problem) -> _Prepared:
    """Returns the problem as read once, kept by id.

    Raises:
      ValueError: if its database or statement is wrong.
    """
    kept = self._prepared.get(problem.id)
    if kept is None or kept[0] is not problem.spec:
      kept = (problem.spec, _Prepared(problem))
      self._prepared[problem.id] = kept
    return kept[1]

  def open_slot(self) -> _Slot:
    return _Slot(self)

  def fingerprint(self, problem: types.Problem) -> str:
    return f'{problem.entry_point}\0{self.prepared(problem).digest}'
