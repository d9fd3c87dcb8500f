"""The SMT verifier with both solvers: proofs, cheats, own failures."""

import importlib.util
import random
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import z3

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import smt
from swm_jax.verifiers import smt_claims
from swm_jax.verifiers import smt_terms
from swm_jax.verifiers.sandbox import levels

_WORDS = {'x': 'word32', 'y': 'word32'}
_EQUAL = {
    'kind': 'equal',
    'variables': _WORDS,
    'prefix': 'short =',
    'term': '(x & y) | (x & ~y)',
    'max_cost': 5,
}
_WIDE = _EQUAL | {'max_cost': 7}
_PRODUCT = _EQUAL | {'term': 'x * x - y * y', 'max_cost': 9}
_CONDITION = {
    'kind': 'equal',
    'variables': {'x': 'int', 'p': 'bool'},
    'prefix': 'short =',
    'term': 'not (x > 3) and p',
    'max_cost': 5,
}
_WITNESS = {
    'kind': 'witness',
    'variables': {'x': 'int', 'z': 'int'},
    'prefix': 'y =',
    'target': 'y',
    'sort': 'int',
    'assume': 'z > 0',
    'goal': 'y > x and y % 2 == 0 and y + z > x + 1',
    'max_cost': 12,
}
_LOOP = {
    'kind': 'invariant',
    'variables': {'i': 'int', 'n': 'int', 's': 'int'},
    'prefix': 'invariant:',
    'assume': 'n >= 0',
    'start': {'i': '0', 's': '0'},
    'guard': 'i < n',
    'step': {'i': 'i + 1', 's': 's + i'},
    'goal': '2 * s == n * (n - 1)',
    'max_cost': 24,
}


def _problem(spec, name='problem'):
  return types.Problem(name, 'test', name, '', domain='smt', spec=spec)


