"""Sleep, first half: a dreamer looks for answers that waking never gave.

The dreamer is a LoRA copy trained by trajectory balance towards
p_ref(y|x)^(1/T) exp(beta (R_ver - 1)), so that what it draws is verified and
still as varied as the reference. A round dreams, verifies, learns:

  choose prompts -> sample (tempered, Langevin-perturbed) -> verify -> log
                 -> update on the round's dreams and on replayed x+

Dreams are drawn off-policy; the loss is evaluated with the clean dreamer's
log P_F, which is all that trajectory balance needs. The base never changes.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import functools
from typing import Any

from flax import struct
import jax
from jax import numpy as jnp
import numpy as np
import optax

from swm_jax import global_arrays
from swm_jax import sharding
from swm_jax import training
from swm_jax import types
from swm_jax.data import batching
from swm_jax.data import trajectory_log
from swm_jax.losses import balance
from swm_jax.losses import reductions
from swm_jax.models import flow
from swm_jax.models import lora as lora_lib
from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import langevin
from swm_jax.samplers import rollout

OBJECTIVES = ('vargrad', 'tb', 'none')
# Diagnostics that are divided by the variance of the reward.
_RELATIVE = ('loss_ratio', 'slope')
Record = trajectory_log.Record


@dataclasses.dataclass(frozen=True)
class Options:
  """What a night dreams.

  Attributes:
    rounds: of dreaming, verifying and learning.
    prompts: problems of a round.
    temperatures: `(temperature, samples)` of each problem, clean prompt.
    perturbed: the same with Langevin noise on the prompt's latents.
    perturbation: layer, step size and temperature of that noise.
    max_pass_rate: problems that wake solved more often are not dreamt of.
    replay: most x+ of a problem, from wake and earlier rounds, that join its
      dreams in an update.
    objective: `vargrad`, log Z from the prompt's group; `tb`, log Z(x) from a
      head on the prompt's last hidden state; or `none`, which never updates
      the dreamer, so that dreams are samples of the base.
    reward_temperature: T of the reference in the reward.
    beta: nats between a verified and a failed dream.
    rank: of the LoRA parameters.
    alpha: of the LoRA parameters.
    learning_rate: of the LoRA parameters.
    log_z_learning_rate: of the log Z head.
    warmup: updates.
    clip: global gradient norm, after division of the loss by beta^2.
    tokens_per_step: computed tokens of one micro-batch.
    accumulate: micro-batches of an update.
    max_length: longest packed row.
  """

  rounds: int
  prompts: int
  temperatures: tuple[tuple[float, int], ...]
  perturbed: tuple[tuple[float, int], ...]
  perturbation: langevin.Perturbation
  max_pass_rate: float
  replay: int
  objective: str
  reward_temperature: float
  beta: float
  rank: int
  alpha: float
  learning_rate: float
  log_z_learning_rate: float
  warmup: int
  clip: float
  tokens_per_step: int
  accumulate: int
  max_length: int

  def __post_init__(self):
    if self.objective not in OBJECTIVES:
      raise ValueError(
          f'objective={self.objective!r} is unknown; choose one of'
          f' {", ".join(OBJECTIVES)}'
      )


@struct.dataclass
class Batch:
  """Packed dreams with what trajectory balance reads; leaves `[A, R, ...]`.

  Attributes:
    packed: rows.
    problem: index of the slot's problem in its micro-batch, `[R, J]`.
    log_p_ref: under the frozen base, nats, `[R, J]`.
    reward: verdict, 0 or 1, `[R, J]`.
    weight: 1 / dreams of the whole update where the verdict is the verifier's
      own, 0 where it failed or the slot is empty, `[R, J]`.
  """

  packed: batching.PackedBatch
  problem: jax.Array
  log_p_ref: jax.Array
  reward: jax.Array
  weight: jax.Array


def choose_prompts(
    problems: Sequence[types.Problem],
    counts: Mapping[str, tuple[int, int]],
    options: Options,
    rng: np.random.Generator,
) -> list[types.Problem]:
  """Draws a round's problems without replacement, rarely solved ones first.

  The weight is 1 - p with p = (passed + 1) / (tried + 2), the posterior mean
  under a uniform prior, so that a problem tried in vain for long keeps a
  chance and a solved one fades.

  Args:
    problems: of the day.
    counts: `(passed, tried)` by problem id.
    options: see `Options`.
    rng: of the draw.
  """
  rate = np.array([
      counts[p.id][0] / max(counts[p.id][1], 1) for p in problems
  ])
  weight = np.array([
      1.0 - (counts[p.id][0] + 1) / (counts[p.id][1] + 2) for p in problems
  ])
  weight = np.where(rate > options.max_pass_rate, 0.0, weight)
  size = min(options.prompts, int((weight > 0).sum()))
  if not size:
    return []
  drawn = rng.choice(
      len(problems), size=size, replace=False, p=weight / weight.sum()
  )
  return [problems[i] for i in drawn]


def make_loss(
    config: transformer.TransformerConfig, options: Options
) -> training.LossFn:
  """Builds the loss of one micro-batch; trainable is {'lora', 'log_z'}.

  The squared residual is divided by beta^2: it then starts at the variance of
  the reward whatever beta is, and one clipping threshold serves all.
  """

  def loss_fn(trainable, base, batch: Batch):
    packed = batch.packed
    params = lora_lib.merge(base, trainable['lora'], options.alpha)
    scores = training.score(params, packed, config)
    R, J = batch.reward.shape
    log_pf = reductions.sum_by_trajectory(
        scores.log_prob, packed.target_mask, packed.trajectory, J
    ).reshape(-1)
    reward, valid = batch.reward.reshape(-1), batch.weight.reshape(-1) > 0
    log_p_ref = batch.log_p_ref.reshape(-1)
    log_reward = balance.log_reward(
        log_p_ref, reward,
        temperature=options.reward_temperature, beta=options.beta,
    )
    groups = {'group': batch.problem.reshape(-1), 'num_groups': R * J}
    if options.objective == 'vargrad':
      loss = balance.vargrad_loss(log_pf, log_reward, valid, **groups)
    else:
      latent = jax.lax.stop_gradient(scores.prompt_hidden)
      log_z = flow.LogZHead().apply(
          {'params': trainable['log_z']}, latent.reshape(R * J, -1)
      )
      loss = balance.trajectory_balance_loss(log_z, log_pf, log_reward, valid)
    loss = (batch.weight.reshape(-1) * loss).sum() / options.beta**2
    diagnostics = balance.vargrad_diagnostics(
        log_pf, log_p_ref, log_reward, reward, valid,
        beta=options.beta, **groups,
    )
    # Micro-batches are summed: weigh each by its share of the update, and what
    # is relative to the variance of the reward by its share of that.
    share = batch.weight.sum()
    for name in _RELATIVE:
      diagnostics[name] *= diagnostics['reward_variance']
    return loss, {k: share * v for k, v in diagnostics.items()}

  return loss_fn


def mean_metrics(
    values: Sequence[Mapping[str, jax.Array]],
) -> dict[str, float]:
  """Averages the metrics of updates; ratios become ratios of averages."""
  if not values:
    return {}
  mean = {
      name: sum(float(v[name]) for v in values) / len(values)
      for name in values[0]
  }
  for name in _RELATIVE:
    variance = mean['reward_variance']
    mean[name] = mean[name] / variance if variance else 0.0
  return mean


def make_trainer(
    config: transformer.TransformerConfig,
    options: Options,
    mesh: jax.sharding.Mesh,
    rules: sharding.Rules,
) -> training.Trainer:
  """Builds the dreamer's trainer; log Z has a learning rate of its own."""

  def adam(learning_rate):
    # Never 0: there are few updates, and none of them is for nothing.
    warm = lambda count: learning_rate * jnp.minimum(
        1.0, (count + 1) / max(options.warmup, 1)
    )
    return optax.adamw(warm, b1=0.9, b2=0.95, weight_decay=0.0)

  tx = optax.chain(
      optax.clip_by_global_norm(options.clip),
      optax.multi_transform(
          {
              'lora': adam(options.learning_rate),
              'log_z': adam(options.log_z_learning_rate),
          },
          {'lora': 'lora', 'log_z': 'log_z'},
      ),
  )
  return training.Trainer(make_loss(config, options), tx, mesh, rules)


