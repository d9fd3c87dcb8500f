"""Attention on the mesh in use: each device attends to what it holds."""

import functools
import math

from flax import linen as nn
import jax
from jax.sharding import PartitionSpec as P

from swm_jax.kernels.attention import api
from swm_jax.kernels.attention import context


def dot_product_attention(
    query_BxTxHxD: jax.Array,
    key_BxSxKxD: jax.Array,
    value_BxSxKxD: jax.Array,
    *,
    is_causal: bool = False,
    implementation: str | None = None,
    **masks: jax.Array | tuple[jax.Array, jax.Array] | None,
) -> tuple[jax.Array, jax.Array]:
  """Same as `api.dot_product_attention`, for arrays that the mesh cuts.

  Rows and heads never need each other, so every device runs the api on its own:
  a compiler cannot cut a kernel. Where the mesh cuts sequences, whole ones
  (causal or packed, not cached) are attended to by a ring over its axis
  `context`.

  Args:
    query_BxTxHxD: queries.
    key_BxSxKxD: keys.
    value_BxSxKxD: values.
    is_causal: see the api.
    implementation: see the api; the ring has its own.
    **masks: `mask`, `segments` and `lengths_B` of the api; their first axis is
      B, which the mesh must divide for its devices to work apart.
  """
  arrays = query_BxTxHxD, key_BxSxKxD, value_BxSxKxD
  mesh = jax.sharding.get_abstract_mesh()
  attend = functools.partial(
      api.dot_product_attention,
      is_causal=is_causal,
      implementation=implementation,
  )
  if math.prod(mesh.shape.values()) == 1:
    return attend(*arrays, **masks)
  whole = is_causal and masks.keys() <= {'segments'}
  if whole and mesh.shape.get('context', 1) > 1:
    return context.dot_product_attention(
        *arrays, mesh=mesh, is_causal=True, **masks
    )
  B, _, K, _ = key_BxSxKxD.shape
  rows, heads = nn.logical_to_mesh_axes(('batch', 'activation_kv_heads'))
  if B % _size(mesh, rows):
    return attend(*arrays, **masks)
  heads = heads if K % _size(mesh, heads) == 0 else None
  return jax.shard_map(
      lambda arrays, masks: attend(*arrays, **masks),
      mesh=mesh,
      in_specs=(P(rows, None, heads), P(rows)),
      out_specs=P(rows, None, heads),
      check_vma=False,
  )(arrays, masks)


def _size(mesh, axes):
  """Devices along one mesh axis, several, or none."""
  axes = (axes,) if isinstance(axes, str) else axes or ()
  return math.prod(mesh.shape[axis] for axis in axes)
