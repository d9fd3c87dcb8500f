"""Whether a decoded answer is the expected value."""

import math
from typing import Any


def same(
    expected: Any,
    got: Any,
    *,
    rel_tol: float = 1e-6,
    abs_tol: float = 1e-9,
) -> bool:
  """Whether a decoded answer equals the expected value.

  Containers, str and bytes must have the expected type exactly, and bool is
  never a number. Numbers compare as Python's `==` does, so 2 equals 2.0;
  where a float or complex is *expected* the answer may differ by the
  tolerance. NaN equals NaN only where NaN is expected. Members of sets and
  keys of dictionaries compare without tolerance.

  Args:
    expected: plain value of the trusted side.
    got: plain value decoded from the candidate's answer.
    rel_tol: relative tolerance for expected floats.
    abs_tol: absolute tolerance for expected floats.
  """
  kind = type(expected)
  if kind in (int, float, complex):
    if type(got) not in (int, float, complex):
      return False
    if kind is int:
      return expected == got
    return _close(expected, got, rel_tol, abs_tol)
  if type(got) is not kind:
    return False
  if kind in (list, tuple):
    return len(expected) == len(got) and all(
        same(a, b, rel_tol=rel_tol, abs_tol=abs_tol)
        for a, b in zip(expected, got, strict=True)
    )
  if kind is dict:
    if len(expected) != len(got):
      return False
    found = {key: (key, item) for key, item in got.items()}
    for key, item in expected.items():
      if key not in found or not _identical(key, found[key][0]):
        return False
      if not same(item, found[key][1], rel_tol=rel_tol, abs_tol=abs_tol):
        return False
    return True
  if kind in (set, frozenset):
    if len(expected) != len(got):
      return False
    members = {item: item for item in got}
    return all(
        item in members and _identical(item, members[item])
        for item in expected
    )
  return expected == got


def _identical(a: Any, b: Any) -> bool:
  """Equality of hashables without tolerance; `True` is not `1`."""
  return same(a, b, rel_tol=0.0, abs_tol=0.0)


def _close(
    expected: float | complex, got: Any, rel_tol: float, abs_tol: float
) -> bool:
  expected = complex(expected)
  try:
    parts = complex(got)
  except OverflowError:  # An int beyond the floats is near none of them.
    return False
  return all(
      (math.isnan(a) and math.isnan(b))
      or math.isclose(a, b, rel_tol=rel_tol, abs_tol=abs_tol)
      for a, b in ((expected.real, parts.real), (expected.imag, parts.imag))
  )
