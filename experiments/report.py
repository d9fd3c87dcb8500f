"""Collects a night into `report.json`; `report_figures.py` and `pages.py` show it.

Every number is computed from what the phases left on disk, so a report can be
written again at any time and comes out the same.
"""

from collections.abc import Mapping, Sequence
import json
import pathlib
from typing import Any

import numpy as np

from experiments import pages
from experiments import report_figures
from swm_jax import consolidate
from swm_jax import durable
from swm_jax import metrics as metrics_lib
from swm_jax import types
from swm_jax.data import trajectory_log
from swm_jax.evaluation import bootstrap
from swm_jax.evaluation import results

Record = trajectory_log.Record
_EXAMPLES = 6
_PASS_AT = 4
_DECIMALS = 6


def write(night: Any, command: str) -> dict[str, Any]:
  """Writes report.json, report.md, report.html and figures; returns the first.

  Args:
    night: `phases.Night` whose morning is judged.
    command: that ran it.
  """
  report = collect(night, command)
  pages.write(report, night.directory)
  # Last, because it says that the night is done.
  durable.write_json(night.directory / 'report.json', report)
  return report


def collect(night: Any, command: str) -> dict[str, Any]:
  """Returns everything that the report shows, as plain values."""
  directory = night.directory
  judgement = _read(directory / 'morning' / 'judgement.json')
  measured = _read(directory / 'morning' / 'results.json')
  dusk, morning = (
      {name: results.from_json(value) for name, value in measured[time].items()}
      for time in ('dusk', 'morning')
  )
  wake_log = list(trajectory_log.read(directory / 'wake' / 'log'))
  dream_log = list(trajectory_log.read(directory / 'rem' / 'log'))
  problems = {problem.id: problem for problem in night.day}
  seed = night.criterion['seed']
  settings = night.criterion['settings']
  evaluation: dict[str, Any] = {
      name: _compare(dusk[name], morning[name], settings, seed)
      for name in dusk
  }
  evaluation['per_type'] = {
      name: _per_type(dusk[name], morning[name], evaluation[name], seed)
      for name in ('held_out', 'unrelated')
  }
  evaluation['temperatures'] = list(settings)
  evaluation['kl'] = judgement['drift']
  evaluation['kl_from_initial'] = judgement['drift_from_initial']
  counts = _read(directory / 'counts.json')
  spent = night.work.phases(night.index)
  phases = {
      name: {**spent[name], **counts.get(name, {})}
      for name in report_figures.PHASES if name in spent
  }
  for phase in phases.values():
    phase.setdefault('tokens', 0)
    if phase['seconds'] > 0:
      phase['tokens_per_second'] = phase['tokens'] / phase['seconds']
  lines = [
      line for line in metrics_lib.read(night.work.path)
      if line['night'] == night.index
  ]
  return _rounded({
      'night': night.index,
      'command': command,
      'seed': night.cfg.seed,
      'config': json.loads(night.cfg.to_json_best_effort()),
      'versions': _read(night.work.path / 'versions.json'),
      'isolation': night.lab.verifiers.isolation,
      'verifiers': night.lab.verifiers.records,
      'criterion': night.criterion,
      'gate': judgement['gate'],
      'weights': judgement['weights'],
      'evaluation': evaluation,
      'phases': phases,
      'wake': _verdicts(wake_log),
      'dreams': _dreams(problems, wake_log, dream_log),
      'rem': _rounds(
          problems, wake_log, directory / 'rem' / 'log',
          [line for line in lines if line['phase'] == 'rem'],
      ),
      'consolidate': [l for l in lines if l['phase'] == 'consolidate'],
      'energies': judgement['energies'],
      'z_past': judgement['z_past'],
      'contamination': _read(directory / 'contamination.json'),
      'examples': _examples(problems, wake_log, dream_log),
  })


def _read(path: pathlib.Path) -> Any:
  return json.loads(path.read_text())


def _rounded(value: Any) -> Any:
  """Rounds floats, and writes NaN as None, which JSON can hold."""
  if isinstance(value, Mapping):
    return {key: _rounded(item) for key, item in value.items()}
  if isinstance(value, (list, tuple)):
    return [_rounded(item) for item in value]
  if isinstance(value, float):
    return round(value, _DECIMALS) if np.isfinite(value) else None
  return value


def _compare(
    dusk: results.SetResults,
    morning: results.SetResults,
    settings: Sequence[str],
    seed: int,
) -> dict[str, Any]:
  """Dusk, morning and their difference: best settings, and each matched."""
  settings = [s for s in settings if s in dusk.passed]
  best = bootstrap.best_difference(dusk, morning, settings, seed=seed)
  out: dict[str, Any] = {'difference': best.to_json(), 'matched': {}}
  for setting in settings:
    out['matched'][setting] = bootstrap.difference(
        dusk, morning, setting, seed=seed
    ).to_json()
  for name, result, setting in (
      ('dusk', dusk, best.dusk_setting),
      ('morning', morning, best.morning_setting),
  ):
    curve = {
        s: bootstrap.interval(result, s, seed=seed).to_json() for s in settings
    }
    out[name] = {
        'pass_at_1': curve[setting]['mean'],
        'setting': setting,
        'greedy': curve['greedy']['mean'] if 'greedy' in curve else None,
        'problems': len(result.ids),
        'samples': sum(result.passed[s].shape[1] for s in settings),
        'masked': int(sum((~result.valid[s]).sum() for s in settings)),
        'curve': curve,
    }
  many = [s for s in settings if dusk.passed[s].shape[1] >= _PASS_AT]
  if many:
    out[f'pass_at_{_PASS_AT}'] = {
        'difference': bootstrap.best_difference(
            dusk, morning, many, k=_PASS_AT, seed=seed
        ).to_json(),
        'matched': {
            s: {
                'dusk': bootstrap.interval(dusk, s, k=_PASS_AT).mean,
                'morning': bootstrap.interval(morning, s, k=_PASS_AT).mean,
            }
            for s in many
        },
    }
  return out


