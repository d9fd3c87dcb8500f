"""Arms differ in what they say, and are compared on the same problems."""

import numpy as np
import pytest

from experiments import ablations
from experiments import ablations_table
from experiments.configs import default
from swm_jax.evaluation import gate
from swm_jax.evaluation import results


def samples(cfg) -> int:
  return sum(n for _, n in (*cfg.rem.temperatures, *cfg.rem.perturbed))


def differences(arm) -> set[str]:
  """Dotted keys in which an arm differs from the whole night."""

  def flat(value, path=''):
    if isinstance(value, dict):
      for name, item in value.items():
        yield from flat(item, f'{path}.{name}' if path else name)
    else:
      yield path, value

  cfg = default.get_config()
  arm(cfg)
  whole = dict(flat(default.get_config().to_dict()))
  return {key for key, value in flat(cfg.to_dict()) if whole[key] != value}


def test_each_arm_takes_one_part_away():
  assert differences(ablations.whole) == set()
  assert differences(ablations.no_balance) == {'rem.objective'}
  assert differences(ablations.no_langevin) == {
      'rem.temperatures', 'rem.perturbed'
  }
  assert differences(ablations.no_contrast) == {
      'consolidate.weights.cd', 'consolidate.negatives'
  }
  assert differences(ablations.no_anchor) == {
      'consolidate.weights.der', 'consolidate.anchor_share'
  }


def test_each_arm_of_the_sweep_changes_one_known_value():
  for name, arm in ablations.sweep().items():
    key = name.split('=')[0]
    assert differences(arm) == {f'consolidate.{key}'}, name
    assert name in arm.__doc__


def test_plain_arm_has_no_part_of_the_method_and_as_many_samples():
  whole, plain = default.get_config(), default.get_config()
  ablations.plain(plain)
  assert samples(plain) == samples(whole)
  assert plain.rem.objective == 'none' and not plain.rem.perturbed
  weights = plain.consolidate.weights
  assert weights.ce == 1.0
  assert weights.cd == weights.der == weights.replay_ce == 0.0
  # What all arms share stays the same, dusk above all.
  for key in ('evaluation', 'wake', 'tasks', 'decode', 'model'):
    assert plain[key].to_dict() == whole[key].to_dict()


def outcome(passed, dusk=None, seed=0):
  """A finished arm; `passed` is one greedy sample of each problem."""

  def measured(row):
    return results.SetResults(
        'held_out',
        [f't/f/{i}' for i in range(len(row))],
        ['t'] * len(row),
        [f'f{i}' for i in range(len(row))],
        {'greedy': np.array(row, np.uint8)[:, None]},
        {'greedy': np.ones((len(row), 1), bool)},
    ).to_json()

  return {
      'arm': 'x',
      'seed': seed,
      'report': {'criterion': gate.make_criterion(['greedy'])},
      'results': {
          'dusk': {'held_out': measured(dusk or [0] * len(passed))},
          'morning': {'held_out': measured(passed)},
      },
  }


def test_arms_are_compared_by_problem():
  whole = {0: outcome([1, 1, 1, 0] * 10)}
  plain = {0: outcome([1, 0, 1, 0] * 10)}
  found = ablations_table.gain(whole, 'held_out', plain)
  # A quarter of the problems differ, all in favour of the first arm.
  assert found['mean'] == pytest.approx(0.25) and found['low'] > 0.1
  assert found['problems'] == found['clusters'] == 40
  assert ablations_table.gain(whole, 'held_out')['mean'] == pytest.approx(0.75)


def test_seeds_are_pooled_as_samples_of_one_problem():
  # Seed 0 solves the even problems and seed 1 the odd ones: each problem is
  # solved half of the time, and the two intervals say different things.
  arm = {0: outcome([1, 0] * 20), 1: outcome([0, 1] * 20)}
  found = ablations_table.gain(arm, 'held_out')
  assert found['mean'] == found['low'] == found['high'] == pytest.approx(0.5)
  first, second = found['by_seed']
  assert first['mean'] == second['mean'] == pytest.approx(0.5)
  assert first['low'] < 0.4 < 0.6 < first['high']


def test_seeds_of_other_problems_are_refused():
  with pytest.raises(ValueError, match='differ in their problems'):
    ablations_table.pooled([
        results.from_json(outcome([1] * n)['results']['morning']['held_out'])
        for n in (3, 4)
    ])


def test_no_arm_is_one_sentence(tmp_path):
  with pytest.raises(FileNotFoundError, match='no finished arm'):
    ablations_table.load(tmp_path)


def test_dusk_and_wake_are_shared(tmp_path):
  for name in ('whole', 'plain'):
    (tmp_path / name).mkdir()
    for _ in range(2):
      ablations.share(tmp_path, tmp_path / name, ('wake',))
  for store in ('evaluations', 'night_000/wake'):
    (tmp_path / 'whole' / store / 'answer').write_text('x')
    assert (tmp_path / 'plain' / store / 'answer').read_text() == 'x'
