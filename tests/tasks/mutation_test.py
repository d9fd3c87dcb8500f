"""Tests of the mutants."""

from swm_jax.tasks import mutation


def _bodies(body):
  source = f'def f(a, b):\n    return {body}\n'
  return [m.split('return ')[1].strip() for m in mutation.mutate(source)]


def test_one_place_changes_at_a_time():
  # Breadth first: the operator, the call's argument, the constant.
  assert _bodies('len(a) + 3') == [
      'len(a) - 3', 'a + 3', 'len(a) + 4', 'len(a) + 2',
  ]


def test_every_comparison_of_a_chain_changes():
  assert _bodies('a < b == a') == ['a <= b == a', 'a > b == a', 'a < b != a']


def test_conditions_swap_and_negations_go():
  assert _bodies('a if b else not a') == ['not a if b else a', 'a if b else a']


def test_loops_and_augmented_assignments_change():
  source = 'def f(a):\n    while a:\n        a -= b\n    return a\n'
  assert list(mutation.mutate(source)) == [source.replace('-=', '+=')]


def test_program_without_a_place_has_no_mutant():
  assert not _bodies('a')
