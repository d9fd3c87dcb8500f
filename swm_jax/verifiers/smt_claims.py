"""What makes a candidate of the SMT domain correct, and SMT-LIB for it."""

from collections.abc import Mapping
import dataclasses
from typing import Any

from swm_jax.verifiers import smt_terms

# Larger operators are functions of the script, so that no operand is written
# twice and a small term stays a small script.
_PRELUDE = {
    'min': '(define-fun fmin ((a {s}) (b {s})) {s} (ite ({le} a b) a b))',
    'max': '(define-fun fmax ((a {s}) (b {s})) {s} (ite ({le} a b) b a))',
    'abs': '(define-fun fabs ((a {s})) {s} (ite (< a 0) (- a) a))',
    '**2': '(define-fun fpow2 ((a {s})) {s} ({mul} a a))',
    '**3': '(define-fun fpow3 ((a {s})) {s} ({mul} a ({mul} a a)))',
    '**4': '(define-fun fpow4 ((a {s})) {s} ({mul} (fpow2 a) (fpow2 a)))',
}  # fmt: skip
_LOGICAL = {
    'or': 'or', 'and': 'and', 'not': 'not', '==': '=', '!=': 'distinct',
    'ite': 'ite', 'min': 'fmin', 'max': 'fmax', 'abs': 'fabs',
}  # fmt: skip
_TRUTH = {'|': 'or', '^': 'xor', '&': 'and'}
_INTEGER = {
    '<': '<', '<=': '<=', '>': '>', '>=': '>=',
    '+': '+', '-': '-', '*': '*', '//': 'div', '%': 'mod', 'neg': '-',
}  # fmt: skip
_WORD = {
    '<': 'bvult', '<=': 'bvule', '>': 'bvugt', '>=': 'bvuge',
    '|': 'bvor', '^': 'bvxor', '&': 'bvand', '<<': 'bvshl', '>>': 'bvlshr',
    '+': 'bvadd', '-': 'bvsub', '*': 'bvmul', '//': 'bvudiv', '%': 'bvurem',
    'neg': 'bvneg', '~': 'bvnot',
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Claim:
  """`assume` implies `conclude`, for all values of the variables.

  Attributes:
    name: for a person, e.g. `the loop keeps it`.
    assume: a truth value.
    conclude: a truth value.
  """

  name: str
  assume: smt_terms.Term
  conclude: smt_terms.Term


def claims(
    spec: Mapping[str, Any], candidate: smt_terms.Term
) -> list[Claim]:
  """Returns the claims that make a candidate correct.

  Args:
    spec: of the problem, see `smt.SmtVerifier`.
    candidate: of the problem's sort.
  """
  variables = spec['variables']

  def term(text: str) -> smt_terms.Term:
    return smt_terms.parse(text, variables)

  assume = term(spec.get('assume', 'True'))
  if spec['kind'] == 'equal':
    equal = smt_terms.Term(
        '==', smt_terms.BOOL, (term(spec['term']), candidate)
    )
    return [Claim('both are equal', assume, equal)]
  if spec['kind'] == 'witness':
    target = spec['target']
    wanted = smt_terms.parse(
        spec['goal'], {**variables, target: candidate.sort}
    )
    goal = smt_terms.substitute(wanted, {target: candidate})
    return [Claim('the goal holds', assume, goal)]
  if spec['kind'] != 'invariant':
    raise ValueError(f'unknown kind of SMT problem {spec["kind"]!r}')
  start = {name: term(text) for name, text in spec['start'].items()}
  step = {name: term(text) for name, text in spec['step'].items()}
  guard = term(spec['guard'])
  both = lambda a, b: smt_terms.Term('and', smt_terms.BOOL, (a, b))
  leaves = smt_terms.Term('not', smt_terms.BOOL, (guard,))
  return [
      Claim(
          'it holds before the loop',
          assume,
          smt_terms.substitute(candidate, start),
      ),
      Claim(
          'the loop keeps it',
          both(candidate, guard),
          smt_terms.substitute(candidate, step),
      ),
      Claim(
          'it gives the goal after the loop',
          both(candidate, leaves),
          term(spec['goal']),
      ),
  ]


def script(claim: Claim, variables: Mapping[str, str]) -> str:
  """SMT-LIB 2.6 that has a model exactly if the claim is false.

  Names of variables are the judge's own; the candidate's text is not in it.
  """
  lines = []
  sort = next((s for s in variables.values() if s != smt_terms.BOOL), 'int')
  bits = smt_terms.width(sort)
  for text in _PRELUDE.values():
    if not (bits and 'fabs' in text):
      lines.append(text.format(
          s=_sort(sort),
          le='bvule' if bits else '<=',
          mul='bvmul' if bits else '*',
      ))
  for name, its_sort in variables.items():
    lines.append(f'(declare-const v_{name} {_sort(its_sort)})')
  lines.append(f'(assert {_text(claim.assume)})')
  lines.append(f'(assert (not {_text(claim.conclude)}))')
  return '\n'.join(lines)


def _sort(sort: str) -> str:
  bits = smt_terms.width(sort)
  if bits:
    return f'(_ BitVec {bits})'
  return 'Int' if sort == smt_terms.INT else 'Bool'


def _text(term: smt_terms.Term) -> str:
  if term.op == 'variable':
    return f'v_{term.value}'
  bits = smt_terms.width(term.args[0].sort if term.args else term.sort)
  if term.op == 'number':
    if term.sort == smt_terms.BOOL:
      return 'true' if term.value else 'false'
    if bits:
      return f'(_ bv{term.value} {bits})'
    return str(term.value) if term.value >= 0 else f'(- {-term.value})'
  if term.op == '**':
    return _power(term.args[0], term.args[1].value)
  if term.op in _LOGICAL:
    op = _LOGICAL[term.op]
  elif term.args[0].sort == smt_terms.BOOL:
    op = _TRUTH[term.op]
  else:
    op = (_WORD if bits else _INTEGER)[term.op]
  return f'({op} {" ".join(_text(arg) for arg in term.args)})'


def _power(base: smt_terms.Term, exponent: int) -> str:
  if exponent == 0:
    return _text(dataclasses.replace(base, op='number', args=(), value=1))
  return _text(base) if exponent == 1 else f'(fpow{exponent} {_text(base)})'
