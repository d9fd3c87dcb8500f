"""Tests of what is said about attractors; a tiny night is measured for real."""

import json
import subprocess
import sys

import numpy as np
import pytest

from experiments import attractors
from experiments import basins
from experiments import pruning
from experiments import slept
from swm_jax import consolidate
from tests.nightly import tiny

TAUS = (0.0, 1.0, 2.0)


def _memory(problem, sign, tokens=(1, 2, 3, 4)):
  return consolidate.Memory(problem, (7, 8), tokens, sign)


def _measured(curves):
  """Both other curves are alike, so that only returns differ."""
  returned = np.array(curves, float)
  return {
      'return': returned, 'verified': returned / 2, 'log_prob': returned - 1
  }


def test_analysis_by_hand():
  measured = _measured([
      # Before the push, then after, `[times, taus]` each.
      [[1, 1, 0], [1, 1, 1]],  # a basin that widens
      [[0, 0, 0], [1, 0, 0]],  # becomes an attractor
      [[1, 0, 0], [0, 0, 0]],  # x-: stops being one
  ])
  found = attractors.analyse(
      measured, [1, 1, -1], ['a', 'b', 'a'], TAUS, seed=0
  )
  plus, minus = found[+1], found[-1]
  assert plus['settled'] == 1 and minus['settled'] == 0
  first = lambda sign, time, key: found[sign][time][key][0]
  assert first(+1, 'before', 'fixed') == 0.5
  assert first(+1, 'after', 'fixed') == 1.0
  # Only the first is compared: it left between 1 and 2, and now never does.
  assert first(+1, 'before', 'radius') == 1.5
  assert first(+1, 'after', 'radius') == 2.0
  assert first(+1, 'before', 'reach') == pytest.approx(1.5 / 2)
  assert first(+1, 'after', 'reach') == pytest.approx((2 + 0.5) / 2)
  assert first(-1, 'before', 'reach') == pytest.approx(0.5)
  assert np.isnan(first(-1, 'before', 'radius'))
  np.testing.assert_allclose(first(+1, 'before', 'verified'), [0.25, 0.25, 0])
  # Draws that hold template `a` alone say what the first trajectory says.
  assert set(plus['after']['fixed'][1:]) == {1.0}
  assert set(plus['before']['fixed'][1:]) == {0.0, 0.5, 1.0}


def test_verifier_errors_are_masked():
  measured = _measured([[[1, 1, 1]] * 2] * 2)
  measured['verified'][0] = np.nan
  found = attractors.analyse(measured, [1, 1], ['a', 'b'], TAUS, seed=0)
  np.testing.assert_allclose(found[1]['before']['verified'][0], [0.5] * 3)


def test_pick_takes_failures_of_the_same_problems():
  memories = [
      _memory(f'p{i}', sign) for i in range(10) for sign in (1, -1, -1)
  ]
  chosen = basins.pick(memories, 3)
  plus = [m.problem for m in chosen if m.sign > 0]
  assert plus == ['p0', 'p3', 'p6']
  assert {m.problem for m in chosen if m.sign < 0} <= set(plus)
  assert len(chosen) == 6
  assert basins.pick(memories[:1], 5) == memories[:1]


def _scores(log_prob):
  log_prob = np.array(log_prob, float)
  return {'log_prob': log_prob, 'nll': -log_prob / 4, 'hopfield': log_prob}


def test_pruning_by_hand():
  memories = [_memory('p', 1), _memory('p', -1), _memory('q', 1)]
  templates = ['a', 'a', 'b']
  before = _scores([-2, -1, -4])
  this, other = _scores([-1, -1.5, -2]), _scores([-1, 0, -2])
  result = pruning.pruning(
      memories, templates, before, {'this': this, 'against': other}, seed=0
  )
  means = lambda table: {k: v['mean'] for k, v in table.items()}
  first = means(result['runs']['this'])
  assert first['x_plus'] == 1.5 and first['x_minus'] == -0.5
  assert first['margin'] == 2.0
  assert first['spill'] == pytest.approx(-1 / 3)
  gained = (np.exp(-1) - np.exp(-2) + np.exp(-2) - np.exp(-4)) / 2
  assert first['mass_plus'] == pytest.approx(gained)
  assert first['mass_minus'] == pytest.approx(np.exp(-1.5) - np.exp(-1))
  difference = means(result['difference'])
  assert difference['x_plus'] == 0 and difference['x_minus'] == -1.5
  assert difference['spill'] == pytest.approx(-1)
  energies = pruning.energies(memories, templates, before, this, seed=0)
  assert energies['nll']['x_plus']['change']['mean'] == pytest.approx(-0.375)
  assert energies['nll']['gap']['mean'] == pytest.approx(0.125 + 0.375)
  assert energies['hopfield']['x_minus']['after'] == [-1.5]


