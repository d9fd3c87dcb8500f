"""What the processes of one program decide together.

The functions are collectives: every process calls them at the same point, from
the thread that also runs its computations. With one process they cost nothing.
"""

from collections.abc import Callable
import pickle
from typing import Any

import jax
from jax.experimental import multihost_utils
import numpy as np

_PIECE_BYTES = 2**26  # broadcast at once


def exchange(value: Any) -> list[Any]:
  """Returns the values of all processes in their order, the same everywhere.

  Args:
    value: picklable, below 2 GB; it may be of another size on every process.
  """
  if jax.process_count() == 1:
    return [value]
  data = np.frombuffer(pickle.dumps(value), np.uint8)
  sizes = np.ravel(multihost_utils.process_allgather(np.int32(data.size)))
  rows = multihost_utils.process_allgather(
      np.pad(data, (0, _room(sizes.max()) - data.size))
  )
  return [
      pickle.loads(row[:size].tobytes()) for row, size in zip(rows, sizes)
  ]


def _room(size: int) -> int:
  """Rounds lengths up, so that programs for few of them are compiled."""
  return 1 << max(int(size) - 1, 1023).bit_length()


def by_first(function: Callable[[], Any]) -> Any:
  """Runs a function on the first process alone.

  Args:
    function: its result is picklable.

  Returns:
    Its result, on every process.

  Raises:
    Exception: on every process, if the function raised it. A process that
      raised alone would leave the others waiting for it.
  """
  if jax.process_count() == 1:
    return function()
  result = error = None
  if jax.process_index() == 0:
    try:
      result = function()
    except Exception as caught:  # pylint: disable=broad-exception-caught
      error = caught
  result, error = pickle.loads(_from_first(pickle.dumps((result, error))))
  if error is not None:
    raise error
  return result


def _from_first(data: bytes) -> bytes:
  """Returns the first process's bytes, as many as they may be."""
  broadcast = multihost_utils.broadcast_one_to_all
  pieces, last = broadcast(np.array(divmod(len(data), _PIECE_BYTES), np.int32))
  sizes = [_PIECE_BYTES] * int(pieces) + [int(last)]
  parts, start = [], 0
  for size in sizes:
    part = np.zeros(size, np.uint8)
    if jax.process_index() == 0:
      part = np.frombuffer(data, np.uint8, size, start)
    padded = np.pad(part, (0, _room(size) - size))
    parts.append(broadcast(padded)[:size].tobytes())
    start += size
  return b''.join(parts)
