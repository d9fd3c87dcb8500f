"""Meshes, and rules that place logical axes on them.

The model names the axes of its parameters and activations; a table of rules
maps these names to mesh axes. Changing a layout is changing the table.
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import functools
import math
from typing import Any

from flax import linen as nn
import jax
from jax.sharding import AxisType
from jax.sharding import Mesh
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from swm_jax.models import transformer

MESH_AXES = ('data', 'fsdp', 'context', 'tensor')

Rules = Sequence[tuple[str, str | Sequence[str] | None]]

DEFAULT_RULES: Rules = (
    # Parameters: cut over fsdp along the width, over tensor along the rest.
    ('layers', None),
    ('vocab', 'tensor'),
    ('embed', 'fsdp'),
    ('heads', 'tensor'),
    ('kv_heads', 'tensor'),
    ('mlp', 'tensor'),
    ('norm', None),
    ('rank', None),
    # Activations: fsdp holds a part of the batch, like data, and context a part
    # of every sequence.
    ('batch', ('data', 'fsdp')),
    ('length', 'context'),
    ('activation_embed', None),
    ('activation_heads', 'tensor'),
    ('activation_kv_heads', 'tensor'),
    ('activation_mlp', 'tensor'),
    ('activation_vocab', 'tensor'),
)


def make_mesh(
    shape: Mapping[str, int], devices: Sequence[jax.Device] | None = None
) -> Mesh:
  """Makes a mesh with axes data, fsdp, context and tensor.

  Args:
    shape: size of each axis; 1 if absent, and one axis may be -1, what is left.
    devices: default all.

  Raises:
    ValueError: an axis is unknown, two are -1, or the sizes do not multiply to
      the number of devices.
  """
  devices = jax.devices() if devices is None else devices
  if unknown := set(shape) - set(MESH_AXES):
    raise ValueError(
        f'mesh axes {sorted(unknown)} are not among {list(MESH_AXES)}'
    )
  sizes = [shape.get(axis, 1) for axis in MESH_AXES]
  if sizes.count(-1) == 1 and 0 not in sizes:
    rest = math.prod(size for size in sizes if size != -1)
    sizes[sizes.index(-1)] = len(devices) // rest
  if min(sizes) < 1 or math.prod(sizes) != len(devices):
    raise ValueError(
        f'mesh {dict(shape)} does not fit the {len(devices)} devices there '
        f'are: its sizes must multiply to {len(devices)}, and one may be -1'
    )
  # Logical constraints are hints to the partitioner, which `Auto` allows.
  return jax.make_mesh(
      sizes,
      MESH_AXES,
      axis_types=(AxisType.Auto,) * len(MESH_AXES),
      devices=devices,
  )


@contextlib.contextmanager
def use_mesh(mesh: Mesh, rules: Rules = DEFAULT_RULES) -> Iterator[None]:
  """Traces and runs jitted functions under a mesh and its rules."""
  with jax.set_mesh(mesh), nn.logical_axis_rules(rules):
    yield


def partition_spec(axes: Sequence[str | None], rules: Rules) -> P:
  """The mesh axes of an array whose logical axes are given.

  Raises:
    ValueError: no rule names one of the axes.
  """
  table = dict(rules)
  if unknown := [axis for axis in axes if axis and axis not in table]:
    raise ValueError(f'no sharding rule names the logical axes {unknown}')
  entries = [table[axis] if axis else None for axis in axes]
  # A configuration may have turned tuples of mesh axes into lists.
  return P(*(tuple(e) if isinstance(e, list) else e for e in entries))


def shardings(
    mesh: Mesh, logical_axes: Any, rules: Rules = DEFAULT_RULES
) -> Any:
  """Maps a tree of tuples of logical axes to a tree of `NamedSharding`."""
  return jax.tree.map(
      lambda axes: NamedSharding(mesh, partition_spec(axes, rules)),
      logical_axes,
      is_leaf=lambda x: isinstance(x, tuple),
  )


def batch_sharding(
    mesh: Mesh, rank: int, rules: Rules = DEFAULT_RULES
) -> NamedSharding:
  """Sharding of an array `[B, ...]` of `rank` axes, cut along B alone."""
  axes = ('batch',) + (None,) * (rank - 1)
  return NamedSharding(mesh, partition_spec(axes, rules))


def shard_params(params: Any, params_shardings: Any) -> Any:
  """Places host arrays on the mesh; each process gives only its own shards.

  Raises:
    ValueError: an axis of a parameter is not divisible by its mesh axes.
  """

  def place(path, value, sharding):
    try:
      sharding.shard_shape(value.shape)
    except ValueError as error:
      name = jax.tree_util.keystr(path, simple=True, separator='/')
      raise ValueError(
          f'parameter {name} of shape {value.shape} cannot be cut by '
          f'{sharding.spec} on mesh {dict(sharding.mesh.shape)}'
      ) from error
    return jax.make_array_from_callback(
        value.shape, sharding, lambda index: value[index]
    )

  return jax.tree_util.tree_map_with_path(place, params, params_shardings)


def init_params(
    config: transformer.TransformerConfig,
    key: jax.Array,
    mesh: Mesh,
    rules: Rules = DEFAULT_RULES,
) -> Any:
  """Draws the model's parameters, each shard on its own device."""
  create = jax.jit(
      functools.partial(transformer.init_params, config),
      out_shardings=shardings(mesh, transformer.logical_axes(config), rules),
  )
  return create(key)
