"""The molecular suite: references pass, other numbers do not, splits."""

import collections
import json

from absl.testing import absltest

from swm_jax import types
from swm_jax.tasks import base
from swm_jax.tasks import domains
from swm_jax.tasks import molecular
from swm_jax.verifiers import molecular as molecular_verifier


class MolecularSuiteTest(absltest.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.problems = molecular.suite()
    cls.pool = cls.enterClassContext(
        molecular_verifier.MolecularVerifier().pool(2)
    )

  def _verify(self, pairs):
    return [
        (*pairs[index], verdict)
        for index, verdict in self.pool.verify_batch(pairs)
    ]

  def test_every_reference_passes_with_room(self):
    pairs = [(problem, problem.reference) for problem in self.problems]
    for problem, _, verdict in self._verify(pairs):
      self.assertEqual(verdict.reason, 'passed', (problem.id, verdict.detail))
      # So that another processor's rounding flips no verdict.
      self.assertLess(
          verdict.score, 0.7 * problem.spec['windows']['drift'][1], problem.id
      )

  def test_no_reference_passes_after_a_change(self):
    # Each key in turn, to what nobody should be paid for.
    factors = {
        'time_step_fs': (0.4, 5.0),
        'sigma_nm': (0.93, 1.07),
        'epsilon_kj_mol': (0.6, 1.5),
        'length_nm': (0.96, 1.04),
        'constant_kj_mol_nm2': (0.6, 1.5),
        'cutoff_nm': (0.6, 1.1),
    }
    pairs = []
    for problem in self.problems[::2]:
      answer = json.loads(problem.reference)
      for key in answer:
        for factor in factors[key]:
          changed = answer | {key: answer[key] * factor}
          pairs.append((problem, json.dumps(changed)))
    for problem, completion, verdict in self._verify(pairs):
      self.assertEqual(verdict.status, types.FAIL, (problem.id, completion))

  def test_the_prompt_begins_the_candidate(self):
    for problem in self.problems:
      prefix = problem.program('').rstrip('\n')
      self.assertTrue(problem.reference.startswith(prefix), problem.id)
      self.assertFalse(problem.prompt[-1].isspace(), problem.id)

  def test_no_worked_example_is_a_problem(self):
    for problem in self.problems:
      examples, question = problem.prompt.split('System: ')[1:-1], None
      question = problem.prompt.split('System: ')[-1].split('\n')[0]
      told = [example.split('\n')[0] for example in examples]
      self.assertNotIn(question, told)
      self.assertLen(told, 3)

  def test_ids_are_unique_and_questions_differ(self):
    ids = [problem.id for problem in self.problems]
    self.assertLen(set(ids), len(ids))
    prompts = [problem.prompt for problem in self.problems]
    self.assertLen(set(prompts), len(prompts))
    templates = {(p.type, p.template) for p in self.problems}
    self.assertEqual(templates, set(molecular.families()))
    self.assertGreaterEqual(len(templates), 36)

  def test_every_seed_splits(self):
    names = sorted({problem.type for problem in self.problems})
    families = molecular.families()
    for seed in range(10):
      sides = base.split(self.problems, families, seed, names)
      keys = collections.defaultdict(set)
      for side in (base.DAY, base.HELD_OUT):
        for problem in sides[side]:
          keys[side].add(families[problem.type, problem.template])
      self.assertEmpty(keys[base.DAY] & keys[base.HELD_OUT])

  def test_it_is_a_source(self):
    source = domains.load('molecular')
    self.assertEqual(source.verifier, 'molecular')
    self.assertEqual(source.suite(3), self.problems)

  def test_specs_are_plain_json(self):
    for problem in self.problems:
      text = json.dumps(problem.spec, allow_nan=False)
      self.assertLess(len(text), 20_000, problem.id)


if __name__ == '__main__':
  absltest.main()
