r"""How a night on several hosts begins: the same command on every host.

python -m experiments.nightly --config=... --workdir=/shared/run \
    --coordinator=HOST:PORT --num_processes=N --process_id=I

HOST is where process 0 runs. `--coordinator=auto`, alone, finds the others on a
TPU pod, under Slurm and on Kubernetes. The work directory is a folder that all
hosts share. A process that is lost takes the others with it: start all of them
again, as `launch/supervise.sh` does, and the night goes on.
"""

import os
import sys
import threading

from absl import flags
from absl import logging
import jax

_AUTO = 'auto'
_COORDINATOR = flags.DEFINE_string(
    'coordinator', None,
    'HOST:PORT of process 0, or auto on a TPU pod, Slurm and Kubernetes.',
)
_NUM_PROCESSES = flags.DEFINE_integer(
    'num_processes', None, 'Processes of the run, one on each host.'
)
_PROCESS_ID = flags.DEFINE_integer(
    'process_id', None, 'Number of this process, from 0.'
)
_HEARTBEAT = flags.DEFINE_integer(
    'heartbeat_seconds', 60,
    'A process that is not heard of for so long is lost.',
)
_RENDEZVOUS = flags.DEFINE_integer(
    'rendezvous_seconds', 300, 'How long to wait for all processes to come.'
)
_TRY_AGAIN = os.EX_TEMPFAIL  # What a supervisor starts again.


class ClusterError(Exception):
  """The flags do not name a run; the message says what to give."""


def join() -> None:
  """Meets the other processes, if the flags name any; call it once, first.

  Raises:
    ClusterError: the flags are half given, or there is nothing to detect.
  """
  place = _COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value
  if place == (None, None, None):
    return
  if place == (_AUTO, None, None):
    place = None, None, None
  elif None in place or _AUTO in place:
    raise ClusterError(
        '--coordinator=HOST:PORT, --num_processes and --process_id belong'
        ' together; give all three, or --coordinator=auto alone'
    )
  elif not 0 <= place[2] < place[1] or ':' not in place[0]:
    raise ClusterError(
        f'--coordinator={place[0]} must be HOST:PORT, and --process_id='
        f'{place[2]} from 0 and below --num_processes={place[1]}'
    )
  jax.config.update('jax_cpu_collectives_implementation', 'gloo')
  # JAX would end the process by a signal, with no sentence.
  watch = threading.Timer(_RENDEZVOUS.value, _give_up, place)
  watch.daemon = True
  watch.start()
  try:
    jax.distributed.initialize(
        *place,
        # Slurm's own numbers would leave each process one device of its host.
        cluster_detection_method='deactivate' if place[0] else None,
        initialization_timeout=_RENDEZVOUS.value + 60,
        heartbeat_timeout_seconds=_HEARTBEAT.value,
        shutdown_timeout_seconds=_HEARTBEAT.value,
    )
  except (RuntimeError, ValueError) as error:
    raise ClusterError(
        f'the processes of the run cannot meet ({error}); give'
        ' --coordinator=HOST:PORT, --num_processes and --process_id'
    ) from error
  finally:
    watch.cancel()
  logging.info(
      'Process %d of %d, with %d of %d devices', jax.process_index(),
      jax.process_count(), jax.local_device_count(), jax.device_count(),
  )


def _give_up(coordinator: str | None, count: int | None, index: int | None):
  """Ends the process, which waits inside JAX, with a sentence."""
  who = 'this process' if index is None else f'process {index} of {count}'
  where = coordinator or 'the coordinator that was detected'
  print(
      f'nightly: {who} has waited {_RENDEZVOUS.value} s for the others at'
      f' {where}; start all of them with the same --coordinator and'
      ' --num_processes, on hosts that reach that address',
      file=sys.stderr, flush=True,
  )
  os._exit(_TRY_AGAIN)


def say(sentence: str) -> None:
  """Tells a person why the run ends: process 0 does, the others log it."""
  if jax.process_index() == 0:
    print(sentence, file=sys.stderr)
  else:
    logging.error('Process %d ends. %s', jax.process_index(), sentence)
