"""The problem sources by name: what `tasks.domain` of a night can be.

A source is a module with

  NAME            value of `tasks.domain`
  DOMAIN          name of the verifier, see `swm_jax.verifiers.catalog`
  STOP_STRINGS    what ends a completion
  suite(seed)     every problem
  families()      family of every (type, template), see `base.split`

and, where they differ from the defaults below,

  COLUMN_ZERO     whether a line that starts in column 0 ends a completion
  UNRELATED_TYPES types that a night leaves alone unless told otherwise
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import importlib

from swm_jax import types
from swm_jax.tasks import base

_MODULES = {
    'python_functions': 'python_functions.catalog',
    'cpp': 'cpp',
    'smt': 'smt',
    'metamath': 'metamath',
    'coq': 'coq',
    'lean': 'lean',
    'circuits': 'circuits',
    'conventions': 'conventions.catalog',
    'molecular': 'molecular',
    'open_text': 'open_text',
}
NAMES = tuple(_MODULES)


@dataclasses.dataclass(frozen=True)
class Source:
  """One problem source.

  Attributes:
    name: value of `tasks.domain`.
    verifier: name of the verifier that judges it.
    stop_strings: what ends a completion.
    column_zero: whether a line that starts in column 0 ends a completion.
    unrelated_types: that a night leaves alone unless told otherwise.
    suite: maps a seed to every problem.
    families: returns the family of every (type, template).
  """

  name: str
  verifier: str
  stop_strings: tuple[str, ...]
  column_zero: bool
  unrelated_types: tuple[str, ...]
  suite: Callable[[int], Sequence[types.Problem]]
  families: Callable[[], Mapping[tuple[str, str], str]]

  def split(
      self, seed: int, unrelated_types: Sequence[str] = ()
  ) -> dict[str, list[types.Problem]]:
    """Splits the suite into day, held-out and unrelated problems.

    Args:
      seed: of the suite and of the split.
      unrelated_types: to leave alone; empty for the source's own choice.

    Raises:
      ValueError: for an unknown type, or if the suite is too small to split.
    """
    problems = self.suite(seed)
    known = dict.fromkeys(problem.type for problem in problems)
    unrelated_types = unrelated_types or self.unrelated_types
    unknown = sorted(set(unrelated_types) - known.keys())
    if unknown:
      raise ValueError(
          f'tasks.unrelated_types has unknown types {unknown}; {self.name} has'
          f' {list(known)}'
      )
    explored = [name for name in known if name not in unrelated_types]
    return base.split(problems, self.families(), seed, explored)


def load(name: str) -> Source:
  """Returns the source of a name.

  Raises:
    ValueError: there is none of this name.
  """
  if name not in _MODULES:
    raise ValueError(
        f'tasks.domain={name!r} is unknown; use one of {", ".join(NAMES)}'
    )
  module = importlib.import_module(f'swm_jax.tasks.{_MODULES[name]}')
  return Source(
      name=module.NAME,
      verifier=module.DOMAIN,
      stop_strings=tuple(module.STOP_STRINGS),
      column_zero=getattr(module, 'COLUMN_ZERO', False),
      unrelated_types=tuple(getattr(module, 'UNRELATED_TYPES', ())),
      suite=module.suite,
      families=module.families,
  )
