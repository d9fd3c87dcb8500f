"""The trusted end of a server process: its start, its death, its folder."""

import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
from typing import Any

# Packages are registered by hand, so that no `__init__` runs and nothing but
# this folder is importable. What modules would do after every fork, to locks of
# other threads and to seeds, is left out: there is one thread, children are to
# start equal, and it would copy a hundred pages.
_BOOTSTRAP = """
import os, sys, types
os.register_at_fork = lambda **_: None
for name, folder in (
    ('swm_jax', ''), ('swm_jax.verifiers', ''),
    ('swm_jax.verifiers.sandbox', {folder!r})):
  module = types.ModuleType(name)
  module.__path__ = [folder]
  sys.modules[name] = module
from swm_jax.verifiers.sandbox import {module}
{module}.main(int(sys.argv[1]), sys.argv[2])
"""
_START_SECONDS = 120.0
_TIDYING_SECONDS = 10.0
_FIRST_UID = 61184  # Range of systemd's dynamic users: owned by nobody.
_UIDS = 4096
_started = itertools.count()


class Process:
  """One server of `serving`, started at a level for one slot.

  Attributes:
    control: socket to the server.
  """

  def __init__(
      self, module: str, level: str, config: dict[str, Any]
  ):
    """Starts the server and waits until it is ready.

    Args:
      module: name of the module of this package that it runs.
      level: one of `levels.LEVELS`.
      config: further settings for the server.

    Raises:
      OSError: if it cannot start at this level.
    """
    self._temp = ''  # Inside namespaces the server mounts its own.
    if level != 'namespaces':
      self._temp = tempfile.mkdtemp(prefix='swm_jax_slot_')
    self.control, theirs = socket.socketpair(
        socket.AF_UNIX, socket.SOCK_SEQPACKET
    )
    config = {
        'level': level,
        'temp_folder': self._temp,
        # One of its own, and most likely none of another process's.
        'uid': _FIRST_UID + (os.getpid() * 61 + next(_started)) % _UIDS,
        **config,
    }
    folder = os.path.dirname(os.path.abspath(__file__))
    bootstrap = _BOOTSTRAP.format(folder=folder, module=module)
    try:
      with theirs:
        self._process = subprocess.Popen(
            [
                # Isolated but for the environment, which holds only these;
                # `-I` would ignore the hash seed.
                *(sys.executable, '-s', '-S', '-P', '-B'),
                *('-X', 'utf8', '-c', bootstrap),
                *(str(theirs.fileno()), json.dumps(config)),
            ],
            env=_environment(),
            cwd='/',
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # A terminal's Ctrl-C is the parent's.
        )
      self.control.settimeout(_START_SECONDS)
      answer = self.control.recv(1 << 16)
    except OSError:
      self.close()
      raise
    kind, what = json.loads(answer) if answer else ('failed', 'it died')
    if kind != 'ready':
      self.close()
      raise OSError(f'the sandbox at level {level} cannot start: {what}')

  @property
  def pid(self) -> int:
    return self._process.pid

  def kill(self) -> None:
    """Ends the server and its task; its user gets no more answers."""
    self._process.terminate()

  def close(self) -> None:
    """Ends the server and with it every child; removes its folder."""
    self.control.close()
    process = getattr(self, '_process', None)
    if process is not None:
      try:
        process.wait(_TIDYING_SECONDS)  # It sees the end of the socket.
      except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    try:
      if self._temp:
        os.rmdir(self._temp)
    except FileNotFoundError:
      pass  # The server was faster.
    except OSError:
      # Killed in the middle of a task. A hostile tree can be deeper than
      # Python's recursion.
      subprocess.run(['rm', '-rf', '--', self._temp], check=False)


def _environment() -> dict[str, str]:
  environment = {
      'LANG': 'C.UTF-8',
      'OMP_NUM_THREADS': '1',
      'OPENBLAS_NUM_THREADS': '1',
      'PYTHONHASHSEED': '0',
  }
  if 'LD_LIBRARY_PATH' in os.environ:  # Some interpreters cannot start without.
    environment['LD_LIBRARY_PATH'] = os.environ['LD_LIBRARY_PATH']
  return environment
