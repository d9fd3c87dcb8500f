"""What a zygote imports once, before it forks, and where that lies."""

import ctypes
import importlib
import importlib.util
import os
import posix
import sys

# What a program is likely to import, and the modules (some of them with `_`)
# behind which there is a library in a folder that children cannot read. Every
# fork copies the page tables of all of it, so what is rarer or large (logging,
# csv, asyncio, numpy.ma) is left to the children, who load it in 1 to 12 ms.
_STANDARD = """
_sqlite3 _ssl _uuid abc array ast base64 bisect bz2 cmath collections
collections.abc contextlib contextvars copy copyreg ctypes dataclasses datetime
decimal dis enum fractions functools gc hashlib heapq hmac inspect io itertools
json keyword linecache locale lzma math numbers operator pathlib pickle pprint
queue random re secrets shutil statistics string stringprep struct tempfile
textwrap threading time tokenize traceback types typing unicodedata warnings
weakref zlib
""".split()
# System libraries that NumPy's extensions load.
_LIBRARIES = (
    'libstdc++.so.6', 'libgcc_s.so.1', 'libm.so.6', 'libpthread.so.0',
    'libdl.so.2', 'librt.so.1', 'libz.so.1',
)
# Parts that their package does not import by itself.
_PARTS = {
    'numpy': ('linalg', 'random', 'fft'),
    'pyosys': ('libyosys',),
}


class _Finder:
  """Finds packages in folders that children may read but not list."""

  def __init__(self, packages: dict[str, str]):
    self._folders = {
        name: os.path.join(parent, name) for name, parent in packages.items()
    }

  def find_spec(self, name, path=None, target=None):
    del path, target
    if name not in self._folders:
      return None
    folder = self._folders[name]
    return importlib.util.spec_from_file_location(
        name,
        os.path.join(folder, '__init__.py'),
        submodule_search_locations=[folder],
    )


def preload(packages: dict[str, str], later: dict[str, str]) -> list[str]:
  """Imports what children use; returns the installed files behind it.

  Args:
    packages: {import name: folder that holds its top-level module} of what is
      imported now.
    later: the same of packages that children may import themselves.

  Returns:
    Folders and single modules outside the standard library, with the folders
    of shared libraries that wheels put beside them.

  Raises:
    ImportError: if one of `packages` cannot be imported.
    RuntimeError: if one starts threads, which a fork would lose.
  """
  for name in _STANDARD:
    try:
      importlib.import_module(name)
    except ImportError:
      pass  # Optional parts of a Python build.
  kept = list(sys.path)
  roots = list(dict.fromkeys(packages.values()))
  sys.path += roots
  for name in packages:
    importlib.import_module(name)
    for part in _PARTS.get(name, ()):
      importlib.import_module(f'{name}.{part}')
    # Pools of threads stay behind in the parent of a fork, with their locks.
    if len(os.listdir('/proc/self/task')) > 1:
      raise RuntimeError(f'{name} starts threads when it is imported')
  sys.path[:] = kept  # Some packages extend it.
  os.register_at_fork = posix.register_at_fork  # As candidates know it.
  if 'numpy' in packages:
    sys.modules['numpy'].random.seed(0)  # The same stream in every child.
  found = _installed(roots)
  if later:
    for name in _LIBRARIES:
      try:
        ctypes.CDLL(name)
      except OSError:
        pass  # Another C library brings its own.
    sys.meta_path.append(_Finder(later))
    for name, parent in later.items():
      found += [os.path.join(parent, name), os.path.join(parent, f'{name}.libs')]
  return [path for path in found if os.path.exists(path)]


def _installed(roots: list[str]) -> list[str]:
  """Top-level entries of `roots` that loaded modules came from."""
  found = {}
  files = [getattr(module, '__file__', None) for module in sys.modules.values()]
  for root in roots:
    names = {
        file[len(root) + 1 :].split('/')[0]
        for file in files
        if file and file.startswith(root + '/')
    }
    # `auditwheel` puts the libraries of the wheel Name into Name.libs, in the
    # spelling of the wheel and not of the module.
    small = {name.lower() for name in names}
    for name in os.listdir(root):
      if name.endswith('.libs') and name[:-5].lower() in small:
        names.add(name)
    found.update((os.path.join(root, name), None) for name in sorted(names))
  return list(found)
