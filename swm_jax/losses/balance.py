"""Balance objectives: train a sampler so that P_F(y | x) is R(x, y) / Z(x).

Text grows from left to right, so that every state has one parent, P_B = 1 and
its term is absent. Where states have several (`swm_jax.tasks.hypergrid`), give
log P_F - log P_B of each step as `log_pf`: that is all that P_B changes in
trajectory balance, SubTB and VarGrad.

One signature: `(log_z, log_pf, log_reward, mask)`, squared residuals per
trajectory out, and the caller reduces. `log_pf` is either `[B, T]`, a token
each, or `[J]`, already summed over tokens (`reductions.sum_by_trajectory` does
it for packed rows). `mask` has its shape. A trajectory whose verifier failed
has no True in the mask: it then changes neither log Z nor any loss or gradient.

The behaviour policy appears nowhere: the losses are zero at the solution under
any policy that reaches every string, so dreams may be tempered, noisy or old.
"""

import math

import chex
import jax
import jax.numpy as jnp

from swm_jax.losses import reductions


def log_reward(
    log_p_ref: jax.Array,
    reward: jax.Array,
    *,
    temperature: float = 1.0,
    beta: float,
) -> jax.Array:
  """Tempered log-reward, log p_ref / T + beta (R - 1).

  Args:
    log_p_ref: log-probability of the completion under the frozen reference,
      stop included, nats, `[J]`.
    reward: verifier's verdict, 0 or 1 (or a value between), `[J]`.
    temperature: T > 0; below 1 it sharpens the reference.
    beta: nats between a right and a wrong answer, finite: with R = 0 the log
      of a plain 0 / 1 reward is -inf, and trajectory balance breaks.

  Returns:
    Unnormalised log target, nats, `[J]`, float32.

  Raises:
    ValueError: temperature is not positive or beta is not finite.
  """
  if not temperature > 0.0:
    raise ValueError(f'{temperature=} must be positive')
  if not math.isfinite(beta):
    raise ValueError(f'{beta=} must be finite; try 5 to 30 nats')
  chex.assert_equal_shape([log_p_ref, reward])
  reference = log_p_ref.astype(jnp.float32) / temperature
  return reference + beta * (reward.astype(jnp.float32) - 1.0)


def trajectory_balance_loss(
    log_z: jax.Array,
    log_pf: jax.Array,
    log_reward: jax.Array,  # pylint: disable=redefined-outer-name
    mask: jax.Array,
) -> jax.Array:
  """Squared residual (log Z(x) + sum_t log P_F(y_t | y_<t, x) - log R)^2.

  Args:
    log_z: log-partition estimate of each trajectory's prompt, nats, `[B]`.
    log_pf: log-probability of the sampled tokens, stop included, under the
      policy in training and not the one that drew them, nats, `[B, T]`, or
      its sum, `[B]`.
    log_reward: finite log-reward, nats, `[B]`.
    mask: True where `log_pf` counts, its shape.

  Returns:
    nats^2, `[B]`, float32; 0 where the mask has no True.

  References:
    Malkin et al., Trajectory balance, 2022, https://arxiv.org/abs/2201.13259
  """
  chex.assert_rank([log_z, log_reward], 1)
  log_pf, valid = _per_trajectory(log_pf, mask)
  chex.assert_equal_shape([log_z, log_pf, log_reward])
  residual = (
      log_z.astype(jnp.float32) + log_pf - log_reward.astype(jnp.float32)
  )
  return jnp.square(jnp.where(valid, residual, 0.0))


def vargrad_log_z(
    log_pf: jax.Array,
    log_reward: jax.Array,  # pylint: disable=redefined-outer-name
    mask: jax.Array,
    *,
    group: jax.Array,
    num_groups: int,
) -> jax.Array:
  """Estimates log Z(x) as the mean of log R - log P_F over a prompt's group.

  A mean over the batch is wrong as soon as it holds two prompts: it charges
  each for the difference of their log Z.

  Args:
    log_pf: as in `trajectory_balance_loss`, `[J, T]` or `[J]`.
    log_reward: finite log-reward, nats, `[J]`.
    mask: True where `log_pf` counts, its shape.
    group: prompt of each trajectory, `[J]`, int32 in `[0, num_groups)`.
    num_groups: G, static.

  Returns:
    Estimate without gradient, nats, `[G]`, float32; 0 for a prompt without
    valid trajectories.
  """
  log_pf, valid = _per_trajectory(log_pf, mask)
  ratio = log_reward.astype(jnp.float32) - log_pf
  return jax.lax.stop_gradient(
      reductions.mean_by_group(ratio, valid, group, num_groups)
  )


