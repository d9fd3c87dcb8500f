"""Round trips, refusals and bytes from nowhere."""

import io
import itertools
import math
import random
import struct
import time

from absl.testing import absltest
from absl.testing import parameterized
import hypothesis
from hypothesis import strategies as st
import numpy as np

from swm_jax.verifiers.sandbox import compare
from swm_jax.verifiers.sandbox import protocol

_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(st.characters(), max_size=20)
    | st.binary(max_size=20)
)
_hashable = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3).map(tuple)
    | st.frozensets(inner, max_size=3),
    max_leaves=6,
)
_values = st.recursive(
    _scalars | st.binary(max_size=9).map(bytearray),
    lambda inner: st.lists(inner, max_size=4)
    | st.lists(inner, max_size=4).map(tuple)
    | st.sets(_hashable, max_size=4)
    | st.dictionaries(_hashable, inner, max_size=4)
    | st.builds(range, st.integers(), st.integers(), st.integers(1, 9)),
    max_leaves=20,
)
_fuzz = hypothesis.settings(max_examples=150, deadline=None)


def _spelling(value):
  """A text that tells exact types and bits apart."""
  if isinstance(value, float):
    return struct.pack('>d', value).hex() if value == value else 'nan'
  if isinstance(value, complex):
    return f'c{_spelling(value.real)},{_spelling(value.imag)}'
  kind = type(value).__name__
  if isinstance(value, dict):
    items = sorted(f'{_spelling(k)}:{_spelling(v)}' for k, v in value.items())
    return f'{kind}{items}'
  if isinstance(value, set | frozenset):
    return f'{kind}{sorted(map(_spelling, value))}'
  if isinstance(value, list | tuple):
    return f'{kind}{[_spelling(item) for item in value]}'
  return f'{kind}:{value!r}'


class ProtocolTest(parameterized.TestCase):

  @_fuzz
  @hypothesis.given(_values)
  def test_plain_values_come_back_bit_for_bit(self, value):
    back = protocol.decode(protocol.encode(value))
    self.assertEqual(_spelling(back), _spelling(value))

  @_fuzz
  @hypothesis.given(st.binary(max_size=200))
  def test_random_bytes_raise_nothing_but_malformed(self, data):
    try:
      protocol.decode(data)
    except protocol.Malformed:
      pass

  @_fuzz
  @hypothesis.given(
      st.recursive(
          st.none()
          | st.booleans()
          | st.integers()
          | st.floats()
          | st.text(max_size=6)
          | st.sampled_from(['i', 'f', 'c', 'd', 's', 'z', 'r', 'y', 'u', 'l']),
          lambda inner: st.lists(inner, max_size=5)
          | st.dictionaries(st.text(max_size=3), inner, max_size=3),
          max_leaves=15,
      )
  )
  def test_random_json_raises_nothing_but_malformed(self, tree):
    try:
      protocol.value_of(tree)
    except protocol.Malformed:
      pass

  @parameterized.parameters(
      b'["f","0x1p99999"]',
      b'["i","zz"]',
      b'["s",["l"]]',
      b'["s",1,1]',
      b'["d",[1,2],[true,3]]',
      b'["d",[["l"],1]]',
      b'["r",1,2,0]',
      b'["y","0"]',
      b'["u","ff"]',
      b'["ya","00"]',
      b'["",1]',
      b'[]',
      b'{}',
      b'1.5',
      b'[' * 60_000,
      b'9' * 60_000,
      b'["l",' * 30 + b'1' + b']' * 30,
      b'"\xff"',
      b'',
  )
  def test_malformed(self, data):
    with self.assertRaises(protocol.Malformed):
      protocol.decode(data)

  @parameterized.parameters(
      '["s",{}]',
      '["z",{}]',
      '["d",{}]',
      '["s",["z",{}],1]',
  )
  def test_tables_of_equal_hashes_are_refused_before_they_are_built(self, text):
    multiples = [f'["i","{k * (2**61 - 1):x}"]' for k in range(1, 2000)]
    if '"d"' in text:
      multiples = [f'[{item},0]' for item in multiples]
    data = text.format(','.join(multiples)).encode()
    start = time.process_time()
    with self.assertRaisesRegex(protocol.Malformed, 'equal hashes'):
      protocol.decode(data)
    self.assertLess(time.process_time() - start, 0.1)

  def test_honest_tables_with_some_equal_hashes_pass(self):
    # hash(-1) == hash(-2), and so on for all tuples of them.
    grid = set(itertools.product((-2, -1), repeat=8))
    self.assertLen(set(map(hash, grid)), 1)
    multiples = {k * (2**61 - 1) for k in range(20)}
    subsets = {
        frozenset(chosen)
        for size in range(5)
        for chosen in itertools.combinations(range(-4, 4), size)
    }
    for value in (grid, dict.fromkeys(grid), multiples, subsets):
      self.assertEqual(protocol.decode(protocol.encode(value)), value)

  def test_subclasses_and_objects_are_refused(self):
    class Liar(int):
      pass

    for value in (Liar(1), object(), len, [Liar(1)], (x for x in ()), int):
      with self.assertRaises(protocol.Refused):
        protocol.encode(value)

  def test_depth_and_size_are_limited_before_the_work_is_done(self):
    deep = 1
    for _ in range(protocol.MAX_DEPTH):
      deep = [deep]
    protocol.decode(protocol.encode(deep))
    with self.assertRaises(protocol.Refused):
      protocol.encode([deep])
    shared = [1]
    for _ in range(20):  # 2^20 leaves, 21 lists.
      shared = [shared, shared]
    for large in (shared, 'a' * 10**6, [0] * 10**6, 1 << 10**6):
      with self.assertRaises(protocol.TooLarge):
        protocol.encode(large)

  def test_numpy_scalars_become_python_numbers_on_request(self):
    value = [np.int64(3), np.float32(0.5), np.bool_(True)]
    back = protocol.decode(protocol.encode(value, scalar=np.generic))
    self.assertEqual(_spelling(back), _spelling([3, 0.5, True]))
    with self.assertRaises(protocol.Refused):
      protocol.encode(np.longdouble(1), scalar=np.generic)
    with self.assertRaises(protocol.Refused):
      protocol.encode(np.arange(3), scalar=np.generic)

  def test_frames(self):
    stream = io.BytesIO(protocol.frame(b'abc') + protocol.frame(b''))
    self.assertEqual(protocol.read_frame(stream.read, max_bytes=3), b'abc')
    self.assertEqual(protocol.read_frame(stream.read), b'')
    self.assertIsNone(protocol.read_frame(stream.read))
    with self.assertRaises(protocol.TooLarge):
      protocol.read_frame(io.BytesIO(b'\xff' * 9).read, max_bytes=8)
    self.assertIsNone(protocol.read_frame(io.BytesIO(b'\0\0\0\x09x').read))


