"""The trusted end of a conversation against whatever a child may send."""

import json
import socket

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
