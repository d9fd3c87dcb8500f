"""A pool of verifier slots: queue, cache, retries, deadline, clean end."""

import atexit
import collections
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
import dataclasses
import functools
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
_RETRY_SECONDS = 0.05  # Before the first retry; four times as long each time.
_QUEUE_PER_SLOT = 64  # Beyond it `submit` waits: back-pressure.
_CACHE_ENTRIES = 100_000
_CLOSE_SECONDS = 20.0  # What a slot may take to end; then `close` goes on.
_ABORT_SECONDS = 0.05  # An abort that came too early is repeated.
# Trying again would change nothing.
_FINAL_ERRORS = ('tool_missing', 'deadline')


@dataclasses.dataclass
class _Task:
  """One verification, shared by everybody who asked for it meanwhile."""

  key: str
  problem: types.Problem
  completion: str
  limits: base.Limits
  deadline: float | None  # Of `time.monotonic`; later nobody wants it.
  answered: bool = False
  future: 'futures.Future[types.Verdict]' = dataclasses.field(
      default_factory=futures.Future
  )

  def __post_init__(self):
    # It is shared: who cancels it must not cancel it for the others.
    self.future.set_running_or_notify_cancel()

  def late(self) -> bool:
    return self.deadline is not None and time.monotonic() >= self.deadline

  def extend(self, deadline: float | None) -> None:
    if None in (self.deadline, deadline):
      self.deadline = None
    else:
      self.deadline = max(self.deadline, deadline)


