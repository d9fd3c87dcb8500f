"""Compositions: worked by hand, refused, and made from the suite."""

import pytest

from swm_jax.rem import behaviour
from swm_jax.rem import compositions
from swm_jax.tasks import base
from swm_jax.tasks import domains
from swm_jax.verifiers.sandbox import compare

LISTS = ([], [1], [2, 2], [1, 2, 3], [4, 0], [3, 3, 1], [5, 1, 2], [0, 9])


def template(name, reference, describe, arguments='a', draw=LISTS):
  return base.Template(
      name=name, family=name, describe=describe, reference=reference,
      arguments=arguments,
      inputs=lambda rng: [
          args if isinstance(args, tuple) else (args,) for args in draw
      ],
  )


KEEP = template('keep_large', '[x for x in a if x > 1]', 'Keep a above 1.')
TOTAL = template('total', 'sum(a)', 'Given a list a, return its sum.')
SQUARE = template(
    'square', 'n * n', 'Return n squared.', 'n', tuple(range(12))
)


def build(*templates, count=9, seed=0, **kwargs):
  return compositions.build(
      base.build_problems('t', templates, 0), count, seed=seed, **kwargs
  )


def test_a_composition_is_what_its_parts_say():
  # Every list of KEEP is one of TOTAL; TOTAL's numbers are no lists.
  [problem] = build(KEEP, TOTAL)
  assert problem.id == 'composed/keep_large+total/0'
  assert problem.type == 'composed'
  assert problem.prompt == (
      '```python\n'
      '# First: Keep a above 1.\n'
      '# Then, with that result as the new a: Given a list a, return its sum.\n'
      'def keep_large_then_total(a):'
  )
  assert problem.reference == (
      'def keep_large_then_total(a):\n'
      '    a = [x for x in a if x > 1]\n'
      '    return sum(a)\n'
  )
  assert [value for _, value in problem.tests] == [0, 0, 4, 5, 4, 6, 7, 9]
  assert problem.reference_completion == (
      '\n    a = [x for x in a if x > 1]\n    return sum(a)\n'
  )


def test_another_name_is_not_called_the_new_one():
  [problem] = build(TOTAL, SQUARE)
  assert '# Then, with that result as n: Return n squared.' in problem.prompt
  assert problem.reference.endswith('    n = sum(a)\n    return n * n\n')


def test_answers_that_the_second_part_is_not_meant_for_are_no_tests():
  # SQUARE takes 0 to 11: of the sums 0, 1, 4, 6, 4, 7, 8, 9 all, of these not.
  far = template('far', 'sum(a) + 5', 'Add 5.')
  assert not build(far, SQUARE)


@pytest.mark.parametrize('reference', [
    'a[:0]',  # all sums are 0
    'a',  # the sum of a is asked for already
    'a + a[:0]',
])
def test_steps_for_nothing_are_refused(reference):
  assert not build(template('step', reference, 'Do it.'), TOTAL)


def test_what_is_evaluated_is_refused_by_behaviour_and_by_family():
  double = template('double_total', 'sum(x for x in a if x >= 2)', 'Hidden.')
  forbidden = base.build_problems('t', [double], 0)
  families = {('t', name): name for name in (
      'keep_large', 'total', 'double_total'
  )}
  assert not build(KEEP, TOTAL, forbidden=forbidden, families=families)
  other = base.build_problems(
      't', [template('other', 'len(a) * 7 - 1', 'Hidden.')], 0
  )
  families['t', 'other'] = 'keep_large'
  assert not build(KEEP, TOTAL, forbidden=other, families=families)
  families['t', 'other'] = 'other'
  assert build(KEEP, TOTAL, forbidden=other, families=families)


def test_compositions_of_the_suite():
  source = domains.load('python_functions')
  day = source.split(0)['day'][::3]
  made = compositions.build(day, 12, seed=1)
  assert made == compositions.build(day, 12, seed=1)
  assert [p.id for p in made] != [
      p.id for p in compositions.build(day, 12, seed=2)
  ]
  assert len({problem.template for problem in made}) == 12
  by_number = {(p.template, p.id.split('/')[2]): p for p in day}
  for problem in made:
    g, f = problem.template.split('+')
    k_g, k_f = divmod(int(problem.id.split('/')[2]), base.MAX_PARAMETERS)
    g, f = (
        behaviour.Reference(by_number[g, str(k_g)]),
        behaviour.Reference(by_number[f, str(k_f)]),
    )
    assert len(problem.tests) >= base.MIN_TESTS
    for args, value in problem.tests:
      assert compare.same(value, f((g(args),)))
