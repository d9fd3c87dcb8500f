"""Seccomp: which system calls a candidate may make.

An allow list. What is not on it answers EPERM, so that an honest program sees
an ordinary exception and a hostile one goes on harmlessly. Processes, sockets,
tracing, mounts, IPC objects, key rings, io_uring, BPF and every setting that
outlives the process are absent from the list.

The list is laid out as a binary search over the call number: the kernel runs
the filter once for every number when it is installed, so a linear list of 150
comparisons costs about a millisecond a task and this one a tenth of that.
"""

import ctypes
import os

from swm_jax.verifiers.sandbox import kernel

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_EPERM, _ENOSYS = 1, 38

# Opcodes of classic BPF.
_LOAD, _AND, _JUMP, _RETURN = 0x20, 0x54, 0x05, 0x06
_JEQ, _JGE = 0x15, 0x35

_ARCH = {'x86_64': 0xC000003E, 'aarch64': 0xC00000B7}
_COLUMN = {'x86_64': 0, 'aarch64': 1}

# name: (x86-64, aarch64); None where the port does not have the call.
_NUMBERS = {
    # Files that are open, and opening files (Landlock says which).
    'read': (0, 63), 'write': (1, 64), 'open': (2, None), 'close': (3, 57),
    'stat': (4, None), 'fstat': (5, 80), 'lstat': (6, None),
    'newfstatat': (262, 79), 'statx': (332, 291), 'lseek': (8, 62),
    'pread64': (17, 67), 'pwrite64': (18, 68), 'readv': (19, 65),
    'writev': (20, 66), 'access': (21, None), 'faccessat': (269, 48),
    'faccessat2': (439, 439), 'dup': (32, 23), 'dup2': (33, None),
    'dup3': (292, 24), 'fcntl': (72, 25), 'ioctl': (16, 29),
    'flock': (73, 32), 'fsync': (74, 82), 'fdatasync': (75, 83),
    'ftruncate': (77, 46), 'getdents64': (217, 61), 'getcwd': (79, 17),
    'chdir': (80, 49), 'fchdir': (81, 50), 'openat': (257, 56),
    'readlink': (89, None), 'readlinkat': (267, 78), 'mkdir': (83, None),
    'mkdirat': (258, 34), 'rmdir': (84, None), 'unlink': (87, None),
    'unlinkat': (263, 35), 'rename': (82, None), 'renameat': (264, 38),
    'renameat2': (316, 276), 'umask': (95, 166), 'close_range': (436, 436),
    'pipe': (22, None), 'pipe2': (293, 59),
    # Memory.
    'mmap': (9, 222), 'mprotect': (10, 226), 'munmap': (11, 215),
    'brk': (12, 214), 'mremap': (25, 216), 'madvise': (28, 233),
    # Signals to oneself, waiting, timers.
    'rt_sigaction': (13, 134), 'rt_sigprocmask': (14, 135),
    'rt_sigreturn': (15, 139), 'rt_sigpending': (127, 136),
    'rt_sigtimedwait': (128, 137), 'rt_sigsuspend': (130, 133),
    'sigaltstack': (131, 132), 'kill': (62, 129), 'tgkill': (234, 131),
    'poll': (7, None), 'ppoll': (271, 73), 'select': (23, None),
    'pselect6': (270, 72), 'epoll_create': (213, None),
    'epoll_create1': (291, 20), 'epoll_ctl': (233, 21),
    'epoll_wait': (232, None), 'epoll_pwait': (281, 22),
    'epoll_pwait2': (441, 441), 'eventfd': (284, None), 'eventfd2': (290, 19),
    'nanosleep': (35, 101), 'clock_nanosleep': (230, 115),
    'getitimer': (36, 102), 'setitimer': (38, 103), 'alarm': (37, None),
    'pause': (34, None),
    'restart_syscall': (219, 128), 'wait4': (61, 260), 'waitid': (247, 95),
    # Event loops wake themselves through a connected pair.
    'socketpair': (53, 199), 'sendto': (44, 206), 'recvfrom': (45, 207),
    'shutdown': (48, 210), 'getsockopt': (55, 209), 'getsockname': (51, 204),
    # Threads.
    'clone': (56, 220), 'clone3': (435, 435), 'futex': (202, 98),
    'futex_waitv': (449, 449), 'set_robust_list': (273, 99),
    'get_robust_list': (274, 100), 'rseq': (334, 293),
    'set_tid_address': (218, 96), 'arch_prctl': (158, None),
    'membarrier': (324, 283), 'sched_yield': (24, 124), 'exit': (60, 93),
    'exit_group': (231, 94),
    # Asking about oneself and the time.
    'getpid': (39, 172), 'getppid': (110, 173), 'gettid': (186, 178),
    'getpgid': (121, 155), 'getpgrp': (111, None), 'getsid': (124, 156),
    'uname': (63, 160), 'gettimeofday': (96, 169), 'time': (201, None),
    'times': (100, 153), 'getrusage': (98, 165), 'clock_gettime': (228, 113),
    'clock_getres': (229, 114), 'sched_getaffinity': (204, 123),
    'sched_getparam': (143, 121), 'sched_getscheduler': (145, 120),
    'sched_get_priority_max': (146, 125),
    'sched_get_priority_min': (147, 126), 'getuid': (102, 174),
    'geteuid': (107, 175), 'getgid': (104, 176), 'getegid': (108, 177),
    'getresuid': (118, 148), 'getresgid': (120, 150), 'getgroups': (115, 158),
    'getrandom': (318, 278), 'getcpu': (309, 168), 'getpriority': (140, 141),
    'getrlimit': (97, 163), 'prlimit64': (302, 261),
}  # fmt: skip

