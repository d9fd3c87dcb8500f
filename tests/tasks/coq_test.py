"""The theorems for Coq: form, split, and every reference through the kernel."""

import collections
import shutil

from absl.testing import absltest
from absl.testing import parameterized
import pytest

from swm_jax.tasks import base
from swm_jax.tasks import coq
from swm_jax.tasks import domains
from swm_jax.tasks import theorems
from swm_jax.verifiers import coq as coq_verifier
from swm_jax.verifiers import coq_source

_TYPES = ('arithmetic', 'bool', 'lists', 'logic', 'witness')


class CoqTheoremsTest(parameterized.TestCase):

  def test_ids_and_statements_are_distinct(self):
    problems = coq.suite()
    self.assertLen({problem.id for problem in problems}, len(problems))
    self.assertLen({p.spec['statement'] for p in problems}, len(problems))

  def test_every_type_has_many_families(self):
    count = collections.Counter(
        name for name, _ in {
            (kind, family) for (kind, _), family in coq.families().items()
        }
    )
    self.assertCountEqual(count, _TYPES)
    self.assertGreaterEqual(min(count.values()), 12)

  @parameterized.parameters(0, 1, 2)
  def test_split(self, seed):
    sides = base.split(coq.suite(), coq.families(), seed, _TYPES)
    self.assertLess(abs(len(sides['day']) - len(sides['held_out'])), 20)

  def test_candidate_begins_as_its_reference(self):
    for problem in coq.suite():
      begun = problem.program('')
      self.assertEndsWith(problem.prompt, 'Proof.')
      self.assertStartsWith(problem.reference, begun)
      self.assertIn(problem.spec['statement'], begun)
      self.assertNotIn('```', problem.reference)
      self.assertEqual(coq_source.refusal(problem.reference), '')

  def test_examples_ask_for_nothing_of_the_suite(self):
    problems = coq.suite()
    shown = {p.prompt[: p.prompt.rindex('```')] for p in problems}
    self.assertLen(shown, len(_TYPES))
    for problem in problems:
      for text in shown:
        self.assertNotIn(f': {problem.spec["statement"]}.', text)

  def test_source_is_registered(self):
    self.assertEqual(domains.load('coq').verifier, 'coq')

  def test_too_many_parameters_are_refused(self):
    with self.assertRaisesRegex(ValueError, 'easy has 4 parameterisations'):
      theorems.Theorem('easy', 'easy', 'True', 'exact I.', ({},) * 4)

  @pytest.mark.slow
  @pytest.mark.skipif(
      shutil.which('coqc') is None,
      reason='needs coqc of the Debian package coq',
  )
  def test_every_reference_passes_and_an_empty_proof_does_not(self):
    problems = coq.suite()
    pairs = [(problem, problem.reference) for problem in problems]
    pairs += [(problem, problem.program('\nQed.')) for problem in problems]
    with coq_verifier.CoqVerifier().pool() as pool:
      for index, verdict in pool.verify_batch(pairs):
        self.assertEqual(
            verdict.passed, index < len(problems),
            f'{pairs[index][0].id}: {verdict}',
        )


if __name__ == '__main__':
  absltest.main()
