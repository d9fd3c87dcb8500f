"""What the zygote and the launcher share: a control socket and a watch.

Both are small trusted processes that are exec'd fresh and single-threaded by
`process.Process`, serve one task at a time in a confined child, and leave
nothing behind when their parent goes away, however it goes.

Control socket (SOCK_SEQPACKET, JSON): the parent sends tasks with descriptors
attached and may send `stop`; the server answers `ready` once, then one report
per task after everything that the task started is dead.
"""

from collections.abc import Callable
import json
import os
import select
import signal
import socket
import time
from typing import Any

from swm_jax.verifiers.sandbox import kernel
from swm_jax.verifiers.sandbox import namespaces
from swm_jax.verifiers.sandbox import temp_folder

_POLL_MILLISECONDS = 20
_DYING_SECONDS = 1.0
# A task may take this many times its wall limit while it waits for a processor.
_PATIENCE = 10


def _reap(pid: int, seconds: float) -> tuple[int, int, Any]:
  """Waits at most `seconds` for a child; as `os.wait4`, pid 0 if it lives."""
  end = time.monotonic() + seconds
  while True:
    reaped = os.wait4(pid, os.WNOHANG)
    if reaped[0] or time.monotonic() > end:
      return reaped
    time.sleep(0.001)


def follow(parent: int | None = None) -> None:
  """Makes this process end with its parent and adopt its orphans.

  Args:
    parent: process id that the parent had, if it may be gone by now.
  """
  # SIGTERM, not SIGKILL, to tidy up.
  kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGTERM)
  kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
  # 0: it lives outside our process namespace.
  if parent is not None and os.getppid() not in (parent, 0):
    os._exit(1)


def kill_children(proc: int) -> None:
  """Kills and reaps every child, those that come to a subreaper included.

  Args:
    proc: descriptor of `/proc`.
  """
  path = f'self/task/{os.getpid()}/children'
  while True:
    try:
      fd = os.open(path, os.O_RDONLY, dir_fd=proc)
    except FileNotFoundError:  # A kernel that does not list them.
      return
    children = [int(word) for word in os.read(fd, 1 << 16).split()]
    os.close(fd)
    if not children:
      return
    for child in children:
      os.kill(child, signal.SIGKILL)
      os.waitpid(child, 0)


def kill_user(uid: int) -> None:
  """Kills every process of a throw-away user at once, however fast it forks."""
  pid = os.fork()
  if pid == 0:
    try:
      os.setresuid(uid, uid, uid)
      os.kill(-1, signal.SIGKILL)
    finally:
      os._exit(0)
  os.waitpid(pid, 0)


