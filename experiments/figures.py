r"""Draws every figure, of a report or of the README, as PNG and SVG.

python -m experiments.figures --report=runs/default/night_000/report.json
python -m experiments.figures

With --report the figures of a night, beside it. Without, those that the README
shows of experiments, from the JSON files in `experiments/results/`, into
`docs/`; what has no result yet is left out, by name.
"""

from collections.abc import Callable, Mapping
import functools
import json
import pathlib
from typing import Any

from absl import app
from absl import flags
from matplotlib import figure

from experiments import ablations_table
from experiments import attractor_figures
from experiments import difficulty
from experiments import dreams
from experiments import forgetting
from experiments import plotting
from experiments import report_figures

_ROOT = pathlib.Path(__file__).parent

# File of a result: its figures by name.
RESULTS: Mapping[str, Mapping[str, Callable[[Any], figure.Figure]]] = {
    'difficulty.json': {'difficulty': difficulty.draw},
    'dreams.json': {'dreams': dreams.draw},
    'attractors.json': {
        'basins': attractor_figures.basins,
        'energies': attractor_figures.energies,
    },
}


def draw_results(results: pathlib.Path, docs: pathlib.Path) -> list[str]:
  """Draws what has a result; returns the names of what has none."""
  missing = []

  def draw(name: str, path: pathlib.Path, make, read) -> None:
    if path.exists():
      plotting.save(lambda: make(read(path)), docs / name)
    else:
      missing.append(name)

  read_json = lambda path: json.loads(path.read_text())  # noqa: E731
  for file, figures in RESULTS.items():
    for name, make in figures.items():
      draw(name, results / file, make, read_json)
  draw(
      'ablations', results / 'article', ablations_table.draw,
      ablations_table.load,
  )
  for arm in forgetting.ARMS:
    draw(
        f'forgetting_{arm}', results / 'forgetting.json',
        functools.partial(forgetting.heatmap, arm),
        lambda path, arm=arm: read_json(path)['arms'][arm],
    )
  return missing


def define_flags() -> None:
  flags.DEFINE_string('report', None, 'report.json of a night.')


def main(argv):
  if len(argv) > 1:
    raise app.UsageError(f'unexpected arguments: {argv[1:]}')
  if flags.FLAGS.report is None:
    docs = _ROOT.parent / 'docs'
    missing = draw_results(_ROOT / 'results', docs)
    if missing:
      print(f'no result for: {", ".join(missing)}')
    print(docs)
    return
  path = pathlib.Path(flags.FLAGS.report)
  if not path.is_file():
    raise app.UsageError(f'{path} is not there; run a night first')
  report_figures.draw(json.loads(path.read_text()), path.parent / 'figures')
  print(path.parent / 'figures')


if __name__ == '__main__':
  # Here, since the programs that are drawn define flags of these names.
  define_flags()
  app.run(main)
