r"""Runs arms of a night that differ in one thing and shows them in one table.

python -m experiments.ablations --preset=plain --workdir=runs/plain

`plain` sets the whole night beside its plain part: the same prompts and as many
samples, drawn from the untouched model at fixed temperatures, and cross-entropy
alone on what was verified, for as many trained tokens. All arms share dusk, and
each is an ordinary night in a folder of its own, so the same command continues.
"""

from collections.abc import Callable, Mapping
import json
import os
import pathlib
import sys
from typing import Any

from absl import app
from absl import flags
from absl import logging
import ml_collections

from experiments import apparatus as apparatus_lib
from experiments import nightly
from experiments import pages
from experiments import phases
from experiments import termination
from experiments import workdir as workdir_lib
from experiments.configs import default
from swm_jax import durable
from swm_jax.evaluation import bootstrap
from swm_jax.evaluation import contamination
from swm_jax.evaluation import results

# --config and --workdir are those of `nightly`.
_PRESET = flags.DEFINE_string('preset', 'plain', 'Which arms to run.')

Report = Mapping[str, Any]
# An arm changes the config, given the reports of the arms before it.
Arm = Callable[[ml_collections.ConfigDict, Mapping[str, Report]], None]


def whole(cfg: ml_collections.ConfigDict, done: Mapping[str, Report]) -> None:
  """The night as configured."""
  del cfg, done


def plain(cfg: ml_collections.ConfigDict, done: Mapping[str, Report]) -> None:
  """Cross-entropy alone, on samples of the base at fixed temperatures."""
  cfg.rem.objective = 'none'
  # The perturbed samples are drawn without noise, at the same temperatures.
  cfg.rem.temperatures = cfg.rem.temperatures + cfg.rem.perturbed
  cfg.rem.perturbed = ()
  cfg.consolidate.weights.update(cd=0.0, der=0.0, replay_ce=0.0)
  cfg.consolidate.negatives = 0
  cfg.consolidate.anchor_share = 0.0
  # x- and anchors took tokens that x+ takes here.
  cfg.consolidate.epochs = 10 * cfg.consolidate.epochs
  cfg.consolidate.max_tokens = done['whole']['phases']['consolidate']['tokens']


PRESETS: Mapping[str, Mapping[str, Arm]] = {
    'plain': {'whole': whole, 'plain': plain},
}


def run(
    cfg: ml_collections.ConfigDict, preset: str, workdir: pathlib.Path
) -> dict[str, Report]:
  """Runs every arm that is not finished; returns their reports."""
  reports: dict[str, Report] = {}
  for name, arm in PRESETS[preset].items():
    arm_cfg = ml_collections.ConfigDict(cfg.to_dict())
    arm(arm_cfg, reports)
    path = workdir / name
    path.mkdir(parents=True, exist_ok=True)
    _share_dusk(workdir, path)
    logging.info('Arm %s', name)
    command = (
        f'python -m experiments.ablations --preset={preset}'
        f' --workdir={workdir}  # arm {name}'
    )
    nightly.run(arm_cfg, str(path), command)
    last = path / f'night_{cfg.num_nights - 1:03d}' / 'report.json'
    reports[name] = json.loads(last.read_text())
  return reports


def _share_dusk(workdir: pathlib.Path, path: pathlib.Path) -> None:
  """Answers are kept by the digest of the weights: all arms keep one store."""
  store = workdir / 'evaluations'
  store.mkdir(parents=True, exist_ok=True)
  if not (path / 'evaluations').exists():
    os.symlink('../evaluations', path / 'evaluations')


