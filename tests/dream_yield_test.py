"""What is counted of dreams, by hand."""

import pytest

from experiments import dream_yield
from swm_jax import types


def sample(problem, form, passed, tokens=10):
  status = types.PASS if passed else types.FAIL
  return dream_yield.Sample(problem, form, status, tokens)


def test_runs_are_cut_at_the_same_number_of_tokens():
  run = [sample('a', str(i), True, 10) for i in range(5)]
  assert dream_yield.cut(run, 30) == run[:3]
  assert dream_yield.cut(run, 39) == run[:3]
  with pytest.raises(ValueError, match='50 tokens and 51'):
    dream_yield.cut(run, 51)
  with pytest.raises(ValueError, match='a run has 0 tokens'):
    dream_yield.cut([], 1)


def test_a_program_counts_once_for_each_problem_and_only_if_verified():
  run = [
      sample('a', 'x', True), sample('a', 'x', True), sample('a', 'y', True),
      sample('a', 'z', False), sample('b', 'x', True), sample('c', 'x', False),
  ]
  assert dream_yield.distinct(run) == {'a': 2, 'b': 1}
  assert dream_yield.distinct(run, {('a', 'y'), ('b', 'x')}) == {'a': 1}
  assert dream_yield.solved(run) == {'a', 'b'}


def test_yield_is_per_1000_tokens_of_all_seeds():
  templates = {f'p{i}': f't{i}' for i in range(40)}
  counts = [{'p0': 2, 'p1': 1}, {'p0': 1}]
  found = dream_yield.measure(counts, [1000, 3000], templates)
  assert found.mean == pytest.approx(1.0)
  assert found.by_seed == pytest.approx((3.0, 1 / 3))
  assert (found.solutions, found.problems, found.tokens) == (4, 3, 4000)
  # All of it hangs on two templates of forty.
  assert found.low == 0.0 and found.high > 2.0


def test_samplers_are_compared_on_the_same_draws_of_templates():
  templates = {f'p{i}': f't{i}' for i in range(40)}
  one = dream_yield.measure([{'p0': 3, 'p1': 1}], [1000], templates)
  other = dream_yield.measure([{'p0': 2, 'p1': 1}], [1000], templates)
  same = dream_yield.difference(one, one)
  assert same == {'mean': 0.0, 'low': 0.0, 'high': 0.0}
  more = dream_yield.difference(one, other)
  # Where template 0 is drawn they differ by its multiplicity, else not at all.
  assert more['mean'] == pytest.approx(1.0) and more['low'] == 0.0
  assert more['high'] == pytest.approx(3.0)
