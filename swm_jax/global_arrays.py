"""Arrays that lie on the devices of several processes, seen from one of them.

Every process calls the functions at the same point. With one process they
change nothing.
"""

import math
from typing import Any

import jax
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding
import numpy as np


def fetch(tree: Any) -> Any:
  """Returns the values as numpy arrays, the same on every process."""

  def leaf(value):
    if _is_here(value) or value.is_fully_replicated:
      return np.asarray(value)
    return multihost_utils.process_allgather(value, tiled=True)

  return jax.tree.map(leaf, tree)


def place(tree: Any, sharding: jax.sharding.Sharding) -> Any:
  """Puts arrays that every process has onto the devices of all of them."""
  if jax.process_count() == 1:
    return jax.device_put(tree, sharding)

  def leaf(value):
    value = np.asarray(value)
    # Unlike `device_put` it does not compare what the processes have.
    return jax.make_array_from_callback(
        value.shape, sharding, lambda index: value[index]
    )

  return jax.tree.map(leaf, tree)


def on_own_devices(tree: Any) -> Any:
  """Returns the arrays on the devices of this process alone.

  Computations on the result are this process's own: no other one takes part,
  and none has to wait. What is cut over devices stays cut over those of the
  process, as far as it has as many; what it lacks is copied from the others.
  """

  def leaf(value):
    if _is_here(value):
      return value
    mesh, spec = value.sharding.mesh, value.sharding.spec
    sizes = _own_sizes(mesh)
    # Sorted by process, whatever order the mesh has them in.
    devices = np.array(
        sorted(jax.devices(), key=lambda device: device.process_index)
    ).reshape(jax.process_count(), *sizes)
    if not value.is_fully_replicated:
      value = jax.device_put(value, NamedSharding(
          jax.sharding.Mesh(devices, ('processes', *mesh.axis_names)), spec
      ))
    own = jax.sharding.Mesh(
        devices[jax.process_index()], mesh.axis_names,
        axis_types=mesh.axis_types,
    )
    return jax.make_array_from_single_device_arrays(
        value.shape, NamedSharding(own, spec),
        [shard.data for shard in value.addressable_shards],
    )

  return jax.tree.map(leaf, tree)


def _is_here(value: Any) -> bool:
  return not isinstance(value, jax.Array) or value.is_fully_addressable


def _own_sizes(mesh: jax.sharding.Mesh) -> list[int]:
  """Cuts the devices of one process along the axes of a mesh, last axis first.

  Every size divides that of the mesh, so that what could be cut still can; the
  first axis takes what is left.
  """
  left, sizes = jax.local_device_count(), []
  for axis in reversed(mesh.axis_names):
    sizes.insert(0, math.gcd(mesh.shape[axis], left))
    left //= sizes[0]
  sizes[0] *= left
  return sizes
