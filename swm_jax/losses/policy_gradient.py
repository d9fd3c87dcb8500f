"""Controls for the balance objectives: GRPO and cross-entropy on what passed.

Both maximise reward and neither has a reason to keep more than one right
answer to a prompt, which is what the balance objectives are for. They take and
return what those do: a loss per trajectory, reduced by the caller.
"""

import chex
import jax
import jax.numpy as jnp

from swm_jax.losses import reductions


def group_advantage(
    reward: jax.Array,
    valid: jax.Array,
    *,
    group: jax.Array,
    num_groups: int,
    epsilon: float = 1e-4,
) -> jax.Array:
  """Standardises rewards within each prompt's group.

  Args:
    reward: of each trajectory, `[B]`.
    valid: False where the verifier failed, `[B]`.
    group: prompt of each trajectory, `[B]`, int32 in `[0, num_groups)`.
    num_groups: G, static.
    epsilon: added to the standard deviation.

  Returns:
    (R - mean) / (std + epsilon), no gradient, `[B]`, float32; 0 in a group
    whose rewards are equal, and where not valid.
  """
  reward = jax.lax.stop_gradient(reward.astype(jnp.float32))
  safe_group = jnp.where(valid, group, 0)
  mean = reductions.mean_by_group(reward, valid, group, num_groups)
  centred = jnp.where(valid, reward - mean[safe_group], 0.0)
  variance = reductions.mean_by_group(
      jnp.square(centred), valid, group, num_groups
  )
  return centred / (jnp.sqrt(variance)[safe_group] + epsilon)


def grpo_loss(
    log_pf: jax.Array,
    log_behaviour: jax.Array,
    reward: jax.Array,
    mask: jax.Array,
    *,
    group: jax.Array,
    num_groups: int,
    clip: float = 0.2,
    log_p_ref: jax.Array | None = None,
    kl_weight: float = 0.0,
) -> jax.Array:
  """Group-relative policy optimisation: PPO's clipped surrogate, no critic.

  -mean_t min(r_t A, clip(r_t, 1 - clip, 1 + clip) A) + kl_weight x mean_t of
  the estimate exp(d) - d - 1 of KL(P_F || p_ref), with r_t = P_F / behaviour
  of token t, d = log p_ref - log P_F and A of `group_advantage`.

  Args:
    log_pf: of each token under the policy in training, nats, `[B, T]`.
    log_behaviour: under the policy that drew them, nats, `[B, T]`.
    reward: verdict of each trajectory, `[B]`.
    mask: True where a token was sampled, `[B, T]`.
    group: prompt of each trajectory, `[B]`, int32 in `[0, num_groups)`.
    num_groups: G, static.
    clip: of the ratio.
    log_p_ref: under the frozen reference, nats, `[B, T]`; needed for
      `kl_weight` only.
    kl_weight: of the penalty.

  Returns:
    Dimensionless, `[B]`, float32; 0 where the mask has no True.

  Raises:
    ValueError: `kl_weight` without `log_p_ref`.

  References:
    Shao et al., DeepSeekMath, 2024, https://arxiv.org/abs/2402.03300
  """
  chex.assert_rank(log_pf, 2)
  chex.assert_equal_shape([log_pf, log_behaviour, mask])
  if kl_weight and log_p_ref is None:
    raise ValueError(f'{kl_weight=} needs log_p_ref')
  advantage = group_advantage(
      reward, mask.any(axis=1), group=group, num_groups=num_groups
  )[:, None]
  behaviour = jax.lax.stop_gradient(log_behaviour.astype(jnp.float32))
  log_ratio = jnp.where(mask, log_pf.astype(jnp.float32) - behaviour, 0.0)
  # Beyond e^20 the clipped branch is taken or the update is lost anyway.
  ratio = jnp.exp(jnp.clip(log_ratio, -20.0, 20.0))
  clipped = jnp.clip(ratio, 1.0 - clip, 1.0 + clip)
  per_token = -jnp.minimum(ratio * advantage, clipped * advantage)
  if kl_weight:
    gap = jnp.where(mask, log_p_ref - log_pf.astype(jnp.float32), 0.0)
    gap = jnp.clip(gap, -20.0, 20.0)
    per_token += kl_weight * (jnp.exp(gap) - gap - 1.0)
  return reductions.mean_by_trajectory(per_token, mask)


def verified_cross_entropy_loss(
    log_pf: jax.Array, reward: jax.Array, mask: jax.Array
) -> jax.Array:
  """Negative log-likelihood of trajectories, weighted by their verdict.

  With fresh samples this is REINFORCE without a baseline; with stored ones,
  rejection fine-tuning. Wrong answers teach nothing.

  Args:
    log_pf: of each token under the policy in training, nats, `[B, T]`.
    reward: verdict, 0 or 1, `[B]`.
    mask: True where a token was sampled, `[B, T]`.

  Returns:
    nats, `[B]`, float32; 0 for wrong answers and where the mask has no True.
  """
  total = reductions.sum_by_trajectory(log_pf, mask)
  valid = mask.any(axis=1)
  weight = jnp.where(valid, reward.astype(jnp.float32), 0.0)
  return -jax.lax.stop_gradient(weight) * total
