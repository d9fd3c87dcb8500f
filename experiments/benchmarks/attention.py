r"""What the attention kernels should take on a device, and what they do take.

python -m experiments.benchmarks.attention             # seconds, any machine
python -m experiments.benchmarks.attention --compile   # with libtpu: a minute
python -m experiments.benchmarks.attention --autotune  # on a TPU or Hopper

The first table is a prediction from published peaks (`kernels.attention.
roofline`): time, what bounds it, useful arithmetic as a share of the peak, and
FLOPs and HBM bytes by formula. The H100's rows are of the kernels for Hopper,
which stream from the L2 cache what TPUs stream from HBM, and of XLA where it
decodes. `--compile` adds what the
TPU compiler counts in the compiled program, everything around the kernels
included; for the kernels themselves it repeats their cost estimates, so the
formula is also held against XLA's own count of the reference, which has none.

Nothing is timed in Pallas' interpreter. What is timed here is the XLA
implementation beside the reference, in turns: a training step's attention,
forward and backward, and a decoding step's. Memory is what the compiled program
allocates besides its arguments. A row's ratio is the median over rounds of the
reference's time divided by XLA's; the last line, `ratio X.XX`, is the geometric
mean of the rows.

`--autotune` times the compiled kernels over block sizes on the device, beside
XLA, and writes the winners to `block_sizes.json`, from where the api takes
them; where XLA wins, the api keeps XLA.
"""

from collections.abc import Callable, Iterator, Sequence
import dataclasses
import functools
import importlib.util
import itertools
import os
import statistics
import time

from absl import app
from absl import flags
import jax
from jax.experimental import topologies
import jax.numpy as jnp

from swm_jax.kernels.attention import api
from swm_jax.kernels.attention import block_sizes
from swm_jax.kernels.attention import flash_problem
from swm_jax.kernels.attention import gpu_problem
from swm_jax.kernels.attention import pallas_gpu
from swm_jax.kernels.attention import pallas_tpu
from swm_jax.kernels.attention import roofline

_TOPOLOGIES = {'v5e': 'v5e:2x2', 'v5p': 'v5p:2x2x1', 'v6e': 'v6e:2x2'}
_CANDIDATES = {
    'tpu': ((128, 256, 512, 1024), (128, 256, 512, 1024)),
    'gpu': ((64, 128), (32, 64, 128)),
}
_TUNED_LENGTHS = (512, 1024, 2048, 4096, 8192)
_TUNED_HEAD_SIZES = (64, 96, 128, 256)


@dataclasses.dataclass(frozen=True)
class Work:
  """Bfloat16 attention: causal forward and backward, or one decoding step.

  Attributes:
    name: as printed.
    shape: (B, T, S, H, K, D).
  """

  name: str
  shape: tuple[int, int, int, int, int, int]

  @property
  def decodes(self) -> bool:
    return self.shape[1] == 1

  @property
  def avals(self) -> list[jax.ShapeDtypeStruct]:
    """Query, key and value; for decoding, fused caches and lengths of rows."""
    B, T, S, H, K, D = self.shape
    keys = (B, S, K * D) if self.decodes else (B, S, K, D)
    shapes = [(B, T, H, D), keys, keys]
    avals = [jax.ShapeDtypeStruct(shape, jnp.bfloat16) for shape in shapes]
    lengths = jax.ShapeDtypeStruct((B,), jnp.int32)
    return avals + [lengths] if self.decodes else avals


_WORKS = (
    Work('135M, train', (16, 1024, 1024, 9, 3, 64)),
    Work('8B, train', (1, 8192, 8192, 32, 8, 128)),
    Work('8B, 40k tokens', (1, 40960, 40960, 32, 8, 128)),
    Work('heads of 256', (4, 2048, 2048, 8, 4, 256)),
    Work('135M, decode', (64, 1, 2048, 9, 3, 64)),
    Work('8B, decode', (32, 1, 8192, 32, 8, 128)),
)
_TIMED = (
    Work('135M, train', (4, 256, 256, 9, 3, 64)),
    Work('135M, decode', (32, 1, 1024, 9, 3, 64)),
)


def step(work: Work, implementation: str, blocks=None) -> Callable:
  """Returns what is timed and compiled: outputs and, in training, gradients."""

  B, _, S, _, K, D = work.shape

  def attend(query, key, value, lengths_B=None):
    causal = not work.decodes
    key, value = (x.reshape(B, S, K, D) for x in (key, value))
    if blocks is not None:
      on_gpu = jax.default_backend() == 'gpu'
      kernels = pallas_gpu if on_gpu else pallas_tpu
      return kernels.dot_product_attention(
          query,
          key,
          value,
          None,
          is_causal=causal,
          scale=query.shape[-1] ** -0.5,
          lengths_B=lengths_B,
          blocks=blocks,
      )
    return api.dot_product_attention(
        query,
        key,
        value,
        is_causal=causal,
        lengths_B=lengths_B,
        implementation=implementation,
    )

  def loss(*inputs):
    out, lse = attend(*inputs)
    return out.astype(jnp.float32).sum() + lse.sum(), (out, lse)

  if work.decodes:
    return jax.jit(attend)
  return jax.jit(jax.grad(loss, argnums=(0, 1, 2), has_aux=True))


