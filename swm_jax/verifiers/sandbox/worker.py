"""The trusted end: starts a zygote and talks to the children that it forks."""

import dataclasses
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from typing import Any

from swm_jax.verifiers.sandbox import conversation
from swm_jax.verifiers.sandbox import protocol

# Packages are registered by hand, so that no `__init__` runs and nothing but
# this folder is importable.
_BOOTSTRAP = """
import sys, types
for name, folder in (
    ('swm_jax', ''), ('swm_jax.verifiers', ''),
    ('swm_jax.verifiers.sandbox', {folder!r})):
  module = types.ModuleType(name)
  module.__path__ = [folder]
  sys.modules[name] = module
from swm_jax.verifiers.sandbox import zygote
zygote.main(int(sys.argv[1]), sys.argv[2])
"""
_START_SECONDS = 120.0
# The zygote gives up a starved child at 10 times its wall limit; a zygote that
# stays silent beyond that is itself in trouble.
_SILENCE = 12
_FIRST_UID = 61184  # Range of systemd's dynamic users: owned by nobody.
_UIDS = 4096

PASSED, FAILED, ERROR = 'pass', 'fail', 'error'


@dataclasses.dataclass(frozen=True)
class Outcome:
  """How one conversation ended; the fields of `types.Verdict` by name."""

  status: str
  reason: str
  cpu_seconds: float = 0.0
  wall_seconds: float = 0.0
  detail: str = ''


class WorkerDied(RuntimeError):
  """The zygote failed; says nothing about the candidate."""


class Worker:
  """One zygote. Not for use from two threads at once."""

  def __init__(self, level: str, index: int = 0):
    """Starts the zygote.

    Args:
      level: one of `levels.LEVELS`.
      index: number of the slot; gives each its own throw-away user id.

    Raises:
      OSError: if the zygote cannot start at this level.
    """
    self.level = level
    self._temp = ''  # Inside namespaces the zygote mounts its own.
    if level != 'namespaces':
      self._temp = tempfile.mkdtemp(prefix='swm_jax_slot_')
    self._control, theirs = socket.socketpair(
        socket.AF_UNIX, socket.SOCK_SEQPACKET
    )
    config = {
        'level': level,
        'temp_folder': self._temp,
        'package_folder': _numpy_parent(),
        # Slots of other processes get other ids too, most likely.
        'uid': _FIRST_UID + (os.getpid() * 61 + index) % _UIDS,
    }
    folder = os.path.dirname(os.path.abspath(__file__))
    try:
      with theirs:
        self._process = subprocess.Popen(
            [
                # Isolated but for the environment, which holds only these;
                # `-I` would ignore the hash seed.
                *(sys.executable, '-s', '-S', '-P', '-B'),
                *('-X', 'utf8', '-c', _BOOTSTRAP.format(folder=folder)),
                *(str(theirs.fileno()), json.dumps(config)),
            ],
            env=_environment(),
            cwd='/',
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # A terminal's Ctrl-C is the parent's.
        )
      self._control.settimeout(_START_SECONDS)
      answer = self._control.recv(1 << 16)
    except OSError:
      self.close()
      raise
    kind, what = json.loads(answer) if answer else ('failed', 'it died')
    if kind != 'ready':
      self.close()
      raise OSError(f'the sandbox at level {level} cannot start: {what}')

  @property
  def pid(self) -> int:
    return self._process.pid

  def run(
      self,
      source: str,
      entry_point: str,
      calls: conversation.Calls,
      limits: Any,
  ) -> Outcome:
    """Runs one candidate through all calls, up to the first wrong one.

    Args:
      source: the program.
      entry_point: name of the function called.
      calls: prepared tests.
      limits: a `base.Limits`.

    Raises:
      WorkerDied: if the zygote failed; make a new worker.
    """
    try:
      opening = protocol.encode((entry_point, source), max_bytes=1 << 24)
    except protocol.TooLarge:
      return Outcome(FAILED, 'syntax', detail='the program is too long')
    channel, theirs = socket.socketpair()
    silence = _SILENCE * limits.wall_seconds + 10
    with channel:
      channel.settimeout(silence)
      self._control.settimeout(silence)
      try:
        with theirs:
          socket.send_fds(
              self._control,
              [json.dumps(dataclasses.asdict(limits)).encode()],
              [theirs.fileno()],
          )
        talk = conversation.Conversation(channel)
        found = talk.hold(opening, calls)
        self._control.send(b'stop' if found else b'gone')
        answer = self._control.recv(4096)
      except OSError as error:
        raise WorkerDied(f'the zygote is gone or silent: {error}') from error
    if not answer:
      raise WorkerDied('the zygote is gone')
    return self._judge(found, *json.loads(answer), limits, talk.own_seconds)

  def _judge(
      self,
      found: tuple[str, str] | None,
      code: int,
      cpu: float,
      wall: float,
      cause: str,
      limits: Any,
      own_seconds: float,
  ) -> Outcome:
    """Combines what the child said with how it ended."""
    spent = {'cpu_seconds': cpu, 'wall_seconds': wall}
    over = cause == 'cpu' or cpu > limits.cpu_seconds
    if found is not None and not (over and found[0] == 'passed'):
      reason, detail = found
      status = PASSED if reason == 'passed' else FAILED
      return Outcome(status, reason, detail=detail, **spent)
    if over:
      return Outcome(
          FAILED, 'time', detail=f'used {cpu:.2f} s of processor time', **spent
      )
    if cause == 'starved' or (cause == 'wall' and own_seconds > wall / 4):
      return Outcome(
          ERROR, 'overloaded', detail='no processor was free', **spent
      )
    if cause == 'wall':
      return Outcome(FAILED, 'time', detail=f'ran for {wall:.2f} s', **spent)
    if cause == 'files':
      return Outcome(
          FAILED, 'output', detail='wrote too many or too large files', **spent
      )
    if cause == '' and code == -signal.SIGKILL and self.level != 'rlimits':
      # Candidates cannot send it: the host killed the process, for memory.
      return Outcome(
          ERROR, 'overloaded', detail='the host killed the process', **spent
      )
    return Outcome(
        FAILED, 'crash', detail=f'ended without an answer, code {code}', **spent
    )

  def kill(self) -> None:
    """Ends the zygote at once; a `run` in another thread raises."""
    # Its children follow through their death signal.
    self._process.kill()

  def close(self) -> None:
    """Kills the zygote and with it every child; removes its folder."""
    self._control.close()
    process = getattr(self, '_process', None)
    if process is not None:
      process.kill()
      process.wait()
    try:
      if self._temp:
        os.rmdir(self._temp)
    except FileNotFoundError:
      pass  # The zygote was faster.
    except OSError:
      # Killed in the middle of a task. A hostile tree can be deeper than
      # Python's recursion.
      subprocess.run(['rm', '-rf', '--', self._temp], check=False)


def _environment() -> dict[str, str]:
  environment = {
      'LANG': 'C.UTF-8',
      'OMP_NUM_THREADS': '1',
      'OPENBLAS_NUM_THREADS': '1',
      'PYTHONHASHSEED': '0',
  }
  if 'LD_LIBRARY_PATH' in os.environ:  # Some interpreters cannot start without.
    environment['LD_LIBRARY_PATH'] = os.environ['LD_LIBRARY_PATH']
  return environment


def _numpy_parent() -> str:
  spec = importlib.util.find_spec('numpy')
  if spec is None or spec.origin is None:
    return ''
  return os.path.dirname(os.path.dirname(spec.origin))
