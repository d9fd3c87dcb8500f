r"""Asks of a night whether its verified trajectories became attractors.

python -m experiments.attractors --workdir=runs/default --night=0 \
    --trajectories=64 --draws=4 --out=runs/default/attractors.json

The hypothesis: after a night the trajectories that it consolidated (x+) are
attractors of the network's dynamics, and more so than before. Each trajectory's
residual stream is pushed at one layer by a share tau of its norm, the model
runs on greedily, and it returns if it writes the same program; see
`swm_jax/evaluation/basin.py`. Pushed is the prompt (`prompt`), and the prompt
with the first half of the completion (`half`). The same pushes are made under
the weights before and after the night, to x+, to x- of the same problems, and
to controls: answers to unrelated problems, drawn afresh from the weights before
and chosen by the rule that chose the night's memories, which no night has seen.

What speaks for the hypothesis is a gain of x+ in `return` without a push, in
`reach` or in `radius` that x- and the controls do not have: the differences at
the end of the table. Intervals are 95 %, over templates.

The program also compares energies and probabilities of x+ and x- before and
after; with `--against=OTHER`, another run of the same wake, it says whether one
night took more from x- than the other (`pruning.py`).

The same command continues. Beside the JSON it writes two figures.
"""

from collections.abc import Mapping, Sequence
import functools
import json
import pathlib
import sys
from typing import Any

from absl import app
from absl import flags
from absl import logging
import jax
import numpy as np

from experiments import apparatus as apparatus_lib
from experiments import attractor_figures
from experiments import basins
from experiments import plotting
from experiments import provenance
from experiments import pruning
from experiments import slept as slept_lib
from experiments import termination
from swm_jax import durable
from swm_jax.evaluation import basin

# Stratum: names of its x+ and of its x-.
GROUPS = {
    'night': ('x_plus', 'x_minus'),
    'control': ('control_plus', 'control_minus'),
}
# Whose change is compared with whose.
PAIRS = (
    ('x_plus', 'x_minus'),
    ('x_plus', 'control_plus'),
    ('x_minus', 'control_minus'),
)
_SCALARS = ('fixed', 'reach', 'radius')


def analyse(
    measured: Mapping[str, np.ndarray],
    signs: Sequence[int],
    templates: Sequence[str],
    taus: Sequence[float],
    *,
    seed: int,
) -> dict[int, dict[str, Any]]:
  """Statistics of x+ and x- of one stratum, as rows of `basin.resample`.

  Args:
    measured: each of `basins.CURVES`, `[P, times, taus]`.
    signs: of P trajectories.
    templates: of P trajectories.
    taus: pushed by.
    seed: of the resamples.

  Returns:
    By sign: `settled`, the number that return without a push both times; for
    each time a dict of curves `[1 + R, taus]` and scalars `[1 + R]`.
  """
  signs = np.asarray(signs)
  settled_P = (measured['return'][:, :, 0] == 1).all(axis=1)
  columns, names = [], []
  for sign in (+1, -1):
    own_P = signs == sign
    for name, weight_P in (
        *((curve, own_P) for curve in basins.CURVES),
        ('settled', own_P & settled_P),
    ):
      value = measured['return' if name == 'settled' else name]
      weight = weight_P[:, None, None] & np.isfinite(value)
      columns.append((np.where(weight, value, 0.0), weight))
      names.append((sign, name))
  flat = lambda part: np.concatenate(
      [column[part].reshape(len(signs), -1) for column in columns], axis=1
  )
  rows = basin.resample(templates, flat(0), flat(1), seed=seed)
  rows = rows.reshape(len(rows), len(names), len(basins.TIMES), len(taus))
  out: dict[int, dict[str, Any]] = {}
  for n, (sign, name) in enumerate(names):
    found = out.setdefault(
        sign, {'settled': int((settled_P & (signs == sign)).sum())}
    )
    for t, time in enumerate(basins.TIMES):
      curve = rows[:, n, t]
      values = found.setdefault(time, {})
      if name == 'settled':
        values['return_settled'] = curve
        values['radius'] = basin.radius(taus, curve)
        continue
      values[name] = curve
      if name == 'return':
        values['fixed'] = curve[:, 0]
        values['reach'] = basin.reach(taus, curve)
  return out


def _intervals(rows: np.ndarray) -> Any:
  """Interval of a scalar, or one a tau of a curve."""
  if rows.ndim == 1:
    return basin.interval(rows)
  return [basin.interval(column) for column in rows.T]