def problem_of(
    work: Work, device: roofline.Device
) -> flash_problem.Problem | gpu_problem.Problem:
  facts = dict(
      shape=work.shape,
      scale=1.0,
      is_causal=True,
      has_segments=False,
      seen_shape=None,
  )
  if device.is_gpu:
    blocks = pallas_gpu.default_blocks(work.shape[5], jnp.dtype(jnp.bfloat16))
    return gpu_problem.Problem(
        **facts,
        has_lengths=False,
        held=blocks.query,
        streamed=blocks.key,
        pieces=1,
    )
  blocks = pallas_tpu.DEFAULT_BLOCKS
  return flash_problem.Problem(
      **facts, block_q=blocks.query, block_k=blocks.key, itemsize=2
  )


def predict(work: Work, device: roofline.Device) -> roofline.Prediction:
  """Returns the prediction for `work` on one chip of `device`."""
  if work.decodes:
    cost = roofline.decode_cost(device, work.shape, itemsize=2)
    K, D = work.shape[4:]
    return roofline.predict(
        device, [cost], roofline.decode_useful_flops(work.shape), K * D
    )
  problem = problem_of(work, device)
  return roofline.predict(
      device,
      roofline.flash_costs(problem, backward=True),
      roofline.flash_useful_flops(problem, backward=True),
      work.shape[5],
  )


def compiler_counts(work: Work, device: str) -> tuple[float, float]:
  """Returns FLOPs and bytes that the TPU compiler counts; needs libtpu."""
  os.environ['TPU_SKIP_MDS_QUERY'] = '1'
  os.environ['ALLOW_MULTIPLE_LIBTPU_LOAD'] = '1'
  slice_ = topologies.get_topology_desc(_TOPOLOGIES[device], 'tpu')
  sharding = jax.sharding.SingleDeviceSharding(slice_.devices[0])
  avals = [
      jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding)
      for x in work.avals
  ]
  costs = step(work, 'pallas').lower(*avals).compile().cost_analysis()
  return costs['flops'], costs['bytes accessed']


def reference_flops_ratio(work: Work) -> float:
  """Returns XLA's FLOPs of the reference over the formula's, forward.

  Both for every pair of a query and a key, which the reference computes.
  """
  avals = work.avals
  forward = jax.jit(
      functools.partial(
          api.dot_product_attention, is_causal=True, implementation='reference'
      )
  )
  counted = forward.lower(*avals).compile().cost_analysis()['flops']
  problem = problem_of(work, roofline.DEVICES[0])
  problem = dataclasses.replace(problem, is_causal=False)
  return counted / roofline.flash_useful_flops(problem, backward=False)


def timings(
    functions: Sequence[Callable], inputs: Sequence[jax.Array], rounds: int
) -> Iterator[tuple[float, ...]]:
  """Yields seconds per call of each function, in turns, after a warm-up."""
  for function in functions:
    jax.block_until_ready(function(*inputs))
  for _ in range(rounds):
    seconds = []
    for function in functions:
      start = time.perf_counter()
      jax.block_until_ready(function(*inputs))
      seconds.append(time.perf_counter() - start)
    yield tuple(seconds)


def make_inputs(work: Work) -> list[jax.Array]:
  """Returns standard normals and, for decoding, full caches."""
  keys = jax.random.split(jax.random.key(0), 3)
  inputs = [
      jax.random.normal(key, aval.shape, aval.dtype)
      for key, aval in zip(keys, work.avals)
  ]
  if work.decodes:
    inputs.append(jnp.full((work.shape[0],), work.shape[2], jnp.int32))
  return inputs


def tune(
    work: Work,
    candidates: Sequence[block_sizes.Blocks],
    measure: Callable[[Callable, Sequence[jax.Array]], float],
) -> block_sizes.Choice | None:
  """Compares candidates with each other and the best with XLA.

  Args:
    work: what is run.
    candidates: blocks; those that do not fit the device are left out.
    measure: returns seconds of a function on inputs.
  """
  inputs = make_inputs(work)
  times = {}
  for blocks in candidates:
    try:
      times[blocks] = measure(step(work, 'pallas', blocks), inputs)
    except NotImplementedError:  # Shared memory of a GPU is too small.
      times[blocks] = None
    except jax.errors.JaxRuntimeError as error:
      if 'RESOURCE_EXHAUSTED' not in str(error):
        raise
      times[blocks] = None
  return block_sizes.fastest(times, measure(step(work, 'xla'), inputs))


