"""Hypergrids: the standard GFlowNet test bed, a graph and not a tree.

States are the points of {0, ..., H - 1}^d. A trajectory starts at the origin,
adds one to a coordinate at a step and stops wherever it likes. Most points can
be reached in many orders, so that P_B is a choice: uniform over the parents.
The losses of `swm_jax.losses` take it in the place of a probability of one:
give them log P_F - log P_B of each step.

The grid is small enough to visit every point, so that p*, log Z, the balanced
policy and the distribution of *any* policy are computed and not estimated.

Letters: S points in row-major order, D coordinates, A = D + 1 actions (the
coordinate to raise, and the stop, which is action D).
"""

import dataclasses

import jax
import jax.numpy as jnp


@dataclasses.dataclass(frozen=True)
class Hypergrid:
  """A grid and its reward, R0 + R1 [outer] + R2 [ring].

  With c = |s / (H - 1) - 1/2| for each coordinate, a point is `outer` if all
  c > 0.25 and in the `ring` if all 0.3 < c < 0.4. The 2^d rings are the modes
  (there are none for H below 7); R0 near 0 makes the way between them bare.

  Attributes:
    dims: d, at least 1.
    side: H, at least 2.
    r0: reward of every point, positive: its log is taken.
    r1: additional reward of the outer points.
    r2: additional reward of the rings.

  References:
    Bengio et al., Flow network based generative models, 2021,
      https://arxiv.org/abs/2106.04399
  """

  dims: int
  side: int
  r0: float = 0.1
  r1: float = 0.5
  r2: float = 2.0

  def __post_init__(self):
    if self.dims < 1 or self.side < 2:
      raise ValueError(
          f'dims={self.dims} must be at least 1 and side={self.side} at least 2'
      )
    if not self.r0 > 0.0:
      raise ValueError(f'r0={self.r0} must be positive; try 0.001 to 0.1')

  @property
  def num_states(self) -> int:
    return self.side**self.dims

  @property
  def num_actions(self) -> int:
    return self.dims + 1

  @property
  def max_steps(self) -> int:
    """Actions of the longest trajectory, stop included."""
    return self.dims * (self.side - 1) + 1


def states(grid: Hypergrid) -> jax.Array:
  """All points, row-major, `[S, D]`, int32."""
  axes = jnp.indices((grid.side,) * grid.dims, jnp.int32)
  return axes.reshape(grid.dims, -1).T


def log_reward(grid: Hypergrid, state: jax.Array) -> jax.Array:
  """Log R of points `[..., D]`, nats, `[...]`, float32."""
  # 20 (H - 1) c is an integer: the borders of the rings are exact.
  offset = 10 * jnp.abs(2 * state - (grid.side - 1))
  outer = (offset > 5 * (grid.side - 1)).all(axis=-1)
  ring = (offset > 6 * (grid.side - 1)) & (offset < 8 * (grid.side - 1))
  reward = grid.r0 + grid.r1 * outer + grid.r2 * ring.all(axis=-1)
  return jnp.log(reward.astype(jnp.float32))


def legal(grid: Hypergrid, state: jax.Array) -> jax.Array:
  """Actions allowed in points `[..., D]`, the stop always, `[..., A]`."""
  return jnp.concatenate(
      [state < grid.side - 1, jnp.ones_like(state[..., :1], bool)], axis=-1
  )


def step(state: jax.Array, action: jax.Array) -> jax.Array:
  """Points `[..., D]` after legal actions `[...]`; a stop changes nothing."""
  return state + jax.nn.one_hot(action, state.shape[-1], dtype=state.dtype)


def log_pb(state: jax.Array, action: jax.Array) -> jax.Array:
  """Log P_B of the steps that take `action` in `state`, uniform over parents.

  Args:
    state: point before the step, `[..., D]`.
    action: the step, `[...]`.

  Returns:
    -log of the number of parents of the point after the step, nats, `[...]`,
    float32; 0 for a stop, which has one parent.
  """
  parents = (step(state, action) > 0).sum(axis=-1)
  parents = jnp.where(action == state.shape[-1], 1, parents)
  return -jnp.log(parents.astype(jnp.float32))


def log_z(grid: Hypergrid) -> jax.Array:
  """Log of the sum of rewards, nats, scalar."""
  return jax.nn.logsumexp(log_reward(grid, states(grid)))


def target(grid: Hypergrid) -> jax.Array:
  """P*(s), `[S]`."""
  return jax.nn.softmax(log_reward(grid, states(grid)))


def balanced_policy(grid: Hypergrid) -> tuple[jax.Array, jax.Array]:
  """The only policy in balance with the reward and the uniform P_B.

  Returns:
    Log F, the flow through each point, nats, `[S]`, and log P_F, nats,
    `[S, A]`, -inf for illegal actions.
  """
  state_SxD = states(grid)
  reward_S = jnp.exp(log_reward(grid, state_SxD))
  child_SxD, legal_SxD = _children(grid)
  share_S = 1.0 / jnp.maximum((state_SxD > 0).sum(axis=-1), 1)

  def edge_flow(flow_S):
    return jnp.where(legal_SxD, (flow_S * share_S)[child_SxD], 0.0)

  # One sweep for each step of the longest way from the far corner back.
  flow_S = jax.lax.fori_loop(
      0,
      grid.max_steps - 1,
      lambda _, flow_S: reward_S + edge_flow(flow_S).sum(axis=-1),
      reward_S,
  )
  edge_SxA = jnp.concatenate([edge_flow(flow_S), reward_S[:, None]], axis=-1)
  return jnp.log(flow_S), jnp.log(edge_SxA) - jnp.log(flow_S)[:, None]


def terminating_probability(grid: Hypergrid, logits: jax.Array) -> jax.Array:
  """Distribution of the point at which a policy stops, exactly.

  Args:
    grid: the grid.
    logits: of the policy in every point, illegal actions included and not
      read, `[S, A]`.

  Returns:
    `[S]`, float32, sums to one.
  """
  child_SxD, legal_SxD = _children(grid)
  legal_SxA = jnp.pad(legal_SxD, ((0, 0), (0, 1)), constant_values=True)
  policy_SxA = jax.nn.softmax(jnp.where(legal_SxA, logits, -jnp.inf), axis=-1)
  start_S = jnp.zeros(grid.num_states).at[0].set(1.0)

  def sweep(_, reached_S):
    moved_SxD = reached_S[:, None] * policy_SxA[:, :-1]
    return start_S.at[child_SxD].add(jnp.where(legal_SxD, moved_SxD, 0.0))

  reached_S = jax.lax.fori_loop(0, grid.max_steps - 1, sweep, start_S)
  return reached_S * policy_SxA[:, -1]


def _children(grid):
  """Index of the point that each step leads to, and whether it is legal."""
  legal_SxD = legal(grid, states(grid))[:, :-1]
  stride_D = grid.side ** jnp.arange(grid.dims - 1, -1, -1)
  child_SxD = jnp.arange(grid.num_states)[:, None] + stride_D[None, :]
  return jnp.where(legal_SxD, child_SxD, 0), legal_SxD
