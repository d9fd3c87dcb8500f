"""What Pallas' interpreter for Mosaic GPU lacks in jax 0.10.2, for tests.

The interpreter runs memory, barriers and copies as they are written. Our
kernels also transpose an operand of WGMMA, pass one in registers, load from
global memory straight into registers and name layouts. None of it changes a
value: `extended` reads transposed tiles transposed, registers as they are, such
a load as any other, and a layout as nothing. A product reads its tiles under
the race detector, which the interpreter's own does not.
"""

import contextlib
from unittest import mock

import jax
from jax._src.interpreters import mlir
from jax._src.pallas.mosaic.interpret import utils as interpret_utils
from jax._src.pallas.mosaic_gpu import core as gpu_core
from jax._src.pallas.mosaic_gpu import primitives as gpu_primitives
from jax._src.pallas.mosaic_gpu.interpret import gpu_callbacks
from jax._src.pallas.mosaic_gpu.interpret import interpret_pallas_call
from jax._src.pallas.mosaic_gpu.interpret import jaxpr_interpret
from jax._src.pallas.mosaic_gpu.interpret import params
from jax._src.state import primitives as state_primitives
from jax._src.state import types as state_types
import numpy as np

InterpretParams = params.InterpretGPUParams
reset = interpret_pallas_call.reset_gpu_interpret_mode_state
get_races = interpret_pallas_call.get_races

mlir.register_lowering(
    gpu_core.layout_cast_p, lambda ctx, x, **_: [x], platform='cpu'
)
_interpret = jaxpr_interpret.JaxprInterpreter.interpret


def _interpret_loads(self, jaxpr, token, *args):
  """Interprets with loads into a layout as ordinary loads."""
  eqns = [
      eqn.replace(
          primitive=state_primitives.get_p, params={'tree': eqn.params['tree']}
      )
      if eqn.primitive is gpu_primitives.load_p
      else eqn
      for eqn in jaxpr.eqns
  ]
  return _interpret(self, jaxpr.replace(eqns=eqns), token, *args)


def _wgmma(
    *, token, device_id, grid_point_coords, thread_id, acc_dtype,
    acc_allocation_key_as_array, acc_transforms, a_allocation_key_as_array,
    a_transforms, b_allocation_key_as_array, b_transforms, source_info=None,
):
  """The interpreter's product, with the operands that it does not take."""
  if acc_transforms:
    raise NotImplementedError('a product adds to a whole accumulator here')
  memory = gpu_callbacks._get_shared_memory()
  device_id, thread_id = int(device_id), int(thread_id)
  thread = memory.get_global_thread_id(device_id, thread_id)
  place = interpret_utils.GPULoggingInfo(
      device_id=device_id,
      grid_point_coords=tuple(int(x) for x in grid_point_coords),
      thread_id=thread_id,
      source_info=source_info,
  )
  key_of = gpu_callbacks.HostAllocationKey.from_array

  def read(key, transforms):
    if not np.issubdtype(key.dtype, np.integer):
      return np.asarray(key)  # An operand in registers, not a key of memory.
    key = key_of(key)
    slices = [t for t in transforms if hasattr(t, 'indices')]
    turns = [
        t for t in transforms if isinstance(t, state_types.TransposeTransform)
    ]
    span = interpret_utils.to_range(jax.tree.map(int, slices))
    content, _, clock = memory.get_buffer_content(
        key, span, thread, logging_info=place
    )
    if memory.detect_races:
      get_races().check_read(
          device_id, thread_id, clock, key, span, source_info=source_info
      )
    for turn in turns:
      content = content.transpose(turn.permutation)
    return content

  a = read(a_allocation_key_as_array, a_transforms)
  b = read(b_allocation_key_as_array, b_transforms)
  acc_key = key_of(acc_allocation_key_as_array)
  acc, _, _ = memory.get_buffer_content(acc_key, (), thread, logging_info=place)
  total = acc + a.astype(acc_dtype) @ b.astype(acc_dtype)
  memory.store_buffer_content(acc_key, (), total, thread, logging_info=place)
  return token


@contextlib.contextmanager
def extended():
  """Within it, programs that are traced are interpreted as described above."""
  with mock.patch.object(gpu_callbacks, 'wgmma', _wgmma), mock.patch.object(
      jaxpr_interpret.JaxprInterpreter, 'interpret', _interpret_loads
  ):
    yield
