"""Balance objectives on a hypergrid: a whole training run inside one dispatch.

An iteration draws a batch of trajectories on policy, takes the gradient of an
objective of `swm_jax.losses.objectives` and makes an Adam step; a `lax.scan`
makes many, and its state is donated. Two things keep the work small:

* The rollout keeps the network's outputs and hidden activations, so that there
  is no second forward pass. The loss is a function of the outputs; the
  network's backward pass is written out below, and starts from the gradient
  with respect to them.
* Trajectories differ in length. Those that still run are kept in front and
  each step is written where the last one's live rows end, so that the rows are
  packed as they are made. The loop ends with the longest trajectory, and the
  backward pass reads live rows only, `_CHUNK` at a time.

Letters: B trajectories, T steps, N rows (one state of one trajectory each), D
coordinates, A actions, I inputs, O outputs (A logits, and the log flow last if
the objective learns one).
"""

import dataclasses
import functools

from flax import struct
import jax
import jax.numpy as jnp
import optax

from swm_jax.losses import objectives
from swm_jax.tasks import hypergrid

_CHUNK = 128

LEARNING_RATE = 1e-3
LOG_Z_LEARNING_RATE = 0.1
DECAY = 0.9  # lambda of SubTB


@dataclasses.dataclass(frozen=True)
class Setting:
  """What every framework is given.

  Attributes:
    grid: where to sample.
    objective: 'tb', 'subtb' or 'vargrad'.
    batch: trajectories of an iteration.
    hidden: widths of the ReLU network on the one-hot coordinates.
  """

  grid: hypergrid.Hypergrid
  objective: str
  batch: int = 16
  hidden: tuple[int, ...] = (256, 256)

  @property
  def has_flow(self) -> bool:
    return self.objective == 'subtb'


@struct.dataclass
class Rows:
  """Steps of all trajectories, packed; rows past the last one are stale.

  Attributes:
    state: before the step, `[N, D]`.
    action: `[N]`.
    trajectory: `[N]`.
    time: of the step in its trajectory, `[N]`.
    outputs: of the network, `[N, O]`.
    hidden: its activations, `[N, width]` each.
  """

  state: jax.Array
  action: jax.Array
  trajectory: jax.Array
  time: jax.Array
  outputs: jax.Array
  hidden: tuple[jax.Array, ...]


@struct.dataclass
class TrainState:
  params: dict
  opt_state: optax.OptState
  rows: Rows
  key: jax.Array


def init_layers(
    setting: Setting, key: jax.Array
) -> list[tuple[jax.Array, jax.Array]]:
  """Weights `[in, out]` and biases, uniform within 1 / sqrt(in)."""
  grid = setting.grid
  widths = (
      grid.dims * grid.side,
      *setting.hidden,
      grid.num_actions + setting.has_flow,
  )
  layers = []
  for i, (fan_in, width) in enumerate(zip(widths, widths[1:])):
    keys = jax.random.split(jax.random.fold_in(key, i))
    draw = functools.partial(
        jax.random.uniform, minval=-(fan_in**-0.5), maxval=fan_in**-0.5
    )
    layers.append((draw(keys[0], (fan_in, width)), draw(keys[1], (width,))))
  return layers


def optimizer() -> optax.GradientTransformation:
  """Adam with a rate of its own for log Z."""
  return optax.partition(
      {
          'layers': optax.adam(LEARNING_RATE),
          'log_z': optax.adam(LOG_Z_LEARNING_RATE),
      },
      {'layers': 'layers', 'log_z': 'log_z'},
  )


def init_state(setting: Setting, seed: int = 0) -> TrainState:
  key_layers, key = jax.random.split(jax.random.key(seed))
  params = {
      'layers': init_layers(setting, key_layers),
      'log_z': jnp.zeros(()),
  }
  grid = setting.grid
  # The last step's dead rows and the last chunk's tail lie past the live rows.
  num_rows = setting.batch * grid.max_steps + max(setting.batch, _CHUNK)
  rows = Rows(
      state=jnp.zeros((num_rows, grid.dims), jnp.int32),
      action=jnp.zeros((num_rows,), jnp.int32),
      trajectory=jnp.zeros((num_rows,), jnp.int32),
      time=jnp.zeros((num_rows,), jnp.int32),
      outputs=jnp.zeros((num_rows, grid.num_actions + setting.has_flow)),
      hidden=tuple(jnp.zeros((num_rows, width)) for width in setting.hidden),
  )
  return TrainState(params, optimizer().init(params), rows, key)


