"""A proposal, and how it is kept: one JSON line each, a file a round."""

from collections.abc import Sequence
import dataclasses
import json
import os
import pathlib
from typing import Any

from swm_jax import agreement
from swm_jax import durable
from swm_jax.rem.proposals import validity
from swm_jax.tasks import problem_file
from swm_jax.tasks import signatures

_FILE = 'proposals_{:04d}.jsonl'


@dataclasses.dataclass(frozen=True)
class Proposal:
  """One program that the dreamer wrote, valid or not.

  Attributes:
    id: unique over all nights.
    prompt: exact text given to the dreamer.
    tokens: that it sampled, the stop included.
    names: of the arguments, as in the definition.
    types: of the arguments, see `signatures.infer`.
    seeds: ids of the programs that it was shown.
    source: the definition, '' if there is none.
    reason: one of `validity.REASONS`.
    pairs: (arguments, answer), of a valid program alone.
    written: how many of `pairs` have arguments that the dreamer wrote; the
      others were drawn for the types.
    call_tokens: sampled for the sake of arguments.
    form: canonical form of the source.
    behaviour: see `validity.behaviour`.
  """

  id: str
  prompt: str
  tokens: tuple[int, ...]
  names: str
  types: tuple[str, ...]
  seeds: tuple[str, ...]
  source: str
  reason: str
  pairs: tuple[tuple[tuple[Any, ...], Any], ...]
  written: int
  call_tokens: int
  form: str
  behaviour: str

  @property
  def valid(self) -> bool:
    return self.reason == validity.VALID

  @property
  def signature(self) -> str:
    """For example `(list[int], int) -> list[int]`; valid proposals alone."""
    # Answers of several types have none in common.
    result = signatures.infer([(value,) for _, value in self.pairs])
    return f'({", ".join(self.types)}) -> {result[0] if result else "any"}'

  def to_json(self) -> dict[str, Any]:
    values = dataclasses.asdict(self)
    values['pairs'] = [
        problem_file.encode_value([list(args), value])
        for args, value in self.pairs
    ]
    if self.valid:
      values['signature'] = self.signature
    return values

  @classmethod
  def from_json(cls, values: dict[str, Any]) -> 'Proposal':
    fields = {
        field.name: values[field.name] for field in dataclasses.fields(cls)
    }
    for name in ('tokens', 'types', 'seeds'):
      fields[name] = tuple(fields[name])
    fields['pairs'] = tuple(
        (
            tuple(problem_file.decode_value(args)),
            problem_file.decode_value(value),
        )
        for args, value in fields['pairs']
    )
    return cls(**fields)


def write(
    directory: str | os.PathLike[str],
    index: int,
    proposals: Sequence[Proposal],
) -> None:
  """Makes the proposals of a round durable; a collective."""
  lines = ''.join(
      json.dumps(one.to_json(), allow_nan=False) + '\n' for one in proposals
  )
  path = pathlib.Path(directory) / _FILE.format(index)
  agreement.by_first(lambda: durable.write_bytes(path, lines.encode()))


def read(
    directory: str | os.PathLike[str], index: int
) -> list[Proposal] | None:
  """Returns the proposals of a round, None if they are not durable."""
  path = pathlib.Path(directory) / _FILE.format(index)

  def lines():
    return path.read_text('utf-8').splitlines() if path.exists() else None

  found = agreement.by_first(lines)
  if found is None:
    return None
  return [Proposal.from_json(json.loads(line)) for line in found]
