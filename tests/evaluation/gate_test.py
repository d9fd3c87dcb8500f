"""Tests of the pre-registered gate."""

import json
import math

from absl.testing import absltest
from absl.testing import parameterized

from swm_jax.evaluation import bootstrap
from swm_jax.evaluation import gate

_SETTINGS = ('greedy', '0.2', '0.4', '0.8')


def _estimate(mean, low, high, **changes):
  fields = dict(
      mean=mean, low=low, high=high, problems=300, dropped=0, clusters=120,
      resamples=10_000, confidence=0.95, seed=0,
      dusk_setting='greedy', morning_setting='0.2',
      dusk_mean=0.35, morning_mean=0.35 + mean,
      dusk_choice=dict.fromkeys(_SETTINGS, 0.25),
      morning_choice=dict.fromkeys(_SETTINGS, 0.25),
  )
  return bootstrap.BestDifference(**(fields | changes))


_GAIN = _estimate(0.08, 0.02, 0.14)
_SAME = _estimate(0.0, -0.01, 0.01)


class GateTest(parameterized.TestCase):

  def test_a_night_that_meets_all_three_is_adopted(self):
    criterion = gate.make_criterion(_SETTINGS)
    verdict = gate.apply(
        criterion, held_out=_GAIN, unrelated=_SAME, kl_code=0.05
    )
    self.assertTrue(verdict['adopted'])
    self.assertLen(verdict['reasons'], 3)
    self.assertEqual(
        verdict['reasons'][0],
        'Holds (a): on held-out problems pass@1 went from 0.350 (best of dusk,'
        ' greedy) to 0.430 (best of morning, 0.2), +0.080 [+0.020, +0.140]'
        ' (95 % over 120 templates, 300 problems); the low end must exceed'
        ' 0.000.',
    )

  def test_what_is_judged_on_is_registered_and_said(self):
    criterion = gate.make_criterion(
        _SETTINGS, judge_on='validation', problems='ab12'
    )
    self.assertIn('(a) validation pass@1', criterion['statement'])
    self.assertEqual(criterion['problems'], 'ab12')
    verdict = gate.apply(
        criterion, held_out=_GAIN, unrelated=_SAME, kl_code=0.05
    )
    self.assertIn('on validation problems pass@1', verdict['reasons'][0])
    with self.assertRaisesRegex(ValueError, "judge_on='test' is unknown"):
      gate.make_criterion(_SETTINGS, judge_on='test')

  @parameterized.named_parameters(
      ('interval_touches_zero', dict(held_out=_estimate(0.08, 0.0, 0.16)), 0),
      ('unrelated_fell', dict(unrelated=_estimate(-0.021, -0.1, 0.05)), 1),
      ('moved_too_far', dict(kl_code=0.1001), 2),
      ('kl_not_measured', dict(kl_code=math.nan), 2),
      ('gain_not_measured', dict(held_out=_estimate(0.1, math.nan, 1.0)), 0),
  )
  def test_one_failure_rejects_and_says_which(self, changes, index):
    arguments = dict(held_out=_GAIN, unrelated=_SAME, kl_code=0.05) | changes
    verdict = gate.apply(gate.make_criterion(_SETTINGS), **arguments)
    self.assertIs(verdict['adopted'], False)
    failed = [r.startswith('Fails') for r in verdict['reasons']]
    self.assertEqual([i for i, f in enumerate(failed) if f], [index])

  def test_a_small_drop_passes_but_an_uncertain_one_is_said(self):
    verdict = gate.apply(
        gate.make_criterion(_SETTINGS), held_out=_GAIN,
        unrelated=_estimate(-0.02, -0.06, 0.02), kl_code=0.0,
    )
    self.assertTrue(verdict['adopted'])
    self.assertIn('does not exclude a larger one', verdict['reasons'][1])
    self.assertIn('[-0.060, +0.020]', verdict['reasons'][1])

  @parameterized.parameters(
      dict(seed=1), dict(resamples=20_000), dict(confidence=0.8), dict(k=4),
      dict(dusk_choice={'greedy': 1.0}),
  )
  def test_estimates_made_otherwise_than_registered_are_refused(self, **change):
    with self.assertRaisesRegex(ValueError, 'criterion'):
      gate.apply(
          gate.make_criterion(_SETTINGS),
          held_out=_estimate(0.08, 0.02, 0.14, **change),
          unrelated=_SAME, kl_code=0.0,
      )

  def test_criterion_survives_json(self):
    criterion = gate.make_criterion(_SETTINGS, max_drop=0.01)
    self.assertEqual(json.loads(json.dumps(criterion)), criterion)

  def test_malformed_criteria_are_refused(self):
    with self.assertRaisesRegex(ValueError, 'max_drop=-0.1 must lie'):
      gate.make_criterion(_SETTINGS, max_drop=-0.1)
    with self.assertRaisesRegex(ValueError, 'max_kl=nan must lie'):
      gate.make_criterion(_SETTINGS, max_kl=math.nan)
    with self.assertRaisesRegex(ValueError, 'at least one sampling setting'):
      gate.make_criterion(())
    criterion = gate.make_criterion(_SETTINGS)
    del criterion['max_kl']
    with self.assertRaisesRegex(ValueError, r"missing \['max_kl'\]"):
      gate.validate(criterion)


if __name__ == '__main__':
  absltest.main()
