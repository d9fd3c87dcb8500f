r"""Runs arms of a night that differ in one thing and shows them in one table.

python -m experiments.ablations --preset=plain --workdir=runs/plain
python -m experiments.ablations --preset=article --workdir=runs/article
python -m experiments.ablations --preset=sweep --workdir=runs/sweep

`plain` sets the whole night beside its plain part: the same prompts and as many
samples, drawn from the untouched model at fixed temperatures, and cross-entropy
alone on what was verified. `article` takes one part at a time away, and is what
`preregistered.md` speaks of. `sweep` changes one value of consolidation at a
time and is judged on problems for tuning. All arms of a seed share dusk and
wake, those of a sweep also REM; they decode as many tokens in REM and train on
as many in consolidation as its whole night.
Each is an ordinary night in a folder of its own, so the same command continues;
it may run for hours. One JSON file for every finished arm is written to
--results, from which `figures` draws.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import json
import os
import pathlib
import sys
from typing import Any

from absl import app
from absl import flags
from absl import logging
import ml_collections

from experiments import ablations_table
from experiments import apparatus as apparatus_lib
from experiments import nightly
from experiments import options as options_lib
from experiments import provenance
from experiments import termination
from experiments import workdir as workdir_lib
from experiments.configs import default
from swm_jax import durable
from swm_jax.evaluation import contamination

_ROOT = pathlib.Path(__file__).parent / 'results'

Report = Mapping[str, Any]
# An arm changes the config of the whole night.
Arm = Callable[[ml_collections.ConfigDict], None]


def whole(cfg: ml_collections.ConfigDict) -> None:
  """The night as configured."""
  del cfg


def no_balance(cfg: ml_collections.ConfigDict) -> None:
  """REM without trajectory balance: dreams are samples of the base."""
  cfg.rem.objective = 'none'


def no_langevin(cfg: ml_collections.ConfigDict) -> None:
  """Perturbed samples are drawn without noise, at the same temperatures."""
  cfg.rem.temperatures = cfg.rem.temperatures + cfg.rem.perturbed
  cfg.rem.perturbed = ()


def no_contrast(cfg: ml_collections.ConfigDict) -> None:
  """Consolidation without x-."""
  cfg.consolidate.weights.cd = 0.0
  cfg.consolidate.negatives = 0


def no_anchor(cfg: ml_collections.ConfigDict) -> None:
  """Consolidation without z_past."""
  cfg.consolidate.weights.update(der=0.0, replay_ce=0.0)
  cfg.consolidate.anchor_share = 0.0


def plain(cfg: ml_collections.ConfigDict) -> None:
  """Cross-entropy alone, on samples of the base at fixed temperatures."""
  for take_away in (no_balance, no_langevin, no_contrast, no_anchor):
    take_away(cfg)


def grpo(cfg: ml_collections.ConfigDict) -> None:
  """The plain night with a dreamer trained by GRPO."""
  plain(cfg)
  cfg.rem.objective = 'grpo'


def changed(key: str, value: Any) -> Arm:
  """An arm with another value of consolidation.

  Args:
    key: dotted, below `consolidate`.
    value: to give it.
  """

  def arm(cfg: ml_collections.ConfigDict) -> None:
    cfg.consolidate.update_from_flattened_dict({key: value})

  arm.__doc__ = f'consolidate.{key}={value}'
  return arm


def sweep() -> dict[str, Arm]:
  """One value of consolidation at a time, around the config."""
  values = {
      'weights.cd': (0.0, 0.03, 0.3),
      'weights.der': (0.0, 0.3, 3.0),
      'energy': ('hopfield',),
      'temperature': (1e-6, 1e-5),
      'contrast_form': ('topr',),
      'contrast_beta': (10.0,),
      'anchor_form': ('squared', 'sampled'),
      'anchor_share': (0.3,),
      'learning_rate': (2e-5, 1e-4),
      'epochs': (1, 4),
      'positives': (2, 8),
      'rare_first': (False,),
  }
  return {
      f'{key}={value}': changed(key, value)
      for key, choices in values.items() for value in choices
  }


def _match(
    cfg: ml_collections.ConfigDict, done: Report, shared: Sequence[str]
) -> None:
  """Gives an arm the tokens of the whole night, whatever they are spent on."""
  if 'rem' not in shared:
    cfg.rem.rounds *= 10
    cfg.rem.max_tokens = done['phases']['rem']['tokens']
  cfg.consolidate.epochs *= 10
  cfg.consolidate.max_tokens = done['phases']['consolidate']['tokens']


@dataclasses.dataclass(frozen=True)
class Preset:
  """Arms that are compared with the first of them.

  Attributes:
    arms: by name; the first is the whole night.
    seeds: of every arm.
    shared: phases before consolidation that all arms of a seed have in common.
    judge_on: see `tasks.judge_on`.
  """

  arms: Mapping[str, Arm]
  seeds: int
  shared: tuple[str, ...] = ('wake',)
  judge_on: str = 'held_out'


PRESETS: Mapping[str, Preset] = {
    'plain': Preset({'whole': whole, 'plain': plain}, 1),
    'article': Preset({
        'whole': whole,
        'plain': plain,
        'no_balance': no_balance,
        'no_langevin': no_langevin,
        'no_contrast': no_contrast,
        'no_anchor': no_anchor,
        'grpo': grpo,
    }, 3),
    'sweep': Preset(
        {'whole': whole, **sweep()}, 1,
        shared=('wake', 'rem'), judge_on='validation',
    ),
}


def run(
    cfg: ml_collections.ConfigDict,
    preset: str,
    workdir: pathlib.Path,
    results: pathlib.Path,
    seeds: int,
) -> None:
  """Runs every arm that is not finished and writes what it gave.

  Seeds are the outer loop, so that a cut run holds whole comparisons.

  Args:
    cfg: of the whole night; seeds count up from its own.
    preset: name of it.
    workdir: of all nights.
    results: folder of the JSON files.
    seeds: of every arm.
  """
  arms, shared = PRESETS[preset].arms, PRESETS[preset].shared
  for seed in range(cfg.seed, cfg.seed + seeds):
    group = workdir / f'seed_{seed}'
    for name, arm in arms.items():
      arm_cfg = ml_collections.ConfigDict(cfg.to_dict())
      arm_cfg.seed = seed
      arm_cfg.tasks.judge_on = PRESETS[preset].judge_on
      arm(arm_cfg)
      if arm is not whole:
        first = ablations_table.path(results, next(iter(arms)), seed)
        _match(arm_cfg, json.loads(first.read_text())['report'], shared)
      path = group / name
      path.mkdir(parents=True, exist_ok=True)
      share(group, path, shared)
      logging.info('Arm %s, seed %d', name, seed)
      command = (
          f'python -m experiments.ablations --preset={preset}'
          f' --workdir={workdir}  # arm {name}, seed {seed}'
      )
      nightly.run(arm_cfg, str(path), command)
      night = path / f'night_{cfg.num_nights - 1:03d}'
      target = ablations_table.path(results, name, seed)
      if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        durable.write_json(target, {
            'arm': name,
            'seed': seed,
            'about': ' '.join(arm.__doc__.split()),
            **provenance.stamp(arm_cfg),
            'report': json.loads((night / 'report.json').read_text()),
            'results': json.loads(
                (night / 'morning' / 'results.json').read_text()
            ),
        })


def share(
    group: pathlib.Path, path: pathlib.Path, shared: Sequence[str]
) -> None:
  """Lets all arms of a seed keep one dusk, and one of each shared phase.

  Answers at dusk are kept by the digest of the weights; a wake depends on the
  seed and the weights alone, and REM on its own options besides.
  """
  links = {'evaluations': path / 'evaluations'}
  links |= {phase: path / 'night_000' / phase for phase in shared}
  for store, link in links.items():
    (group / store).mkdir(parents=True, exist_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.exists():
      link.symlink_to(os.path.relpath(group / store, link.parent))


def define_flags() -> None:
  # --config and --workdir are those of `nightly`.
  flags.DEFINE_string('preset', 'plain', 'Which arms to run.')
  flags.DEFINE_integer('seeds', 0, 'Of every arm; 0: those of the preset.')
  flags.DEFINE_string(
      'results', '', 'Folder of the JSON files; "": experiments/results/PRESET.'
  )


def main(argv):
  del argv
  if flags.FLAGS.workdir is None:
    raise app.UsageError('--workdir is needed')
  if flags.FLAGS.preset not in PRESETS:
    raise app.UsageError(
        f'--preset={flags.FLAGS.preset} is unknown; choose one of'
        f' {list(PRESETS)}'
    )
  termination.log_to_terminal()
  termination.exit_on_sigterm()
  workdir = pathlib.Path(flags.FLAGS.workdir)
  results = pathlib.Path(flags.FLAGS.results or _ROOT / flags.FLAGS.preset)
  cfg = flags.FLAGS.config or default.get_config()
  seeds = flags.FLAGS.seeds or PRESETS[flags.FLAGS.preset].seeds
  try:
    run(cfg, flags.FLAGS.preset, workdir, results, seeds)
  except (
      apparatus_lib.SetupError,
      contamination.ContaminationError,
      durable.CorruptError,
      options_lib.NightError,
      workdir_lib.WorkdirError,
      OSError,
  ) as error:
    print(f'ablations: {error}', file=sys.stderr)
    sys.exit(1)
  text = ablations_table.table(ablations_table.load(results))
  durable.write_bytes(results / 'table.md', (text + '\n').encode())
  print(text)


if __name__ == '__main__':
  # Here, since other programs of this folder define the same flags.
  define_flags()
  app.run(main, flags_parser=nightly.parse_flags)
