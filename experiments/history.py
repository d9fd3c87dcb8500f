"""What a work directory says of the nights that it holds.

With several processes all of them ask together.
"""

from typing import Any

from experiments import apparatus as apparatus_lib
from experiments import workdir as workdir_lib
from swm_jax import agreement

# Each ends with a snapshot.
PHASES = ('wake', 'rem', 'consolidate', 'morning')
# Outcomes of a gate after which the next night has the tuned weights.
CARRIED = ('adopted', 'carried')


def snapshot_step(night: int, phase: str) -> int:
  return len(PHASES) * night + PHASES.index(phase)


def nights_done(work: workdir_lib.Workdir) -> int:
  """Number of nights whose report is written."""

  def count():
    night = 0
    while (work.path / f'night_{night:03d}' / 'report.json').exists():
      night += 1
    return night

  return agreement.by_first(count)


def last_adopted_step(
    work: workdir_lib.Workdir, nights: int
) -> int | None:
  """Snapshot that holds the weights a night begins with; None: the initial."""
  for night in reversed(range(nights)):
    step = snapshot_step(night, 'morning')
    lineage = work.snapshots.read_metadata(step)
    if lineage['gate'] in CARRIED:
      return snapshot_step(night, 'consolidate')
  return None


def last_adopted(
    work: workdir_lib.Workdir, lab: apparatus_lib.Apparatus
) -> Any:
  """Returns W_k: the weights of the last adopted night, or the initial ones."""
  step = last_adopted_step(work, nights_done(work))
  if step is None:
    return lab.params
  return work.snapshots.restore(step, {'params': lab.params})['params']
