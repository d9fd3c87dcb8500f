"""Few programs out of many: verified, unlike each other, short and long.

The value of a set is the sum of three terms, each between 0 and 1: the mean
reward, the share of the pool's n-grams that the set covers, and how evenly its
lengths are spread. All of them are monotone and submodular, so that the greedy
choice has at least 1 - 1/e of the largest value, and all of it if the terms
that are not modular are equal for every set.

References:
  Nemhauser, Wolsey and Fisher, An analysis of approximations for maximizing
    submodular set functions, 1978, https://doi.org/10.1007/BF01588971
  Wang, Lu and Wang, Rooted absorbed prefix trajectory balance with submodular
    replay, 2026, https://arxiv.org/abs/2603.00454 (reward, diversity and
    length in one objective; the terms here are our own)
"""

from collections.abc import Sequence
import collections
import dataclasses
import math
import re

_WORD = re.compile(r'\w+')
_GRAM = 3


@dataclasses.dataclass(frozen=True)
class Item:
  """What the choice knows of a program.

  Attributes:
    reward: between 0 and 1.
    grams: n-grams of its canonical form.
    length: tokens.
  """

  reward: float
  grams: frozenset[tuple[str, ...]]
  length: int


def grams(form: str) -> frozenset[tuple[str, ...]]:
  """Runs of three words of a canonical form; of a Python tree, three nodes."""
  words = _WORD.findall(form)
  return frozenset(
      tuple(words[i : i + _GRAM])
      for i in range(max(1, len(words) - _GRAM + 1))
  )


class Value:
  """The value of sets of at most `size` items out of a pool."""

  def __init__(self, pool: Sequence[Item], size: int):
    self._pool, self._size = pool, size
    self._grams = len(frozenset().union(*(item.grams for item in pool)))
    # Lengths are alike when they have as many binary digits.
    self._bins = len({item.length.bit_length() for item in pool})

  def __call__(self, chosen: Sequence[int]) -> float:
    """The value of the items with these indices; 0 of none."""
    items = [self._pool[i] for i in chosen]
    if not items:
      return 0.0
    covered = len(frozenset().union(*(item.grams for item in items)))
    counts = collections.Counter(item.length.bit_length() for item in items)
    spread = sum(map(math.sqrt, counts.values()))
    return (
        sum(item.reward for item in items) / self._size
        + covered / max(self._grams, 1)
        # At most 1, by the inequality of Cauchy and Schwarz.
        + spread / math.sqrt(self._size * self._bins)
    )


def greedy(pool: Sequence[Item], size: int) -> list[int]:
  """Indices of a good set, in the order of choice; ties to the earlier item.

  Every beginning of it is the greedy choice of that size too, but for the
  terms' shares, which depend on `size`.
  """
  size = min(size, len(pool))
  value = Value(pool, max(size, 1))
  chosen: list[int] = []
  left = list(range(len(pool)))
  while len(chosen) < size:
    best = max(left, key=lambda i: value([*chosen, i]))
    chosen.append(best)
    left.remove(best)
  return chosen