def summarise(
    strata: Sequence[basins.Stratum],
    measured: Sequence[Mapping[str, np.ndarray]],
    pushes: basins.Pushes,
) -> dict[str, Any]:
  """Groups with what they were before, after and by how much they changed."""
  groups, changes = {}, {}
  for index, (stratum, values) in enumerate(zip(strata, measured)):
    signs = [memory.sign for memory in stratum.memories]
    found = analyse(
        values, signs, stratum.templates, pushes.taus,
        # They share no template: their draws must not be alike.
        seed=pushes.seed + index,
    )
    for sign, name in zip((+1, -1), GROUPS[stratum.name]):
      own = [m for m in stratum.memories if m.sign == sign]
      before, after = found[sign]['before'], found[sign]['after']
      changes[name] = {key: after[key] - before[key] for key in before}
      groups[name] = {
          'trajectories': len(own),
          'problems': len({memory.problem for memory in own}),
          'templates': len({
              template for template, memory in zip(
                  stratum.templates, stratum.memories
              ) if memory.sign == sign
          }),
          'settled': found[sign]['settled'],
          **{
              time: {k: _intervals(v) for k, v in found[sign][time].items()}
              for time in basins.TIMES
          },
          'change': {k: _intervals(v) for k, v in changes[name].items()},
      }
  differences = {
      f'{one} - {other}': {
          key: _intervals(changes[one][key] - changes[other][key])
          for key in changes[one]
      }
      for one, other in PAIRS if one in changes and other in changes
  }
  return {'groups': groups, 'differences': differences}


def table(outcome: Mapping[str, Any]) -> str:
  """Scalars of every group, before, after, changes and their differences."""
  lines = []
  for variant, result in outcome['basins'].items():
    lines += [
        f'pushed: {variant}', '  {:<30}{:>6}{:>9}'.format('', 'n', 'settled')
        + ''.join(f'{name:>26}' for name in _SCALARS),
    ]
    for name, group in result['groups'].items():
      for time in (*basins.TIMES, 'change'):
        count = (group['trajectories'], group['settled'])
        lines.append(_line(f'{name} {time}', group[time], count))
    for name, difference in result['differences'].items():
      lines.append(_line(f'{name} (change)', difference, ('', '')))
  lines.append('log p, nats: change over the night')
  keys = ('x_plus', 'x_minus', 'margin', 'spill', 'mass_plus', 'mass_minus')
  lines.append('  {:<20}'.format('') + ''.join(f'{key:>26}' for key in keys))
  runs = dict(outcome['pruning']['runs'])
  if 'difference' in outcome['pruning']:
    runs['difference'] = outcome['pruning']['difference']
  for name, measures in runs.items():
    lines.append(f'  {name:<20}' + ''.join(
        f'{_estimate(measures[key]):>26}' for key in keys
    ))
  return '\n'.join(lines)


def _line(name, values, count) -> str:
  return '  {:<30}{:>6}{:>9}'.format(name, *count) + ''.join(
      f'{_estimate(values[key]):>26}' for key in _SCALARS
  )


def _estimate(value) -> str:
  if value is None:
    return '-'
  return f'{value["mean"]:.3f} [{value["low"]:.3f}, {value["high"]:.3f}]'


def compare_scores(
    lab: apparatus_lib.Apparatus,
    slept: slept_lib.Slept,
    against: slept_lib.Slept | None,
    seed: int,
) -> dict[str, Any]:
  """Energies of the night, and `pruning` of one run or of two.

  Raises:
    SleptError: the two runs are not of one wake.
  """
  memories = slept.memories
  after = {'this': slept.after}
  if against is not None:
    for field, what in (
        ('weights_before', 'weights'), ('wake_log', 'wake log')
    ):
      if getattr(slept.lineage, field) != getattr(against.lineage, field):
        raise slept_lib.SleptError(
            f'the two nights began with another {what}; --against names a run'
            ' of the same wake'
        )
    key = lambda m: (m.problem, m.sign, *map(int, m.tokens))
    shared = {key(memory) for memory in against.memories}
    memories = [memory for memory in memories if key(memory) in shared]
    after['against'] = against.after
  problems = {problem.id: problem for problem in lab.day}
  templates = [
      f'{problems[m.problem].type}/{problems[m.problem].template}'
      for m in memories
  ]
  before = pruning.score(slept.before, lab.config, memories)
  after = {
      name: pruning.score(params, lab.config, memories)
      for name, params in after.items()
  }
  return {
      'energies': pruning.energies(
          memories, templates, before, after['this'], seed=seed
      ),
      'pruning': pruning.pruning(memories, templates, before, after, seed=seed),
  }


