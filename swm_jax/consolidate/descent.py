"""The device side of consolidation: energies, loss and the training loop.

L = CE(x+) + gamma CD(x+, x-) + alpha DER(z_past), over all parameters. In the
place of DER, or beside it, stands whatever else keeps the past:

  method  what is set in place of weights.der
  none    nothing
  er      weights.replay_ce
  derpp   weights.replay_ce, and weights.der too
  ewc     weights.ewc
  l2sp    weights.l2_sp
  agem    agem=True

`max_tokens` counts the anchors' tokens too, so that a method that replays
learns less that is new. Not counted are the second pass of an update of A-GEM
and the gradients of `importance.TRAJECTORIES` trajectories with which EWC
begins.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
from jax import numpy as jnp

from swm_jax import sharding
from swm_jax import training
from swm_jax.consolidate import importance
from swm_jax.consolidate import layout
from swm_jax.data import batching
from swm_jax.losses import anchoring
from swm_jax.losses import compose
from swm_jax.losses import contrastive
from swm_jax.losses import energy as energy_lib
from swm_jax.losses import reductions
from swm_jax.losses import retention
from swm_jax.models import transformer


def trajectory_energy(
    scores: training.Scores,
    batch: batching.PackedBatch,
    mask: jax.Array,
    *,
    kind: str,
    head: jax.Array | None = None,
) -> jax.Array:
  """E_W of every packed trajectory, `[R, J]`.

  Args:
    scores: of the batch, with the log-sum-exp for `hopfield`.
    batch: the rows.
    mask: targets that count, `[R, M]`.
    kind: one of `layout.ENERGIES`.
    head: weights of the scalar head, `[D]`, for `head`.
  """
  packed = {
      'trajectory': batch.trajectory,
      'num_trajectories': batch.trajectory_id.shape[-1],
  }
  if kind == 'nll':
    return energy_lib.nll_energy(scores.log_prob, mask, **packed)
  if kind == 'hopfield':
    return energy_lib.hopfield_energy(
        scores.lse, scores.query_norm, mask, **packed
    )
  value = jnp.einsum('rmd,d->rm', scores.hidden.astype(jnp.float32), head)
  return energy_lib.head_energy(value, mask, **packed)


def make_loss(
    config: transformer.TransformerConfig, options: layout.Options
) -> training.LossFn:
  """Builds the loss of one micro-batch; trainable is {'model', 'head'}.

  What is frozen is {'start', 'fisher'}, as far as weights' penalties read it.
  """

  def loss_fn(trainable, frozen, batch: layout.Batch):
    packed = batch.packed
    scores = training.score(
        trainable['model'], packed, config,
        indices=batch.z_past.indices if options.weights.der else None,
        return_lse=options.energy == 'hopfield',
    )
    terms = {'ce': -(batch.ce_weight * scores.log_prob).sum()}
    if options.weights.replay_ce:
      terms['replay_ce'] = -(batch.replay_weight * scores.log_prob).sum()
    if options.weights.cd:
      terms['cd'] = contrast(trainable, scores, batch)
    if options.weights.der:
      distance = anchoring.der_loss(
          scores.stored.values, scores.stored.log_rest, batch.z_past,
          batch.anchor_weight > 0, form=options.anchor_form,
      )
      terms['der'] = (batch.anchor_weight * distance).sum()
    share = batch.penalty_weight.sum()
    if options.weights.ewc:
      terms['ewc'] = share * retention.ewc_penalty(
          trainable['model'], frozen['start'], frozen['fisher']
      )
    if options.weights.l2_sp:
      terms['l2_sp'] = share * retention.l2_sp_penalty(
          trainable['model'], frozen['start']
      )
    return compose.compose(terms, options.weights)

  def contrast(trainable, scores, batch: layout.Batch):
    packed = batch.packed
    mask = batch.contrast_mask & packed.target_mask
    energy = trajectory_energy(
        scores, packed, mask, kind=options.energy, head=trainable.get('head'),
    )
    log_pi = reductions.sum_by_trajectory(
        scores.log_prob, packed.target_mask,
        packed.trajectory, packed.trajectory_id.shape[-1],
    )
    R, J = energy.shape
    group = (jnp.arange(R)[:, None] * J + batch.problem).reshape(-1)
    loss_G, paired_G = contrastive.contrastive_divergence_loss(
        energy.reshape(-1),
        batch.sign.reshape(-1),
        contrastive.importance_weight(log_pi, batch.log_mu).reshape(-1),
        group=group,
        num_groups=R * J,
        form=options.contrast_form,
        beta=options.contrast_beta,
        margin=options.contrast_margin,
        l2=options.contrast_l2,
    )
    scale_G = jnp.repeat(batch.contrast_weight, J)
    return jnp.where(paired_G, scale_G * loss_G, 0.0).sum()

  return loss_fn


def make_reference(config: transformer.TransformerConfig) -> training.LossFn:
  """Builds the loss that A-GEM shall not raise: cross-entropy on anchors."""

  def reference_fn(trainable, frozen, batch: layout.Batch):
    del frozen
    scores = training.score(trainable['model'], batch.packed, config)
    loss = -(batch.replay_weight * scores.log_prob).sum()
    return loss, {'replay_ce': loss}

  return reference_fn


def run(
    params: training.PyTree,
    config: transformer.TransformerConfig,
    steps: Sequence[layout.Batch],
    options: layout.Options,
    *,
    mesh: jax.sharding.Mesh,
    rules: sharding.Rules,
    param_shardings: training.PyTree,
    seed: int,
    restore: Callable[[training.TrainState], training.TrainState | None],
    save: Callable[[training.TrainState], None],
    should_save: Callable[[int], bool],
    on_step: Callable[[int, Mapping[str, Any]], None],
    anchors: Sequence[layout.Memory] = (),
) -> training.PyTree:
  """Trains all parameters and returns them; `params` are left as they were.

  Args:
    params: W_k.
    config: of the transformer.
    steps: from `layout.plan`.
    options: the same as given to `layout.plan`.
    mesh: see `sharding.make_mesh`.
    rules: logical axes of activations to mesh axes.
    param_shardings: placement of the parameters.
    seed: of the thermal noise and the energy head.
    restore: maps an abstract state to the last durable one, or None.
    save: makes a state durable.
    should_save: given the number of steps done, whether to save now.
    on_step: receives a step and its metrics, terms as means over what the step
      holds (tokens, prompts with a pair), one step late, so that the device
      is not waited for; never later than the step is durable.
    anchors: those given to `layout.plan`; read for `weights.ewc` alone.

  Raises:
    ValueError: `weights.ewc` without anchors.
  """
  tx = training.make_optimizer(
      learning_rate=options.learning_rate,
      steps=len(steps),
      warmup=options.warmup,
      clip=options.clip,
      temperature=options.temperature,
      seed=seed,
  )
  trainable = {'model': params}
  shardings = {'model': param_shardings}
  if options.energy == 'head':
    trainable['head'] = jnp.zeros(config.width, jnp.float32)
    shardings['head'] = jax.sharding.NamedSharding(
        mesh, jax.sharding.PartitionSpec()
    )
  trainer = training.Trainer(
      make_loss(config, options), tx, mesh, rules, shardings,
      reference_fn=make_reference(config) if options.agem else None,
  )
  frozen = {}
  if options.weights.ewc or options.weights.l2_sp:
    frozen['start'] = params
  if options.weights.ewc:
    frozen['fisher'] = importance.fisher(
        params, config, anchors, mesh=mesh, rules=rules,
        param_shardings=param_shardings, seed=seed,
    )
  state = restore(trainer.abstract_state(trainable))
  if state is None:
    state = trainer.init(trainable)
  pending = None
  for index in range(int(state.step), len(steps)):
    state, metrics = trainer.step(state, frozen, steps[index])
    if pending is not None:
      on_step(*pending)
    pending = index, _per_unit(metrics, layout.totals(steps[index]))
    if index + 1 < len(steps) and should_save(index + 1):
      on_step(*pending)
      pending = None
      save(state)
  if pending is not None:
    on_step(*pending)
  return state.params['model']


def _per_unit(metrics, totals) -> dict[str, Any]:
  """Divides each term by its weight in the step; 0 where it has none."""
  return {
      name: value / totals[name] if totals.get(name) else value
      for name, value in metrics.items()
  }
