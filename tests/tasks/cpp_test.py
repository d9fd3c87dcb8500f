"""The C++ suite: references pass, other programs do not, prompts and splits."""

import collections
import shutil

from absl.testing import absltest
import pytest

from swm_jax.models import pretrained
from swm_jax.tasks import base
from swm_jax.tasks import cpp
from swm_jax.tasks import domains
from swm_jax.verifiers import cpp as cpp_verifier

_MAX_PROMPT_TOKENS = 256


class CppSuiteTest(absltest.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.problems = cpp.suite()

  def test_ids_and_prompts_are_unique(self):
    for name in ('id', 'prompt', 'question', 'reference'):
      values = [getattr(problem, name) for problem in self.problems]
      self.assertLen(set(values), len(values), name)

  def test_every_type_has_ten_families(self):
    found = collections.defaultdict(set)
    for (type_name, _), family in cpp.families().items():
      found[type_name].add(family)
    for type_name, families in found.items():
      self.assertGreaterEqual(len(families), 2 * base.MIN_TEMPLATES, type_name)

  def test_no_family_spans_types(self):
    types_of = collections.defaultdict(set)
    for (type_name, _), family in cpp.families().items():
      types_of[family].add(type_name)
    self.assertFalse({f: t for f, t in types_of.items() if len(t) > 1})

  def test_reference_is_the_prompt_and_a_completion(self):
    for problem in self.problems:
      start = problem.program('').rstrip('\n')
      self.assertTrue(problem.reference.startswith(start), problem.id)
      self.assertFalse(problem.prompt.endswith('\n'), problem.id)
      self.assertNotIn('```', problem.reference)

  def test_tests_tell_right_from_constant_answers(self):
    for problem in self.problems:
      pairs = problem.tests or problem.spec['cases']
      self.assertGreaterEqual(len(pairs), base.MIN_TESTS, problem.id)
      answers = collections.Counter(repr(expected) for _, expected in pairs)
      self.assertLess(max(answers.values()), 0.9 * len(pairs), problem.id)

  def test_the_seed_changes_tests_and_nothing_else(self):
    other = cpp.suite(seed=1)
    self.assertEqual(
        [(p.id, p.prompt, p.reference) for p in self.problems],
        [(p.id, p.prompt, p.reference) for p in other],
    )
    self.assertNotEqual(
        [p.tests for p in self.problems], [p.tests for p in other]
    )

  def test_every_seed_can_be_split(self):
    source = domains.load('cpp')
    for seed in range(5):
      sides = source.split(seed)
      self.assertLen(sum(sides.values(), []), len(self.problems))

  def test_worked_examples_are_no_problems(self):
    for problem in self.problems:
      example = problem.prompt.split('```')[1]
      for other in self.problems:
        self.assertNotIn(other.question.splitlines()[0], example)

  @pytest.mark.slow
  def test_prompts_are_short(self):
    _, _, tokenizer = pretrained.load()
    longest = max(len(tokenizer.encode(p.prompt)) for p in self.problems)
    self.assertLessEqual(longest, _MAX_PROMPT_TOKENS)


@pytest.mark.skipif(
    shutil.which('g++') is None, reason='install the Debian package g++'
)
@pytest.mark.slow
class CppSuiteVerifiedTest(absltest.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.problems = cpp.suite()
    cls.pool = cls.enterClassContext(cpp_verifier.CppVerifier().pool(2))

  def test_every_reference_passes(self):
    pairs = [(problem, problem.reference) for problem in self.problems]
    bad = [
        (pairs[index][0].id, verdict.reason, verdict.detail)
        for index, verdict in self.pool.verify_batch(pairs)
        if not verdict.passed
    ]
    self.assertEmpty(bad)

  def test_no_problem_takes_the_next_one_s_body(self):
    """Often the same function with another constant."""
    pairs = []
    for problem, other in zip(
        self.problems, self.problems[1:] + self.problems[:1], strict=True
    ):
      body = other.reference.removeprefix(other.program('').rstrip('\n'))
      pairs.append((problem, problem.program(body)))
    passed = [
        pairs[index][0].id
        for index, verdict in self.pool.verify_batch(pairs)
        if verdict.passed
    ]
    self.assertEmpty(passed)


if __name__ == '__main__':
  absltest.main()
