"""Two projects ask for the same in the same words, and mean two things."""

import functools

from absl.testing import absltest
from absl.testing import parameterized

from swm_jax.tasks import base
from swm_jax.tasks import domains
from swm_jax.tasks.conventions import catalog as conventions


@functools.cache
def _suite(seed=0):
  return {problem.id: problem for problem in conventions.suite(seed)}


def _twin(problem):
  other = problem.type.replace('alpha', 'beta')
  return _suite()[problem.id.replace(problem.type, other)]


class ConventionsTest(parameterized.TestCase):

  def test_worked_by_hand(self):
    problem = _suite()['beta_order/in_order/0']
    self.assertEqual(
        problem.prompt,
        '```python\n# project: beta\n# Given a list of numbers a, return it'
        ' sorted.\ndef in_order(a):',
    )
    function = base.load_function(problem.reference, 'in_order')
    self.assertEqual(function([7, 9, 8]), [9, 8, 7])
    alpha = base.load_function(
        _suite()['alpha_order/in_order/0'].reference, 'in_order'
    )
    self.assertEqual(alpha([7, 9, 8]), [7, 8, 9])

  def test_there_is_enough_of_each_project(self):
    for project in conventions.PROJECTS:
      kinds = conventions.types_of(project)
      self.assertGreaterEqual(len(kinds), 6)
      found = [len(conventions.templates()[kind]) for kind in kinds]
      self.assertGreaterEqual(sum(found), 40)

  def test_projects_differ_in_nothing_but_the_tag_and_the_meaning(self):
    alphas = [p for p in _suite().values() if p.type.startswith('alpha')]
    self.assertLen(_suite(), 2 * len(alphas))
    for problem in alphas:
      with self.subTest(problem.id):
        twin = _twin(problem)
        self.assertEqual(problem.prompt.replace('alpha', 'beta'), twin.prompt)
        self.assertEqual(problem.prompt.count('alpha'), 1)

  @parameterized.parameters(0, 1, 2)
  def test_tests_tell_the_conventions_apart(self, seed):
    suite = _suite(seed)
    for problem in suite.values():
      if not problem.type.startswith('alpha'):
        continue
      twin = suite[problem.id.replace('alpha', 'beta', 1)]
      for asked, other in ((problem, twin), (twin, problem)):
        with self.subTest(asked.id):
          wrong = base.load_function(other.reference, other.entry_point)
          told = 0
          for args, expected in asked.tests:
            try:
              told += wrong(*args) != expected
            except (IndexError, KeyError, ValueError):
              told += 1
          self.assertGreaterEqual(told, 2)

  @parameterized.parameters(0, 1, 2)
  def test_a_function_and_its_twin_are_on_one_side(self, seed):
    split = domains.load('conventions').split(seed)
    self.assertEmpty(split[base.UNRELATED])
    for side in (base.DAY, base.HELD_OUT):
      asked = {project: set() for project in conventions.PROJECTS}
      for problem in split[side]:
        project, _, subject = problem.type.partition('_')
        asked[project].add((subject, problem.template))
      self.assertEqual(asked['alpha'], asked['beta'])
      self.assertGreaterEqual(len(asked['alpha']), 30)


if __name__ == '__main__':
  absltest.main()
