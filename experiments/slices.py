"""Slices of TPU to compile for, and the least time that work takes on them."""

from collections.abc import Sequence
import dataclasses
import importlib.util
import os
import re
from typing import Any

import jax
from jax.experimental import topologies

from experiments import hlo
from swm_jax.kernels.attention import roofline

_GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Chip:
  """What one chip of a slice offers; all published.

  Attributes:
    peaks: of arithmetic and HBM, with their source.
    hbm: bytes.
    link: bytes a second that one link between chips carries each way; the
      published bandwidth of a chip over its links and both directions.
  """

  peaks: roofline.Device
  hbm: int
  link: float


_PEAKS = {device.name: device for device in roofline.DEVICES}
# Sources: https://cloud.google.com/tpu/docs/v5e (16 GB; 400 GB/s both ways over
# 4 links), /v5p (95 GiB; 1200 over 6) and /v6e (32 GB; 800 over 4).
CHIPS = {
    'v5e': Chip(_PEAKS['v5e'], 16 * _GIB, 50e9),
    'v5p': Chip(_PEAKS['v5p'], 95 * _GIB, 100e9),
    'v6e': Chip(_PEAKS['v6e'], 32 * _GIB, 100e9),
}


@dataclasses.dataclass(frozen=True)
class Slice:
  """Devices to compile for.

  Attributes:
    name: as given.
    devices: of the slice, real or not.
    chip: what each is; None for CPU.
    side: chips along a side of the torus.
  """

  name: str
  devices: tuple[Any, ...]
  chip: Chip | None
  side: int


@dataclasses.dataclass(frozen=True)
class Prediction:
  """Seconds that a step takes at least, by what bounds it."""

  compute: float
  hbm: float
  links: float

  @property
  def seconds(self) -> float:
    return max(dataclasses.astuple(self))

  @property
  def bound(self) -> str:
    by_name = dataclasses.asdict(self)
    return max(by_name, key=by_name.get)


def find_slice(name: str) -> Slice:
  """Opens a topology such as `v5e:16x16` or `cpu:8`.

  Raises:
    ValueError: the name is unknown or there are too few CPU devices.
    ModuleNotFoundError: libtpu is not installed.
  """
  kind, _, shape = name.partition(':')
  if kind == 'cpu' and shape.isdigit():
    try:
      jax.config.update('jax_num_cpu_devices', int(shape))
    except RuntimeError:  # The backend has been started, with devices enough?
      pass
    devices = jax.devices('cpu')[: int(shape)]
    if len(devices) < int(shape):
      raise ValueError(f'{name}: there are only {len(devices)} CPU devices')
    return Slice(name, tuple(devices), None, 1)
  if kind not in CHIPS or not re.fullmatch(r'\d+(x\d+)+', shape):
    raise ValueError(
        f'topology {name!r} is neither cpu:N nor one of'
        f' {", ".join(CHIPS)} with a shape, such as v5e:16x16'
    )
  if importlib.util.find_spec('libtpu') is None:
    raise ModuleNotFoundError(
        f'{name} is compiled by libtpu; install it with'
        " `pip install 'swm_jax[tpu]'`, or take --topology=cpu:8"
    )
  # Asked for metadata of the machine, libtpu would wait for a TPU's server; and
  # several processes may compile where none touches a TPU.
  os.environ['TPU_SKIP_MDS_QUERY'] = '1'
  os.environ['ALLOW_MULTIPLE_LIBTPU_LOAD'] = '1'
  devices = topologies.get_topology_desc(name, 'tpu').devices
  sides = [int(side) for side in shape.split('x')]
  return Slice(name, tuple(devices), CHIPS[kind], sides[0])


def predict(
    sliced: Slice,
    flops: float,
    hbm_bytes: float,
    collectives: Sequence[hlo.Collective],
) -> Prediction:
  """Predicts the time of a step on a slice of TPU.

  Args:
    sliced: with a chip.
    flops: of all chips together.
    hbm_bytes: of one chip.
    collectives: one after the other, each around one ring of links.
  """
  chip = sliced.chip
  links = 0.0
  for collective in collectives:
    # Only chips all along a side of the torus are a ring, with two ways out.
    ways = 2 if collective.group % sliced.side == 0 else 1
    links += collective.sent / (ways * chip.link)
  return Prediction(
      compute=flops / len(sliced.devices) / chip.peaks.flops,
      hbm=hbm_bytes / chip.peaks.bandwidth,
      links=links,
  )
