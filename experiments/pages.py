"""Shows a night's report as a page: report.html (self-contained), report.md."""

import base64
from collections.abc import Mapping, Sequence
import json
import pathlib
from typing import Any

import jax
import jinja2

from experiments import report_figures
from swm_jax import durable
from swm_jax.evaluation import gate

CAPTIONS = {
    'pass_by_temperature': (
        'pass@1 at each temperature. A gain counts only where the morning at'
        ' its best setting beats dusk at its own.'
    ),
    'pass_by_type': 'pass@1 of each problem type before and after the night.',
    'energies': (
        'Energy of the night\u2019s verified and failed trajectories under the'
        ' weights of dusk and of the morning.'
    ),
    'dreams': 'REM: share verified, distinct solutions found, loss.',
    'consolidation': 'Terms of the loss over consolidation.',
    'phases': 'What each phase cost.',
}
_SETS = ('held_out', 'unrelated', 'humaneval')


def interval(estimate: Mapping[str, Any], signed: bool = False) -> str:
  """Formats a mean with its interval."""
  if estimate['mean'] is None:
    return 'not measured'
  sign = '+' if signed else ''
  return (
      f'{estimate["mean"]:{sign}.3f}'
      f' [{estimate["low"]:{sign}.3f}, {estimate["high"]:{sign}.3f}]'
  )


def duration(seconds: float) -> str:
  return f'{int(seconds) // 60}:{int(seconds) % 60:02d}'


def _environment() -> jinja2.Environment:
  environment = jinja2.Environment(
      loader=jinja2.PackageLoader('experiments'),
      autoescape=jinja2.select_autoescape(['html.j2']),
      trim_blocks=True,
      lstrip_blocks=True,
      undefined=jinja2.StrictUndefined,
  )
  environment.filters.update(interval=interval, duration=duration)
  environment.globals.update(sets=_SETS, captions=CAPTIONS, judged=gate.JUDGED)
  return environment


def write(report: Mapping[str, Any], directory: pathlib.Path) -> None:
  """Writes both pages and the figures of a night into its folder."""
  names = report_figures.draw(report, directory / 'figures')
  images = {
      name: base64.b64encode(
          (directory / 'figures' / f'{name}.png').read_bytes()
      ).decode()
      for name in names
  }
  environment = _environment()
  for suffix in ('md', 'html'):
    text = environment.get_template(f'report.{suffix}.j2').render(
        r=report, figures=names, images=images
    )
    durable.write_bytes(directory / f'report.{suffix}', text.encode())


def show(directory: pathlib.Path) -> None:
  """Prints where a night's report is, and its five lines."""
  if jax.process_index():
    return
  report = json.loads((directory / 'report.json').read_text())
  print(f'\nReport: {directory / "report.html"}')
  print('\n'.join(summary(report)))


def summary(report: Mapping[str, Any]) -> Sequence[str]:
  """Five lines for a terminal."""
  held_out = report['evaluation']['held_out']
  unrelated = report['evaluation']['unrelated']
  judged = gate.JUDGED[report['criterion']['judge_on']]
  dreams = report['dreams']
  seconds = sum(phase['seconds'] for phase in report['phases'].values())
  outcome = 'adopted' if report['gate']['adopted'] else 'rejected'
  if report['config']['adopt'] == 'always':
    outcome += ' and carried on'
  line = lambda name, r: (
      f'{name} pass@1, best against best: {r["dusk"]["pass_at_1"]:.3f}'
      f' ({r["dusk"]["setting"]}) -> {r["morning"]["pass_at_1"]:.3f}'
      f' ({r["morning"]["setting"]}), {interval(r["difference"], signed=True)}'
  )
  return [
      f'Night {report["night"]} {outcome} after {duration(seconds)} min.',
      line(judged.capitalize(), held_out),
      line('Unrelated', unrelated),
      f'Dreams: {dreams["sampled"]} sampled, {dreams["verified"]} verified,'
      f' {dreams["distinct"]} distinct; {dreams["hard"]["rem"]["solved"]} of'
      f' {dreams["unsolved_by_wake"]} problems that wake missed were solved.',
      'KL(base||tuned) per token:'
      f' {report["evaluation"]["kl"]["code"]["kl"]["mean"]:.4f} on code,'
      f' {report["evaluation"]["kl"]["english"]["kl"]["mean"]:.4f} on English.',
  ]
