"""The rounds of REM: dream, verify, log, learn."""

from collections.abc import Callable, Mapping, Sequence
import functools
from typing import Any

import jax
import numpy as np

from swm_jax import sharding
from swm_jax import training
from swm_jax import types
from swm_jax.data import trajectory_log
from swm_jax.models import lora as lora_lib
from swm_jax.models import transformer
from swm_jax.rem import curriculum
from swm_jax.rem import dreamer as dreamer_lib
from swm_jax.rem import options as options_lib
from swm_jax.samplers import decode
from swm_jax.samplers import rollout

Record = trajectory_log.Record


def run(
    params: Any,
    problems: Sequence[types.Problem],
    counts: Mapping[str, tuple[int, int]],
    replay: Mapping[str, Sequence[Record]],
    *,
    config: transformer.TransformerConfig,
    decoder: decode.Decoder,
    tokenizer: Any,
    verifiers: rollout.Verifying,
    log: trajectory_log.TrajectoryLog,
    read_wave: Callable[[int], Sequence[Record]],
    options: options_lib.Options,
    mesh: jax.sharding.Mesh,
    rules: sharding.Rules,
    key: jax.Array,
    seed: int,
    night: int,
    digest: Callable[[Any], str],
    restore: Callable[[training.TrainState], tuple[Any, int] | None],
    save: Callable[[training.TrainState, int], None],
    on_round: Callable[[int, Sequence[Record], Mapping[str, float]], None],
    deadline_seconds: float | None = None,
) -> Any:
  """Dreams for a night; returns the dreamer's trained {'lora', 'log_z'}.

  Args:
    params: the frozen base.
    problems: of the day.
    counts: `(passed, tried)` of wake by problem id.
    replay: verified records of wake by problem id.
    config: of the transformer.
    decoder: for the dreams.
    tokenizer: of the model.
    verifiers: running pool.
    log: one wave a round.
    read_wave: returns the records of a wave of the log that is durable.
    options: see `Options`.
    mesh: see `sharding.make_mesh`.
    rules: logical axes of activations to mesh axes.
    key: of samples and initial parameters.
    seed: of the choice of prompts.
    night: counted from 0.
    digest: of a parameter tree; written to each record.
    restore: maps an abstract state to (state, rounds done), or None.
    save: makes (state, rounds done) durable.
    on_round: called with the round, its records and its metrics.
    deadline_seconds: of a rollout's verdicts, see `rollout`.
  """
  trainer = dreamer_lib.make_trainer(config, options, mesh, rules)
  key_init, key_dream = jax.random.split(key)
  trainable = dreamer_lib.init_trainable(params, config, options, key_init)
  restored = restore(trainer.abstract_state(trainable))
  state, first = restored or (trainer.init(trainable), 0)
  merge = jax.jit(functools.partial(lora_lib.merge, alpha=options.alpha))
  counts = dict(counts)
  store = {problem: list(records) for problem, records in replay.items()}
  for done in range(first):
    records = read_wave(done)
    _count(records, counts)
    _keep(records, store)

  for index in range(first, options.rounds):
    rng = np.random.default_rng([seed, night, index])
    chosen = curriculum.choose_prompts(problems, counts, options, rng)
    if not chosen:
      break
    if index >= log.num_waves:
      dreamer = merge(params, state.params['lora'])
      log.append_wave(_dream(
          dreamer, chosen, index, decoder=decoder, tokenizer=tokenizer,
          verifiers=verifiers, options=options, night=night,
          key=jax.random.fold_in(key_dream, index),
          digest=digest(state.params['lora']),
          deadline_seconds=deadline_seconds,
      ))
      del dreamer
    # What is on disk, whether this process wrote it or the one before: stored
    # temperatures and log-probs are narrower than those in memory.
    records = read_wave(index)
    _count(records, counts)
    steps = []
    if options.objective != 'none':
      steps = dreamer_lib.lay_out(
          records, store, params, config, options, mesh, index
      )
    values = []
    for step in steps:
      state, metrics = trainer.step(state, params, step)
      values.append(metrics)
    _keep(records, store)
    on_round(index, records, dreamer_lib.mean_metrics(values))
    save(state, index + 1)
  log.finalize()
  return state.params


def _count(records, counts) -> None:
  """Adds a round's verdicts to the pass counts of its problems."""
  for entry in records:
    status = entry['verdict']['status']
    if status != types.ERROR:
      passed, tried = counts[entry['problem']]
      counts[entry['problem']] = passed + (status == types.PASS), tried + 1


def _keep(records, store) -> None:
  """Adds a round's x+ to those that later rounds replay."""
  for entry in records:
    if entry['verdict']['status'] == types.PASS:
      store.setdefault(entry['problem'], []).append(entry)


def _dream(
    dreamer, problems, index, *, decoder, tokenizer, verifiers, options, night,
    key, digest, deadline_seconds,
) -> list[Record]:
  """Samples and verifies one round."""
  key_clean, key_perturbed = jax.random.split(key)
  records = []
  for name, temperatures, perturb, key_draw in (
      ('clean', options.temperatures, None, key_clean),
      ('perturbed', options.perturbed, options.perturbation, key_perturbed),
  ):
    if not temperatures:
      continue
    trajectories, samples = rollout.rollout(
        decoder, dreamer, tokenizer, problems, verifiers,
        plan=temperatures, key=key_draw, perturb=perturb,
        progress=f'rem {index + 1}/{options.rounds} {name}',
        deadline_seconds=deadline_seconds,
    )
    records += rollout.records(
        trajectories, samples, key=key_draw, phase='rem', night=night,
        weights_digest=digest, perturb=perturb,
    )
  return records
