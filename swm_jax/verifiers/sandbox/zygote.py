"""The small trusted process that forks one confined child per candidate.

It is exec'd fresh, single-threaded, with an empty environment; it imports NumPy
and much of the standard library once, so that a child starts in milliseconds.
It never sees an expected value and never runs a candidate itself.

Control socket (SOCK_SEQPACKET, JSON): the parent sends limits with the child's
channel attached and later `stop`, or `gone` if the child closed the channel;
the zygote answers `ready` once, then one
report per task after the child is dead.
"""

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from typing import Any

from swm_jax.verifiers.sandbox import confine
from swm_jax.verifiers.sandbox import kernel
from swm_jax.verifiers.sandbox import namespaces
from swm_jax.verifiers.sandbox import runner
from swm_jax.verifiers.sandbox import temp_folder

# What a program is likely to import, and what needs a shared library from a
# folder that children cannot read.
_PRELOAD = """
abc argparse array ast asyncio base64 bisect bz2 calendar cmath collections
collections.abc colorsys contextlib contextvars copy copyreg csv ctypes
dataclasses datetime decimal difflib dis enum fractions functools gc graphlib
hashlib heapq hmac html inspect io itertools json keyword linecache locale
logging lzma math numbers operator pathlib pickle pprint queue random re
secrets shutil sqlite3 statistics string
stringprep struct tempfile textwrap threading time timeit tokenize traceback
types typing unicodedata unittest urllib.parse uuid warnings weakref
xml.etree.ElementTree zlib zoneinfo encodings.idna concurrent.futures.thread
""".split()
_POLL_MILLISECONDS = 20
_DYING_SECONDS = 1.0
# A task may take this many times its wall limit while it waits for a processor.
_PATIENCE = 10


def _preload(package_folder: str) -> str:
  """Imports what candidates use; returns the folder of NumPy or ''."""
  for name in _PRELOAD:
    try:
      importlib.import_module(name)
    except ImportError:
      pass  # Optional parts of a Python build.
  if not package_folder:
    return ''
  sys.path.append(package_folder)
  numpy = importlib.import_module('numpy')
  for name in ('linalg', 'random', 'fft', 'polynomial', 'ma'):
    importlib.import_module(f'numpy.{name}')
  sys.path.remove(package_folder)
  return os.path.dirname(numpy.__file__)


def _reap(pid: int, seconds: float) -> tuple[int, int, Any]:
  """Waits at most `seconds` for a child; as `os.wait4`, pid 0 if it lives."""
  end = time.monotonic() + seconds
  while True:
    reaped = os.wait4(pid, os.WNOHANG)
    if reaped[0] or time.monotonic() > end:
      return reaped
    time.sleep(0.001)


