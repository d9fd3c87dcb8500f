"""The trusted end of one channel: asks, reads, compares, believes nothing."""

from collections.abc import Sequence
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

  def _ask(self, body: bytes) -> list[Any] | None:
    """Sends a frame and returns the answer; None if the child is gone.

    Raises:
      protocol.TooLarge, protocol.Malformed: for what the child sent.
    """
    try:
      self._channel.sendall(protocol.frame(body))
      self.own_seconds += time.monotonic() - self._heard
      answer = protocol.read_frame(
          self._channel.recv, max_bytes=protocol.MAX_ANSWER_BYTES + 16
      )
    except (BrokenPipeError, ConnectionResetError):
      answer = None
    self._heard = time.monotonic()
    if answer is None:
      return None
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

  def hold(self, opening: bytes, calls: Calls) -> tuple[str, str] | None:
    """Returns (reason, detail), or None if the child ended without a word."""
    try:
      message = self._ask(opening)
      if message is None or message[0] != 'ready':
        return message and _complaint(message)
      for number, (body, expected) in enumerate(
          zip(calls.frames, calls.expected, strict=True)
      ):
        message = self._ask(body)
        if message is None or message[0] != 'value':
          return message and _complaint(message)
        if len(message) != 2:
          raise protocol.Malformed('the answer is not one value')
        if not compare.same(expected, protocol.value_of(message[1])):
          return 'wrong_answer', f'test {number} of {len(calls.frames)}'
    except protocol.TooLarge as error:
      return 'output', str(error)
    except protocol.Malformed as error:
      return 'forbidden', str(error)
    return 'passed', ''


def _complaint(message: list[Any]) -> tuple[str, str]:
  """Reads a message that is not a value; all of them are failures."""
  reason, *words = message
  if reason not in DETAIL:
    raise protocol.Malformed('the answer is not a message of the protocol')
  words = [word if type(word) is str else '' for word in words]
  return reason, DETAIL[reason].format(*words[:2], *[''] * 2)
