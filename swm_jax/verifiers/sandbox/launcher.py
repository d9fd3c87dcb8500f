"""The small trusted process that runs external programs, one task at a time.

A task is a command with its files and three pipes. The launcher forks a
supervisor, which forks the confined command; every descendant comes back to
the supervisor (a subreaper) and stays in the command's process group, so the
supervisor can end all of them with one signal, knows when the last is gone, and
has been charged for the processor time of each, however they were started.
The supervisor lives no longer than the launcher, and the launcher no longer
than its parent.

Files travel in memory files of the parent: one with what to write into the
fresh folder, one for what is collected from it. No byte of them is looked at.
"""

import os
import re
import signal
import socket
import stat
import time
from typing import Any

from swm_jax.verifiers.sandbox import confine
from swm_jax.verifiers.sandbox import landlock
from swm_jax.verifiers.sandbox import meter
from swm_jax.verifiers.sandbox import seccomp
from swm_jax.verifiers.sandbox import serving

_MAX_PROCESSES = 64
_MARGIN = 256
_MAX_OPEN_FILES = 256
_COPY_BYTES = 1 << 20
_SIGNALS = {signal.SIGCHLD, signal.SIGTERM}


class Launcher(serving.Server):
  """Runs the commands of one profile."""

  def __init__(self, control: socket.socket, config: dict[str, Any]):
    super().__init__(control, config)
    self._spawn = config['spawn']
    self._quota = config['max_file_bytes']
    self._environment = config['environment']
    rules = [(path, landlock.READ) for path in config['readable']]
    rules += [
        (path, landlock.READ | landlock.EXECUTE)
        for path in config['executable']
    ]
    rules.append(('/dev/null', landlock.READ_WRITE_FILE))
    for path, _ in rules:
      os.stat(path)  # Names what is missing.
    self._settle(
        [path for path, _ in rules],
        temp_megabytes=self._quota >> 20,
        program=config['program'],
    )
    self._confinement = confine.Confinement(
        rules=rules,
        temp_folder=self._temp,
        uid=self._uid,
        make_filter=self._make_filter if self._level != 'rlimits' else None,
        max_file_bytes=self._quota,
        max_files=_MAX_OPEN_FILES,
    )
    if self._confinement.passes_file_modes:
      # The capability for that does not outlive the execution of a program.
      raise PermissionError(
          'a throw-away user cannot read all of'
          f' {sorted(path for path, _ in rules)}: install the program where'
          ' others can read it'
      )

  def _make_filter(self) -> seccomp.Filter:
    return seccomp.Filter('spawn' if self._spawn else 'program')

  def _run(self, task: dict[str, Any], fds: list[int]) -> list[Any] | None:
    """Runs one command.

    Returns:
      `[exit code as subprocess has it, CPU seconds, wall seconds, cause,
      [[collected name, bytes], ...], what went wrong]`, cause '' or why it was
      ended; None if the parent is gone.
    """
    incoming, outgoing, *pipes = fds
    os.chdir(self._temp)
    try:
      self._write_files(task, incoming)
    except OSError as error:  # The temporary file system is full.
      for fd in fds:
        os.close(fd)
      return [None, 0.0, 0.0, 'files', [], str(error)]
    start = time.monotonic()
    launcher = os.getpid()
    task['max_processes'] = self._max_processes()
    report, report_end = os.pipe()
    # Blocked from birth: no signal to the supervisor may be lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    pid = os.fork()
    if pid == 0:
      try:
        self._supervise(task, pipes, launcher, report_end)
      finally:
        os._exit(1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    for fd in (*pipes, report_end):
      os.close(fd)
    tree = meter.Tree(self._proc, pid)

    def broken_limit() -> str:
      tree.look(_MAX_PROCESSES)
      if tree.processes > _MAX_PROCESSES:
        return 'processes'
      if tree.memory_bytes > task['limits']['memory_bytes']:
        return 'memory'  # A limit of the address space is one a process.
      return self._broken_limit(
          tree.cpu_seconds,
          lambda: tree.waited_seconds,
          time.monotonic() - start,
          task['limits'],
      )

    _, usage, cause, message = self._watch(
        pid, broken_limit, fatal=signal.SIGTERM
    )
    elapsed = time.monotonic() - start
    told = os.read(report, 16)
    os.close(report)
    if message == b'':
      return None
    if not told:
      raise RuntimeError('the supervisor died')
    collected = self._collect(task['collect'], outgoing)
    os.close(outgoing)
    return [
        os.waitstatus_to_exitcode(int(told)),
        usage.ru_utime + usage.ru_stime,
        elapsed,
        cause,
        collected,
        '',
    ]

  def _max_processes(self) -> int | None:
    """The kernel's limit; a tree is ended beyond 64 of its own anyway.

    It is for what can be forked before anybody looks.
    """
    if not self._spawn or self._uid is not None:
      return None
    if self._level == 'namespaces' and _counts_by_namespace():
      return _MAX_PROCESSES
    # The user's other programs count too, and may become more meanwhile.
    return meter.threads_of_user(self._proc) + _MARGIN

  def _write_files(self, task: dict[str, Any], incoming: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    if sum(size for _, size in task['files']) > self._quota:
      raise OSError('the files are larger than the folder may become')
    offset = 0
    for name, size in task['files']:
      mode = 0o700 if './' + name == task['argv'][0] else 0o600
      fd = os.open(name, flags, mode)
      try:
        offset = _copy(incoming, offset, size, fd)
        if self._uid is not None:
          os.fchown(fd, self._uid, self._uid)
      finally:
        os.close(fd)
    os.close(incoming)

  def _collect(self, names: list[str], outgoing: int) -> list[Any]:
    collected = []
    for name in names:
      try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
      except OSError:
        continue  # The command did not make it.
      try:
        found = os.fstat(fd)
        # A hole costs the quota nothing but would cost the parent memory.
        if stat.S_ISREG(found.st_mode) and found.st_size <= self._quota:
          _copy(fd, 0, found.st_size, outgoing)
          collected.append([name, found.st_size])
      finally:
        os.close(fd)
    return collected

  def _supervise(
      self,
      task: dict[str, Any],
      pipes: list[int],
      launcher: int,
      report: int,
  ) -> None:
    """Forks the command, waits for it or SIGTERM, ends its whole tree."""
    self._reset_signals()
    serving.follow(launcher)
    supervisor = os.getpid()
    pid = os.fork()
    if pid == 0:
      try:
        self._be_command(task, pipes, supervisor)
      finally:
        os._exit(1)
    for fd in pipes:
      os.close(fd)
    try:
      os.setpgid(pid, pid)  # Whoever is first: it does the same.
    except PermissionError:
      pass  # It has executed its program.
    while signal.sigwait(_SIGNALS) == signal.SIGCHLD:
      if _reap_others(pid):
        break
    os.killpg(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if self._level == 'rlimits':
      serving.kill_children(self._proc)
    try:
      while True:  # The rest of the group.
        os.wait4(-1, 0)
    except ChildProcessError:
      pass
    os.write(report, str(status).encode())
    os._exit(0)

  def _be_command(
      self, task: dict[str, Any], pipes: list[int], supervisor: int
  ) -> None:
    os.setpgid(0, 0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
      signal.signal(number, signal.SIG_DFL)  # Python ignores them.
    # Their numbers lie above: 0 to 2 and the control socket are taken.
    for target, fd in enumerate(pipes):
      os.dup2(fd, target)
    argv, limits = task['argv'], task['limits']
    environment = {
        'HOME': self._temp,
        'LANG': 'C.UTF-8',
        'PATH': '/usr/bin:/bin',
        'TMPDIR': self._temp,
        **self._environment,
    }
    self._confinement.apply(
        supervisor,
        first_closed_fd=3,
        cpu_seconds=limits['cpu_seconds'],
        memory_bytes=limits['memory_bytes'],
        max_processes=task['max_processes'],
        executable=argv[0] if argv[0].startswith('./') else '',
    )
    try:
      os.execve(argv[0], argv, environment)
    except OSError as error:
      os.write(2, f'cannot execute {argv[0]}: {error.strerror}\n'.encode())
      os._exit(127)


def _counts_by_namespace() -> bool:
  """Whether the kernel counts a user's processes by user namespace."""
  major, minor = re.match(r'(\d+)\.(\d+)', os.uname().release).groups()
  return (int(major), int(minor)) >= (5, 14)


def _reap_others(pid: int) -> bool:
  """Reaps dead children but `pid`; returns whether that one is dead too.

  It is left unreaped, so that the number of its group stays taken.
  """
  while dead := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
    if dead.si_pid == pid:
      return True
    os.waitpid(dead.si_pid, 0)
  return False


def _copy(source: int, offset: int, size: int, target: int) -> int:
  """Appends `size` bytes at `offset` of a file; returns the new offset."""
  end = offset + size
  while offset < end:
    part = os.pread(source, min(end - offset, _COPY_BYTES), offset)
    if not part:
      raise OSError('a file became shorter while it was copied')
    offset += len(part)
    while part:
      part = part[os.write(target, part) :]
  return offset


def main(control_fd: int, config_text: str) -> None:
  """Runs a launcher on an inherited descriptor until its parent goes away."""
  serving.main(Launcher, control_fd, config_text)