class Zygote:
  """Serves one control socket, one child at a time."""

  def __init__(self, control: socket.socket, config: dict[str, Any]):
    self._control = control
    # Signals only wake a poll: a handler that raised could do so in the middle
    # of tidying, and a folder would stay behind.
    self._wake, wake_end = os.pipe()
    os.set_blocking(self._wake, False)
    os.set_blocking(wake_end, False)
    self._terminated = False
    for number in (signal.SIGCHLD, signal.SIGTERM):
      signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(wake_end)
    # SIGTERM, not SIGKILL, to tidy up.
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGTERM)
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    numpy_folder = _preload(config['package_folder'])
    self._proc = os.open('/proc', os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    self._temp = config['temp_folder']
    rules = confine.readable_paths(numpy_folder)
    as_root = os.geteuid() == 0
    self._level = config['level']
    if self._level == 'namespaces':
      paths = [path for path, _ in rules]
      # It must not cover the interpreter of an environment made under /tmp.
      covers = any(path.startswith('/tmp/') for path in paths)
      self._temp = '/var/tmp' if covers else '/tmp'
      namespaces.enter(paths, self._temp)
    uid = config['uid'] if as_root else None
    if uid is not None:
      os.chown(self._temp, uid, uid)
    self._confinement = confine.Confinement(
        rules=rules,
        temp_folder=self._temp,
        uid=uid,
        kernel_walls=self._level != 'rlimits',
    )
    os.environ['TMPDIR'] = os.environ['HOME'] = self._temp
    self._poller = select.poll()
    self._poller.register(control, select.POLLIN)
    self._poller.register(self._wake, select.POLLIN)
    # Children then copy no page only because a collector marked objects.
    gc.collect()
    gc.disable()
    gc.freeze()

  def serve(self) -> None:
    self._send(['ready', os.getpid()])
    while self._wait_for_control():
      message, fds, _, _ = socket.recv_fds(self._control, 4096, 1)
      if not message:
        return
      limits = json.loads(message)
      report = self._run(fds[0], limits)
      if report is None:
        return
      # First the verdict: a folder that cannot be emptied costs the next
      # candidate a retry, and this one cannot buy an error with it.
      self._send(report)
      self._clean()

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

  def tidy(self) -> None:
    """Leaves no folder; the last child is dead."""
    if self._level != 'namespaces':
      self._clean()
      os.chdir('/')
      try:
        os.rmdir(self._temp)
      except FileNotFoundError:
        pass  # The parent was faster.

  def _send(self, message: Any) -> None:
    self._control.send(json.dumps(message).encode())

  def _run(self, channel: int, limits: dict[str, Any]) -> list[Any] | None:
    os.chdir(self._temp)
    start = time.monotonic()
    zygote = os.getpid()
    pid = os.fork()
    if pid == 0:
      try:
        self._be_child(channel, zygote, limits)
      finally:
        os._exit(1)
    os.close(channel)
    return self._watch(pid, start, limits)

  def _be_child(
      self, channel: int, zygote: int, limits: dict[str, Any]
  ) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    self._confinement.apply(
        channel,
        zygote,
        cpu_seconds=limits['cpu_seconds'],
        memory_bytes=limits['memory_bytes'],
    )
    for name in [name for name in sys.modules if name.startswith('swm_jax')]:
      del sys.modules[name]
    runner.converse(confine.CHANNEL_FD)

  def _watch(
      self, pid: int, start: float, limits: dict[str, Any]
  ) -> list[Any] | None:
    """Waits for the child's end, the parent's `stop` or a broken limit.

    Returns:
      `[exit code as subprocess has it, CPU seconds, wall seconds, cause]`,
      cause '' or why the zygote killed it; None if the parent is gone.
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
      cause = self._broken_limit(pid, time.monotonic() - start, limits)
      if cause:
        break
    if not ended:
      os.kill(pid, signal.SIGKILL)
      _, status, usage = os.wait4(pid, 0)
    elapsed = time.monotonic() - start
    if message is None and self._wait_for_control():
      # Reports answer `stop`, so that the next message is the next task.
      message = self._control.recv(16)
    if not message:
      return None
    return [
        os.waitstatus_to_exitcode(status),
        usage.ru_utime + usage.ru_stime,
        elapsed,
        cause,
    ]

  def _broken_limit(
      self, pid: int, elapsed: float, limits: dict[str, Any]
  ) -> str:
    """Returns '', `cpu`, `wall`, `files` or `starved` (the host is busy)."""
    # The clock of another process's processor time, as
    # clock_getcpuclockid(3) makes it: exact, where RLIMIT_CPU counts ticks.
    if time.clock_gettime((~pid << 3) | 2) > limits['cpu_seconds']:
      return 'cpu'
    wall = limits['wall_seconds']
    if elapsed > wall:
      if elapsed - self._waited(pid) > wall:
        return 'wall'
      if elapsed > _PATIENCE * wall:
        return 'starved'
    return 'files' if temp_folder.over_quota(self._temp) else ''

  def _waited(self, pid: int) -> float:
    """Seconds that the child was ready to run and had no processor."""
    try:
      fd = os.open(f'{pid}/schedstat', os.O_RDONLY, dir_fd=self._proc)
    except OSError:  # A kernel without these accounts.
      return 0.0
    try:
      return int(os.read(fd, 64).split()[1]) * 1e-9
    finally:
      os.close(fd)

  def _clean(self) -> None:
    temp_folder.wipe(self._temp)
    if self._level != 'rlimits':
      return  # No candidate can have forked.
    # Orphans were handed to us, the subreaper.
    path = f'self/task/{os.getpid()}/children'
    while True:
      fd = os.open(path, os.O_RDONLY, dir_fd=self._proc)
      children = [int(word) for word in os.read(fd, 1 << 16).split()]
      os.close(fd)
      if not children:
        return
      for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def main(control_fd: int, config_text: str) -> None:
  """Runs a zygote on an inherited descriptor until its parent goes away."""
  control = socket.socket(fileno=control_fd)
  try:
    zygote = Zygote(control, json.loads(config_text))
  except Exception as error:  # pylint: disable=broad-exception-caught
    # Whatever it is, the parent must hear the reason of a failed start.
    text = f'{type(error).__name__}: {error}'
    control.send(json.dumps(['failed', text]).encode())
    return
  try:
    zygote.serve()
  finally:
    zygote.tidy()
