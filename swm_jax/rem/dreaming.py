"""The rounds of REM: dream, verify, log, learn."""

from collections.abc import Callable, Mapping, Sequence
import functools
from typing import Any

import jax
import numpy as np

from swm_jax import sharding
from swm_jax import training
from swm_jax import types
from swm_jax.data import batching
from swm_jax.data import outcomes
from swm_jax.data import trajectory_log
from swm_jax.models import lora as lora_lib
from swm_jax.models import transformer
from swm_jax.rem import curriculum
from swm_jax.rem import dreamer as dreamer_lib
from swm_jax.rem import layout
from swm_jax.rem import options as options_lib
from swm_jax.samplers import decode
from swm_jax.samplers import rollout

Record = trajectory_log.Record
# Seeds of packing: rounds count from 0.
_REHEARSAL = 1_000_000


def run(
    params: Any,
    problems: Sequence[types.Problem],
    wake_log: Sequence[Record],
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
    wake_log: of the night, for pass rates, replay and rehearsal.
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
  trainer = dreamer_lib.make_trainer(
      config, options, mesh, rules, decoder.stop_table
  )
  key_init, key_dream = jax.random.split(key)
  trainable = dreamer_lib.init_trainable(params, config, options, key_init)
  restored = restore(trainer.abstract_state(trainable))
  state, first = restored or (trainer.init(trainable), 0)
  merge = jax.jit(functools.partial(lora_lib.merge, alpha=options.alpha))
  longest = max([decoder.config.max_new_tokens] + [
      len(entry['tokens']) for entry in wake_log
  ])
  past = _Past(
      problems, wake_log, options, mesh.shape['data'] * mesh.shape['fsdp']
  )

  def learn(state, packed, groups):
    steps = layout.make_steps(
        packed, groups, params, config, options, longest=longest,
        stop_table=decoder.stop_table,
    )
    values = []
    for step in steps:
      state, metrics = trainer.step(state, params, step)
      values.append(metrics)
    metrics = dreamer_lib.mean_metrics(values)
    if steps:
      metrics['padding'] = layout.padding(steps)
    return state, metrics

  if restored is None and options.rehearsal and options.objective != 'none':
    for epoch in range(options.rehearsal):
      state, _ = learn(state, *past.rehearse(epoch))
    save(state, 0)
  for done in range(first):
    past.add(read_wave(done))

  while not past.is_whole:
    index = past.rounds
    rng = np.random.default_rng([seed, night, index])
    chosen = curriculum.choose_prompts(problems, past.counts, options, rng)
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
    state, metrics = learn(state, *past.add(records))
    on_round(index, records, metrics)
    save(state, index + 1)
  log.finalize()
  return state.params


class _Past:
  """What the rounds so far leave to later ones; read from disk alone.

  Attributes:
    rounds: that were added.
    counts: `(passed, tried)` by problem id, wake included.
  """

  def __init__(
      self,
      problems: Sequence[types.Problem],
      wake_log: Sequence[Record],
      options: options_lib.Options,
      devices: int,
  ):
    self.rounds = 0
    self.counts = {problem.id: (0, 0) for problem in problems}
    self.counts |= outcomes.pass_counts(wake_log)
    self._wake_log = wake_log
    self._store = outcomes.verified_by_problem(wake_log)
    self._options, self._devices = options, devices
    self._tokens = 0
    self._waiting: list[layout.Group] = []

  @property
  def is_whole(self) -> bool:
    """Whether no round comes after these."""
    options = self._options
    return self.rounds >= options.rounds or (
        0 < options.max_tokens <= self._tokens
    )

  def rehearse(
      self, epoch: int
  ) -> tuple[list[batching.PackedBatch], list[layout.Group]]:
    """Micro-batches of what wake drew for problems that it solved."""
    records = [e for e in self._wake_log if self.counts[e['problem']][0]]
    groups = layout.make_groups(records, {}, self.counts, self._options)
    packed, _ = layout.pack(
        groups, self._options, devices=self._devices, seed=_REHEARSAL + epoch,
        last=True,
    )
    return packed, groups

  def add(
      self, records: Sequence[Record]
  ) -> tuple[list[batching.PackedBatch], list[layout.Group]]:
    """Adds a round; returns the micro-batches it makes, and their groups."""
    self.rounds += 1
    self._tokens += sum(len(entry['tokens']) for entry in records)
    for problem, (passed, tried) in outcomes.pass_counts(records).items():
      before = self.counts[problem]
      self.counts[problem] = before[0] + passed, before[1] + tried
    groups = []
    if self._options.objective != 'none':
      groups = self._waiting + layout.make_groups(
          records, self._store, self.counts, self._options
      )
    # x+ of this round are replayed by later ones.
    for entry in filter(outcomes.passed, records):
      self._store.setdefault(entry['problem'], []).append(entry)
    packed, self._waiting = layout.pack(
        groups, self._options, devices=self._devices, seed=self.rounds - 1,
        last=self.is_whole,
    )
    return packed, groups


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
