"""What a process, or a tree of processes, has used so far."""

import os
import time

_TICK = 1 / os.sysconf('SC_CLK_TCK')
_PAGE = os.sysconf('SC_PAGE_SIZE')


def processor_seconds(pid: int) -> float:
  """Processor time of a process, its dead children left out.

  The clock of another process's processor time, as clock_getcpuclockid(3)
  makes it: exact, where RLIMIT_CPU counts ticks.
  """
  return time.clock_gettime((~pid << 3) | 2)


def _read(proc: int, path: str) -> list[str]:
  """Words of a file under `/proc`; none if the process is gone."""
  try:
    fd = os.open(path, os.O_RDONLY, dir_fd=proc)
  except OSError:
    return []
  try:
    return os.read(fd, 1 << 16).decode('ascii', 'replace').split()
  except OSError:
    return []
  finally:
    os.close(fd)


def waited_seconds(proc: int, pid: int) -> float:
  """Seconds that a process was ready to run and had no processor.

  Args:
    proc: descriptor of `/proc`.
    pid: number of the process.

  Returns:
    0.0 on a kernel without these accounts.
  """
  words = _read(proc, f'{pid}/schedstat')
  return int(words[1]) * 1e-9 if len(words) > 1 else 0.0


def children(proc: int, pid: int) -> list[int]:
  """Numbers of the processes that a process has started and not reaped.

  Args:
    proc: descriptor of `/proc`.
    pid: number of the process.

  Returns:
    None of them on a kernel without these lists.
  """
  try:
    tasks = os.open(f'{pid}/task', os.O_RDONLY | os.O_DIRECTORY, dir_fd=proc)
  except OSError:
    return []
  try:
    found = []
    for task in os.listdir(tasks):
      found += map(int, _read(tasks, f'{task}/children'))
    return found
  except OSError:
    return []
  finally:
    os.close(tasks)


def threads_of_user(proc: int) -> int:
  """Threads of this process's real user id, what RLIMIT_NPROC counts."""
  uid, count = os.getuid(), 0
  folder = os.open('.', os.O_RDONLY | os.O_DIRECTORY, dir_fd=proc)
  try:
    for name in os.listdir(folder):
      if name.isdecimal():
        try:
          found = os.stat(f'{name}/task', dir_fd=folder)
        except OSError:
          continue
        if found.st_uid == uid:
          count += found.st_nlink - 2  # One sub-folder a thread.
  finally:
    os.close(folder)
  return count


class Tree:
  """The accounts of all descendants of one process.

  Attributes:
    cpu_seconds: processor time of the living and, through those who waited for
      them, of the dead.
    waited_seconds: time in which some process had no processor, about.
    memory_bytes: pages that belong to single processes, now.
    processes: how many there are, now.
  """

  def __init__(self, proc: int, root: int):
    """Starts accounts of the descendants of `root`, without itself."""
    self._proc = proc
    self._root = root
    self._waits: dict[int, float] = {}
    self._looked = time.monotonic()
    self.cpu_seconds = self.waited_seconds = 0.0
    self.memory_bytes = self.processes = 0

  def look(self, max_processes: int) -> None:
    """Brings the accounts up to date; leaves off at more than so many.

    A bomb of forks grows faster than all of it could be walked.
    """
    memory, count, longest, waits = 0, 0, 0.0, {}
    cpu = sum(self._times(self._root)[2:])  # Orphans that it reaped.
    pending = children(self._proc, self._root)
    while pending:
      pid = pending.pop()
      pending += children(self._proc, pid)
      count += 1
      if count > max_processes:
        self.processes = count
        return
      cpu += sum(self._times(pid))
      pages = _read(self._proc, f'{pid}/statm')
      if len(pages) > 2:
        memory += (int(pages[1]) - int(pages[2])) * _PAGE
      waits[pid] = waited_seconds(self._proc, pid)
      longest = max(longest, waits[pid] - self._waits.get(pid, 0.0))
    now = time.monotonic()
    # The longest wait since the last look: those of processes side by side
    # are no time on top of each other.
    self.waited_seconds += min(longest, now - self._looked)
    self._waits, self._looked = waits, now
    self.memory_bytes, self.processes = memory, count
    self.cpu_seconds = max(self.cpu_seconds, cpu)

  def _times(self, pid: int) -> list[float]:
    """Seconds of user and system time, then those of reaped children."""
    # After the name, which is in parentheses and may hold blanks.
    text = ' '.join(_read(self._proc, f'{pid}/stat')).rpartition(') ')[2]
    return [int(word) * _TICK for word in text.split()[11:15]]
