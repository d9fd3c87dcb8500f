"""Verification on the machines of a Ray cluster, behind the pool's interface.

For tools that live on machines of their own, such as provers with large
libraries. Each slot of the pool is one Ray actor on one machine, which holds a
slot of the domain there; queue, cache, retries, back-pressure and deadlines are
the pool's. An actor that dies is a `worker_died`, and the retry gets another.

  verifier = ray_pool.RayVerifier('lean', resources={'lean': 1})
  with verifier.pool() as pool:
    ...

Candidates run in the sandbox of the machine that the actor is on. At the level
`rlimits` they could read Ray's token and reach its ports.
"""

from collections.abc import Mapping
import dataclasses
import functools
import hashlib
import importlib
import os
import pickle
import socket
import threading
from typing import Any

from absl import logging

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import catalog
from swm_jax.verifiers import pool as pool_lib

_CLOSE_SECONDS = 5.0
# A domain's own waits end at about 12 wall limits for each process that it
# runs; an actor that is silent for longer is lost.
_SILENCE = 60
_OBJECT_STORE_BYTES = 100 << 20  # Of a local Ray; texts go through it.


@dataclasses.dataclass(frozen=True)
class Description:
  """What an actor says of the verifier that it holds."""

  name: str
  version: str
  isolation: str
  limits: base.Limits
  machine: str


class _Actor:
  """Holds one slot of a domain, in a Ray worker on the tool's machine."""

  def __init__(self, domain: str, options: Mapping[str, Any]):
    self._domain, self._options = domain, options
    self._slot = None

  @functools.cached_property
  def _verifier(self) -> Any:
    return catalog.make(self._domain, **self._options)

  def describe(self) -> Description:
    """Opens the slot; raises `base.ToolMissing` and what a domain raises."""
    verifier = self._verifier
    if self._slot is None:
      self._slot = verifier.open_slot()
    return Description(
        verifier.name,
        verifier.version,
        verifier.isolation,
        verifier.limits,
        socket.gethostname(),
    )

  def verify(
      self, problem: types.Problem, completion: str, limits: base.Limits
  ) -> types.Verdict:
    return self._slot.verify(problem, completion, limits)

  def close(self) -> None:
    if self._slot is not None:
      self._slot.close()


class _Slot:
  """The pool's end of one actor."""

  def __init__(self, verifier: 'RayVerifier', actor: Any):
    self._verifier = verifier
    self._actor = actor
    self._described = False

  def verify(
      self, problem: types.Problem, completion: str, limits: base.Limits
  ) -> types.Verdict:
    try:
      if not self._described:
        # Not earlier, so that `abort` can end an actor that never starts.
        self._verifier.check(self._verifier.describe(self._actor))
        self._described = True
      return _ray().get(
          self._actor.verify.remote(problem, completion, limits),
          timeout=_SILENCE * (limits.cpu_seconds + limits.wall_seconds),
      )
    except _ray().exceptions.RayError as error:
      # The pool closes this slot and opens another.
      return base.make_verdict(
          self._verifier, types.ERROR, 'worker_died', detail=_reason(error)
      )

  def abort(self) -> None:
    _end(self._actor)

  def close(self) -> None:
    ray = _ray()
    if ray.is_initialized():  # Otherwise its actors are gone.
      try:
        ray.get(self._actor.close.remote(), timeout=_CLOSE_SECONDS)
      except ray.exceptions.RayError:
        pass  # It is dead, or will be.
    _end(self._actor)


