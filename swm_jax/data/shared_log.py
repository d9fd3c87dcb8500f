"""The trajectory log of a program of one or more processes.

Process 0 alone opens it, writes and reads, and tells the others what is there:
a folder of the network may show each host another moment.
"""

from collections.abc import Sequence
import os
import pathlib

from swm_jax import agreement
from swm_jax.data import trajectory_log


class SharedLog:
  """A `TrajectoryLog`, and what is read from it; every method a collective."""

  def __init__(self, directory: str | os.PathLike[str], *, vocab_size: int):
    """Names a log; it is made when it is first written to.

    Args:
      directory: holds this log and nothing else.
      vocab_size: of the model.
    """
    self._directory = pathlib.Path(directory)
    self._vocab_size = vocab_size
    self._opened: trajectory_log.TrajectoryLog | None = None

  def _writer(self) -> trajectory_log.TrajectoryLog:
    if self._opened is None:
      self._opened = trajectory_log.TrajectoryLog(
          self._directory, vocab_size=self._vocab_size
      )
    return self._opened

  @property
  def num_waves(self) -> int:
    """Waves that are durable; the next one to write has this index."""
    return agreement.by_first(lambda: self._writer().num_waves)

  def append_wave(self, records: Sequence[trajectory_log.Record]) -> int:
    """Makes a wave durable and returns its index; all give the same records."""
    return agreement.by_first(lambda: self._writer().append_wave(records))

  def finalize(self) -> None:
    """Opens the log to third parties; may be repeated."""
    agreement.by_first(lambda: self._writer().finalize())

  def read(self) -> list[trajectory_log.Record]:
    """Returns all records, in order of writing."""
    return agreement.by_first(
        lambda: list(trajectory_log.read(self._directory))
    )

  def read_wave(self, wave: int) -> list[trajectory_log.Record]:
    """Returns the records of one wave."""
    return agreement.by_first(
        lambda: trajectory_log.read_wave(self._directory, wave)
    )

  def content_digest(self) -> str:
    """See `trajectory_log.content_digest`."""
    return agreement.by_first(
        lambda: trajectory_log.content_digest(self._directory)
    )
