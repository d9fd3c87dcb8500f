"""Tests of how a template becomes problems."""

import collections

from absl.testing import parameterized

from swm_jax import types
from swm_jax.tasks import base


def _template(**changes):
  values = dict(
      name='add_to',
      family='add',
      describe='Given an integer n, return n plus {k}.',
      reference='n + {k}',
      arguments='n',
      inputs=lambda rng: [(rng.randint(0, 99),) for _ in range(8)],
      parameters=({'k': 1}, {'k': 5}),
  )
  return base.Template(**(values | changes))


class TemplateTest(parameterized.TestCase):

  def test_expression_is_returned(self):
    first, second = base.build_problems('number', [_template()], seed=0)
    self.assertEqual(first.id, 'number/add_to/0')
    self.assertEqual(second.id, 'number/add_to/1')
    self.assertEqual(
        second.prompt,
        '```python\n# Given an integer n, return n plus 5.\ndef add_to(n):',
    )
    self.assertEqual(second.reference, 'def add_to(n):\n    return n + 5\n')
    self.assertEqual(second.entry_point, 'add_to')
    for (n,), expected in second.tests:
      self.assertEqual(expected, n + 5)

  def test_lines_are_indented_as_a_body(self):
    template = _template(
        reference="""
            for _ in range({k}):
                n += 1
            return n
        """
    )
    self.assertEqual(
        template.source({'k': 2}),
        'def add_to(n):\n'
        '    for _ in range(2):\n        n += 1\n    return n\n',
    )

  def test_reference_cannot_change_the_arguments_of_a_test(self):
    template = _template(
        arguments='a',
        reference='a.pop()',
        inputs=lambda rng: [([1, 2],)] * 8,
        parameters=({},),
        describe='Given a list a, return its last element.',
    )
    (problem,) = base.build_problems('list', [template], seed=0)
    self.assertEqual(problem.tests[0], (([1, 2],), 2))

  def test_inputs_depend_on_seed_and_id_only(self):
    one, two = base.build_problems('t', [_template()], seed=0)
    again = base.build_problems('t', [_template(name='z'), _template()], 0)[2]
    self.assertEqual(one, again)
    self.assertNotEqual([t[0] for t in one.tests], [t[0] for t in two.tests])
    other, _ = base.build_problems('t', [_template()], seed=1)
    self.assertNotEqual(one.tests, other.tests)

  def test_too_few_inputs_are_an_error(self):
    template = _template(inputs=lambda rng: [(1,)] * 7)
    with self.assertRaisesRegex(ValueError, 't/add_to/0 draws 7 inputs'):
      base.build_problems('t', [template], seed=0)

  def test_failing_reference_is_an_error_with_its_input(self):
    template = _template(reference='n // 0 + {k}')
    with self.assertRaisesRegex(ValueError, 'add_to/0 raises ZeroDivision'):
      base.build_problems('t', [template], seed=0)

  @parameterized.parameters(0, 4)
  def test_number_of_parameterisations_is_checked(self, count):
    with self.assertRaisesRegex(ValueError, f'add_to has {count} param'):
      _template(parameters=({'k': 1},) * count)


def _problems(sizes):
  """Problems of type `t`: as many of each family as given."""
  return [
      types.Problem(f't/{family}/{k}', 't', family, '', family)
      for family, count in sizes.items() for k in range(count)
  ]


class SetApartTest(parameterized.TestCase):

  def _split(self, sizes, **kwargs):
    problems = _problems(sizes)
    families = {('t', name): name for name in sizes}
    stays, apart = base.set_apart(problems, families, **kwargs)
    self.assertCountEqual(stays + apart, problems)
    return [
        collections.Counter(p.template for p in part) for part in (stays, apart)
    ]

  def test_worked_by_hand(self):
    # The largest stays, since 3 : 0 is nearer to 2 : 1 than 0 : 3; then the
    # surplus of 3 asks for the next to be taken; at 3 : 2 the last one stays.
    stays, apart = self._split({'a': 3, 'b': 2, 'c': 1}, seed=0)
    self.assertEqual(stays, {'a': 3, 'c': 1})
    self.assertEqual(apart, {'b': 2})

  @parameterized.parameters(range(5))
  def test_a_third_is_taken_whatever_the_seed(self, seed):
    stays, apart = self._split({f'f{i}': 2 for i in range(30)}, seed=seed)
    self.assertEqual((len(stays), len(apart)), (20, 10))

  def test_seeds_take_other_families(self):
    sizes = {f'f{i}': 1 for i in range(30)}
    taken = {frozenset(self._split(sizes, seed=s)[1]) for s in range(5)}
    self.assertLen(taken, 5)

  def test_order_has_no_influence(self):
    problems = _problems({f'f{i}': 1 + i % 3 for i in range(20)})
    families = {('t', p.template): p.template for p in problems}
    _, apart = base.set_apart(problems, families, 0)
    _, again = base.set_apart(problems[::-1], families, 0)
    self.assertCountEqual(apart, again)

  def test_a_type_of_one_family_is_an_error(self):
    with self.assertRaisesRegex(ValueError, 'type t has 0 templates in what is'):
      self._split({'a': 3}, seed=0)
    stays, apart = self._split({'a': 3}, seed=0, minimum=0)
    self.assertEqual((stays, apart), ({'a': 3}, {}))
