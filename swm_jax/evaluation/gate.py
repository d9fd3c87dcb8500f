"""The pre-registered criterion, and its verdict on a night.

The criterion is made and written to disk before dusk is measured. It names
everything that could otherwise be chosen afterwards: thresholds, settings,
confidence, number of resamples and their seed. `apply` refuses estimates made
in any other way.
"""

from collections.abc import Mapping, Sequence
import math
from typing import Any

from swm_jax.evaluation import bootstrap

# What can stand as held-out problems, and how sentences call it.
JUDGED = {'held_out': 'held-out', 'validation': 'validation'}

_STATEMENT = (
    'Adopt the night if (a) {} pass@1 of the morning at its best setting'
    ' minus dusk at its best setting has an interval above min_gain, the choice'
    ' of setting inside the bootstrap; (b) the same difference on unrelated'
    ' problems is not below -max_drop; (c) KL(base||tuned) on code text, nats'
    ' per token, is at most max_kl.'
)


def make_criterion(
    settings: Sequence[str],
    *,
    judge_on: str = 'held_out',
    problems: str = '',
    min_gain: float = 0.0,
    max_drop: float = 0.02,
    max_kl: float = 0.1,
    confidence: float = bootstrap.CONFIDENCE,
    resamples: int = bootstrap.RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
  """Returns a criterion as plain values, ready for `criterion.json`.

  Args:
    settings: the temperature grid that both best settings are chosen from.
    judge_on: the problems of (a): `held_out`, or `validation` while tuning.
    problems: digest of everything that is evaluated.
    min_gain: (a) what the low end of the held-out interval must exceed.
    max_drop: (b) how far the unrelated difference may lie below 0.
    max_kl: (c) largest KL(base||tuned) on code text, nats per token. 0.03 to
      0.055 is what one or two plain nights moved; five times a plain night
      would be another model.
    confidence: of the intervals.
    resamples: of the bootstrap.
    seed: of the bootstrap.

  Raises:
    ValueError: if a value is outside its range.
  """
  criterion = {
      'statement': _STATEMENT.format(JUDGED.get(judge_on, judge_on)),
      'judge_on': judge_on,
      'problems': problems,
      'settings': list(settings),
      'min_gain': min_gain,
      'max_drop': max_drop,
      'max_kl': max_kl,
      'confidence': confidence,
      'resamples': resamples,
      'seed': seed,
  }
  validate(criterion)
  return criterion


def validate(criterion: Mapping[str, Any]) -> None:
  """Raises ValueError if a criterion lacks a value or holds a wrong one."""
  expected = {
      'statement', 'judge_on', 'problems', 'settings', 'min_gain', 'max_drop',
      'max_kl', 'confidence', 'resamples', 'seed',
  }
  if criterion.keys() != expected:
    raise ValueError(
        'the criterion must have exactly the keys'
        f' {sorted(expected)}; missing {sorted(expected - criterion.keys())},'
        f' unknown {sorted(criterion.keys() - expected)}'
    )
  if criterion['judge_on'] not in JUDGED:
    raise ValueError(
        f'judge_on={criterion["judge_on"]!r} is unknown; use one of'
        f' {", ".join(JUDGED)}'
    )
  if not criterion['settings']:
    raise ValueError('the criterion needs at least one sampling setting')
  ranges = {
      'min_gain': (0.0, 1.0),
      'max_drop': (0.0, 1.0),
      'max_kl': (0.0, math.inf),
      'confidence': (0.5, 0.9999),
      'resamples': (1_000, math.inf),
  }
  for key, (low, high) in ranges.items():
    if not low <= criterion[key] <= high:  # Also refuses NaN.
      raise ValueError(
          f'criterion {key}={criterion[key]} must lie in [{low}, {high}]'
      )


def apply(
    criterion: Mapping[str, Any],
    *,
    held_out: bootstrap.BestDifference,
    unrelated: bootstrap.BestDifference,
    kl_code: float,
) -> dict[str, Any]:
  """Judges a night.

  Args:
    criterion: as it was written before dusk.
    held_out: best-against-best difference on held-out problems.
    unrelated: the same on unrelated problems.
    kl_code: KL(base||tuned) on code text, nats per token.

  Returns:
    `adopted` (all three hold), and `reasons`: one sentence with numbers for
    each of (a), (b) and (c).

  Raises:
    ValueError: if the criterion is malformed, or an estimate was made with
      other settings, confidence, resamples, seed or k than it states.
  """
  validate(criterion)
  for name, estimate in (('held_out', held_out), ('unrelated', unrelated)):
    _check_as_registered(criterion, name, estimate)

  percent = f'{100 * criterion["confidence"]:g} %'
  # A comparison with NaN is false: what could not be measured is not adopted.
  gain_holds = held_out.low > criterion['min_gain']
  drop_holds = unrelated.mean >= -criterion['max_drop']
  kl_holds = kl_code <= criterion['max_kl']

  drop_text = (
      f'{_verdict(drop_holds)} (b): on unrelated problems'
      f' {_comparison(unrelated, percent)}; a drop of at most'
      f' {criterion["max_drop"]:.3f} is allowed'
  )
  if drop_holds and not unrelated.low >= -criterion['max_drop']:
    drop_text += ', and the interval does not exclude a larger one'
  reasons = [
      f'{_verdict(gain_holds)} (a): on'
      f' {JUDGED[criterion["judge_on"]]} problems'
      f' {_comparison(held_out, percent)}; the low end must exceed'
      f' {criterion["min_gain"]:.3f}.',
      f'{drop_text}.',
      f'{_verdict(kl_holds)} (c): KL(base||tuned) on code is {kl_code:.4f} nats'
      f' per token; at most {criterion["max_kl"]:.4f} is allowed.',
  ]
  return {
      'adopted': bool(gain_holds and drop_holds and kl_holds),
      'reasons': reasons,
  }


def _check_as_registered(criterion, name, estimate):
  for key in ('confidence', 'resamples', 'seed'):
    if getattr(estimate, key) != criterion[key]:
      raise ValueError(
          f'the {name} estimate was made with {key}={getattr(estimate, key)},'
          f' the criterion registered {criterion[key]}'
      )
  if estimate.k != 1:
    raise ValueError(f'the criterion is on pass@1, {name} has k={estimate.k}')
  if set(estimate.dusk_choice) != set(criterion['settings']):
    raise ValueError(
        f'the {name} estimate chose from {sorted(estimate.dusk_choice)}, the'
        f' criterion registered {sorted(criterion["settings"])}'
    )


def _verdict(holds: bool) -> str:
  return 'Holds' if holds else 'Fails'


def _comparison(estimate: bootstrap.BestDifference, percent: str) -> str:
  return (
      f'pass@1 went from {estimate.dusk_mean:.3f} (best of dusk,'
      f' {estimate.dusk_setting}) to {estimate.morning_mean:.3f} (best of'
      f' morning, {estimate.morning_setting}), {estimate.mean:+.3f}'
      f' [{estimate.low:+.3f}, {estimate.high:+.3f}] ({percent} over'
      f' {estimate.clusters} templates, {estimate.problems} problems)'
  )
