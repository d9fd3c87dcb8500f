"""Decoding and verification together: problems in, judged samples out.

With several processes each of them answers and verifies its own share of the
problems, and then all have all samples.
"""

from collections.abc import Sequence
import concurrent.futures
import dataclasses
from typing import Protocol
import zlib

import jax
import numpy as np
import tqdm

from swm_jax import agreement
from swm_jax import global_arrays
from swm_jax import tokenization
from swm_jax import types
from swm_jax.data import trajectory_log
from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import langevin
from swm_jax.samplers import stopping
from swm_jax.verifiers import hosts


# Text, program and verdict of a row.
_Answer = tuple[str, str, types.Verdict]


class Verifying(Protocol):
  """What `rollout` asks of a verifier pool."""

  def submit(
      self, problem: types.Problem, source: str
  ) -> concurrent.futures.Future[types.Verdict]:
    """Starts one verification."""


@dataclasses.dataclass(frozen=True)
class Sample:
  """One judged completion.

  Attributes:
    row: of the trajectories.
    problem: that was answered.
    index: of the sample among those of its problem; with the problem's id it
      determines the key.
    temperature: 0 is greedy.
    text: the completion, cut at the stop.
    source: the whole program that was verified.
    verdict: of the verifier.
  """

  row: int
  problem: types.Problem
  index: int
  temperature: float
  text: str
  source: str
  verdict: types.Verdict


def problem_hash(problem: types.Problem) -> int:
  """A 31-bit hash of the problem's id, the same in every process."""
  return zlib.crc32(problem.id.encode('utf-8')) & 0x7FFFFFFF


def row_keys(
    key: jax.Array, hash_B: Sequence[int], index_B: Sequence[int]
) -> jax.Array:
  """Keys of samples: `fold_in(fold_in(key, problem_hash), index)`, `[B]`."""

  def fold(problem, index):
    return jax.random.fold_in(jax.random.fold_in(key, problem), index)

  return jax.vmap(fold)(
      np.asarray(hash_B, np.uint32), np.asarray(index_B, np.uint32)
  )


def completion_text(
    tokenizer: tokenization.Tokenizer,
    stop_table: stopping.StopTable,
    token_ids: Sequence[int],
) -> str:
  """Text of sampled tokens, cut where the decoder stopped."""
  ids = list(token_ids)
  if ids and ids[-1] in stop_table.stop_tokens:
    ids.pop()
  return stopping.truncate(
      tokenizer.decode(ids), stop_table.stop_strings, stop_table.column_zero
  )


def rollout(
    decoder: decode.Decoder,
    params: transformer.Params,
    tokenizer: tokenization.Tokenizer,
    problems: Sequence[types.Problem],
    verifier: Verifying,
    *,
    plan: Sequence[tuple[float, int]],
    key: jax.Array,
    perturb: langevin.Perturbation | None = None,
    progress: str | None = None,
    deadline_seconds: float | None = None,
) -> tuple[types.Trajectories, list[Sample]]:
  """Answers every problem and verifies every answer while decoding goes on.

  With several processes this is a collective, and the result is the same on all
  of them: a sample depends on its problem, its number and the key alone, so who
  draws it changes nothing.

  Args:
    decoder: holds the stops and the sizes.
    params: of the transformer.
    tokenizer: of the model.
    problems: with distinct ids.
    verifier: judges programs; see `types.Problem.program`.
    plan: `(temperature, samples)` for each problem. Samples are numbered
      through the plan, so a longer plan only adds samples.
    key: of the phase; each sample folds in its problem's id and its number, and
      so does not depend on which other problems are answered.
    perturb: Langevin noise on the prompts, see `decode.Decoder`.
    progress: label of a progress bar, shown on a terminal only; None is none.
    deadline_seconds: what verdicts may take after the last sample; see
      `hosts.Batch`. None waits for all of them.

  Returns:
    Trajectories and their samples, in the order of problems, then of the plan.

  Raises:
    ValueError: two problems share an id, or a prompt does not fit.
  """
  if len({problem.id for problem in problems}) < len(problems):
    raise ValueError('problems must have distinct ids: keys are made of them')
  own = _shares(len(problems))[jax.process_index()]
  trajectories, answers = _join(len(problems), agreement.exchange(_answer(
      decoder, global_arrays.on_own_devices(params), tokenizer,
      [problems[i] for i in own], verifier, plan, key, perturb, progress,
      deadline_seconds,
  )))
  temperatures = _temperatures(plan)
  samples = []
  for row, (text, source, verdict) in enumerate(answers):
    problem, index = divmod(row, len(temperatures))
    samples.append(
        Sample(
            row=row,
            problem=problems[problem],
            index=index,
            temperature=float(temperatures[index]),
            text=text,
            source=source,
            verdict=verdict,
        )
    )
  return trajectories, samples


