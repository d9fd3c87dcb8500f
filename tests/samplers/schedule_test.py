"""Tests of the plan that gives parked streams a slot."""

from absl.testing import parameterized
import numpy as np

from swm_jax.samplers import schedule
from swm_jax.samplers import streams

_A, _P, _I = streams.ATTACHED, streams.PARKED, streams.IDLE


def view(*rows):
  """Rows are (slot, status, count, token)."""
  return schedule.View(*np.array(rows).T)


class PlanForksTest(parameterized.TestCase):

  def test_streams_of_one_history_move_together(self):
    v = view((0, _A, 3, 7), (0, _P, 3, 8), (0, _P, 3, 9), (0, _P, 3, 8))
    self.assertEqual(schedule.plan_forks(v, 3), [(0, 1), (0, 2)])
    self.assertEqual(v.slot_C.tolist(), [0, 1, 2, 1])
    self.assertEqual(v.status_C.tolist(), [_A] * 4)

  def test_without_an_idle_slot_streams_stay_parked(self):
    v = view((0, _A, 3, 7), (0, _P, 3, 8), (1, _A, 5, 1))
    self.assertEqual(schedule.plan_forks(v, 2), [])
    self.assertEqual(v.status_C.tolist(), [_A, _P, _A])

  def test_the_deepest_history_takes_over_an_abandoned_slot(self):
    # Slot 0 is followed by nobody. Its history of 4 tokens stays in place; the
    # one of 2 needs a prefix of it and is copied before slot 0 goes on.
    v = view((0, _I, 9, 9), (0, _P, 2, 5), (0, _P, 4, 6), (1, _A, 1, 1))
    self.assertEqual(schedule.plan_forks(v, 3), [(0, 2)])
    self.assertEqual(v.slot_C.tolist()[1:], [2, 0, 1])

  def test_a_slot_that_others_wait_on_is_not_overwritten(self):
    # Two histories wait on slot 0, one on slot 1; only slots 0, 1 are idle.
    v = view((0, _P, 3, 5), (0, _P, 3, 6), (1, _P, 2, 5))
    self.assertEqual(schedule.plan_forks(v, 2), [])
    self.assertEqual(v.status_C.tolist(), [_A, _P, _A])
    self.assertEqual(v.slot_C.tolist(), [0, 0, 1])
