"""The Coq verifier: its filter, what it reads, and real cheats through coqc."""

import pathlib
import re
import shutil
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import pytest

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import coq
from swm_jax.verifiers import coq_source

_FILES = pathlib.Path(__file__).parent / 'cheats' / 'coq'
_NEEDS_COQ = pytest.mark.skipif(
    shutil.which('coqc') is None or shutil.which('coqchk') is None,
    reason='needs coqc and coqchk of the Debian package coq',
)
_HEAD = """
CONTEXT SUMMARY
===============

* Theory: Set is predicative
  
"""
_TAIL = """  
* Constants/Inductives relying on type-in-type: <none>
  
* Constants/Inductives relying on unsafe (co)fixpoints: <none>
  
* Inductives whose positivity is assumed: <none>
  
"""


def _problem(claim='0 = 1', **spec):
  return types.Problem(
      'coq/test', 'coq', 'test', '', 'target', domain='coq',
      spec={'statement': claim, **spec},
  )


def _read(path):
  """Returns the claim of a file, `0 = 1` if it names none, and its text."""
  text = path.read_text()
  found = re.match(r'\(\* CLAIM (.*) \*\)\n', text)
  return (found[1] if found else '0 = 1'), text


def _paths(kind):
  return [(path.stem, path) for path in sorted((_FILES / kind).glob('*.v'))]


class FilterTest(parameterized.TestCase):

  @parameterized.named_parameters(
      ('comment', 'a (* b *) c', 'a   c'),
      ('nested', 'a (* b (* c *) d *) e', 'a   e'),
      ('string', 'a "b" c', 'a "" c'),
      ('doubled_quote', 'a "b""c" d', 'a """" d'),
      ('comment_in_string', 'a "(*" b', 'a "" b'),
      ('string_in_comment', 'a (* "*)" *) b', 'a   b'),
      ('star_is_no_end', 'a * b) c', 'a * b) c'),
      ('two', '(* a *)b(* c *)', ' b '),
      ('overlap', '(*) a *) b', '  b'),
  )
  def test_strip(self, source, expected):
    self.assertEqual(coq_source.strip(source), expected)

  @parameterized.parameters('(* a', '(* (* *)', '"a', '(* " *)', '"a""')
  def test_what_does_not_end_is_an_error(self, source):
    with self.assertRaises(coq_source.Unterminated):
      coq_source.strip(source)

  def test_sentences_end_with_a_dot_and_a_space(self):
    self.assertEqual(
        coq_source.sentences('Check Nat.add. Check 1.\nQed.'),
        ['Check Nat.add.', 'Check 1.', 'Qed.'],
    )

  @parameterized.parameters(
      'Axiom a : False.',
      'Proof. { Admitted. }',
      'Time Fail Load "x".',
      'all: Redirect "x" idtac.',
      '#[local] Parameter a : False.',
      'Definition f := 1. Axiom\na : False.',
      'exact I. }Axiom a : False.',
      'Recursive Extraction nat.',
      'Add Rec LoadPath "x" as Y.',
      'Print Universes "file".',
      'Global Unset Positivity Checking.',
      '#[bypass_check(universes)] Definition a := Type.',
      'From Coq Require Import ExtrOcamlBasic.',
      'Admit Obligations.',
  )
  def test_refuses(self, source):
    self.assertNotEmpty(coq_source.refusal(source))

  @parameterized.parameters(
      'Inductive i := Load | Drop.',
      'forall A : Set, A -> Set.',
      'Set Implicit Arguments.',
      'Lemma Axioms_hold : True. (* Axiom a : False. *)',
      'From Coq Require Import List.',
      'Definition s := "Load it. Axiom a. ".',
  )
  def test_accepts(self, source):
    self.assertEqual(coq_source.refusal(source), '')


class ReadingTest(parameterized.TestCase):

  def test_closed(self):
    self.assertEqual(
        coq.used_axioms('Closed under the global context\n'), []
    )

  def test_axioms(self):
    printed = (
        'Axioms:\nClassical_Prop.classic\n  : forall P : Prop, or P (not P)\n'
        'Solution.a : False\n'
    )
    self.assertEqual(
        coq.used_axioms(printed), ['Classical_Prop.classic', 'Solution.a']
    )

  @parameterized.parameters(
      '',
      'Axioms:\n',
      'Closed under the global context\nClosed under the global context\n',
      'x\nClosed under the global context\n',
      'Axioms:\nSolution.f is assumed to be guarded.\n',
      'Axioms:\nSolution.t relies on definitional UIP.\n',
      'Axioms:\nSolution.a : False\nClosed under the global context\n',
  )
  def test_anything_else_is_refused(self, printed):
    self.assertIsNone(coq.used_axioms(printed))

  def test_summary_without_axioms(self):
    printed = f'{_HEAD}* Axioms: <none>\n{_TAIL}'
    self.assertEqual(coq.replayed_axioms(printed), [])

  def test_summary_with_axioms(self):
    printed = f'{_HEAD}* Axioms:\n    Coq.A.b\n    Task.Solution.c\n{_TAIL}'
    self.assertEqual(
        coq.replayed_axioms(printed), ['Coq.A.b', 'Task.Solution.c']
    )

  @parameterized.parameters(
      ('type-in-type: <none>', 'type-in-type:\n    Task.Solution.u'),
      ('fixpoints: <none>', 'fixpoints:\n    Task.Solution.f'),
      ('assumed: <none>', 'assumed:\n    Task.Solution.d'),
      ('predicative', 'impredicative'),
      ('CONTEXT', 'x\nCONTEXT'),
  )
  def test_summary_with_a_check_off_is_refused(self, old, new):
    printed = f'{_HEAD}* Axioms: <none>\n{_TAIL}'
    self.assertIn(old, printed)
    self.assertIsNone(coq.replayed_axioms(printed.replace(old, new)))

  def test_missing_tool_says_what_to_install(self):
    with mock.patch.object(shutil, 'which', return_value=None):
      with self.assertRaisesRegex(base.ToolMissing, 'apt-get install coq'):
        coq.CoqVerifier()


