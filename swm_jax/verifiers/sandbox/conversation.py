"""The trusted end of one channel: asks, reads, compares, believes nothing."""

from collections.abc import Iterator, Sequence
import dataclasses
import select
import socket
import time
from typing import Any

from swm_jax.verifiers.sandbox import compare
from swm_jax.verifiers.sandbox import protocol

DETAIL = {
    'exception': 'raised {}: {}',
    'memory': 'raised {}: {}',
    'forbidden': 'raised {}: {}',
    'syntax': '{}: {}',
    'missing': 'does not define {}',
    'refused': 'answered with something else than plain data: {}',
    'output': 'answered with too much: {}',
}


@dataclasses.dataclass(frozen=True)
class Calls:
  """Prepared tests: encoded arguments and the values expected for them."""

  frames: Sequence[bytes]
  expected: Sequence[Any]


class _Ended(Exception):
  """The conversation is over; `found` is (reason, detail), None: no word."""

  def __init__(self, found: tuple[str, str] | None):
    super().__init__()
    self.found = found


class Conversation:
  """The trusted end of one channel.

  Attributes:
    own_seconds: time in which the child had to wait for us.
  """

  def __init__(self, channel: socket.socket):
    self._channel = channel
    self._poller = select.poll()
    self._poller.register(channel, select.POLLIN)
    self.own_seconds = 0.0
    self._heard = time.monotonic()

  def hold(self, opening: bytes, calls: Calls) -> tuple[str, str] | None:
    """Makes the calls up to the first wrong answer.

    Returns:
      (reason, detail), or None if the child ended without a word.
    """
    values = self._values(opening, calls.frames)
    try:
      for number, (expected, value) in enumerate(
          zip(calls.expected, values, strict=True)
      ):
        if not compare.same(expected, value):
          return 'wrong_answer', f'test {number} of {len(calls.frames)}'
    except _Ended as end:
      return end.found
    return 'passed', ''

  def ask(
      self, opening: bytes, body: bytes
  ) -> tuple[tuple[str, str] | None, Any]:
    """Makes one call; returns what `hold` does, and the value if it passed."""
    try:
      (value,) = self._values(opening, [body])
    except _Ended as end:
      return end.found, None
    return ('passed', ''), value

  def collect(
      self, opening: bytes, frames: Sequence[bytes]
  ) -> tuple[tuple[str, str] | None, list[tuple[str, Any]]]:
    """Makes all calls, also those after one that failed.

    Returns:
      What `hold` does, and (reason, value) of each call that was answered; the
      value is None unless the reason is `passed`.
    """
    answers = []
    try:
      for complaint, value in self._answers(opening, frames):
        answers.append((complaint[0] if complaint else 'passed', value))
    except _Ended as end:
      return end.found, answers
    return ('passed', ''), answers

  def _values(self, opening: bytes, frames: Sequence[bytes]) -> Iterator[Any]:
    """Opens and yields the decoded answer to each frame; raises `_Ended`."""
    for complaint, value in self._answers(opening, frames):
      if complaint:
        raise _Ended(complaint)
      yield value

  def _answers(
      self, opening: bytes, frames: Sequence[bytes]
  ) -> Iterator[tuple[tuple[str, str] | None, Any]]:
    """Opens; yields a complaint or a value a frame; may raise `_Ended`."""
    try:
      if (message := self._exchange(opening))[0] != 'ready':
        raise _Ended(_complaint(message))
      for body in frames:
        if (message := self._exchange(body))[0] != 'value':
          yield _complaint(message), None
          continue
        if len(message) != 2:
          raise protocol.Malformed('the answer is not one value')
        yield None, protocol.value_of(message[1])
    except protocol.TooLarge as error:
      raise _Ended(('output', str(error))) from error
    except protocol.Malformed as error:
      raise _Ended(('forbidden', str(error))) from error

  def _exchange(self, body: bytes) -> list[Any]:
    """Sends a frame and returns the message that answers it.

    Raises:
      _Ended: if the child is gone.
      protocol.TooLarge, protocol.Malformed: for what the child sent.
    """
    # Not the sending, which lasts as long as the child does not read.
    self.own_seconds += time.monotonic() - self._heard
    try:
      self._channel.sendall(protocol.frame(body))
      answer = protocol.read_frame(
          self._channel.recv, max_bytes=protocol.MAX_ANSWER_BYTES + 16
      )
    except (BrokenPipeError, ConnectionResetError):
      answer = None
    self._heard = time.monotonic()
    if answer is None:
      raise _Ended(None)
    if self._pending():
      raise protocol.Malformed('bytes came that were not asked for')
    tree = protocol.parse(answer)
    if type(tree) is not list or not tree or type(tree[0]) is not str:
      raise protocol.Malformed('the answer is not a message of the protocol')
    return tree

  def _pending(self) -> bool:
    if not self._poller.poll(0):
      return False
    try:  # Readable: bytes, or the end of the stream.
      return bool(self._channel.recv(1, socket.MSG_PEEK))
    except ConnectionResetError:
      return False


def _complaint(message: list[Any]) -> tuple[str, str]:
  """Reads a message that is not a value; all of them are failures."""
  reason, *words = message
  if reason not in DETAIL:
    raise protocol.Malformed('the answer is not a message of the protocol')
  words = [word if type(word) is str else '' for word in words]
  return reason, DETAIL[reason].format(*words[:2], *[''] * 2)
