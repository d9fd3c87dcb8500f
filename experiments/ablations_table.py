"""What the arms of `ablations` gave, over seeds, in one table.

Seeds of one arm are other draws and other weights on the same problems. They
are pooled as more samples of each problem, so that the interval over templates
is that of the mean over seeds; each seed is also shown by itself.
"""

from collections.abc import Mapping, Sequence
import json
import pathlib
from typing import Any

from matplotlib import figure
import numpy as np

from experiments import pages
from experiments import plotting
from swm_jax.evaluation import bootstrap
from swm_jax.evaluation import results as results_lib

# Of arm, then of seed: the JSON that `ablations` wrote.
Outcomes = Mapping[str, Mapping[int, Mapping[str, Any]]]


def path(results: pathlib.Path, arm: str, seed: int) -> pathlib.Path:
  """File of one arm and seed."""
  return results / f'{arm}_{seed}.json'


def load(results: pathlib.Path) -> dict[str, dict[int, dict[str, Any]]]:
  """Reads all finished arms of a folder, in the order in which they were run.

  Raises:
    FileNotFoundError: there is none.
  """
  read = [json.loads(file.read_text()) for file in results.glob('*_*.json')]
  if not read:
    raise FileNotFoundError(
        f'there is no finished arm in {results}; run experiments.ablations'
    )
  read.sort(key=lambda outcome: (outcome['seed'], outcome['arm'] != 'whole'))
  outcomes: dict[str, dict[int, dict[str, Any]]] = {}
  for outcome in read:
    outcomes.setdefault(outcome['arm'], {})[outcome['seed']] = outcome
  return outcomes


def pooled(sets: Sequence[results_lib.SetResults]) -> results_lib.SetResults:
  """One set with the samples of several; problems and settings must agree.

  Raises:
    ValueError: they do not.
  """
  first = sets[0]
  if any(list(other.ids) != list(first.ids) for other in sets):
    raise ValueError(f'the seeds of {first.name!r} differ in their problems')
  stack = lambda field: {  # noqa: E731
      setting: np.concatenate(
          [getattr(s, field)[setting] for s in sets], axis=1
      )
      for setting in first.settings
  }
  return results_lib.SetResults(
      first.name, first.ids, first.types, first.templates,
      stack('passed'), stack('valid'),
  )


def measured(
    outcome: Mapping[str, Any], time: str, name: str
) -> results_lib.SetResults:
  """`dusk` or `morning` results of a problem set."""
  return results_lib.from_json(outcome['results'][time][name])


