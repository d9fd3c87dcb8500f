"""Langevin dynamics, and its use as noise on a prompt's residual stream.

Discretisation, everywhere in this project: step size e, noise temperature t,

  h <- h - (e / 2) grad E(h) + sqrt(e) t xi,    xi ~ N(0, I).

For small e it samples exp(-E / t^2). On E = |h|^2 / 2 the update is the linear
recursion h <- (1 - e/2) h + sqrt(e) t xi, whose stationary variance v solves
v = (1 - e/2)^2 v + e t^2, so v = t^2 / (1 - e/4): a relative error of e/4.
"""

from collections.abc import Callable
import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from swm_jax.models import latents

ENERGIES = ('hopfield', 'entropy', 'head', 'none')
POSITIONS = ('all', 'last')

EnergyFn = Callable[[jax.Array], jax.Array]


class LangevinState(NamedTuple):
  """Where a batch of chains is.

  Attributes:
    position: `[B, ...]`.
    energy_B: at the position.
    gradient: of the energy, like the position; kept so that a step costs one
      gradient.
  """

  position: jax.Array
  energy_B: jax.Array
  gradient: jax.Array


def init(position: jax.Array, energy_fn: EnergyFn) -> LangevinState:
  """Starts chains.

  Args:
    position: `[B, ...]`.
    energy_fn: maps positions to energies `[B]`; row b of the energy depends on
      row b of the position alone.
  """

  def total(x):
    energy_B = energy_fn(x)
    return energy_B.sum(), energy_B

  gradient, energy_B = jax.grad(total, has_aux=True)(position)
  return LangevinState(position, energy_B, gradient)


def langevin_step(
    noise: jax.Array,
    state: LangevinState,
    energy_fn: EnergyFn,
    step_size: jax.Array | float,
    temperature: jax.Array | float,
) -> LangevinState:
  """One unadjusted step: h - (e / 2) grad E + sqrt(e) t xi.

  Args:
    noise: xi, standard normal, like the position.
    state: before the step.
    energy_fn: as in `init`.
    step_size: e >= 0, a scalar or an array that broadcasts to the position.
    temperature: t >= 0, likewise; 0 is gradient descent.
  """
  position = (
      state.position
      - 0.5 * step_size * state.gradient
      + jnp.sqrt(step_size) * temperature * noise
  )
  return init(position, energy_fn)


@dataclasses.dataclass(frozen=True)
class Perturbation:
  """Langevin noise on the residual stream of a prompt before decoding.

  The stream is measured in units of its own root mean square over the width,
  taken at each position before the first step: u = h / rms, and the chain moves
  u. So step size and noise are dimensionless and mean the same at every layer;
  in h one step is

    h <- h - (e / 2) rms^2 grad E(h) + sqrt(e) t rms xi.

  After n steps without energy the stream has moved by t sqrt(n e) of its norm.

  The chain descends its energy, of which each step takes one gradient, for each
  sample apart; a prompt is read once per sample besides. In forward passes over
  the prompt a gradient costs

    none      0
    hopfield  about 0.25 / num_layers: two projections and the scores of one
              layer, and their transposes
    entropy   about 2 (num_layers - layer) / num_layers: forward and back, for
              the stream alone, through every layer that follows
    head      0: a product with one vector

  Attributes:
    layer: the stream entering this layer is moved; `num_layers` is after the
      last.
    step_size: e.
    noise: t.
    steps: n.
    energy: 'hopfield', of the layer's own attention, summed over heads and
      positions, nats over beta; 'entropy' of the next token after the prompt,
      nats: its low side is certainty; 'head', minus the log-odds of success
      that `head` sees in the last position, nats; or 'none', pure diffusion.
    positions: which of the prompt's positions move: 'all' or the 'last'.
    head: weights of the energy 'head'; fit them at `layer`.
  """

  layer: int
  step_size: float
  noise: float
  steps: int = 1
  energy: str = 'hopfield'
  positions: str = 'all'
  # Arrays, which can be neither compared nor hashed.
  head: latents.Head | None = dataclasses.field(default=None, compare=False)

  def __post_init__(self):
    if self.energy not in ENERGIES:
      raise ValueError(f'energy {self.energy!r} is not one of {ENERGIES}')
    if self.positions not in POSITIONS:
      raise ValueError(
          f'positions {self.positions!r} is not one of {POSITIONS}'
      )
    if self.step_size < 0 or self.noise < 0 or self.steps < 0:
      raise ValueError(
          'step_size, noise and steps must not be negative; got '
          f'{self.step_size}, {self.noise}, {self.steps}'
      )

  @property
  def is_identity(self) -> bool:
    """True where the perturbation moves nothing."""
    drift = self.energy != 'none'
    return not self.step_size or not self.steps or not (self.noise or drift)


def perturb(
    h_BxTxD: jax.Array,
    valid_BxT: jax.Array,
    keys_B: jax.Array,
    energy_fn: latents.EnergyFn | None,
    *,
    step_size: jax.Array | float,
    noise: jax.Array | float,
    steps: int,
    positions: str = 'all',
) -> jax.Array:
  """Moves a residual stream as `Perturbation` says.

  Args:
    h_BxTxD: the stream, any floating dtype.
    valid_BxT: True at prompt tokens, right-padded; nothing else moves.
    keys_B: a key per row, so that a row's noise does not depend on the others.
    energy_fn: `(h_BxTxD, valid_BxT) -> [B]`, or None for pure diffusion.
    step_size: e.
    noise: t.
    steps: n, static.
    positions: one of `POSITIONS`.

  Returns:
    The moved stream, `[B, T, D]`, in the dtype of `h_BxTxD`.
  """
  start_BxTxD = h_BxTxD.astype(jnp.float32)
  rms_BxTx1 = jnp.sqrt(jnp.mean(start_BxTxD**2, axis=-1, keepdims=True))
  moves_BxTx1 = valid_BxT[..., None]
  if positions == 'last':
    at_T = jnp.arange(valid_BxT.shape[1])
    last_Bx1 = valid_BxT.sum(axis=-1, keepdims=True) - 1
    moves_BxTx1 = (at_T[None] == last_Bx1)[..., None]

  def energy(u_BxTxD):
    if energy_fn is None:
      return jnp.zeros(u_BxTxD.shape[:1], jnp.float32)
    moved_BxTxD = jnp.where(moves_BxTx1, u_BxTxD * rms_BxTx1, start_BxTxD)
    return energy_fn(moved_BxTxD, valid_BxT)

  def step(u_BxTxD, n):
    keys = jax.vmap(jax.random.fold_in, (0, None))(keys_B, n)
    shape = u_BxTxD.shape[1:]
    xi = jax.vmap(lambda key: jax.random.normal(key, shape))(keys)
    state = init(u_BxTxD, energy)
    # The gradient after the step goes unused, and so is never computed.
    state = langevin_step(xi, state, energy, step_size, noise)
    return state.position, None

  safe_BxTx1 = jnp.where(rms_BxTx1 > 0, rms_BxTx1, 1.0)
  u_BxTxD = start_BxTxD / safe_BxTx1
  u_BxTxD, _ = jax.lax.scan(step, u_BxTxD, jnp.arange(steps))
  moved_BxTxD = (u_BxTxD * rms_BxTx1).astype(h_BxTxD.dtype)
  return jnp.where(moves_BxTx1, moved_BxTxD, h_BxTxD)