def _per_type(dusk, morning, comparison, seed) -> dict[str, Any]:
  """The same comparison for each problem type, at the sets' best settings."""
  out = {}
  afterwards = morning.by_type()
  for name, before in sorted(dusk.by_type().items()):
    after = afterwards[name]
    out[name] = {
        'problems': len(before.ids),
        'templates': len(set(before.templates)),
        'dusk': bootstrap.interval(
            before, comparison['dusk']['setting'], seed=seed
        ).to_json(),
        'morning': bootstrap.interval(
            after, comparison['morning']['setting'], seed=seed
        ).to_json(),
    }
  return out


def _verdicts(records: Sequence[Record]) -> dict[str, Any]:
  reasons: dict[str, int] = {}
  for entry in records:
    reason = entry['verdict']['reason']
    reasons[reason] = reasons.get(reason, 0) + 1
  passed = [e for e in records if e['verdict']['status'] == types.PASS]
  return {
      'sampled': len(records),
      'verified': len(passed),
      'weak': sum(bool(e['verdict']['weak']) for e in records),
      'masked_errors': sum(
          e['verdict']['status'] == types.ERROR for e in records
      ),
      'tokens': sum(len(e['tokens']) for e in records),
      'reasons': dict(sorted(reasons.items())),
      'problems': len({e['problem'] for e in records}),
      'solved': len({e['problem'] for e in passed}),
  }


def _form(problems, entry) -> tuple[str, str]:
  problem = entry['problem']
  return problem, consolidate.program_form(problems[problem], entry)


def _distinct(problems, records) -> int:
  return len({
      _form(problems, e) for e in records
      if e['verdict']['status'] == types.PASS
  })


def _yield(problems, records, hard) -> dict[str, Any]:
  """Distinct verified solutions of the hard problems per 1,000 tokens."""
  on_hard = [e for e in records if e['problem'] in hard]
  tokens = sum(len(e['tokens']) for e in on_hard)
  distinct = _distinct(problems, on_hard)
  return {
      'distinct': distinct,
      'tokens': tokens,
      'samples': len(on_hard),
      'problems': len({e['problem'] for e in on_hard}),
      'solved': len({
          e['problem'] for e in on_hard if e['verdict']['status'] == types.PASS
      }),
      'per_1000_tokens': 1000 * distinct / tokens if tokens else 0.0,
  }


def _dreams(problems, wake_log, dream_log) -> dict[str, Any]:
  """What REM found, above all where waking found nothing.

  The control is the base itself with as many tokens to spare: wake's second
  half of samples on the problems that its first half did not solve.
  """
  unsolved = set(problems)
  first, second, place = [], [], {}
  for entry in wake_log:
    index = place[entry['problem']] = place.get(entry['problem'], -1) + 1
    (first if index % 2 == 0 else second).append(entry)
    if entry['verdict']['status'] == types.PASS:
      unsolved.discard(entry['problem'])
  missed = set(problems) - {
      e['problem'] for e in first if e['verdict']['status'] == types.PASS
  }
  modes = {
      'clean': [e for e in dream_log if not e['perturbation']['noise']],
      'perturbed': [e for e in dream_log if e['perturbation']['noise']],
  }
  return {
      **_verdicts(dream_log),
      'distinct': _distinct(problems, dream_log),
      'unsolved_by_wake': len(unsolved),
      'hard': {
          'rem': _yield(problems, dream_log, unsolved),
          **{
              f'rem_{name}': _yield(problems, records, unsolved)
              for name, records in modes.items() if records
          },
          'wake_control': _yield(problems, second, missed),
      },
  }


def _rounds(problems, wake_log, log, lines) -> list[dict[str, Any]]:
  """Adds to the metrics of each round the programs it was the first to find."""
  solved = {
      e['problem'] for e in wake_log if e['verdict']['status'] == types.PASS
  }
  seen: set[tuple[str, str]] = set()
  out = []
  for line in lines:
    forms = {
        _form(problems, e) for e in trajectory_log.read_wave(log, line['step'])
        if e['verdict']['status'] == types.PASS
    }
    new = forms - seen
    seen |= forms
    out.append({
        **line,
        'new_distinct': len(new),
        'new_distinct_hard': sum(problem not in solved for problem, _ in new),
    })
  return out


def _examples(problems, wake_log, dream_log) -> list[dict[str, str]]:
  """A few dreams in full beside the greedy answer to the same problem."""
  greedy = {
      e['problem']: e for e in wake_log if e['temperature'] == 0
  }
  shown, seen_types = [], set()
  for entry in dream_log:
    answer = greedy.get(entry['problem'])
    if (
        entry['verdict']['status'] != types.PASS
        or answer is None
        or answer['verdict']['status'] != types.FAIL
        or entry['type'] in seen_types
    ):
      continue
    seen_types.add(entry['type'])
    problem = problems[entry['problem']]
    shown.append({
        'problem': problem.id,
        'greedy': problem.program(answer['text']),
        'greedy_reason': answer['verdict']['reason'],
        'dream': problem.program(entry['text']),
        'temperature': f"{float(entry['temperature']):g}",
        'noise': f"{float(entry['perturbation']['noise']):g}",
    })
    if len(shown) == _EXAMPLES:
      break
  return shown
