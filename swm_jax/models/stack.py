"""Runs the layers of the transformer, unrolled or scanned."""

from collections.abc import Callable, Mapping, Sequence
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from swm_jax.kernels.attention import xla as attention
from swm_jax.models import architecture
from swm_jax.models import block
from swm_jax.models import projection

Edit = Callable[[jax.Array], jax.Array]
# Keys and values of each layer, or one pair with a leading layer axis.
CacheLayers = tuple[block.KeyValue, ...] | block.KeyValue


class Passage(NamedTuple):
  """The residual stream after the last layer, and what was left on the way.

  Attributes:
    h_BxTxD: residual stream.
    cache: updated, None without a cache.
    tapped: stream entering each tapped layer, after edits, float32.
    energy: leaves are tuples over layers or have a leading layer axis; None if
      not asked for.
  """

  h_BxTxD: jax.Array
  cache: CacheLayers | None
  tapped: tuple[jax.Array, ...]
  energy: block.Energy | None


def run(
    params: architecture.Params,
    h_BxTxD: jax.Array,
    cache: CacheLayers | None,
    *,
    config: architecture.TransformerConfig,
    edits: Mapping[int, Edit],
    taps: Sequence[int],
    return_energy: bool,
    **inputs: Any,
) -> Passage:
  """Sends the residual stream through all layers.

  Args:
    params: of the whole model.
    h_BxTxD: residual stream entering layer 0.
    cache: to be read and written.
    config: of the model; says whether and what is scanned or recomputed.
    edits: layer -> function of the stream entering it; `num_layers` is after
      the last.
    taps: layers, counted as in `edits`.
    return_energy: keep what `block.apply` says of it.
    **inputs: further arguments of `block.apply`, the same for all layers.
  """
  apply = functools.partial(block.apply, config=config, **inputs)
  if config.remat != 'none':
    policies = jax.checkpoint_policies
    apply = jax.checkpoint(
        apply,
        policy={
            'full': policies.nothing_saveable,
            'dots': policies.save_only_these_names(
                projection.PRODUCT, attention.OUTPUT
            ),
        }[config.remat],
        # A loop keeps the two computations of a layer apart by itself.
        prevent_cse=not config.scan_layers,
    )
  through = _scan if config.scan_layers else _unroll
  h_BxTxD, cache, tapped, energy = through(
      apply, params, h_BxTxD, cache, config.num_layers, edits, taps
  )
  last = config.num_layers
  h_BxTxD = _edit(edits, last, h_BxTxD)
  tapped[last] = h_BxTxD.astype(jnp.float32)
  return Passage(
      h_BxTxD,
      cache,
      tuple(tapped[layer] for layer in taps),
      energy if return_energy else None,
  )


def _edit(edits, layer, h_BxTxD):
  if layer not in edits:
    return h_BxTxD
  return edits[layer](h_BxTxD).astype(h_BxTxD.dtype)


def _unroll(apply, params, h_BxTxD, cache, num_layers, edits, taps):
  """Calls one layer after the other."""
  tapped, caches, energies = {}, [], []
  for i in range(num_layers):
    h_BxTxD = _edit(edits, i, h_BxTxD)
    if i in taps:
      tapped[i] = h_BxTxD.astype(jnp.float32)
    h_BxTxD, layer_cache, energy = apply(
        architecture.layer_params(params, i),
        h_BxTxD,
        None if cache is None else cache[i],
    )
    caches.append(layer_cache)
    energies.append(energy)
  cache = None if cache is None else tuple(caches)
  return h_BxTxD, cache, tapped, block.Energy(*zip(*energies))


def _scan(apply, params, h_BxTxD, cache, num_layers, edits, taps):
  """Loops over the layer axis, which no collective then gathers.

  The cache is carried, so that a turn writes its new slots alone and in place.
  Edits and taps of a layer are chosen inside the loop: to cut the loop in two
  there would copy the parameters.
  """

  def turn(carry, x):
    h_BxTxD, cache, tapped = carry
    layer, layer_params = x
    for at in edits:
      if at < num_layers:
        h_BxTxD = jax.lax.cond(
            layer == at,
            functools.partial(_edit, edits, at),
            lambda h_BxTxD: h_BxTxD,
            h_BxTxD,
        )
    tapped = {
        at: jnp.where(layer == at, h_BxTxD.astype(jnp.float32), kept_BxTxD)
        for at, kept_BxTxD in tapped.items()
    }
    h_BxTxD, cache, energy = apply(layer_params, h_BxTxD, cache, layer)
    return (h_BxTxD, cache, tapped), energy

  empty_BxTxD = jnp.zeros(h_BxTxD.shape, jnp.float32)
  tapped = {at: empty_BxTxD for at in taps if at < num_layers}
  (h_BxTxD, cache, tapped), energy = jax.lax.scan(
      turn,
      (h_BxTxD, cache, tapped),
      (jnp.arange(num_layers), params[architecture.STACK]),
  )
  return h_BxTxD, cache, tapped, energy
