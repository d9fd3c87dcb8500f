r"""Compiles the attention kernels for an H100 on a host that has none.

python -m tests.kernels.hopper_compiler 64 bfloat16

XLA compiles for the description of a device below; Mosaic's pipeline and ptxas
run as they would on the device. Prints what ptxas says of each kernel, then a
line `temporary bytes N`, and `square SHAPE` for each shape in the program that
has the length twice. A process of its own, as the plugin reads its environment
once. Needs jax-cuda12-plugin, jax-cuda12-pjrt and nvidia-cuda-nvcc-cu12.
"""

import importlib.util
import os
import pathlib
import re
import sys

import jax
from jax._src import xla_bridge
from jax.experimental import topologies
import jax.numpy as jnp

from swm_jax.kernels.attention import pallas_gpu

T = 1280  # No other axis has this size.
# https://docs.nvidia.com/cuda/cuda-c-programming-guide/#compute-capabilities
_H100 = """
gpu_device_info {
  threads_per_block_limit: 1024
  threads_per_warp: 32
  shared_memory_per_block: 49152
  shared_memory_per_block_optin: 232448
  shared_memory_per_core: 233472
  threads_per_core_limit: 2048
  core_count: 132
  fpus_per_core: 128
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  memory_bandwidth: 3350000000000
  l2_cache_size: 52428800
  clock_rate_ghz: 1.98
  device_memory_size: 85899345920
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
  cuda_compute_capability { major: 9 feature_extension: ACCELERATED_FEATURES }
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 3 }
runtime_version { major: 12 minor: 9 }
device_description_str: "H100"
"""


def environment() -> dict[str, str]:
  """Returns the variables that the compiler must be started with."""
  toolkit = _folder('nvidia.cuda_nvcc')
  return os.environ | {
      'JAX_PLATFORMS': 'cpu',
      'PATH': f'{toolkit}/bin:{os.environ["PATH"]}',
      'CUDA_ROOT': str(toolkit),
      'XLA_FLAGS': f'--xla_gpu_cuda_data_dir={toolkit}',
      'MOSAIC_GPU_CUDA_ROOT': str(toolkit),
      'MOSAIC_GPU_RUNTIME_LIB_PATH': str(
          _folder('jax_cuda12_plugin') / 'libmosaic_gpu_runtime.so'
      ),
      'MOSAIC_GPU_DUMP_PTXAS': '1',
  }


def _folder(package):
  found = importlib.util.find_spec(package)
  return pathlib.Path(next(iter(found.submodule_search_locations)))


def main(head_size: str, dtype: str):
  xla_bridge.discover_pjrt_plugins()
  device = topologies.get_topology_desc(
      'h100', 'cuda', target_config=_H100, topology='1x1x1'
  ).devices[0]
  sharding = jax.sharding.SingleDeviceSharding(device)

  def loss(query, key, value, group, branch, lengths_B):
    out, lse = pallas_gpu.dot_product_attention(
        query,
        key,
        value,
        None,
        is_causal=True,
        scale=0.1,
        segments=(group, branch),
        lengths_B=lengths_B,
    )
    return out.astype(jnp.float32).sum() + lse.sum()

  def aval(shape, kind):
    return jax.ShapeDtypeStruct(shape, kind, sharding=sharding)

  query = aval((1, T, 4, int(head_size)), dtype)
  key = aval((1, T, 2, int(head_size)), dtype)
  ids = aval((1, T), jnp.int32)
  step = jax.jit(jax.grad(loss, argnums=(0, 1, 2)))
  compiled = step.lower(
      query, key, key, ids, ids, aval((1,), jnp.int32)
  ).compile()
  print('temporary bytes', compiled.memory_analysis().temp_size_in_bytes)
  for shape in set(re.findall(r'\w+\[([\d,]+)\]', compiled.as_text())):
    if shape.split(',').count(str(T)) > 1:
      print('square', shape)


if __name__ == '__main__':
  main(*sys.argv[1:])
