r"""Evaluates any weights on any file of problems.

python -m experiments.evaluate --problems=FILE.jsonl --samples=8 \
    --temperature=0.8 --out=FILE.json                       # packaged SmolLM2
python -m experiments.evaluate --model=runs/default@2 ...   # after a night

`--model` is a GGUF file, a Hugging Face folder, or a work directory: the
weights that its next night would begin with, or `WORKDIR@STEP`, those of a
snapshot (`python -m experiments.lineage` prints the steps).

Every problem is answered once greedily and `--samples` times at
`--temperature`, and every answer is verified in a sandbox. The file of problems
holds one JSON object a line, described in `swm_jax/tasks/problem_file.py`:

  {"id": "double", "type": "arithmetic",
   "prompt": "```python\n# Return twice x.\ndef double(x):",
   "entry_point": "double", "tests": [{"args": [3], "expected": 6}]}

The result:

  command, seed, isolation, verifier   how it was made, and what it ran under
  model        name, digest (SHA-256) and, of a work directory, snapshot step
  problems_file, sampling              file, its SHA-256, and the flags
  seconds, tokens                      wall time of answering, tokens decoded
  greedy                               mean greedy pass@1 with interval
  pass_at      {"1": ..., "k": ...}    mean of unbiased pass@k with interval,
                                       for k up to `samples`
  by_type      {type: {greedy, pass_at_1}}, the same by problem type
  reasons      {reason: samples}, greedy ones included
  problems     [{id, type, template, greedy, samples, correct, masked, pass_at}]

`greedy` of a problem is 1, 0, or null if the verifier itself failed; such
samples are `masked` and counted in neither `samples` nor `correct`. pass@k is
null where fewer than k samples are left. Intervals are 95 % percentile
intervals of a bootstrap over templates (`swm_jax/evaluation/bootstrap.py`).
"""

from collections.abc import Mapping, Sequence
import collections
import hashlib
import math
import pathlib
import shlex
import sys
import time
from typing import Any

from absl import app
from absl import flags
from absl import logging
import jax
import numpy as np

from experiments import weights
from swm_jax import durable
from swm_jax import snapshots
from swm_jax import types
from swm_jax.evaluation import bootstrap
from swm_jax.evaluation import pass_at_k
from swm_jax.evaluation import results
from swm_jax.samplers import decode
from swm_jax.samplers import rollout
from swm_jax.samplers import stopping
from swm_jax.tasks import problem_file
from swm_jax.verifiers import python as python_verifier

_GREEDY = 'greedy'
_SAMPLED = 'sampled'
# Rows of a forward pass, as in the default night.
_SLOTS = 64
_ALIGNMENT = 32


class EvaluationError(Exception):
  """The evaluation cannot be made; the message says why and what to do."""


