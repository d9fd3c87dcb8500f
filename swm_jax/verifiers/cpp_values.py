"""Plain Python values as words for a C++ function and back.

The words are those that `cpp_harness` describes. What comes back is parsed here
and nowhere trusted: exact words, no more and no fewer, or `Malformed`.
"""

import re
import struct
from typing import Any

_SCALARS = {
    'int': 'int',
    'long': 'long',
    'long long': 'long long',
    'int64_t': 'long long',
    'double': 'double',
    'bool': 'bool',
    'char': 'char',
    'string': 'std::string',
}
_INTEGER_BITS = {'int': 32, 'long': 64, 'long long': 64}
_MAX_DEPTH = 8
_WORD = re.compile(
    r'i(-?(?:0|[1-9]\d{0,19}))|b([01])|r([0-9a-f]{16})'
    r'|s((?:[0-9a-f]{2})*)|v(0|[1-9]\d{0,5})'
)


class Malformed(ValueError):
  """An answer outside the protocol."""


def cpp_type(text: str) -> str:
  """Returns the full C++ type of a parameter.

  Args:
    text: `int`, `long long`, `double`, `bool`, `char`, `string`, or a `vector`
      of one of these types or of vectors; `std::` may be left out.

  Raises:
    ValueError: for anything else.
  """
  plain = ' '.join(text.replace('std::', '').split())
  depth = 0
  while plain.startswith('vector<') and plain.endswith('>'):
    plain = plain[len('vector<'):-1].strip()
    depth += 1
  if plain not in _SCALARS or depth > _MAX_DEPTH:
    raise ValueError(
        f'{text!r} is no type of a function case; use int, long long, double, '
        'bool, char, string or vectors of them'
    )
  return 'std::vector<' * depth + _SCALARS[plain] + '>' * depth


def words(value: Any, kind: str) -> list[str]:
  """Returns an argument as the words of a question.

  Args:
    value: plain value; a list or tuple for a vector, a str of one byte for a
      char.
    kind: type as `cpp_type` returns it.

  Raises:
    ValueError: if the value is none of that type.
  """
  if kind.startswith('std::vector<') and type(value) in (list, tuple):
    inner = kind[len('std::vector<'):-1]
    found = [str(len(value))]
    for item in value:
      found += words(item, inner)
    return found
  if kind in _INTEGER_BITS and type(value) is int:
    half = 1 << (_INTEGER_BITS[kind] - 1)
    if -half <= value < half:
      return [str(value)]
  elif kind == 'double' and type(value) in (int, float):
    return [struct.pack('>d', value).hex()]
  elif kind == 'bool' and type(value) is bool:
    return [str(int(value))]
  elif kind in ('std::string', 'char') and type(value) is str:
    data = value.encode()
    if kind == 'std::string' or len(data) == 1:
      return [f's{data.hex()}']
  raise ValueError(f'{str(value)[:40]!r} is no {kind}')


def expectation(value: Any, kind: str) -> Any:
  """Returns the value that a right answer has.

  Args:
    value: as a test gives it.
    kind: type of the result, as `cpp_type` returns it.

  Raises:
    ValueError: if no result of that type could equal it.
  """
  words(value, kind)
  if kind.startswith('std::vector<'):
    inner = kind[len('std::vector<'):-1]
    return [expectation(item, inner) for item in value]
  return float(value) if kind == 'double' else value


def answer(found: list[str]) -> Any:
  """Returns the value that the words of an answer stand for.

  Vectors are lists, characters strings of length 1. Bytes that are no UTF-8
  become lone surrogates, which equal nothing expected.

  Raises:
    Malformed: if they are not the words of exactly one value.
  """
  rest = iter(found)
  value = _take(rest, 0)
  if next(rest, None) is not None:
    raise Malformed('more than one value')
  return value


def _take(rest: Any, depth: int) -> Any:
  match = _WORD.fullmatch(next(rest, ''))
  if match is None or depth > _MAX_DEPTH:
    raise Malformed('not a value of the protocol')
  integer, boolean, real, text, count = match.groups()
  if integer is not None:
    return int(integer)
  if boolean is not None:
    return boolean == '1'
  if real is not None:
    return struct.unpack('>d', bytes.fromhex(real))[0]
  if text is not None:
    return bytes.fromhex(text).decode('utf-8', 'surrogateescape')
  return [_take(rest, depth + 1) for _ in range(int(count))]
