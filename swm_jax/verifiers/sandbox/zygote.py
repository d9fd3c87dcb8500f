"""The small trusted process that forks one confined child per candidate.

It is exec'd fresh, single-threaded, with an empty environment; it imports
NumPy, much of the standard library and the packages of a judge program once, so
that a child starts in milliseconds. It never sees an expected value and never
runs a candidate itself.

A task is a candidate's limits with the child's channel attached. The parent
ends each with `stop`, or `gone` if the child closed the channel.
"""

import gc
import os
import signal
import socket
import sys
import time
from typing import Any

from swm_jax.verifiers.sandbox import confine
from swm_jax.verifiers.sandbox import meter
from swm_jax.verifiers.sandbox import preload
from swm_jax.verifiers.sandbox import runner
from swm_jax.verifiers.sandbox import seccomp
from swm_jax.verifiers.sandbox import serving

_MARGIN = 256


class Zygote(serving.Server):
  """Serves one control socket, one child at a time."""

  def __init__(self, control: socket.socket, config: dict[str, Any]):
    super().__init__(control, config)
    packages, later = dict(config['packages']), {}
    if config['numpy_parent']:
      kind = packages if config['preload_numpy'] else later
      kind['numpy'] = config['numpy_parent']
    installed = preload.preload(packages, later)
    rules = confine.readable_paths(installed)
    self._settle([path for path, _ in rules])
    self._confinement = confine.Confinement(
        rules=rules,
        temp_folder=self._temp,
        uid=self._uid,
        make_filter=seccomp.Filter if self._level != 'rlimits' else None,
    )
    self._max_processes = None
    if self._level == 'rlimits' and self._uid is None:
      # Forks are not refused, and the user's other programs count too.
      self._max_processes = meter.threads_of_user(self._proc) + _MARGIN
    os.environ['TMPDIR'] = os.environ['HOME'] = self._temp
    # Not for candidates. In the child it would copy the page of every name.
    self._modules = [
        sys.modules.pop(name)
        for name in list(sys.modules)
        if name.startswith('swm_jax')
    ]
    # Children then copy no page only because a collector marked objects.
    gc.collect()
    gc.disable()
    gc.freeze()

  def _run(self, task: dict[str, Any], fds: list[int]) -> list[Any] | None:
    """Runs one candidate.

    Returns:
      `[exit code as subprocess has it, CPU seconds, wall seconds, cause]`,
      cause '' or why the zygote killed it; None if the parent is gone.
    """
    os.chdir(self._temp)
    start = time.monotonic()
    zygote = os.getpid()
    pid = os.fork()
    if pid == 0:
      try:
        self._be_child(fds[0], zygote, task)
      finally:
        os._exit(1)
    os.close(fds[0])

    def broken_limit() -> str:
      if self._level == 'rlimits' and meter.children(self._proc, pid):
        return 'processes'  # Elsewhere the kernel refuses to fork.
      return self._broken_limit(
          meter.processor_seconds(pid),
          lambda: meter.waited_seconds(self._proc, pid),
          time.monotonic() - start,
          task,
      )

    status, usage, cause, message = self._watch(
        pid, broken_limit, fatal=signal.SIGKILL
    )
    elapsed = time.monotonic() - start
    if self._level == 'rlimits':
      self._kill_leftovers()  # They hold the channel open.
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

  def _be_child(
      self, channel: int, zygote: int, limits: dict[str, Any]
  ) -> None:
    self._reset_signals()
    os.dup2(channel, confine.CHANNEL_FD)
    self._confinement.apply(
        zygote,
        first_closed_fd=confine.CHANNEL_FD + 1,
        cpu_seconds=limits['cpu_seconds'],
        memory_bytes=limits['memory_bytes'],
        max_processes=self._max_processes,
    )
    runner.converse(confine.CHANNEL_FD, confine.CHANNEL_FD)


def main(control_fd: int, config_text: str) -> None:
  """Runs a zygote on an inherited descriptor until its parent goes away."""
  serving.main(Zygote, control_fd, config_text)
