"""The Python verifier: does a function give the expected answers?

Expected values stay here. A sandboxed process gets the source and one
input at a time and answers plain values, which are compared here. Problems that
ask for a value instead of a program are in `python_literals`.
"""

from collections.abc import Sequence
import dataclasses
import functools
import hashlib
import json
import platform
import threading
from typing import Any

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import pool as pool_lib
from swm_jax.verifiers import python_literals
from swm_jax.verifiers.sandbox import compare
from swm_jax.verifiers.sandbox import conversation
from swm_jax.verifiers.sandbox import levels
from swm_jax.verifiers.sandbox import protocol
from swm_jax.verifiers.sandbox import worker as worker_lib

_VERSION = '1'
_MAX_INPUT_BYTES = 16 << 20
_TRIES = 3  # of a program whose process failed


def prepare(
    tests: Sequence[tuple[Sequence[Any], Any]],
) -> tuple[conversation.Calls, str]:
  """Encodes tests once for many candidates.

  Returns:
    The calls and a digest of arguments and expected values.

  Raises:
    ValueError: if there are no tests or a value is not plain data.
  """
  if not tests:
    raise ValueError('a problem without tests verifies nothing')
  frames, expected, digest = [], [], hashlib.sha256()
  for number, (args, value) in enumerate(tests):
    try:
      frames.append(protocol.encode(tuple(args), max_bytes=_MAX_INPUT_BYTES))
      # Encoded for the digest, and to learn now that no answer could match.
      text = protocol.encode(value)
    except (protocol.Refused, protocol.TooLarge) as error:
      raise ValueError(f'test {number} cannot be used: {error}') from error
    # Decoded again, so that nobody can change it afterwards.
    expected.append(protocol.decode(text))
    digest.update(frames[-1] + b'\0' + text + b'\0')
  return conversation.Calls(tuple(frames), tuple(expected)), digest.hexdigest()


class _Slot:
  """A zygote without NumPy and, once a program names it, one with it.

  Forking is most of a verification, and half of that is NumPy's pages.
  """

  def __init__(self, domain: 'PythonVerifier'):
    self._domain = domain
    self._lock = threading.Lock()  # Of opening against aborting.
    self._aborted = False
    self._workers: dict[bool, worker_lib.Worker] = {}
    self._worker(False)

  def _worker(self, numpy: bool) -> worker_lib.Worker:
    if numpy not in self._workers:
      worker = worker_lib.Worker(
          self._domain.isolation, numpy=numpy
      )
      with self._lock:
        self._workers[numpy] = worker
        if self._aborted:
          worker.kill()
    return self._workers[numpy]

  def verify(
      self, problem: types.Problem, completion: str, limits: base.Limits
  ) -> types.Verdict:
    calls, _ = self._domain.prepared(problem)
    source, entry_point = completion, problem.entry_point
    try:
      if 'prefix' in problem.spec:
        value = python_literals.read(completion, problem.spec['prefix'])
        if 'program' not in problem.spec:
          return self._compared(calls, value)
        source, entry_point = problem.spec['program'], problem.spec['function']
        args = python_literals.arguments(problem.spec, value)
        calls = dataclasses.replace(calls, frames=(protocol.encode(args),))
      # A program that hides the name still gets NumPy, only later.
      outcome = self._worker('numpy' in source).run(
          source, entry_point, calls, limits
      )
    except python_literals.Refused as error:
      return base.make_verdict(
          self._domain, types.FAIL, error.reason, detail=str(error)
      )
    except (OSError, worker_lib.WorkerDied) as error:
      return base.make_verdict(
          self._domain, types.ERROR, 'worker_died', detail=str(error)
      )
    return base.make_verdict(
        self._domain,
        outcome.status,
        outcome.reason,
        cpu_seconds=outcome.cpu_seconds,
        wall_seconds=outcome.wall_seconds,
        detail=outcome.detail,
    )

  def _compared(
      self, calls: conversation.Calls, value: Any
  ) -> types.Verdict:
    """Judges a literal that no program is called on."""
    if compare.same(calls.expected[0], value):
      return base.make_verdict(self._domain, types.PASS, 'passed')
    return base.make_verdict(
        self._domain, types.FAIL, 'wrong_answer', detail='another value'
    )

  def abort(self) -> None:
    with self._lock:
      self._aborted = True
      for worker in self._workers.values():
        worker.kill()

  def close(self) -> None:
    for worker in self._workers.values():
      worker.close()