def vargrad_loss(
    log_pf: jax.Array,
    log_reward: jax.Array,  # pylint: disable=redefined-outer-name
    mask: jax.Array,
    *,
    group: jax.Array,
    num_groups: int,
) -> jax.Array:
  """Trajectory balance with `vargrad_log_z` in the place of a learned log Z.

  Averaged over a group this is the variance of log P_F - log R in it. The
  estimate is detached, which changes no gradient: residuals of a group sum to
  zero. A group of one trajectory teaches nothing (loss 0).

  Scale. Started at the reference with T = 1 the mean loss is s^2 Var(R), s the
  `beta` of `log_reward`: a gradient norm of 30 is scale, not divergence. The
  rule found where prompts share a small network and p* is enumerated
  (`tests/losses/balance_rules_test.py` prints the numbers):
    * Divide the mean loss by s^2, so that it starts at Var(R) for every s,
      and clip the global norm at 1. Under Adam neither matters: divided or
      not, clipped at 1 or never, L1 to p* is the same within its error.
    * Keep the groups that are all right or all wrong. They teach no
      difference, and they alone hold the sampler to the reference on their
      prompts: without them it drifts there by a nat.

  Args: as `vargrad_log_z`.

  Returns:
    Squared residual per trajectory, nats^2, `[J]`, float32.

  References:
    Richter et al., VarGrad, 2020, https://arxiv.org/abs/2010.10436
    Zhang et al., Robust scheduling with GFlowNets, 2023,
      https://arxiv.org/abs/2302.05446
  """
  log_z = vargrad_log_z(
      log_pf, log_reward, mask, group=group, num_groups=num_groups
  )
  return trajectory_balance_loss(
      jnp.take(log_z, group, mode='clip'), log_pf, log_reward, mask
  )


def subtrajectory_balance_loss(
    log_flow: jax.Array,
    log_pf: jax.Array,
    log_reward: jax.Array,  # pylint: disable=redefined-outer-name
    mask: jax.Array,
    *,
    decay: float = 1.0,
) -> jax.Array:
  """SubTB(lambda): balance over every contiguous part of a trajectory.

  The part from state i to state j > i has the residual log F(s_i) +
  sum_{i <= t < j} log P_F - log F(s_j), weighted by lambda^(j - i) and
  normalised by the sum of weights. The flow of the final state is R. As lambda
  grows only the whole trajectory is left, which is trajectory balance.

  Args:
    log_flow: learned log F of the state *before* each token, nats, `[B, T]`;
      `log_flow[:, 0]` is log Z(x).
    log_pf: log-probability of each token, stop included, nats, `[B, T]`.
    log_reward: finite log-reward, nats, `[B]`.
    mask: True where a token was sampled, a prefix of each row, `[B, T]`.
    decay: lambda > 0.

  Returns:
    Weighted mean of squared residuals, nats^2, `[B]`, float32.

  References:
    Madan et al., Learning GFlowNets from partial episodes, 2022,
      https://arxiv.org/abs/2209.12782
  """
  chex.assert_rank([log_flow, log_pf, log_reward], [2, 2, 1])
  chex.assert_equal_shape([log_flow, log_pf, mask])
  num_tokens = mask.shape[1]
  length = mask.sum(axis=1)
  log_pf = jnp.where(mask, log_pf.astype(jnp.float32), 0.0)
  before = jnp.pad(jnp.cumsum(log_pf, axis=1), ((0, 0), (1, 0)))
  flow = jnp.where(mask, log_flow.astype(jnp.float32), 0.0)
  state = jnp.arange(num_tokens + 1)
  is_final = state[None, :] == length[:, None]
  flow = jnp.where(
      is_final,
      log_reward.astype(jnp.float32)[:, None],
      jnp.pad(flow, ((0, 0), (0, 1))),
  )
  # With a_i = log F(s_i) - sum_{t < i} log P_F the residual is a_i - a_j.
  potential = flow - before
  residual = potential[:, :, None] - potential[:, None, :]
  span = state[None, :] - state[:, None]
  in_row = (state[None, :] <= length[:, None])[:, None, :]
  pairs = (span > 0)[None] & in_row
  # Divided by lambda^T so that a large lambda cannot overflow.
  log_weight = math.log(decay) * (span - num_tokens if decay > 1 else span)
  weight = jnp.where(pairs, jnp.exp(log_weight)[None], 0.0)
  total = weight.sum(axis=(1, 2))
  loss = (weight * jnp.square(jnp.where(pairs, residual, 0.0))).sum((1, 2))
  return loss / jnp.where(total > 0.0, total, 1.0)


