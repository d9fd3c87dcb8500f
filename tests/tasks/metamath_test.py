"""Metamath problems: references are proofs, other proofs do not pass."""

import collections
import re
import shutil
import subprocess
import tempfile
import unittest

from absl.testing import absltest
from absl.testing import parameterized

from swm_jax.models import pretrained
from swm_jax.tasks import base
from swm_jax.tasks import metamath
from swm_jax.verifiers import metamath as metamath_verifier

_TYPES = tuple(group.name for group in metamath.GROUPS)


def _verify(pairs):
  verifier = metamath_verifier.MetamathVerifier()
  slot = verifier.open_slot()
  return [
      slot.verify(problem, text, verifier.limits) for problem, text in pairs
  ]


def _without_names(theorem):
  """A theorem with its variables numbered in order, labels left out."""
  numbers = {}
  return ' '.join(
      f'v{numbers.setdefault(token, len(numbers))}'
      if re.fullmatch('[a-z]', token) else token
      for token in theorem.split()
  )


class SuiteTest(parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.suite = metamath.suite()

  def test_every_reference_passes(self):
    verdicts = _verify((p, p.reference) for p in self.suite)
    for problem, verdict in zip(self.suite, verdicts):
      self.assertTrue(verdict.passed, (problem.id, verdict))

  def test_every_prompt_goes_on_to_its_reference(self):
    for problem in self.suite:
      begun = problem.program('').rstrip('\n')
      self.assertEqual(begun, problem.question)
      self.assertTrue(problem.reference.startswith(begun + ' '), problem.id)
      rest = problem.reference[len(begun):].split('$.')[0]
      # As decoded: cut before the stop string.
      self.assertTrue(_verify([(problem, problem.program(rest))])[0].passed)

  def test_a_proof_of_another_statement_fails(self):
    # Another problem's proof with this one's statement.
    proof = lambda problem: problem.reference.split('$=')[1]
    pairs = [
        (problem, proof(other))
        for problem, other in zip(self.suite, self.suite[3:] + self.suite[:3])
        if proof(problem) != proof(other)
    ]
    self.assertGreater(len(pairs), 200)
    for (problem, _), verdict in zip(pairs, _verify(pairs)):
      self.assertEqual(verdict.reason, 'wrong_answer', problem.id)

  def test_a_proof_without_one_of_its_labels_fails(self):
    pairs = []
    for problem in self.suite[::2]:
      labels = problem.reference.split('$=')[1].split()[:-1]
      for k in range(len(labels)):
        pairs.append((problem, ' '.join(labels[:k] + labels[k + 1 :])))
    for (problem, text), verdict in zip(pairs, _verify(pairs)):
      self.assertEqual(verdict.status, 'fail', (problem.id, text))

  def test_negation_is_off_the_list_of_logic(self):
    problem = next(p for p in self.suite if p.type == 'modus_ponens')
    self.assertNotIn('ax3', problem.spec['axioms'])

  def test_ids_prompts_and_statements_are_unique(self):
    self.assertLen({p.id for p in self.suite}, len(self.suite))
    self.assertLen({p.prompt for p in self.suite}, len(self.suite))
    self.assertLen(
        {(p.type, p.spec['theorem']) for p in self.suite}, len(self.suite)
    )

  def test_templates_ask_for_different_theorems(self):
    seen = collections.defaultdict(set)
    for group in metamath.GROUPS:
      for template in (*group.examples, *group.templates):
        forms = {
            _without_names(template.turned('pqrabxyzuv', backwards).theorem)
            for backwards in (False, True)
        }
        # Neither twice in a type, nor shown as an example.
        self.assertNoCommonElements(forms, seen[group.name])
        seen[group.name] |= forms

  def test_hypotheses_come_in_both_orders(self):
    orders = collections.Counter(
        tuple(re.findall(r'h\d', p.reference.split('$=')[1]))
        for p in self.suite
    )
    self.assertGreater(orders['h2', 'h1'], 10)
    self.assertGreater(orders['h1', 'h2'], 20)

  @parameterized.parameters(*_TYPES)
  def test_type_is_large_enough(self, name):
    families = {
        family for (kind, _), family in metamath.families().items()
        if kind == name
    }
    self.assertGreaterEqual(len(families), 10)

  @parameterized.parameters(range(5))
  def test_suite_can_be_split(self, seed):
    sides = base.split(self.suite, metamath.families(), seed, _TYPES)
    day, held_out = len(sides[base.DAY]), len(sides[base.HELD_OUT])
    self.assertLess(abs(day - held_out), len(self.suite) // 10)

  def test_prompts_are_short(self):
    _, _, tokenizer = pretrained.load()
    for problem in self.suite:
      self.assertLessEqual(len(tokenizer.encode(problem.prompt)), 256)
      self.assertNotRegex(problem.prompt, r'\s$')

  def test_debian_program_agrees(self):
    program = shutil.which('metamath')
    if program is None:
      raise unittest.SkipTest('needs the Debian package metamath')
    with tempfile.TemporaryDirectory() as folder:
      with open(f'{folder}/a.mm', 'w', encoding='ascii') as stream:
        stream.write(metamath.database())
        for k, problem in enumerate(self.suite):
          named = re.sub(r'\b(h\d|goal)\b', rf'\1-{k}', problem.reference)
          stream.write(f'${{\n{named}$}}\n')
      said = subprocess.run(
          [program, 'read "a.mm"', 'verify proof *', 'exit'],
          cwd=folder,
          stdin=subprocess.DEVNULL,
          capture_output=True,
          text=True,
          check=True,
      ).stdout
    self.assertIn('No errors were found.', said)
    self.assertIn('All proofs in the database were verified', said)
    self.assertNotIn('?', said)


if __name__ == '__main__':
  absltest.main()