class RayVerifier(pool_lib.Pooled):
  """A domain of `catalog` whose slots are Ray actors; see `base.Verifier`.

  Attributes:
    isolation: level on the machine of the first actor; every verdict carries
      that of its own.
    limits: what each candidate may spend.
  """

  def __init__(
      self,
      domain: str,
      *,
      num_cpus: float = 1.0,
      resources: Mapping[str, float] | None = None,
      options: Mapping[str, Any] | None = None,
      address: str | None = None,
      start_seconds: float = 120.0,
  ):
    """Connects to Ray, or starts one here, and starts the first actor.

    Args:
      domain: one of `catalog.NAMES`. Its tool is needed where the actors run,
        and not here.
      num_cpus: processors of each actor.
      resources: custom resources of each actor, e.g. `{'lean': 1}`, which the
        tool's machines were started with.
      options: of `catalog.make`, on the actors' machines.
      address: of the cluster. None for the one this process is connected to,
        else that of `RAY_ADDRESS`, else a new one on this machine.
      start_seconds: how long an actor may take to start.

    Raises:
      base.ToolMissing: if Ray is not installed, no machine offers the
        resources, or the tool is missing there.
      RuntimeError: if the first actor cannot start, e.g. because its machine
        cannot isolate candidates.
    """
    ray = _ray()
    self._start_seconds = start_seconds
    self._request = {'CPU': num_cpus, **(resources or {})}
    self._owns_ray = not ray.is_initialized()
    if self._owns_ray:
      _connect(address or os.environ.get('RAY_ADDRESS'))
    try:
      self._slots = self._count_slots()
      self._remote = ray.remote(_Actor).options(
          num_cpus=num_cpus,
          resources=dict(resources or {}),
          max_restarts=0,  # Retries are the pool's, which counts them.
          max_task_retries=0,
      )
      self._arguments = domain, dict(options or {})
      # The first slot takes it over.
      self._spare = [self._remote.remote(*self._arguments)]
      self._spare_lock = threading.Lock()
      try:
        first = self.describe(self._spare[0])
      except ray.exceptions.RayError as error:
        raise RuntimeError(
            f'the first {domain} actor did not start: {_reason(error)}'
        ) from error
    except BaseException:
      self.close()
      raise
    self.name = first.name
    self.version = first.version
    self.isolation = first.isolation
    self.limits = first.limits
    logging.info(
        'The verifier %s runs in up to %d Ray actors, at isolation level %s.',
        self.name, self._slots, self.isolation,
    )

  def _count_slots(self) -> int:
    """Number of actors that the machines of the cluster have room for."""
    count = 0
    for node in _ray().nodes():
      if node['Alive']:
        count += int(min(
            node['Resources'].get(name, 0) // amount
            for name, amount in self._request.items()
            if amount
        ))
    if not count:
      request = ', '.join(f'{k} {v:g}' for k, v in self._request.items())
      raise base.ToolMissing(
          f'no machine of the Ray cluster offers {request}; start one with'
          ' `ray start --address=HEAD --resources=...` that does'
      )
    return count

  def pool(self, slots: int | None = None) -> pool_lib.Pool:
    """Returns a new pool, by default of as many slots as the cluster has."""
    return pool_lib.Pool(self, slots=slots or self._slots)

  def open_slot(self) -> _Slot:
    if not _ray().is_initialized():
      raise RuntimeError('Ray was shut down')  # Or it would start by itself.
    with self._spare_lock:
      actor = self._spare.pop() if self._spare else None
    return _Slot(self, actor or self._remote.remote(*self._arguments))

  def describe(self, actor: Any) -> Description:
    """Waits until an actor has opened its slot.

    Raises:
      base.ToolMissing: if the tool is not on the actor's machine.
      ray.exceptions.RayError: if the actor cannot start.
    """
    try:
      return _ray().get(actor.describe.remote(), timeout=self._start_seconds)
    except base.ToolMissing as error:  # Of both classes.
      raise base.ToolMissing(str(error.cause)) from error

  def check(self, other: Description) -> None:
    """Raises `base.ToolMissing` if an actor verifies by another version."""
    if (other.name, other.version) != (self.name, self.version):
      raise base.ToolMissing(
          f'the machine {other.machine} verifies with {other.name}'
          f' {other.version} and the first one with {self.name}'
          f' {self.version}; install the same versions'
      )

  def fingerprint(self, problem: types.Problem) -> str:
    # The domain itself may be unable to live here. Equal problems may differ
    # in it, which costs a verification; unequal ones do.
    content = problem.entry_point, problem.prompt, problem.tests, problem.spec
    return hashlib.sha256(pickle.dumps(content)).hexdigest()

  def close(self) -> None:
    """Ends the actors, and Ray if this object started or joined it."""
    super().close()
    ray = _ray()
    for actor in getattr(self, '_spare', ()):
      _end(actor)
    if self._owns_ray and ray.is_initialized():
      ray.shutdown()


def _ray() -> Any:
  try:
    return importlib.import_module('ray')
  except ImportError as error:
    raise base.ToolMissing.package('ray', 'ray') from error


def _connect(address: str | None) -> None:
  if address:
    _ray().init(address=address, log_to_driver=False)
    return
  os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')
  _ray().init(
      include_dashboard=False,
      log_to_driver=False,
      object_store_memory=_OBJECT_STORE_BYTES,
  )


def _end(actor: Any) -> None:
  ray = _ray()
  if ray.is_initialized():
    ray.kill(actor)


def _reason(error: Exception) -> str:
  """The sentence in a Ray error, which comes with pages of stack."""
  cause = getattr(error, 'cause', None) or error
  lines = str(cause).strip().splitlines() or ['']
  return f'{type(cause).__name__}: {lines[0]}'