def relative_trajectory_balance_loss(
    log_z: jax.Array,
    log_pf: jax.Array,
    log_prior: jax.Array,
    log_likelihood: jax.Array,
    mask: jax.Array,
) -> jax.Array:
  """Trajectory balance for the posterior p(y | x) L(x, y) / Z(x).

  Equal to trajectory balance on log R = log prior + log L, kept apart because
  here log Z(x) is the log evidence, at most max log L. `log_reward` with T = 1
  is this case with log L = beta (R - 1).

  Args:
    log_z: log evidence estimate of each trajectory's prompt, nats, `[B]`.
    log_pf: as in `trajectory_balance_loss`, `[B, T]` or `[B]`.
    log_prior: the same tokens under the frozen prior, nats, shape of `log_pf`.
    log_likelihood: finite log L, nats, `[B]`.
    mask: True where `log_pf` counts, its shape.

  Returns:
    Squared residual per trajectory, nats^2, `[B]`, float32.

  References:
    Venkatraman et al., Amortizing intractable inference in diffusion models,
      2024, https://arxiv.org/abs/2405.20971
  """
  chex.assert_equal_shape([log_pf, log_prior])
  log_prior, _ = _per_trajectory(log_prior, mask)
  return trajectory_balance_loss(
      log_z, log_pf, log_prior + log_likelihood.astype(jnp.float32), mask
  )


def vargrad_diagnostics(
    log_pf: jax.Array,
    log_p_ref: jax.Array,
    log_reward: jax.Array,  # pylint: disable=redefined-outer-name
    reward: jax.Array,
    mask: jax.Array,
    *,
    group: jax.Array,
    num_groups: int,
    beta: float,
) -> dict[str, jax.Array]:
  """Says how far a per-prompt sampler is from its target, free of scale.

  Args:
    log_pf: under the policy in training, summed, nats, `[J]`.
    log_p_ref: under the frozen reference, summed, nats, `[J]`.
    log_reward: as given to the loss, nats, `[J]`.
    reward: verifier's verdict, 0 or 1, `[J]`.
    mask: True where the trajectory counts, `[J]`.
    group: prompt of each trajectory, `[J]`, int32 in `[0, num_groups)`.
    num_groups: G, static.
    beta: of `log_reward`.

  Returns:
    Scalars, float32, no gradient:
      loss_ratio: VarGrad loss / (beta^2 Var R), both within groups and summed
        over groups whose verdicts differ. 1 at the reference with T = 1, 0 at
        the solution; 0 if no group is mixed.
      slope: least-squares slope of log P_F - log p_ref on R within groups,
        nats. 0 at the reference; `beta` at the solution with T = 1.
      effective_samples: (sum w)^2 / sum w^2 with w = R / P_F, over the
        number of valid trajectories, mean over prompts. 1 at the solution.
      reward_variance: within groups, mean over valid trajectories.
      mixed_groups: share of prompts with both verdicts.
  """
  chex.assert_equal_shape([log_pf, log_p_ref, log_reward, reward, mask, group])
  by_group = lambda values: reductions.sum_by_group(  # noqa: E731
      values, mask, group, num_groups
  )
  safe_group = jnp.where(mask, group, 0)
  count = by_group(jnp.ones_like(log_pf))
  has_any = count > 0.0
  num_prompts = jnp.maximum(has_any.sum(), 1)

  def centred(values):
    values = jnp.where(mask, values.astype(jnp.float32), 0.0)
    mean = by_group(values) / jnp.maximum(count, 1.0)
    return jnp.where(mask, values - mean[safe_group], 0.0)

  reward_c = centred(reward)
  ratio_c = centred(log_pf - log_p_ref)
  residual_c = centred(log_pf - log_reward)
  variance = by_group(jnp.square(reward_c))
  mixed = variance > 1e-6
  total = jnp.where(mixed, variance, 0.0).sum()
  safe_total = jnp.where(total > 0.0, total, 1.0)
  residual = jnp.where(mixed, by_group(jnp.square(residual_c)), 0.0).sum()
  covariance = jnp.where(mixed, by_group(reward_c * ratio_c), 0.0).sum()

  # Shifted by each group's largest weight so that exp cannot overflow.
  log_w = jnp.where(mask, log_reward - log_pf, -jnp.inf)
  largest = jax.ops.segment_max(log_w, safe_group, num_groups)
  largest = jnp.where(has_any, largest, 0.0)
  weight = jnp.where(mask, jnp.exp(log_w - largest[safe_group]), 0.0)
  squares = by_group(jnp.square(weight))
  effective = jnp.square(by_group(weight)) / jnp.where(has_any, squares, 1.0)
  share = jnp.where(has_any, effective / jnp.maximum(count, 1.0), 0.0)
  diagnostics = {
      'loss_ratio': residual / safe_total / beta**2,
      'slope': covariance / safe_total,
      'effective_samples': share.sum() / num_prompts,
      'reward_variance': variance.sum() / jnp.maximum(count.sum(), 1.0),
      'mixed_groups': mixed.sum() / num_prompts,
  }
  return jax.lax.stop_gradient(diagnostics)


def _per_trajectory(log_pf, mask):
  """Sums tokens, if they are not summed yet, and says which rows count."""
  chex.assert_rank(log_pf, {1, 2})
  chex.assert_equal_shape([log_pf, mask])
  if log_pf.ndim == 2:
    return reductions.sum_by_trajectory(log_pf, mask), mask.any(axis=-1)
  return jnp.where(mask, log_pf.astype(jnp.float32), 0.0), mask