class SameTest(parameterized.TestCase):

  @_fuzz
  @hypothesis.given(_values)
  def test_a_value_is_the_same_as_its_copy(self, value):
    copy = protocol.decode(protocol.encode(value))
    hypothesis.assume('nan' not in _spelling(value))
    self.assertTrue(compare.same(value, copy))

  @parameterized.parameters(
      (2, 2.0),
      (2.0, 2),
      (1.0, 1.0 + 1e-7),
      (0.0, 1e-10),
      (math.nan, math.nan),
      (math.inf, math.inf),
      ([1.0, (2,)], [1, (2.0,)]),
      ({1: 'a', 2: 'b'}, {2: 'b', 1: 'a'}),
      ({1.0}, {1}),
      (1j, 1j * (1 + 1e-8)),
      (complex(1, 0), 1),
      (10**400, 10**400),
  )
  def test_equal(self, expected, got):
    self.assertTrue(compare.same(expected, got))

  @parameterized.parameters(
      (1, True),
      (True, 1),
      (False, 0.0),
      (0, None),
      (3, 3.0000001),
      (1.0, 1.001),
      (1.0, math.nan),
      (math.nan, 1.0),
      (math.inf, -math.inf),
      (1.0, 10**400),
      ('1', 1),
      ('a', b'a'),
      (b'a', bytearray(b'a')),
      ([1], (1,)),
      ((), []),
      ([1], [1, 1]),
      ({1}, frozenset({1})),
      ({1}, {True}),
      ({(1, 2)}, {(True, 2)}),
      ({1: 2}, {True: 2}),
      ({1: 2}, {1: True}),
      ({1: 2}, {1: 2, 3: 4}),
      (range(3), [0, 1, 2]),
      (1, 1 + 1j),
  )
  def test_different(self, expected, got):
    self.assertFalse(compare.same(expected, got))

  def test_order_of_sets_and_keys_does_not_matter(self):
    items = [(k, str(k)) for k in range(50)]
    random.Random(0).shuffle(items)
    self.assertTrue(
        compare.same({k: str(k) for k in range(50)}, dict(items))
    )


if __name__ == '__main__':
  absltest.main()
