"""The theorems for Lean: form, split, and the references where Lean exists."""

import collections
import shutil

from absl.testing import absltest
from absl.testing import parameterized
import pytest

from swm_jax.tasks import base
from swm_jax.tasks import domains
from swm_jax.tasks import lean
from swm_jax.verifiers import lean as lean_verifier
from swm_jax.verifiers import lean_source

_TYPES = ('arithmetic', 'bool', 'lists', 'logic', 'witness')


class LeanTheoremsTest(parameterized.TestCase):

  def test_ids_and_statements_are_distinct(self):
    problems = lean.suite()
    self.assertLen({problem.id for problem in problems}, len(problems))
    self.assertLen({p.spec['statement'] for p in problems}, len(problems))

  def test_every_type_has_many_families(self):
    count = collections.Counter(
        name for name, _ in {
            (kind, family) for (kind, _), family in lean.families().items()
        }
    )
    self.assertCountEqual(count, _TYPES)
    self.assertGreaterEqual(min(count.values()), 12)

  @parameterized.parameters(0, 1, 2)
  def test_split(self, seed):
    sides = base.split(lean.suite(), lean.families(), seed, _TYPES)
    self.assertLess(abs(len(sides['day']) - len(sides['held_out'])), 20)

  def test_candidate_begins_as_its_reference(self):
    for problem in lean.suite():
      begun = problem.program('')
      self.assertEndsWith(problem.prompt, ':= by')
      self.assertStartsWith(problem.reference, begun)
      self.assertStartsWith(begun, f'theorem {problem.entry_point} : ')
      self.assertIn(problem.spec['statement'], begun)
      self.assertNotIn('```', problem.reference)
      self.assertEqual(lean_source.refusal(problem.reference), '')

  def test_brackets_of_statements_and_proofs_match(self):
    pairs = {')': '(', ']': '[', '}': '{', '⟩': '⟨'}
    for problem in lean.suite():
      open_ = []
      for character in problem.reference:
        if character in pairs.values():
          open_.append(character)
        elif character in pairs:
          self.assertEqual(open_.pop(), pairs[character], problem.id)
      self.assertEmpty(open_, problem.id)

  def test_source_is_registered(self):
    self.assertEqual(domains.load('lean').verifier, 'lean')

  @pytest.mark.slow
  @pytest.mark.skipif(
      shutil.which('lean') is None and shutil.which('lake') is None,
      reason='needs lean or lake of a Lean 4 toolchain (Debian package elan)',
  )
  def test_every_reference_passes_and_an_empty_proof_does_not(self):
    problems = lean.suite()
    pairs = [(problem, problem.reference) for problem in problems]
    pairs += [(problem, problem.program('\n  skip')) for problem in problems]
    with lean_verifier.LeanVerifier().pool() as pool:
      for index, verdict in pool.verify_batch(pairs):
        self.assertEqual(
            verdict.passed, index < len(problems),
            f'{pairs[index][0].id}: {verdict}',
        )


if __name__ == '__main__':
  absltest.main()
