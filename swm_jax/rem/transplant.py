"""Answers that the model did not draw for their prompt, as log records.

A verified answer is worth learning from wherever it came from: a draw for
another problem, one that was begun by a hint, or one whose problem was made
afterwards. What the log wants of it besides, its tokens as the decoder would
have left them and their log-probabilities, is made here.
"""

from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np

from swm_jax import agreement
from swm_jax import global_arrays
from swm_jax import tokenization
from swm_jax import types
from swm_jax.data import trajectory_log
from swm_jax.models import transformer
from swm_jax.samplers import rescoring
from swm_jax.samplers import rollout
from swm_jax.samplers import stopping

# Of the code block that prompts open; of the second, the text has the newline.
CLOSINGS = ('\n```', '```')
_ALIGNMENT = 32  # of padded lengths, so that few shapes are compiled


@dataclasses.dataclass(frozen=True)
class Answer:
  """A completion of a problem's prompt.

  Attributes:
    problem: that it answers.
    text: cut at the stop, as in `rollout.Sample`.
    tokens: of the text and its stop.
    origin: one of `trajectory_log.ORIGINS`.
    verdict: of the verifier, None if it has not been asked.
    stopped: False if the tokens end at a length limit.
  """

  problem: types.Problem
  text: str
  tokens: tuple[int, ...]
  origin: str
  verdict: types.Verdict | None = None
  stopped: bool = True


def tokenise(
    tokenizer: tokenization.Tokenizer,
    stop_table: stopping.StopTable,
    text: str,
) -> tuple[int, ...] | None:
  """Tokens of a completion, up to the one with which the decoder would stop.

  Args:
    tokenizer: of the model.
    stop_table: of the decoder.
    text: cut at the stop.

  Returns:
    Tokens of the text and what closes it: the end of the code block, or where
    that is no stop the end token. None if the decoder would have cut the text
    elsewhere.
  """
  for closing in CLOSINGS:
    kept, state = [], 0
    for token in tokenizer.encode(text + closing):
      kept.append(token)
      state = int(stop_table.next_state_SxV[state, token])
      if state == stop_table.stop_state:
        break
    else:
      kept = tokenizer.encode(text) + [tokenizer.eos_id]
    if rollout.completion_text(tokenizer, stop_table, kept) == text:
      return tuple(kept)
  return None


def verify(
    answers: Sequence[Answer], verifier: rollout.Verifying
) -> list[Answer]:
  """Returns the answers with verdicts; those that have one keep it."""
  futures = [
      None if answer.verdict
      else verifier.submit(answer.problem, answer.problem.program(answer.text))
      for answer in answers
  ]
  return [
      dataclasses.replace(answer, verdict=future.result()) if future else answer
      for answer, future in zip(answers, futures)
  ]


def records(
    answers: Sequence[Answer],
    verifier: rollout.Verifying,
    *,
    params: Any,
    config: transformer.TransformerConfig,
    tokenizer: tokenization.Tokenizer,
    weights_digest: str,
    night: int,
) -> list[trajectory_log.Record]:
  """Verifies answers and writes them as dreams for their prompts.

  With several processes a collective: the first one verifies and reads.

  Args:
    answers: with tokens; see `tokenise`.
    verifier: judges the answers that have no verdict.
    params: of the base, under which log-probabilities are read.
    config: of the transformer.
    tokenizer: of the model.
    weights_digest: of `params`.
    night: counted from 0.
  """
  if not answers:
    return []
  params = global_arrays.on_own_devices(params)

  def make():
    judged = verify(answers, verifier)
    trajectories = _trajectories(judged, tokenizer)
    log_prob = rescoring.log_prob(params, config, trajectories)
    trajectories = trajectories.replace(
        log_prob=log_prob, log_prob_behaviour=log_prob
    )
    return [
        trajectory_log.record(
            trajectories, row, problem=answer.problem, text=answer.text,
            verdict=answer.verdict, temperature=1.0,
            weights_digest=weights_digest, key=np.zeros(0, np.uint32),
            phase='rem', night=night, origin=answer.origin,
        )
        for row, answer in enumerate(judged)
    ]

  return agreement.by_first(make)


def _trajectories(answers, tokenizer) -> types.Trajectories:
  """What the decoder would have returned, without anything it read."""
  prompts = [tokenizer.encode(answer.problem.prompt) for answer in answers]
  prompt_BxP, _ = _pad(prompts, tokenizer.pad_id)
  token_BxT, mask_BxT = _pad([a.tokens for a in answers], tokenizer.pad_id)
  return types.Trajectories(
      prompt_tokens=prompt_BxP,
      prompt_length=np.array([len(ids) for ids in prompts], np.int32),
      tokens=token_BxT,
      mask=mask_BxT,
      log_prob=np.zeros(token_BxT.shape, np.float32),
      log_prob_behaviour=np.zeros(token_BxT.shape, np.float32),
      top_k=None,
      hidden=None,
      latents=np.zeros((len(answers), 0, 2, 0), np.float32),
      stopped=np.array([answer.stopped for answer in answers]),
  )


def _pad(rows, pad_id) -> tuple[np.ndarray, np.ndarray]:
  """Right-padded ids, int32, and where they are."""
  length = -(-max(map(len, rows)) // _ALIGNMENT) * _ALIGNMENT
  padded = np.full((len(rows), length), pad_id, np.int32)
  mask = np.zeros(padded.shape, bool)
  for i, row in enumerate(rows):
    padded[i, : len(row)] = row
    mask[i, : len(row)] = True
  return padded, mask
