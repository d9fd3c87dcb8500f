"""The dreamer: LoRA parameters and the steps that they take on dreams."""

from collections.abc import Mapping, Sequence
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
from swm_jax.rem import options as options_lib

# Diagnostics that are divided by the variance of the reward.
_RELATIVE = ('loss_ratio', 'slope')


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


def make_loss(
    config: transformer.TransformerConfig, options: options_lib.Options
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
    options: options_lib.Options,
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
    params: Any,
    config: transformer.TransformerConfig,
    options: options_lib.Options,
    key: jax.Array,
) -> dict[str, Any]:
  """Draws a dreamer equal to the base, and a log Z of 0."""
  key_lora, key_z = jax.random.split(key)
  head = flow.LogZHead().init(key_z, jnp.zeros((1, config.width)))['params']
  return {
      'lora': lora_lib.init_lora(params, options.rank, key_lora),
      'log_z': head,
  }


def lay_out(
    records, store, params, config, options, mesh, index
) -> list[Batch]:
  """Packs a round's dreams and replayed x+ into updates of one shape."""
  by_problem: dict[str, list[trajectory_log.Record]] = {}
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
