"""The circuit problems: references pass, prompts fit, splits exist."""

import collections

from absl.testing import absltest

from swm_jax import types
from swm_jax.models import pretrained
from swm_jax.tasks import circuits
from swm_jax.tasks import domains
from swm_jax.verifiers import circuits as verifier_lib

_MAX_TOKENS = 256


class CircuitsTest(absltest.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.problems = circuits.suite()

  def test_every_reference_passes_and_no_other_template_of_its_type(self):
    pairs = [(problem, problem.reference) for problem in self.problems]
    # A neighbour's reference with this problem's header is well formed and
    # answers another question.
    by_header = collections.defaultdict(list)
    for problem in self.problems:
      header, _, body = problem.reference.partition('\n')
      by_header[problem.type, header].append((problem, body))
    neighbours = []
    for group in by_header.values():
      for (problem, _), (other, body) in zip(group, group[1:] + group[:1]):
        if other.template != problem.template:
          header = problem.reference.partition('\n')[0]
          neighbours.append((problem, f'{header}\n{body}'))
    self.assertGreater(len(neighbours), 60)
    verifier = verifier_lib.CircuitsVerifier()
    self.addCleanup(verifier.close)
    for index, verdict in verifier.verify_batch(pairs + neighbours):
      with self.subTest((pairs + neighbours)[index]):
        if index < len(pairs):
          self.assertEqual(verdict.status, types.PASS, verdict.detail)
        else:
          self.assertEqual(verdict.reason, 'wrong_answer')

  def test_references_are_not_the_specification(self):
    for problem in self.problems:
      self.assertNotEqual(problem.reference, problem.spec['source'])

  def test_prompts_are_short_and_end_where_the_candidate_begins(self):
    _, _, tokenizer = pretrained.load(None)
    for problem in self.problems:
      self.assertLessEqual(len(tokenizer.encode(problem.prompt)), _MAX_TOKENS)
      header = problem.reference.partition('\n')[0]
      words, _, begun = problem.program(' x').partition('\n')
      self.assertStartsWith(words, '// ')
      self.assertEqual(begun, f'{header} x\n')

  def test_no_template_is_one_of_the_worked_examples(self):
    for problem in self.problems:
      shown, _, question = problem.prompt.rpartition('// ')
      self.assertNotIn(question.partition('\n')[0], shown)

  def test_names_and_families(self):
    self.assertEqual(
        len({problem.id for problem in self.problems}), len(self.problems)
    )
    families = circuits.families()
    self.assertEqual(
        families.keys(),
        {(problem.type, problem.template) for problem in self.problems},
    )
    by_type = collections.defaultdict(set)
    for (type_name, _), family in families.items():
      by_type[type_name].add(family)
    for found in by_type.values():
      self.assertGreaterEqual(len(found), 10)

  def test_every_seed_splits(self):
    source = domains.load('circuits')
    for seed in range(10):
      sides = source.split(seed)
      self.assertEmpty(sides['unrelated'])  # Python functions stand there.


if __name__ == '__main__':
  absltest.main()