class SmtVerifierTest(parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.pool = cls.enterClassContext(smt.SmtVerifier().pool(1))

  @parameterized.named_parameters(
      ('shortest', _EQUAL, 'short = x'),
      ('longer_but_allowed', _EQUAL, 'short = x & (x | y)'),
      ('parentheses_are_free', _EQUAL, 'short = ((((x))))'),
      ('spaces_around', _EQUAL, 'short =\t x  \n'),
      ('product', _PRODUCT, 'short = (x + y) * (x - y)'),
      ('wraps_around', _EQUAL | {'term': 'x + 1'}, 'short = x - 0xffffffff'),
      ('condition', _CONDITION, 'short = x <= 3 and p'),
      (
          'condition_as_choice',
          _CONDITION | {'max_cost': 6},
          'short = p if x < 4 else False',
      ),
      ('witness', _WITNESS, 'y = x + 2 - x % 2'),
      ('witness_by_abs', _WITNESS, 'y = 2 * abs(x) + 2'),
      ('invariant', _LOOP, 'invariant: 2 * s == i * (i - 1) and i <= n'),
      ('chained', _LOOP, 'invariant: 2 * s == i ** 2 - i and 0 <= i <= n'),
  )
  def test_proved(self, spec, completion):
    verdict = self.pool.verify(_problem(spec), completion)
    self.assertEqual(verdict.reason, 'passed', str(verdict))
    self.assertEqual(verdict.verifier, 'smt')
    self.assertIn(verdict.isolation, levels.LEVELS)
    self.assertGreater(verdict.cpu_seconds, 0)
    self.assertLessEqual(verdict.score, spec['max_cost'])

  @parameterized.named_parameters(
      ('other_value', _EQUAL, 'short = y'),
      ('equal_nearly_everywhere', _WIDE, 'short = x if x != 77 else 78'),
      ('true_of_small_words_only', _PRODUCT, 'short = 0 if x == y else x*x'),
      ('condition_off_by_one', _CONDITION, 'short = x < 3 and p'),
      ('constant_condition', _CONDITION, 'short = True'),
      ('witness_for_positive_only', _WITNESS, 'y = 2 * x + 2'),
      ('witness_by_constant', _WITNESS, 'y = 999999999999999998'),
      ('true_is_no_invariant', _LOOP, 'invariant: True'),
      ('false_is_no_invariant', _LOOP, 'invariant: False'),
      ('contradiction', _LOOP, 'invariant: i < n and n < i'),
      ('the_goal_itself', _LOOP, 'invariant: 2 * s == n * (n - 1)'),
      ('not_kept', _LOOP, 'invariant: s >= 0 and i <= n'),
      ('only_at_the_start', _LOOP, 'invariant: i == 0 and s == 0'),
      ('too_weak', _LOOP, 'invariant: i <= n'),
      ('needs_what_it_does_not_say', _LOOP, 'invariant: 2 * s == i * (i - 1)'),
  )
  def test_refuted(self, spec, completion):
    verdict = self.pool.verify(_problem(spec), completion)
    self.assertEqual(verdict.status, types.FAIL, str(verdict))
    self.assertEqual(verdict.reason, 'wrong_answer', str(verdict))
    self.assertIn(': not for ', verdict.detail)

  @parameterized.named_parameters(
      ('copies_the_question', _EQUAL, 'short = (x & y) | (x & ~y)', 'refused'),
      ('names_the_target', _WITNESS, 'y = y', 'refused'),
      ('unknown_name', _EQUAL, 'short = z', 'refused'),
      ('declares', _EQUAL, 'short = (declare-const z Bool)', 'refused'),
      ('asserts_false', _EQUAL, 'short = (assert false)', 'refused'),
      ('closes_the_assertion', _EQUAL, 'short = x)) (check-sat', 'syntax'),
      ('sets_an_option', _EQUAL, 'short = x (set-option :x 1)', 'syntax'),
      ('echoes', _EQUAL, 'short = x) (echo "unsat")', 'syntax'),
      ('comment', _EQUAL, 'short = x ; (push)', 'syntax'),
      ('python_comment', _EQUAL, 'short = x # y', 'syntax'),
      ('quoted_name', _EQUAL, 'short = |x|', 'syntax'),
      ('two_lines', _EQUAL, 'short = x\nshort = y', 'syntax'),
      ('second_line_wins', _EQUAL, 'short = x +\n  0', 'syntax'),
      ('assignment', _EQUAL, 'short = x = y', 'syntax'),
      ('attribute', _EQUAL, 'short = x.__class__', 'syntax'),
      ('call', _EQUAL, 'short = exit()', 'refused'),
      ('lambda', _EQUAL, 'short = lambda: x', 'syntax'),
      ('walrus', _EQUAL, 'short = (x := y)', 'syntax'),
      ('string', _EQUAL, 'short = "unsat"', 'syntax'),
      ('null_byte', _EQUAL, 'short = x\0', 'syntax'),
      ('surrogate', _EQUAL, 'short = \ud800', 'syntax'),
      ('other_digits', _EQUAL, 'short = x + \u0661', 'syntax'),
      ('wide_letter', _EQUAL, 'short = \uff58', 'syntax'),
      ('nothing', _EQUAL, 'short =', 'missing'),
      ('only_spaces', _EQUAL, 'short = \n\t ', 'missing'),
      ('other_beginning', _EQUAL, 'long = x', 'missing'),
      ('division_by_zero', _EQUAL, 'short = x // 0', 'refused'),
      ('division_by_a_name', _EQUAL, 'short = x % y', 'refused'),
      ('float', _EQUAL, 'short = x * 1.0', 'syntax'),
      ('true_division', _EQUAL, 'short = x / 1', 'syntax'),
      ('number_for_truth', _CONDITION, 'short = 1', 'refused'),
      ('truth_for_number', _EQUAL, 'short = x == x', 'refused'),
      ('truth_as_number', _WITNESS, 'y = x + (x > 0)', 'refused'),
      ('bits_of_integers', _WITNESS, 'y = x | 1', 'refused'),
      ('too_wide_number', _EQUAL, 'short = x + 4294967296', 'refused'),
      ('huge_number', _WITNESS, 'y = ' + '9' * 300, 'refused'),
      ('huge_power', _WITNESS, 'y = 9 ** 9 ** 9', 'refused'),
      ('power_of_a_name', _WITNESS, 'y = 2 ** x', 'refused'),
      ('deep', _EQUAL, 'short = ' + '(' * 99 + 'x' + ')' * 99, 'refused'),
      ('deep_signs', _EQUAL, 'short = ' + '~' * 200 + 'x', 'refused'),
      ('deep_not', _LOOP, 'invariant: ' + 'not ' * 100 + '(i < n)', 'refused'),
      ('long', _EQUAL, 'short = x' + ' & x' * 5000, 'refused'),
      ('many_small_ones', _EQUAL, 'short = x' + '&x' * 150, 'refused'),
  )
  def test_refused_before_any_solver(self, spec, completion, reason):
    verdict = self.pool.verify(_problem(spec), completion)
    self.assertEqual(verdict.status, types.FAIL, str(verdict))
    self.assertEqual(verdict.reason, reason, str(verdict))
    self.assertEqual(verdict.cpu_seconds, 0)
    verdict.detail.encode()

  def test_what_no_solver_can_settle_is_a_failure(self):
    # True, by Fermat and Euler, but beyond nonlinear arithmetic.
    spec = _CONDITION | {
        'variables': {'x': 'int', 'y': 'int', 'z': 'int'},
        'term': 'x * y * z == 0',
        'max_cost': 30,
    }
    verdict = self.pool.verify(
        _problem(spec), 'short = x ** 3 + y ** 3 == z ** 3 or x*y*z == 0'
    )
    self.assertEqual(verdict.status, types.FAIL, str(verdict))
    self.assertIn(verdict.reason, ('wrong_answer', 'time'))

  def test_the_time_limit_is_a_failure(self):
    domain = smt.SmtVerifier(limits=base.Limits(cpu_seconds=0.005))
    with domain.pool(1) as pool:
      verdict = pool.verify(_problem(_PRODUCT), 'short = (x + y) * (x - y)')
    self.assertEqual((verdict.status, verdict.reason), (types.FAIL, 'time'))

  @parameterized.named_parameters(
      ('cvc5_refutes', 'return 0, "unsat", "sat", {}', 'disagree'),
      ('false_counter_example', 'return 0, "sat", "", {}', 'disagree'),
      ('judge_raises', 'raise KeyError("x")', 'KeyError'),
      ('judge_does_not_parse', 'return (', 'failed'),
  )
  def test_own_failures_are_errors(self, body, detail):
    source = f'def judge(scripts, names, z3_budget, cvc5_budget):\n  {body}\n'
    with mock.patch.object(smt, '_judge_source', lambda: source):
      with smt.SmtVerifier().pool(1) as pool:
        verdict = pool.verify(_problem(_EQUAL), 'short = x')
    self.assertEqual(
        (verdict.status, verdict.reason), (types.ERROR, 'worker_died')
    )
    self.assertIn(detail, verdict.detail)

  def test_a_dead_worker_is_an_error_and_then_replaced(self):
    slot = smt.SmtVerifier().open_slot()
    slot.abort()
    verdict = slot.verify(_problem(_EQUAL), 'short = x', base.Limits())
    slot.close()
    self.assertEqual(
        (verdict.status, verdict.reason), (types.ERROR, 'worker_died')
    )

  @parameterized.parameters('z3', 'cvc5')
  def test_a_missing_solver_says_what_to_install(self, missing):
    find = importlib.util.find_spec

    def without(name, *rest):
      return None if name == missing else find(name, *rest)

    with mock.patch.object(importlib.util, 'find_spec', without):
      with self.assertRaisesRegex(
          base.ToolMissing, rf'{missing} .*--extras=proofs$'
      ):
        smt.SmtVerifier()

  def test_the_fingerprint_changes_with_the_question(self):
    domain = smt.SmtVerifier()
    texts = {
        domain.fingerprint(_problem(_EQUAL | change))
        for change in ({}, {'max_cost': 4}, {'term': 'x'}, {'assume': 'x > y'})
    }
    self.assertLen(texts, 4)


class TermsTest(parameterized.TestCase):

  @parameterized.parameters(
      # Python's precedence, worked out by hand.
      ('x & 1 == 0', {'x': 6}, None),
      ('x + 2 * y', {'x': 1, 'y': 3}, 7),
      ('-x ** 2', {'x': 3}, -9),
      ('x - y - 1', {'x': 9, 'y': 3}, 5),
      ('-7 // 2', {}, -4),
      ('-7 % 5', {}, 3),
      ('x if x > y else y', {'x': 2, 'y': 8}, 8),
      ('not x > 3 and y == 0', {'x': 1, 'y': 1}, False),
      ('not x < 3 or y == 1', {'x': 1, 'y': 1}, True),
      ('x < y < 9', {'x': 1, 'y': 9}, False),
      ('max(x, min(y, 4)) + abs(-3)', {'x': 1, 'y': 9}, 7),
  )
  def test_integers(self, text, values, expected):
    if expected is None:
      with self.assertRaises(smt_terms.Refused):
        smt_terms.parse(text, {'x': 'int', 'y': 'int'})
      return
    term = smt_terms.parse(text, {'x': 'int', 'y': 'int'})
    self.assertEqual(smt_terms.evaluate(term, values), expected)

  @parameterized.parameters(
      ('x + 1', 255, 0),
      ('-x', 1, 255),
      ('~x', 1, 254),
      ('x << 4', 0x1F, 0xF0),
      ('x << 200', 1, 0),
      ('x >> 4', 0xF1, 0x0F),
      ('x >> 8', 0xFF, 0),
      ('x ^ 3 & 1 | 4', 0, 5),
      ('x ** 2', 17, 33),
      ('x * 3 - 1', 0, 255),
      ('x // 10 + x % 10', 255, 30),
      ('min(x, 3) + max(x, 250)', 255, 2),
  )
  def test_words_of_eight_bits(self, text, value, expected):
    term = smt_terms.parse(text, {'x': 'word8'})
    self.assertEqual(smt_terms.evaluate(term, {'x': value}), expected)

  @parameterized.product(sort=('int', 'word8', 'word32'))
  def test_the_solvers_mean_what_the_language_means(self, sort):
    # Random terms at random points: SMT-LIB must give `evaluate`'s value.
    rng = random.Random(sort)
    variables = {'x': sort, 'y': sort, 'p': 'bool'}
    bits = smt_terms.width(sort)

    def number(depth):
      leaf = rng.choice(('x', 'y', str(rng.randrange(0, 40))))
      if depth == 0:
        return leaf
      a, b = number(depth - 1), number(depth - 1)
      forms = [
          f'({a} + {b})', f'({a} - {b})', f'({a} * {b})', f'(-{a})',
          f'({a} // {rng.randrange(1, 9)})', f'({a} % {rng.randrange(1, 9)})',
          f'min({a}, {b})', f'max({a}, {b})',
          f'({a}) ** {rng.randrange(0, 5)}', f'({a} if {truth(0)} else {b})',
      ]
      if bits:
        forms += [
            f'({a} & {b})', f'({a} | {b})', f'({a} ^ {b})', f'(~{a})',
            f'({a} << {rng.randrange(0, 40)})',
            f'({a} >> {rng.randrange(0, 40)})',
            f'({a} << {b})', f'({a} >> {b})',
        ]
      else:
        forms.append(f'abs({a})')
      return rng.choice(forms)

    def truth(depth):
      op = rng.choice(('<', '<=', '>', '>=', '==', '!='))
      forms = ['p', f'({number(depth)} {op} {number(depth)})']
      if depth:
        a, b = truth(depth - 1), truth(depth - 1)
        op = rng.choice(('and', 'or', '==', '!=', '&', '|', '^'))
        forms += [f'({a} {op} {b})', f'(not {a})']
      return rng.choice(forms)

    for _ in range(60):
      term = smt_terms.parse(truth(2), variables)
      top = (1 << bits) - 1 if bits else 50
      values = {
          'x': rng.randrange(0 if bits else -50, top),
          'y': rng.randrange(0 if bits else -50, top),
          'p': rng.random() < 0.5,
      }
      point = ' and '.join(
          ('p' if value else 'not p') if name == 'p' else f'{name} == {value}'
          for name, value in values.items()
      )
      value = smt_terms.evaluate(term, values)
      claim = smt_claims.Claim(
          'value',
          smt_terms.parse(point, variables),
          term if value else smt_terms.Term('not', 'bool', (term,)),
      )
      solver = z3.Solver()
      solver.from_string(smt_claims.script(claim, variables))
      self.assertEqual(solver.check(), z3.unsat, (term, values))

  def test_cost_counts_names_numbers_and_operators(self):
    variables = {'x': 'int'}
    for text, cost in (
        ('x', 1), ('(x)', 1), ('-3', 1), ('-x', 2), ('x + 1', 3),
        ('x if x > 0 else -x', 7), ('max(x, 1)', 3), ('x ** 2', 3),
    ):  # fmt: skip
      self.assertEqual(
          smt_terms.cost(smt_terms.parse(text, variables)), cost, text
      )

  def test_substitution_is_simultaneous(self):
    variables = {'x': 'int', 'y': 'int'}
    swapped = smt_terms.substitute(
        smt_terms.parse('x - 2 * y', variables),
        {
            'x': smt_terms.parse('y', variables),
            'y': smt_terms.parse('x', variables),
        },
    )
    self.assertEqual(swapped, smt_terms.parse('y - 2 * x', variables))


if __name__ == '__main__':
  absltest.main()
