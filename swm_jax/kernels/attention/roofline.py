"""Predicted time of the attention kernels, from published peaks.

A kernel takes at least the longer of its arithmetic at the peak rate of matrix
products and its traffic at the peak rate of HBM
(https://doi.org/10.1145/1498765.1498785). The arithmetic is what is computed:
whole blocks on the diagonal, recomputed scores, and a head size padded to the
width of the matrix unit. Exponentials are not in it, as no rate is published
for them, so a prediction is a bound and not an expectation.
"""

from collections.abc import Sequence
import dataclasses

from jax.experimental import pallas as pl

from swm_jax.kernels.attention import flash_decode
from swm_jax.kernels.attention import flash_problem
from swm_jax.kernels.attention import gpu_problem


@dataclasses.dataclass(frozen=True)
class Device:
  """Published peaks of one chip.

  Attributes:
    name: as in a TPU topology, or of the product.
    is_gpu: whether the kernels are those for Hopper.
    flops: bfloat16 matrix products per second, dense.
    bandwidth: HBM bytes per second.
    matrix_width: what the contracted or the streamed axis of a product is
      padded to; 1 where head sizes of 64 and more fill the unit.
    source: of the peaks.
  """

  name: str
  is_gpu: bool
  flops: float
  bandwidth: float
  matrix_width: int
  source: str


DEVICES = (
    Device(
        'v5e', False, 197e12, 819e9, 128,
        'https://cloud.google.com/tpu/docs/v5e',
    ),
    Device(
        'v5p', False, 459e12, 2765e9, 128,
        'https://cloud.google.com/tpu/docs/v5p',
    ),
    Device(
        'v6e', False, 918e12, 1638e9, 256,
        'https://cloud.google.com/tpu/docs/v6e',
    ),
    Device(
        'H100 SXM',
        True,
        989.4e12,
        3.35e12,
        1,
        'https://www.nvidia.com/en-us/data-center/h100/',  # Half of sparse.
    ),
)


@dataclasses.dataclass(frozen=True)
class Prediction:
  """What a device would need.

  Attributes:
    seconds: sum over kernels, each at its own bound.
    bound: 'compute' or 'memory', of the kernels that take most of the time.
    share_of_peak: useful arithmetic per second, over the device's peak.
    flops: as computed, without the padding of head sizes.
    hbm_bytes: read and written by the kernels.
  """

  seconds: float
  bound: str
  share_of_peak: float
  flops: int
  hbm_bytes: int


def flash_costs(
    problem: flash_problem.Problem | gpu_problem.Problem, backward: bool
) -> list[pl.CostEstimate]:
  """Returns the costs of the forward kernel and, if asked, the backward."""
  on_gpu = isinstance(problem, gpu_problem.Problem)
  kernels = gpu_problem if on_gpu else flash_problem
  costs = [problem.cost(**kernels.FORWARD)]
  if backward:
    costs.append(problem.cost(**kernels.D_QUERY))
    if on_gpu and not problem.sums_pairs:
      costs.append(problem.cost(**gpu_problem.D_KEY))
      costs.append(problem.cost(**gpu_problem.D_VALUE))
    else:
      costs.append(problem.cost(**kernels.D_KEY_VALUE))
  return costs


def flash_useful_flops(
    problem: flash_problem.Problem | gpu_problem.Problem, backward: bool
) -> int:
  """Returns 2 dots forward and 5 backward, over the pairs that are seen."""
  B, T, S, H, _, D = problem.shape
  pairs = T * S
  if problem.is_causal:
    shared = min(T, S)
    pairs = shared * (shared + 1) // 2 + (T - shared) * S
  return 2 * (7 if backward else 2) * B * H * D * pairs


def decode_cost(
    device: Device, shape: Sequence[int], itemsize: int
) -> pl.CostEstimate:
  """Returns the cost of one step for (B, T, S, H, K, D), T = 1, full caches.

  A GPU decodes with XLA, which is taken to read the cache once.
  """
  B, _, S, H, K, D = shape
  if not device.is_gpu:
    return flash_decode.cost(B, S, H, K, D, itemsize)
  return pl.CostEstimate(
      flops=decode_useful_flops(shape),
      transcendentals=B * H * S,
      bytes_accessed=2 * itemsize * B * D * (K * S + H) + 4 * B * H,
  )


def decode_useful_flops(shape: Sequence[int]) -> int:
  B, _, S, H, _, D = shape
  return 4 * B * H * S * D


def predict(
    device: Device,
    costs: Sequence[pl.CostEstimate],
    useful_flops: int,
    width: int,
) -> Prediction:
  """Predicts the time of kernels that run one after another.

  Args:
    device: the peaks.
    costs: of each kernel.
    useful_flops: what the share of the peak is counted in.
    width: the axis of every product that the matrix unit pads: the head size,
      or for decoding all key-value heads together.
  """
  padded = -(-width // device.matrix_width) * device.matrix_width
  seconds = {'compute': 0.0, 'memory': 0.0}
  for cost in costs:
    compute = cost.flops * padded / width / device.flops
    memory = cost.bytes_accessed / device.bandwidth
    seconds['compute' if compute > memory else 'memory'] += max(compute, memory)
  total = sum(seconds.values())
  return Prediction(
      seconds=total,
      bound=max(seconds, key=seconds.get),
      share_of_peak=useful_flops / total / device.flops,
      flops=sum(cost.flops for cost in costs),
      hbm_bytes=sum(cost.bytes_accessed for cost in costs),
  )