class Pool:
  """Verifies candidates of one domain in `slots` slots at once.

  Each slot is a thread that owns whatever the domain runs candidates in. Slots
  open when work first comes. A pool is itself a `base.Verifier`; every method
  may be called from any thread of the process that made it.

  Attributes:
    isolation: level that candidates run under.
    counts: of what was submitted, cached, retried, and of each status.
  """

  def __init__(self, domain: base.Domain, *, slots: int | None = None):
    """Makes a pool; nothing starts before the first task.

    Args:
      domain: what to verify, e.g. `python.PythonVerifier()`.
      slots: candidates verified at once, None for one more than processors, so
        that none idles while a slot talks with its candidate.

    Raises:
      ValueError: if `slots` is below 1.
    """
    if slots is None:
      slots = processors() + 1
    if slots < 1:
      raise ValueError(f'slots must be at least 1, got {slots}')
    self.name = domain.name
    self.version = domain.version
    self.isolation = domain.isolation
    self._domain = domain
    self._slots = slots
    self._lock = threading.Lock()
    self._work = threading.Condition(self._lock)  # The queue has a task.
    self._room = threading.Condition(self._lock)  # The queue is not full.
    self._queue: collections.deque[_Task] = collections.deque()
    self._threads: list[threading.Thread] = []
    self._open_slots: dict[int, base.Slot] = {}
    self._pid = os.getpid()
    self._closing = threading.Event()  # Set with the lock held.
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
    yields a verdict and never an exception for the candidate's sake.

    Args:
      problem: what is asked.
      completion: the candidate.
      limits: None for the domain's own.
      deadline: time of `time.monotonic` after which it is not worth starting.

    Raises:
      RuntimeError: if the pool is closed or no thread can be started.
      ValueError: if the problem's tests cannot be used.
    """
    if self._pid != os.getpid():
      raise RuntimeError(
          'a verifier pool does not survive a fork; make a new one'
      )
    limits = limits or self._domain.limits
    key = self._key(problem, completion, limits)
    with self._lock:
      if self._closing.is_set():
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
        task.extend(deadline)
        return task.future
      self._open_thread_if_short()
      task = _Task(key, problem, completion, limits, deadline)
      self._in_flight[key] = task
      refusal = self._enqueue(task, deadline)
    if refusal is not None:
      self._finish(task, refusal)
    return task.future

  def _open_thread_if_short(self) -> None:
    index = len(self._threads)
    if index >= min(self._slots, len(self._in_flight) + 1):
      return
    thread = threading.Thread(
        target=self._serve,
        args=(index,),
        name=f'{self.name}-verifier-{index}',
        daemon=True,
    )
    try:
      thread.start()
    except RuntimeError:  # The host gives no more threads.
      if not self._threads:
        raise
    else:
      self._threads.append(thread)

  def _enqueue(
      self, task: _Task, deadline: float | None
  ) -> types.Verdict | None:
    """Queues a task once there is room; the lock is held.

    Returns:
      None, or why it was not queued.
    """
    capacity = self._slots * _QUEUE_PER_SLOT
    while len(self._queue) >= capacity and not self._closing.is_set():
      left = None if deadline is None else deadline - time.monotonic()
      if left is not None and left <= 0:
        if self._given_up(task):
          return self._late()
        break  # Who joined it has more time; who brought it must not wait.
      self._room.wait(left)
    if self._closing.is_set():
      return self._closed()
    self._queue.append(task)
    self._work.notify()
    return None

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

    `pairs` is read no faster than the pool works, and the first verdicts come
    before its end. Every index comes exactly once: after the deadline the
    missing ones come as status `error`, reason `deadline`, so that a
    collective that waits for this batch is never held up.
    """
    deadline = None
    if deadline_seconds is not None:
      deadline = time.monotonic() + deadline_seconds
    done: queue.SimpleQueue[tuple[int, types.Verdict]] = queue.SimpleQueue()
    waiting = set()

    def collect(index, future):
      done.put((index, future.result()))

    def came(timeout):
      index, verdict = done.get(timeout=timeout)
      waiting.remove(index)
      return index, verdict

    for index, (problem, completion) in enumerate(pairs):
      waiting.add(index)
      self.submit(problem, completion, deadline=deadline).add_done_callback(
          functools.partial(collect, index)
      )
      while not done.empty():
        yield came(None)
    try:
      while waiting:
        left = None if deadline is None else deadline - time.monotonic()
        yield came(left if left is None else max(0.0, left))
    except queue.Empty:
      for index in sorted(waiting):
        yield index, self._late()

  def close(self) -> None:
    """Stops what runs, drops what is queued; nothing is left running.

    A slot that does not end in 20 seconds, say because its tool hangs while it
    starts, is left to end by itself; what waits for it is answered.
    """
    with self._lock:
      if self._closing.is_set() or self._pid != os.getpid():
        return  # A fork of the owner must not end the owner's processes.
      self._closing.set()
      self._queue.clear()
      self._work.notify_all()
      self._room.notify_all()
    end = time.monotonic() + _CLOSE_SECONDS
    threads = [t for t in self._threads if t is not threading.current_thread()]
    while threads and time.monotonic() < end:
      with self._lock:
        running = list(self._open_slots.values())
      for slot in running:
        _try(slot.abort)
      threads[0].join(_ABORT_SECONDS)
      threads = [thread for thread in threads if thread.is_alive()]
    if threads:
      logging.warning(
          '%d slots of the verifier %s have not ended.', len(threads), self.name
      )
    with self._lock:
      unanswered = list(self._in_flight.values())
    for task in unanswered:
      self._finish(task, self._closed())

  def _error(self, detail: str) -> types.Verdict:
    return base.make_verdict(
        self, types.ERROR, 'worker_died', detail=detail
    )

  def _closed(self) -> types.Verdict:
    return self._error('the pool was closed')

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

  def _given_up(self, task: _Task) -> bool:
    """Whether nobody waits for it; then nobody joins it. The lock is held."""
    if not task.late():
      return False
    if self._in_flight.get(task.key) is task:
      del self._in_flight[task.key]
    return True

  def _finish(self, task: _Task, verdict: types.Verdict) -> None:
    with self._lock:
      if task.answered:
        return
      task.answered = True
      if self._in_flight.get(task.key) is task:
        del self._in_flight[task.key]
      self.counts[verdict.status] += 1
      if verdict.valid:
        self._cache[task.key] = verdict
        if len(self._cache) > _CACHE_ENTRIES:
          self._cache.popitem(last=False)
    task.future.set_result(verdict)

  def _serve(self, index: int) -> None:
    """A slot's thread: opens the slot, verifies, reopens it when it dies."""
    try:
      while (task := self._next()) is not None:
        self._finish(task, self._verify(index, task))
    finally:
      self._close_slot(index)

  def _next(self) -> _Task | None:
    """Waits for a task; None once the pool closes."""
    with self._lock:
      while not self._queue and not self._closing.is_set():
        self._work.wait()
      if self._closing.is_set():
        return None
      self._room.notify()
      return self._queue.popleft()

  def _verify(self, index: int, task: _Task) -> types.Verdict:
    for attempt in range(_RETRIES + 1):
      if attempt:
        with self._lock:
          self.counts['retried'] += 1
        self._closing.wait(_RETRY_SECONDS * 4 ** (attempt - 1))
      with self._lock:
        if self._given_up(task):
          return self._late()
      if self._closing.is_set():
        return self._closed()
      verdict = self._attempt(index, task)
      if verdict.valid or verdict.reason in _FINAL_ERRORS:
        break
    return verdict

  def _attempt(self, index: int, task: _Task) -> types.Verdict:
    """Verifies once; whatever goes wrong here is a verdict."""
    try:
      slot = self._slot(index)
      if self._closing.is_set():
        return self._closed()
      verdict = slot.verify(task.problem, task.completion, task.limits)
    except base.ToolMissing as error:
      return base.make_verdict(
          self, types.ERROR, 'tool_missing', detail=str(error)
      )
    except Exception as error:  # pylint: disable=broad-exception-caught
      # A night must not hang on a future that nobody fulfils.
      logging.log_every_n_seconds(
          logging.WARNING, 'A slot of the verifier %s failed: %r', 10,
          self.name, error, exc_info=not isinstance(error, OSError),
      )
      verdict = self._error(f'{type(error).__name__}: {error}')
    if verdict.reason == 'worker_died':
      self._close_slot(index)
    return verdict

  def _slot(self, index: int) -> base.Slot:
    if index not in self._open_slots:
      slot = self._domain.open_slot()
      # From here on `close` aborts it; if it came first, the caller sees that.
      with self._lock:
        self._open_slots[index] = slot
    return self._open_slots[index]

  def _close_slot(self, index: int) -> None:
    with self._lock:
      slot = self._open_slots.pop(index, None)
    if slot is not None:
      _try(slot.close)


def _try(end: Callable[[], None]) -> None:
  """Calls what ends a slot; if it fails, the others must still end."""
  try:
    end()
  except Exception:  # pylint: disable=broad-exception-caught
    logging.exception('A verifier slot does not end.')


def processors() -> int:
  """Number of processors that this process may use."""
  if hasattr(os, 'sched_getaffinity'):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1


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
      pool, self._own_pool = self._own_pool, None
    if pool is not None:  # Outside the lock, which all domains share.
      pool.close()


_open_pools: 'weakref.WeakSet[Pool]' = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
  for pool in list(_open_pools):
    pool.close()
