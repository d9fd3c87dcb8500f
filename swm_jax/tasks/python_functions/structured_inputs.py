"""Drawn arguments with structure: mixed text, pairs, dictionaries, tables.

They extend `inputs.py`, whose `Argument` and `cases` they use.
"""

from collections.abc import Callable, Mapping, Sequence
import random
from typing import Any

from swm_jax.tasks.python_functions import inputs

# Draws for each wanted item that differs from the others; fewer different ones
# than wanted make a shorter result.
_TRIES = 20


def text(edges: Sequence[str] = ('', 'a', 'B2')) -> inputs.Argument:
  """Words in lower, upper and title case, and numbers, with single spaces."""

  def draw(rng: random.Random) -> str:
    pieces = []
    for _ in range(rng.randint(1, 4)):
      word = rng.choice(inputs.WORDS)
      pieces.append(rng.choice(
          (word, word.upper(), word.capitalize(), str(rng.randint(0, 99)))
      ))
    return ' '.join(pieces)

  return inputs.Argument(tuple(edges), draw)


def padded(item: inputs.Argument, fill: str = ' ') -> inputs.Argument:
  """A drawn string with up to two fill characters at each end."""

  def draw(rng: random.Random) -> str:
    left, right = rng.randint(0, 2), rng.randint(0, 2)
    return fill * left + item.draw(rng) + fill * right

  return inputs.Argument(item.edges, draw)


def joined(
    item: inputs.Argument, separators: Sequence[str], shortest: int = 1,
    longest: int = 5, edges: Sequence[str] = (),
) -> inputs.Argument:
  """Drawn items as text, a drawn separator between neighbours."""

  def draw(rng: random.Random) -> str:
    drawn = str(item.draw(rng))
    for _ in range(rng.randint(shortest, longest) - 1):
      drawn += rng.choice(separators) + str(item.draw(rng))
    return drawn

  return inputs.Argument(tuple(edges), draw)


def distinct_lengths(
    shortest: int = 1, longest: int = 5, edges: Sequence[Sequence[str]] = (),
) -> inputs.Argument:
  """A list of words no two of which are equally long, so none are tied."""

  def draw(rng: random.Random) -> list[str]:
    by_length = {}
    for word in rng.sample(inputs.WORDS, len(inputs.WORDS)):
      by_length.setdefault(len(word), word)
    drawn = list(by_length.values())[:rng.randint(shortest, longest)]
    return rng.sample(drawn, len(drawn))

  return inputs.Argument(tuple(edges), draw)


def distinct(
    item: inputs.Argument, shortest: int = 1, longest: int = 6,
    edges: Sequence[Sequence[Any]] = (),
) -> inputs.Argument:
  """A list of different drawn items."""

  def draw(rng: random.Random) -> list[Any]:
    length, drawn = rng.randint(shortest, longest), []
    for _ in range(_TRIES * length):
      candidate = item.draw(rng)
      if len(drawn) < length and candidate not in drawn:
        drawn.append(candidate)
    return drawn

  return inputs.Argument(tuple(edges), draw)


def mapped(
    function: Callable[[Any], Any], argument: inputs.Argument
) -> inputs.Argument:
  """What the function makes of a drawn argument, edges included."""
  return inputs.Argument(
      tuple(function(edge) for edge in argument.edges),
      lambda rng: function(argument.draw(rng)),
  )


def tuple_of(
    *items: inputs.Argument, edges: Sequence[tuple[Any, ...]] = ()
) -> inputs.Argument:
  """A tuple of one draw of each item."""
  return inputs.Argument(
      tuple(edges), lambda rng: tuple(item.draw(rng) for item in items)
  )


def dict_of(
    key: inputs.Argument, value: inputs.Argument, shortest: int = 0,
    longest: int = 6, edges: Sequence[Mapping[Any, Any]] | None = None,
    distinct_values: bool = False,
) -> inputs.Argument:
  """A dictionary of drawn keys and values.

  Args:
    key: draws the keys.
    value: draws the values.
    shortest: least number of keys.
    longest: greatest number of keys.
    edges: dictionaries always tested; by default the empty one, if allowed.
    distinct_values: draw no value twice, so that no two keys are tied.

  Returns:
    The argument.
  """
  if edges is None:
    edges = ({},) if shortest == 0 else ()

  def draw(rng: random.Random) -> dict[Any, Any]:
    length, drawn = rng.randint(max(shortest, 1), longest), {}
    for _ in range(_TRIES * length):
      candidate = value.draw(rng)
      tied = distinct_values and candidate in drawn.values()
      if len(drawn) < length and not tied:
        drawn[key.draw(rng)] = candidate
    return drawn

  return inputs.Argument(tuple(edges), draw)


def table(
    item: inputs.Argument, rows: tuple[int, int] = (1, 4),
    columns: tuple[int, int] = (2, 4),
    edges: Sequence[Sequence[Sequence[Any]]] = (), square: bool = False,
) -> inputs.Argument:
  """A list of equally long rows of drawn items."""

  def draw(rng: random.Random) -> list[list[Any]]:
    height = rng.randint(*rows)
    width = height if square else rng.randint(*columns)
    return [[item.draw(rng) for _ in range(width)] for _ in range(height)]

  return inputs.Argument(tuple(edges), draw)