# Added for external programs; Landlock says which files may be executed.
_PROGRAM_NUMBERS = {
    'execve': (59, 221), 'sysinfo': (99, 179), 'statfs': (137, 43),
    'fstatfs': (138, 44), 'fadvise64': (221, 223), 'fallocate': (285, 47),
}  # fmt: skip
# Added for programs that start others. Not `setsid` and `setpgid`: a tree stays
# in the process group by which it is killed.
_SPAWN_NUMBERS = {'fork': (57, None), 'vfork': (58, None)}

_CLONE_THREAD = 0x00010000
# CLONE_VM, VFORK, PARENT_SETTID, CHILD_CLEARTID, CHILD_SETTID: what fork and
# posix_spawn use. Not CLONE_PARENT: a child of the supervisor would be no
# longer of the tree.
_CLONE_HARMLESS = 0x00000100 | 0x00004000 | 0x00100000 | 0x00200000 | 0x01000000
_SIGCHLD = 17
_CLONE_NEW_ANY = 0x7E020080  # Every CLONE_NEW*: none belongs to a thread.
_MAP_SHARED, _MAP_ANONYMOUS = 0x01, 0x20
_O_ACCMODE, _O_TRUNC = 0o3, 0o1000
_AF_UNIX = 1
_MSG_OOB = 1
# F_DUPFD, F_[GS]ETFD, F_[GS]ETFL, F_[GS]ETLK(W), F_DUPFD_CLOEXEC. Not F_SETOWN
# and F_SETSIG: they make the kernel send any signal to any process of the uid.
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 1030)
# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX.
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)

_Code = list[tuple[int, int, int, int]]


def _ret(value: int) -> _Code:
  return [(_RETURN, 0, 0, value)]


_PERMIT = _ret(_ALLOW)
_REFUSE = _ret(_ERRNO | _EPERM)
_UNKNOWN = _ret(_ERRNO | _ENOSYS)


def _load(argument: int, *, high: bool = False) -> tuple[int, int, int, int]:
  """Loads half of an argument; both ports are little-endian."""
  return (_LOAD, 0, 0, 16 + 8 * argument + (4 if high else 0))


def _one_of(argument: int, values: tuple[int, ...]) -> _Code:
  """Permits if the argument's low half is one of `values`."""
  code = [_load(argument)]
  for value in values:
    code += [(_JEQ, 0, 1, value & 0xFFFFFFFF), *_PERMIT]
  return code + _REFUSE


def _masked(argument: int, mask: int, value: int, *, equal: bool) -> _Code:
  """Permits if `(argument & mask == value)` is `equal`."""
  test = (_JEQ, 0, 1, value) if equal else (_JEQ, 1, 0, value)
  return [_load(argument), (_AND, 0, 0, mask), test, *_PERMIT, *_REFUSE]


def _null(*arguments: int) -> _Code:
  """Permits if all the (pointer) arguments are 0."""
  code = []
  for argument in arguments:
    for high in (False, True):
      code += [_load(argument, high=high), (_JEQ, 1, 0, 0), *_REFUSE]
  return code + _PERMIT


def _signal_to(pid: int, *, argument: int) -> _Code:
  """Permits a signal (in `argument`) to the process `pid`.

  Not SIGKILL and SIGSTOP: so a process that dies of SIGKILL was killed by the
  host, which is an error of the verifier and no verdict on the candidate.
  """
  code = [_load(0), (_JEQ, 1, 0, pid), *_REFUSE, _load(argument)]
  for fatal in (9, 19):
    code += [(_JEQ, 0, 1, fatal), *_REFUSE]
  return code + _PERMIT


def _spawn_conditions() -> dict[str, _Code]:
  threads_only = _masked(
      0, _CLONE_THREAD | _CLONE_NEW_ANY, _CLONE_THREAD, equal=True
  )
  rest = ~_CLONE_HARMLESS & 0xFFFFFFFF
  return {
      'clone': [
          _load(0),
          (_AND, 0, 0, rest),
          (_JEQ, 0, 1, _SIGCHLD),
          *_PERMIT,
          *threads_only,
      ],
      # Who ignores its children's end is not charged for their time.
      'rt_sigaction': [
          _load(0),
          (_JEQ, 1, 0, _SIGCHLD),
          *_PERMIT,
          *_null(1),
      ],
  }


