"""RapTB: trajectory balance with dense, rooted constraints on prefixes.

Trajectory balance gives early tokens one noisy signal per trajectory, and SubTB
lets all its windows be met by moving the stop probability. RapTB keeps the
terminal constraint and adds one per prefix, each measured from the root so that
log Z drops out, with the stop probability held constant, and with a target that
hands the reward seen later on the trajectory back to prefixes that earn none.
"""

import chex
import jax
import jax.numpy as jnp

from swm_jax.losses import balance


def absorbed_targets(
    task_reward: jax.Array,
    mask: jax.Array,
    *,
    smoothness: float = 5.0,
    distance_penalty: float = 0.0,
    share_of_max: float = 0.5,
) -> jax.Array:
  """Backs rewards up along a trajectory, to every prefix from its suffix.

  u_max_k = max_{j >= k} u_j (5), u_soft_k = (1 / b) log sum_{j >= k}
  exp(b u_j - b rho (j - k)) (6) and a u_max + (1 - a) u_soft (7), j up to the
  end of the mask; numbers are the equations of the paper.

  Args:
    task_reward: u_k, log-reward without the prior, had the trajectory stopped
      after k tokens, nats, `[B, L]`.
    mask: True for the prefixes that the suffix reaches to, `[B, L]`.
    smoothness: b > 0.
    distance_penalty: rho >= 0, nats a token.
    share_of_max: a in [0, 1].

  Returns:
    Targets without gradient, nats, `[B, L]`, float32; 0 outside the mask.
  """
  chex.assert_equal_shape([task_reward, mask])
  reward = jax.lax.stop_gradient(task_reward.astype(jnp.float32))
  # A floor instead of -inf, which logaddexp would differentiate into NaN.
  reward = jnp.where(mask, reward, -1e9)
  largest = jax.lax.cummax(reward, axis=1, reverse=True)

  def back(later, now):
    later = jnp.logaddexp(
        smoothness * now, later - smoothness * distance_penalty
    )
    return later, later

  start = jnp.full(reward.shape[0], -1e9 * smoothness)
  _, soft = jax.lax.scan(back, start, reward.T, reverse=True)
  target = share_of_max * largest + (1.0 - share_of_max) * soft.T / smoothness
  return jnp.where(mask, target, 0.0)


def rooted_prefix_balance_loss(
    log_z: jax.Array,
    log_pf: jax.Array,
    log_reward: jax.Array,
    mask: jax.Array,
    *,
    log_stop: jax.Array,
    log_prefix_reward: jax.Array,
    stoppable: jax.Array,
    task_reward: jax.Array,
    unrewarded: jax.Array,
    aux_weight: jax.Array | float = 0.25,
    decay: float = 1.0,
    discount: float = 0.99,
    first: int = 2,
    horizon: int | None = None,
    smoothness: float = 5.0,
    distance_penalty: float = 0.0,
    share_of_max: float = 0.5,
) -> jax.Array:
  """RapTB: squared terminal residual + aux_weight x mean over prefixes.

  With D_k = log Z + sum_{t < k} log P_F(y_t) + log P_F(stop | s_k) - log R(s_k)
  the rooted residual is D_k - D_0 (4). A prefix k that earns no reward of its
  own has its u_k replaced by the absorbed target: discount^(h - k) (u_k -
  target_k) is added (8), h the last prefix. The loss is D_tau^2 + aux_weight x
  the mean over k >= first of the squares, weighted by decay^(k - first) (9).
  No gradient passes through P_F(stop) in the second term (27).

  The second term is *not* zero at p*: where a target was absorbed the residual
  there is discount^(h - k) (u_k - target_k). Exact sampling needs `aux_weight`
  to go to 0 in training; it may be a traced scalar for that. The published
  claim that both terms vanish together holds without absorption only.

  Ours, not in the paper: where the root cannot stop, D_0 does not exist; it
  would be 0 at the solution, so that D_k with log Z held constant is taken.

  Args:
    log_z: log-partition estimate of each trajectory's prompt, nats, `[B]`.
    log_pf: of each token, the last of a row being the stop, nats, `[B, T]`.
    log_reward: finite log-reward of the whole, nats, `[B]`.
    mask: True where a token was sampled, a prefix of each row, `[B, T]`.
    log_stop: log P_F(stop | s_k), s_k the prefix before token k, nats,
      `[B, T]`.
    log_prefix_reward: log R of s_k had it stopped there, nats, `[B, T]`.
    stoppable: True where stopping at s_k is allowed; elsewhere the two above
      are not read, `[B, T]`.
    task_reward: log R of s_k without the prior, nats, `[B, T]`.
    unrewarded: True where s_k would earn nothing by itself, `[B, T]`.
    aux_weight: eta >= 0; 0 is trajectory balance.
    decay: lambda > 0, weight of longer prefixes.
    discount: gamma in (0, 1], of targets far from the last prefix.
    first: k_min >= 1, shortest prefix with a constraint.
    horizon: K, longest prefix with a constraint; shorter trajectories then
      absorb nothing. None: the whole trajectory.
    smoothness: of `absorbed_targets`.
    distance_penalty: of `absorbed_targets`.
    share_of_max: of `absorbed_targets`.

  Returns:
    nats^2, `[B]`, float32; 0 where the mask has no True.

  References:
    Wang et al., Rooted absorbed prefix trajectory balance, 2026,
      https://arxiv.org/abs/2603.00454
  """
  chex.assert_equal_shape([
      log_pf, mask, log_stop, log_prefix_reward, stoppable, task_reward,
      unrewarded,
  ])
  if first < 1:
    raise ValueError(f'{first=} must be at least 1: prefix 0 is the root')
  terminal = balance.trajectory_balance_loss(log_z, log_pf, log_reward, mask)

  num_tokens = mask.shape[1]
  k = jnp.arange(num_tokens)[None, :]
  tau = mask.sum(axis=1, keepdims=True) - 1  # Symbols before the stop.
  last = tau if horizon is None else jnp.minimum(tau, horizon)

  log_pf = jnp.where(mask, log_pf.astype(jnp.float32), 0.0)
  before = jnp.cumsum(log_pf, axis=1) - log_pf
  has_stop = mask & stoppable
  stop = jax.lax.stop_gradient(jnp.where(has_stop, log_stop, 0.0))
  from_stop = jnp.where(has_stop, stop - log_prefix_reward, 0.0)
  root = jnp.where(
      has_stop[:, :1],
      from_stop[:, :1],
      -jax.lax.stop_gradient(log_z.astype(jnp.float32))[:, None],
  )
  residual = before + from_stop - root

  in_reach = mask & (k <= last)
  target = absorbed_targets(
      task_reward,
      in_reach & stoppable,
      smoothness=smoothness,
      distance_penalty=distance_penalty,
      share_of_max=share_of_max,
  )
  absorbs = in_reach & unrewarded & stoppable
  if horizon is not None:
    absorbs &= (tau >= horizon) & (k < horizon)
  age = jnp.maximum(last - k, 0).astype(jnp.float32)
  own = jnp.where(absorbs, task_reward, 0.0)
  residual += jnp.where(absorbs, discount**age * (own - target), 0.0)

  eligible = in_reach & stoppable & (k >= first)
  weight = jnp.where(eligible, float(decay) ** (k - float(first)), 0.0)
  total = weight.sum(axis=1)
  squares = jnp.square(jnp.where(eligible, residual, 0.0))
  auxiliary = (weight * squares).sum(axis=1) / jnp.where(total > 0, total, 1.0)
  return terminal + aux_weight * auxiliary
