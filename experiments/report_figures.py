"""The figures of a night, from its `report.json`."""

from collections.abc import Callable, Mapping
import functools
import pathlib
from typing import Any

from matplotlib import figure
from matplotlib import ticker
import numpy as np

from experiments import plotting

Report = Mapping[str, Any]

PHASES = ('dusk', 'wake', 'rem', 'consolidate', 'morning', 'judge')
_TIMES = (('dusk', plotting.DUSK), ('morning', plotting.MORNING))


def pass_by_temperature(report: Report) -> figure.Figure:
  """pass@1 at each setting, dusk and morning."""
  fig = plotting.new(7.0, 3.0)
  axes = fig.subplots(1, 2)
  for ax, name in zip(axes, ('held_out', 'unrelated')):
    result = report['evaluation'][name]
    settings = report['evaluation']['temperatures']
    x = np.arange(len(settings))
    for offset, (time, colour) in zip((-0.06, 0.06), _TIMES):
      curve = [result[time]['curve'][s] for s in settings]
      ax.errorbar(
          x + offset, [e['mean'] for e in curve], plotting.errors(curve),
          marker='o', capsize=3, color=colour, label=time,
      )
    ax.set_xticks(x, settings)
    ax.set_xlabel('sampling temperature')
    ax.set_ylabel('pass@1')
    # A little room, so that a curve at 0 is seen.
    ax.set_ylim(bottom=-0.03 * ax.get_ylim()[1])
    ax.set_title(
        f'{name.replace("_", "-")}, {result["dusk"]["problems"]} problems'
    )
  # Beside the axes: within them intervals are everywhere.
  fig.legend(*axes[0].get_legend_handles_labels(), loc='outside right upper')
  return fig


def pass_by_type(report: Report) -> figure.Figure:
  """pass@1 of each problem type at the best settings, dusk and morning."""
  per_type = report['evaluation']['per_type']
  rows = [(s, kind) for s in ('held_out', 'unrelated') for kind in per_type[s]]
  fig = plotting.new(7.0, 1.2 + 0.26 * len(rows))
  heights = [max(len(per_type[s]), 1) for s in ('held_out', 'unrelated')]
  axes = fig.subplots(2, 1, sharex=True, height_ratios=heights)
  for ax, name in zip(axes, ('held_out', 'unrelated')):
    kinds = sorted(
        per_type[name],
        key=lambda kind: per_type[name][kind]['dusk']['mean'],
    )
    y = np.arange(len(kinds))
    for offset, (time, colour) in zip((-0.14, 0.14), _TIMES):
      values = [per_type[name][kind][time] for kind in kinds]
      ax.errorbar(
          [v['mean'] for v in values], y + offset, xerr=plotting.errors(values),
          fmt='o', markersize=4, capsize=2, color=colour, label=time,
      )
    labels = [
        f'{kind.replace("_", " ")} ({per_type[name][kind]["problems"]})'
        for kind in kinds
    ]
    ax.set_yticks(y, labels)
    ax.set_ylim(-0.6, len(kinds) - 0.4)
    title = {
        'held_out': 'held-out problems of explored types',
        'unrelated': 'unrelated types',
    }[name]
    ax.set_title(f'{title} (number of problems)')
  axes[1].set_xlabel('pass@1 at the best setting, 95 % interval over templates')
  fig.legend(*axes[0].get_legend_handles_labels(), loc='outside right upper')
  return fig


def energies(report: Report) -> figure.Figure:
  """Distribution of E_W over x+ and x-, before and after."""
  data = report['energies']
  unit = 'nats per token' if data['kind'] == 'nll' else data['kind']
  fig = plotting.new(7.0, 2.8)
  axes = fig.subplots(1, 2, sharex=True, sharey=True)
  everything = np.concatenate([
      data[sign][time]['energy'] or [0.0]
      for sign in ('x_plus', 'x_minus') for time in ('dusk', 'morning')
  ])
  bins = np.linspace(*np.quantile(everything, (0.0, 0.99)), 31)
  for ax, sign, title in zip(
      axes, ('x_plus', 'x_minus'), ('verified, x+', 'failed, x\u2212')
  ):
    for time, colour in _TIMES:
      values = data[sign][time]
      ax.hist(
          values['energy'], bins, color=colour, alpha=0.55,
          label=f'{time}, probability mass {values["mass"]:.3f}',
      )
    ax.set_title(f'{title} ({data[sign]["dusk"]["trajectories"]})')
    ax.set_xlabel(f'energy E_W, {unit}')
    ax.legend(fontsize=8)
  axes[0].set_ylabel('trajectories')
  return fig


