"""Snapshots on a disk or in a bucket: the one file that knows orbax.

A snapshot is a step number, a pytree of arrays and a JSON metadata record. It
is visible only when it is durable: orbax writes the arrays, we flush them, and
the record `ledger/STEP.json`, written last and atomically, is what makes the
step exist; nothing else does. Records outlive the arrays that retention
removes, so that the lineage of a work directory is complete for ever.

The same class holds the small state of a phase cut in the middle: another
directory, `keep_last=1`.

With several processes all of them open the same directory and call the same
methods. The first one keeps the ledger, and the others take its word, since a
shared folder may show each of them another moment.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import shutil
import threading
from typing import Any

from absl import logging
from etils import epath
import jax
from jax.sharding import PartitionSpec as P
import numpy as np
from orbax.checkpoint import v1 as ocp

from swm_jax import agreement
from swm_jax import durable
from swm_jax import leaves

PyTree = Any

_TEMPORARY = '.orbax-checkpoint-tmp'
# Metadata, ledger and the file system's own bookkeeping.
_SPARE_BYTES = 64 * 2**20
# How much of an array of several processes each of them sees at a time.
_PIECE_BYTES = 256 * 2**20


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
    gate: '' before the gate, then `adopted`, `rejected`, or `carried`, rejected
      and yet what the next night begins with.
    reasons: the gate's reasons.
    trained_from: digest of the weights that consolidation began with, '' if
      those are `weights_before`.
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
  trained_from: str = ''

  def to_json(self) -> dict[str, Any]:
    return json.loads(json.dumps(dataclasses.asdict(self)))

  @classmethod
  def from_json(cls, value: Mapping[str, Any]) -> 'Lineage':
    fields = dict(value)
    fields['verifiers'] = tuple(fields['verifiers'])
    fields['reasons'] = tuple(fields['reasons'])
    return cls(**fields)


def digest(tree: PyTree) -> str:
  """Returns the SHA-256 of the leaves, as hexadecimal digits.

  It covers every leaf's path, dtype, shape and bytes, in order of path; how the
  leaves are sharded, or that they were numpy arrays, changes nothing. If they
  are sharded over processes, all of them call it and get the same.
  """
  by_path = leaves.by_path(tree)
  sha256 = hashlib.sha256()
  for path in sorted(by_path):
    leaf = by_path[path]
    array = jax.random.key_data(leaf) if leaves.is_key(leaf) else leaf
    if not isinstance(array, jax.Array):
      array = np.asarray(array)
    sha256.update(f'{path} {array.dtype} {array.shape}\n'.encode())
    for piece in _pieces(array):
      # As bytes, because bfloat16 has no buffer protocol.
      sha256.update(np.ascontiguousarray(piece).reshape(-1).view(np.uint8).data)
  return sha256.hexdigest()


def _pieces(array: np.ndarray | jax.Array) -> Iterator[np.ndarray]:
  """Yields an array's values in order, in pieces that fit any device."""
  if not isinstance(array, jax.Array) or (
      array.is_fully_addressable or array.is_fully_replicated
  ):
    yield np.asarray(array)
    return
  everywhere = jax.sharding.NamedSharding(array.sharding.mesh, P())
  cut = jax.jit(
      jax.lax.slice_in_dim, static_argnums=(1, 2), out_shardings=everywhere
  )
  rows = max(1, _PIECE_BYTES * len(array) // array.nbytes)
  for start in range(0, len(array), rows):
    yield np.asarray(cut(array, start, min(start + rows, len(array))))


# What the ledger would say of a step that it does not have.
_GONE = {'removed': True}


def _kept(records: Mapping[int, Mapping[str, Any]]) -> list[int]:
  return [step for step, record in records.items() if not record['removed']]


def _context() -> ocp.Context:
  context = ocp.Context()
  # Float weights shrink by a tenth for five times the CPU time.
  context.array.saving.use_compression = False
  context.pytree.loading.partial_load = True
  return context


_running: set[threading.Thread] = set()


def _in_background(function: Callable[..., Any], *args: Any) -> futures.Future:
  future = futures.Future()

  def run():
    try:
      future.set_result(function(*args))
    except BaseException as error:  # Raised by who waits.
      future.set_exception(error)
    _running.discard(thread)

  thread = threading.Thread(target=run, name='snapshots', daemon=True)
  _running.add(thread)
  thread.start()
  return future


def _end_running() -> None:
  for thread in tuple(_running):
    thread.join()


# A program that ends, or fails, first ends what it is saving. Later, as at the
# time of `atexit`, orbax is refused the threads that it needs to come to an end
# and keeps the interpreter for as long as its timeout.
threading._register_atexit(_end_running)  # pylint: disable=protected-access


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
      directory: holds snapshots and nothing else: on a disk that all processes
        share, or `gs://BUCKET/PATH`. One program may write to it at a time.
      keep_last: how many of the latest keep their arrays, besides those saved
        with `keep=True`.
      read_only: changes nothing, so that it is safe beside a writer, and sees
        what is there now. No collective: one process may open it alone.

    Raises:
      FileNotFoundError: if read-only and there is nothing to read.
      ValueError: if keep_last is not positive, or there is no such store.
    """
    if keep_last < 1:
      raise ValueError(f'{keep_last=} must be at least 1')
    self._directory = durable.location(directory)
    self._ledger = self._directory / 'ledger'
    self._keep_last = keep_last
    self._read_only = read_only
    self._pending: tuple[int, futures.Future] | None = None
    if not read_only:
      self._records = agreement.by_first(self._clean)
    elif self._ledger.is_dir():
      self._records = self._read_ledger()
    else:
      raise FileNotFoundError(f'there are no snapshots in {directory}')
    # Whether a save has failed since, and may have left something.
    self._unclean = False

  def _read_ledger(self) -> dict[int, dict[str, Any]]:
    records = [
        json.loads(path.read_text()) for path in self._ledger.glob('*.json')
    ]
    return {r['step']: r for r in sorted(records, key=lambda r: r['step'])}

  def _clean(self) -> dict[int, dict[str, Any]]:
    """Removes what is half-written or half-removed; returns the ledger."""
    self._ledger.mkdir(parents=True, exist_ok=True)
    durable.remove_partial(self._ledger)
    records = self._read_ledger()
    if not self._directory.is_dir():
      return records  # In buckets, until there is something in it.
    for path in list(self._directory.iterdir()):
      name = path.name
      # Of a step without a record, or whose record says that it was removed.
      stray = name.isdigit() and records.get(int(name), _GONE)['removed']
      if name.endswith(_TEMPORARY) or stray:
        logging.info('Removing half-written snapshot %s', path)
        path.rmtree()
    return records

  def _record(self, step: int) -> dict[str, Any]:
    if step not in self._records:
      raise FileNotFoundError(
          f'there is no snapshot {step} in {self._directory}; it has'
          f' {self.steps() or "none"}'
      )
    return self._records[step]

  def recorded(self) -> list[int]:
    """Returns all steps ever saved, ascending, arrays removed or not."""
    return list(self._records)

  def steps(self) -> list[int]:
    """Returns the steps whose arrays are kept, ascending."""
    return _kept(self._records)

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
      OSError: if the disk has not enough room, and nothing is changed; or if
        this or the last save failed on any process.
    """
    self.save_async(step, tree, metadata, keep=keep)
    self.wait()

  def save_async(
      self,
      step: int,
      tree: PyTree,
      metadata: Mapping[str, Any],
      *,
      keep: bool = False,
  ) -> None:
    """Copies the tree to the host and saves it in the background.

    The caller may donate or change what it saved at once. One save runs at a
    time: the next call of any method that reads or writes arrays waits for it.
    The step is visible when `wait` has returned. Arguments and errors are those
    of `save`.
    """
    self.wait()
    if self._read_only:
      raise ValueError(f'{self._directory} was opened for reading, not saving')
    if self._unclean:
      self._records = agreement.by_first(self._clean)
    recorded = self.recorded()
    if recorded and step <= recorded[-1]:
      raise ValueError(
          f'snapshot {step} comes after {recorded[-1]} in {self._directory};'
          ' steps must grow'
      )
    tree = jax.tree.map(leaves.storable, tree)
    for path, leaf in leaves.by_path(tree).items():
      if not leaf.size:
        raise ValueError(f'{path} is empty, and empty arrays cannot be saved')
    metadata = json.loads(json.dumps(metadata))
    agreement.by_first(lambda: self._check_room(tree))
    self._unclean = True
    with _context():
      response = ocp.save_async(
          self._directory / str(step), tree, custom_metadata=metadata
      )
    self._pending = step, _in_background(
        self._finish,
        response,
        {'step': step, 'keep': keep, 'removed': False, 'metadata': metadata},
    )

  def wait(self) -> None:
    """Returns when the step given to `save_async`, if any, is visible.

    Call it before the directory is removed, and at the end, for its errors.

    Raises:
      OSError: if it could not be saved, on every process.
    """
    if self._pending is None:
      return
    step, future = self._pending
    error = future.exception()
    self._pending = None
    reasons = agreement.exchange(error and f'{type(error).__name__}: {error}')
    for process, reason in enumerate(reasons):
      if reason is not None:
        raise OSError(
            f'snapshot {step} could not be saved in {self._directory} by'
            f' process {process}: {reason}'
        ) from error
    self._records = future.result()
    self._unclean = False

  def _finish(self, response, record) -> dict[int, dict[str, Any]]:
    """Runs in the background; returns the ledger with the new record.

    No collective is possible here. Orbax's own barrier, passed when its
    response is there, says that every process has written its part; the arrays
    are flushed by who wrote them.
    """
    response.result()
    step = record['step']
    records = {**self._records, step: record}
    removed = [
        s for s in _kept(records)[: -self._keep_last] if not records[s]['keep']
    ]
    records |= {s: {**records[s], 'removed': True} for s in removed}
    if jax.process_index() == 0:
      durable.sync_tree(self._directory / str(step))
      for changed in (step, *removed):
        # Recorded as removed before it is: the other order, cut between the
        # two, would leave a record of arrays that are not there.
        durable.write_json(self._ledger / f'{changed}.json', records[changed])
        if changed != step:
          (self._directory / str(changed)).rmtree(missing_ok=True)
    return records

  def _check_room(self, tree: PyTree) -> None:
    if durable.in_bucket(self._directory):
      return
    needed = sum(leaf.nbytes for leaf in jax.tree.leaves(tree)) + _SPARE_BYTES
    free = shutil.disk_usage(self._directory).free
    if free < needed:
      raise OSError(
          errno.ENOSPC,
          f'a snapshot needs {needed / 1e6:.0f} MB and {self._directory} has'
          f' {free / 1e6:.0f} MB free; make room and run the command again',
      )

  @contextlib.contextmanager
  def _reading(self, step: int) -> Iterator[epath.Path]:
    """Yields the folder of a step; what goes wrong there names the step."""
    self.wait()
    path = self._check_present(step)
    try:
      with _context():
        yield path
    except (MemoryError, jax.errors.JaxRuntimeError):
      raise  # No room for it, which says nothing about the snapshot.
    except Exception as error:
      # Orbax raises no narrower class for what it met; the cause is chained.
      raise ValueError(
          f'snapshot {step} in {self._directory} is corrupt and cannot be read;'
          f' restore the directory {step}, or continue from one of'
          f' {[s for s in self.steps() if s != step]}'
      ) from error

  def embedded_metadata(self, step: int) -> dict[str, Any]:
    """Returns the copy of a step's metadata that lies beside its arrays."""
    with self._reading(step) as path:
      return ocp.metadata(path).custom_metadata

  def abstract(self, step: int) -> PyTree:
    """Returns what a snapshot holds, as nested dicts and lists of shapes."""
    with self._reading(step) as path:
      stored = ocp.metadata(path).metadata
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), stored
    )

  def _check_present(self, step: int) -> epath.Path:
    if self._record(step)['removed']:
      raise FileNotFoundError(
          f'the arrays of snapshot {step} in {self._directory} were removed by'
          f' retention; kept are {self.steps()}'
      )
    path = self._directory / str(step)
    if not path.is_dir():
      raise FileNotFoundError(
          f'{path} is on record and missing; restore the'
          f' directory, or remove {self._ledger / f"{step}.json"} to continue'
          ' without it'
      )
    return path

  def restore_latest(self, target: PyTree) -> tuple[PyTree, int] | None:
    """Loads the last step whose arrays are kept; see `restore`.

    Returns:
      The pytree and its step, None if there is none.
    """
    step = self.latest()
    return None if step is None else (self.restore(step, target), step)

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
    abstract = jax.tree.map(leaves.abstract, target)
    leaves.check_match(saved, abstract, f'snapshot {step}')
    with self._reading(step) as path:
      loaded = ocp.load(path, abstract)
    return jax.tree.map(
        lambda leaf, value: (
            jax.random.wrap_key_data(value) if leaves.is_key(leaf) else value
        ),
        target,
        loaded,
    )
