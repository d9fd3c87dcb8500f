"""Morning: the same questions as at dusk, with the same keys, zero-shot.

`evaluate` measures one set of weights; dusk and morning are the same call on
other weights. `judge` compares the two under the criterion that was written
before dusk. Weights do not change here.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import json
import pathlib
from typing import Any

import jax
import numpy as np

from swm_jax import agreement
from swm_jax import durable
from swm_jax import global_arrays
from swm_jax import training
from swm_jax import types
from swm_jax.data import batching
from swm_jax.evaluation import bootstrap
from swm_jax.evaluation import gate
from swm_jax.evaluation import results
from swm_jax.losses import reductions
from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import rollout

GREEDY = 'greedy'


def setting(temperature: float) -> str:
  """Name of a sampling setting in results: `greedy`, or the temperature."""
  return GREEDY if temperature == 0 else f'{temperature:g}'


@dataclasses.dataclass(frozen=True)
class ProblemSet:
  """What is evaluated together.

  Attributes:
    name: `held_out`, `unrelated`, `humaneval`, ...
    problems: of the set.
    temperatures: `(temperature, samples)` of each problem; 0 is greedy.
    decoder: its limits fit the set's prompts.
  """

  name: str
  problems: Sequence[types.Problem]
  temperatures: tuple[tuple[float, int], ...]
  decoder: decode.Decoder


def evaluate(
    params: Any,
    problem_set: ProblemSet,
    *,
    tokenizer: Any,
    verifiers: rollout.Verifying,
    directory: pathlib.Path,
    wave: int,
    key: jax.Array,
    label: str,
    deadline_seconds: float | None = None,
) -> tuple[results.SetResults, int]:
  """Answers a problem set, durably a wave of problems at a time.

  With several processes a collective; the first one alone reads and writes.

  Args:
    params: weights to measure.
    problem_set: what to ask.
    tokenizer: of the model.
    verifiers: running pool.
    directory: of these weights' answers; holds `<set>/wave_000.jsonl`, one
      line a sample. Waves already there are not answered again.
    wave: problems of a wave.
    key: of the samples; the same for dusk and morning.
    label: of the progress bar.
    deadline_seconds: of a wave's verdicts, see `rollout`.

  Returns:
    The results, and the tokens decoded for them.
  """
  outcomes, tokens = [], 0
  problems = problem_set.problems
  waves = range(0, len(problems), wave)
  for index, start in enumerate(waves):
    path = directory / problem_set.name / f'wave_{index:03d}.jsonl'
    part = problems[start : start + wave]
    if not agreement.by_first(path.exists):
      trajectories, samples = rollout.rollout(
          problem_set.decoder, params, tokenizer, part, verifiers,
          plan=problem_set.temperatures, key=key,
          progress=f'{label} {problem_set.name} {index + 1}/{len(waves)}',
          deadline_seconds=deadline_seconds,
      )
      lines = ''.join(
          _line(sample, int(trajectories.mask[sample.row].sum()))
          for sample in samples
      )
      agreement.by_first(lambda: durable.write_bytes(path, lines.encode()))
    index_of = {problem.id: start + i for i, problem in enumerate(part)}
    for line in agreement.by_first(path.read_text).splitlines():
      sample = json.loads(line)
      tokens += sample['tokens']
      outcomes.append((
          sample['setting'],
          index_of[sample['problem']],
          types.Verdict(
              sample['status'], sample['reason'], sample['verifier'],
              sample['version'], sample['isolation'],
          ),
      ))
  return results.collect(problem_set.name, problems, outcomes), tokens


def _line(sample: rollout.Sample, tokens: int) -> str:
  verdict = sample.verdict
  return json.dumps({
      'problem': sample.problem.id,
      'setting': setting(sample.temperature),
      'text': sample.text,
      'tokens': tokens,
      'status': verdict.status,
      'reason': verdict.reason,
      'verifier': verdict.verifier,
      'version': verdict.version,
      'isolation': verdict.isolation,
  }, sort_keys=True) + '\n'


def judge(
    criterion: Mapping[str, Any],
    dusk: Mapping[str, results.SetResults],
    morning: Mapping[str, results.SetResults],
    kl_code: float,
) -> tuple[dict[str, Any], dict[str, bootstrap.BestDifference]]:
  """Applies the criterion.

  Args:
    criterion: as written before dusk.
    dusk: results by set name, with `held_out` and `unrelated`.
    morning: the same after the night.
    kl_code: KL(base||tuned) on code, nats per token.

  Returns:
    The gate's decision, and the differences it was made on.
  """
  differences = {
      name: bootstrap.best_difference(
          dusk[name], morning[name], criterion['settings'],
          resamples=criterion['resamples'],
          confidence=criterion['confidence'],
          seed=criterion['seed'],
      )
      for name in ('held_out', 'unrelated')
  }
  decision = gate.apply(criterion, kl_code=kl_code, **differences)
  return decision, differences


def trajectory_values(
    params: Any,
    config: transformer.TransformerConfig,
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    value_fn: Callable[
        [training.Scores, batching.PackedBatch], Mapping[str, jax.Array]
    ],
    *,
    return_lse: bool,
    tokens_per_batch: int,
    max_length: int,
) -> dict[str, np.ndarray]:
  """Scores trajectories under one set of weights.

  Args:
    params: weights.
    config: of the transformer.
    prompts: token ids, one a trajectory.
    completions: token ids.
    value_fn: gives named `[R, J]` values of a scored batch.
    return_lse: whether it reads the log-sum-exp.
    tokens_per_batch: computed tokens at once.
    max_length: longest packed row.

  Returns:
    `log_prob` (summed, nats) and each named value, `[len(prompts)]`.
  """
  by_prompt: dict[tuple[int, ...], list[int]] = {}
  for i, prompt in enumerate(prompts):
    by_prompt.setdefault(tuple(int(t) for t in prompt), []).append(i)
  examples = [
      batching.Example(prompt, [completions[i] for i in ids], ids)
      for prompt, ids in by_prompt.items()
  ]
  shape = batching.choose_shape(
      examples, tokens_per_batch=tokens_per_batch, max_length=max_length
  )
  packed = batching.pack(examples, **dataclasses.asdict(shape))

  @jax.jit
  def values_of(params, batch):
    scores = training.score(params, batch, config, return_lse=return_lse)
    log_prob = reductions.sum_by_trajectory(
        scores.log_prob, batch.target_mask, batch.trajectory,
        batch.trajectory_id.shape[-1],
    )
    return {'log_prob': log_prob, **value_fn(scores, batch)}

  out: dict[str, np.ndarray] = {}
  for batch in packed:
    filled = batch.trajectory_id >= 0
    ids = batch.trajectory_id[filled]
    values = global_arrays.fetch(values_of(params, batch))
    for name, value in values.items():
      out.setdefault(name, np.zeros(len(prompts)))[ids] = value[filled]
  return out
