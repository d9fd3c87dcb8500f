"""Energies of a trajectory, E_W(x, y): low where the model feels at home.

Each takes arrays that a forward pass gave, and one mask of the completion's
tokens, and returns one energy per trajectory: `[B]` for padded `[B, T]`
arrays, `[R, J]` for packed `[R, M]` ones with `trajectory` and
`num_trajectories` (see `reductions`). Means over tokens, not sums, so that
length is not an energy.
"""

import chex
import jax
import jax.numpy as jnp

from swm_jax.losses import reductions


def nll_energy(
    log_pf: jax.Array,
    mask: jax.Array,
    *,
    trajectory: jax.Array | None = None,
    num_trajectories: int = 1,
) -> jax.Array:
  """Mean negative log-likelihood of the completion's tokens.

  Args:
    log_pf: log-probability of each token, nats, `[B, T]` or `[R, M]`.
    mask: True on the completion's tokens, same shape.
    trajectory: slot of each packed token, `[R, M]`, or None.
    num_trajectories: J, slots of a packed row.

  Returns:
    Nats per token, `[B]` or `[R, J]`, float32; at least 0.
  """
  return reductions.mean_by_trajectory(
      -log_pf, mask, trajectory, num_trajectories
  )


def hopfield_energy(
    lse: jax.Array,
    query_norm: jax.Array,
    mask: jax.Array,
    *,
    trajectory: jax.Array | None = None,
    num_trajectories: int = 1,
) -> jax.Array:
  """Attention energy, summed over layers and heads, mean over tokens.

  A head's query is the state xi of a Hopfield network that stores its keys:
  beta E = beta ||xi||^2 / 2 - log sum_i exp(beta k_i . xi), with beta the scale
  of the attention scores. The paper's constants in xi are left out. E never
  rises under xi <- softmax(beta K xi) K, attention with its keys as values.

  Args:
    lse: log-sum-exp of a token's scaled attention scores, nats,
      `[B, T, N, H]` or packed `[R, M, N, H]`; N layers, H heads.
    query_norm: beta ||xi||^2 / 2 of the same queries, nats, same shape.
    mask, trajectory, num_trajectories: as in `nll_energy`.

  Returns:
    beta E in nats, `[B]` or `[R, J]`, float32. It has no floor, and it is a
    sum of N H terms: scale the contrast's beta by it. A head that saw no key
    (lse = -inf) adds 0.

  References:
    Ramsauer et al., Hopfield networks is all you need, 2020,
      https://arxiv.org/abs/2008.02217
  """
  chex.assert_rank(lse, 4)
  chex.assert_equal_shape([lse, query_norm])
  seen = lse > -jnp.inf
  energy = jnp.where(seen, query_norm.astype(jnp.float32), 0.0) - jnp.where(
      seen, lse.astype(jnp.float32), 0.0
  )
  return reductions.mean_by_trajectory(
      energy.sum(axis=(-2, -1)), mask, trajectory, num_trajectories
  )


def head_energy(
    value: jax.Array,
    mask: jax.Array,
    *,
    trajectory: jax.Array | None = None,
    num_trajectories: int = 1,
) -> jax.Array:
  """A scalar head's value on the last hidden state of the completion.

  Args:
    value: the head's output at each token, `[B, T]` or `[R, M]`.
    mask, trajectory, num_trajectories: as in `nll_energy`.

  Returns:
    `[B]` or `[R, J]`, float32; unbounded, so give the contrast an `l2`.
  """
  return reductions.last_by_trajectory(
      value, mask, trajectory, num_trajectories
  )
