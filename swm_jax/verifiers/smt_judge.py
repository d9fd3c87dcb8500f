"""The judge program of the SMT domain; runs in a sandboxed child.

It gets scripts that the verifier wrote in SMT-LIB from checked terms. Each
declares the variables and asserts the negation of one claim, so that the claim
holds for all values exactly if no solver finds any.
"""

import cvc5
import z3


def judge(scripts, names, z3_budget, cvc5_budget):
  """Tries to refute claims, in their order, up to the first one not proved.

  Args:
    scripts: SMT-LIB scripts without `check-sat`.
    names: of the variables, for the counter-example.
    z3_budget, cvc5_budget: solver steps for one script, each in the solver's
      own unit; no clock, so that a busy host changes nothing.

  Returns:
    (claim, z3's answer, cvc5's answer, values of the names in a
    counter-example); the answers are `unsat` (proved), `sat`, `unknown`, and
    cvc5's is '' unless z3 has proved the claim. Claim is the number of scripts
    if all are proved.
  """
  second = ''
  for number, script in enumerate(scripts):
    solver = z3.Solver()
    solver.set('rlimit', z3_budget)
    solver.from_string(script)
    first = _check(solver)
    if first == 'sat':
      return number, first, '', _values(solver.model(), names)
    if first != 'unsat':
      return number, first, '', {}
    second = _second_opinion(script, cvc5_budget)
    if second == 'sat':
      return number, first, second, {}
  return len(scripts), 'unsat', second, {}


def _check(solver):
  try:
    return str(solver.check())
  except z3.Z3Exception:  # Out of memory, for one: no proof.
    return 'unknown'


def _values(model, names):
  values = {}
  for declaration in model.decls():
    if declaration.name() in names:
      value = model[declaration]
      values[declaration.name()] = (
          z3.is_true(value) if z3.is_bool(value) else value.as_long()
      )
  return values


def _second_opinion(script, budget):
  terms = cvc5.TermManager()
  solver = cvc5.Solver(terms)
  solver.setOption('rlimit', str(budget))
  solver.setLogic('ALL')
  parser = cvc5.InputParser(solver)
  parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, script, 'claim')
  symbols = parser.getSymbolManager()
  while not (command := parser.nextCommand()).isNull():
    command.invoke(solver, symbols)
  result = solver.checkSat()
  if result.isUnsat():
    return 'unsat'
  return 'sat' if result.isSat() else 'unknown'