@_NEEDS_COQ
class CoqTest(parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.verifier = coq.CoqVerifier(limits=base.Limits(2.0, 20.0))
    cls.slot = cls.verifier.open_slot()

  @classmethod
  def tearDownClass(cls):
    cls.slot.close()
    super().tearDownClass()

  def check(self, problem, text):
    return self.slot.verify(problem, text, self.verifier.limits)

  @parameterized.named_parameters(*_paths('hostile'))
  def test_refuses(self, path):
    claim, text = _read(path)
    verdict = self.check(_problem(claim), text)
    self.assertEqual(verdict.status, types.FAIL, verdict)

  @parameterized.named_parameters(*_paths('hostile'))
  @pytest.mark.slow
  def test_kernel_refuses_without_the_filter(self, path):
    claim, text = _read(path)
    with mock.patch.object(coq_source, 'refusal', return_value=''):
      verdict = self.check(_problem(claim), text)
    self.assertEqual(verdict.status, types.FAIL, verdict)

  @parameterized.named_parameters(*_paths('honest'))
  def test_accepts(self, path):
    claim, text = _read(path)
    # More than for cheats: some load a large library.
    verdict = self.slot.verify(
        _problem(claim), text, base.Limits(20.0, 60.0)
    )
    self.assertEqual(verdict.status, types.PASS, verdict)

  @parameterized.named_parameters(
      ('wrong', 'Theorem target : 1 = 1.\nProof. reflexivity. Qed.',
       'wrong_answer'),
      ('not_proved', 'Theorem target : 0 = 1.\nProof. reflexivity. Qed.',
       'wrong_answer'),
      ('syntax', 'Theorem target 0 = 1.', 'syntax'),
      ('open_comment', '(* Theorem', 'syntax'),
      ('surrogate', 'Definition x := "\ud800".', 'syntax'),
      ('other_name', 'Theorem other : True.\nProof. exact I. Qed.', 'missing'),
      ('empty', '', 'missing'),
      ('too_long', ' ' * (1 << 19), 'syntax'),
  )
  def test_reason(self, text, reason):
    self.assertEqual(self.check(_problem(), text).reason, reason)

  def test_allowed_axiom_passes(self):
    claim, text = _read(_FILES / 'hostile' / 'classical.v')
    problem = _problem(claim, axioms=('Coq.Logic.Classical_Prop.classic',))
    verdict = self.check(problem, text)
    self.assertEqual(verdict.status, types.PASS, verdict)

  def test_claim_in_the_judges_own_words(self):
    problem = _problem(
        'forall n, twice n = n + n',
        definitions='Definition twice (n : nat) := n + n.',
    )
    proof = 'Theorem target : forall n, twice n = n + n.\nProof. {} Qed.'
    self.assertTrue(self.check(problem, proof.format('reflexivity.')).passed)
    verdict = self.check(
        problem, 'Definition twice (n : nat) := 0.\n'
        'Theorem target : forall n, twice n = 0.\nProof. reflexivity. Qed.'
    )
    self.assertEqual(verdict.reason, 'wrong_answer', verdict)

  def test_claim_that_does_not_compile_is_our_error(self):
    verdict = self.check(_problem('no such thing'), 'Definition target := 1.')
    self.assertEqual(verdict.reason, 'worker_died')
    self.assertIn('coq/test does not compile', verdict.detail)

  def test_slot_whose_tool_speaks_another_language_does_not_open(self):
    with mock.patch.object(coq, 'replayed_axioms', return_value=None):
      with self.assertRaisesRegex(OSError, 'not accept a trivial proof'):
        self.verifier.open_slot()

  def test_pool_and_fingerprint(self):
    self.assertNotEqual(
        self.verifier.fingerprint(_problem('0 = 1')),
        self.verifier.fingerprint(_problem('1 = 0')),
    )
    with self.verifier.pool(slots=1) as pool:
      verdict = pool.verify(
          _problem('1 = 1'), 'Definition target : 1 = 1 := eq_refl.'
      )
    self.assertTrue(verdict.passed, verdict)
    self.assertStartsWith(verdict.version, '1/8.')


if __name__ == '__main__':
  absltest.main()
