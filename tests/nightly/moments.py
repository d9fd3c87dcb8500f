"""Moments of a night, told by what is on disk."""

from collections.abc import Callable
import pathlib
import time

Moment = Callable[[pathlib.Path], bool]


def appears(pattern: str, count: int = 1) -> Moment:
  return lambda workdir: len(list(workdir.glob(pattern))) >= count


def has_line(phase: str, step: int) -> Moment:
  """True from when the metrics of a step are written."""
  start = f'"phase": "{phase}", "night": 0, "step": {step},'

  def is_there(workdir):
    path = workdir / 'metrics.jsonl'
    return path.exists() and start in path.read_text()

  return is_there


def later(seconds: float) -> Moment:
  """True from so long after the night has begun to log."""
  began: list[float] = []

  def is_later(workdir):
    if not began and (workdir / 'metrics.jsonl').exists():
      began.append(time.monotonic())
    return bool(began) and time.monotonic() - began[0] > seconds

  return is_later
