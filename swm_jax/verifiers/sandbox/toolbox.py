"""The trusted end of external programs: compilers, provers, compiled binaries.

A `Toolbox` owns one persistent launcher process, confined to the files of a
`Profile`. Each run gets a fresh folder of a few files, three pipes and limits,
and leaves nothing behind: no process, no file.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import json
import os
import select
import signal
import socket
import sysconfig
import time
from typing import Any

from swm_jax.verifiers.sandbox import process as process_lib
from swm_jax.verifiers.sandbox import worker as worker_lib

_FILE_BYTES = 64 << 20
_SPAWN_FILE_BYTES = 128 << 20  # Compilers write large objects.
_MAX_COMMAND_BYTES = 60_000
_READ_BYTES = 1 << 16
# The launcher gives up a starved command at 10 times its wall limit.
_SILENCE = 12

WorkerDied = worker_lib.WorkerDied


@dataclasses.dataclass(frozen=True)
class Profile:
  """What the programs of one toolbox may touch.

  The dynamic loader, the folders of the system's shared libraries and
  `/dev/null` belong to every profile.

  Attributes:
    readable: files and folders seen, read-only.
    executable: those that may also be executed; links are followed.
    spawn: whether a program may start others, as compiler drivers do; without
      it there is one single process, which may have threads.
    environment: variables besides HOME, LANG, PATH and TMPDIR.
  """

  readable: tuple[str, ...] = ()
  executable: tuple[str, ...] = ()
  spawn: bool = False
  environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Completed:
  """How a command ended.

  Attributes:
    code: exit status, negative for a signal; None if it was ended from outside.
    stdout: what it wrote, up to `max_output` with `stderr`.
    stderr: the same of standard error.
    files: the collected regular files.
    cpu_seconds: processor time of all its processes.
    wall_seconds: from start to end.
    cause: '' if it ended by itself, else the limit that ended it: `cpu`,
      `wall`, `memory`, `files`, `output`, `processes`; `starved` or `killed` if
      the host did; `stopped` if the caller did.
  """

  code: int | None
  stdout: bytes
  stderr: bytes
  files: dict[str, bytes]
  cpu_seconds: float
  wall_seconds: float
  cause: str


class Toolbox:
  """One launcher. Not for use from two threads at once, but for `kill`."""

  def __init__(self, level: str, profile: Profile):
    """Starts the launcher.

    Args:
      level: one of `levels.LEVELS`.
      profile: what its programs may touch.

    Raises:
      OSError: if a path of the profile is missing, or cannot be read by a
        throw-away user, or the launcher cannot start at this level.
    """
    self.level = level
    self.profile = profile
    self._quota = _SPAWN_FILE_BYTES if profile.spawn else _FILE_BYTES
    loader, libraries = _system_libraries()
    programs = profile.executable
    self._process = process_lib.Process(
        'launcher',
        level,
        {
            'readable': [*profile.readable, *libraries],
            'executable': [*programs, *loader],
            'spawn': profile.spawn,
            'environment': dict(profile.environment),
            'max_file_bytes': self._quota,
            'program': os.path.realpath(programs[0]) if programs else '',
        },
    )

  @property
  def pid(self) -> int:
    return self._process.pid

  def run(
      self,
      argv: Sequence[str],
      *,
      files: Mapping[str, bytes] = {},
      stdin: bytes = b'',
      collect: Sequence[str] = (),
      limits: Any,
      max_output: int = 65536,
  ) -> Completed:
    """Runs one command to its end.

    Args:
      argv: the command; `argv[0]` is absolute, or `./name` for one of `files`,
        which is then executable.
      files: plain names and contents, written into the fresh, writable current
        folder of the command.
      stdin: what it can read from standard input.
      collect: names of regular files to bring back, if it made them.
      limits: a `base.Limits`; processor time of the whole tree, memory of each
        process and, about, of all of them.
      max_output: most bytes of standard output and error together; a command
        that writes more is ended.

    Raises:
      ValueError: for a name or command of another form.
      WorkerDied: if the launcher failed; make a new toolbox.
    """
    with self.open(
        argv,
        files=files,
        collect=collect,
        limits=limits,
        max_output=max_output,
    ) as talk:
      talk.send(stdin)
      return talk.finish()

  def open(
      self,
      argv: Sequence[str],
      *,
      files: Mapping[str, bytes] = {},
      collect: Sequence[str] = (),
      limits: Any,
      max_output: int = 65536,
  ) -> 'Talk':
    """Starts one command to talk to; arguments and errors as of `run`."""
    argv = list(argv)
    own = {f'./{name}' for name in files}
    if not argv or not (os.path.isabs(argv[0]) or argv[0] in own):
      raise ValueError(
          f'{argv[:1]} is no absolute path and no ./name of one of the files'
      )
    for name in (*files, *collect):
      if not name or '/' in name or '\0' in name or name in ('.', '..'):
        raise ValueError(f'{name!r} is no plain file name')
    task = {
        'argv': argv,
        'files': [[name, len(data)] for name, data in files.items()],
        'collect': list(collect),
        'limits': dataclasses.asdict(limits),
    }
    message = json.dumps(task).encode()
    if len(message) > _MAX_COMMAND_BYTES:
      raise ValueError('the command line is too long; pass a file instead')
    return Talk(
        self._process.control, message, files, collect, limits, max_output
    )

  def kill(self) -> None:
    """Ends the launcher and its command; a `run` in another thread raises."""
    self._process.kill()

  def close(self) -> None:
    """Ends the launcher and everything that it started."""
    self._process.close()


class Talk:
  """The trusted end of one running command; use it in a `with` statement."""

  def __init__(
      self,
      control: socket.socket,
      message: bytes,
      files: Mapping[str, bytes],
      collect: Sequence[str],
      limits: Any,
      max_output: int,
  ):
    self._control = control
    self._max_output = max_output
    self._silence = _SILENCE * limits.wall_seconds + 10
    self._stopped = ''  # Why we ended it.
    self._report = None
    self._pending = memoryview(b'')
    self._taken = 0  # Bytes of standard output that were read as lines.
    self._heard = time.monotonic()
    self._own_seconds = 0.0
    incoming = os.memfd_create('files')
    self._collected = os.memfd_create('collected')
    pipes = [os.pipe() for _ in range(3)]
    theirs = [pipes[0][0], pipes[1][1], pipes[2][1]]
    self._stdin = pipes[0][1]
    self._outputs = {pipes[1][0]: bytearray(), pipes[2][0]: bytearray()}
    self._stdout, self._stderr = self._outputs
    self._open = {self._stdin, *self._outputs}
    for fd in self._open:
      os.set_blocking(fd, False)
    try:
      for data in files.values():
        _write(incoming, data)
      control.settimeout(self._silence)
      socket.send_fds(
          control, [message], [incoming, self._collected, *theirs]
      )
    except OSError as error:
      self._close()
      raise WorkerDied(f'the launcher is gone: {error}') from error
    finally:
      for fd in (incoming, *theirs):
        os.close(fd)

  def __enter__(self) -> 'Talk':
    return self

  def __exit__(self, *_: object) -> None:
    try:
      if self._report is None:
        self._stop('stopped')
        self._pump(lambda: False)
    finally:
      self._close()

  def send(self, data: bytes) -> None:
    """Writes to standard input; what the command does not read is lost.

    Raises:
      WorkerDied: if the launcher failed.
    """
    self._count_own_time()
    self._pending = memoryview(bytes(data))
    self._pump(lambda: not self._pending)

  def read_line(self, max_bytes: int = 4096) -> bytes | None:
    """Returns the next line of standard output, without its end.

    Returns:
      None once the command has ended or closed its output, or has written a
      longer line, which ends it. A last line need not be terminated.

    Raises:
      WorkerDied: if the launcher failed.
    """
    self._count_own_time()
    buffer = self._outputs[self._stdout]
    start, searched = self._taken, self._taken

    def complete() -> bool:
      nonlocal searched
      found = buffer.find(b'\n', searched) >= 0
      searched = len(buffer)
      return found or len(buffer) - start > max_bytes

    self._pump(lambda: complete() or self._stdout not in self._open)
    self._heard = time.monotonic()
    end = buffer.find(b'\n', start)
    if end < 0:
      end = len(buffer)
    if end - start > max_bytes:
      self._stop('output')
      return None
    if start == len(buffer) or self._stopped:
      return None
    self._taken = min(end + 1, len(buffer))
    return bytes(buffer[start:end])

  def finish(self) -> Completed:
    """Closes standard input and waits for the end.

    Returns:
      How it ended, with all of its output that was not read as lines.

    Raises:
      WorkerDied: if the launcher failed.
    """
    self._count_own_time()
    self._pending = memoryview(b'')
    self._shut(self._stdin)
    self._pump(lambda: False)
    code, cpu, wall, cause, collected, _ = self._report
    files, offset = {}, 0
    for name, size in collected:
      files[name] = os.pread(self._collected, size, offset)
      offset += size
    if self._stopped and cause in ('', 'stopped'):
      cause = self._stopped
    elif cause == '' and code == -signal.SIGKILL:
      cause = 'killed'  # Commands cannot send it.
    elif cause == 'wall' and self._own_seconds > wall / 4:
      cause = 'starved'  # It waited for us.
    return Completed(
        code=None if cause else code,
        stdout=bytes(self._outputs[self._stdout][self._taken :]),
        stderr=bytes(self._outputs[self._stderr]),
        files=files,
        cpu_seconds=cpu,
        wall_seconds=wall,
        cause=cause,
    )

  def _count_own_time(self) -> None:
    now = time.monotonic()
    self._own_seconds += now - self._heard
    self._heard = now

  def _stop(self, reason: str) -> None:
    if not self._stopped and self._report is None:
      self._stopped = reason
      try:
        self._control.send(b'stop')
      except OSError as error:
        raise WorkerDied(f'the launcher is gone: {error}') from error

  def _pump(self, done: Any) -> None:
    """Moves bytes until `done()` or the command's end, whichever is first."""
    poller = select.poll()
    for fd in self._outputs:
      if fd in self._open:
        poller.register(fd, select.POLLIN)
    if self._pending and self._stdin in self._open:
      poller.register(self._stdin, select.POLLOUT)
    if self._report is None:
      poller.register(self._control, select.POLLIN)
    outputs = {*self._outputs}
    while not done() and (self._report is None or self._open & outputs):
      ready = poller.poll(self._silence * 1000)
      if not ready:
        raise WorkerDied('the launcher is silent')
      for fd, _ in ready:
        if fd == self._control.fileno():
          self._hear()
          poller.unregister(fd)
          continue
        if not (self._write_some() if fd == self._stdin else self._read(fd)):
          poller.unregister(fd)
    if self._report is not None:
      self._pending = memoryview(b'')
    self._heard = time.monotonic()

  def _hear(self) -> None:
    try:
      answer = self._control.recv(1 << 16)
    except OSError as error:
      raise WorkerDied(f'the launcher is gone: {error}') from error
    if not answer:
      raise WorkerDied('the launcher is gone')
    self._report = json.loads(answer)

  def _write_some(self) -> bool:
    """Writes what standard input takes; returns whether more is wanted."""
    try:
      written = os.write(self._stdin, self._pending)
    except BlockingIOError:
      return True
    except BrokenPipeError:
      written = len(self._pending)  # The command has closed it.
    self._pending = self._pending[written:]
    return bool(self._pending)

  def _read(self, fd: int) -> bool:
    """Reads from an output; returns whether more may come."""
    data = os.read(fd, _READ_BYTES)
    if not data:
      self._shut(fd)
      return False
    room = self._max_output - sum(map(len, self._outputs.values()))
    self._outputs[fd] += data[: max(room, 0)]
    if len(data) > room:
      self._stop('output')
    return True

  def _shut(self, fd: int) -> None:
    if fd in self._open:
      self._open.remove(fd)
      os.close(fd)

  def _close(self) -> None:
    for fd in [*self._open]:
      self._shut(fd)
    if self._collected >= 0:
      os.close(self._collected)
      self._collected = -1


