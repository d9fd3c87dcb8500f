"""Tests of what became of clean completions, counted by hand."""

import math

from absl.testing import absltest

from swm_jax.evaluation import displacement

Completion = displacement.Completion

CLEAN = [
    Completion('a', 'return x', (1, 2), True),
    Completion('b', 'return y', (3, 3), False),
    Completion('c', 'return z', None, None),
]
PERTURBED = [
    Completion('a', 'return x', (1, 2), True),  # same text
    Completion('a', 'return +x', (1, 2), True),  # blur
    Completion('a', 'return -x', (0, 2), False),  # lost
    Completion('b', 'return (y)', (3, 3), False),  # blur
    Completion('b', 'return 4', (4, 4), False),  # fails in another way
    Completion('b', 'return 5', (5, 6), True),  # gained
    Completion('b', 'return 5 + 0', (5, 6), True),  # gained, the same problem
    Completion('b', 'while 1: pass', None, None),  # the verifier failed
    Completion('c', 'return 1', (1, 1), True),  # nothing to compare with
    Completion('b', 'return y', (3, 3), False),  # same text
]


class DisplacementTest(absltest.TestCase):

  def test_shares_by_hand(self):
    found = displacement.displacement(CLEAN, PERTURBED)
    self.assertEqual(
        found,
        displacement.Displacement(
            compared=8,
            masked=2,
            same_text=2 / 8,
            same_behaviour=2 / 8,
            gained=2 / 8,
            lost=1 / 8,
            other_failure=1 / 8,
            newly_solved=1,
        ),
    )
    self.assertEqual(found.out_of_basin, 4 / 8)

  def test_two_passes_do_the_same_whatever_else_they_do(self):
    passes = Completion('a', 'return x + 0', ('other', 'inputs'), True)
    found = displacement.displacement(CLEAN, [passes])
    self.assertEqual(found.same_behaviour, 1.0)

  def test_strengths_are_in_order_and_apart(self):
    found = displacement.by_strength(
        CLEAN, {0.4: PERTURBED[5:6], 0.1: PERTURBED[:1], 0.9: PERTURBED[8:9]}
    )
    self.assertEqual(list(found), [0.1, 0.4, 0.9])
    self.assertEqual(found[0.1].same_text, 1.0)
    self.assertEqual(found[0.4].gained, 1.0)
    self.assertEqual((found[0.9].compared, found[0.9].masked), (0, 1))
    self.assertTrue(math.isnan(found[0.9].out_of_basin))

  def test_what_cannot_be_compared_is_named(self):
    with self.assertRaisesRegex(ValueError, 'one a problem'):
      displacement.displacement(CLEAN + CLEAN[:1], PERTURBED)
    with self.assertRaisesRegex(ValueError, "'d' has no clean completion"):
      displacement.displacement(CLEAN, [Completion('d', '', None, True)])


if __name__ == '__main__':
  absltest.main()