def init_trainable(
    params: Any, config: transformer.TransformerConfig, options: Options, key
) -> dict[str, Any]:
  """Draws a dreamer equal to the base, and a log Z of 0."""
  key_lora, key_z = jax.random.split(key)
  head = flow.LogZHead().init(key_z, jnp.zeros((1, config.width)))['params']
  return {
      'lora': lora_lib.init_lora(params, options.rank, key_lora),
      'log_z': head,
  }


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
    options: Options,
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
  trainer = make_trainer(config, options, mesh, rules)
  key_init, key_dream = jax.random.split(key)
  trainable = init_trainable(params, config, options, key_init)
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
    chosen = choose_prompts(problems, counts, options, rng)
    if not chosen:
      break
    if index >= log.num_waves:
      dreamer = merge(params, state.params['lora'])
      log.append_wave(_dream(
          dreamer, chosen, index, decoder=decoder, tokenizer=tokenizer,
          verifiers=verifiers, options=options, night=night,
          key=jax.random.fold_in(key_dream, index),
          digest=digest(state.params['lora']), deadline_seconds=deadline_seconds,
      ))
      del dreamer
    # What is on disk, whether this process wrote it or the one before: stored
    # temperatures and log-probs are narrower than those in memory.
    records = read_wave(index)
    _count(records, counts)
    steps = []
    if options.objective != 'none':
      steps = _lay_out(records, store, params, config, options, mesh, index)
    values = []
    for step in steps:
      state, metrics = trainer.step(state, params, step)
      values.append(metrics)
    _keep(records, store)
    on_round(index, records, mean_metrics(values))
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