def _conditions(pid: int) -> dict[str, _Code]:
  truncate_by_reading = _O_ACCMODE | _O_TRUNC
  return {
      # glibc falls back from clone3 to clone, whose flags a filter can read.
      'clone3': _UNKNOWN,
      'clone': _masked(
          0, _CLONE_THREAD | _CLONE_NEW_ANY, _CLONE_THREAD, equal=True
      ),
      # Writes through a shared file mapping escape every quota.
      'mmap': _masked(
          3, _MAP_SHARED | _MAP_ANONYMOUS, _MAP_SHARED, equal=False
      ),
      # O_RDONLY | O_TRUNC empties a readable file before Landlock 3.
      'open': _masked(1, truncate_by_reading, _O_TRUNC, equal=False),
      'openat': _masked(2, truncate_by_reading, _O_TRUNC, equal=False),
      'fcntl': _one_of(1, _FCNTL),
      'ioctl': _one_of(1, _IOCTL),
      'socketpair': _one_of(0, (_AF_UNIX,)),
      # No address: only to the other end of the pair. No urgent bytes: rarely
      # used code of the kernel, with a history of flaws.
      'sendto': [
          _load(3), (_AND, 0, 0, _MSG_OOB), (_JEQ, 1, 0, 0), *_REFUSE, *_null(4)
      ],
      'recvfrom': _masked(3, _MSG_OOB, 0, equal=True),
      'prlimit64': _null(0, 2),  # Only reading one's own limits.
      'kill': _signal_to(pid, argument=1),
      'tgkill': _signal_to(pid, argument=2),
  }


def _tree(segments: list[tuple[int, _Code]]) -> _Code:
  """Binary search; each segment starts at a call number and ends in returns."""
  if len(segments) == 1:
    return segments[0][1]
  middle = len(segments) // 2
  left, right = _tree(segments[:middle]), _tree(segments[middle:])
  start = segments[middle][0]
  if len(left) <= 255:
    return [(_JGE, len(left), 0, start), *left, *right]
  # Conditional jumps reach 255 instructions; the plain one reaches all.
  return [(_JGE, 0, 1, start), (_JUMP, 0, 0, len(left)), *left, *right]


KINDS = ('fork', 'program', 'spawn')


def program(
    pid: int, machine: str = kernel.MACHINE, kind: str = 'fork'
) -> _Code:
  """Returns the filter's instructions `(code, jt, jf, k)` for one process.

  Args:
    pid: number of the process as itself sees it; signals to others fail.
    machine: 'x86_64' or 'aarch64'.
    kind: 'fork' for a child that stays what it is, 'program' for one that
      executes a program, 'spawn' for one that may start more of them.
  """
  conditions = _conditions(pid)
  listed = dict(_NUMBERS)
  if kind != 'fork':
    listed |= _PROGRAM_NUMBERS
  if kind == 'spawn':
    listed |= _SPAWN_NUMBERS
    conditions |= _spawn_conditions()
  actions = {}
  for name, numbers in listed.items():
    number = numbers[_COLUMN[machine]]
    if number is not None:
      actions[number] = conditions.get(name, _PERMIT)
  segments = [(0, _REFUSE)]
  for number in sorted(actions):
    if segments[-1][0] == number:
      segments.pop()
    # Neighbours with the same answer share a segment.
    if not segments or segments[-1][1] is not actions[number]:
      segments.append((number, actions[number]))
    if number + 1 not in actions:
      segments.append((number + 1, _REFUSE))
  # x32 numbers (bit 30) lie above the last segment and are refused with it.
  return [
      (_LOAD, 0, 0, 4),
      (_JEQ, 1, 0, _ARCH[machine]),
      *_REFUSE,
      (_LOAD, 0, 0, 0),
      *_tree(segments),
  ]


class _Instruction(ctypes.Structure):
  _fields_ = [
      ('code', ctypes.c_uint16),
      ('jt', ctypes.c_uint8),
      ('jf', ctypes.c_uint8),
      ('k', ctypes.c_uint32),
  ]


class _Program(ctypes.Structure):
  _fields_ = [
      ('length', ctypes.c_ushort),
      ('instructions', ctypes.POINTER(_Instruction)),
  ]


_PID_MARK = 0x5EEDF00D  # Stands for the pid in the compiled program.


class Filter:
  """The filter compiled once, so that a task only fills in its own pid."""

  def __init__(self, kind: str = 'fork'):
    code = program(_PID_MARK, kind=kind)
    self._array = (_Instruction * len(code))(*code)
    self._program = _Program(len(code), self._array)
    self._marks = [i for i, item in enumerate(code) if item[3] == _PID_MARK]

  def install(self) -> None:
    """Confines this thread for ever; needs no-new-privileges."""
    for index in self._marks:
      self._array[index].k = os.getpid()
    kernel.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(self._program))
