"""The C++ compiler: where it is, what it reads, what is compiled beforehand.

Two things are compiled once, outside the sandbox, because all of their text is
ours: the judge's half of function cases, and a precompiled header for each set
of standard headers that problems begin with. Parsing three headers costs a
hundred milliseconds, loading them precompiled a tenth of it.
"""

import atexit
from collections.abc import Sequence
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading

from swm_jax.verifiers import base
from swm_jax.verifiers import cpp_harness
from swm_jax.verifiers.sandbox import toolbox

# Uninitialised variables hold a pattern and containers check their indices, so
# that a program that is right by luck is wrong every time.
FLAGS = (
    '-std=gnu++17', '-O1', '-fwrapv', '-ftrivial-auto-var-init=pattern',
    '-D_GLIBCXX_ASSERTIONS', '-w', '-fmax-errors=1',
    '-fdiagnostics-plain-output', '-fno-ident', '-fno-use-linker-plugin',
    '-pipe',
)  # fmt: skip
# The driver's own list of folders names many that the sandbox does not show,
# and gold takes that for an error.
_SPECS = '*link_libgcc:\n-nostdlib {}\n\n'
SOURCE = 'candidate.cpp'
PROGRAM = 'program'
_JUDGE_FLAGS = ('-fno-tree-loop-distribute-patterns', '-fno-stack-protector')
_MAX_PRECOMPILED = 8  # Each takes 20 to 100 MB of the temporary folder.
_BUILD_SECONDS = 300.0


class Toolchain:
  """The host's g++.

  Attributes:
    version: as `g++ -dumpfullversion` prints it.
  """

  def __init__(self):
    """Finds g++ and compiles the judge's half.

    Raises:
      base.ToolMissing: if there is no g++, or it cannot compile.
    """
    found = shutil.which('g++')
    if found is None:
      raise base.ToolMissing(
          'verifying C++ needs g++: install the Debian package g++'
      )
    self._compiler = os.path.realpath(found)
    self.version = self._ask('-dumpfullversion')
    self._linker = ('-fuse-ld=gold',) if shutil.which('ld.gold') else ()
    self._lock = threading.Lock()
    self._precompiled: dict[str, bool] = {}
    self._folder = tempfile.mkdtemp(prefix='swm_jax_cpp_')
    atexit.register(self._remove, os.getpid())
    os.chmod(self._folder, 0o755)  # The compiler runs as another user.
    files = [
        self._ask(f'-print-file-name={name}')
        for name in ('libstdc++.a', 'libgcc.a', 'libc.a', 'crt1.o')
    ]
    self._libraries = sorted({
        os.path.dirname(os.path.realpath(path))
        for path in files
        if os.path.isabs(path)  # Otherwise it is not installed.
    })
    self._specs = self._write('specs', _SPECS.format(
        ' '.join(f'-L{folder}' for folder in self._libraries)
    ))
    self._judge = os.path.join(self._folder, 'judge.o')
    self._build(
        'judge.cpp', cpp_harness.MAIN, *_JUDGE_FLAGS, '-c', '-o', self._judge
    )

  def _remove(self, pid: int) -> None:
    if pid == os.getpid():  # A fork of the owner owns nothing.
      shutil.rmtree(self._folder, ignore_errors=True)

  def _ask(self, *question: str) -> str:
    return self._run(question).stdout.strip()

  def _run(self, arguments: Sequence[str]) -> subprocess.CompletedProcess:
    return subprocess.run(
        [self._compiler, *arguments],
        env={
            'PATH': '/usr/bin:/bin',
            'LC_ALL': 'C',
            'TMPDIR': tempfile.gettempdir(),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_BUILD_SECONDS,
        umask=0o022,
        check=False,
    )

  def _write(self, name: str, text: str) -> str:
    path = os.path.join(self._folder, name)
    with open(path, 'w', encoding='ascii') as stream:
      stream.write(text)
    os.chmod(path, 0o644)
    return path

  def _build(self, name: str, text: str, *arguments: str) -> None:
    """Compiles a text of our own."""
    path = self._write(name, text)
    done = self._run([*FLAGS, *arguments, path])
    if done.returncode:
      raise base.ToolMissing(
          f'{self._compiler} cannot compile standard C++ ({done.stderr[:200]});'
          ' install the Debian package g++'
      )

  def profile(self) -> toolbox.Profile:
    """What the sandbox must show to compile and link."""
    programs = [self._compiler]
    for name in ('cc1plus', 'collect2', 'as', 'ld', 'ld.gold'):
      path = shutil.which(self._ask(f'-print-prog-name={name}'))
      if path is not None:
        programs.append(path)
    said = self._run(['-v', '-x', 'c++', '-E', '/dev/null']).stderr
    headers = re.findall(r'^ (/\S+)$', said, re.MULTILINE)
    readable = {self._folder, *self._libraries, *headers}
    return toolbox.Profile(
        readable=tuple(sorted(filter(os.path.isdir, readable))),
        executable=tuple(dict.fromkeys(programs)),
        spawn=True,
        environment={'LC_ALL': 'C'},
    )

  def command(
      self, headers: Sequence[str], *, function: bool
  ) -> tuple[str, ...]:
    """The command that makes `PROGRAM` of `SOURCE`.

    Args:
      headers: standard headers that the problem begins with; they count as
        included, and are precompiled when they are first asked for.
      function: whether the judge's half is added; otherwise the candidate has
        its own `main`.

    Raises:
      base.ToolMissing: if the headers cannot be compiled.
    """
    lines = [f'#include <{header}>' for header in headers]
    if function:
      lines.append(cpp_harness.DECLARATIONS)
    options = []
    if lines:
      options = ['-include', self._precompile('\n'.join(lines) + '\n')]
    return (
        self._compiler, *FLAGS, *options, SOURCE,
        *((self._judge,) if function else ()),
        *(f'-specs={self._specs}', '-static', '-s', *self._linker),
        *('-o', PROGRAM),
    )

  def _precompile(self, text: str) -> str:
    name = hashlib.sha256(text.encode()).hexdigest()[:16] + '.h'
    path = os.path.join(self._folder, name)
    with self._lock:
      if path not in self._precompiled:
        here = len(self._precompiled) < _MAX_PRECOMPILED
        arguments = ['-fsyntax-only']
        if here:
          arguments = ['-o', f'{path}.gch']
        self._build(name, text, *arguments, '-x', 'c++-header')
        self._precompiled[path] = here
    return path


@functools.cache
def toolchain() -> Toolchain:
  """Returns the host's compiler, found once a process; see `Toolchain`."""
  return Toolchain()
