"""Plain values as tagged JSON in length-prefixed frames.

The only thing that ever comes back from a process that ran a candidate is a
frame of this format. It can spell plain values of exact types and nothing else,
so decoding builds no foreign object and runs no foreign code.

`None`, `True`, `False`, `str` and small `int` are JSON's own; everything else
is a list whose first item is a one-letter tag:

  ["i", hex] int   ["f", hex] float   ["c", hex, hex] complex
  ["l", ...] list  ["t", ...] tuple   ["s", ...] set   ["z", ...] frozenset
  ["d", [k, v]...] dict    ["y", hex] bytes    ["a", hex] bytearray
  ["r", start, stop, step] range      ["u", hex] str with lone surrogates

This module is imported on both sides, so it needs nothing but the standard
library.
"""

import collections
from collections.abc import Callable
import json
from typing import Any

MAX_DEPTH = 24
MAX_ANSWER_BYTES = 64 * 1024
_HEADER_BYTES = 4
# Comparisons that one table may cost in vain.
_MAX_COLLISIONS, _MAX_NESTED_COLLISIONS = 1 << 16, 1 << 10
_SMALL_INT = 2**53  # JSON numbers up to here survive any reader.
# What honest programs count and group with; equal to a dict as Python has it.
_DICTS = (
    collections.Counter, collections.OrderedDict, collections.defaultdict,
)
_TEXT_TAGS = frozenset('iyauf')
_BAD = 'the answer is not a value of the protocol'


class Refused(ValueError):
  """The value is not plain data of an exact type, or nests too deeply."""


class TooLarge(ValueError):
  """The value does not fit the size limit."""


class Malformed(ValueError):
  """The bytes are not a frame or a value of this protocol."""


def _float_text(value: float) -> str:
  return value.hex()  # 'nan', 'inf', '-0x0.0p+0': exact for every double.


