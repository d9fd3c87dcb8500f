r"""Several nights under each way of keeping the past, and what each forgot.

python -m experiments.forgetting --workdir=runs/forgetting
python -m experiments.forgetting --workdir=runs/forgetting --arms=none,derpp

Every arm is a run of all nights of `configs/conflict.py` (or of --config) in a
folder of its own: the same command continues, and finished nights are only
read. Arms share the dusk and wake of night 0 and train on as many tokens a
night, `consolidate.max_tokens`, replayed ones included. Writes forgetting.json,
forgetting.md and a heatmap of each arm to --results, or else to the work
directory.
"""

from collections.abc import Callable, Mapping, Sequence
import functools
import json
import pathlib
import sys
from typing import Any

from absl import app
from absl import flags
from absl import logging
from matplotlib import figure
import ml_collections
import numpy as np

from experiments import ablations
from experiments import apparatus as apparatus_lib
from experiments import forgetting_matrix as matrix_lib
from experiments import nightly
from experiments import options as options_lib
from experiments import pages
from experiments import plotting
from experiments import provenance
from experiments import termination
from experiments import workdir as workdir_lib
from experiments.configs import conflict
from swm_jax import durable
from swm_jax.evaluation import contamination

# What each arm sets; whatever keeps the past is off where it is not named.
ARMS: Mapping[str, Mapping[str, Any]] = {
    'none': {},
    'er': {'consolidate.weights.replay_ce': 1.0},
    'der': {'consolidate.weights.der': 1.0},
    'derpp': {
        'consolidate.weights.der': 1.0, 'consolidate.weights.replay_ce': 1.0,
    },
    'ewc': {'consolidate.weights.ewc': 1.0},
    'l2sp': {'consolidate.weights.l2_sp': 0.01},
    'agem': {'consolidate.agem': True},
    # Compounding: from the initial weights, on the memories of all nights.
    'restart': {'consolidate_from': 'base'},
}
_REPLAYED = ('er', 'der', 'derpp', 'agem')
# Epochs enough for max_tokens to end every consolidation, whatever the arm.
_EPOCHS = 50


def arm_config(
    cfg: ml_collections.ConfigDict, arm: str
) -> ml_collections.ConfigDict:
  """Returns the config of an arm.

  Raises:
    options_lib.NightError: nights would not be carried on, or have no budget.
  """
  if cfg.adopt != 'always':
    raise options_lib.NightError(
        'a night that is not carried on has nothing to forget; set'
        ' --config.adopt=always'
    )
  if not cfg.consolidate.max_tokens:
    raise options_lib.NightError(
        'arms are compared at equal compute; give consolidate.max_tokens'
    )
  values = cfg.to_dict()
  sets = dict(ARMS[arm])
  values['consolidate_from'] = sets.pop('consolidate_from', 'last')
  consolidate = values['consolidate']
  consolidate.update(epochs=_EPOCHS, agem=False)
  consolidate['weights'].update(der=0.0, replay_ce=0.0, ewc=0.0, l2_sp=0.0)
  if arm not in _REPLAYED:
    consolidate['anchor_share'] = 0.0
  out = ml_collections.ConfigDict(values)
  out.update_from_flattened_dict(sets)
  return out


def run(
    cfg: ml_collections.ConfigDict, arms: Sequence[str], workdir: pathlib.Path
) -> dict[str, matrix_lib.Matrix]:
  """Runs every arm that is not finished; returns what each measured."""
  matrices = {}
  for arm in arms:
    path = workdir / arm
    path.mkdir(parents=True, exist_ok=True)
    ablations.share(workdir, path, ('wake',))
    logging.info('Arm %s', arm)
    command = (
        f'python -m experiments.forgetting --workdir={workdir} --arms={arm}'
    )
    nightly.run(arm_config(cfg, arm), str(path), command)
    matrices[arm] = matrix_lib.read(path, cfg.num_nights, cfg.seed)
  return matrices


def collect(
    matrices: Mapping[str, matrix_lib.Matrix],
    workdir: pathlib.Path,
    tokens: Callable[[str, int], int],
) -> dict[str, Any]:
  """Everything that is shown, as plain values.

  Args:
    matrices: of each arm.
    workdir: with a folder for each arm.
    tokens: trained in an arm's night.
  """
  return {
      arm: {
          **matrix.to_json(),
          'kl_from_initial': matrix_lib.drifts(
              workdir / arm, len(matrix.nights)
          ),
          'trained_tokens': [
              tokens(arm, night) for night in range(len(matrix.nights))
          ],
          'ahead_of': {
              other: {
                  setting: matrix.ahead_of(theirs, setting)
                  for setting in (matrix_lib.BEST, matrix_lib.GREEDY)
              }
              for other, theirs in matrices.items() if other != arm
          },
      }
      for arm, matrix in matrices.items()
  }


def trained_tokens(workdir: pathlib.Path, arm: str, night: int) -> int:
  counts = workdir / arm / f'night_{night:03d}' / 'counts.json'
  return json.loads(counts.read_text())['consolidate']['tokens']


