"""The system calls that Python does not wrap, through ctypes.

Only the x86-64 and aarch64 ports of Linux are known; elsewhere `MACHINE` is ''
and every level above `rlimits` reports that it cannot be had.
"""

import ctypes
import os
import sys

_MACHINES = {'x86_64': 'x86_64', 'aarch64': 'aarch64', 'arm64': 'aarch64'}
MACHINE = (
    _MACHINES.get(os.uname().machine, '') if sys.platform == 'linux' else ''
)
if sys.maxsize < 2**32:
  MACHINE = ''  # A 32-bit process on a 64-bit kernel has another table.

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2

_SYS_CAPSET = {'x86_64': 126, 'aarch64': 91}
_SYS_PIVOT_ROOT = {'x86_64': 155, 'aarch64': 41}

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> int:
  if result < 0:
    number = ctypes.get_errno()
    raise OSError(number, f'{what}: {os.strerror(number)}')
  return result


def syscall(what: str, number: int, *args: object) -> int:
  """Makes a raw system call; raises OSError that names `what`."""
  words = [
      ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args
  ]
  return _check(_libc.syscall(ctypes.c_long(number), *words), what)


def prctl(option: int, value: int = 0, address: int = 0) -> int:
  words = (ctypes.c_ulong(word) for word in (value, address, 0, 0))
  return _check(_libc.prctl(ctypes.c_int(option), *words), f'prctl({option})')


def unshare(flags: int) -> None:
  _check(_libc.unshare(ctypes.c_int(flags)), 'unshare')


def mount(
    source: str, target: str, kind: str, flags: int, data: str = ''
) -> None:
  _check(
      _libc.mount(
          source.encode(),
          target.encode(),
          kind.encode(),
          ctypes.c_ulong(flags),
          data.encode(),
      ),
      f'mount {target}',
  )


def unmount_lazily(target: str) -> None:
  _check(_libc.umount2(target.encode(), ctypes.c_int(2)), f'umount {target}')


def pivot_root(new_root: str, put_old: str) -> None:
  syscall(
      'pivot_root',
      _SYS_PIVOT_ROOT[MACHINE],
      ctypes.c_char_p(new_root.encode()),
      ctypes.c_char_p(put_old.encode()),
  )


class _CapabilityHeader(ctypes.Structure):
  _fields_ = [('version', ctypes.c_uint32), ('pid', ctypes.c_int)]


_CapabilityData = ctypes.c_uint32 * 6


def set_capabilities(effective: int) -> None:
  """Makes `effective` (a bit mask) the only capabilities of this thread."""
  header = _CapabilityHeader(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
  low, high = effective & 0xFFFFFFFF, effective >> 32
  data = _CapabilityData(low, low, 0, high, high, 0)
  syscall(
      'capset',
      _SYS_CAPSET[MACHINE],
      ctypes.byref(header),
      ctypes.byref(data),
  )
