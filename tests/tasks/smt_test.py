"""The SMT suite: every reference is proved, splits, prompts, no free lunch."""

import collections

from absl.testing import absltest

from swm_jax import types
from swm_jax.tasks import base
from swm_jax.tasks import domains
from swm_jax.tasks import smt
from swm_jax.verifiers import smt as smt_verifier
from swm_jax.verifiers import smt_terms


class SmtSuiteTest(absltest.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.problems = smt.suite()
    cls.pool = cls.enterClassContext(smt_verifier.SmtVerifier().pool(2))

  def _verify(self, pairs):
    return [
        (*pairs[index], verdict)
        for index, verdict in self.pool.verify_batch(pairs)
    ]

  def test_every_reference_is_proved(self):
    pairs = [(problem, problem.reference) for problem in self.problems]
    for problem, _, verdict in self._verify(pairs):
      self.assertEqual(verdict.reason, 'passed', (problem.id, verdict.detail))

  def test_no_assumption_is_empty(self):
    # A claim from a contradiction would hold for every candidate.
    pairs = []
    for problem in self.problems:
      text = 'False' if problem.spec['kind'] == 'invariant' else None
      if problem.spec['kind'] == 'equal':
        sort = smt_terms.parse(
            problem.spec['term'], problem.spec['variables']
        ).sort
        text = 'x == x + 1' if sort == 'bool' else '12345'
      if problem.spec['kind'] == 'witness':
        text = '-12345' if problem.template != 'below' else '12345'
      if text and problem.template != 'never':
        pairs.append((problem, f'{problem.spec["prefix"]} {text}'))
    for problem, completion, verdict in self._verify(pairs):
      self.assertEqual(verdict.status, types.FAIL, (problem.id, completion))

  def test_the_question_is_no_answer(self):
    pairs = [
        (problem, f'{problem.spec["prefix"]} {problem.spec["term"]}')
        for problem in self.problems
        if problem.spec['kind'] == 'equal'
    ]
    self.assertGreater(len(pairs), 80)
    for problem, completion, verdict in self._verify(pairs):
      self.assertEqual(verdict.reason, 'refused', (problem.id, completion))

  def test_the_prompt_begins_the_candidate(self):
    for problem in self.problems:
      prefix = problem.program('').rstrip('\n')
      self.assertEqual(prefix, problem.spec['prefix'])
      self.assertTrue(problem.reference.startswith(prefix), problem.id)
      self.assertFalse(problem.prompt[-1].isspace(), problem.id)

  def test_no_worked_example_is_a_problem(self):
    questions = {p.spec['prefix'].split('\n')[0] for p in self.problems}
    for problem in self.problems:
      lines = problem.prompt.split('```')[0].split('\n')
      if problem.type != 'loop_invariant':  # Many loops begin alike.
        self.assertEmpty(questions & set(lines) - {''})

  def test_ids_are_unique_and_constants_vary(self):
    ids = [problem.id for problem in self.problems]
    self.assertLen(set(ids), len(ids))
    prefixes = [problem.spec['prefix'] for problem in self.problems]
    self.assertLen(set(prefixes), len(prefixes))
    templates = {(p.type, p.template) for p in self.problems}
    self.assertEqual(templates, set(smt.families()))
    self.assertGreaterEqual(len(templates), 36)

  def test_every_seed_splits(self):
    names = sorted({problem.type for problem in self.problems})
    families = smt.families()
    for seed in range(10):
      sides = base.split(self.problems, families, seed, names)
      keys = collections.defaultdict(set)
      for side in (base.DAY, base.HELD_OUT):
        for problem in sides[side]:
          keys[side].add(families[problem.type, problem.template])
      self.assertEmpty(keys[base.DAY] & keys[base.HELD_OUT])

  def test_it_is_a_source(self):
    source = domains.load('smt')
    self.assertEqual(source.verifier, 'smt')
    self.assertEqual(source.suite(3), self.problems)


if __name__ == '__main__':
  absltest.main()
