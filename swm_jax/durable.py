"""Files that are either whole or absent, whenever the process is killed.

A file is written under a temporary name, flushed to the device, renamed, and
its directory flushed, in that order. Readers therefore never see a part, and a
rename that was seen survives a power failure.
"""

import json
import os
import pathlib
import shutil
from typing import Any

SUFFIX = '.partial'


class CorruptError(ValueError):
  """A file that was whole is damaged; the message names it and the fix."""


def partial(path: str | os.PathLike) -> pathlib.Path:
  """Returns the temporary name under which `path` is to be written."""
  path = pathlib.Path(path)
  return path.with_name(path.name + SUFFIX)


def publish(path: str | os.PathLike) -> None:
  """Makes the finished `partial(path)` durable and visible as `path`."""
  with open(partial(path), 'rb') as file:
    os.fsync(file.fileno())
  os.replace(partial(path), path)
  sync_directory(pathlib.Path(path).parent)


def sync_directory(directory: str | os.PathLike) -> None:
  """Flushes the names in a directory to the device."""
  descriptor = os.open(directory, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
  """Replaces the content of `path` atomically; makes its directory."""
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  try:
    partial(path).write_bytes(data)
  except OSError:
    partial(path).unlink(missing_ok=True)  # A full disk needs its room back.
    raise
  publish(path)


def write_json(path: str | os.PathLike, value: Any) -> None:
  """Replaces `path` with JSON of sorted keys, so that equal is bit-equal."""
  text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False)
  write_bytes(path, (text + '\n').encode())


def remove_partial(directory: str | os.PathLike) -> list[str]:
  """Removes what a killed process left half-written; returns the names."""
  stale = sorted(pathlib.Path(directory).glob('*' + SUFFIX))
  for path in stale:
    if path.is_dir():
      shutil.rmtree(path)
    else:
      path.unlink()
  return [path.name for path in stale]
