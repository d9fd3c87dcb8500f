"""How a run ends on SIGTERM: cleanly, with nothing durable lost.

What is durable stays, and what is being written has a temporary name, so that
leaving at once loses at most a wave of samples. Training defers the exit until
its state is saved.
"""

from collections.abc import Iterator
import contextlib
import signal
import sys

from absl import logging

_requested = False
_deferred = False


def exit_on_sigterm() -> None:
  """Makes SIGTERM end the process with status 143, at once or as deferred."""

  def handle(signum, frame):
    del signum, frame
    global _requested
    _requested = True
    if not _deferred:
      leave_if_requested()

  signal.signal(signal.SIGTERM, handle)


def requested() -> bool:
  """Whether SIGTERM came."""
  return _requested


def leave_if_requested() -> None:
  """Ends the process if SIGTERM came."""
  if _requested:
    leave()


def leave() -> None:
  """Ends the process as SIGTERM does."""
  logging.info('Terminated; the same command continues from here.')
  sys.exit(128 + signal.SIGTERM)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
  """Leaves it to the block when to end; its end is the last chance."""
  global _deferred
  _deferred = True
  try:
    yield
  finally:
    _deferred = False
  leave_if_requested()


def log_to_terminal() -> None:
  """Logs what the project says, and of its libraries the warnings alone."""
  logging.set_verbosity(logging.INFO)
  logging.get_absl_logger().addFilter(
      lambda record: 'site-packages' not in record.pathname
      or record.levelno >= logging.converter.STANDARD_WARNING
  )
