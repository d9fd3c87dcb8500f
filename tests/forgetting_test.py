"""The forgetting matrix, worked by hand, and how arms are made equal."""

import numpy as np
import pytest

from experiments import forgetting
from experiments import forgetting_matrix
from experiments import options as options_lib
from experiments import plotting
from experiments.configs import conflict
from swm_jax.evaluation import results

TEMPLATES = 6


def row(alpha, beta):
  """Greedy passes of so many of six templates of each type, 0.8 of all less."""
  kinds = ['a'] * TEMPLATES + ['b'] * TEMPLATES
  greedy = [i < alpha for i in range(TEMPLATES)]
  greedy += [i < beta for i in range(TEMPLATES)]
  passed = np.array(greedy, np.uint8)[:, None]
  return results.SetResults(
      'held_out', [f'{k}/{i}' for i, k in enumerate(kinds)], kinds,
      [f't{i}' for i in range(len(kinds))],
      {'greedy': passed, '0.8': np.tile(passed, (1, 2)) * [1, 0]},
      {'greedy': passed >= 0, '0.8': np.ones((len(kinds), 2), bool)},
  )


def matrix(*rows):
  return forgetting_matrix.Matrix(
      [row(*r) for r in rows], [('a',), ('b',), ('a',)][: len(rows) - 1]
  )


def test_averages_worked_by_hand():
  # In sixths: a 1 -> 5 -> 2 -> 4, b 2 -> 1 -> 6 -> 3.
  found = matrix((1, 2), (5, 1), (2, 6), (4, 3)).averages('greedy')
  means = {name: 6 * found[name]['mean'] for name in found}
  assert means['accuracy'] == pytest.approx((4 + 3 + 4) / 3)
  assert means['gain'] == pytest.approx((4 + 3 + 4 - 1 - 2 - 1) / 3)
  # Of a since night 0, of b since night 1; the last night has no past.
  assert means['backward'] == pytest.approx(((4 - 5) + (3 - 6)) / 2)
  # Of b before night 1, of a before night 2.
  assert means['forward'] == pytest.approx(((1 - 2) + (2 - 1)) / 2)
  for estimate in found.values():
    assert estimate['low'] < estimate['mean'] < estimate['high']
    assert estimate['problems'] == 12


def test_cells_are_compared_with_the_night_that_last_saw_them():
  cells = matrix((1, 2), (5, 1), (2, 6), (4, 3)).cells('greedy')
  assert [c['a']['mean'] for c in cells] == pytest.approx(
      [1 / 6, 5 / 6, 2 / 6, 4 / 6]
  )
  assert [c['b']['since'] and 6 * c['b']['since']['mean'] for c in cells] == [
      None, None, 0.0, pytest.approx(-3.0)
  ]
  assert 6 * cells[2]['a']['since']['mean'] == pytest.approx(-3.0)
  assert cells[3]['a']['since']['mean'] == 0.0  # Learned again.
  assert cells[0]['a']['problems'] == 6


def test_best_takes_the_better_setting_and_pairs_equal_runs():
  one, other = matrix((1, 2), (5, 1)), matrix((1, 2), (3, 1))
  # Sampling passes half as often.
  assert one.cells('best') == one.cells('greedy')
  assert one.cells('0.8')[1]['a']['mean'] == pytest.approx(5 / 12)
  same = one.ahead_of(matrix((1, 2), (5, 1)), 'best')
  assert (same['mean'], same['low'], same['high']) == (0.0, 0.0, 0.0)
  ahead = one.ahead_of(other, 'greedy')
  assert 6 * ahead['mean'] == pytest.approx(2.0)
  assert 0.0 <= ahead['low'] < ahead['high']


def test_rows_of_other_problems_are_refused():
  with pytest.raises(ValueError, match='1 nights need 2 rows, got 1'):
    forgetting_matrix.Matrix([row(1, 2)], [('a',)])
  less = row(1, 2).select([True] * 11 + [False])
  other = forgetting_matrix.Matrix([row(1, 2), less], [('a',)])
  with pytest.raises(ValueError, match='differ in their problems of type b'):
    other.cells('greedy')


def test_arms_differ_in_what_keeps_the_past_alone():
  cfg = conflict.get_config()
  configs = {arm: forgetting.arm_config(cfg, arm) for arm in forgetting.ARMS}
  for arm, made in configs.items():
    options_lib.consolidate_options(made.consolidate)  # Takes them all.
    assert made.consolidate.max_tokens == cfg.consolidate.max_tokens > 0
    kept = {k for k, v in made.consolidate.weights.items() if v}
    assert kept - {'ce', 'cd'} == {
        'der': {'der'}, 'er': {'replay_ce'}, 'derpp': {'der', 'replay_ce'},
        'ewc': {'ewc'}, 'l2sp': {'l2_sp'},
    }.get(arm, set())
    assert made.consolidate.agem == (arm == 'agem')
    replays = arm in ('er', 'der', 'derpp', 'agem')
    assert (made.consolidate.anchor_share > 0) == replays
    assert made.consolidate_from == ('base' if arm == 'restart' else 'last')
    for key in ('evaluation', 'wake', 'rem', 'tasks', 'decode'):
      assert made[key].to_dict() == cfg[key].to_dict()


def test_a_run_that_cannot_be_compared_is_one_sentence():
  cfg = conflict.get_config()
  cfg.adopt = 'gate'
  with pytest.raises(options_lib.NightError, match='adopt=always'):
    forgetting.arm_config(cfg, 'none')
  cfg = conflict.get_config()
  cfg.consolidate.max_tokens = 0
  with pytest.raises(options_lib.NightError, match='max_tokens'):
    forgetting.arm_config(cfg, 'none')


def test_table_and_heatmap_show_every_arm(tmp_path, monkeypatch):
  kl = {'mean': 0.01, 'low': 0.005, 'high': 0.02}
  monkeypatch.setattr(
      forgetting_matrix, 'drifts',
      lambda _, nights: [{'code': kl, 'english': kl}] * nights,
  )
  outcome = forgetting.collect(
      {'none': matrix((1, 2), (5, 1), (2, 6)),
       'der': matrix((1, 2), (5, 1), (4, 6))},
      tmp_path, lambda arm, night: 100,
  )
  text = forgetting.table(outcome)
  assert 'der minus none, accuracy, best: +0.167 [' in text
  assert '| none | 12 | 0.667 [' in text and '| 200 |' in text
  assert '| a | 6 | 0.167 [' in text
  plotting.save(
      lambda: forgetting.heatmap('none', outcome['none']), tmp_path / 'map'
  )
  assert (tmp_path / 'map.png').stat().st_size > 5_000
