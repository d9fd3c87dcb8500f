"""Every objective under one signature, chosen by name.

`OBJECTIVES[name](trajectories, num_groups=G)` returns a loss per trajectory,
`[B]`, which the caller reduces. What an objective does not need it does not
read, and a caller that needs one objective only may leave the rest None.
"""

from collections.abc import Callable, Mapping

from flax import struct
import jax
import jax.numpy as jnp

from swm_jax.losses import balance
from swm_jax.losses import policy_gradient
from swm_jax.losses import reductions
from swm_jax.losses import rooted_prefix


@struct.dataclass
class Trajectories:
  """Sampled completions of prompts and what is known of them, padded.

  s_k is the prefix before token k. A trajectory without a verdict has no True
  in the mask, and changes nothing.

  Attributes:
    log_pf: of each token under the policy in training, stop included, less
      log P_B where a state has several parents, `[B, T]`.
    mask: True where a token was sampled, a prefix of each row, `[B, T]`.
    group: prompt of each trajectory, int32 in `[0, num_groups)`, `[B]`.
    log_reward: finite log target, nats, `[B]`: tb, vargrad, subtb, raptb.
    log_z: learned log Z of the trajectory's prompt, nats, `[B]`: tb, raptb,
      rtb, where it is the log evidence.
    log_flow: learned log flow of s_k, nats, `[B, T]`: subtb.
    log_prior: of each token under the frozen prior, nats, `[B, T]`: rtb.
    log_likelihood: finite, nats, `[B]`: rtb.
    log_stop: log P_F(stop | s_k), nats, `[B, T]`: raptb.
    log_prefix_reward: log R of s_k had it stopped, nats, `[B, T]`: raptb.
    stoppable: whether s_k may stop, `[B, T]`: raptb.
    task_reward: `log_prefix_reward` without the prior, `[B, T]`: raptb.
    unrewarded: whether s_k earns nothing by itself, `[B, T]`: raptb.
    aux_weight: of the prefix constraints, scalar: raptb.
    reward: verdict, 0 or 1, `[B]`: grpo, ce.
    log_behaviour: of each token under the policy that drew it, `[B, T]`: grpo.
    decay: lambda, static: subtb, raptb.
  """

  log_pf: jax.Array
  mask: jax.Array
  group: jax.Array
  log_reward: jax.Array | None = None
  log_z: jax.Array | None = None
  log_flow: jax.Array | None = None
  log_prior: jax.Array | None = None
  log_likelihood: jax.Array | None = None
  log_stop: jax.Array | None = None
  log_prefix_reward: jax.Array | None = None
  stoppable: jax.Array | None = None
  task_reward: jax.Array | None = None
  unrewarded: jax.Array | None = None
  aux_weight: jax.Array | float = 0.25
  reward: jax.Array | None = None
  log_behaviour: jax.Array | None = None
  decay: float = struct.field(pytree_node=False, default=1.0)


def _tb(x: Trajectories, num_groups: int) -> jax.Array:
  del num_groups
  return balance.trajectory_balance_loss(
      x.log_z, x.log_pf, x.log_reward, x.mask
  )


def _subtb(x: Trajectories, num_groups: int) -> jax.Array:
  del num_groups
  return balance.subtrajectory_balance_loss(
      x.log_flow, x.log_pf, x.log_reward, x.mask, decay=x.decay
  )


def _vargrad(x: Trajectories, num_groups: int) -> jax.Array:
  return balance.vargrad_loss(
      x.log_pf, x.log_reward, x.mask, group=x.group, num_groups=num_groups
  )


def _rtb(x: Trajectories, num_groups: int) -> jax.Array:
  del num_groups
  return balance.relative_trajectory_balance_loss(
      x.log_z, x.log_pf, x.log_prior, x.log_likelihood, x.mask
  )


def _raptb(x: Trajectories, num_groups: int) -> jax.Array:
  del num_groups
  return rooted_prefix.rooted_prefix_balance_loss(
      x.log_z,
      x.log_pf,
      x.log_reward,
      x.mask,
      log_stop=x.log_stop,
      log_prefix_reward=x.log_prefix_reward,
      stoppable=x.stoppable,
      task_reward=x.task_reward,
      unrewarded=x.unrewarded,
      aux_weight=x.aux_weight,
      decay=x.decay,
  )


def _grpo(x: Trajectories, num_groups: int) -> jax.Array:
  return policy_gradient.grpo_loss(
      x.log_pf, x.log_behaviour, x.reward, x.mask,
      group=x.group, num_groups=num_groups,
  )


def _ce(x: Trajectories, num_groups: int) -> jax.Array:
  del num_groups
  return policy_gradient.verified_cross_entropy_loss(
      x.log_pf, x.reward, x.mask
  )


OBJECTIVES: Mapping[str, Callable[[Trajectories, int], jax.Array]] = {
    'tb': _tb,
    'subtb': _subtb,
    'vargrad': _vargrad,
    'rtb': _rtb,
    'raptb': _raptb,
    'grpo': _grpo,
    'ce': _ce,
}

# Those that sample in proportion to the reward when their loss is zero.
BALANCED = ('tb', 'subtb', 'vargrad', 'rtb', 'raptb')


def estimate_log_z(name: str, x: Trajectories, num_groups: int) -> jax.Array:
  """Log Z(x) of each prompt, as the objective knows it.

  Args:
    name: of the objective.
    x: trajectories of the policy itself.
    num_groups: G, static.

  Returns:
    Nats, `[G]`: the mean over a prompt's trajectories of the learned log Z or
    root flow; of log R - log P_F for objectives that learn neither. For `rtb`
    the log evidence, that is log Z under a prior that sums to one.
  """
  valid = x.mask.any(axis=1)
  if name in ('tb', 'raptb', 'rtb'):
    values = x.log_z
  elif name == 'subtb':
    values = x.log_flow[:, 0]
  else:
    return balance.vargrad_log_z(
        x.log_pf, x.log_reward, x.mask, group=x.group, num_groups=num_groups
    )
  return jax.lax.stop_gradient(
      reductions.mean_by_group(
          values.astype(jnp.float32), valid, x.group, num_groups
      )
  )
