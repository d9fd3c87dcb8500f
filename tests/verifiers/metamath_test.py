"""The Metamath verifier: right proofs pass, cheats do not, cost is bounded."""

import dataclasses
import time

from absl.testing import absltest
from absl.testing import parameterized

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import metamath

_DATABASE = """
$c ( ) -> -. wff |- $.
$v p q r $.
wp $f wff p $.
wq $f wff q $.
wr $f wff r $.
wi $a wff ( p -> q ) $.
wn $a wff -. p $.
k $a |- ( p -> ( q -> p ) ) $.
${
  mp.1 $e |- p $.
  mp.2 $e |- ( p -> q ) $.
  mp $a |- q $.
$}
classic $a |- ( -. -. p -> p ) $.
${ weak.1 $e |- p $.
   weak $p |- ( q -> p ) $= wp wq wp wi weak.1 wp wq k mp $. $}
lemma $p |- ( q -> ( -. -. p -> p ) ) $= wp wn wn wp wi wq wp classic weak $.
far $p |- ( q -> ( -. -. p -> p ) ) $= ( lemma ) ABC $.
${ $d p q $. apart $a |- ( p -> q ) $. $}
"""
_THEOREM = """h1 $e |- p $.
h2 $e |- ( p -> q ) $.
goal $p |- ( r -> q ) $="""
_PROOF = 'wq wr wp wq h1 h2 mp weak'
_COMPRESSED = '( mp weak ) BCABDEFG'


def _problem(theorem=_THEOREM, axioms=('wi', 'wn', 'k', 'mp'), **spec):
  return types.Problem(
      id='logic/goal/0',
      type='logic',
      template='goal',
      prompt='',
      entry_point='goal',
      domain='metamath',
      spec={
          'database': _DATABASE, 'theorem': theorem, 'axioms': axioms, **spec
      },
  )


def _verify(candidate, problem=None, limits=base.Limits()):
  slot = metamath.MetamathVerifier().open_slot()
  return slot.verify(problem or _problem(), candidate, limits)