def run(
    workdir: pathlib.Path,
    night: int,
    out: pathlib.Path,
    *,
    trajectories: int,
    draws: int,
    taus: Sequence[float],
    layer: int | None,
    seed: int,
    against: pathlib.Path | None,
) -> dict[str, Any]:
  """Measures a night and writes the result and its figures.

  Args:
    workdir: of the run.
    night: counted from 0.
    out: JSON; the figures lie beside it.
    trajectories: x+ of the night at most, as many x-, and the same of controls.
    draws: directions of each.
    taus: positive, ascending.
    layer: pushed; None is that of the night's own perturbation.
    seed: of directions, controls and intervals.
    against: work directory of another run of the same wake.

  Raises:
    SleptError: a night cannot be read or measured.
    SetupError: the apparatus of the night cannot be built.
  """
  cfg = slept_lib.config(workdir)
  other_cfg = slept_lib.config(against) if against else None
  lab = apparatus_lib.build(cfg)
  with lab.verifiers:
    slept = slept_lib.read(workdir, night, cfg, lab)
    if not slept.memories:
      raise slept_lib.SleptError(
          f'night {night} of {workdir} has no memory of a problem that its'
          ' config gives'
      )
    other = slept_lib.read(against, night, other_cfg, lab) if against else None
    scores = compare_scores(lab, slept, other, seed)
    pushes = basins.Pushes(
        (0.0, *taus), draws,
        cfg.rem.perturbation.layer if layer is None else layer, seed,
    )
    strata = [
        basins.make_stratum(
            'night', basins.pick(slept.memories, trajectories),
            {p.id: p for p in lab.day}, lab.decoder, lab.config,
        ),
        basins.make_stratum(
            'control',
            basins.draw_controls(cfg, lab, slept, trajectories, seed),
            {p.id: p for p in lab.sets['unrelated'].problems},
            lab.sets['unrelated'].decoder, lab.config,
        ),
    ]
    if not strata[-1].memories:
      logging.warning('No unrelated problem was solved: there is no control')
    strata = [stratum for stratum in strata if stratum.memories]
    parts = out.with_name(f'{out.name}.parts')
    experiment = basins.Experiment(lab, slept, pushes, parts)
    outcome = {
        'night': night,
        'seed': seed,
        'weights': {
            'before': slept.lineage.weights_before,
            'after': slept.lineage.weights_after,
        },
        'layer': pushes.layer,
        'draws': draws,
        'taus': list(pushes.taus),
        'unknown_records': slept.unknown,
        'basins': {
            variant: summarise(
                strata,
                [experiment.measure(stratum, variant) for stratum in strata],
                pushes,
            )
            for variant in basins.VARIANTS
        },
        **scores,
        'provenance': provenance.stamp(cfg),
    }
  durable.write_json(out, json.loads(json.dumps(outcome)))
  for name, draw in (
      ('basins', attractor_figures.basins),
      ('energies', attractor_figures.energies),
  ):
    plotting.save(
        functools.partial(draw, outcome), out.with_name(f'{out.stem}_{name}')
    )
  return outcome


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags, on `flags.FLAGS` or on a test's own."""
  define = dict(flag_values=values)
  flags.DEFINE_string('workdir', None, 'Work directory of the run.', **define)
  flags.DEFINE_integer(
      'night', 0, 'Counted from 0.', lower_bound=0, **define)
  flags.DEFINE_string('out', None, 'Where the result goes, JSON.', **define)
  flags.DEFINE_integer(
      'trajectories', 64, 'x+, and as many x- and controls of each kind.',
      lower_bound=1, **define)
  flags.DEFINE_integer(
      'draws', 4, 'Directions of each trajectory.', lower_bound=1, **define)
  flags.DEFINE_list(
      'taus', ['0.1', '0.2', '0.3', '0.4', '0.6', '0.8'],
      'Pushes over the norm of the stream, ascending.', **define)
  flags.DEFINE_integer(
      'layer', None, "The stream entering it is pushed; the night's own"
      ' rem.perturbation.layer if omitted.', lower_bound=0, **define)
  flags.DEFINE_integer(
      'seed', 0, 'Of directions, controls and intervals.', lower_bound=0,
      **define)
  flags.DEFINE_string(
      'against', None, 'Work directory of another run of the same wake.',
      **define)
  flags.mark_flags_as_required(['workdir', 'out'], flag_values=values)


def parse_taus(given: Sequence[str]) -> list[float]:
  """Reads pushes.

  Raises:
    SleptError: they are not positive, finite and ascending.
  """
  try:
    taus = [float(tau) for tau in given]
  except ValueError:
    taus = []
  if not taus or not all(
      low < high < float('inf') for low, high in zip([0.0, *taus], taus)
  ):
    raise slept_lib.SleptError(
        f'--taus={",".join(given)} must be positive numbers in ascending order'
    )
  return taus


def main(argv: Sequence[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'unexpected argument {argv[1]}')
  values = flags.FLAGS
  termination.log_to_terminal()
  termination.exit_on_sigterm()
  jax.config.update('jax_threefry_partitionable', True)
  try:
    outcome = run(
        pathlib.Path(values.workdir), values.night, pathlib.Path(values.out),
        trajectories=values.trajectories, draws=values.draws,
        taus=parse_taus(values.taus), layer=values.layer, seed=values.seed,
        against=pathlib.Path(values.against) if values.against else None,
    )
  except (
      apparatus_lib.SetupError, slept_lib.SleptError, durable.CorruptError,
      OSError,
  ) as error:
    print(f'attractors: {error}', file=sys.stderr)
    sys.exit(1)
  print(table(outcome))


if __name__ == '__main__':
  # Here, since other programs of this folder define the same flags.
  define_flags(flags.FLAGS)
  app.run(main)
