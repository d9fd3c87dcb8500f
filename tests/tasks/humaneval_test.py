"""Tests of HumanEval as problems."""

import copy

from absl.testing import absltest

from swm_jax.tasks import humaneval
from swm_jax.tasks import problem_file


class HumanEvalTest(absltest.TestCase):

  def test_every_problem_is_loaded_or_skipped_with_a_reason(self):
    loaded = humaneval.load()
    self.assertLen(loaded.problems, 161)
    # Their checks bound abs(answer - expected): the answer is not unique.
    self.assertEqual(
        loaded.skipped,
        dict.fromkeys(
            ['HumanEval/2', 'HumanEval/4', 'HumanEval/32'],
            'judged by a tolerance',
        ),
    )

  def test_prompts_open_a_block_and_do_not_end_in_white_space(self):
    for problem in humaneval.load().problems:
      self.assertStartsWith(problem.prompt, '```python\n')
      self.assertEqual(problem.prompt, problem.prompt.rstrip())
      self.assertIn(f'def {problem.entry_point}(', problem.prompt)

  def test_recorded_pairs_are_those_of_the_original_check(self):
    problem = {p.id: p for p in humaneval.load().problems}['HumanEval/0']
    self.assertEqual(
        problem.tests[0], (([1.0, 2.0, 3.9, 4.0, 5.0, 2.2], 0.3), True)
    )
    self.assertLen(problem.tests, 7)

  def test_arguments_are_recorded_before_the_call_may_change_them(self):
    for problem in humaneval.load().problems:
      namespace = {}
      exec(problem.reference, namespace)  # The package's own solution.
      solve = namespace[problem.entry_point]
      for args, expected in copy.deepcopy(problem.tests[:4]):
        self.assertEqual(repr(solve(*args)), repr(expected), problem.id)

  def test_random_tests_are_the_same_every_time(self):
    first = humaneval.load()
    humaneval.load.cache_clear()
    again = humaneval.load()
    self.assertEqual(first, again)

  def test_every_problem_fits_a_problem_file(self):
    for problem in humaneval.load().problems:
      problem_file.to_json(problem)


if __name__ == '__main__':
  absltest.main()
