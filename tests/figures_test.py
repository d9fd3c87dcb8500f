"""The README's figures are drawn from results, and missing ones are named."""

import json

from experiments import figures
from experiments import plotting


def test_results_are_drawn_and_missing_ones_named(tmp_path):
  hard = {'mean': 0.2, 'low': 0.1, 'high': 0.4, 'by_seed': [0.1, 0.3]}
  (tmp_path / 'dreams.json').write_text(json.dumps({
      'hard': 201,
      'arms': {'base': {'hard': hard}, 'vargrad': {'hard': hard}},
  }))
  missing = figures.draw_results(tmp_path, tmp_path / 'docs')
  assert 'dreams' not in missing
  assert {'difficulty', 'basins', 'ablations', 'forgetting_der'} <= {*missing}
  drawn = {path.name for path in (tmp_path / 'docs').iterdir()}
  assert drawn == {'dreams.png', 'dreams.svg'}


def test_equal_data_give_equal_files(tmp_path):
  def make():
    fig = plotting.new(2.0, 1.0)
    fig.subplots().plot([0, 1], [1, 0])
    return fig

  for name in ('one', 'two'):
    plotting.save(make, tmp_path / name)
  for suffix in ('.png', '.svg'):
    one, two = (
        (tmp_path / name).with_suffix(suffix).read_bytes()
        for name in ('one', 'two')
    )
    assert one == two