def test_pruning_without_failures_says_nothing_of_them():
  memories = [_memory('p', 1)]
  result = pruning.pruning(
      memories, ['a'], _scores([-2]), {'this': _scores([-1])}, seed=0
  )
  assert result['runs']['this']['x_minus'] is None
  assert result['runs']['this']['x_plus']['mean'] == 1.0


@pytest.mark.parametrize('given', [['a'], [], ['0', '1'], ['2', '1'], ['nan']])
def test_bad_taus_are_refused(given):
  with pytest.raises(slept.SleptError, match='--taus='):
    attractors.parse_taus(given)


def test_a_folder_without_a_night_is_refused(tmp_path):
  with pytest.raises(slept.SleptError, match='no config.json'):
    slept.config(tmp_path)
  (tmp_path / 'config.json').write_text('{}')
  with pytest.raises(slept.SleptError, match='has no night in it'):
    slept.read(tmp_path, 0, None, None)


def _run(workdir, out, *more):
  return subprocess.run(
      [
          sys.executable, '-m', 'experiments.attractors',
          f'--workdir={workdir}', f'--out={out}', '--trajectories=4',
          '--draws=2', '--taus=0.5,1000', '--layer=1', *more,
      ],
      cwd=tiny.ROOT, env=tiny.environment(), capture_output=True, text=True,
      timeout=600, check=False,
  )


@pytest.mark.slow
def test_a_tiny_night_is_measured(tmp_path):
  workdir, out = tmp_path / 'night', tmp_path / 'out' / 'attractors.json'
  done = tiny.run(workdir)
  assert done.returncode == 0, done.stderr
  done = _run(workdir, out, f'--against={workdir}')
  assert done.returncode == 0, done.stderr
  result = json.loads(out.read_text())
  assert result['taus'] == [0.0, 0.5, 1000.0]
  for variant in ('prompt', 'half'):
    groups = result['basins'][variant]['groups']
    assert set(groups) >= {'x_plus', 'x_minus'}
    for group in groups.values():
      for time in ('before', 'after'):
        returned = [estimate['mean'] for estimate in group[time]['return']]
        assert all(0 <= share <= 1 for share in returned)
        assert returned[0] == group[time]['fixed']['mean']
        assert returned[-1] <= returned[0]
        assert group[time]['log_prob'][-1]['mean'] < (
            group[time]['log_prob'][0]['mean']
        )
  # The night has learned: its x+ are likelier, by more than a hair.
  changed = result['pruning']['runs']['this']
  assert changed['x_plus']['mean'] > 0
  assert result['pruning']['difference']['x_plus']['mean'] == 0
  assert result['provenance']['config']['seed'] == 0
  for name in ('basins', 'energies'):
    assert (out.parent / f'attractors_{name}.png').stat().st_size > 1000
  assert 'x_plus - control_plus (change)' in done.stdout or (
      'control_plus' not in result['basins']['prompt']['groups']
  )
  # A second run reads what the first one measured.
  parts = {p: p.stat().st_mtime_ns for p in out.parent.rglob('*.json')}
  assert _run(workdir, out).returncode == 0
  for path, time in parts.items():
    assert path == out or path.stat().st_mtime_ns == time
  failed = _run(workdir, out, '--night=3')
  assert failed.returncode == 1
  assert 'night 3 of' in failed.stderr and 'Traceback' not in failed.stderr
