"""The child's side of the conversation: load the program, answer the calls.

Runs beside the candidate, which may rewrite any of it: nothing here is
trusted. What it cannot do is know an expected value, because none is sent.

Frames to the child: the entry point, the source, then one encoded argument
tuple a call. Frames from the child: JSON `[kind, ...]` with kind `ready`,
`value`, `exception`, `syntax`, `missing`, `refused` or `output`.
"""

from collections.abc import Callable
import gc
import json
import os
import random
import sys
import types
from typing import Any

from swm_jax.verifiers.sandbox import protocol

MODULE = 'solution'  # Not `__main__`: scripts under that guard stay quiet.
_MAX_TEXT = 300
_EVENTS = (  # Exceptions that have a reason of their own.
    (MemoryError, 'memory'),
    (PermissionError, 'forbidden'),
)


def _describe(error: BaseException) -> list[str]:
  kind = 'exception'
  for event, name in _EVENTS:
    if isinstance(error, event):
      kind = name
  try:
    text = str(error)[:_MAX_TEXT]
  except BaseException:  # pylint: disable=broad-exception-caught
    text = ''  # The candidate's own `__str__`.
  return [kind, type(error).__name__[:_MAX_TEXT], text]


def _load(source: str, entry_point: str) -> Callable[..., Any] | list[str]:
  """Returns the function, or the frame that says why there is none."""
  try:
    # The memory and recursion errors are the parser's, not the program's.
    code = compile(source, '<candidate>', 'exec', dont_inherit=True)
  except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
    return ['syntax', *_describe(error)[1:]]
  module = types.ModuleType(MODULE)
  sys.modules[MODULE] = module  # Dataclasses and pickle look it up.
  try:
    exec(code, module.__dict__)  # pylint: disable=exec-used
  except BaseException as error:  # pylint: disable=broad-exception-caught
    return _describe(error)
  function = module.__dict__.get(entry_point)
  if not callable(function):
    return ['missing', entry_point[:_MAX_TEXT]]
  return function


def _answer(function: Callable[..., Any], args: Any) -> bytes:
  """Returns the frame body for one call."""
  try:
    value = function(*args)
    numpy = sys.modules.get('numpy')
    scalar = numpy.generic if numpy else ()
    return b'["value",' + protocol.encode(value, scalar=scalar) + b']'
  except protocol.Refused as error:
    return json.dumps(['refused', str(error)[:_MAX_TEXT]]).encode()
  except protocol.TooLarge as error:
    return json.dumps(['output', str(error)[:_MAX_TEXT]]).encode()
  except BaseException as error:  # pylint: disable=broad-exception-caught
    return json.dumps(_describe(error)).encode()


def converse(questions: int, answers: int) -> None:
  """Serves one candidate until the parent closes the channel.

  Args:
    questions: descriptor that frames come from.
    answers: descriptor that frames go to, perhaps the same.
  """

  def read(size: int) -> bytes:
    return os.read(questions, size)

  def send(body: bytes) -> None:
    data = memoryview(protocol.frame(body))
    while data:
      data = data[os.write(answers, data) :]

  # The same stream in every child; fork reseeds it from the system, but not
  # NumPy's, which the zygote has set.
  random.seed(0)
  entry_point, source = protocol.decode(protocol.read_frame(read))
  gc.enable()
  function = _load(source, entry_point)
  if isinstance(function, list):
    send(json.dumps(function).encode())
    return
  send(b'["ready"]')
  while (body := protocol.read_frame(read)) is not None:
    # Decoded afresh for every call: a mutated argument is gone.
    send(_answer(function, protocol.decode(body)))
