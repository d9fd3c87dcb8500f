"""Figures of `attractors`: return against push, and energies."""

from collections.abc import Mapping
from typing import Any

from matplotlib import figure
import numpy as np

from experiments import plotting

_TIMES = (('before', plotting.DUSK), ('after', plotting.MORNING))
_GROUPS = (
    ('x_plus', 'x+', 'o-'),
    ('x_minus', 'x\u2212', 's--'),
    ('control_plus', 'unseen x+', '-'),
    ('control_minus', 'unseen x\u2212', '--'),
)
_TITLES = {
    'prompt': 'prompt pushed',
    'half': 'prompt and half of the completion pushed',
}
_UNITS = {'nll': 'nats per token', 'hopfield': 'nats'}


def basins(outcome: Mapping[str, Any]) -> figure.Figure:
  """Share that returns to the same program against the push.

  Above over all trajectories, below over those that return without a push
  before and after the night. Thin: controls.
  """
  variants = outcome['basins']
  fig = plotting.new(3.6 * len(variants) + 1.6, 5.4)
  axes = fig.subplots(2, len(variants), sharex=True, squeeze=False)
  for column, (variant, result) in zip(axes.T, variants.items()):
    for ax, curve in zip(column, ('return', 'return_settled')):
      for name, label, style in _GROUPS:
        if name in result['groups']:
          _curves(ax, outcome['taus'], result['groups'][name], curve, name,
                  label, style)
      ax.set_ylim(-0.03, 1.03)
    column[0].set_title(_TITLES[variant], fontsize=9)
    column[1].axhline(0.5, color='grey', linewidth=0.8, linestyle=':')
    column[1].set_xlabel('push, share of the norm of the stream')
  axes[0, 0].set_ylabel('share that returns')
  axes[1, 0].set_ylabel('of those that return without a push')
  handles = {}
  for ax in axes.flat:
    for handle, label in zip(*ax.get_legend_handles_labels()):
      handles.setdefault(label, handle)
  fig.legend(handles.values(), handles.keys(), loc='outside right upper')
  return fig


def _curves(ax, taus, group, curve, name, label, style):
  control = name.startswith('control')
  for time, colour in _TIMES:
    estimates = group[time][curve]
    if any(estimate is None for estimate in estimates):
      continue
    mean, low, high = (
        np.array([estimate[key] for estimate in estimates])
        for key in ('mean', 'low', 'high')
    )
    ax.plot(
        taus, mean, style, color=colour, markersize=3,
        linewidth=0.7 if control else 1.5, alpha=0.7 if control else 1.0,
        label=f'{label} {time} ({group["trajectories"]})',
    )
    if not control:
      ax.fill_between(taus, low, high, color=colour, alpha=0.12, linewidth=0)


def energies(outcome: Mapping[str, Any]) -> figure.Figure:
  """Histograms of E_W over x+ and x-, before and after."""
  kinds = outcome['energies']
  fig = plotting.new(7.0, 2.5 * len(kinds))
  axes = fig.subplots(len(kinds), 2, sharex='row', sharey='row', squeeze=False)
  for row, (kind, data) in zip(axes, kinds.items()):
    values = np.concatenate([
        data[name][time]
        for name in ('x_plus', 'x_minus') for time, _ in _TIMES
    ])
    bins = np.linspace(*np.quantile(values, (0.0, 0.99)), 31)
    for ax, (name, label, _) in zip(row, _GROUPS):
      for time, colour in _TIMES:
        own = data[name][time]
        ax.hist(
            own, bins, color=colour, alpha=0.55,
            label=f'{time}, mean {np.mean(own):.4g}' if own else time,
        )
      ax.set_title(f'{kind}, {label} ({len(data[name]["before"])})', fontsize=9)
      ax.set_xlabel(f'energy E_W, {_UNITS[kind]}')
      ax.legend(fontsize=8)
    row[0].set_ylabel('trajectories')
  return fig
