"""Stores the output of the final norm in a byte a dimension.

The final hidden state holds a whole next-token distribution: its logits are a
product with the output table. Int8 codes of it, D + 4 bytes, give that
distribution back to about 2e-4 nats (`experiments/measurements.py` measures
it), provided that the output table of the *weights that decoded* is at hand.

A few dimensions of a hidden state are ten or twenty times as large as the
others and would waste the range of the codes. So the state is first rotated by
a cosine transform, which spreads every dimension over all: after it the largest
is three or four times the root mean square, whatever the model. That is as good as
a scale for each dimension from a calibration set, and needs neither.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from swm_jax import types
from swm_jax.models import transformer

_LARGEST = 127  # -128 is not used, so that codes are symmetric


def quantise(hidden: jax.Array) -> types.QuantisedHidden:
  """Int8 codes of hidden states `[..., D]`.

  The error has an L2 norm of at most sqrt(D) scale / 2, since the rotation
  keeps norms. Zero stays zero.
  """
  rotated = _rotate(hidden.astype(jnp.float32))
  scale = jnp.abs(rotated).max(axis=-1) / _LARGEST
  divisor = jnp.where(scale > 0, scale, 1.0)[..., None]
  codes = jnp.round(rotated / divisor).astype(jnp.int8)
  return types.QuantisedHidden(codes, scale)


def dequantise(stored: types.QuantisedHidden) -> jax.Array:
  """Hidden states `[..., D]`, float32."""
  codes = stored.codes.astype(jnp.float32)
  return _rotate(codes * stored.scale.astype(jnp.float32)[..., None])


def logits(
    params: transformer.Params,
    stored: types.QuantisedHidden,
    config: transformer.TransformerConfig,
) -> jax.Array:
  """Logits `[..., V]` of the model that decoded, float32.

  Args:
    params: the weights that decoded, named by `weights_digest` in a log. Only
      their output table is read, and those of any other step are wrong.
    stored: codes of the final hidden state.
    config: of the transformer.
  """
  return transformer.logits_from_hidden(params, dequantise(stored), config)


@functools.cache
def _cosines(width: int) -> np.ndarray:
  """DCT-IV, orthonormal and symmetric: its own inverse, `[D, D]`."""
  odd_D = 2 * np.arange(width) + 1
  angles_DxD = np.pi * odd_D[:, None] * odd_D[None] / (4 * width)
  return (np.sqrt(2 / width) * np.cos(angles_DxD)).astype(np.float32)


def _rotate(x):
  return jnp.einsum(
      '...d,de->...e',
      x,
      _cosines(x.shape[-1]),
      precision=jax.lax.Precision.HIGHEST,
  )
