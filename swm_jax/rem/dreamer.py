"""The dreamer: LoRA parameters and the steps that they take on dreams."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
from jax import numpy as jnp
import optax

from swm_jax import sharding
from swm_jax import training
from swm_jax.losses import balance
from swm_jax.losses import objectives
from swm_jax.models import flow
from swm_jax.models import lora as lora_lib
from swm_jax.models import transformer
from swm_jax.rem import layout
from swm_jax.rem import options as options_lib
from swm_jax.samplers import stopping

# Diagnostics that are divided by the variance of the reward.
_RELATIVE = ('loss_ratio', 'slope')


def make_loss(
    config: transformer.TransformerConfig,
    options: options_lib.Options,
    stop_table: stopping.StopTable | None = None,
) -> training.LossFn:
  """Builds the loss of one micro-batch; trainable is {'lora', 'log_z'}.

  Squared balances are divided by beta^2: at the reference their loss is then
  the variance of the reward whatever beta is, and one clipping threshold
  serves all.

  Raises:
    ValueError: raptb has no stop table.
  """
  if options.objective == 'raptb' and stop_table is None:
    raise ValueError("objective='raptb' needs the stop_table of the decoder")
  is_balance = options.objective in objectives.BALANCED
  scale = options.beta**2 if is_balance else 1.0

  def loss_fn(trainable, base, batch: layout.Batch):
    params = lora_lib.merge(base, trainable['lora'], options.alpha)
    scores = training.score(params, batch.packed, config)
    log_stop_RxM = None
    if options.objective == 'raptb':
      log_stop_RxM = layout.log_stop(
          params, scores.hidden, batch.state, config, stop_table
      )
    x = trajectories(
        batch, scores, log_stop_RxM, trainable['log_z'], options, stop_table
    )
    num_groups = batch.reward.size
    weight_B = batch.weight.reshape(-1)
    loss_B = objectives.OBJECTIVES[options.objective](x, num_groups)
    loss = (weight_B * loss_B).sum() / scale
    if options.objective == 'ce':  # It is given nothing that failed.
      return loss, {}
    log_p_ref = _regroup(batch.log_p_ref, batch)
    diagnostics = balance.vargrad_diagnostics(
        jnp.where(x.mask, x.log_pf, 0.0).sum(axis=1),
        jnp.where(x.mask, log_p_ref, 0.0).sum(axis=1),
        x.log_reward, x.reward, x.mask.any(axis=1),
        group=x.group, num_groups=num_groups, beta=options.beta,
    )
    # Micro-batches are summed: weigh each by its share of the update, and what
    # is relative to the variance of the reward by its share of that.
    share = weight_B.sum()
    for name in _RELATIVE:
      diagnostics[name] *= diagnostics['reward_variance']
    return loss, {k: share * v for k, v in diagnostics.items()}

  return loss_fn


def trajectories(
    batch: layout.Batch,
    scores: training.Scores,
    log_stop_RxM: jax.Array | None,
    head: Any,
    options: options_lib.Options,
    stop_table: stopping.StopTable | None = None,
) -> objectives.Trajectories:
  """Turns packed rows into what an objective reads, one trajectory a row.

  Of what one objective alone reads, nothing is computed for the others:

  * tb, raptb: log Z(x) is a head on the hidden state at the prompt's end.
  * subtb: log F(s_k) = log p_ref(y_<k | x) / T + the same head on the hidden
    state at s_k. The head is left with what is still to come, between -beta
    and 0 at T = 1, and is right at the reference for every s_k but the last.
  * raptb: P_F(stop | s_k) sums over all tokens that end a completion in the
    automaton's state at s_k. A prefix that was not verified counts as wrong,
    and earns nothing by itself; the last one has the verdict of the whole.
  * grpo: the policy that drew a token is the tempered or perturbed one.

  Args:
    batch: one micro-batch.
    scores: of the dreamer.
    log_stop_RxM: of the dreamer, raptb only.
    head: parameters of `flow.LogZHead`; its inputs pass no gradient on.
    options: see `Options`.
    stop_table: of the decoder, raptb only.

  Returns:
    `[B, T]` with B = R J; the group is the problem in the micro-batch.

  References:
    Pan et al., Better training of GFlowNets with local credit and incomplete
      trajectories, 2023, https://arxiv.org/abs/2302.01687
  """
  T_ref, beta = options.reward_temperature, options.beta
  mask = batch.mask.reshape(-1, batch.mask.shape[-1])
  reward = batch.reward.reshape(-1)
  log_p_ref = jnp.where(mask, _regroup(batch.log_p_ref, batch), 0.0)
  log_reward = balance.log_reward(
      log_p_ref.sum(axis=1), reward, temperature=T_ref, beta=beta
  )
  # Of the tokens before each, log p_ref(s_k).
  log_prefix_ref = jnp.cumsum(log_p_ref, axis=1) - log_p_ref
  x = objectives.Trajectories(
      log_pf=_regroup(scores.log_prob, batch),
      mask=mask,
      group=batch.problem.reshape(-1),
      log_reward=log_reward,
      reward=reward,
  )
  if options.objective in ('tb', 'raptb'):
    x = x.replace(log_z=_head(head, scores.prompt_hidden).reshape(-1))
  if options.objective == 'subtb':
    to_come = _regroup(_head(head, scores.hidden), batch)
    x = x.replace(log_flow=log_prefix_ref / T_ref + to_come)
  if options.objective == 'grpo':
    x = x.replace(log_behaviour=_regroup(batch.log_behaviour, batch))
  if options.objective == 'raptb':
    # The prefix before the last token; nothing is read beyond it.
    is_last = mask & ~jnp.pad(mask, ((0, 0), (0, 1)))[:, 1:]
    verified = is_last & (reward > 0.0)[:, None]
    task_reward = jnp.where(is_last, beta * (reward - 1.0)[:, None], -beta)
    stopped_ref = log_prefix_ref + _regroup(batch.log_stop_ref, batch)
    can_stop_S = jnp.asarray(layout.stop_tokens(stop_table).any(axis=1))
    x = x.replace(
        log_stop=_regroup(log_stop_RxM, batch),
        log_prefix_reward=stopped_ref / T_ref + task_reward,
        stoppable=mask & _regroup(can_stop_S[batch.state], batch),
        task_reward=task_reward,
        unrewarded=~verified,
    )
  return x


def _regroup(values_RxM: jax.Array, batch: layout.Batch) -> jax.Array:
  """Gathers the values of each trajectory's targets, `[R J, T]`."""
  R, J, T = batch.place.shape
  place = batch.place.reshape(R, J * T)
  return jnp.take_along_axis(values_RxM, place, axis=1).reshape(R * J, T)


def _head(params: Any, hidden: jax.Array) -> jax.Array:
  """Applies the head of log Z to `[..., D]`."""
  latent = jax.lax.stop_gradient(hidden).reshape(-1, hidden.shape[-1])
  values = flow.LogZHead().apply({'params': params}, latent)
  return values.reshape(hidden.shape[:-1])


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
    if name in mean:
      variance = mean['reward_variance']
      mean[name] = mean[name] / variance if variance else 0.0
  return mean


def make_trainer(
    config: transformer.TransformerConfig,
    options: options_lib.Options,
    mesh: jax.sharding.Mesh,
    rules: sharding.Rules,
    stop_table: stopping.StopTable | None = None,
) -> training.Trainer:
  """Builds the dreamer's trainer; log Z has a learning rate of its own.

  Args:
    config: of the transformer.
    options: see `Options`.
    mesh: see `sharding.make_mesh`.
    rules: logical axes of activations to mesh axes.
    stop_table: of the decoder, raptb only.
  """

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
  return training.Trainer(
      make_loss(config, options, stop_table), tx, mesh, rules
  )


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