class Server:
  """Serves one control socket, one task at a time."""

  def __init__(self, control: socket.socket, config: dict[str, Any]):
    self._control = control
    os.umask(0o022)  # Throw-away users must reach what is made here.
    # Signals only wake a poll: a handler that raised could do so in the middle
    # of tidying, and a folder would stay behind.
    self._wake, wake_end = os.pipe()
    os.set_blocking(self._wake, False)
    os.set_blocking(wake_end, False)
    self._terminated = False
    for number in (signal.SIGCHLD, signal.SIGTERM):
      signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(wake_end)
    follow()
    self._level = config['level']
    self._temp = config['temp_folder']
    self._uid = config['uid'] if os.geteuid() == 0 else None
    self._quota = temp_folder.MAX_BYTES
    self._proc = os.open('/proc', os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    self._poller = select.poll()
    self._poller.register(control, select.POLLIN)
    self._poller.register(self._wake, select.POLLIN)

  def _settle(
      self, paths: list[str], *, temp_megabytes: int = 32, program: str = ''
  ) -> None:
    """Enters namespaces, if the level has them, and takes the temp folder.

    Args:
      paths: what stays visible, read-only.
      temp_megabytes: size of the temporary file system.
      program: where `/proc/self/exe` leads to in a root without `/proc`.
    """
    if self._level == 'namespaces':
      # It must not cover the interpreter of an environment made under /tmp.
      covers = any(path.startswith('/tmp/') for path in paths)
      self._temp = '/var/tmp' if covers else '/tmp'
      namespaces.enter(
          paths, self._temp, temp_megabytes=temp_megabytes, program=program
      )
    if self._uid is not None:
      os.chown(self._temp, self._uid, self._uid)

  def serve(self) -> None:
    self._send(['ready', os.getpid()])
    while self._wait_for_control():
      message, fds, _, _ = socket.recv_fds(self._control, 1 << 16, 8)
      if not message:
        return
      if message == b'stop':
        continue  # It crossed the report.
      report = self._run(json.loads(message), fds)
      if report is None:
        return
      # First the verdict: a folder that cannot be emptied costs the next
      # candidate a retry, and this one cannot buy an error with it.
      self._send(report)
      temp_folder.wipe(self._temp)

  def _run(self, task: dict[str, Any], fds: list[int]) -> list[Any] | None:
    """Runs one task and returns its report, None if the parent is gone."""
    raise NotImplementedError

  def _poll(self, milliseconds: int | None) -> bool:
    """Waits for a signal or the parent; True if the parent has spoken."""
    ready = [fd for fd, _ in self._poller.poll(milliseconds)]
    if self._wake in ready:
      self._terminated |= signal.SIGTERM in os.read(self._wake, 64)
    return self._control.fileno() in ready

  def _wait_for_control(self) -> bool:
    """Returns True once the parent has spoken, False if it is gone."""
    while not self._terminated:
      if self._poll(None):
        return True
    return False

  def _send(self, message: Any) -> None:
    self._control.send(json.dumps(message).encode())

  def _reset_signals(self) -> None:
    """For a fork of this process."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

  def _watch(
      self, pid: int, broken_limit: Callable[[], str], *, fatal: int
  ) -> tuple[int, Any, str, bytes | None]:
    """Waits for the child's end, the parent's word or a broken limit.

    Args:
      pid: of the child, dead on return.
      broken_limit: returns '' or the name of a limit that is broken.
      fatal: the signal that ends the child.

    Returns:
      Wait status, resources used, cause ('' or why it was ended) and the
      parent's message: None if it said nothing, b'' if it is gone.
    """
    ended, cause, message, status, usage = 0, '', None, 0, None
    while True:
      spoken = self._poll(_POLL_MILLISECONDS)
      if self._terminated:
        message = b''
        break
      if spoken:
        message = self._control.recv(16)
        if message == b'gone':
          # A dying process closes its files first: wait for what it dies of.
          ended, status, usage = _reap(pid, _DYING_SECONDS)
        cause = '' if ended else 'stopped'
        break
      ended, status, usage = os.wait4(pid, os.WNOHANG)
      if ended:
        break
      cause = broken_limit()
      if cause:
        break
    if not ended:
      os.kill(pid, fatal)
      _, status, usage = os.wait4(pid, 0)
    return status, usage, cause, message

  def _broken_limit(
      self, cpu: float, waited: Callable[[], float], elapsed: float, limits: Any
  ) -> str:
    """Returns '', `cpu`, `wall`, `files` or `starved` (the host is busy)."""
    if cpu > limits['cpu_seconds']:
      return 'cpu'
    wall = limits['wall_seconds']
    if elapsed > wall:
      if elapsed - waited() > wall:
        return 'wall'
      if elapsed > _PATIENCE * wall:
        return 'starved'
    return 'files' if temp_folder.over_quota(self._temp, self._quota) else ''

  def _kill_leftovers(self) -> None:
    if self._level == 'rlimits' and self._uid is not None:
      kill_user(self._uid)  # The next step would run after a bomb of forks.
    kill_children(self._proc)  # Orphans came to us, the subreaper.

  def tidy(self) -> None:
    """Leaves no process and no folder."""
    self._kill_leftovers()
    if self._level != 'namespaces':
      temp_folder.wipe(self._temp)
      os.chdir('/')
      try:
        os.rmdir(self._temp)
      except FileNotFoundError:
        pass  # The parent was faster.


def main(kind: type[Server], control_fd: int, config_text: str) -> None:
  """Runs a server on an inherited descriptor until its parent goes away."""
  control = socket.socket(fileno=control_fd)
  try:
    server = kind(control, json.loads(config_text))
  except Exception as error:  # pylint: disable=broad-exception-caught
    # Whatever it is, the parent must hear the reason of a failed start.
    text = f'{type(error).__name__}: {error}'
    control.send(json.dumps(['failed', text]).encode())
    return
  try:
    server.serve()
  finally:
    server.tidy()
