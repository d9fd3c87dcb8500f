"""Verification on several hosts: each judges what it sampled itself.

A host whose verifier is late or broken has masked verdicts for what it sampled,
and still reaches the exchange in time at which the others wait for it.
"""

from collections.abc import Mapping, Sequence
import contextlib
import functools
import hashlib
import queue
import threading
import time
from typing import Any

from absl import logging
import jax
from jax.experimental import multihost_utils
import numpy as np

from swm_jax import types
from swm_jax.verifiers.sandbox import levels

_SAID_BYTES = 160  # Enough for name, version and level of several verifiers.


def agree(
    records: Sequence[Mapping[str, str]], problems_digest: str = ''
) -> str:
  """Checks that all hosts verify alike, before anything is verified.

  A collective: every process calls it once, at its start.

  Args:
    records: `name`, `version` and `isolation` of every verifier in use.
    problems_digest: of the problems and their tests, '' to leave them out.

  Returns:
    The weakest isolation level of any host, which is that of the run.

  Raises:
    ValueError: on every host, naming the first one that differs, if names,
      versions or problems do.
  """
  said = ', '.join(f'{r["name"]} {r["version"]}' for r in records)
  digests = [
      hashlib.sha256(text.encode()).digest() for text in (said, problems_digest)
  ]
  # Verifiers of opinion run no candidate; theirs is no level of the list.
  ranks = [
      levels.LEVELS.index(r['isolation'])
      for r in records
      if r['isolation'] in levels.LEVELS
  ]
  row = np.frombuffer(
      bytes([max(ranks, default=0)])
      + b''.join(digests)
      + said.encode()[:_SAID_BYTES].ljust(_SAID_BYTES, b'\0'),
      np.uint8,
  )
  rows = np.asarray(multihost_utils.process_allgather(row))
  rows = rows.reshape(jax.process_count(), row.size)
  first = rows[0].tobytes()
  for host, other in enumerate(rows):
    other = other.tobytes()
    if other[1:33] != first[1:33]:
      raise ValueError(
          f'host {host} verifies with {_said(other)} and host 0 with'
          f' {_said(first)}; install the same versions on every host'
      )
    if other[33:65] != first[33:65]:
      raise ValueError(
          f'host {host} has other problems or tests than host 0; start every'
          ' host with the same seed, files and versions'
      )
  weakest = levels.LEVELS[rows[:, 0].max()]
  logging.info(
      '%d hosts verify with %s; the weakest isolation level is %s.',
      len(rows), said, weakest,
  )
  return weakest


def _said(row: bytes) -> str:
  return row[65:].rstrip(b'\0').decode(errors='replace')


class Batch:
  """Candidates of one rollout, submitted one by one, judged together.

  With a deadline nothing here waits for the verifier but `collect`, and that
  no longer than it is told: neither a full queue, nor a dead pool, nor one that
  hangs holds up the host. Without one it is a dictionary of futures.
  """

  def __init__(self, verifier: Any, deadline_seconds: float | None = None):
    """Begins a batch.

    Args:
      verifier: submits; with a deadline it also makes a masked verdict, as
        `router.Router.error` does.
      deadline_seconds: what verdicts may take once all are submitted.
    """
    self._verifier = verifier
    self._seconds = deadline_seconds
    self._futures: dict[int, Any] = {}
    if deadline_seconds is not None:
      self._problems: dict[int, types.Problem] = {}
      self._over = threading.Event()
      self._candidates: queue.SimpleQueue = queue.SimpleQueue()
      self._done: queue.SimpleQueue = queue.SimpleQueue()
      threading.Thread(target=self._feed, daemon=True).start()

  def submit(self, row: int, problem: types.Problem, source: str) -> None:
    """Adds the candidate of a row."""
    if self._seconds is None:
      self._futures[row] = self._verifier.submit(problem, source)
    else:
      self._problems[row] = problem
      self._candidates.put((row, source))

  def _feed(self) -> None:
    """In a thread of its own, because a verifier may block who submits."""
    while not self._over.is_set():
      row, source = self._candidates.get()
      if source is None:
        return
      problem = self._problems[row]
      try:
        future = self._verifier.submit(problem, source)
      except RuntimeError as error:  # The pool is closed, or gets no thread.
        self._done.put((
            row, self._verifier.error(problem, 'worker_died', str(error))
        ))
      except Exception as error:  # pylint: disable=broad-exception-caught
        self._done.put((row, error))  # Of ours; raised where it is seen.
      else:
        future.add_done_callback(functools.partial(self._came, row))

  def _came(self, row: int, future) -> None:
    self._done.put((row, future.result()))

  def collect(self) -> dict[int, types.Verdict]:
    """Returns the verdict of every row; call it once."""
    if self._seconds is None:
      return {row: future.result() for row, future in self._futures.items()}
    end = time.monotonic() + self._seconds
    self._candidates.put((0, None))
    verdicts = {}
    with contextlib.suppress(queue.Empty):
      while len(verdicts) < len(self._problems):
        row, verdict = self._done.get(timeout=max(0, end - time.monotonic()))
        if isinstance(verdict, Exception):
          raise verdict
        verdicts[row] = verdict
    self._over.set()
    late = self._problems.keys() - verdicts.keys()
    if late:
      logging.warning(
          '%d of %d candidates have no verdict after %g s and are masked.',
          len(late), len(self._problems), self._seconds,
      )
    for row in late:
      verdicts[row] = self._verifier.error(
          self._problems[row], 'deadline', "the batch's deadline came first"
      )
    return verdicts
