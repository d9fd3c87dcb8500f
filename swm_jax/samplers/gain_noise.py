"""Noise on the gains of RMSNorm: another model, a little off, per trajectory.

Each gain w of each norm becomes w + sigma xi, xi ~ N(0, 1): added, as in QeRL,
and not scaled by w, so that a dimension that its norm nearly mutes moves by as
much as any other. One draw serves a whole trajectory, so that a trajectory is
consistent with itself, which noise drawn anew at each token is not.

References:
  Huang et al., QeRL, 2025, https://arxiv.org/abs/2510.11696
  PSN-RLVR, 2026, https://arxiv.org/abs/2602.02555 (one draw a trajectory)
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from swm_jax import types
from swm_jax.models import architecture
from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import langevin

_LAYER_GAINS = ('attention_norm', 'mlp_norm')
_FINAL_GAIN = 'final_norm'


def perturb_gains(
    params: transformer.Params, key: jax.Array, sigma: float | jax.Array
) -> dict[str, Any]:
  """Adds Gaussian noise to the gains of all norms.

  The noise of a gain depends on the key, its layer and its name, and so is the
  same for scanned and for unrolled layers.

  Args:
    params: of the transformer, layers unrolled or stacked.
    key: of the draw.
    sigma: standard deviation; gains are about 1.

  Returns:
    A tree that shares every other leaf with `params`.
  """
  keys = jax.random.split(key, 1 + len(_LAYER_GAINS))

  def moved(gain, key):
    gain = jnp.asarray(gain)
    noise = sigma * jax.random.normal(key, gain.shape)
    return (gain.astype(jnp.float32) + noise).astype(gain.dtype)

  def layer(gains, number, name):
    of_layer = jax.random.fold_in(keys[1 + _LAYER_GAINS.index(name)], number)
    return moved(gains, of_layer)

  result = {**params, _FINAL_GAIN: moved(params[_FINAL_GAIN], keys[0])}
  if architecture.STACK in params:
    stack = dict(params[architecture.STACK])
    for name in _LAYER_GAINS:
      stack[name] = jnp.stack([
          layer(gain_D, n, name) for n, gain_D in enumerate(stack[name])
      ])
    return result | {architecture.STACK: stack}
  number = 0
  while (place := f'layer_{number}') in params:
    result[place] = {**params[place]} | {
        name: layer(params[place][name], number, name) for name in _LAYER_GAINS
    }
    number += 1
  return result


class NoisyGainsDecoder:
  """Decodes sample i of every prompt with draw i of the gains.

  It is called like `decode.Decoder`, by `rollout` too. Decoding goes on draw by
  draw: each reads the prompts again, so a request of n samples a prompt costs n
  readings of the prompts, and as many decoded tokens as without noise. All
  draws share every weight but the gains.

  Attributes:
    stop_table: of the decoder.
    config: of the decoder.
  """

  def __init__(self, decoder: decode.Decoder, sigma: float, key: jax.Array):
    """Wraps a decoder.

    Args:
      decoder: that draws.
      sigma: standard deviation of the noise.
      key: of the phase; draw i is that of `fold_in(key, i)`.
    """
    if sigma < 0:
      raise ValueError(f'sigma={sigma} must not be negative')
    self._decoder = decoder
    self._sigma = sigma
    self._key = key
    self.stop_table = decoder.stop_table
    self.config = decoder.config

  def __call__(
      self,
      params: transformer.Params,
      prompts: Sequence[Sequence[int]],
      prompt_index_B: Sequence[int] | np.ndarray,
      temperature_B: Sequence[float] | np.ndarray,
      keys_B: jax.Array,
      *,
      perturb: langevin.Perturbation | None = None,
      on_finished: Callable[[int, list[int]], None] | None = None,
  ) -> types.Trajectories:
    """Samples one completion per row; arguments are those of `Decoder`.

    Rows of one prompt are its samples 0, 1, ... in the order of the request.
    Log-probabilities are those of the model with its own draw of the gains.
    """
    request = self._decoder.request(
        prompts, prompt_index_B, temperature_B, keys_B
    )
    params = jax.tree.map(jnp.asarray, params)
    number_B = request.sample_numbers()
    parts, order = [], []
    for number in range(int(number_B.max(initial=0)) + 1):
      rows = np.flatnonzero(number_B == number)

      def report(row, token_ids, rows=rows):
        on_finished(int(rows[row]), token_ids)

      parts.append(self._decoder(
          perturb_gains(
              params, jax.random.fold_in(self._key, number), self._sigma
          ),
          prompts,
          request.prompt_index_B[rows],
          request.temperature_B[rows],
          keys_B[rows],
          perturb=perturb,
          on_finished=None if on_finished is None else report,
      ))
      order.append(rows)
    back = np.argsort(np.concatenate(order))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[back], *parts)
