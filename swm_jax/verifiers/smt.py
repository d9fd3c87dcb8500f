"""The SMT verifier: is a claim about a term true for all values?

A candidate is one term of the language of `smt_terms`. The verifier builds
claims from the problem and the term; z3 must prove each by finding that its
negation has no model, and cvc5 must not find one either. "Proved" is about
the whole domain: every integer, every word of the width, with the meaning that
`smt_terms` gives each operator. Unknown is a failure, and so is running out of
solver steps or processor time.

A problem's `spec`:

  kind       `equal`, `witness` or `invariant`
  variables  {name: sort}, at most one sort of numbers
  prefix     what a candidate begins with, before the term
  max_cost   most names, numbers and operators in the term
  assume     what may be taken for granted, a truth value; default `True`

and for each kind

  equal      `term`: the candidate equals it
  witness    `goal`, `target` and `sort`: the goal holds with the candidate, of
             this sort, in place of the target, which it must not name
  invariant  a loop. `start`: values before it, under `assume`; `guard`;
             `step`: new values, all at once, of what it changes; `goal`: holds
             after it. The candidate is a truth value that holds before, is
             kept by each step under the guard, and gives the goal after.
"""

from collections.abc import Mapping
import functools
import importlib.metadata
import importlib.resources
import importlib.util
import json
from typing import Any

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import sandboxed
from swm_jax.verifiers import smt_claims
from swm_jax.verifiers import smt_terms
from swm_jax.verifiers.sandbox import worker as worker_lib

_VERSION = '1'
_PACKAGES = {'z3': 'z3-solver', 'cvc5': 'cvc5'}
# Steps per claim, each in the solver's own unit: some tenths of a second, and
# well inside the default limits.
_Z3_BUDGET = 2_000_000
_CVC5_BUDGET = 10_000
# Ends of the judge that a candidate's term can bring about.
_OWN_FAULT = frozenset(('time', 'memory', 'crash'))


def _versions() -> str:
  for module in _PACKAGES:
    if importlib.util.find_spec(module) is None:
      raise base.ToolMissing.package(module, 'proofs')
  return ','.join(
      f'{module}-{importlib.metadata.version(package)}'
      for module, package in _PACKAGES.items()
  )


@functools.cache
def _judge_source() -> str:
  folder = importlib.resources.files('swm_jax.verifiers')
  return folder.joinpath('smt_judge.py').read_text('utf-8')


def read(spec: Mapping[str, Any], completion: str) -> smt_terms.Term:
  """Returns a candidate's term.

  Raises:
    smt_terms.Refused: if it is not of the asked form.
  """
  prefix = spec['prefix']
  if not completion.startswith(prefix):
    raise smt_terms.Refused(f'does not begin with {prefix!r}', 'missing')
  term = smt_terms.parse(completion[len(prefix):], spec['variables'])
  if spec['kind'] == 'equal':
    sort = smt_terms.parse(spec['term'], spec['variables']).sort
  else:
    sort = smt_terms.BOOL if spec['kind'] == 'invariant' else spec['sort']
  if term.sort != sort:
    raise smt_terms.Refused(f'the term is of sort {term.sort}, not {sort}')
  if (found := smt_terms.cost(term)) > spec['max_cost']:
    raise smt_terms.Refused(
        f'{found} names, numbers and operators; at most {spec["max_cost"]}'
    )
  return term


class _Slot(sandboxed.WorkerSlot):
  """One zygote with both solvers behind the pool's interface."""

  def __init__(self, domain: 'SmtVerifier'):
    self._domain = domain
    super().__init__(
        worker_lib.Worker(domain.isolation, packages=tuple(_PACKAGES))
    )

  def verify(
      self, problem: types.Problem, completion: str, limits: base.Limits
  ) -> types.Verdict:
    verdict = functools.partial(base.make_verdict, self._domain)
    spec = problem.spec
    try:
      term = read(spec, completion)
    except smt_terms.Refused as error:
      return verdict(types.FAIL, error.reason, detail=str(error))
    claims = smt_claims.claims(spec, term)
    variables = spec['variables']
    scripts = [smt_claims.script(claim, variables) for claim in claims]
    names = [f'v_{name}' for name in variables]
    try:
      outcome, answer = self._worker.call(
          _judge_source(),
          'judge',
          (scripts, names, _Z3_BUDGET, _CVC5_BUDGET),
          limits,
      )
    except worker_lib.WorkerDied as error:
      return verdict(types.ERROR, 'worker_died', detail=str(error))
    verdict = functools.partial(
        verdict,
        cpu_seconds=outcome.cpu_seconds,
        wall_seconds=outcome.wall_seconds,
    )
    if outcome.status != worker_lib.PASSED:
      if outcome.status == types.ERROR or outcome.reason in _OWN_FAULT:
        return verdict(outcome.status, outcome.reason, detail=outcome.detail)
      detail = f'the judge of {problem.id} failed: {outcome.detail}'
      return verdict(types.ERROR, 'worker_died', detail=detail)
    number, first, second, found = answer
    if number == len(claims):
      return verdict(types.PASS, 'passed', score=smt_terms.cost(term))
    claim = claims[number]
    if first == 'unknown':
      detail = f'not proved within the solver steps: {claim.name}'
      return verdict(types.FAIL, 'wrong_answer', detail=detail)
    values = {
        name: found.get(f'v_{name}', False if sort == smt_terms.BOOL else 0)
        for name, sort in variables.items()
    }
    if first == 'sat' and smt_terms.evaluate(
        claim.assume, values
    ) > smt_terms.evaluate(claim.conclude, values):
      shown = ', '.join(f'{name} = {value}' for name, value in values.items())
      detail = f'{claim.name}: not for {shown}'
      return verdict(types.FAIL, 'wrong_answer', detail=detail)
    detail = (
        f'the solvers disagree on {claim.name!r} of {problem.id}: z3 says '
        f'{first}, cvc5 says {second or "nothing"}; report this term: '
        f'{completion}'
    )
    return verdict(types.ERROR, 'worker_died', detail=detail)


class SmtVerifier(sandboxed.SandboxedVerifier):
  """Verifies terms by z3 and cvc5; see `base.Verifier` and this module.

  The score of a pass is the term's cost, as `smt_terms.cost` counts it.

  Attributes:
    isolation: the level chosen for this host.
    limits: what each candidate may spend.
  """

  name = 'smt'
  default_limits = base.Limits(
      cpu_seconds=10.0, wall_seconds=30.0, memory_bytes=2 << 30
  )

  def __init__(self, **options: Any):
    """Looks for the tool; see `sandboxed.SandboxedVerifier` for options."""
    self.version = f'{_VERSION}/{_versions()}'
    super().__init__(**options)

  def open_slot(self) -> _Slot:
    return _Slot(self)

  def fingerprint(self, problem: types.Problem) -> str:
    # Not sorted: the order of variables is that of the scripts.
    return json.dumps(dict(problem.spec))
