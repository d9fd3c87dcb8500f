"""Metrics of a run: `metrics.jsonl`, TensorBoard events and a log line.

A line is one (phase, night, step). A step that is already in the file is not
written again, so a phase repeated from its last durable state leaves the file
that an uninterrupted run leaves.
"""

from collections.abc import Mapping
import json
import math
import os
import pathlib
from typing import Any

from absl import logging
import tensorboardX

from swm_jax import durable


class MetricsWriter:
  """Writes scalars by phase and step; use as a context or call `close`."""

  def __init__(self, workdir: str | os.PathLike):
    """Opens the files in a work directory, dropping a half-written last line.

    Raises:
      ValueError: if a line of `metrics.jsonl` other than the last is damaged.
    """
    workdir = pathlib.Path(workdir)
    workdir.mkdir(parents=True, exist_ok=True)
    self._path = workdir / 'metrics.jsonl'
    self._written = self._recover()
    self._file = open(self._path, 'a', encoding='utf-8')
    self._events = tensorboardX.SummaryWriter(
        os.fspath(workdir / 'tensorboard'), write_to_disk=True
    )

  def _recover(self) -> set[tuple[str, int, int]]:
    """Returns what is on disk, after removing what a kill left of a line."""
    data = self._path.read_bytes() if self._path.exists() else b''
    whole, newline, _ = data.rpartition(b'\n')
    whole += newline
    if whole != data:
      durable.write_bytes(self._path, whole)
    written = set()
    for number, line in enumerate(whole.splitlines(), start=1):
      try:
        record = json.loads(line)
        written.add((record['phase'], record['night'], record['step']))
      except (ValueError, KeyError, TypeError) as error:
        raise durable.CorruptError(
            f'{self._path} line {number} is damaged; remove the line'
        ) from error
    return written

  def write(
      self, phase: str, night: int, step: int, scalars: Mapping[str, Any]
  ) -> None:
    """Writes one step of one phase, unless it is already on disk.

    Args:
      phase: e.g. `rem`.
      night: counted from 0.
      step: within the phase of the night.
      scalars: numbers, or arrays of one element; units belong in the name.

    Raises:
      FloatingPointError: if a value is not finite, see `finite`.
    """
    values = finite(phase, night, step, scalars)
    place = phase, night, step
    if place in self._written:
      return
    self._written.add(place)
    line = {'phase': phase, 'night': night, 'step': step, **values}
    self._file.write(json.dumps(line) + '\n')
    for name, value in values.items():
      self._events.add_scalar(f'{phase}_{night:03d}/{name}', value, step)
    # Handed to the kernel, events first: a killed process loses nothing that
    # the next one would not write again.
    self._events.flush()
    self._file.flush()
    logging.info(
        'night %d %s %d: %s', night, phase, step,
        ' '.join(f'{name}={value:.4g}' for name, value in values.items()),
    )

  def close(self) -> None:
    """Makes everything written durable."""
    self._file.flush()
    os.fsync(self._file.fileno())
    self._file.close()
    self._events.close()

  def __enter__(self) -> 'MetricsWriter':
    return self

  def __exit__(self, *_) -> None:
    self.close()


def finite(
    phase: str, night: int, step: int, scalars: Mapping[str, Any]
) -> dict[str, float]:
  """Returns the numbers that `MetricsWriter.write` would write.

  Raises:
    FloatingPointError: if a value is not finite; the message names metric and
      step.
  """
  values = {name: float(value) for name, value in scalars.items()}
  for name, value in values.items():
    if not math.isfinite(value):
      raise FloatingPointError(
          f'{name} is {value} at step {step} of {phase}, night {night}'
      )
  return values


def read(workdir: str | os.PathLike) -> list[dict[str, Any]]:
  """Returns the whole lines of a work directory's metrics, in order."""
  path = pathlib.Path(workdir) / 'metrics.jsonl'
  if not path.exists():
    return []
  whole = path.read_bytes().rpartition(b'\n')[0]
  return [json.loads(line) for line in whole.splitlines()]
