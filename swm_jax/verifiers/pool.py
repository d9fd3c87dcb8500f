"""A pool of verifier slots: queue, cache, retries, deadline, clean end."""

import atexit
import collections
from collections.abc import Iterable, Iterator
from concurrent import futures
import dataclasses
import hashlib
import os
import queue
import threading
import time
import weakref

from absl import logging

from swm_jax import types
from swm_jax.verifiers import base

_RETRIES = 2
_QUEUE_PER_SLOT = 64  # Beyond it `submit` waits: back-pressure.
_CACHE_ENTRIES = 100_000


@dataclasses.dataclass
class _Task:
  """One verification, shared by everybody who asked for it meanwhile."""

  key: str
  problem: types.Problem
  completion: str
  limits: base.Limits
  deadline: float | None  # Of `time.monotonic`; later nobody wants it.
  future: 'futures.Future[types.Verdict]' = dataclasses.field(
      default_factory=futures.Future
  )


class Pool:
  """Verifies candidates of one domain in `slots` slots at once.

  Each slot is a thread that owns whatever the domain runs candidates in. Slots
  open when work first comes. A pool is itself a `base.Verifier`.

  Attributes:
    isolation: level that candidates run under.
  """

  def __init__(self, domain: base.Domain, *, slots: int | None = None):
    """Makes a pool; nothing starts before the first task.

    Args:
      domain: what to verify, e.g. `python.PythonVerifier()`.
      slots: candidates verified at once, None for one a processor.

    Raises:
      ValueError: if `slots` is below 1.
    """
    if slots is None:
      slots = os.cpu_count() or 1
    if slots < 1:
      raise ValueError(f'slots must be at least 1, got {slots}')
    self.name = domain.name
    self.version = domain.version
    self.isolation = domain.isolation
    self._domain = domain
    self._slots = slots
    self._queue: queue.Queue[_Task | None] = queue.Queue(
        slots * _QUEUE_PER_SLOT
    )
    self._lock = threading.Lock()
    self._threads: list[threading.Thread] = []
    self._open_slots: dict[int, base.Slot] = {}
    self._pid = os.getpid()
    self._closed = False
    self._cache: collections.OrderedDict[str, types.Verdict] = (
        collections.OrderedDict()
    )
    self._in_flight: dict[str, _Task] = {}
    self.counts: collections.Counter[str] = collections.Counter()
    _open_pools.add(self)

  def __enter__(self) -> 'Pool':
    return self

  def __exit__(self, *_: object) -> None:
    self.close()

  def submit(
      self,
      problem: types.Problem,
      completion: str,
      *,
      limits: base.Limits | None = None,
      deadline: float | None = None,
  ) -> 'futures.Future[types.Verdict]':
    """Queues one candidate; waits while the queue is full.

    Equal candidates share one verification, past and running. The future
    yields a verdict and never an exception for the candidate's sake. It is
    shared, so do not cancel it.

    Args:
      problem: what is asked.
      completion: the candidate.
      limits: None for the domain's own.
      deadline: time of `time.monotonic` after which it is not worth starting.

    Raises:
      RuntimeError: if the pool is closed.
    """
    limits = limits or self._domain.limits
    key = self._key(problem, completion, limits)
    with self._lock:
      if self._closed:
        raise RuntimeError('the verifier pool is closed')
      self.counts['submitted'] += 1
      if key in self._cache:
        self._cache.move_to_end(key)
        self.counts['cached'] += 1
        future = futures.Future()
        future.set_result(self._cache[key])
        return future
      if key in self._in_flight:
        self.counts['cached'] += 1
        task = self._in_flight[key]
        if None in (task.deadline, deadline):
          task.deadline = None
        else:
          task.deadline = max(task.deadline, deadline)
        return task.future
      task = _Task(key, problem, completion, limits, deadline)
      self._in_flight[key] = task
      self._open_thread_if_short()
    wait = None if deadline is None else max(0, deadline - time.monotonic())
    try:
      self._queue.put(task, timeout=wait)
    except queue.Full:
      self._finish(task, self._late())
    if self._closed:  # Perhaps after the last thread looked.
      self._drop_queued()
    return task.future

  def _open_thread_if_short(self) -> None:
    index = len(self._threads)
    if index < min(self._slots, len(self._in_flight)):
      thread = threading.Thread(
          target=self._serve,
          args=(index,),
          name=f'{self.name}-verifier-{index}',
          daemon=True,
      )
      self._threads.append(thread)
      thread.start()

  def verify(
      self, problem: types.Problem, completion: str
  ) -> types.Verdict:
    """Returns the verdict on one candidate."""
    return self.submit(problem, completion).result()

  def verify_batch(
      self,
      pairs: Iterable[tuple[types.Problem, str]],
      *,
      deadline_seconds: float | None = None,
  ) -> Iterator[tuple[int, types.Verdict]]:
    """Yields (index in `pairs`, verdict) as verdicts come.

    Every index comes exactly once: after the deadline the missing ones come
    as status `error`, reason `deadline`, so that a collective that waits for
    this batch is never held up.
    """
    deadline = None
    if deadline_seconds is not None:
      deadline = time.monotonic() + deadline_seconds
    indices = collections.defaultdict(list)
    for index, (problem, completion) in enumerate(pairs):
      future = self.submit(problem, completion, deadline=deadline)
      indices[future].append(index)
    timeout = None
    if deadline is not None:
      timeout = max(0.0, deadline - time.monotonic())
    try:
      for future in futures.as_completed(list(indices), timeout=timeout):
        for index in indices.pop(future):
          yield index, future.result()
    except futures.TimeoutError:
      for missing in indices.values():
        for index in missing:
          yield index, self._late()

  def close(self) -> None:
    """Stops what runs, drops what is queued; nothing is left running."""
    with self._lock:
      if self._closed or self._pid != os.getpid():
        return  # A fork of the owner must not end the owner's processes.
      self._closed = True
      threads = list(self._threads)
    self._drop_queued()
    for slot in list(self._open_slots.values()):
      slot.abort()
    for _ in threads:
      self._queue.put(None)
    for thread in threads:
      thread.join()
    self._drop_queued()

  def _drop_queued(self) -> None:
    while True:
      try:
        task = self._queue.get_nowait()
      except queue.Empty:
        return
      if task is None:
        self._queue.put(None)  # Meant for a thread that still runs.
        return
      self._finish(task, self._error('the pool was closed'))

  def _error(self, detail: str) -> types.Verdict:
    return base.make_verdict(
        self, types.ERROR, 'worker_died', detail=detail
    )

  def _late(self) -> types.Verdict:
    return base.make_verdict(
        self, types.ERROR, 'deadline', detail="the batch's deadline came first"
    )

  def _key(
      self, problem: types.Problem, completion: str, limits: base.Limits
  ) -> str:
    text = '\0'.join((
        problem.id,
        self._domain.fingerprint(problem),
        self.version,
        self.isolation,
        repr(limits),
        completion,
    ))
    return hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()

  def _finish(self, task: _Task, verdict: types.Verdict) -> None:
    with self._lock:
      self._in_flight.pop(task.key, None)
      self.counts[verdict.status] += 1
      if verdict.valid:
        self._cache[task.key] = verdict
        if len(self._cache) > _CACHE_ENTRIES:
          self._cache.popitem(last=False)
    if task.future.set_running_or_notify_cancel():
      task.future.set_result(verdict)

  def _serve(self, index: int) -> None:
    """A slot's thread: opens the slot, verifies, reopens it when it dies."""
    try:
      while (task := self._queue.get()) is not None:
        try:
          verdict = self._verify(index, task)
        except Exception as error:  # pylint: disable=broad-exception-caught
          # A night must not hang on a future that nobody fulfils.
          logging.exception('A verifier slot failed.')
          verdict = self._error(f'{type(error).__name__}: {error}')
        self._finish(task, verdict)
    finally:
      self._close_slot(index)

  def _verify(self, index: int, task: _Task) -> types.Verdict:
    verdict = self._error('not started')
    for attempt in range(_RETRIES + 1):
      if self._closed:
        return self._error('the pool was closed')
      if task.deadline is not None and time.monotonic() > task.deadline:
        return self._late()
      if attempt:
        self.counts['retried'] += 1
      try:
        if index not in self._open_slots:
          self._open_slots[index] = self._domain.open_slot(index)
      except (OSError, RuntimeError) as error:
        logging.warning('A verifier slot cannot open: %s', error)
        verdict = self._error(str(error))
        continue
      verdict = self._open_slots[index].verify(
          task.problem, task.completion, task.limits
      )
      if verdict.valid:
        break
      if verdict.reason == 'worker_died':
        self._close_slot(index)
    return verdict

  def _close_slot(self, index: int) -> None:
    slot = self._open_slots.pop(index, None)
    if slot is not None:
      slot.close()