def _shares(count: int) -> list[np.ndarray]:
  """Which of so many problems each process answers."""
  processes = jax.process_count()
  return [np.arange(rank, count, processes) for rank in range(processes)]


def _join(
    count: int, parts: Sequence[tuple[types.Trajectories, list[_Answer]]]
) -> tuple[types.Trajectories, list[_Answer]]:
  """Puts the shares of all processes into the order of the problems."""
  if len(parts) == 1:
    return parts[0]
  answers = [answer for _, part in parts for answer in part]
  order = np.argsort(np.concatenate(_shares(count)))
  rows = np.arange(len(answers)).reshape(count, -1)[order].reshape(-1)
  trajectories = jax.tree.map(
      lambda *leaves: np.concatenate(leaves)[rows],
      *(trajectories for trajectories, _ in parts),
  )
  return trajectories, [answers[row] for row in rows]


def _temperatures(plan: Sequence[tuple[float, int]]) -> list[float]:
  """Of the samples of one problem."""
  return [t for t, count in plan for _ in range(count)]


def _answer(
    decoder, params, tokenizer, problems, verifier, plan, key, perturb,
    progress, deadline_seconds,
) -> tuple[types.Trajectories, list[_Answer]]:
  """Answers problems in this process."""
  temperatures = _temperatures(plan)
  count = len(temperatures)
  problem_B = np.repeat(np.arange(len(problems)), count)
  index_B = np.tile(np.arange(count), len(problems))
  hashes = np.array([problem_hash(problem) for problem in problems], np.uint32)
  drafts: dict[int, tuple[str, str]] = {}
  batch = hosts.Batch(verifier, deadline_seconds)

  with tqdm.tqdm(
      total=len(problem_B),
      desc=progress,
      unit='sample',
      disable=True if progress is None else None,  # None: only on a terminal.
  ) as bar:

    def on_finished(row: int, token_ids: list[int]) -> None:
      problem = problems[problem_B[row]]
      text = completion_text(tokenizer, decoder.stop_table, token_ids)
      source = problem.program(text)
      drafts[row] = text, source
      batch.submit(row, problem, source)
      bar.update()

    trajectories = decoder(
        params,
        [tokenizer.encode(problem.prompt) for problem in problems],
        problem_B,
        np.tile(np.array(temperatures, np.float32), len(problems)),
        row_keys(key, hashes[problem_B], index_B),
        perturb=perturb,
        on_finished=on_finished,
    )
  verdicts = batch.collect()
  return trajectories, [
      (*drafts[row], verdicts[row]) for row in range(len(problem_B))
  ]


def records(
    trajectories: types.Trajectories,
    samples: Sequence[Sample],
    *,
    key: jax.Array,
    phase: str,
    night: int,
    weights_digest: str,
    perturb: langevin.Perturbation | None = None,
) -> list[trajectory_log.Record]:
  """Turns the result of `rollout` into records of a trajectory log.

  Args:
    trajectories: numpy leaves, `[B, T]`.
    samples: one a row.
    key: as given to `rollout`.
    phase: `wake` or `rem`.
    night: counted from 0.
    weights_digest: of what decoded.
    perturb: as given to `rollout`.
  """
  keys = row_keys(
      key,
      [problem_hash(sample.problem) for sample in samples],
      [sample.index for sample in samples],
  )
  key_data = np.asarray(jax.random.key_data(keys))
  return [
      trajectory_log.record(
          trajectories,
          sample.row,
          problem=sample.problem,
          text=sample.text,
          verdict=sample.verdict,
          temperature=sample.temperature,
          weights_digest=weights_digest,
          key=key_data[i],
          phase=phase,
          night=night,
          step_size=perturb.step_size if perturb else 0.0,
          noise=perturb.noise if perturb else 0.0,
      )
      for i, sample in enumerate(samples)
  ]