def gain(
    outcomes: Mapping[int, Mapping[str, Any]],
    name: str,
    other: Mapping[int, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
  """Best against best, pooled over seeds and of each seed.

  Args:
    outcomes: of an arm by seed.
    name: of the problem set.
    other: an arm whose mornings take the place of dusk; None compares with
      dusk. Seeds that both have are compared.

  Returns:
    A `bootstrap.BestDifference` as plain values, and `by_seed`, a list of them.
  """
  seeds = sorted(set(outcomes) & set(outcomes if other is None else other))
  pairs = [
      (
          measured(outcomes[s], 'dusk', name) if other is None
          else measured(other[s], 'morning', name),
          measured(outcomes[s], 'morning', name),
      )
      for s in seeds
  ]
  criterion = outcomes[seeds[0]]['report']['criterion']

  def compare(before, after):
    return bootstrap.best_difference(
        before, after, criterion['settings'],
        resamples=criterion['resamples'], confidence=criterion['confidence'],
        seed=criterion['seed'],
    ).to_json()

  return {
      **compare(*(pooled(sets) for sets in zip(*pairs))),
      'by_seed': [compare(*pair) for pair in pairs],
  }


def table(outcomes: Outcomes) -> str:
  """Arms side by side, as Markdown; differences to the first arm below."""
  signed = lambda estimate: pages.interval(estimate, signed=True)  # noqa: E731
  seeds = lambda estimate: ', '.join(  # noqa: E731
      signed(e) for e in estimate['by_seed']
  )
  rows: dict[str, list[str]] = {}

  def add(label: str, cell: str) -> None:
    rows.setdefault(label, []).append(cell)

  for arm in outcomes.values():
    reports = [outcome['report'] for outcome in arm.values()]
    mean = lambda get: sum(map(get, reports)) / len(reports)  # noqa: E731, B023
    held_out = gain(arm, 'held_out')
    add('seeds', ', '.join(str(seed) for seed in arm))
    add('held-out, best against best', signed(held_out))
    add('by seed', seeds(held_out))
    add('held-out, dusk \u2192 morning', (
        f'{held_out["dusk_mean"]:.3f} ({held_out["dusk_setting"]}) \u2192'
        f' {held_out["morning_mean"]:.3f} ({held_out["morning_setting"]})'
    ))
    add('unrelated, best against best', signed(gain(arm, 'unrelated')))
    add('KL on code, nats per token', ', '.join(
        f'{r["evaluation"]["kl"]["code"]["kl"]["mean"]:.3f}' for r in reports
    ))
    add('adopted', f'{sum(r["gate"]["adopted"] for r in reports)}'
        f' of {len(reports)}')
    add('decoded tokens, wake + REM', f"""{mean(lambda r: (
        r['phases']['wake']['tokens'] + r['phases']['rem']['tokens'])):,.0f}""")
    add('trained tokens, consolidation', f"""{mean(lambda r: (
        r['phases']['consolidate']['tokens'])):,.0f}""")
    add('distinct verified dreams', f"""{mean(lambda r: (
        r['dreams']['distinct'])):.1f}""")
    add('per 1,000 tokens where wake failed', f"""{mean(lambda r: (
        r['dreams']['hard']['rem']['per_1000_tokens'])):.2f}""")
  lines = [
      '| | ' + ' | '.join(outcomes) + ' |', '|---' * (len(outcomes) + 1) + '|'
  ]
  lines += [f'| {label} | {" | ".join(row)} |' for label, row in rows.items()]
  first, *others = outcomes
  for name in others:
    difference = gain(outcomes[first], 'held_out', outcomes[name])
    lines.append(
        f'\n{first} minus {name}, held-out, best against best:'
        f' {signed(difference)}; by seed {seeds(difference)}'
        f' ({difference["problems"]} problems,'
        f' {difference["clusters"]} templates)'
    )
  return '\n'.join(lines)


def draw(outcomes: Outcomes) -> figure.Figure:
  """Gain of every arm, held-out and unrelated, and its drift; seeds: ticks."""
  names = list(outcomes)[::-1]
  y = np.arange(len(names))
  fig = plotting.new(7.5, 1.2 + 0.3 * len(names))
  axes = fig.subplots(1, 3, sharey=True)
  for ax, name in zip(axes, ('held_out', 'unrelated')):
    gains = [gain(outcomes[arm], name) for arm in names]
    ax.errorbar(
        [g['mean'] for g in gains], y, xerr=plotting.errors(gains),
        fmt='o', markersize=4, capsize=2, color=plotting.MORNING,
    )
    for row, value in zip(y, gains):
      seeds = [seed['mean'] for seed in value['by_seed']]
      ax.plot(seeds, [row] * len(seeds), '|', color=plotting.DUSK, alpha=0.7)
    ax.axvline(0.0, color='black', linewidth=0.8)
    ax.set_xlabel(f'{name.replace("_", "-")} gain, best against best')
  for row, arm in zip(y, names):
    drift = [
        outcome['report']['evaluation']['kl']['code']['kl']['mean']
        for outcome in outcomes[arm].values()
    ]
    axes[2].plot(drift, [row] * len(drift), '|', color=plotting.DUSK)
  axes[2].axvline(0.1, color='black', linewidth=0.8, linestyle=':')
  axes[2].set_xscale('log')
  axes[2].set_xlabel('KL on code, nats per token')
  axes[0].set_yticks(y, names)
  return fig
