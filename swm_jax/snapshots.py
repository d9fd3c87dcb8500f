"""Snapshots on disk: the one file that knows orbax.

A snapshot is a step number, a pytree of arrays and a JSON metadata record. It
is visible only when it is durable: orbax writes and renames the arrays, we
flush them, and the record `ledger/STEP.json`, written last and atomically, is
what makes the step exist. Records outlive the arrays that retention removes, so
that the lineage of a work directory is complete for ever.

The same class holds the small state of a phase cut in the middle: another
directory, `keep_last=1`.
"""

from collections.abc import Iterator, Mapping
import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import pathlib
import shutil
from typing import Any

from absl import logging
import jax
import numpy as np
from orbax.checkpoint import v1 as ocp

from swm_jax import durable

PyTree = Any

_TEMPORARY = '.orbax-checkpoint-tmp'
# Metadata, ledger and the file system's own bookkeeping.
_SPARE_BYTES = 64 * 2**20


@dataclasses.dataclass(frozen=True)
class Lineage:
  """Where a snapshot comes from.

  Attributes:
    night: counted from 0.
    phase: the phase that ended with this snapshot.
    parent: step of the snapshot before it: of the same night, or the one whose
      weights the night began with; None for the first.
    weights_before: digest of the weights that the night began with.
    weights_after: digest of the weights when the phase ended: the same in wake
      and REM, the tuned ones from consolidation on, adopted or not.
    wake_log: content digest of the night's wake log, '' before it exists.
    dream_buffer: content digest of the night's dream log, '' before it exists.
    verifiers: name, version and isolation level of each verifier used.
    gate: '' before the gate, then `adopted` or `rejected`.
    reasons: the gate's reasons.
  """

  night: int
  phase: str
  parent: int | None
  weights_before: str
  weights_after: str
  wake_log: str = ''
  dream_buffer: str = ''
  verifiers: tuple[Mapping[str, str], ...] = ()
  gate: str = ''
  reasons: tuple[str, ...] = ()

  def to_json(self) -> dict[str, Any]:
    return json.loads(json.dumps(dataclasses.asdict(self)))

  @classmethod
  def from_json(cls, value: Mapping[str, Any]) -> 'Lineage':
    fields = dict(value)
    fields['verifiers'] = tuple(fields['verifiers'])
    fields['reasons'] = tuple(fields['reasons'])
    return cls(**fields)


def _path(path) -> str:
  return jax.tree_util.keystr(path, simple=True, separator='/')


def _by_path(tree: PyTree) -> dict[str, Any]:
  return {
      _path(path): leaf
      for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]
  }


def _is_key(leaf) -> bool:
  return hasattr(leaf, 'dtype') and jax.dtypes.issubdtype(
      leaf.dtype, jax.dtypes.prng_key
  )


def digest(tree: PyTree) -> str:
  """Returns the SHA-256 of the leaves, as hexadecimal digits.

  It covers every leaf's path, dtype, shape and bytes, in order of path; how the
  leaves are sharded, or that they were numpy arrays, changes nothing.
  """
  leaves = _by_path(tree)
  sha256 = hashlib.sha256()
  for path in sorted(leaves):
    leaf = leaves[path]
    array = np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
    sha256.update(f'{path} {array.dtype} {array.shape}\n'.encode())
    # As bytes, because bfloat16 has no buffer protocol.
    sha256.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
  return sha256.hexdigest()


def _storable(leaf):
  """Typed keys and host numbers as arrays that orbax takes and JAX returns."""
  if _is_key(leaf):
    return jax.random.key_data(leaf)
  if isinstance(leaf, jax.Array):
    return leaf
  array = np.asarray(leaf)
  return array.astype(jax.dtypes.canonicalize_dtype(array.dtype))


def _abstract(leaf) -> jax.ShapeDtypeStruct:
  """The stored form of a restore target's leaf, on its sharding."""
  sharding = None
  if _is_key(leaf):
    leaf = jax.eval_shape(jax.random.key_data, leaf)
  elif isinstance(leaf, (jax.Array, jax.ShapeDtypeStruct)):
    sharding = leaf.sharding
  else:
    leaf = _storable(leaf)
  if sharding is None:
    sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
  return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)


def _flush(directory: pathlib.Path) -> None:
  """Flushes every file and name below a directory to the device."""
  for folder, _, names in os.walk(directory):
    for name in names:
      descriptor = os.open(os.path.join(folder, name), os.O_RDONLY)
      try:
        os.fsync(descriptor)
      finally:
        os.close(descriptor)
    durable.sync_directory(folder)
  durable.sync_directory(directory.parent)


