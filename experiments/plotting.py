"""How figures look, and how they are written."""

from collections.abc import Callable, Mapping, Sequence
import pathlib

import matplotlib
from matplotlib import figure
import numpy as np

DUSK, MORNING, DREAM = '#4a5a8c', '#d9822b', '#3d8b6e'
_DPI = 150
_STYLE = {
    'font.size': 9,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.grid': True,
    'grid.alpha': 0.25,
    'legend.frameon': False,
    'svg.hashsalt': 'swm_jax',  # Equal data, equal bytes.
}


def new(width: float, height: float) -> figure.Figure:
  """A figure of so many inches."""
  return figure.Figure(figsize=(width, height), layout='constrained')


def errors(estimates: Sequence[Mapping[str, float]]) -> np.ndarray:
  """Distances from mean to both ends of the intervals, `[2, n]`."""
  return np.array([
      [max(e['mean'] - e['low'], 0.0) for e in estimates],
      [max(e['high'] - e['mean'], 0.0) for e in estimates],
  ])


def save(make: Callable[[], figure.Figure], path: pathlib.Path) -> None:
  """Writes a figure as `path`.png and `path`.svg."""
  path.parent.mkdir(parents=True, exist_ok=True)
  with matplotlib.rc_context(_STYLE):
    fig = make()
    # Without dates, so that the same data give the same files.
    fig.savefig(
        path.with_suffix('.png'), dpi=_DPI, metadata={'Software': None}
    )
    fig.savefig(path.with_suffix('.svg'), metadata={'Date': None})