def table(outcome: Mapping[str, Any]) -> str:
  """All arms in one table, then the matrix of each, as Markdown."""
  show = lambda e, signed: pages.interval(e, signed) if e else '\u2013'  # noqa: E731
  lines = []
  for setting in (matrix_lib.BEST, matrix_lib.GREEDY):
    lines += [
        f'Held-out pass@1, {setting}; the untouched weights are row 0.', '',
        '| arm | problems | accuracy | minus untouched | backward transfer |'
        ' forward transfer | KL code | KL English | trained tokens |',
        '|---|---|---|---|---|---|---|---|---|',
    ]
    for arm, found in outcome.items():
      averages = found['averages'][setting]
      kl = found['kl_from_initial'][-1]
      lines.append(' | '.join([
          f'| {arm}', str(averages['accuracy']['problems']),
          show(averages['accuracy'], False),
          *(show(averages.get(name), True)
            for name in matrix_lib.AVERAGES[1:]),
          pages.interval(kl['code']), pages.interval(kl['english']),
          f"{sum(found['trained_tokens'])} |",
      ]))
    first = next(iter(outcome))
    lines += [''] + [
        f'{arm} minus {first}, accuracy, {setting}:'
        f' {pages.interval(found["ahead_of"][first][setting], signed=True)}'
        for arm, found in outcome.items() if arm != first
    ] + ['']
  for arm, found in outcome.items():
    lines += _matrix_lines(arm, found)
  return '\n'.join(lines)


def _matrix_lines(arm: str, found: Mapping[str, Any]) -> list[str]:
  """One arm: a line a type, a column a row of the matrix."""
  lines = []
  for setting, rows in found['cells'].items():
    names = ['untouched', *(f'night {k}' for k in range(len(rows) - 1))]
    lines += [
        f'{arm}, {setting}: pass@1, and its change since the last night that'
        ' saw the type (*).', '',
        '| type | n | ' + ' | '.join(names) + ' |',
        '|---' * (len(names) + 2) + '|',
    ]
    for kind in rows[0]:
      cells = []
      for row, cell in enumerate(entry[kind] for entry in rows):
        text = pages.interval(cell)
        if row and kind in found['nights'][row - 1]:
          text += ' *'
        elif cell['since']:
          text += f' ({pages.interval(cell["since"], signed=True)})'
        cells.append(text)
      lines.append(
          f'| {kind} | {rows[0][kind]["problems"]} | ' + ' | '.join(cells)
          + ' |'
      )
    lines.append('')
  return lines


def heatmap(arm: str, found: Mapping[str, Any]) -> figure.Figure:
  """pass@1 of every type after every night, at the best settings."""
  rows = found['cells'][matrix_lib.BEST]
  kinds = list(rows[0])
  values = np.array([[row[kind]['mean'] for kind in kinds] for row in rows])
  fig = plotting.new(2.0 + 0.5 * len(kinds), 2.2 + 0.4 * len(rows))
  ax = fig.add_subplot()
  image = ax.imshow(values, vmin=0.0, vmax=1.0, cmap='cividis', aspect='auto')
  ax.grid(False)
  for row, col in np.ndindex(*values.shape):
    ax.text(
        col, row, f'{values[row, col]:.2f}', ha='center', va='center',
        color='white' if values[row, col] < 0.6 else 'black', fontsize=7,
        # What the night before this morning was about.
        bbox=dict(facecolor='none', edgecolor=plotting.MORNING, pad=2.0)
        if row and kinds[col] in found['nights'][row - 1] else None,
    )
  ax.set_xticks(range(len(kinds)), kinds, rotation=60, ha='right')
  ax.set_yticks(
      range(len(rows)),
      ['untouched', *(f'after night {k}' for k in range(len(rows) - 1))],
  )
  ax.set_title(f'{arm}: held-out pass@1, best setting; framed: seen that night')
  fig.colorbar(image, ax=ax)
  return fig


def define_flags() -> None:
  # --config and --workdir are those of `nightly`.
  flags.DEFINE_list('arms', [], 'Which arms to run; all if omitted.')
  flags.DEFINE_string('results', '', 'Folder of the outcome; "": --workdir.')


def main(argv):
  del argv
  if flags.FLAGS.workdir is None:
    raise app.UsageError('--workdir is needed')
  arms = flags.FLAGS.arms or list(ARMS)
  if unknown := sorted(set(arms) - ARMS.keys()):
    raise app.UsageError(f'--arms: {unknown} are unknown; use {list(ARMS)}')
  termination.log_to_terminal()
  termination.exit_on_sigterm()
  workdir = pathlib.Path(flags.FLAGS.workdir)
  cfg = flags.FLAGS.config or conflict.get_config()
  try:
    matrices = run(cfg, arms, workdir)
  except (
      apparatus_lib.SetupError,
      contamination.ContaminationError,
      durable.CorruptError,
      options_lib.NightError,
      workdir_lib.WorkdirError,
      FloatingPointError,
      OSError,
  ) as error:
    print(f'forgetting: {error}', file=sys.stderr)
    sys.exit(1)
  outcome = collect(
      matrices, workdir, functools.partial(trained_tokens, workdir)
  )
  target = pathlib.Path(flags.FLAGS.results or workdir)
  target.mkdir(parents=True, exist_ok=True)
  durable.write_json(target / 'forgetting.json', {
      **provenance.stamp(cfg), 'seed': cfg.seed, 'arms': outcome,
  })
  for arm, found in outcome.items():
    plotting.save(
        functools.partial(heatmap, arm, found), target / f'forgetting_{arm}'
    )
  text = table(outcome)
  durable.write_bytes(target / 'forgetting.md', (text + '\n').encode())
  print(text)


if __name__ == '__main__':
  # Here, since other programs of this folder define the same flags.
  define_flags()
  app.run(main, flags_parser=nightly.parse_flags)