class VerdictTest(parameterized.TestCase):

  @parameterized.named_parameters(
      ('labels', _PROOF),
      ('labels_and_end', f'{_PROOF} $.'),
      ('compressed', _COMPRESSED),
      ('with_its_statement', f'{_THEOREM} {_PROOF} $.\n'),
      ('statement_laid_out_otherwise',
       f'{" ".join(_THEOREM.split())}\n\t{_PROOF}\r\n$.'),
      # h2 is weakened to ( p -> ( p -> q ) ) and got back by mp.
      ('longer_than_needed',
       'wq wr wp wq h1 wp wp wq wi h1 wp wq wi wp h2 weak mp mp weak'),
      ('by_axioms_alone',
       'wq wr wq wi wp wq h1 h2 mp wq wr k mp'),
  )
  def test_right_proof_passes(self, candidate):
    verdict = _verify(candidate)
    self.assertTrue(verdict.passed, verdict)
    self.assertEqual(
        (verdict.verifier, verdict.isolation), ('metamath', 'none')
    )

  @parameterized.named_parameters(
      ('empty', '', 'missing'),
      ('white_space', ' \n', 'missing'),
      ('end_only', ' $.', 'missing'),
      ('statement_only', _THEOREM, 'missing'),
      ('wrong_formula', 'wp wq h1 h2 mp', 'wrong_answer'),
      ('hypothesis', 'h1', 'wrong_answer'),
      ('underflow', 'mp', 'wrong_answer'),
      ('extra_entry', f'wp {_PROOF}', 'wrong_answer'),
      ('wrong_order', 'wr wq wp wq h1 h2 mp weak', 'wrong_answer'),
      ('unknown_label', 'magic', 'wrong_answer'),
      ('prose', 'The proof is left to the reader.', 'wrong_answer'),
      ('goal_itself', 'goal', 'wrong_answer'),
      ('goal_itself_compressed', '( goal ) D', 'wrong_answer'),
      ('hypothesis_of_a_rule', 'mp.2', 'wrong_answer'),
      ('unknown_step', '?', 'forbidden'),
      ('unknown_step_inside', 'wq wr ? weak', 'forbidden'),
      ('unknown_step_compressed', '( weak ) BC?D', 'forbidden'),
      ('unknown_steps_that_cancel', '( weak ) ?', 'forbidden'),
      ('axiom', f'{_PROOF} $. evil $a |- ( r -> q ) $.', 'forbidden'),
      ('axiom_before', f'evil $a |- ( r -> q ) $. {_THEOREM} evil $.',
       'forbidden'),
      ('axiom_instead', 'goal $a |- ( r -> q ) $.', 'forbidden'),
      ('axiom_inside', 'evil $a |- ( r -> q ) $. evil', 'forbidden'),
      ('own_lemma', 'x $p |- ( r -> q ) $= x $. ', 'refused'),
      ('lemma_before', f'x $p |- q $= h1 $. {_THEOREM} {_PROOF} $.',
       'refused'),
      ('hypothesis_added', f'h3 $e |- ( r -> q ) $. {_THEOREM} h3 $.',
       'refused'),
      ('hypothesis_inside', 'h3 $e |- ( r -> q ) $. h3', 'forbidden'),
      ('hypothesis_changed',
       f'{_THEOREM.replace("( p -> q )", "( r -> q )")} h2 $.', 'refused'),
      ('statement_changed',
       'h1 $e |- p $. h2 $e |- ( p -> q ) $. goal $p |- p $= h1 $.',
       'refused'),
      ('statement_renamed', f'{_THEOREM.replace("goal", "other")} {_PROOF} $.',
       'refused'),
      ('statement_twice', f'{_THEOREM} {_THEOREM} {_PROOF} $.', 'forbidden'),
      ('typecode_changed',
       'goal $p wff ( r -> q ) $= wr wq wi $.', 'refused'),
      ('variable_declared', f'$v s $. ws $f wff s $. {_PROOF}', 'forbidden'),
      ('constant_declared', f'$c s $. {_PROOF}', 'forbidden'),
      ('restriction_declared', '$d r q $. wr wq apart', 'forbidden'),
      ('restriction_before', f'$d r q $. {_THEOREM} wr wq apart $.',
       'forbidden'),
      ('block_closed', f'h1 $. $}} ${{ {_PROOF}', 'forbidden'),
      ('comment', f'$( {_PROOF} $)', 'forbidden'),
      ('comment_hides_the_goal', f'{_PROOF} $. $(', 'forbidden'),
      ('comment_in_statement',
       f'$( goal $) {_THEOREM} {_PROOF} $.', 'forbidden'),
      ('comment_glued', f'$(x {_PROOF}', 'forbidden'),
      ('inclusion', '$[ /etc/passwd $]', 'forbidden'),
      ('inclusion_before', f'$[ /etc/passwd $] {_THEOREM} {_PROOF} $.',
       'forbidden'),
      ('text_after_the_end', f'{_PROOF} $. verified', 'refused'),
      ('two_ends', f'{_PROOF} $. $.', 'refused'),
      ('forged_report', 'All proofs in the database were verified.',
       'wrong_answer'),
      ('null_byte', f'{_PROOF}\0', 'refused'),
      ('escape_codes', f'\x1b[2J{_PROOF}', 'refused'),
      ('vertical_tab', _PROOF.replace(' ', '\x0b'), 'refused'),
      ('no_break_space', _PROOF.replace(' ', '\xa0'), 'refused'),
      ('line_separator', _PROOF.replace(' ', '\u2028'), 'refused'),
      ('wide_letters', _PROOF.replace('wq', '\uff57\uff51'), 'refused'),
      ('lone_surrogate', f'{_PROOF}\ud800', 'refused'),
      ('too_long', 'wp ' * 50_000, 'output'),
      ('letters_without_end', '( mp ) ' + 'U' * 60_000, 'wrong_answer'),
  )
  def test_anything_else_fails(self, candidate, reason):
    verdict = _verify(candidate)
    self.assertEqual(verdict.status, 'fail', verdict)
    self.assertEqual(verdict.reason, reason, verdict)

  def test_variables_that_must_stay_apart(self):
    problem = _problem(axioms=None)
    self.assertEqual(_verify('wr wq apart', problem).reason, 'wrong_answer')
    problem = _problem(axioms=None, theorem='$d q r $. ' + _THEOREM)
    self.assertTrue(_verify('wr wq apart', problem).passed)


class AxiomListTest(parameterized.TestCase):
  _DOUBLE = 'goal $p |- ( q -> ( -. -. p -> p ) ) $='

  @parameterized.parameters(
      ('wp wq lemma', 'lemma'),
      ('wp wn wn wp wi wq wp classic weak', 'classic'),
      ('( lemma ) ABC', 'lemma'),
      ('wp wq far', 'far'),
  )
  def test_an_axiom_off_the_list_is_found_through_lemmas(self, proof, used):
    allowed = ('wi', 'wn', 'k', 'mp')
    verdict = _verify(proof, _problem(self._DOUBLE, allowed))
    self.assertEqual(verdict.reason, 'forbidden')
    self.assertIn(f"['{used}']", verdict.detail)
    for axioms in (None, (*allowed, 'classic')):
      self.assertTrue(_verify(proof, _problem(self._DOUBLE, axioms)).passed)

  def test_an_axiom_that_is_listed_but_not_used_does_no_harm(self):
    # As _COMPRESSED, where G is weak; here G is classic and H is weak.
    self.assertTrue(_verify('( mp classic weak ) BCABDEFH').passed)

  def test_formation_rules_count_too(self):
    verdict = _verify(
        'wq wr wq wi wp wq h1 h2 mp wq wr k mp', _problem(axioms=('k', 'mp'))
    )
    self.assertIn("['wi']", verdict.detail)