class Snapshots:
  """The snapshots of one directory; safe to kill at any moment."""

  def __init__(
      self,
      directory: str | os.PathLike,
      *,
      keep_last: int = 2,
      read_only: bool = False,
  ):
    """Opens a directory, made if new, and removes what is half-written.

    Args:
      directory: holds snapshots and nothing else. One program may write to it
        at a time.
      keep_last: how many of the latest keep their arrays, besides those saved
        with `keep=True`.
      read_only: changes nothing, so that it is safe beside a writer.

    Raises:
      FileNotFoundError: if read-only and there is nothing to read.
      ValueError: if keep_last is not positive.
    """
    if keep_last < 1:
      raise ValueError(f'{keep_last=} must be at least 1')
    self._directory = pathlib.Path(directory).absolute()
    self._ledger = self._directory / 'ledger'
    self._keep_last = keep_last
    self._read_only = read_only
    if not read_only:
      self._ledger.mkdir(parents=True, exist_ok=True)
      self._remove_half_written()
    elif not self._ledger.is_dir():
      raise FileNotFoundError(f'there are no snapshots in {directory}')

  def _remove_half_written(self) -> None:
    # Several processes share the directory; one cleans it.
    if jax.process_index():
      return
    durable.remove_partial(self._ledger)
    for path in self._directory.iterdir():
      unrecorded = path.name.isdigit() and int(path.name) not in self.steps()
      if path.name.endswith(_TEMPORARY) or unrecorded:
        logging.info('Removing half-written snapshot %s', path)
        self._remove(path)

  def _remove(self, path: pathlib.Path) -> None:
    # Renamed first: a removal cut short must not look like a snapshot.
    if not path.name.endswith(_TEMPORARY):
      path = path.rename(path.with_name(path.name + _TEMPORARY))
    shutil.rmtree(path)

  def _record(self, step: int) -> dict[str, Any]:
    path = self._ledger / f'{step}.json'
    if not path.exists():
      raise FileNotFoundError(
          f'there is no snapshot {step} in {self._directory}; it has'
          f' {self.steps() or "none"}'
      )
    return json.loads(path.read_text())

  def recorded(self) -> list[int]:
    """Returns all steps ever saved, ascending, arrays removed or not."""
    return sorted(int(path.stem) for path in self._ledger.glob('*.json'))

  def steps(self) -> list[int]:
    """Returns the steps whose arrays are kept, ascending."""
    return [s for s in self.recorded() if not self._record(s)['removed']]

  def latest(self) -> int | None:
    """Returns the last step whose arrays are kept, None if there is none."""
    steps = self.steps()
    return steps[-1] if steps else None

  def read_metadata(self, step: int) -> dict[str, Any]:
    """Returns the metadata saved with a step, also of one since removed."""
    return self._record(step)['metadata']

  def save(
      self,
      step: int,
      tree: PyTree,
      metadata: Mapping[str, Any],
      *,
      keep: bool = False,
  ) -> None:
    """Makes a snapshot durable, then visible, then applies retention.

    Args:
      step: larger than every step saved before.
      tree: arrays, numbers and typed keys of the default implementation.
      metadata: JSON, e.g. `Lineage.to_json()`.
      keep: never to be removed by retention (an accepted night).

    Raises:
      ValueError: if the step is not larger than the last one, or an array is
        empty, or the directory was opened for reading.
      OSError: if the disk has not enough room; nothing is changed.
    """
    if self._read_only:
      raise ValueError(f'{self._directory} was opened for reading, not saving')
    recorded = self.recorded()
    if recorded and step <= recorded[-1]:
      raise ValueError(
          f'snapshot {step} comes after {recorded[-1]} in {self._directory};'
          ' steps must grow'
      )
    tree = jax.tree.map(_storable, tree)
    empty = [path for path, leaf in _by_path(tree).items() if not leaf.size]
    if empty:
      raise ValueError(f'{empty[0]} is empty, and empty arrays cannot be saved')
    self._remove_half_written()  # Of a save that failed in this process.
    self._check_room(tree)
    path = self._directory / str(step)
    context = ocp.Context()
    # Float weights shrink by a tenth for five times the CPU time.
    context.array.saving.use_compression = False
    with ocp.training.Checkpointer(
        self._directory, context=context
    ) as checkpointer:
      checkpointer.save(step, tree, custom_metadata=dict(metadata))
    if jax.process_index() == 0:
      _flush(path)
      self._write_record(step, metadata, keep=keep, removed=False)
      self._apply_retention()

  def _write_record(self, step, metadata, *, keep, removed) -> None:
    durable.write_json(self._ledger / f'{step}.json', {
        'step': step,
        'keep': keep,
        'removed': removed,
        'metadata': dict(metadata),
    })

  def _check_room(self, tree: PyTree) -> None:
    needed = sum(leaf.nbytes for leaf in jax.tree.leaves(tree)) + _SPARE_BYTES
    free = shutil.disk_usage(self._directory).free
    if free < needed:
      raise OSError(
          errno.ENOSPC,
          f'a snapshot needs {needed / 1e6:.0f} MB and {self._directory} has'
          f' {free / 1e6:.0f} MB free; make room and run the command again',
      )

  def _apply_retention(self) -> None:
    for step in self.steps()[: -self._keep_last]:
      record = self._record(step)
      if not record['keep']:
        # Recorded as removed before it is: the other order, cut between the
        # two, would leave a record of arrays that are not there.
        self._write_record(step, record['metadata'], keep=False, removed=True)
        self._remove(self._directory / str(step))

  @contextlib.contextmanager
  def _reader(self, step: int) -> Iterator[ocp.training.Checkpointer]:
    context = ocp.Context()
    context.pytree.loading.partial_load = True
    try:
      with ocp.training.Checkpointer(
          self._directory, context=context
      ) as checkpointer:
        yield checkpointer
    except (LookupError, ValueError, OSError) as error:
      # Orbax wraps whatever it met on disk; the cause is chained.
      raise ValueError(
          f'snapshot {step} in {self._directory} is corrupt and cannot be read;'
          f' restore the directory {step}, or continue from one of'
          f' {[s for s in self.steps() if s != step]}'
      ) from error

  def embedded_metadata(self, step: int) -> dict[str, Any]:
    """Returns the copy of a step's metadata that lies beside its arrays."""
    self._check_present(step)
    with self._reader(step) as checkpointer:
      return checkpointer.metadata(step).custom_metadata

  def abstract(self, step: int) -> PyTree:
    """Returns what a snapshot holds, as nested dicts and lists of shapes."""
    self._check_present(step)
    with self._reader(step) as checkpointer:
      leaves = checkpointer.metadata(step).metadata
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), leaves
    )

  def _check_present(self, step: int) -> None:
    if self._record(step)['removed']:
      raise FileNotFoundError(
          f'the arrays of snapshot {step} in {self._directory} were removed by'
          f' retention; kept are {self.steps()}'
      )
    if not (self._directory / str(step)).is_dir():
      raise FileNotFoundError(
          f'{self._directory / str(step)} is on record and missing; restore the'
          f' directory, or remove {self._ledger / f"{step}.json"} to continue'
          ' without it'
      )

  def restore(self, step: int, target: PyTree | None = None) -> PyTree:
    """Loads a snapshot onto the devices and shardings of a target.

    Args:
      step: one of `steps()`.
      target: pytree of arrays or `jax.ShapeDtypeStruct`, with shardings; it may
        be a part of the snapshot ({'params': …} alone). Leaves without a
        sharding go to the first device. None loads all of it so.

    Returns:
      A pytree of the target's structure, of `jax.Array`.

    Raises:
      FileNotFoundError: if there is no such snapshot, or it was removed.
      ValueError: if a leaf is missing or has another shape or dtype; the
        message names it.
    """
    saved = self.abstract(step)
    target = saved if target is None else target
    abstract = jax.tree.map(_abstract, target)
    self._check_match(step, saved, abstract)
    with self._reader(step) as checkpointer:
      loaded = checkpointer.load(step, abstract)
    return jax.tree.map(
        lambda leaf, value: (
            jax.random.wrap_key_data(value) if _is_key(leaf) else value
        ),
        target,
        loaded,
    )

  def _check_match(self, step: int, saved: PyTree, abstract: PyTree) -> None:
    stored = _by_path(saved)
    for path, leaf in _by_path(abstract).items():
      if path not in stored:
        raise ValueError(f'snapshot {step} has no leaf {path}')
      have = stored[path]
      if have.shape != leaf.shape or have.dtype != leaf.dtype:
        raise ValueError(
            f'snapshot {step} has {path} as {have.dtype}{list(have.shape)},'
            f' expected {leaf.dtype}{list(leaf.shape)}'
        )
