"""Copies of the weights that decode side by side, each on its own devices.

Along the mesh axis `data` every device holds the same weights. A decoder that
ran on all of them as one program would compute the same rows on each; instead
every copy takes a share of the prompts, in a thread of its own, and none waits
for another. Devices along the other axes share one copy and decode together.
"""

from collections.abc import Callable
import concurrent.futures
import threading

import jax
from jax.sharding import Mesh
from jax.sharding import NamedSharding
import numpy as np

from swm_jax import types
from swm_jax.models import transformer
from swm_jax.samplers import schedule

_AXIS = 'data'
# Virtual devices have no cores of their own: there is nothing to win.
SHARE_THEIR_CORES = ('cpu',)

OnFinished = Callable[[int, list[int]], None] | None
# Decodes a request with one copy of the weights.
Decode = Callable[
    [transformer.Params, schedule.Request, OnFinished], types.Trajectories
]


def split(params: transformer.Params) -> list[transformer.Params]:
  """Takes the copies apart, without moving or copying a weight.

  Args:
    params: of the transformer, on devices of this process.

  Returns:
    A tree for each position along the axis `data`, on the devices there; the
    parameters themselves if there is but one copy, or several on CPU.
  """
  sharding = jax.tree.leaves(params)[0].sharding
  if not isinstance(sharding, NamedSharding):
    return [params]
  mesh = sharding.mesh
  platform = mesh.devices.flat[0].platform
  if mesh.shape.get(_AXIS, 1) == 1 or platform in SHARE_THEIR_CORES:
    return [params]
  axis = mesh.axis_names.index(_AXIS)

  def part(index):
    own = Mesh(
        mesh.devices.take([index], axis),
        mesh.axis_names,
        axis_types=mesh.axis_types,
    )

    def leaf(value):
      shards = {shard.device: shard.data for shard in value.addressable_shards}
      return jax.make_array_from_single_device_arrays(
          value.shape,
          NamedSharding(own, value.sharding.spec),
          [shards[device] for device in own.devices.flat],
      )

    return jax.tree.map(leaf, params)

  return [part(index) for index in range(mesh.shape[_AXIS])]


def decode(
    copies: list[transformer.Params],
    request: schedule.Request,
    decode_one: Decode,
    on_finished: OnFinished,
) -> types.Trajectories:
  """Decodes a share of the prompts with each copy of the weights.

  Args:
    copies: of the weights.
    request: to be shared out; rows of one prompt stay together.
    decode_one: decodes a share.
    on_finished: never called by two threads at once.

  Returns:
    Trajectories of the whole request, in its order.
  """
  _, prompt_B = np.unique(request.prompt_index_B, return_inverse=True)
  shares = [
      np.flatnonzero(prompt_B % len(copies) == i) for i in range(len(copies))
  ]
  lock = threading.Lock()

  def decode_share(params, rows):

    def report(row, token_ids):
      with lock:
        on_finished(int(rows[row]), token_ids)

    return decode_one(
        params, request.take(rows), report if on_finished else None
    )

  with concurrent.futures.ThreadPoolExecutor(len(copies)) as threads:
    parts = list(threads.map(decode_share, copies, shares))
  order = np.argsort(np.concatenate(shares))
  return jax.tree.map(lambda *leaves: np.concatenate(leaves)[order], *parts)
