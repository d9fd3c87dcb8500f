"""What a forked child gives up before it runs a candidate.

In order: descriptors, resource limits, user id and capabilities, files
(Landlock), system calls (seccomp). Nothing here can be undone by the child.
"""

from collections.abc import Callable
import fcntl
import os
import resource
import signal

from swm_jax.verifiers.sandbox import kernel
from swm_jax.verifiers.sandbox import landlock
from swm_jax.verifiers.sandbox import seccomp

CHANNEL_FD = 3  # The only descriptor of a candidate besides null 0, 1 and 2.
_FIRST_KEPT_FD = 10  # Where the rule set sits, clear of the channel.
_MAX_PROCESSES = 64  # Threads, of a user id that belongs to one slot.
_PASS_FILE_MODES = (kernel.CAP_DAC_READ_SEARCH, kernel.CAP_DAC_OVERRIDE)
_STACK_BYTES = 64 << 20


def readable_paths(installed: list[str]) -> list[tuple[str, int]]:
  """The files that honest programs need: standard library, NumPy, time zones.

  Other installed packages are left out, those inside the library's own folder
  too: some carry the benchmark's answers.

  Args:
    installed: folders and files of the packages that were imported.
  """
  library = os.path.dirname(os.__file__)
  rules = [(library, landlock.LIST)]
  inside = os.path.realpath(library) + '/'
  for name in sorted(os.listdir(library)):
    path = os.path.join(library, name)
    # Links out of it, such as Debian's sitecustomize.py, lead nowhere later.
    if name not in ('site-packages', 'dist-packages') and os.path.realpath(
        path
    ).startswith(inside):
      rules.append((path, landlock.READ))
  extra = ['/usr/share/zoneinfo', '/etc/localtime', '/dev/urandom', *installed]
  rules += [(path, landlock.READ) for path in extra if os.path.exists(path)]
  rules.append(('/dev/null', landlock.READ_WRITE_FILE))
  return rules


class Confinement:
  """Everything that can be prepared once, before the first fork.

  Attributes:
    uid: the throw-away user id that children take, None to keep the own one
      (an unprivileged verifier).
  """

  def __init__(
      self,
      *,
      rules: list[tuple[str, int]],
      temp_folder: str,
      uid: int | None,
      make_filter: Callable[[], seccomp.Filter] | None,
      max_file_bytes: int = 16 << 20,
      max_files: int = 64,
  ):
    """Prepares a confinement.

    Args:
      rules: paths and rights of `landlock`.
      temp_folder: the one writable folder.
      uid: user and group id for children, None to keep the own.
      make_filter: makes the filter of system calls; None leaves out it and
        Landlock (level `rlimits`).
      max_file_bytes: longest file that may be written.
      max_files: limit of open descriptors.
    """
    self.uid = uid
    self._sizes = max_file_bytes, max_files
    self._rules = [*rules, (temp_folder, landlock.READ_WRITE)]
    self._ruleset = self._filter = None
    if make_filter is not None:
      self._ruleset = _move_up(landlock.make_ruleset(self._rules))
      self._filter = make_filter()
    self._capabilities = 0
    paths = [temp_folder, *(path for path, _ in rules)]
    if uid is None or self._can_read(paths):
      return
    # The interpreter lies under a private folder. One capability to pass file
    # modes is kept; Landlock still decides which files. Containers often lack
    # the first of them. Without Landlock only the first will do: it reads what
    # root can, as the level says, and writes nothing.
    for capability in _PASS_FILE_MODES[: None if make_filter else 1]:
      self._capabilities = 1 << capability
      if self._can_read(paths):
        return
    self._capabilities = 0

  @property
  def passes_file_modes(self) -> bool:
    """Whether children keep a capability, to read what their user cannot."""
    return bool(self._capabilities)

  def _can_read(self, paths: list[str]) -> bool:
    """Tries in a child whether the throw-away user can read `paths`."""
    pid = os.fork()
    if pid == 0:
      try:
        self._drop_privileges()
        readable = all(
            os.access(path, os.R_OK, effective_ids=True) for path in paths
        )
        os._exit(0 if readable else 1)
      finally:
        os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

  def _drop_privileges(self) -> None:
    if self.uid is not None:
      kernel.prctl(kernel.PR_SET_KEEPCAPS, 1 if self._capabilities else 0)
      os.setgroups([])
      os.setresgid(self.uid, self.uid, self.uid)
      os.setresuid(self.uid, self.uid, self.uid)
    if kernel.MACHINE:
      kernel.set_capabilities(self._capabilities)

  def apply(
      self,
      parent: int,
      *,
      first_closed_fd: int,
      cpu_seconds: float,
      memory_bytes: int,
      executable: str = '',
      max_processes: int | None = None,
  ) -> None:
    """Confines this process; on return it may run a candidate.

    Args:
      parent: process id of the parent process, whose death is ours.
      first_closed_fd: descriptors from here on are closed.
      cpu_seconds: limit of processor time.
      memory_bytes: limit of the address space.
      executable: a file of the writable folder that may be executed.
      max_processes: limit of the user id's processes and threads; None for 64
        if the user id belongs to one slot, else none.
    """
    if max_processes is None and self.uid is not None:
      max_processes = _MAX_PROCESSES
    _limit(cpu_seconds, memory_bytes, *self._sizes, max_processes)
    self._drop_privileges()
    # After the user id, which clears it.
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() not in (parent, 0):  # 0: it lives outside our namespace.
      os._exit(1)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if self._ruleset is not None:
      ruleset = self._ruleset
      if executable:
        ruleset = landlock.make_ruleset(
            [*self._rules, (executable, landlock.READ | landlock.EXECUTE)]
        )
      landlock.restrict_self(ruleset)
    os.closerange(first_closed_fd, 1 << 20)  # One call, close_range(2).
    if self._filter is not None:
      self._filter.install()


def _move_up(fd: int) -> int:
  moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_KEPT_FD)
  os.close(fd)
  return moved


def _limit(
    cpu_seconds: float,
    memory_bytes: int,
    max_file_bytes: int,
    max_files: int,
    max_processes: int | None,
) -> None:
  # A back-stop: the kernel counts ticks here, which run ahead of the exact
  # figure that the zygote watches.
  cpu = 2 + int(cpu_seconds)
  limits = [
      (resource.RLIMIT_CORE, 0, 0),
      (resource.RLIMIT_CPU, cpu, cpu),
      (resource.RLIMIT_AS, memory_bytes, memory_bytes),
      (resource.RLIMIT_FSIZE, max_file_bytes, max_file_bytes),
      (resource.RLIMIT_NOFILE, max_files, max_files),
      (resource.RLIMIT_STACK, _STACK_BYTES, _STACK_BYTES),
  ]
  if max_processes is not None:
    limits.append((resource.RLIMIT_NPROC, max_processes, max_processes))
  for name, soft, hard in limits:
    ceiling = resource.getrlimit(name)[1]
    if ceiling != resource.RLIM_INFINITY:
      soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(name, (soft, hard))
