"""The trusted end of a conversation against whatever a child may send."""

import json
import socket
import threading
import time

from absl.testing import absltest
from absl.testing import parameterized
import hypothesis
from hypothesis import strategies as st

from swm_jax.verifiers import base
from swm_jax.verifiers.sandbox import conversation
from swm_jax.verifiers.sandbox import protocol

_SECRET = 'the expected value'
_CALLS = conversation.Calls([protocol.encode((1,))] * 2, [_SECRET] * 2)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)
_kinds = st.sampled_from(['ready', 'value', 'passed', *conversation.DETAIL])
_message = st.tuples(_kinds, st.lists(_json, max_size=3)).map(
    lambda pair: json.dumps([pair[0], *pair[1]]).encode()
)
_sent = st.lists(
    (st.binary(max_size=40) | _message.map(protocol.frame) | _message),
    max_size=4,
).map(b''.join)


# What an honest child would send, to be damaged.
_honest = st.lists(
    st.sampled_from([
        b'["ready"]',
        b'["value",' + protocol.encode('a wrong answer') + b']',
        b'["value",' + protocol.encode({1: [2.5, (b'x', None)]}) + b']',
        b'["value",' + protocol.encode({1, 2, (3, frozenset({4}))}) + b']',
        b'["exception","ValueError","text"]',
    ]),
    min_size=1,
    max_size=3,
).map(lambda bodies: b''.join(map(protocol.frame, bodies)))


@st.composite
def _damaged(draw):
  data = bytearray(protocol.frame(b'["ready"]') * draw(st.booleans()))
  data += draw(_honest)
  for _ in range(draw(st.integers(1, 4))):
    at = draw(st.integers(0, len(data)))
    match draw(st.sampled_from(['flip', 'cut', 'insert', 'copy', 'header'])):
      case 'flip' if at < len(data):
        data[at] ^= 1 << draw(st.integers(0, 7))
      case 'cut':
        del data[at : at + draw(st.integers(1, 9))]
      case 'insert':
        data[at:at] = draw(st.binary(min_size=1, max_size=9))
      case 'copy':
        data[at:at] = data[: draw(st.integers(0, len(data)))]
      case 'header':
        data[at : at + 4] = draw(
            st.sampled_from([0, 1, 2**16 + 15, 2**16 + 17, 2**31, 2**32 - 1])
        ).to_bytes(4, 'big')
  return bytes(data)


def _ask(data: bytes, chunk: int):
  """Returns what `ask` makes of a child that sends `data` in small pieces."""
  ours, theirs = socket.socketpair()

  def write():
    with theirs:
      for start in range(0, len(data), chunk):
        try:
          theirs.sendall(data[start : start + chunk])
        except OSError:
          return
      theirs.shutdown(socket.SHUT_WR)
      theirs.recv(1 << 16)

  writer = threading.Thread(target=write)
  with ours:
    ours.settimeout(10)
    writer.start()
    found = conversation.Conversation(ours).ask(b'[]', _CALLS.frames[0])
  writer.join()
  return found


def _hear(data: bytes):
  """Returns what `hold` makes of a child that sends `data` and closes."""
  ours, theirs = socket.socketpair()
  with ours, theirs:
    ours.settimeout(10)
    theirs.sendall(data)
    theirs.shutdown(socket.SHUT_WR)
    return conversation.Conversation(ours).hold(b'[]', _CALLS)


class ConversationTest(parameterized.TestCase):

  @hypothesis.settings(max_examples=300, deadline=None)
  @hypothesis.given(_sent)
  def test_random_bytes_never_raise_and_never_pay(self, data):
    found = _hear(data)
    if found is not None:
      reason, detail = found
      self.assertIn(reason, base.REASONS['fail'])
      self.assertIsInstance(detail, str)

  @hypothesis.settings(max_examples=400, deadline=None)
  @hypothesis.given(_damaged())
  def test_damaged_frames_never_raise_and_never_pay(self, data):
    found = _hear(data)
    if found is not None:
      self.assertIn(found[0], base.REASONS['fail'])

  @hypothesis.settings(max_examples=200, deadline=None)
  @hypothesis.given(_damaged() | _sent, st.integers(1, 30))
  def test_one_question_gets_plain_data_or_a_complaint(self, data, chunk):
    found, value = _ask(data, chunk)
    if found == ('passed', ''):
      # Whatever it is, it can be spelled again.
      protocol.encode(value, max_bytes=1 << 20)
    else:
      self.assertIsNone(value)
      if found is not None:
        self.assertIn(found[0], base.REASONS['fail'])

  def test_one_question(self):
    data = protocol.frame(b'["ready"]')
    ours, theirs = socket.socketpair()
    with ours, theirs:
      ours.settimeout(10)

      def answer():
        self.assertEqual(protocol.read_frame(theirs.recv), b'[]')
        theirs.sendall(data)
        self.assertEqual(protocol.read_frame(theirs.recv), b'["t"]')
        theirs.sendall(protocol.frame(b'["value",["t",1,2]]'))

      writer = threading.Thread(target=answer)
      writer.start()
      found = conversation.Conversation(ours).ask(b'[]', b'["t"]')
      writer.join()
    self.assertEqual(found, (('passed', ''), (1, 2)))

  def test_time_in_which_nobody_reads_is_not_our_own(self):
    ours, theirs = socket.socketpair()
    with ours, theirs:
      ours.settimeout(10)

      def read_late():
        time.sleep(0.5)
        with theirs:
          theirs.recv(10)

      reader = threading.Thread(target=read_late)
      reader.start()
      talk = conversation.Conversation(ours)
      self.assertIsNone(talk.hold(bytes(10_000_000), _CALLS))
      reader.join()
    self.assertLess(talk.own_seconds, 0.4)

  @parameterized.parameters(
      (b'', None),
      (b'\0\0\0', None),
      (protocol.frame(b'["ready"]'), None),
      (b'\xff\xff\xff\xff', 'output'),
      (protocol.frame(b'["passed"]'), 'forbidden'),
      (protocol.frame(b'["ready"]') * 2, 'forbidden'),
      (protocol.frame(b'["exception"]'), 'exception'),
      (protocol.frame(b'["exception","{0.x}","{9}"]'), 'exception'),
      (protocol.frame(b'["exception",[],{}]'), 'exception'),
      (protocol.frame(b'[["value"],1]'), 'forbidden'),
      (protocol.frame(b'null'), 'forbidden'),
  )
  def test_reason(self, data, reason):
    found = _hear(data)
    self.assertEqual(found and found[0], reason)


if __name__ == '__main__':
  absltest.main()