def failure(
    completed: Completed, limits: Any
) -> tuple[str, str, str] | None:
  """Returns (status, reason, detail) of a verdict if a limit decides it.

  Args:
    completed: how a candidate's command ended.
    limits: the `base.Limits` that it ran under.

  Returns:
    None for a command that ended by itself within its limits: then the domain
    decides by what it wrote.
  """
  cause, cpu = completed.cause, completed.cpu_seconds
  failed, error = worker_lib.FAILED, worker_lib.ERROR
  if cause == 'cpu' or (cpu > limits.cpu_seconds and cause != 'output'):
    return failed, 'time', f'used {cpu:.2f} s of processor time'
  if cause == 'wall':
    return failed, 'time', f'ran for {completed.wall_seconds:.2f} s'
  if cause == 'memory':
    return failed, 'memory', 'its processes used too much memory'
  if cause == 'files' or completed.code == -signal.SIGXFSZ:
    return failed, 'output', 'wrote too many or too large files'
  if cause == 'output':
    return failed, 'output', 'wrote too much'
  if cause == 'processes':
    return failed, 'forbidden', 'started too many processes'
  if cause == 'starved':
    return error, 'overloaded', 'no processor was free'
  if cause == 'killed':
    return error, 'overloaded', 'the host killed the process'
  return None


def _write(fd: int, data: bytes) -> None:
  rest = memoryview(data)
  while rest:
    rest = rest[os.write(fd, rest) :]


def _system_libraries() -> tuple[list[str], list[str]]:
  """Paths of the dynamic loader and of the shared libraries, if they exist."""
  machine = os.uname().machine
  loader = {
      'x86_64': '/lib64/ld-linux-x86-64.so.2',
      'aarch64': '/lib/ld-linux-aarch64.so.1',
  }.get(machine, '')
  port = sysconfig.get_config_var('MULTIARCH') or f'{machine}-linux-gnu'
  folders = [f'/lib/{port}', f'/usr/lib/{port}', '/lib64', '/usr/lib64']
  libraries = [*folders, '/etc/ld.so.cache']
  return (
      [path for path in (loader,) if os.path.exists(path)],
      [path for path in libraries if os.path.exists(path)],
  )
