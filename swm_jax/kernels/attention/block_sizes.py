"""Which implementation and block sizes are fastest, as measured on devices.

The table is `block_sizes.json`, keyed by device kind, operation, head size and
length bucket, measured in bfloat16 and taken for no other dtype. It is written
by `python -m experiments.benchmarks.attention --autotune` on the device.
Nothing else fills it: a device that was never measured has no entry, takes XLA,
and kernels that are asked for by name run with blocks that are chosen to fit
and not to be fast.
"""

from collections.abc import Mapping
import dataclasses
import functools
import json
import pathlib

import jax
import jax.numpy as jnp

_TABLE = pathlib.Path(__file__).with_name('block_sizes.json')


@dataclasses.dataclass(frozen=True)
class Blocks:
  """Block sizes of a kernel.

  Attributes:
    query: queries per block, of no effect on decoding; on GPU the rows that a
      program holds, which are keys in the kernel of their gradients.
    key: keys, or cache slots, per block; on GPU the rows that stream past.
  """

  query: int
  key: int

  def __post_init__(self):
    for name, size in dataclasses.asdict(self).items():
      if size <= 0 or size % 32:
        raise ValueError(
            f'{name} block of {size} is not a positive multiple of 32, the '
            'least that a kernel takes'
        )


@dataclasses.dataclass(frozen=True)
class Choice:
  """What was fastest on a device.

  Attributes:
    implementation: 'pallas' or 'xla'.
    blocks: the fastest of the kernel, even where XLA won.
  """

  implementation: str
  blocks: Blocks


def length_bucket(length: int) -> int:
  """Returns the power of two, at least 128, that `length` is rounded up to."""
  return max(128, 1 << (length - 1).bit_length())


def table_key(
    device_kind: str, operation: str, head_size: int, length: int
) -> str:
  """Returns the key of an entry; `operation` is 'flash' or 'decode'."""
  return f'{device_kind}/{operation}/{head_size}/{length_bucket(length)}'


def write(choices: Mapping[str, Choice], path: pathlib.Path = _TABLE):
  """Adds `choices`, by `table_key`, to the table at `path`."""
  table = json.loads(path.read_text()) if path.exists() else {}
  table |= {key: dataclasses.asdict(choice) for key, choice in choices.items()}
  path.write_text(json.dumps(table, indent=2, sort_keys=True) + '\n')
  read.cache_clear()


@functools.cache
def read(path: pathlib.Path = _TABLE) -> Mapping[str, Choice]:
  """Returns the table."""
  return {
      key: Choice(entry['implementation'], Blocks(**entry['blocks']))
      for key, entry in json.loads(path.read_text()).items()
  }


def find(
    operation: str, head_size: int, length: int, dtype: jnp.dtype
) -> Choice | None:
  """Returns what was measured on this kind of device; None if nothing was."""
  if dtype != jnp.bfloat16:
    return None
  kind = jax.devices()[0].device_kind
  return read().get(table_key(kind, operation, head_size, length))


def fastest(
    times: Mapping[Blocks, float | None], xla_seconds: float
) -> Choice | None:
  """Chooses from seconds per call; None for blocks that did not compile.

  Returns:
    The choice; None if no blocks compiled, when there is nothing to record.
  """
  measured = {k: seconds for k, seconds in times.items() if seconds is not None}
  if not measured:
    return None
  best = min(measured, key=measured.get)
  wins = measured[best] < xla_seconds
  return Choice('pallas' if wins else 'xla', best)