class Pooled:
  """Gives a `base.Domain` the methods of a `base.Verifier`, by an own pool."""

  _own_pool: Pool | None = None
  _own_lock = threading.Lock()

  def pool(self, slots: int | None = None) -> Pool:
    """Returns a new pool of this domain; the caller closes it."""
    return Pool(self, slots=slots)

  def _shared_pool(self) -> Pool:
    with self._own_lock:
      if self._own_pool is None:
        self._own_pool = self.pool()
      return self._own_pool

  def verify(
      self, problem: types.Problem, completion: str
  ) -> types.Verdict:
    """Returns the verdict on one candidate."""
    return self._shared_pool().verify(problem, completion)

  def verify_batch(
      self,
      pairs: Iterable[tuple[types.Problem, str]],
      *,
      deadline_seconds: float | None = None,
  ) -> Iterator[tuple[int, types.Verdict]]:
    """Yields (index in `pairs`, verdict) as verdicts come."""
    return self._shared_pool().verify_batch(
        pairs, deadline_seconds=deadline_seconds
    )

  def submit(
      self, problem: types.Problem, completion: str
  ) -> 'futures.Future[types.Verdict]':
    """Queues one candidate."""
    return self._shared_pool().submit(problem, completion)

  def close(self) -> None:
    """Ends the processes behind `verify`, `verify_batch` and `submit`."""
    with self._own_lock:
      if self._own_pool is not None:
        self._own_pool.close()
        self._own_pool = None


_open_pools: 'weakref.WeakSet[Pool]' = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
  for pool in list(_open_pools):
    pool.close()
