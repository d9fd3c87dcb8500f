"""Landlock: which files a candidate may open, by a rule set of the kernel.

Rules grant rights under a file or folder; everything that the kernel's version
of Landlock can handle and no rule grants is refused, for ever, for the thread
and its descendants. Documented in `landlock(7)`. What it cannot see (`stat`,
`chmod`, `utime`, UDP, SysV IPC) the seccomp filter refuses.
"""

import ctypes
import os

from swm_jax.verifiers.sandbox import kernel

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446

EXECUTE = 1 << 0
_WRITE_FILE = 1 << 1
_READ_FILE = 1 << 2
_READ_DIR = 1 << 3
_REMOVE_DIR = 1 << 4
_REMOVE_FILE = 1 << 5
_MAKE_DIR = 1 << 7
_MAKE_REG = 1 << 8
_TRUNCATE = 1 << 14

LIST = _READ_DIR
READ = _READ_FILE | _READ_DIR
READ_WRITE_FILE = _READ_FILE | _WRITE_FILE
# No links, sockets, pipes or devices: plain files and folders are enough.
READ_WRITE = (
    READ
    | _WRITE_FILE
    | _REMOVE_DIR
    | _REMOVE_FILE
    | _MAKE_DIR
    | _MAKE_REG
    | _TRUNCATE
)
_FILE_RIGHTS = EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE

# Highest file-system right handled by each ABI version, as a bit count.
_FS_BITS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}


class _Ruleset(ctypes.Structure):
  _fields_ = [
      ('handled_access_fs', ctypes.c_uint64),
      ('handled_access_net', ctypes.c_uint64),  # ABI 4
      ('scoped', ctypes.c_uint64),  # ABI 6
  ]


class _PathBeneath(ctypes.Structure):
  _pack_ = 1
  _fields_ = [('allowed', ctypes.c_uint64), ('parent_fd', ctypes.c_int32)]


def abi() -> int:
  """Version of the kernel's Landlock, 0 where there is none."""
  if not kernel.MACHINE:
    return 0
  try:
    return kernel.syscall('landlock', _CREATE_RULESET, 0, 0, 1)
  except OSError:
    return 0


def make_ruleset(rules: list[tuple[str, int]]) -> int:
  """Returns the descriptor of a rule set that grants only `rules`.

  Args:
    rules: pairs of an existing path and the rights under it (`READ`, ...).

  Raises:
    OSError: if the kernel has no Landlock or a path cannot be opened.
  """
  version = abi()
  if not version:
    raise OSError('this kernel has no Landlock')
  handled = (1 << _FS_BITS[min(version, 5)]) - 1
  attributes = _Ruleset(
      handled, 0b11 if version >= 4 else 0, 0b11 if version >= 6 else 0
  )
  size = 24 if version >= 6 else 16 if version >= 4 else 8
  ruleset = kernel.syscall(
      'landlock_create_ruleset',
      _CREATE_RULESET,
      ctypes.byref(attributes),
      size,
      0,
  )
  for path, rights in rules:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
      if not os.path.isdir(path):
        rights &= _FILE_RIGHTS
      rule = _PathBeneath(rights & handled, fd)
      kernel.syscall(
          f'landlock rule for {path}',
          _ADD_RULE,
          ruleset,
          1,
          ctypes.byref(rule),
          0,
      )
    finally:
      os.close(fd)
  return ruleset


def restrict_self(ruleset: int) -> None:
  """Confines this thread for ever; needs no-new-privileges."""
  kernel.syscall('landlock_restrict_self', _RESTRICT_SELF, ruleset, 0)
