"""The interface of all verifiers and the closed set of reasons."""

from collections.abc import Iterable, Iterator
from concurrent import futures
import dataclasses
from typing import Any, Protocol

from swm_jax import types

# Reasons of each status. A verdict never carries another one.
REASONS = {
    types.PASS: ('passed',),
    types.FAIL: (
        'wrong_answer',  # An answer differs from the expected value.
        'exception',  # The candidate raised.
        'syntax',  # It does not parse.
        'missing',  # It does not define the entry point.
        'time',  # Beyond its processor or wall time.
        'memory',  # Beyond its memory.
        'output',  # The answer or the written files are too large.
        'forbidden',  # It ran into the sandbox or spoke outside the protocol.
        'refused',  # The answer is not plain data of exact types.
        'crash',  # The process ended without an answer.
    ),
    types.ERROR: (
        'worker_died',  # The verifier's own process failed.
        'overloaded',  # The host could not run the candidate in time.
        'tool_missing',  # What the verifier needs is not on this host.
        'deadline',  # The batch's deadline came first.
    ),
}
MAX_DETAIL = 500


class ToolMissing(RuntimeError):
  """The tool of a domain is not on this host; says what to install."""

  @classmethod
  def package(cls, name: str, extra: str) -> 'ToolMissing':
    """Builds the error for a Python package of one of the extras."""
    return cls(
        f'the Python package {name} is missing; install it with'
        f' ./launch/setup.sh --extras={extra}'
    )


@dataclasses.dataclass(frozen=True)
class Limits:
  """What one candidate may spend.

  Attributes:
    cpu_seconds: processor time; the verdict's clock.
    wall_seconds: wall time, less the time spent waiting for a processor: the
      back-stop against candidates that sleep.
    memory_bytes: address space.
  """

  cpu_seconds: float = 2.0
  wall_seconds: float = 7.0
  memory_bytes: int = 1 << 30


class Verifier(Protocol):
  """An oracle outside the model.

  Attributes:
    name: short and stable, e.g. `python`.
    version: of the verifier and the tool behind it; verdicts of different
      versions are not comparable.
    isolation: level that candidates run under.
  """

  name: str
  version: str
  isolation: str

  def verify(
      self, problem: types.Problem, completion: str
  ) -> types.Verdict:
    """Returns the verdict on one candidate; never raises for its sake."""

  def verify_batch(
      self,
      pairs: Iterable[tuple[types.Problem, str]],
      *,
      deadline_seconds: float | None = None,
  ) -> Iterator[tuple[int, types.Verdict]]:
    """Yields (index in `pairs`, verdict) as verdicts come."""

  def submit(
      self, problem: types.Problem, completion: str
  ) -> futures.Future[types.Verdict]:
    """Queues one candidate."""


class Slot(Protocol):
  """One place where candidates are verified, one at a time, in one thread."""

  def verify(
      self, problem: types.Problem, completion: str, limits: Limits
  ) -> types.Verdict:
    """Returns the verdict; a failure of the slot's own is status `error`."""

  def abort(self) -> None:
    """Ends a running `verify` early; from another thread, perhaps twice."""

  def close(self) -> None:
    """Ends everything that the slot started."""


class Domain(Protocol):
  """What a pool needs to know of a kind of problem."""

  name: str
  version: str
  isolation: str
  limits: Limits

  def open_slot(self) -> Slot:
    """Opens a slot; raises OSError or RuntimeError if it cannot."""

  def fingerprint(self, problem: types.Problem) -> str:
    """Text that changes whenever the problem's tests change."""


def make_verdict(
    domain: Any,
    status: str,
    reason: str,
    *,
    cpu_seconds: float = 0.0,
    wall_seconds: float = 0.0,
    detail: str = '',
    score: float = float('nan'),
    weak: bool = False,
) -> types.Verdict:
  """Builds a verdict of `domain`; checks the reason and cuts the detail.

  Every verdict of a domain whose attribute `weak` is true is weak.
  """
  if reason not in REASONS[status]:
    raise ValueError(f'{reason!r} is no reason for {status!r}')
  return types.Verdict(
      status,
      reason,
      domain.name,
      domain.version,
      domain.isolation,
      cpu_seconds=cpu_seconds,
      wall_seconds=wall_seconds,
      # Candidates can write lone surrogates into it; logs are UTF-8.
      detail=detail[:MAX_DETAIL].encode('utf-8', 'replace').decode(),
      score=score,
      weak=weak or getattr(domain, 'weak', False),
  )
