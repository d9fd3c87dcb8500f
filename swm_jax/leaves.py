"""The leaves of a tree in the form in which a snapshot stores them."""

from typing import Any

import jax
import numpy as np

PyTree = Any


def by_path(tree: PyTree) -> dict[str, Any]:
  """Returns the leaves by their path, e.g. `params/layer_0/kernel`."""
  return {
      jax.tree_util.keystr(path, simple=True, separator='/'): leaf
      for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]
  }


def is_key(leaf: Any) -> bool:
  """Returns whether a leaf is a typed key, or the shape of one."""
  return hasattr(leaf, 'dtype') and jax.dtypes.issubdtype(
      leaf.dtype, jax.dtypes.prng_key
  )


def storable(leaf: Any) -> jax.Array | np.ndarray:
  """Returns a key's data, or a host number as JAX would have it."""
  if is_key(leaf):
    return jax.random.key_data(leaf)
  if isinstance(leaf, jax.Array):
    return leaf
  array = np.asarray(leaf)
  return array.astype(jax.dtypes.canonicalize_dtype(array.dtype))


def abstract(leaf: Any) -> jax.ShapeDtypeStruct:
  """Returns the stored form of a restore target's leaf, on its sharding."""
  sharding = None
  if is_key(leaf):
    leaf = jax.eval_shape(jax.random.key_data, leaf)
  elif isinstance(leaf, (jax.Array, jax.ShapeDtypeStruct)):
    sharding = leaf.sharding
  else:
    leaf = storable(leaf)
  if sharding is None:
    sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
  return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)


def check_match(saved: PyTree, wanted: PyTree, name: str) -> None:
  """Checks that a saved tree holds the wanted leaves.

  Args:
    saved: shapes.
    wanted: shapes; a part of the saved ones is enough.
    name: of what was saved, to begin the message with.

  Raises:
    ValueError: naming the first leaf that is missing or of another shape or
      dtype.
  """
  stored = by_path(saved)
  for path, leaf in by_path(wanted).items():
    if path not in stored:
      raise ValueError(f'{name} has no leaf {path}')
    have = stored[path]
    if have.shape != leaf.shape or have.dtype != leaf.dtype:
      raise ValueError(
          f'{name} has {path} as {have.dtype}{list(have.shape)},'
          f' expected {leaf.dtype}{list(leaf.shape)}'
      )
