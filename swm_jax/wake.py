"""Wake: the frozen model answers the day's problems, and everything is logged.

Weights do not change here. Each wave of problems becomes durable at once, so a
wake that was cut goes on with the next wave; what a wave holds depends only on
its problems and the key.
"""

from collections.abc import Callable, Sequence
import dataclasses
from typing import Any

import jax

from swm_jax import types
from swm_jax.data import trajectory_log
from swm_jax.samplers import decode
from swm_jax.samplers import rollout

Record = trajectory_log.Record


@dataclasses.dataclass(frozen=True)
class Options:
  """What a day asks of the model.

  Attributes:
    temperatures: `(temperature, samples)` of each problem; 0 is greedy.
    wave: problems that become durable together.
  """

  temperatures: tuple[tuple[float, int], ...]
  wave: int


def run(
    params: Any,
    problems: Sequence[types.Problem],
    *,
    decoder: decode.Decoder,
    tokenizer: Any,
    verifiers: rollout.Verifying,
    log: trajectory_log.TrajectoryLog,
    options: Options,
    key: jax.Array,
    weights_digest: str,
    night: int,
    read_wave: Callable[[int], Sequence[Record]],
    on_wave: Callable[[int, Sequence[Record]], None],
    deadline_seconds: float | None = None,
) -> None:
  """Answers every day problem and finalizes the log.

  Args:
    params: frozen weights.
    problems: of the day, none of them held out or unrelated.
    decoder: with top-K logits and taps switched on.
    tokenizer: of the model.
    verifiers: running pool.
    log: receives one wave for each `options.wave` problems; waves that it
      already holds are not answered again.
    options: see `Options`.
    key: of all samples; folded with problem and sample.
    weights_digest: of `params`, written to each record.
    night: counted from 0.
    read_wave: returns the records of a wave of the log that is durable.
    on_wave: called with the index and records of each durable wave, also of
      those that the log held before: a wake cut after writing one has perhaps
      not told of it.
    deadline_seconds: of a wave's verdicts, see `rollout`.
  """
  waves = range(0, len(problems), options.wave)
  for wave, start in enumerate(waves):
    if wave >= log.num_waves:
      trajectories, samples = rollout.rollout(
          decoder,
          params,
          tokenizer,
          problems[start : start + options.wave],
          verifiers,
          plan=options.temperatures,
          key=key,
          progress=f'wake {wave + 1}/{len(waves)}',
          deadline_seconds=deadline_seconds,
      )
      log.append_wave(
          rollout.records(
              trajectories, samples, key=key, phase='wake', night=night,
              weights_digest=weights_digest,
          )
      )
    on_wave(wave, read_wave(wave))
  log.finalize()
