"""Drawn arguments of the problems' tests: each kind with its edge cases.

`cases(ints(), integer(1, 5))` is the `inputs` of a template whose function
takes a list of integers and an integer.
"""

from collections.abc import Callable, Sequence
import copy
import random
from typing import Any, NamedTuple

WORDS = (
    'apple', 'banana', 'cat', 'dog', 'eel', 'fig', 'grape', 'house', 'ink',
    'jelly', 'kiwi', 'level', 'moon', 'noon', 'otter', 'pepper', 'queen',
    'river', 'sun', 'tree', 'umbrella', 'violin', 'water', 'yellow', 'zebra',
    'a', 'be', 'sea', 'eye', 'tooth', 'letter', 'sing', 'running', 'played',
)  # pyformat: disable


class Argument(NamedTuple):
  """An argument of a function: values always tested, a way to draw more."""

  edges: tuple[Any, ...]
  draw: Callable[[random.Random], Any]


def cases(
    *arguments: Argument,
    count: int = 12,
    edges: Sequence[tuple[Any, ...]] = (),
) -> Callable[[random.Random], list[tuple[Any, ...]]]:
  """Makes the `inputs` of a template.

  Args:
    *arguments: one per argument of the function.
    count: number of argument tuples.
    edges: full argument tuples to test besides the arguments' own edges.

  Returns:
    A function that draws `count` tuples (more if there are more edges),
    distinct unless there are too few distinct ones.
  """
  most_edges = max(len(argument.edges) for argument in arguments)

  def draw_cases(rng: random.Random) -> list[tuple[Any, ...]]:
    drawn = [copy.deepcopy(tuple(case)) for case in edges]
    for i in range(most_edges):
      drawn.append(tuple(
          copy.deepcopy(a.edges[i]) if i < len(a.edges) else a.draw(rng)
          for a in arguments
      ))
    for _ in range(20 * count):
      if len(drawn) >= count:
        break
      case = tuple(argument.draw(rng) for argument in arguments)
      if case not in drawn:
        drawn.append(case)
    while len(drawn) < count:
      drawn.append(tuple(argument.draw(rng) for argument in arguments))
    return drawn

  return draw_cases


def one_of(*values: Any, edges: Sequence[Any] = ()) -> Argument:
  """Any of the values given."""
  return Argument(
      tuple(edges), lambda rng: copy.deepcopy(rng.choice(values))
  )


def integer(
    low: int = -12, high: int = 24, edges: Sequence[int] = ()
) -> Argument:
  """An integer in [low, high]."""
  return Argument(tuple(edges), lambda rng: rng.randint(low, high))


def boolean() -> Argument:
  return Argument((False, True), lambda rng: rng.random() < 0.5)


def list_of(
    item: Argument,
    shortest: int = 0,
    longest: int = 8,
    edges: Sequence[Sequence[Any]] | None = None,
) -> Argument:
  """A list of drawn items.

  Args:
    item: draws the items.
    shortest: least length.
    longest: greatest length.
    edges: lists always tested; by default the empty list, if it is allowed.

  Returns:
    The argument.
  """
  if edges is None:
    edges = ([],) if shortest == 0 else ()

  def draw(rng: random.Random) -> list[Any]:
    length = rng.randint(max(shortest, 1), longest)
    return [item.draw(rng) for _ in range(length)]

  return Argument(tuple(edges), draw)


def ints(
    low: int = -5, high: int = 15, shortest: int = 0, longest: int = 8,
    edges: Sequence[Sequence[int]] | None = None,
) -> Argument:
  """A list of integers in [low, high].

  The default edges repeat values and hold the constants that templates compare
  with most.
  """
  if edges is None:
    edges = [
        edge for edge in ([], [0], [3, 3, 5, 5, 10], [2, 4, 8, 12, 1])
        if len(edge) >= shortest and all(low <= x <= high for x in edge)
    ]
  return list_of(integer(low, high), shortest, longest, edges)


def word(edges: Sequence[str] = ('',)) -> Argument:
  """A lower-case English word; the empty string is tested too."""
  return Argument(tuple(edges), lambda rng: rng.choice(WORDS))


def words(
    shortest: int = 0, longest: int = 6,
    edges: Sequence[Sequence[str]] | None = None,
) -> Argument:
  """A list of lower-case words."""
  return list_of(word(), shortest, longest, edges)


def sentence(edges: Sequence[str] = ('',), longest: int = 6) -> Argument:
  """Lower-case words joined by single spaces."""

  def draw(rng: random.Random) -> str:
    return ' '.join(rng.choice(WORDS) for _ in range(rng.randint(1, longest)))

  return Argument(tuple(edges), draw)


def letters(
    alphabet: str, shortest: int = 1, longest: int = 10,
    edges: Sequence[str] = ('',),
) -> Argument:
  """A string of characters drawn from an alphabet."""

  def draw(rng: random.Random) -> str:
    length = rng.randint(shortest, longest)
    return ''.join(rng.choice(alphabet) for _ in range(length))

  return Argument(tuple(edges), draw)


def distinct_ints(
    low: int = -12, high: int = 24, shortest: int = 1, longest: int = 8,
    step: int = 1,
) -> Argument:
  """A list of different integers, multiples of `step`, in [low, high]."""
  values = [x for x in range(low, high + 1) if x % step == 0]

  def draw(rng: random.Random) -> list[int]:
    return rng.sample(values, rng.randint(shortest, longest))

  return Argument(([],) if shortest == 0 else (), draw)
