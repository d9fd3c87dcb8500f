"""Trajectories of a night and of its controls, pushed and run on."""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import hashlib
import json
import pathlib
from typing import Any

from absl import logging
import jax
import ml_collections
import numpy as np

from experiments import apparatus as apparatus_lib
from experiments import slept as slept_lib
from swm_jax import consolidate
from swm_jax import durable
from swm_jax import types
from swm_jax.evaluation import basin
from swm_jax.evaluation import canonical
from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import rollout

VARIANTS = ('prompt', 'half')
TIMES = ('before', 'after')
CURVES = ('return', 'verified', 'log_prob')


@dataclasses.dataclass(frozen=True)
class Stratum:
  """Trajectories of one set of problems, x+ and x- together.

  Attributes:
    name: of the set.
    memories: the trajectories.
    problems: by id.
    decoder: with the stops of these problems and room for half a completion.
  """

  name: str
  memories: Sequence[consolidate.Memory]
  problems: Mapping[str, types.Problem]
  decoder: decode.Decoder

  @property
  def templates(self) -> list[str]:
    asked = [self.problems[memory.problem] for memory in self.memories]
    return [f'{problem.type}/{problem.template}' for problem in asked]


@dataclasses.dataclass(frozen=True)
class Pushes:
  """How streams are pushed.

  Attributes:
    taus: ascending, the first is 0.
    draws: directions of each trajectory.
    layer: whose entering stream is pushed.
    seed: of the directions.
  """

  taus: tuple[float, ...]
  draws: int
  layer: int
  seed: int


class Experiment:
  """One night under pushes; every measured piece is durable."""

  def __init__(
      self,
      lab: apparatus_lib.Apparatus,
      slept: slept_lib.Slept,
      pushes: Pushes,
      parts: pathlib.Path,
  ):
    self.lab, self.pushes, self.parts = lab, pushes, parts
    self.params = {'before': slept.before, 'after': slept.after}
    self.lineage = slept.lineage

  def measure(self, stratum: Stratum, variant: str) -> dict[str, np.ndarray]:
    """Each of `CURVES` as `[P, times, taus]`, means over directions."""
    memories = stratum.memories
    cut = [_cut(memory, variant) for memory in memories]
    own = [
        self._form(
            stratum, memory.problem, self._text(stratum, memory.tokens)
        )
        for memory in memories
    ]
    shape = (len(memories), len(TIMES), len(self.pushes.taus))
    out = {name: np.full(shape, np.nan) for name in CURVES}
    for t, time in enumerate(TIMES):
      for i, tau in enumerate(self.pushes.taus):
        name = f'{stratum.name}_{variant}_{time}_{tau:g}'
        logging.info('Pushing: %s', name)
        part = self._part(name, stratum, functools.partial(
            self._push, stratum, cut, time, tau
        ))
        for p, ends in enumerate(part['ends']):
          returned = [form == own[p] for form, _ in ends]
          verified = [float(ok) for _, ok in ends if ok is not None]
          out['return'][p, t, i] = np.mean(returned)
          if verified:
            out['verified'][p, t, i] = np.mean(verified)
          out['log_prob'][p, t, i] = np.mean(part['log_prob'][p])
    return out

  def _part(self, name, stratum, make) -> dict[str, Any]:
    """Reads a measured piece, or measures and keeps it."""
    asked = [
        self.lineage.weights_before, self.lineage.weights_after,
        self.pushes.draws, self.pushes.layer, self.pushes.seed,
        [[m.problem, *map(int, m.tokens)] for m in stratum.memories],
    ]
    digest = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]
    path = self.parts / digest / f'{name}.json'
    if not path.exists():
      durable.write_json(path, make())
    return json.loads(path.read_text())

  def _push(self, stratum, cut, time, tau) -> dict[str, Any]:
    """Ends of every trajectory, and the log-probability of its rest."""
    # Without a push all directions are one.
    draws = self.pushes.draws if tau else 1
    push = {'layer': self.pushes.layer, 'tau': tau}
    params = self.params[time]
    # Equal starts are pushed alike and decoded once: x+ and x- of one prompt.
    starts: dict[tuple[Any, ...], int] = {}
    start_P = [
        starts.setdefault((memory.problem, prompt, begun), len(starts))
        for memory, (prompt, begun, _) in zip(stratum.memories, cut)
    ]
    rows = [(*start, draw) for start in starts for draw in range(draws)]
    ends = basin.settle(
        stratum.decoder, params,
        [prompt + begun for _, prompt, begun, _ in rows],
        self._keys(stratum, rows), **push,
    )
    answers = [
        (problem, self._text(stratum, [*begun, *end]))
        for (problem, _, begun, _), end in zip(rows, ends)
    ]
    verdicts = self._verify(stratum, answers)
    settled = [
        (self._form(stratum, *answer), verdicts[answer]) for answer in answers
    ]
    scored = [
        (memory.problem, prompt + begun, rest, draw)
        for memory, (prompt, begun, rest) in zip(stratum.memories, cut)
        for draw in range(draws)
    ]
    log_prob = basin.log_prob(
        params, self.lab.config, [row[1] for row in scored],
        [row[2] for row in scored], self._keys(stratum, scored), **push,
    )
    return {
        'ends': [
            settled[start * draws : (start + 1) * draws] for start in start_P
        ],
        'log_prob': log_prob.reshape(-1, draws).tolist(),
    }

  def _keys(self, stratum, rows) -> jax.Array:
    """A direction is that of its problem and number, nothing else."""
    return rollout.row_keys(
        jax.random.key(self.pushes.seed),
        [rollout.problem_hash(stratum.problems[row[0]]) for row in rows],
        [row[-1] for row in rows],
    )

  def _text(self, stratum, tokens) -> str:
    return rollout.completion_text(
        self.lab.tokenizer, stratum.decoder.stop_table, tokens
    )

  def _form(self, stratum, problem, text) -> str:
    problem = stratum.problems[problem]
    return canonical.form(problem.program(text), problem.domain)

  def _verify(self, stratum, answers) -> dict[tuple[str, str], bool | None]:
    """Whether each distinct answer passes; None: the verifier failed."""
    waiting = {
        (problem, text): self.lab.verifiers.submit(
            stratum.problems[problem], stratum.problems[problem].program(text)
        )
        for problem, text in dict.fromkeys(answers)
    }
    verdicts = {key: future.result() for key, future in waiting.items()}
    return {
        key: verdict.passed if verdict.valid else None
        for key, verdict in verdicts.items()
    }