def contrast(
    workdir: pathlib.Path, reports: Mapping[str, Report]
) -> list[str]:
  """Says how the first arm's morning differs from each other's, held-out.

  Best setting against best setting, paired by problem, as in the gate.
  """
  mornings = {}
  for name, report in reports.items():
    folder = workdir / name / f'night_{report["night"]:03d}' / 'morning'
    measured = json.loads((folder / 'results.json').read_text())
    mornings[name] = results.from_json(measured['morning']['held_out'])
  first, *others = reports
  criterion = reports[first]['criterion']
  lines = []
  for name in others:
    difference = bootstrap.best_difference(
        mornings[name], mornings[first], criterion['settings'],
        resamples=criterion['resamples'], confidence=criterion['confidence'],
        seed=criterion['seed'],
    )
    lines.append(
        f'{first} minus {name}, held-out, best against best:'
        f' {pages.interval(difference.to_json(), signed=True)}'
        f' ({difference.problems} problems, {difference.clusters} templates)'
    )
  return lines


def table(reports: Mapping[str, Report]) -> str:
  """Arms side by side, as a Markdown table."""
  rows: list[tuple[str, Callable[[Report], str]]] = [
      ('held-out, best against best', lambda r: pages.interval(
          r['evaluation']['held_out']['difference'], signed=True)),
      ('held-out, dusk \u2192 morning', lambda r: (
          f"{r['evaluation']['held_out']['dusk']['pass_at_1']:.3f}"
          f" ({r['evaluation']['held_out']['dusk']['setting']}) \u2192"
          f" {r['evaluation']['held_out']['morning']['pass_at_1']:.3f}"
          f" ({r['evaluation']['held_out']['morning']['setting']})")),
      *(
          (f'held-out, matched at {s}', lambda r, s=s: pages.interval(
              r['evaluation']['held_out']['matched'][s], signed=True))
          for s in next(iter(reports.values()))['evaluation']['temperatures']
      ),
      ('unrelated, best against best', lambda r: pages.interval(
          r['evaluation']['unrelated']['difference'], signed=True)),
      ('KL on code, nats per token', lambda r: pages.interval(
          r['evaluation']['kl']['code']['kl'])),
      ('gate', lambda r: (
          'adopted' if r['gate']['adopted'] else 'rejected')),
      ('decoded tokens, wake + REM', lambda r: str(
          r['phases']['wake']['tokens'] + r['phases']['rem']['tokens'])),
      ('trained tokens, consolidation', lambda r: str(
          r['phases']['consolidate']['tokens'])),
      ('x+ / x\u2212', lambda r: (
          f"{r['phases']['consolidate']['positives']} /"
          f" {r['phases']['consolidate']['negatives']}")),
      ('distinct verified dreams', lambda r: str(r['dreams']['distinct'])),
      ('per 1,000 tokens where wake failed', lambda r: (
          f"{r['dreams']['hard']['rem']['per_1000_tokens']:.2f}")),
  ]
  lines = [
      '| | ' + ' | '.join(reports) + ' |', '|---' * (len(reports) + 1) + '|'
  ]
  for label, cell in rows:
    cells = ' | '.join(cell(report) for report in reports.values())
    lines.append(f'| {label} | {cells} |')
  return '\n'.join(lines)


def main(argv):
  del argv
  if flags.FLAGS.workdir is None:
    raise app.UsageError('--workdir is needed')
  if _PRESET.value not in PRESETS:
    raise app.UsageError(
        f'--preset={_PRESET.value} is unknown; choose one of {list(PRESETS)}'
    )
  termination.log_to_terminal()
  termination.exit_on_sigterm()
  workdir = pathlib.Path(flags.FLAGS.workdir)
  cfg = flags.FLAGS.config or default.get_config()
  try:
    reports = run(cfg, _PRESET.value, workdir)
  except (
      apparatus_lib.SetupError,
      contamination.ContaminationError,
      durable.CorruptError,
      phases.NightError,
      workdir_lib.WorkdirError,
      OSError,
  ) as error:
    print(f'ablations: {error}', file=sys.stderr)
    sys.exit(1)
  text = '\n\n'.join([table(reports), *contrast(workdir, reports)])
  durable.write_bytes(workdir / 'table.md', (text + '\n').encode())
  print(text)


if __name__ == '__main__':
  app.run(main, flags_parser=nightly.parse_flags)
