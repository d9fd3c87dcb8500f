"""Tests of the drawn arguments."""

import random

from swm_jax.tasks.python_functions import inputs


def test_edges_of_every_argument_come_first():
  draw = inputs.cases(
      inputs.integer(5, 9, edges=(0, 1)), inputs.ints(5, 9, edges=([],)),
      edges=((7, [7]),),
  )
  drawn = draw(random.Random(0))
  assert drawn[0] == (7, [7])
  assert drawn[1] == (0, [])
  assert drawn[2][0] == 1
  assert len(drawn) == 12
  assert all(5 <= n <= 9 for n, _ in drawn[3:])


def test_cases_are_distinct_as_long_as_they_can_be():
  few = inputs.cases(inputs.boolean(), count=8)(random.Random(0))
  assert len(few) == 8
  many = inputs.cases(inputs.integer(0, 99), count=20)(random.Random(0))
  assert len(set(many)) == 20


def test_drawn_lists_are_not_shared():
  draw = inputs.cases(inputs.ints(edges=([1],)))
  first = draw(random.Random(0))
  first[0][0].append(2)
  assert draw(random.Random(0))[0] == ([1],)


def test_default_edges_respect_the_limits():
  for low, high, shortest in ((1, 9, 0), (0, 2, 1), (4, 8, 2)):
    argument = inputs.ints(low, high, shortest)
    for edge in argument.edges:
      assert len(edge) >= shortest
      assert all(low <= x <= high for x in edge)


def test_distinct_integers_are_distinct_multiples():
  argument = inputs.distinct_ints(-12, 30, shortest=4, step=3)
  for seed in range(20):
    values = argument.draw(random.Random(seed))
    assert len(values) == len(set(values)) >= 4
    assert all(x % 3 == 0 for x in values)