def _cut(
    memory: consolidate.Memory, variant: str
) -> tuple[tuple[int, ...], ...]:
  """The prompt, what is given of the completion, and the rest of it."""
  prompt = tuple(int(token) for token in memory.prompt)
  tokens = tuple(int(token) for token in memory.tokens)
  half = len(tokens) // 2 if variant == 'half' else 0
  return prompt, tokens[:half], tokens[half:]


def _spread(items: Sequence[Any], limit: int) -> list[Any]:
  count = min(limit, len(items))
  return [items[i * len(items) // count] for i in range(count)]


def pick(
    memories: Sequence[consolidate.Memory], limit: int
) -> list[consolidate.Memory]:
  """At most `limit` x+, and as many x- of the problems of these x+."""
  x_plus = _spread([m for m in memories if m.sign > 0], limit)
  solved = {memory.problem for memory in x_plus}
  x_minus = [m for m in memories if m.sign < 0 and m.problem in solved]
  return x_plus + _spread(x_minus, limit)


def make_stratum(
    name: str,
    memories: Sequence[consolidate.Memory],
    problems: Mapping[str, types.Problem],
    decoder: decode.Decoder,
    config: transformer.TransformerConfig,
) -> Stratum:
  """Chosen trajectories, with a decoder that has room for them."""
  room = max(
      (len(m.prompt) + len(m.tokens) // 2 for m in memories), default=1
  )
  sizes = dataclasses.replace(
      decoder.config, max_prompt=room, top_logits=0, record_hidden=False,
      taps=(), weights=None,
  )
  return Stratum(name, memories, problems, decode.Decoder(
      config, decoder.stop_table, sizes, decoder.pad_id
  ))


def draw_controls(
    cfg: ml_collections.ConfigDict,
    lab: apparatus_lib.Apparatus,
    slept: slept_lib.Slept,
    limit: int,
    seed: int,
) -> list[consolidate.Memory]:
  """Answers of W_k to unrelated problems, chosen as the night's were."""
  problem_set = lab.sets['unrelated']
  problems = _spread(problem_set.problems, limit)
  key = jax.random.key(seed)
  trajectories, samples = rollout.rollout(
      problem_set.decoder, slept.before, lab.tokenizer, problems,
      lab.verifiers, plan=cfg.wake.temperatures, key=key, progress='controls',
  )
  records = rollout.records(
      trajectories, samples, key=key, phase='wake', night=slept.lineage.night,
      weights_digest=slept.lineage.weights_before,
  )
  chosen = slept_lib.choose({p.id: p for p in problems}, records, cfg)
  return pick(chosen, limit)