def dreams(report: Report) -> figure.Figure:
  """Verified share, yield and temperature over REM."""
  rounds = report['rem']
  fig = plotting.new(7.0, 2.6)
  axes = fig.subplots(1, 3)
  x = [line['step'] + 1 for line in rounds]
  axes[0].plot(
      x, [line['verified'] for line in rounds], 'o-', color=plotting.DREAM
  )
  axes[0].set_ylabel('share of dreams verified')
  axes[0].set_ylim(bottom=0)
  axes[1].plot(
      x, np.cumsum([line['new_distinct'] for line in rounds]), 'o-',
      color=plotting.DREAM, label='all problems',
  )
  axes[1].plot(
      x, np.cumsum([line['new_distinct_hard'] for line in rounds]), 's--',
      color=plotting.MORNING, label='unsolved by wake',
  )
  axes[1].set_ylabel('distinct verified dreams')
  axes[1].set_ylim(bottom=0)
  axes[1].yaxis.set_major_locator(ticker.MaxNLocator(integer=True))
  axes[1].legend(fontsize=8)
  axes[2].plot(
      # A dreamer that is not trained has no loss.
      x, [line.get('loss_ratio', np.nan) for line in rounds], 'o-',
      color=plotting.DUSK,
      label='loss / (\u03b2\u00b2 Var R)',
  )
  axes[2].plot(
      x, [line['temperature'] for line in rounds], 's--', color='grey',
      label='mean temperature',
  )
  axes[2].set_ylim(bottom=0)
  axes[2].legend(fontsize=8)
  for ax in axes:
    ax.set_xlabel('round of dreaming')
    ax.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
  return fig


def consolidation(report: Report) -> figure.Figure:
  """Loss terms over consolidation."""
  steps = report['consolidate']
  names = [
      name for name in ('ce', 'cd', 'der', 'replay_ce') if name in steps[0]
  ]
  labels = {
      'ce': 'cross-entropy on x+\n(nats per token)',
      'cd': 'contrastive divergence',
      'der': 'distance from z_past\n(per token)',
      'replay_ce': 'cross-entropy on anchors\n(nats per token)',
  }
  names.append('grad_norm')
  labels['grad_norm'] = 'gradient norm'
  fig = plotting.new(1.0 + 2.2 * len(names), 2.6)
  axes = np.atleast_1d(fig.subplots(1, len(names)))
  for ax, name in zip(axes, names):
    ax.plot(
        [line['step'] + 1 for line in steps],
        [line[name] for line in steps], '.-', color=plotting.MORNING,
        linewidth=1,
    )
    ax.set_ylim(bottom=0)
    ax.set_xlabel('step')
    ax.set_title(labels[name], fontsize=9)
  return fig


def phases(report: Report) -> figure.Figure:
  """Time, tokens and peak memory of each phase."""
  # JSON sorts its keys; a night has an order.
  names = [name for name in PHASES if name in report['phases']]
  fig = plotting.new(7.0, 0.9 + 0.3 * len(names))
  axes = fig.subplots(1, 3, sharey=True)
  y = np.arange(len(names))[::-1]
  for ax, key, scale, label in zip(
      axes,
      ('seconds', 'tokens', 'peak_rss_bytes'),
      (60.0, 1e3, 2**30),
      ('minutes', 'thousand tokens', 'peak memory, GiB'),
  ):
    values = [report['phases'][name].get(key, 0) / scale for name in names]
    bars = ax.barh(y, values, color=plotting.DUSK)
    ax.bar_label(bars, fmt='%.1f', padding=2, fontsize=8)
    ax.set_xlabel(label)
    ax.margins(x=0.2)
    ax.set_yticks(y, names)
    ax.grid(axis='y', visible=False)
  return fig


FIGURES: Mapping[str, Callable[[Report], figure.Figure]] = {
    'pass_by_temperature': pass_by_temperature,
    'pass_by_type': pass_by_type,
    'energies': energies,
    'dreams': dreams,
    'consolidation': consolidation,
    'phases': phases,
}


def draw(report: Report, directory: pathlib.Path) -> list[str]:
  """Writes every figure as PNG and SVG; returns their names."""
  for name, make in FIGURES.items():
    plotting.save(functools.partial(make, report), directory / name)
  return list(FIGURES)
