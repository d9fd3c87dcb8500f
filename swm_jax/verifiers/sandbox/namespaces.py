"""A zygote's own mount, network, IPC, host-name and process namespaces.

Entered once per zygote, not per task: with fork refused, a task has nothing
that a namespace of its own would add, and it would cost 2-10 ms.

The new root holds bind mounts of the paths that candidates may read, a small
temporary file system, and nothing else: no `/proc`, no home, no devices but
null and urandom. It also makes an interpreter under a private folder readable
for a throw-away user, because the folders above the mounts are new.
"""

import os
import signal
import stat

from swm_jax.verifiers.sandbox import kernel

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUTS = 0x04000000
_CLONE_NEWIPC = 0x08000000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000

_MS_RDONLY, _MS_NOSUID, _MS_NODEV = 1, 2, 4
_MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 32, 4096, 16384, 1 << 18
_MS_RELATIME = 1 << 21


def enter(
    paths: list[str],
    temp_folder: str,
    *,
    temp_megabytes: int = 32,
    program: str = '',
) -> None:
  """Moves this process into namespaces of its own.

  Args:
    paths: files and folders to keep, read-only.
    temp_folder: where the new root's writable file system goes.
    temp_megabytes: its size.
    program: what the link `/proc/self/exe` says there, the only thing under
      `/proc`, for tools that find their own files by it; '' for none.

  Raises:
    OSError: where the kernel or a container's profile refuses a step.
  """
  uid, gid = os.getuid(), os.getgid()
  flags = (
      _CLONE_NEWNS
      | _CLONE_NEWUTS
      | _CLONE_NEWIPC
      | _CLONE_NEWPID
      | _CLONE_NEWNET
  )
  if os.geteuid() == 0:
    # Set up with the rights that root has; children drop them with the uid.
    kernel.unshare(flags)
  else:
    # A process that changed its uid is not dumpable and may not write the map.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
    kernel.unshare(flags | _CLONE_NEWUSER)
    for name, text in (
        ('setgroups', 'deny'),
        ('uid_map', f'{uid} {uid} 1'),
        ('gid_map', f'{gid} {gid} 1'),
    ):
      with open(f'/proc/self/{name}', 'w', encoding='ascii') as stream:
        stream.write(text)
  _replace_root(paths, temp_folder, temp_megabytes, program)
  _start_init()


def _replace_root(
    paths: list[str], temp_folder: str, temp_megabytes: int, program: str
) -> None:
  kernel.mount('none', '/', '', _MS_REC | _MS_PRIVATE)
  # Opened first: the interpreter may lie under the folder covered next.
  sources = [(path, os.open(path, os.O_PATH)) for path in _outermost(paths)]
  root = '/tmp'  # Any folder will do; after the pivot it is `/`.
  kernel.mount(
      'tmpfs', root, 'tmpfs', _MS_NOSUID | _MS_NODEV, 'size=1m,mode=755'
  )
  os.chdir(root)
  for path, fd in sources:
    _bind(fd, root + path)
    os.close(fd)
  if program:
    os.makedirs(f'{root}/proc/self')
    os.symlink(program, f'{root}/proc/self/exe')
  os.makedirs(root + temp_folder, exist_ok=True)
  kernel.mount(
      'tmpfs',
      root + temp_folder,
      'tmpfs',
      _MS_NOSUID | _MS_NODEV,
      f'size={temp_megabytes}m,nr_inodes=2048,mode=0700',
  )
  kernel.pivot_root('.', '.')
  kernel.unmount_lazily('.')
  os.chdir('/')
  kernel.mount(
      'none',
      '/',
      '',
      _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV,
  )


def _outermost(paths: list[str]) -> list[str]:
  """Drops paths that lie under another one of the list."""
  kept = []
  for path in sorted(paths, key=lambda path: path.split('/')):
    if not kept or not path.startswith(kept[-1] + '/'):
      kept.append(path)
  return kept


def _bind(source: int, target: str) -> None:
  """Shows an open path, read-only, at `target`, which is created."""
  name = f'/proc/self/fd/{source}'
  mode = os.stat(name).st_mode
  if stat.S_ISDIR(mode):
    os.makedirs(target, exist_ok=True)
  else:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o444))
  kernel.mount(name, target, '', _MS_BIND | _MS_REC)
  flags = _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID
  if not stat.S_ISCHR(mode):
    flags |= _MS_NODEV
  # A user namespace may add restrictions to a mount but never lift one.
  inherited = os.statvfs(target).f_flag
  flags |= inherited & (os.ST_NODEV | os.ST_NOEXEC)
  flags |= inherited & (os.ST_NOATIME | os.ST_NODIRATIME)
  if inherited & os.ST_RELATIME:
    flags |= _MS_RELATIME
  kernel.mount('none', target, '', flags)


def _start_init() -> None:
  """Forks process 1 of the new namespace, whose death ends all others."""
  if os.fork():
    return
  try:
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    os.closerange(0, 1 << 20)
    while True:
      signal.pause()
  finally:
    os._exit(0)
