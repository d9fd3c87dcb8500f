"""Functions of the logits of many targets, a part of the targets at a time.

Logits of all targets would be the largest array of a step by far. Here they
exist for about 256 targets a device, forward and backward: what a loss keeps of
a target is a log-probability and, for replay, the stored classes.
"""

from collections.abc import Callable
import functools
import math
from typing import Any

from flax import linen as nn
import jax
from jax import numpy as jnp

from swm_jax import types
from swm_jax.losses import anchoring
from swm_jax.models import transformer

# Targets whose logits exist at the same time: 50 MB at 49,152 tokens.
_AT_ONCE = 256

PyTree = Any


def parts_of(rows: int, targets: int) -> tuple[int, int]:
  """Parts that `[R, M]` targets are cut into, and targets of a row in one."""
  row_devices, place_devices = _devices_of_tokens()
  at_once = _AT_ONCE * row_devices * place_devices
  parts = max(1, -(-rows * targets // at_once))
  return parts, -(-targets // (parts * place_devices)) * place_devices


def map_logits(
    fn: Callable[..., PyTree],
    params: PyTree,
    hidden_RxMxD: jax.Array,
    config: transformer.TransformerConfig,
    *arrays: PyTree,
) -> PyTree:
  """Applies a function of the logits; gradients compute the logits again.

  Args:
    fn: maps logits `[R, C, V]` and arrays `[R, C, ...]` to arrays
      `[R, C, ...]`.
    params: of the transformer.
    hidden_RxMxD: output of the final norm.
    config: of the transformer.
    *arrays: pytrees of arrays `[R, M, ...]`.

  Returns:
    What `fn` gives, `[R, M, ...]`.
  """
  table_VxD = _table(params, config)

  @jax.checkpoint
  def part(hidden_RxCxD, arrays):
    return fn(_logits(table_VxD, hidden_RxCxD, config.dtype), *arrays)

  return _map(part, hidden_RxMxD, arrays)


def log_probs(
    params: PyTree,
    hidden_RxMxD: jax.Array,
    config: transformer.TransformerConfig,
    target_RxM: jax.Array,
    indices_RxMxK: jax.Array | None = None,
) -> tuple[jax.Array, types.TopKLogits | None]:
  """Log-probabilities of targets and of stored classes, for gradients.

  The backward pass makes the gradient of a part's logits in one sweep. Where
  the output table is not trained, the gradient of a target's log-probability,
  its row of the table less the mean row, is computed forward: the logits are
  then computed once and not twice.

  Args:
    params: of the transformer.
    hidden_RxMxD: output of the final norm.
    config: of the transformer.
    target_RxM: token ids.
    indices_RxMxK: distinct token ids of stored classes.

  Returns:
    Log-probability of each target, nats, `[R, M]`, and of the stored classes
    and the rest, see `anchoring.top_k_log_probs`; None without indices.
  """
  log_prob_RxM, stored = _log_probs(
      _table(params, config),
      hidden_RxMxD,
      target_RxM,
      indices_RxMxK,
      config.dtype,
  )
  if indices_RxMxK is None:
    return log_prob_RxM, None
  values, log_rest = stored
  return log_prob_RxM, types.TopKLogits(values, indices_RxMxK, log_rest)


def _table(params, config):
  """Output table, gathered over the mesh once and not for every part."""
  name = 'embedding' if config.tied_embeddings else 'lm_head'
  return nn.with_logical_constraint(params[name], ('vocab', None))


def _logits(table_VxD, hidden_RxCxD, dtype):
  hidden_RxCxD = nn.with_logical_constraint(
      hidden_RxCxD, ('batch', 'length', None)
  )
  # Contracting the last dims of [V, D] is twice as fast on CPU as [D, V].
  return jnp.einsum(
      'rcd,vd->rcv',
      hidden_RxCxD.astype(dtype),
      table_VxD.astype(dtype),
      preferred_element_type=jnp.float32,
  )


def _read(logits_RxCxV, target_RxC, indices_RxCxK):
  """Returns what `_log_probs` gives, of one part, and its normaliser."""
  log_z_RxC = jax.nn.logsumexp(logits_RxCxV, axis=-1)
  logit_RxC = _at(logits_RxCxV, target_RxC[..., None])[..., 0]
  stored = None
  if indices_RxCxK is not None:
    stored = anchoring.top_k_log_probs(logits_RxCxV, indices_RxCxK)
  return (logit_RxC - log_z_RxC, stored), log_z_RxC


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def _log_probs(table_VxD, hidden_RxMxD, target_RxM, indices_RxMxK, dtype):
  def part(hidden_RxCxD, arrays):
    logits_RxCxV = _logits(table_VxD, hidden_RxCxD, dtype)
    return _read(logits_RxCxV, *arrays)[0]

  return _map(part, hidden_RxMxD, (target_RxM, indices_RxMxK))


def _forward(table_VxD, hidden_RxMxD, target_RxM, indices_RxMxK, dtype):
  inputs = table_VxD, hidden_RxMxD, target_RxM, indices_RxMxK
  frozen = not table_VxD.perturbed and indices_RxMxK is None
  table_VxD, hidden_RxMxD, *arrays = inputs = jax.tree.map(
      lambda primal: primal.value, inputs
  )

  def part(hidden_RxCxD, arrays):
    logits_RxCxV = _logits(table_VxD, hidden_RxCxD, dtype)
    out, log_z_RxC = _read(logits_RxCxV, *arrays)
    slope_RxCxD = None
    if frozen:
      probability_RxCxV = jnp.exp(logits_RxCxV - log_z_RxC[..., None])
      mean_RxCxD = _sum_rows(probability_RxCxV, table_VxD, dtype)
      slope_RxCxD = table_VxD[arrays[0]].astype(jnp.float32) - mean_RxCxD
    return out, log_z_RxC, slope_RxCxD

  out, log_z_RxM, slope_RxMxD = _map(part, hidden_RxMxD, tuple(arrays))
  if frozen:
    return out, (None, slope_RxMxD.astype(hidden_RxMxD.dtype), None)
  return out, (inputs, None, (*out, log_z_RxM))


def _backward(dtype, residuals, cotangents):
  inputs, slope_RxMxD, out = residuals
  d_log_prob_RxM, d_stored = jax.tree.map(_instantiate, cotangents)
  if slope_RxMxD is not None:
    d_hidden_RxMxD = d_log_prob_RxM[..., None] * slope_RxMxD
    return None, d_hidden_RxMxD.astype(slope_RxMxD.dtype), None, None
  table_VxD, hidden_RxMxD, target_RxM, indices_RxMxK = inputs
  _, stored, log_z_RxM = out

  def part(d_table_VxD, inputs):
    hidden_RxCxD, arrays = inputs
    logits_RxCxV = _logits(table_VxD, hidden_RxCxD, dtype)
    # Made once, before both products read it.
    d_logits_RxCxV = jax.lax.optimization_barrier(
        _slope_of_logits(logits_RxCxV, *arrays).astype(dtype)
    )
    d_table_VxD += jnp.einsum(
        'rcv,rcd->vd',
        d_logits_RxCxV,
        hidden_RxCxD.astype(dtype),
        preferred_element_type=jnp.float32,
    )
    d_hidden_RxCxD = _sum_rows(d_logits_RxCxV, table_VxD, dtype)
    return d_table_VxD, d_hidden_RxCxD.astype(hidden_RxCxD.dtype)

  d_table_VxD, d_hidden_RxMxD = _scan(
      part,
      jnp.zeros(table_VxD.shape, jnp.float32),
      (
          hidden_RxMxD,
          (
              target_RxM, indices_RxMxK, stored, log_z_RxM,
              d_log_prob_RxM, d_stored,
          ),
      ),
  )
  return d_table_VxD.astype(table_VxD.dtype), d_hidden_RxMxD, None, None


_log_probs.defvjp(_forward, _backward, symbolic_zeros=True)


def _slope_of_logits(
    logits_RxCxV, target_RxC, indices_RxCxK, stored, log_z_RxC,
    d_log_prob_RxC, d_stored,
):
  """Gradient of the logits, from those of what `_read` makes of them."""
  V = logits_RxCxV.shape[-1]
  wide = lambda x_RxC: x_RxC[..., None]
  id_1x1xV = jnp.arange(V, dtype=target_RxC.dtype)[None, None]
  at_target = lambda id_: jnp.where(
      id_ == wide(target_RxC), wide(d_log_prob_RxC), 0.0
  )
  probability_RxCxV = jnp.exp(logits_RxCxV - wide(log_z_RxC))
  if stored is None:
    return at_target(id_1x1xV) - wide(d_log_prob_RxC) * probability_RxCxV
  # Every log-probability has the normaliser in it. Beside that a stored class
  # has its own logit, and the rest a softmax of its own.
  values_RxCxK, log_rest_RxC = stored
  d_values_RxCxK, d_log_rest_RxC = d_stored
  total_RxC = d_log_prob_RxC + d_values_RxCxK.sum(axis=-1) + d_log_rest_RxC
  log_rest_RxC += log_z_RxC
  in_rest_RxCxV = jnp.exp(logits_RxCxV - wide(log_rest_RxC))
  slope_RxCxV = (
      at_target(id_1x1xV)
      - wide(total_RxC) * probability_RxCxV
      + wide(d_log_rest_RxC) * in_rest_RxCxV
  )
  # Stored classes are not of the rest: there, in place of the sum above.
  slope_RxCxK = (
      at_target(indices_RxCxK)
      - wide(total_RxC) * jnp.exp(values_RxCxK)
      + d_values_RxCxK
  )
  return jnp.put_along_axis(
      slope_RxCxV, indices_RxCxK, slope_RxCxK, axis=-1, inplace=False
  )


def _sum_rows(weights_RxCxV, table_VxD, dtype):
  """Sums rows of the table: `[R, C, D]`, float32."""
  return jnp.einsum(
      'rcv,vd->rcd',
      weights_RxCxV.astype(dtype),
      table_VxD.astype(dtype),
      preferred_element_type=jnp.float32,
  )


def _at(x, indices):
  return jnp.take_along_axis(x, indices, axis=-1)


def _instantiate(cotangent):
  if isinstance(cotangent, jax.custom_derivatives.SymbolicZero):
    return jnp.zeros(cotangent.shape, cotangent.dtype)
  return cotangent


def _map(part, hidden_RxMxD, arrays):
  """Applies `part(hidden, arrays)` to a part of the targets at a time."""
  turn = lambda carry, inputs: (carry, part(*inputs))
  return _scan(turn, None, (hidden_RxMxD, arrays))[1]


def _scan(turn, carry, inputs):
  """Scans over parts of the targets of arrays `[R, M, ...]`."""
  R, M = jax.tree.leaves(inputs)[0].shape[:2]
  parts, size = parts_of(R, M)

  def cut(x_RxMxC):
    widths = [(0, 0)] * x_RxMxC.ndim
    widths[1] = (0, parts * size - M)
    padded = jnp.pad(x_RxMxC, widths)
    return jnp.moveaxis(
        padded.reshape(R, parts, size, *x_RxMxC.shape[2:]), 1, 0
    )

  def join(x_PxRxCxD):
    x = jnp.moveaxis(x_PxRxCxD, 0, 1)
    return x.reshape(R, parts * size, *x.shape[3:])[:, :M]

  if parts == 1:
    return turn(carry, inputs)
  carry, out = jax.lax.scan(turn, carry, jax.tree.map(cut, inputs))
  return carry, jax.tree.map(join, out)


def _devices_of_tokens() -> tuple[int, int]:
  """Devices that rows, and places in a row, are cut over by mesh and rules."""
  sizes = jax.sharding.get_abstract_mesh().shape
  if not sizes:
    return 1, 1
  spec = nn.logical_to_mesh_axes(('batch', 'length'))
  spec = [(axes,) if isinstance(axes, str) else axes or () for axes in spec]
  rows, places = (math.prod(sizes[axis] for axis in axes) for axes in spec)
  return rows, places