def autotune(rounds: int):
  """Fills the table for this device; prints a line for each entry."""
  backend = jax.default_backend()
  if backend not in _CANDIDATES:
    raise SystemExit(
        f'nothing was measured: this is a {backend} and the kernels are for '
        'TPU and GPU; run --autotune on the device that is to use the table, '
        'until then attention there runs on XLA'
    )
  if backend == 'gpu':
    pallas_gpu.check_device()
  queries, keys = _CANDIDATES[backend]

  def measure(function, inputs):
    return statistics.median(t for t, in timings([function], inputs, rounds))

  kind = jax.devices()[0].device_kind
  lengths = itertools.product(_TUNED_HEAD_SIZES, _TUNED_LENGTHS)
  for (D, length), decodes in itertools.product(lengths, (False, True)):
    if decodes and backend == 'gpu':
      continue  # XLA decodes there.
    if decodes:
      operation, shape = 'decode', (32, 1, length, 32, 8, D)
      sizes = [(queries[0], key) for key in keys]
    else:
      batch = max(1, 8192 // length)
      operation, shape = 'flash', (batch, length, length, 8, 2, D)
      sizes = itertools.product(queries, keys)
    candidates = [block_sizes.Blocks(*pair) for pair in sizes]
    choice = tune(Work(operation, shape), candidates, measure)
    if choice is not None:
      key = block_sizes.table_key(kind, operation, D, length)
      block_sizes.write({key: choice})
      print(f'{key}: {choice}')


def print_predictions(compiled: bool):
  """Prints the table; see the module."""
  for device in roofline.DEVICES:
    print(
        f'{device.name}: {device.flops / 1e12:.0f} TFLOP/s bfloat16, '
        f'{device.bandwidth / 1e9:.0f} GB/s ({device.source})'
    )
  columns = ('work', 'device', 'ms', 'bound', 'of peak', 'GFLOP', 'HBM MB')
  widths = (16, 9, 9, 8, 8, 10, 9)
  if compiled:
    columns, widths = columns + ('compiler', 'MB'), widths + (10, 9)
  line = lambda cells: print(
      *(str(cell).rjust(width) for cell, width in zip(cells, widths))
  )
  print()
  line(columns)
  for work in _WORKS:
    for device in roofline.DEVICES:
      found = predict(work, device)
      cells = [
          work.name,
          device.name,
          f'{found.seconds * 1e3:.3f}',
          found.bound,
          f'{found.share_of_peak:.0%}',
          f'{found.flops / 1e9:.1f}',
          f'{found.hbm_bytes / 1e6:.1f}',
      ]
      if compiled and device.name in _TOPOLOGIES:
        flops, hbm_bytes = compiler_counts(work, device.name)
        cells += [f'{flops / 1e9:.1f}', f'{hbm_bytes / 1e6:.1f}']
      line(cells)
  ratio = reference_flops_ratio(_TIMED[0])
  print(f'\nXLA counts {ratio:.3f} times the formula in the reference, forward')


def time_beside_reference(work: Work, rounds: int) -> float:
  """Prints times and memory of XLA and the reference; returns the ratio."""
  names = ('reference', 'xla')
  functions = [step(work, name) for name in names]
  inputs = [
      x.astype(jnp.float32) if x.dtype == jnp.bfloat16 else x
      for x in make_inputs(work)
  ]
  memory = [
      function.lower(*inputs).compile().memory_analysis().temp_size_in_bytes
      for function in functions
  ]
  rows = list(timings(functions, inputs, rounds))
  ratio = statistics.median(plain / ours for plain, ours in rows)
  print(f'{work.name} {work.shape}: ratio {ratio:.2f}')
  for name, seconds, allocated in zip(names, zip(*rows), memory):
    print(
        f'{name:>11}  minimum {min(seconds) * 1e3:7.1f} ms  '
        f'median {statistics.median(seconds) * 1e3:7.1f} ms  '
        f'{allocated / 1e6:6.1f} MB'
    )
  return ratio


def define_flags() -> None:
  flags.DEFINE_bool('compile', False, 'Compile for TPU topologies.')
  flags.DEFINE_bool('autotune', False, 'Measure and write the table.')
  flags.DEFINE_integer('rounds', 7, 'Times that each form is run.')


def main(_):
  if flags.FLAGS.autotune:
    autotune(flags.FLAGS.rounds)
    return
  if flags.FLAGS.compile and importlib.util.find_spec('libtpu') is None:
    raise SystemExit(
        '--compile needs libtpu; ./launch/setup.sh --extras=tpu installs it'
    )
  print_predictions(flags.FLAGS.compile)

  print(f'\non {jax.default_backend()}, float32, (B, T, S, H, K, D)')
  ratios = [time_beside_reference(work, flags.FLAGS.rounds) for work in _TIMED]
  print(f'ratio {statistics.geometric_mean(ratios):.2f}')


if __name__ == '__main__':
  # Here, since other programs of this folder define the same flags.
  define_flags()
  app.run(main)
