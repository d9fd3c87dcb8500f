"""The buffer that outlives a night: a reservoir of anchors.

It is a deterministic function of its seed and of the order of insertion, and is
saved with the state of its generator, so that a night continued after a kill
draws what the uninterrupted one would have drawn.
"""

from collections.abc import Mapping, Sequence
import io
import json
import os
import pathlib
from typing import Any
import zipfile

import numpy as np

from swm_jax import durable

Entry = dict[str, Any]
Columns = dict[str, np.ndarray]

# An anchor without these could not be compared against, or not be believed.
_ANCHOR_FIELDS = ('prompt', 'tokens', 'top_k', 'weights')


def _freeze(value):
  """Copies an entry into read-only arrays and plain numbers."""
  if isinstance(value, Mapping):
    return {name: _freeze(item) for name, item in value.items()}
  if isinstance(value, str):
    return value
  array = np.array(value)
  if not array.ndim:
    return array.item()
  array.flags.writeable = False
  return array


def _flatten(entry: Mapping[str, Any], prefix: str = '') -> Entry:
  flat = {}
  for name, value in entry.items():
    if isinstance(value, Mapping):
      flat.update(_flatten(value, f'{prefix}{name}/'))
    else:
      flat[prefix + name] = value
  return flat


def _unflatten(flat: Mapping[str, Any]) -> Entry:
  entry = {}
  for path, value in flat.items():
    *folders, name = path.split('/')
    place = entry
    for folder in folders:
      place = place.setdefault(folder, {})
    place[name] = value
  return entry


def _form(entry: Entry) -> dict[str, Any]:
  """What must be equal in all entries of a buffer: fields, kinds, widths."""
  return {
      path: value.shape[1:] if isinstance(value, np.ndarray) else type(value)
      for path, value in _flatten(entry).items()
  }


def _check_form(entry: Entry, first: Entry) -> None:
  have, want = _form(entry), _form(first)
  different = sorted(
      path for path in {*have, *want} if have.get(path) != want.get(path)
  )
  if different:
    path = different[0]
    raise ValueError(
        f'an entry has {path} as {have.get(path)} and the buffer holds'
        f' {want.get(path)}; only the first dimension may vary'
    )


def _to_columns(entries: Sequence[Entry]) -> Columns:
  """Stores ragged entries as one array a field, beside their lengths.

  Arrays of one field take the widest of their types.
  """
  columns = {'entries': np.array(len(entries))}
  flat = [_flatten(entry) for entry in entries]
  for path in flat[0] if flat else ():
    values = [entry[path] for entry in flat]
    if isinstance(values[0], str):
      encoded = json.dumps(values).encode()
      columns['text:' + path] = np.frombuffer(encoded, np.uint8)
    elif isinstance(values[0], np.ndarray):
      columns['lengths:' + path] = np.array([len(value) for value in values])
      columns['array:' + path] = np.concatenate(values)
    else:
      columns['number:' + path] = np.array(values)
  return columns


def _from_columns(columns: Mapping[str, np.ndarray]) -> list[Entry]:
  fields = {}
  for name, column in columns.items():
    kind, _, path = name.partition(':')
    if kind == 'text':
      fields[path] = json.loads(column.tobytes())
    elif kind == 'number':
      fields[path] = column.tolist()
    elif kind == 'array':
      ends = np.cumsum(columns['lengths:' + path])
      fields[path] = np.split(column, ends[:-1])
  return [
      _freeze(_unflatten({path: fields[path][i] for path in fields}))
      for i in range(int(columns['entries']))
  ]


def _write(
    path: str | os.PathLike, columns: Columns, state: Mapping[str, Any]
) -> None:
  encoded = np.frombuffer(json.dumps(state, sort_keys=True).encode(), np.uint8)
  stream = io.BytesIO()
  np.savez(stream, state=encoded, **columns)
  durable.write_bytes(path, stream.getvalue())