class _Encoder:
  """Turns one value into JSON-ready lists within a budget of characters."""

  def __init__(self, budget: int, scalar: type | tuple[()]):
    self.budget = budget
    self.scalar = scalar

  def spend(self, amount: int) -> None:
    # Checked while walking: a small graph of shared lists can unfold to 2^24.
    self.budget -= amount
    if self.budget < 0:
      raise TooLarge('the value does not fit the size limit')

  def items(self, tag: str, values: Any, depth: int) -> list[Any]:
    self.spend(6)
    return [tag, *[self.encode(value, depth + 1) for value in values]]

  def encode(self, value: Any, depth: int) -> Any:
    kind = type(value)  # Exact: a subclass may lie about itself.
    if value is None or kind is bool:
      self.spend(6)
      return value
    if kind is int:
      if -_SMALL_INT <= value <= _SMALL_INT:
        self.spend(len(str(value)) + 2)
        return value
      self.spend(value.bit_length() // 4 + 8)
      return ['i', hex(value)]  # Hex is linear in length; decimal is not.
    if kind is str:
      self.spend(len(value) + 4)
      if value.isascii():
        return value
      try:
        value.encode()
      except UnicodeEncodeError:
        data = value.encode('utf-8', 'surrogatepass')
        self.spend(2 * len(data))
        return ['u', data.hex()]
      return value
    if kind is float:
      self.spend(32)
      return ['f', _float_text(value)]
    if depth >= MAX_DEPTH:
      raise Refused(f'nested deeper than {MAX_DEPTH}')
    if kind is list:
      return self.items('l', value, depth)
    if kind is tuple:
      return self.items('t', value, depth)
    if kind is dict or kind in _DICTS:
      self.spend(6)
      pairs = []
      for key, item in value.items():
        self.spend(4)
        pairs.append([
            self.encode(key, depth + 1), self.encode(item, depth + 1)
        ])
      return ['d', *pairs]
    if kind is set:
      return self.items('s', value, depth)
    if kind is frozenset:
      return self.items('z', value, depth)
    if kind is bytes or kind is bytearray:
      self.spend(2 * len(value) + 8)
      return ['y' if kind is bytes else 'a', value.hex()]
    if kind is complex:
      self.spend(64)
      return ['c', _float_text(value.real), _float_text(value.imag)]
    if kind is range:
      return self.items('r', (value.start, value.stop, value.step), depth)
    if isinstance(value, self.scalar) and type(value.item()) is not kind:
      return self.encode(value.item(), depth)
    raise Refused(f'{kind.__name__} is not plain data')


def encode(
    value: Any,
    *,
    max_bytes: int = MAX_ANSWER_BYTES,
    scalar: type | tuple[()] = (),
) -> bytes:
  """Returns the bytes of a plain value.

  Args:
    value: built from None, bool, int, float, complex, str, bytes, bytearray,
      range, list, tuple, dict, set and frozenset; exact types, no subclasses.
    max_bytes: the longest encoding allowed.
    scalar: a class, NumPy's `generic`, whose members stand for the plain
      value that their `item()` returns.

  Raises:
    Refused: for another type, or nesting deeper than `MAX_DEPTH`.
    TooLarge: if it does not fit `max_bytes`.
  """
  tree = _Encoder(max_bytes, scalar).encode(value, 0)
  data = json.dumps(tree, separators=(',', ':')).encode()
  if len(data) > max_bytes:
    raise TooLarge('the value does not fit the size limit')
  return data


def _check_hashes(members: list[Any], *, nested: bool) -> None:
  """Refuses members whose hashes were chosen to make a table slow.

  Hashes of numbers are no secret: the multiples of 2^61 - 1 all have hash 0,
  and a table of n such members takes n^2 comparisons to build, each of which
  takes m^2 if they are tables of m such members themselves. Honest members
  collide a little: -1 and -2 do, and so do tuples of them.

  Args:
    members: of a set, or keys of a dictionary.
    nested: whether a table holds it or it holds tables.
  """
  allowed = _MAX_NESTED_COLLISIONS if nested else _MAX_COLLISIONS
  if len(members) ** 2 > allowed:
    counts = collections.Counter(map(hash, members)).values()
    if sum(count * count for count in counts) > len(members) + allowed:
      raise Malformed('the answer is a table of equal hashes')


def _decode(tree: Any, depth: int) -> Any:
  if tree is None or type(tree) in (bool, str, int):
    return tree
  if type(tree) is not list or not tree or type(tree[0]) is not str:
    raise Malformed(_BAD)  # JSON's own floats and objects included.
  if depth > MAX_DEPTH:
    raise Malformed(f'nested deeper than {MAX_DEPTH}')
  tag, *rest = tree
  if tag in _TEXT_TAGS and len(rest) == 1 and type(rest[0]) is str:
    text = rest[0]
    if tag == 'i':
      return int(text, 16)
    if tag == 'f':
      return float.fromhex(text)
    data = bytes.fromhex(text)
    if tag == 'u':
      return data.decode('utf-8', 'surrogatepass')
    return data if tag == 'y' else bytearray(data)
  if tag == 'c' and len(rest) == 2 and type(rest[0]) is type(rest[1]) is str:
    return complex(float.fromhex(rest[0]), float.fromhex(rest[1]))
  if tag == 'd':
    if any(type(pair) is not list or len(pair) != 2 for pair in rest):
      raise Malformed(_BAD)
    keys = [_decode(key, depth + 1) for key, _ in rest]
    _check_hashes(keys, nested=any(type(key) is frozenset for key in keys))
    items = [_decode(item, depth + 1) for _, item in rest]
    result = dict(zip(keys, items, strict=True))
    if len(result) != len(rest):
      raise Malformed('the answer repeats a dictionary key')
    return result
  if tag not in ('l', 't', 's', 'z', 'r'):
    raise Malformed(_BAD)
  values = [_decode(item, depth + 1) for item in rest]
  if tag == 'l':
    return values
  if tag == 't':
    return tuple(values)
  if tag == 'r':
    if len(values) != 3 or any(type(item) is not int for item in values):
      raise Malformed(_BAD)
    return range(*values)
  _check_hashes(
      values,
      nested=tag == 'z' and depth > 0
      or any(type(value) is frozenset for value in values),
  )
  result = set(values)
  if len(result) != len(values):
    raise Malformed('the answer repeats a member of a set')
  return result if tag == 's' else frozenset(result)


def parse(data: bytes) -> Any:
  """Returns the JSON tree in `data`.

  Raises:
    Malformed: for anything that is not JSON.
  """
  try:
    return json.loads(data)
  # A deep tree, a long integer and a bad escape are three exception types.
  except (ValueError, RecursionError, MemoryError) as error:
    raise Malformed(_BAD) from error


def value_of(tree: Any) -> Any:
  """Returns the plain value that a JSON tree spells.

  Raises:
    Malformed: for any tree that `encode` cannot have written.
  """
  try:
    return _decode(tree, 0)
  except Malformed:
    raise
  # Bad hex, an unhashable key, a zero step, a float out of range.
  except (ValueError, TypeError, OverflowError, RecursionError) as error:
    raise Malformed(_BAD) from error


def decode(data: bytes) -> Any:
  """Returns the plain value in `data`; raises `Malformed` for other bytes."""
  return value_of(parse(data))


def frame(data: bytes) -> bytes:
  """Returns `data` behind its length, four bytes, big-endian."""
  return len(data).to_bytes(_HEADER_BYTES, 'big') + data


def read_frame(
    read: Callable[[int], bytes], *, max_bytes: int | None = None
) -> bytes | None:
  """Reads one frame.

  Args:
    read: returns at most the given number of bytes, `b''` at the end.
    max_bytes: longest body accepted, None for no limit (trusted sender).

  Returns:
    The body, or None if the stream ended before the whole frame came.

  Raises:
    TooLarge: if the header announces more than `max_bytes`.
  """
  header = _read_exactly(read, _HEADER_BYTES)
  if header is None:
    return None
  length = int.from_bytes(header, 'big')
  if max_bytes is not None and length > max_bytes:
    raise TooLarge(f'a frame of {length} bytes; the limit is {max_bytes}')
  return _read_exactly(read, length)


def _read_exactly(read: Callable[[int], bytes], length: int) -> bytes | None:
  parts = []
  while length:
    part = read(min(length, 1 << 20))
    if not part:
      return None
    parts.append(part)
    length -= len(part)
  return b''.join(parts)
