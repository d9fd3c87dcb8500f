"""Arms differ in what they say, and are compared on the same problems."""

import json

import numpy as np

from experiments import ablations
from experiments.configs import default
from swm_jax.evaluation import gate
from swm_jax.evaluation import results


def samples(cfg) -> int:
  return sum(n for _, n in (*cfg.rem.temperatures, *cfg.rem.perturbed))


def test_plain_arm_has_no_part_of_the_method_and_as_many_samples():
  whole, plain = default.get_config(), default.get_config()
  done = {'whole': {'phases': {'consolidate': {'tokens': 12_345}}}}
  ablations.plain(plain, done)
  assert samples(plain) == samples(whole)
  assert plain.rem.objective == 'none' and not plain.rem.perturbed
  weights = plain.consolidate.weights
  assert weights.ce == 1.0
  assert weights.cd == weights.der == weights.replay_ce == 0.0
  assert plain.consolidate.anchor_share == 0.0
  assert plain.consolidate.max_tokens == 12_345
  # What both arms share stays the same, dusk above all.
  for key in ('evaluation', 'wake', 'tasks', 'decode', 'model'):
    assert plain[key].to_dict() == whole[key].to_dict()


def night(folder, passed):
  """Writes the results of a morning; `passed` is one greedy row a problem."""
  result = results.SetResults(
      'held_out',
      [f't/f/{i}' for i in range(len(passed))],
      ['t'] * len(passed),
      [f'f{i}' for i in range(len(passed))],
      {'greedy': np.array(passed, np.uint8)[:, None]},
      {'greedy': np.ones((len(passed), 1), bool)},
  )
  path = folder / 'night_000' / 'morning'
  path.mkdir(parents=True)
  (path / 'results.json').write_text(
      json.dumps({'morning': {'held_out': result.to_json()}})
  )
  return {'night': 0, 'criterion': gate.make_criterion(['greedy'])}


def test_arms_are_compared_by_problem(tmp_path):
  reports = {
      'whole': night(tmp_path / 'whole', [1, 1, 1, 0] * 10),
      'plain': night(tmp_path / 'plain', [1, 0, 1, 0] * 10),
  }
  [line] = ablations.contrast(tmp_path, reports)
  # A quarter of the problems differ, all in favour of the first arm.
  assert 'whole minus plain' in line and '+0.250 [+0.1' in line
  assert '40 problems, 40 templates' in line


def test_dusk_is_shared(tmp_path):
  for name in ('whole', 'plain'):
    (tmp_path / name).mkdir()
    ablations._share_dusk(tmp_path, tmp_path / name)  # pylint: disable=protected-access
  (tmp_path / 'whole' / 'evaluations' / 'answer').write_text('x')
  assert (tmp_path / 'plain' / 'evaluations' / 'answer').read_text() == 'x'
