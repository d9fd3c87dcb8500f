"""Tests of the open-text problems."""

import collections

from absl.testing import absltest
import pytest

from swm_jax.models import pretrained
from swm_jax.samplers import stopping
from swm_jax.tasks import base
from swm_jax.tasks import domains
from swm_jax.tasks import open_text
from swm_jax.verifiers import agreement
from swm_jax.verifiers import ensemble


class _Believes:
  """A member that says a given thing."""

  name = 'm'
  digest = 'd'

  def __init__(self, text):
    self._text = text

  def answers(self, problems):
    return [[self._text] for _ in problems]


class OpenTextTest(absltest.TestCase):

  def test_is_a_source_that_splits(self):
    source = domains.load('open_text')
    self.assertEqual(source.verifier, 'ensemble')
    split = source.split(0)
    self.assertEmpty(split[base.UNRELATED])
    day, held_out = (
        {source.families()[p.type, p.template] for p in split[side]}
        for side in (base.DAY, base.HELD_OUT)
    )
    self.assertEmpty(day & held_out)

  def test_types_are_large_enough(self):
    by_type = collections.defaultdict(set)
    for (type_name, template), family in open_text.families().items():
      by_type[type_name].add(family)
      self.assertStartsWith(family, type_name + '/')
      self.assertNotEmpty(template)
    self.assertGreaterEqual(len(by_type), 4)
    for name, families in by_type.items():
      self.assertGreaterEqual(len(families), 10, name)

  def test_problems_are_distinct_and_known_to_their_family(self):
    problems = open_text.suite(0)
    self.assertEqual(problems, open_text.suite(5))
    for what in (
        [p.id for p in problems], [p.prompt for p in problems],
    ):
      self.assertLen(set(what), len(what))
    for problem in problems:
      self.assertIn((problem.type, problem.template), open_text.families())
      self.assertEqual(problem.domain, 'ensemble')

  def test_prompts_end_where_a_word_can_begin(self):
    for problem in open_text.suite():
      begin = problem.program('').removesuffix('\n')
      self.assertStartsWith(begin, open_text.MARK)
      self.assertEqual(begin, begin.rstrip(), problem.id)
      self.assertNotIn('\n', begin)
      self.assertIn(f'Question: {problem.spec["question"]}\n', problem.prompt)

  def test_worked_examples_are_no_problems(self):
    problems = open_text.suite()
    shown = {
        line for problem in problems
        for line in problem.prompt.splitlines()[:-3]
        if line.startswith('Question:')
    }
    self.assertLen(shown, 2 * len({p.type for p in problems}))
    asked = {f'Question: {p.spec["question"]}' for p in problems}
    self.assertEmpty(shown & asked)

  def test_references_say_the_first_of_the_right_answers(self):
    with_reference = 0
    for problem in open_text.suite():
      right = [agreement.normal_form(a) for a in problem.spec['answers']]
      self.assertEqual(bool(right), bool(problem.reference))
      if not right:
        continue
      with_reference += 1
      self.assertNotIn('', right)
      self.assertLen(set(right), len(right), problem.id)
      form = agreement.text_form(problem, problem.reference)
      self.assertEqual(form, right[0])
      completion = problem.reference.removeprefix(
          problem.program('').removesuffix('\n')
      )
      self.assertEqual(
          stopping.truncate(completion, open_text.STOP_STRINGS) + '\n',
          completion,
      )
      # Nothing of the answer stands in the question's own line of the answer.
      self.assertStartsWith(completion, ' ')
    self.assertGreater(with_reference, 150)

  def test_reference_passes_where_a_member_believes_it(self):
    for problem in open_text.suite():
      if problem.reference:
        believer, other = (
            ensemble.EnsembleVerifier([_Believes(text)]).judge(
                problem, problem.reference
            )
            for text in (problem.reference, 'Answer: something else')
        )
        self.assertTrue(believer.passed, problem.id)
        self.assertFalse(other.passed, problem.id)
        self.assertTrue(believer.weak and other.weak)

  @pytest.mark.slow
  def test_prompts_fit(self):
    _, _, tokenizer = pretrained.load()
    for problem in open_text.suite():
      self.assertLessEqual(len(tokenizer.encode(problem.prompt)), 96)


if __name__ == '__main__':
  absltest.main()
