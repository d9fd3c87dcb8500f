"""Prefix hints: the model ends a solution that was begun for it.

A problem that no sample solved is asked with the first tokens of a solution
behind its prompt. What is learnt is the whole of it under the prompt without
the hint. The share that is given falls from 3/4 to nothing, for each problem as
it succeeds (reverse curricula: 2402.05808, 2506.18110).
"""

from collections.abc import Mapping, Sequence
import dataclasses

import numpy as np

from swm_jax import tokenization
from swm_jax import types
from swm_jax.data import trajectory_log
from swm_jax.rem import transplant
from swm_jax.samplers import rollout
from swm_jax.samplers import stopping

Record = trajectory_log.Record

SHARES = (0.75, 0.5, 0.25, 0.0)
_ENOUGH = 0.5  # pass rate at which a problem needs less


@dataclasses.dataclass(frozen=True)
class Solution:
  """What hints are cut from.

  Attributes:
    tokens: of a completion, without its stop.
    origin: of what is completed from it: `hint` if the model wrote it, or
      `reference_hint`.
  """

  tokens: tuple[int, ...]
  origin: str


@dataclasses.dataclass(frozen=True)
class Hinted:
  """A problem as it is asked.

  Attributes:
    problem: the hint ends its prompt; program and tests are those of `of`.
    of: the problem without the hint.
    tokens: of the hint.
    text: of the hint.
    origin: of what is completed from it.
  """

  problem: types.Problem
  of: types.Problem
  tokens: tuple[int, ...]
  text: str
  origin: str


@dataclasses.dataclass(frozen=True)
class State:
  """How much of a solution each problem is given.

  Attributes:
    level: index into `SHARES` by problem id, 0 where there is none yet.
  """

  level: Mapping[str, int] = dataclasses.field(default_factory=dict)

  def share(self, problem_id: str) -> float:
    return SHARES[self.level.get(problem_id, 0)]


def advance(
    state: State, outcomes: Mapping[str, tuple[int, int]]
) -> State:
  """Returns the state after a round.

  Args:
    state: under which the round was asked.
    outcomes: (passed, tried) of what was asked in it, by problem id. With half
      of it passed a problem moves to the next smaller share; at 0 it stays.
  """
  level = dict(state.level)
  for problem_id, (passed, tried) in outcomes.items():
    now = level.setdefault(problem_id, 0)
    if tried and passed >= _ENOUGH * tried:
      level[problem_id] = min(now + 1, len(SHARES) - 1)
  return State(level)


def solution(
    problem: types.Problem,
    records: Sequence[Record],
    tokenizer: tokenization.Tokenizer,
    stop_table: stopping.StopTable,
) -> Solution | None:
  """What hints for a problem are cut from.

  Args:
    problem: to be solved.
    records: of the problem. The shortest verified one comes before the
      reference, which somebody else wrote in another style.
    tokenizer: of the model.
    stop_table: of the decoder.

  Returns:
    The solution, None if there is none.
  """
  passed = [e for e in records if e['verdict']['status'] == types.PASS]
  if passed:
    best = min(passed, key=lambda e: len(e['tokens']))
    text, origin = best['text'].rstrip(), 'hint'
  else:
    text, origin = problem.reference_completion.rstrip(), 'reference_hint'
  tokens = text and transplant.tokenise(tokenizer, stop_table, text)
  if not tokens:
    return None
  return Solution(_without_stop(tokenizer, tokens, text), origin)


def _without_stop(tokenizer, tokens, text) -> tuple[int, ...]:
  """The tokens that lie within the text."""
  length = len(text.encode())
  sizes = np.cumsum([len(tokenizer.token_bytes(token)) for token in tokens])
  return tuple(tokens[: int(np.searchsorted(sizes, length, side='right'))])


def hint(
    problem: types.Problem,
    solved: Solution,
    share: float,
    tokenizer: tokenization.Tokenizer,
    *,
    max_prompt: int,
) -> Hinted | None:
  """Asks a problem with the first part of a solution.

  The cut is at a token of the solution; of those at most `share` of it, the
  last one at the end of a line, if that leaves half of the hint, else the last
  one. The text must give the same tokens again behind the prompt, and not end
  in a newline, behind which the decoder would not see a stop in column 0.

  Args:
    problem: to be asked.
    solved: of the problem.
    share: of the solution's tokens, below 1; at 0 ask the problem itself.
    tokenizer: of the model.
    max_prompt: tokens that the decoder takes.

  Returns:
    The hinted problem, `<id>#<tokens of the hint>`; None if no hint is left.
  """
  prompt = tokenizer.encode(problem.prompt)
  most = min(int(share * len(solved.tokens)), max_prompt - len(prompt))
  cuts = sorted(
      range(1, most + 1), reverse=True,
      key=lambda n: (
          2 * n >= most
          and tokenizer.token_bytes(solved.tokens[n]).startswith(b'\n'),
          n,
      ),
  )
  for n in cuts:
    tokens = solved.tokens[:n]
    text = tokenizer.decode(tokens)
    again = tokenizer.encode(problem.prompt + text)
    if again == [*prompt, *tokens] and not text.endswith('\n'):
      return Hinted(
          dataclasses.replace(
              problem, id=f'{problem.id}#{n}', prompt=problem.prompt + text
          ),
          problem, tokens, text, solved.origin,
      )
  return None


def outcomes(
    answered: Sequence[transplant.Answer],
) -> dict[str, tuple[int, int]]:
  """(passed, tried) by problem id, the verifier's own failures left out."""
  counts: dict[str, tuple[int, int]] = {}
  for answer in answered:
    passed, tried = counts.get(answer.problem.id, (0, 0))
    counts[answer.problem.id] = (
        passed + answer.verdict.passed, tried + answer.verdict.valid
    )
  return counts


def answers(
    hinted: Sequence[Hinted],
    trajectories: types.Trajectories,
    samples: Sequence[rollout.Sample],
) -> list[transplant.Answer]:
  """What was drawn behind hints, as answers to the prompts without them.

  Args:
    hinted: whose problems were asked.
    trajectories: of `rollout`.
    samples: of `rollout`.
  """
  by_id = {asked.problem.id: asked for asked in hinted}
  made = []
  for sample in samples:
    asked = by_id[sample.problem.id]
    mask = trajectories.mask[sample.row]
    drawn = trajectories.tokens[sample.row][mask]
    made.append(transplant.Answer(
        asked.of,
        asked.text + sample.text,
        asked.tokens + tuple(int(token) for token in drawn),
        asked.origin,
        verdict=sample.verdict,
        stopped=bool(trajectories.stopped[sample.row]),
    ))
  return made