def _read(path: str | os.PathLike) -> tuple[Columns, dict[str, Any]]:
  path = pathlib.Path(path)
  if not path.exists():
    raise FileNotFoundError(f'there is no replay buffer {path}')
  try:
    with np.load(path, allow_pickle=False) as file:
      columns = dict(file)
    return columns, json.loads(columns.pop('state').tobytes())
  except (zipfile.BadZipFile, ValueError, KeyError, EOFError) as error:
    raise durable.CorruptError(
        f'{path} is corrupt and cannot be read; restore it, or remove it to'
        ' start with an empty buffer'
    ) from error


def reservoir_place(
    rng: np.random.Generator, seen: int, capacity: int
) -> int | None:
  """Where the next entry goes so that all of them are kept alike, or None.

  Each of the first n entries is kept with probability capacity / n.

  Args:
    rng: drawn from once the buffer is full.
    seen: entries offered before this one.
    capacity: places of the buffer.
  """
  if seen < capacity:
    return seen
  place = int(rng.integers(seen + 1))
  return place if place < capacity else None


class Reservoir:
  """A uniform sample of all anchors ever offered, of bounded size.

  An anchor is what dark experience replay compares against, as nested dicts of
  arrays, numbers and text. It has at least `prompt` and `tokens` (int32 `[P]`
  and `[T]`), `top_k` (z_past: `values` and `indices` `[T, K]`, `log_rest`
  `[T]`) and `weights`, the digest of the weights that z_past was computed with.
  All of it is copied when it enters and never written again.

  References:
    Vitter, Random sampling with a reservoir, 1985, algorithm R:
    https://doi.org/10.1145/3147.3165
  """

  def __init__(self, capacity: int, seed: int):
    if capacity < 1:
      raise ValueError(f'{capacity=} must be at least 1')
    self._capacity = capacity
    self._seen = 0
    self._entries: list[Entry] = []
    self._rng = np.random.default_rng(seed)

  def __len__(self) -> int:
    return len(self._entries)

  @property
  def seen(self) -> int:
    """How many anchors were offered so far."""
    return self._seen

  @property
  def entries(self) -> tuple[Entry, ...]:
    return tuple(self._entries)

  def add(self, anchor: Mapping[str, Any]) -> bool:
    """Offers an anchor; returns whether it was kept.

    Raises:
      ValueError: if a field is missing or has another width than in the buffer.
    """
    missing = [name for name in _ANCHOR_FIELDS if name not in anchor]
    if missing:
      raise ValueError(f'an anchor lacks {missing}')
    anchor = _freeze(anchor)
    if self._entries:
      _check_form(anchor, self._entries[0])
    place = reservoir_place(self._rng, self._seen, self._capacity)
    self._seen += 1
    if place is None:
      return False
    self._entries[place : place + 1] = [anchor]
    return True

  def draw(self, rng: np.random.Generator, n: int) -> list[Entry]:
    """Draws without replacement, at most all; leaves the buffer as it is."""
    n = min(n, len(self._entries))
    places = rng.choice(len(self._entries), size=n, replace=False)
    return [self._entries[i] for i in places]

  def get_state(self) -> tuple[Columns, dict[str, Any]]:
    """Returns arrays and a JSON record that restore the buffer exactly."""
    return _to_columns(self._entries), {
        'capacity': self._capacity,
        'seen': self._seen,
        'generator': self._rng.bit_generator.state,
    }

  def set_state(
      self, columns: Mapping[str, np.ndarray], state: Mapping[str, Any]
  ) -> None:
    self._entries = _from_columns(columns)
    self._capacity = state['capacity']
    self._seen = state['seen']
    self._rng.bit_generator.state = state['generator']

  def save(self, path: str | os.PathLike) -> None:
    """Writes the buffer atomically to one file; equal state, equal bytes."""
    _write(path, *self.get_state())

  @classmethod
  def load(cls, path: str | os.PathLike) -> 'Reservoir':
    buffer = cls(capacity=1, seed=0)
    buffer.set_state(*_read(path))
    return buffer