def make_decoder(
    model: weights.Model,
    problems: Sequence[types.Problem],
    *,
    samples: int,
    max_new_tokens: int,
    top_p: float,
) -> decode.Decoder:
  """Builds a decoder with room for the longest prompt.

  Raises:
    EvaluationError: a prompt does not fit into the model.
  """
  lengths = [len(model.tokenizer.encode(p.prompt)) for p in problems]
  longest = int(np.argmax(lengths))
  room = model.config.max_length - max_new_tokens
  if lengths[longest] > room:
    raise EvaluationError(
        f'the prompt of {problems[longest].id} has {lengths[longest]} tokens;'
        f' the model takes {model.config.max_length}, {max_new_tokens} of them'
        ' for the answer'
    )
  align = lambda n, to: -(-n // to) * to
  config = decode.DecodeConfig(
      slots=min(_SLOTS, align(len(problems) * samples, 8)),
      max_prompt=min(align(lengths[longest], _ALIGNMENT), room),
      max_new_tokens=max_new_tokens,
      top_p=top_p,
  )
  stops = stopping.build_stop_table(
      model.tokenizer,
      column_zero=True,
      stop_tokens=(model.tokenizer.eos_id,),
  )
  return decode.Decoder(model.config, stops, config, model.tokenizer.pad_id)


def evaluate(
    model: weights.Model,
    problems: Sequence[types.Problem],
    verifier: Any,
    *,
    samples: int,
    temperature: float,
    max_new_tokens: int,
    top_p: float,
    seed: int,
) -> dict[str, Any]:
  """Answers and judges every problem; returns the measured part of the result.

  Args:
    model: weights and tokenizer.
    problems: with distinct ids.
    verifier: a `swm_jax.verifiers.pool.Pool`.
    samples: at `temperature`, of each problem, besides the greedy one.
    temperature: positive.
    max_new_tokens: of an answer.
    top_p: of sampling.
    seed: of sampling and of the bootstrap.
  """
  start = time.monotonic()
  decoder = make_decoder(
      model, problems, samples=samples + 1, max_new_tokens=max_new_tokens,
      top_p=top_p,
  )
  trajectories, answers = rollout.rollout(
      decoder,
      model.params,
      model.tokenizer,
      problems,
      verifier,
      plan=((0.0, 1), (temperature, samples)),
      key=jax.random.key(seed),
      progress='evaluate',
  )
  row = {problem.id: i for i, problem in enumerate(problems)}
  measured = results.collect('problems', problems, [
      (
          _SAMPLED if answer.temperature else _GREEDY,
          row[answer.problem.id],
          answer.verdict,
      )
      for answer in answers
  ])
  reasons = collections.Counter(answer.verdict.reason for answer in answers)
  return {
      'seconds': time.monotonic() - start,
      'tokens': int(np.asarray(trajectories.mask).sum()),
      'reasons': dict(reasons),
      **summarise(measured, seed=seed),
  }


def summarise(measured: results.SetResults, *, seed: int) -> dict[str, Any]:
  """Returns means with intervals and the counts of every problem.

  Args:
    measured: with the settings `greedy` and `sampled`.
    seed: of the bootstrap.
  """
  ks = range(1, measured.passed[_SAMPLED].shape[1] + 1)
  values = {k: pass_at_k.per_problem(measured, _SAMPLED, k) for k in ks}
  greedy = pass_at_k.per_problem(measured, _GREEDY)
  correct, unmasked = measured.counts(_SAMPLED)
  masked = measured.passed[_SAMPLED].shape[1] - unmasked
  return {
      'greedy': _interval(measured, _GREEDY, 1, seed),
      'pass_at': {str(k): _interval(measured, _SAMPLED, k, seed) for k in ks},
      'by_type': {
          kind: {
              'greedy': _interval(part, _GREEDY, 1, seed),
              'pass_at_1': _interval(part, _SAMPLED, 1, seed),
          }
          for kind, part in measured.by_type().items()
      },
      'problems': [
          {
              'id': problem_id,
              'type': measured.types[p],
              'template': measured.templates[p],
              'greedy': None if math.isnan(greedy[p]) else int(greedy[p]),
              'samples': int(unmasked[p]),
              'correct': int(correct[p]),
              'masked': int(masked[p]),
              'pass_at': {
                  str(k): None if math.isnan(values[k][p])
                  else float(values[k][p])
                  for k in ks
              },
          }
          for p, problem_id in enumerate(measured.ids)
      ],
  }


def _interval(measured, setting, k, seed) -> dict[str, Any] | None:
  """Estimate as JSON; None where no problem has k unmasked samples."""
  if np.isnan(pass_at_k.per_problem(measured, setting, k)).all():
    return None
  return bootstrap.interval(measured, setting, k=k, seed=seed).to_json()


def table(result: Mapping[str, Any]) -> str:
  """Returns the summary as lines for a terminal."""
  lines = []
  rows = {'greedy': result['greedy']}
  rows |= {f'pass@{k}': value for k, value in result['pass_at'].items()}
  for name, value in rows.items():
    if value is None:
      lines.append(f'{name:<10} not measured: the verifier failed')
    else:
      lines.append(
          f'{name:<10} {value["mean"]:.3f}  [{value["low"]:.3f},'
          f' {value["high"]:.3f}]  {value["problems"]} problems,'
          f' {value["clusters"]} templates'
      )
  masked = sum(problem['masked'] for problem in result['problems'])
  if masked:
    lines.append(f'{masked} samples masked: the verifier itself failed')
  return '\n'.join(lines)


def _check_flags(values) -> None:
  for name, holds, expected in (
      ('samples', values.samples >= 1, 'at least 1'),
      ('temperature', 0 < values.temperature < math.inf,
       'positive; the greedy answer is always measured besides'),
      ('max_new_tokens', values.max_new_tokens >= 1, 'at least 1'),
      ('top_p', 0 < values.top_p <= 1, 'in (0, 1]'),
      ('seed', 0 <= values.seed < 2**31, 'in [0, 2^31)'),
  ):
    if not holds:
      raise EvaluationError(f'--{name}={values[name].value} must be {expected}')


def _check_out(path: pathlib.Path) -> None:
  """Finds out now, and not after an hour, that nothing can be written."""
  if path.is_dir():
    raise EvaluationError(f'--out={path} is a folder; name a file in it')
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.partial(path).touch()
    durable.partial(path).unlink()
  except OSError as error:
    raise EvaluationError(
        f'--out={path} cannot be written: {error.strerror}'
    ) from error


def run(values: flags.FlagValues, command: str) -> dict[str, Any]:
  """Evaluates as the flags say, and writes the result.

  Raises:
    EvaluationError: one sentence about what is missing or wrong.
  """
  _check_flags(values)
  out = pathlib.Path(values.out)
  _check_out(out)
  try:
    problems = problem_file.read(values.problems)
    pool = python_verifier.PythonVerifier().pool()
  except (FileNotFoundError, ValueError, RuntimeError) as error:
    raise EvaluationError(str(error)) from error
  with pool:
    try:
      model = weights.load(values.model)
    except (FileNotFoundError, ValueError) as error:
      raise EvaluationError(
          f'--model={values.model or ""}: {error}'
      ) from error
    sampling = {
        name: values[name].value
        for name in ('samples', 'temperature', 'max_new_tokens', 'top_p')
    }
    measured = evaluate(model, problems, pool, seed=values.seed, **sampling)
    result = {
        'command': command,
        'seed': values.seed,
        'isolation': pool.isolation,
        'verifier': {'name': pool.name, 'version': pool.version},
        'model': {
            'name': model.name,
            'digest': snapshots.digest(model.params),
            'step': model.step,
        },
        'problems_file': {
            'path': str(values.problems),
            'sha256': hashlib.sha256(
                pathlib.Path(values.problems).read_bytes()
            ).hexdigest(),
        },
        'sampling': sampling,
        **measured,
    }
  durable.write_json(out, result)
  return result


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags, on `flags.FLAGS` or on a test's own."""
  define = dict(flag_values=values)
  flags.DEFINE_string(
      'model', None, 'GGUF file, Hugging Face folder or WORKDIR[@STEP]; the'
      ' packaged SmolLM2-135M-Instruct if omitted.', **define)
  flags.DEFINE_string('problems', None, 'JSON-lines file.', **define)
  flags.DEFINE_string('out', None, 'Where the result goes, JSON.', **define)
  flags.DEFINE_integer(
      'samples', 8, 'Samples of each problem at the temperature.', **define)
  flags.DEFINE_float('temperature', 0.8, 'Of sampling.', **define)
  flags.DEFINE_float('top_p', 1.0, 'Nucleus of sampling.', **define)
  flags.DEFINE_integer('max_new_tokens', 64, 'Of an answer.', **define)
  flags.DEFINE_integer('seed', 0, 'Of sampling and of intervals.', **define)
  flags.mark_flags_as_required(['problems', 'out'], flag_values=values)


def main(argv: Sequence[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'unexpected argument {argv[1]}')
  logging.set_verbosity(logging.WARNING)
  command = shlex.join(['python', '-m', 'experiments.evaluate', *sys.argv[1:]])
  try:
    result = run(flags.FLAGS, command)
  except EvaluationError as error:
    print(f'evaluate: {error}', file=sys.stderr)
    sys.exit(1)
  print(table(result))


if __name__ == '__main__':
  # Here, since other programs of this folder define the same flags.
  define_flags(flags.FLAGS)
  app.run(main)