class PythonVerifier(pool_lib.Pooled):
  """Verifies Python functions on hidden inputs; see `base.Verifier`.

  Attributes:
    isolation: the level chosen for this host.
    limits: what each candidate may spend.
  """

  name = 'python'

  def __init__(
      self,
      *,
      limits: base.Limits = base.Limits(),
      require_level: str | None = None,
      allow_unsafe: bool = False,
  ):
    """Probes the host's sandbox levels (once a process, under a second).

    Args:
      limits: per candidate.
      require_level: weakest acceptable level, None for any with a wall.
      allow_unsafe: accept a host without any.

    Raises:
      RuntimeError: if the host has no acceptable level.
    """
    self.limits = limits
    self.isolation = levels.choose(
        require_level=require_level,
        allow_unsafe=allow_unsafe,
        allow_wasm=True,
    )
    interpreter = platform.python_version()
    if self.isolation == levels.WASM:
      interpreter = 'wasm'  # One of its own, pinned by the extra.
    self.version = f'{_VERSION}/{interpreter}'
    self._prepared: dict[str, tuple[Any, conversation.Calls, str]] = {}

  def prepared(
      self, problem: types.Problem
  ) -> tuple[conversation.Calls, str]:
    """Returns the problem's encoded calls and their digest, kept by id."""
    kept = self._prepared.get(problem.id)
    if kept is None or kept[0] is not problem.tests:
      kept = (problem.tests, *prepare(problem.tests))
      self._prepared[problem.id] = kept
    return kept[1:]

  def open_slot(self) -> _Slot:
    return _Slot(self)

  def fingerprint(self, problem: types.Problem) -> str:
    spec = ''
    if problem.spec:
      spec = json.dumps(dict(problem.spec), sort_keys=True)
    return f'{problem.entry_point}\0{self.prepared(problem)[1]}{spec}'


@dataclasses.dataclass(frozen=True)
class Answer:
  """What a program answered to one call.

  Attributes:
    reason: `passed`, or why there is no value, see `base.REASONS`.
    value: plain data, None unless the reason is `passed`.
  """

  reason: str
  value: Any = None

  @property
  def passed(self) -> bool:
    return self.reason == 'passed'


class Interpreter:
  """Runs programs confined for the sake of what they answer.

  A context manager that owns one process; not for two threads at once.
  """

  def __init__(
      self, isolation: str | None = None, limits: base.Limits = base.Limits()
  ):
    """Begins; the process starts with the first program.

    Args:
      isolation: a level of `levels.LEVELS` that this host has, say that of a
        running pool; None for the strongest.
      limits: of one program, all of its calls together.

    Raises:
      RuntimeError: if the host has no acceptable level.
    """
    self._isolation = isolation or levels.choose(allow_wasm=True)
    self._limits = limits
    self._worker: worker_lib.Worker | None = None

  def __enter__(self) -> 'Interpreter':
    return self

  def __exit__(self, *_: object) -> None:
    self.close()

  def answers(
      self,
      source: str,
      entry_point: str,
      inputs: Sequence[Sequence[Any]],
  ) -> list[Answer]:
    """Calls a function of a program on every input, in one fresh process.

    Args:
      source: the whole program; it is not trusted.
      entry_point: name of the function.
      inputs: argument tuples of plain values.

    Returns:
      One answer an input. After a call that ended the process all have its
      reason; `worker_died` and `overloaded` are no fault of the program.

    Raises:
      ValueError: if an argument is not plain data.
    """
    frames = [
        protocol.encode(tuple(args), max_bytes=_MAX_INPUT_BYTES)
        for args in inputs
    ]
    for _ in range(_TRIES):
      try:
        if self._worker is None:
          self._worker = worker_lib.Worker(self._isolation, numpy=False)
        outcome, found = self._worker.collect(
            source, entry_point, frames, self._limits
        )
      except (OSError, worker_lib.WorkerDied):
        self.close()
        outcome, found = None, []
        continue
      if outcome.status != types.ERROR:
        break
    reason = outcome.reason if outcome else 'worker_died'
    if reason == 'time':  # Beyond the limit even if all calls were answered.
      found = []
    answers = [Answer(*pair) for pair in found]
    return answers + [Answer(reason)] * (len(frames) - len(answers))

  def close(self) -> None:
    """Ends the process."""
    if self._worker is not None:
      self._worker.close()
      self._worker = None


@functools.cache
def _default_pool() -> pool_lib.Pool:
  return PythonVerifier().pool()


def verify_source(
    source: str,
    tests: Sequence[tuple[Sequence[Any], Any]],
    *,
    entry_point: str = 'solve',
    wall: float = 3.0,
) -> types.Verdict:
  """Verifies one program.

  Args:
    source: the whole program.
    tests: `(args, expected)` pairs of plain Python values.
    entry_point: name of the function that the tests call.
    wall: limit in seconds, of processor time and, as a back-stop, of wall time
      less the time spent waiting for a processor.

  Returns:
    The verdict. Equal questions are answered from a cache.

  Raises:
    ValueError: if the tests are empty or hold something else than plain data.
    RuntimeError: if this host cannot isolate programs.
  """
  _, digest = prepare(tests)
  problem = types.Problem(
      id=f'source/{digest}',
      type='source',
      template='source',
      prompt='',
      entry_point=entry_point,
      tests=tests,
  )
  limits = base.Limits(cpu_seconds=wall, wall_seconds=wall)
  return _default_pool().submit(problem, source, limits=limits).result()