def encode(grid: hypergrid.Hypergrid, state_NxD: jax.Array) -> jax.Array:
  """One-hot coordinates, `[N, I]`."""
  return jax.nn.one_hot(state_NxD, grid.side).reshape(state_NxD.shape[0], -1)


def forward(
    layers: list[tuple[jax.Array, jax.Array]], inputs_NxI: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
  """Outputs `[N, O]` and the hidden activations."""
  x, hidden = inputs_NxI, []
  for weight, bias in layers[:-1]:
    x = jax.nn.relu(x @ weight + bias[None, :])
    hidden.append(x)
  weight, bias = layers[-1]
  return x @ weight + bias[None, :], tuple(hidden)


def backward(
    layers: list[tuple[jax.Array, jax.Array]],
    inputs_NxI: jax.Array,
    hidden: tuple[jax.Array, ...],
    cotangent: jax.Array,
) -> list[tuple[jax.Array, jax.Array]]:
  """Gradient of sum(outputs x cotangent), from a forward pass made before."""
  gradients = []
  inputs = (inputs_NxI, *hidden)
  for i in range(len(layers) - 1, -1, -1):
    gradients.append((inputs[i].T @ cotangent, cotangent.sum(axis=0)))
    if i:
      cotangent = jnp.where(inputs[i] > 0, cotangent @ layers[i][0].T, 0.0)
  return gradients[::-1]


def log_policy(
    grid: hypergrid.Hypergrid, state_NxD: jax.Array, outputs_NxO: jax.Array
) -> jax.Array:
  """Log P_F, `[N, A]`; very low, not -inf, for illegal actions."""
  logits_NxA = outputs_NxO[:, : grid.num_actions]
  return jax.nn.log_softmax(
      jnp.where(hypergrid.legal(grid, state_NxD), logits_NxA, -1e9), axis=-1
  )


def rollout(
    layers: list[tuple[jax.Array, jax.Array]],
    uniform_TxB: jax.Array,
    rows: Rows,
    setting: Setting,
) -> tuple[jax.Array, Rows, jax.Array]:
  """Draws B trajectories from the policy.

  Args:
    layers: of the network.
    uniform_TxB: in [0, 1), one draw a step.
    rows: written over.
    setting: grid and batch.

  Returns:
    The points stopped at, `[B, D]`, the rows, and how many of them are live.
  """
  grid = setting.grid
  B = setting.batch
  stop = grid.dims

  def step(carry):
    time, state_BxD, trajectory_B, num_running, final_BxD, *packed = carry
    rows, num_rows = packed
    outputs_BxO, hidden = forward(layers, encode(grid, state_BxD))
    policy_BxA = jnp.exp(log_policy(grid, state_BxD, outputs_BxO))
    below_BxA = jnp.cumsum(policy_BxA, axis=-1)
    drawn_Bx1 = uniform_TxB[time][:, None] * below_BxA[:, -1:]
    # Rounding may make the draw equal to the whole: that is a stop.
    action_B = jnp.minimum((drawn_Bx1 >= below_BxA).sum(axis=-1), stop)
    action_B = jnp.where(jnp.arange(B) < num_running, action_B, stop)
    written = Rows(
        state=state_BxD,
        action=action_B,
        trajectory=trajectory_B,
        time=jnp.full((B,), time),
        outputs=outputs_BxO,
        hidden=hidden,
    )
    rows = jax.tree.map(
        lambda all_rows, new: jax.lax.dynamic_update_slice_in_dim(
            all_rows, new, num_rows, axis=0
        ),
        rows,
        written,
    )
    runs_B = action_B < stop
    order_B = jnp.argsort(~runs_B, stable=True)
    return (
        time + 1,
        hypergrid.step(state_BxD, action_B)[order_B],
        trajectory_B[order_B],
        runs_B.sum(),
        final_BxD.at[trajectory_B].set(state_BxD),
        rows,
        num_rows + num_running,
    )

  origin_BxD = jnp.zeros((B, grid.dims), jnp.int32)
  carry = (0, origin_BxD, jnp.arange(B), B, origin_BxD, rows, 0)
  carry = jax.lax.while_loop(lambda carry: carry[3] > 0, step, carry)
  return carry[4], carry[5], carry[6]


def balance_loss(
    outputs_NxO: jax.Array,
    log_z: jax.Array,
    rows: Rows,
    num_rows: jax.Array,
    final_BxD: jax.Array,
    setting: Setting,
) -> jax.Array:
  """Mean of the objective over the batch, as a function of the outputs."""
  grid = setting.grid
  B, T = setting.batch, grid.max_steps
  live_N = jnp.arange(rows.action.shape[0]) < num_rows
  log_pf_NxA = log_policy(grid, rows.state, outputs_NxO)
  log_pf_N = jnp.take_along_axis(log_pf_NxA, rows.action[:, None], 1)[:, 0]
  log_pb_N = hypergrid.log_pb(rows.state, rows.action)
  trajectory_N = jnp.where(live_N, rows.trajectory, B)  # B is out of bounds.

  def by_trajectory(values_N):
    empty_BxT = jnp.zeros((B, T), values_N.dtype)
    return empty_BxT.at[trajectory_N, rows.time].set(values_N, mode='drop')

  trajectories = objectives.Trajectories(
      log_pf=by_trajectory(log_pf_N - log_pb_N),
      mask=by_trajectory(live_N),
      group=jnp.zeros((B,), jnp.int32),
      log_reward=hypergrid.log_reward(grid, final_BxD),
      log_z=jnp.broadcast_to(log_z, (B,)),
      log_flow=by_trajectory(outputs_NxO[:, -1]) if setting.has_flow else None,
      decay=DECAY,
  )
  return objectives.OBJECTIVES[setting.objective](trajectories, 1).mean()


def loss_and_gradient(
    params: dict,
    rows: Rows,
    num_rows: jax.Array,
    final_BxD: jax.Array,
    setting: Setting,
) -> tuple[jax.Array, dict]:
  """Loss, and its gradient in the shape of the parameters."""
  loss, (cotangent_NxO, log_z_gradient) = jax.value_and_grad(
      balance_loss, argnums=(0, 1)
  )(rows.outputs, params['log_z'], rows, num_rows, final_BxD, setting)

  def add_chunk(i, gradient):
    state_NxD, hidden, cotangent = jax.tree.map(
        lambda x: jax.lax.dynamic_slice_in_dim(x, i * _CHUNK, _CHUNK),
        (rows.state, rows.hidden, cotangent_NxO),
    )
    inputs_NxI = encode(setting.grid, state_NxD)
    more = backward(params['layers'], inputs_NxI, hidden, cotangent)
    return jax.tree.map(jnp.add, gradient, more)

  gradient = jax.lax.fori_loop(
      0,
      (num_rows + _CHUNK - 1) // _CHUNK,
      add_chunk,
      jax.tree.map(jnp.zeros_like, params['layers']),
  )
  return loss, {'layers': gradient, 'log_z': log_z_gradient}


@functools.partial(
    jax.jit, static_argnames=('setting', 'iterations'), donate_argnums=0
)
def train(
    state: TrainState, *, setting: Setting, iterations: int
) -> tuple[TrainState, jax.Array]:
  """Makes iterations of training; returns the loss of each, `[iterations]`."""
  shape = (setting.grid.max_steps, setting.batch)

  def iterate(state, _):
    key, key_rollout = jax.random.split(state.key)
    uniform_TxB = jax.random.uniform(key_rollout, shape)
    final_BxD, rows, num_rows = rollout(
        state.params['layers'], uniform_TxB, state.rows, setting
    )
    loss, gradient = loss_and_gradient(
        state.params, rows, num_rows, final_BxD, setting
    )
    updates, opt_state = optimizer().update(
        gradient, state.opt_state, state.params
    )
    params = optax.apply_updates(state.params, updates)
    return TrainState(params, opt_state, rows, key), loss

  return jax.lax.scan(iterate, state, length=iterations)


class Trainer:
  """This project's run of a setting."""

  def __init__(self, setting: Setting):
    self.setting = setting
    self._state = init_state(setting)

  def run(self, iterations: int) -> None:
    """Trains, and returns when it is done."""
    self._state, loss = train(
        self._state, setting=self.setting, iterations=iterations
    )
    loss.block_until_ready()

  def logits(self) -> jax.Array:
    """Of the policy in every point, illegal actions not masked, `[S, A]`."""
    grid = self.setting.grid
    outputs_SxO, _ = forward(
        self._state.params['layers'], encode(grid, hypergrid.states(grid))
    )
    return outputs_SxO[:, : grid.num_actions]
