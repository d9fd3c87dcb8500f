r"""How long a snapshot keeps the caller, in the background and not.

python -m experiments.benchmarks.snapshots                  # under a minute
python -m experiments.benchmarks.snapshots --megabytes=1600

A tree of float32 arrays is saved in turns by `save`, which returns when the
snapshot is visible, and by `save_async`, followed at once by a step that
replaces the arrays in place, as an optimizer's does. What a save costs the
caller is the time of the call and of that step, less that of a step without a
save: where host and device share memory, it is the step that has to copy. The
last line, `ratio X.XX`, is the cost of `save` divided by that of `save_async`,
wall clock, medians.
"""

import tempfile
import time

from absl import app
from absl import flags
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax import snapshots

_LEAVES = 32


def define_flags() -> None:
  flags.DEFINE_integer('megabytes', 540, 'Size of the tree.')
  flags.DEFINE_integer('rounds', 5, 'Saves of each kind.')
  flags.DEFINE_string(
      'directory', None, 'Where to write, a disk or gs://BUCKET/PATH; by default'
      ' a temporary folder that is removed.'
  )


def main(argv):
  if len(argv) > 1:
    raise app.UsageError(f'unexpected arguments: {argv[1:]}')
  with tempfile.TemporaryDirectory() as temporary:
    _measure(flags.FLAGS.directory or temporary)


def _measure(directory):
  store = snapshots.Snapshots(directory, keep_last=1)
  size = flags.FLAGS.megabytes * 10**6 // (4 * _LEAVES)
  state = [jnp.full(size, float(leaf)) for leaf in range(_LEAVES)]
  update = jax.jit(
      lambda state: [x * 0.999 for x in state], donate_argnums=0
  )
  state = jax.block_until_ready(update(state))
  seconds = {
      name: [] for name in ('alone', 'save', 'save_async', 'call', 'visible')
  }
  step = store.latest() or 0
  for _ in range(flags.FLAGS.rounds):
    for name in ('alone', 'save', 'save_async'):
      start = time.monotonic()
      if name != 'alone':
        step += 1
        getattr(store, name)(step, state, {})
      called = time.monotonic()
      state = jax.block_until_ready(update(state))
      seconds[name].append(time.monotonic() - start)
      if name == 'save_async':
        store.wait()
        seconds['call'].append(called - start)
        seconds['visible'].append(time.monotonic() - start)
  print(f'{flags.FLAGS.megabytes} MB in {_LEAVES} arrays, seconds')
  print(f'{"":30}{"minimum":>9}{"median":>9}')
  for label, name in (
      ('a step alone', 'alone'),
      ('save, then a step', 'save'),
      ('save_async, then a step', 'save_async'),
      ('  of which the call', 'call'),
      ('  until the save is visible', 'visible'),
  ):
    values = seconds[name]
    print(f'{label:30}{min(values):9.2f}{np.median(values):9.2f}')
  alone, blocking, background = (
      np.median(seconds[name]) for name in ('alone', 'save', 'save_async')
  )
  print(f'ratio {(blocking - alone) / (background - alone):.2f}')


if __name__ == '__main__':
  # Here, since other programs of this folder define the same flags.
  define_flags()
  app.run(main)
