"""Which walls this host can put around a candidate, found out by trying.

Strongest first:

  namespaces        landlock+seccomp, inside own mount, process, network, IPC
                    and host-name namespaces with a root of almost nothing
  landlock+seccomp  no fork, exec, sockets, tracing; files by allow list
  wasm              CPython 3.12 in a WebAssembly machine: no NumPy, no threads,
                    ten times slower; needs the extra `wasm`; Python only
  rlimits           limits of one process only; never used without consent

All levels share the protocol, the throw-away user id (as root) and the limits.
"""

import functools
import os
import shutil
import tempfile

from absl import logging

from swm_jax.verifiers import base
from swm_jax.verifiers.sandbox import conversation
from swm_jax.verifiers.sandbox import protocol
from swm_jax.verifiers.sandbox import worker as worker_lib

LEVELS = ('namespaces', 'landlock+seccomp', 'wasm', 'rlimits')
WASM = 'wasm'
UNSAFE = 'rlimits'
ENVIRONMENT_VARIABLE = 'SWM_SANDBOX'

# Runs as a candidate. Every act in it must be refused.
_PROBE = '''
import os, signal, socket

try:
  import ctypes
  libc = ctypes.CDLL(None, use_errno=True)
except ImportError:
  libc = None  # A WebAssembly machine, where functions are missing instead.

def raw(call, *args):
  if call(*args) < 0:
    raise OSError(ctypes.get_errno())

def fork():
  if os.fork() == 0:
    os._exit(0)

def change_mode(path):
  os.chmod(path, 0o600)
  os.stat(path)  # Where no file exists, the call before is an empty one.

def act_as_root():
  if 0 not in (os.getuid(), os.geteuid()):
    raise OSError

def solve(secret, parent):
  acts = {
      'fork': fork,
      'execute': lambda: os.execv('/bin/true', ['true']),
      'open a socket': socket.socket,
      'read a file of the host': lambda: open(secret),
      'list a folder of the host': lambda: os.listdir(os.path.dirname(secret)),
      'write beside it': lambda: open(secret + '.new', 'w'),
      'change its mode': lambda: change_mode(secret),
      'read /proc': lambda: open('/proc/self/environ'),
      'signal the verifier': lambda: os.kill(parent, 0),
      'signal its parent': lambda: os.kill(max(os.getppid(), 1), 0),
      'trace': lambda: raw(libc.ptrace, 0, 0, 0, 0),
      'unshare': lambda: raw(libc.unshare, 0x10000000),
      'make a key ring': lambda: raw(libc.syscall, 250, 1, 0),
      'make shared memory': lambda: raw(libc.shmget, 0, 4096, 0o1600),
      'run as user 0': act_as_root,
  }
  done = []
  for name, act in acts.items():
    try:
      act()
      done.append(name)
    except (OSError, AttributeError):
      pass
  return done
'''


def probe(level: str) -> str:
  """Runs forbidden acts at `level`; returns '' or why it cannot be used."""
  folder = tempfile.mkdtemp(prefix='swm_jax_probe_')
  secret = os.path.join(folder, 'secret')
  try:
    os.chmod(folder, 0o777)  # Open to all: only the walls protect it.
    with open(secret, 'w', encoding='ascii') as stream:
      stream.write('secret')
    worker = worker_lib.Worker(level)
    try:
      outcome = worker.run(
          _PROBE,
          'solve',
          conversation.Calls(
              [protocol.encode((secret, os.getpid()))], [[]]
          ),
          base.Limits(),
      )
    finally:
      worker.close()
  except (OSError, worker_lib.WorkerDied) as error:
    return str(error)
  finally:
    shutil.rmtree(folder, ignore_errors=True)
  if outcome.status == worker_lib.PASSED:
    return ''
  return f'not every forbidden act was refused: {outcome.detail}'


@functools.cache
def _strongest(candidates: tuple[str, ...]) -> tuple[str, str]:
  """Returns (level, '') or ('', reasons), by probing in order."""
  reasons = []
  for level in candidates:
    reason = '' if level == UNSAFE else probe(level)
    if not reason:
      logging.info(
          'Candidates run at isolation level %s.%s',
          level,
          ''.join(f' ({text})' for text in reasons),
      )
      return level, ''
    reasons.append(f'{level}: {reason}')
  return '', '; '.join(reasons)


def choose(
    *,
    require_level: str | None = None,
    allow_unsafe: bool = False,
    allow_wasm: bool = False,
) -> str:
  """Returns the strongest level of this host.

  The environment variable `SWM_SANDBOX` names one level to use instead of the
  strongest; it must pass the same probe.

  Args:
    require_level: weakest level accepted, None for the weakest with a wall.
    allow_unsafe: accept `rlimits`, where programs can read and send whatever
      the user id can.
    allow_wasm: accept `wasm`, which has room for Python programs and no tools.

  Raises:
    ValueError: for an unknown level.
    RuntimeError: if the host has no acceptable level.
  """
  forced = os.environ.get(ENVIRONMENT_VARIABLE, '')
  for name in (forced, require_level):
    if name and name not in LEVELS:
      raise ValueError(
          f'{name!r} is no isolation level; use one of {", ".join(LEVELS)}'
      )
  accepted = LEVELS
  if require_level:
    accepted = LEVELS[: LEVELS.index(require_level) + 1]
  accepted = tuple(
      level for level in accepted
      if (allow_unsafe or level != UNSAFE)
      and (allow_wasm or level != WASM)
      and forced in ('', level)
  )
  level, reasons = _strongest(accepted)
  if level:
    return level
  raise RuntimeError(
      f'this host cannot isolate candidates well enough'
      f' ({reasons or f"{forced or UNSAFE} is not accepted here"}); run on'
      ' Linux 5.13 or newer with Landlock, or pass allow_unsafe=True to accept'
      ' resource limits alone'
  )
