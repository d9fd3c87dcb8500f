"""Files that are either whole or absent, whenever the process is killed.

A file is written under a temporary name, flushed to the device, renamed, and
its directory flushed, in that order. Readers therefore never see a part, and a
rename that was seen survives a power failure.

An object in a bucket (`gs://bucket/path`) is put there whole or not at all, and
durable when the call returns: it needs no temporary name and no flush.
"""

import importlib.util
import json
import os
import pathlib
import shutil
from typing import Any

from etils import epath
import fsspec

SUFFIX = '.partial'
_BUCKETS = 'gs://'


class CorruptError(ValueError):
  """A file that was whole is damaged; the message names it and the fix."""


def in_bucket(path: str | os.PathLike) -> bool:
  """Returns whether a path is that of a bucket, not of a disk."""
  return os.fspath(path).startswith(_BUCKETS)


def location(path: str | os.PathLike) -> epath.Path:
  """Returns an absolute path with the same methods on a disk and in a bucket.

  Raises:
    ValueError: if the path is a bucket's that went through `pathlib`, or of
      another store than Google's, or what reads buckets is not installed.
  """
  text = os.fspath(path)
  if not in_bucket(path):
    scheme, separator, rest = text.partition(':/')
    if separator and scheme.isalnum():
      raise ValueError(
          f'{text} is neither a path on a disk nor gs://BUCKET/PATH; a bucket'
          f' is written {_BUCKETS}{rest.lstrip("/")}'
      )
    return epath.Path(text).resolve()
  if importlib.util.find_spec('gcsfs') is None:
    raise ValueError(
        f'{text} is in a bucket and gcsfs is not installed; install the extra'
        " with: pip install 'swm_jax[gcs]'"
    )
  # Arrays are written past the listings that it would remember for ever.
  fsspec.config.conf.setdefault('gcs', {})['use_listings_cache'] = False
  return epath.Path(text)


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


def sync_tree(directory: str | os.PathLike) -> None:
  """Flushes a directory, every file and name below it and its own name."""
  if in_bucket(directory):
    return
  for folder, _, names in os.walk(directory):
    for name in names:
      descriptor = os.open(os.path.join(folder, name), os.O_RDONLY)
      try:
        os.fsync(descriptor)
      finally:
        os.close(descriptor)
    sync_directory(folder)
  sync_directory(pathlib.Path(directory).parent)


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
  """Replaces the content of `path` atomically; makes its directory."""
  if in_bucket(path):
    location(path).write_bytes(data)
    return
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
  if in_bucket(directory):
    return []
  stale = sorted(pathlib.Path(directory).glob('*' + SUFFIX))
  for path in stale:
    if path.is_dir():
      shutil.rmtree(path)
    else:
      path.unlink()
  return [path.name for path in stale]