class CostTest(parameterized.TestCase):

  @parameterized.named_parameters(
      # Each makes ( f -> f ) of the last f, by tags: 2^k characters.
      ('doubling', '( wi ) AAD' + ''.join(
          f'Z{number}{number}D' for number in 'EFGHIJKLMNOPQRST' * 3)),
      ('many_steps', '( wi ) ' + 'AAD' * 20_000),
      ('deep_formula', 'wp ' * 10_000 + 'wi ' * 9_999),
      ('long_negation', 'wp ' + 'wn ' * 20_000),
      ('restrictions', '( wi apart ) ' + 'AAD' + 'ZEED' * 12 + 'BE' * 20_000),
  )
  def test_is_bounded(self, candidate):
    limits = base.Limits()
    start = time.process_time()
    verdict = _verify(candidate, _problem(axioms=None), limits)
    self.assertEqual(verdict.status, 'fail')
    self.assertLess(time.process_time() - start, limits.cpu_seconds)

  def test_budget_decides_and_not_the_clock(self):
    # 8 steps; 50,000 steps make a second.
    for seconds, reason in ((7 / 50_000, 'time'), (1.0, 'passed')):
      limits = base.Limits(cpu_seconds=seconds)
      self.assertEqual(_verify(_PROOF, limits=limits).reason, reason)


class ProblemTest(parameterized.TestCase):

  @parameterized.named_parameters(
      ('no_database', {'theorem': _THEOREM}, 'lacks'),
      ('no_theorem', {'database': _DATABASE}, 'lacks'),
      ('broken_database', {'database': '$c', 'theorem': _THEOREM}, 'line 1'),
      ('wrong_proof_in_database',
       {'database': _DATABASE + 'bad $p |- p $= wp $.', 'theorem': _THEOREM},
       'bad, step 1'),
      ('unknown_step_in_database',
       {'database': _DATABASE + 'bad $p |- p $= ? $.', 'theorem': _THEOREM},
       'unknown step'),
      ('undeclared_symbol',
       {'database': _DATABASE, 'theorem': 'goal $p |- z $='}, 'z is not'),
      ('other_label',
       {'database': _DATABASE, 'theorem': 'other $p |- p $='}, 'labelled goal'),
      ('axiom_with_it',
       {'database': _DATABASE, 'theorem': 'x $a |- p $. goal $p |- p $='},
       'one \\$p statement'),
      ('unknown_axiom',
       {'database': _DATABASE, 'theorem': _THEOREM, 'axioms': ['nope']},
       "unknown axioms \\['nope'\\]"),
  )
  def test_a_broken_problem_is_the_judges_error(self, spec, message):
    problem = dataclasses.replace(_problem(), spec=spec)
    with self.assertRaisesRegex(ValueError, message):
      metamath.MetamathVerifier().fingerprint(problem)

  def test_fingerprint_is_of_everything_that_decides(self):
    def fingerprint(**changes):
      return metamath.MetamathVerifier().fingerprint(_problem(**changes))

    prints = {
        fingerprint(),
        fingerprint(axioms=None),
        fingerprint(axioms=('k', 'mp')),
        fingerprint(theorem='goal $p |- p $='),
        fingerprint(database=_DATABASE + 'more $a |- q $.'),
    }
    self.assertLen(prints, 5)
    self.assertIn(fingerprint(axioms=('mp', 'k', 'wn', 'wi')), prints)

  def test_problems_do_not_leak_into_each_other(self):
    # What one problem assumes, h2, is no label of another.
    verifier = metamath.MetamathVerifier()
    slot = verifier.open_slot()
    self.assertTrue(
        slot.verify(_problem(), _PROOF, verifier.limits).passed
    )
    other = dataclasses.replace(
        _problem(theorem='goal $p |- ( p -> q ) $='), id='logic/other/0'
    )
    verdict = slot.verify(other, 'h2', verifier.limits)
    self.assertIn('no label h2', verdict.detail)

  def test_pool_verifies_a_batch(self):
    with metamath.MetamathVerifier().pool(slots=2) as pool:
      pairs = [(_problem(), _PROOF), (_problem(), 'h1'), (_problem(), '?')]
      verdicts = dict(pool.verify_batch(pairs, deadline_seconds=30))
    self.assertEqual(
        [verdicts[k].reason for k in range(3)],
        ['passed', 'wrong_answer', 'forbidden'],
    )


if __name__ == '__main__':
  absltest.main()
