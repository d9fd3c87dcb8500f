r"""A train step's time and memory beside a plain torch step of the same model.

python -m experiments.benchmarks.train             # under five minutes
python -m experiments.benchmarks.train --cases=full --rounds=10

Cases: `full` trains all parameters by cross-entropy on plain text [8, 128];
`full-packed` the same on completions, six to a prompt, that our side packs
behind one copy of their prompt; `lora-packed` is the dreamer's step, low-rank
updates by VarGrad on that batch. The other side is transformers'
LlamaForCausalLM with the same weights, loss, clipping and AdamW; there a
trajectory is a row, padded to the longest. Only tokens that the loss is taken
at count as trained: both sides have the same.

Each side of a case is a process of its own on the same cores, and they take
turns. Peak memory is the resident set's, of the timed steps alone: loading and
compiling come before the mark is reset. A case whose first losses differ is an
error. Needs torch and transformers (`pip install -e .[benchmarks]`) and Linux.

The last line, `ratio X.XX`, is torch's median time over ours in case `full`, or
in the first case that is run.
"""

from collections.abc import Sequence
import ctypes
import importlib.util
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from absl import app
from absl import flags

from experiments.benchmarks import train_work
from swm_jax.models import pretrained


def serve():
  """Answers each line of standard input with a line of JSON."""
  cores = sorted(os.sched_getaffinity(0))
  os.sched_setaffinity(0, cores[: flags.FLAGS.threads])
  # Standard output is for answers; what libraries print goes to the log.
  answers = os.fdopen(os.dup(1), 'w')
  os.dup2(2, 1)
  case = train_work.CASES[flags.FLAGS.cases[0]]
  # Each side imports its own library alone: imports cost memory.
  if flags.FLAGS.side == 'ours':
    # pylint: disable-next=g-import-not-at-top
    from experiments.benchmarks import train_ours

    side = train_ours.Side(flags.FLAGS.folder, case, flags.FLAGS.remat)
  else:
    # pylint: disable-next=g-import-not-at-top
    from experiments.benchmarks import train_torch

    side = train_torch.Side(flags.FLAGS.folder, case, flags.FLAGS.threads)
  for line in sys.stdin:
    answer = {}
    if line == 'step\n':
      start = time.perf_counter()
      answer['loss'] = side.step()
      answer['seconds'] = time.perf_counter() - start
    elif line == 'reset\n':
      reset_peak()
    elif line == 'peak\n':
      answer['bytes'] = peak_bytes()
    elif line == 'describe\n':
      answer = side.describe()
    print(json.dumps(answer), file=answers, flush=True)


def reset_peak() -> None:
  """Returns free pages to the kernel and lowers the mark to what is left."""
  ctypes.CDLL(None).malloc_trim(0)
  pathlib.Path('/proc/self/clear_refs').write_text('5')


def peak_bytes() -> int:
  """Returns the largest resident set since the mark was reset."""
  for line in pathlib.Path('/proc/self/status').read_text().splitlines():
    if line.startswith('VmHWM:'):
      return 1024 * int(line.split()[1])
  raise OSError('/proc/self/status has no VmHWM')


class Worker:
  """A side of a case, in a process of its own."""

  def __init__(self, side: str, case: str, folder: str):
    threads = flags.FLAGS.threads
    self._log = tempfile.TemporaryFile('w+')
    self._process = subprocess.Popen(
        [
            *(sys.executable, '-m', 'experiments.benchmarks.train'),
            *(f'--side={side}', f'--cases={case}', f'--folder={folder}'),
            *(f'--threads={threads}', f'--remat={flags.FLAGS.remat}'),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=self._log,
        env=os.environ | {'OMP_NUM_THREADS': str(threads)},
        text=True,
    )

  def ask(self, request: str) -> dict[str, float]:
    self._process.stdin.write(request + '\n')
    self._process.stdin.flush()
    answer = self._process.stdout.readline()
    if not answer:
      self._log.seek(0)
      raise SystemExit(
          f'a worker ended before it answered {request}:\n{self._log.read()}'
      )
    return json.loads(answer)

  def close(self):
    self._process.communicate()
    self._log.close()


def run(case: str, folder: str, targets: int) -> float:
  """Prints a case's table; returns torch's median time over ours."""
  names = ('ours', 'torch')
  workers = [Worker(name, case, folder) for name in names]
  # One at a time, so that neither compiles in the other's turn.
  first = [worker.ask('step')['loss'] for worker in workers]
  print(f'\n{case}: first losses {first[0]:.5f} ours, {first[1]:.5f} torch')
  if abs(first[0] - first[1]) > 1e-3 * abs(first[1]):
    raise SystemExit('the two sides do not train on the same loss')
  for worker in workers:
    worker.ask('step')  # A second step reuses what the first has allocated.
    worker.ask('reset')
  rounds = [
      [worker.ask('step')['seconds'] for worker in workers]
      for _ in range(flags.FLAGS.rounds)
  ]
  peaks = [worker.ask('peak')['bytes'] for worker in workers]
  about = [worker.ask('describe') for worker in workers]
  for worker in workers:
    worker.close()
  for name, seconds, peak, facts in zip(names, zip(*rounds), peaks, about):
    middle, best = statistics.median(seconds), min(seconds)
    print(
        f'{name:>6}  {targets / middle:6.0f} tokens/s median,'
        f' {targets / best:6.0f} best; {middle:6.2f} s median, {best:6.2f}'
        f' best; peak {peak / 1e9:5.2f} GB;'
        f' {facts["computed_tokens"]} tokens computed for {targets} trained',
        flush=True,
    )
  ours = about[0]
  print(
      f'        temporary memory {ours["temporary_bytes"] / 1e9:.2f} GB,'
      f' padding {ours["padding"]:.1%}'
      + (
          f', FLOPs {ours["flops"] / ours["formula"]:.3f} x 6 N tokens'
          if not train_work.CASES[case].lora else ''
      )
  )
  ratio = statistics.median(torch / ours for ours, torch in rounds)
  print(f'        time {ratio:.2f} x, memory {peaks[0] / peaks[1]:.2f} x')
  return ratio


def define_flags() -> None:
  flags.DEFINE_list('cases', list(train_work.CASES), 'What to run.')
  flags.DEFINE_integer('rounds', 6, 'Timed steps of each side.')
  flags.DEFINE_integer('threads', 2, 'Cores of each side.')
  flags.DEFINE_string('model', None, 'GGUF file or folder of weights.')
  flags.DEFINE_string('remat', 'dots', 'What our backward recomputes.')
  flags.DEFINE_enum('side', None, ['ours', 'torch'], 'Be a worker.')
  flags.DEFINE_string('folder', None, 'Weights, for a worker.')


def main(argv: Sequence[str]):
  del argv
  if flags.FLAGS.side:
    serve()
    return
  for name in ('torch', 'transformers'):
    if importlib.util.find_spec(name) is None:
      raise SystemExit(
          f'{name} is missing; `pip install -e .[benchmarks]` installs it'
      )
  params, config, tokenizer = pretrained.load(flags.FLAGS.model)
  with tempfile.TemporaryDirectory() as folder:
    pretrained.save_hf(folder, params, config, tokenizer)
    ratios = {}
    for case in flags.FLAGS.cases:
      work = train_work.make(train_work.CASES[case], tokenizer)
      ratios[case] = run(case, folder, work.targets)
  print(f'ratio {ratios.get("full", ratios[flags.FLAGS.cases[0]]):.2f}')


if __name__ == '__main__':
  # Here, since other programs of this folder define the same flags.
  define_flags()
  app.run(main)