def _lay_out(
    records, store, params, config, options, mesh, index
) -> list[Batch]:
  """Packs a round's dreams and replayed x+ into updates of one shape."""
  by_problem: dict[str, list[Record]] = {}
  for entry in records:
    if entry['verdict']['status'] != types.ERROR:
      by_problem.setdefault(entry['problem'], []).append(entry)
  table, examples = [], []
  for problem, dreams in by_problem.items():
    seen, group = set(), []
    # Newest first: old x+ are the likeliest to be forgotten by the dreamer.
    for entry in dreams + store.get(problem, [])[::-1][: options.replay]:
      tokens = tuple(int(token) for token in entry['tokens'])
      if tokens and tokens not in seen:
        seen.add(tokens)
        group.append(entry)
    ids = list(range(len(table), len(table) + len(group)))
    table += group
    examples.append(batching.Example(
        prompt=group[0]['prompt_tokens'],
        completions=[entry['tokens'] for entry in group],
        ids=ids,
    ))
  devices = mesh.shape['data'] * mesh.shape['fsdp']
  rows = max(1, options.tokens_per_step // options.max_length)
  packed = batching.pack(
      examples,
      rows=-(-rows // devices) * devices,
      length=options.max_length,
      # Completions are never more than their row; most rows hold a prompt of
      # a quarter of it.
      targets=options.max_length,
      slots=options.max_length // 4,
      seed=index,
  )
  payloads = [
      _payload(batch, table, global_arrays.fetch(
          training.score_batch(params, batch, config)[0]
      ))
      for batch in packed
  ]
  if not payloads:  # The verifier failed on all of them.
    return []
  blank = jax.tree.map(np.zeros_like, payloads[0])
  payloads += [blank] * (-len(payloads) % options.accumulate)
  steps = []
  for start in range(0, len(payloads), options.accumulate):
    step = jax.tree.map(
        lambda *leaves: np.stack(leaves),
        *payloads[start : start + options.accumulate],
    )
    steps.append(step.replace(weight=step.weight / step.weight.sum()))
  return steps


def _payload(packed, table, log_prob) -> Batch:
  """Gathers verdicts and the reference's log-probs of one micro-batch."""
  R, J = packed.trajectory_id.shape
  problem = np.zeros((R, J), np.int32)
  reward = np.zeros((R, J), np.float32)
  weight = np.zeros((R, J), np.float32)
  seen: dict[str, int] = {}
  for r, slot in np.argwhere(packed.trajectory_id >= 0):
    entry = table[packed.trajectory_id[r, slot]]
    problem[r, slot] = seen.setdefault(entry['problem'], len(seen))
    reward[r, slot] = entry['verdict']['status'] == types.PASS
    weight[r, slot] = 1.0
  log_p_ref = reductions.sum_by_trajectory(
      jnp.asarray(log_prob), packed.target_mask, packed.trajectory, J
  )
  return Batch(
      packed=packed,
      problem=problem,
      log_p_ref=np.asarray(log_p_ref),
      reward=reward,
      weight=weight,
  )
