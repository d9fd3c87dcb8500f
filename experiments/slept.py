"""A finished night, read back: its weights before and after, its memories."""

import dataclasses
import json
import pathlib
from typing import Any

import ml_collections

from experiments import apparatus as apparatus_lib
from experiments import history
from swm_jax import consolidate
from swm_jax import snapshots
from swm_jax import types
from swm_jax.data import trajectory_log


class SleptError(Exception):
  """The night cannot be read; the message says why and what to do."""


@dataclasses.dataclass(frozen=True)
class Slept:
  """What consolidation had, and what it left; rejected nights too.

  Attributes:
    lineage: of the tuned weights.
    before: W_k.
    after: W'.
    memories: x+ and x- that consolidation chose.
    unknown: records of problems that the config no longer gives; they are in no
      memory.
  """

  lineage: snapshots.Lineage
  before: Any
  after: Any
  memories: list[consolidate.Memory]
  unknown: int


def config(workdir: pathlib.Path) -> ml_collections.ConfigDict:
  """The config that a work directory was begun with.

  Raises:
    SleptError: it is no work directory.
  """
  path = workdir / 'config.json'
  if not path.is_file():
    raise SleptError(
        f'{workdir} has no config.json; name the work directory of a night'
    )
  return ml_collections.ConfigDict(json.loads(path.read_text()))


def read(
    workdir: pathlib.Path,
    night: int,
    cfg: ml_collections.ConfigDict,
    lab: apparatus_lib.Apparatus,
) -> Slept:
  """Reads a night that has consolidated, adopted or not.

  Args:
    workdir: of the run.
    night: counted from 0.
    cfg: of the work directory.
    lab: built from it.

  Raises:
    SleptError: the night is not there, or its weights are not those on record.
  """
  try:
    store = snapshots.Snapshots(workdir / 'snapshots', read_only=True)
  except FileNotFoundError as error:
    raise SleptError(f'{workdir} has no night in it: {error}') from error
  step = history.snapshot_step(night, 'consolidate')
  if step not in store.steps():
    raise SleptError(
        f'night {night} of {workdir} has no tuned weights (snapshot {step});'
        f' its snapshots are {store.steps()}'
    )
  lineage = snapshots.Lineage.from_json(store.read_metadata(step))
  begun = store.read_metadata(history.snapshot_step(night, 'wake'))['parent']
  load = lambda step: store.restore(step, {'params': lab.params})['params']
  before = lab.params if begun is None else load(begun)
  after = load(step)
  for name, params, digest in (
      ('began with', before, lineage.weights_before),
      ('ended with', after, lineage.weights_after),
  ):
    if snapshots.digest(params) != digest:
      raise SleptError(
          f'night {night} of {workdir} {name} weights {digest[:16]}, which are'
          ' not those found; is its config.json the one that it ran with?'
      )
  memories, unknown = _memories(workdir / f'night_{night:03d}', cfg, lab)
  return Slept(lineage, before, after, memories, unknown)


def _memories(folder, cfg, lab) -> tuple[list[consolidate.Memory], int]:
  problems = {problem.id: problem for problem in lab.day}
  records = [
      entry
      for phase in ('wake', 'rem')
      for entry in trajectory_log.read(folder / phase / 'log')
  ]
  known = [entry for entry in records if entry['problem'] in problems]
  return choose(problems, known, cfg), len(records) - len(known)


def choose(
    problems: dict[str, types.Problem],
    records: list[trajectory_log.Record],
    cfg: ml_collections.ConfigDict,
) -> list[consolidate.Memory]:
  """Chooses x+ and x- of records by the rule of a night's config."""
  return consolidate.choose(
      problems, records,
      positives=cfg.consolidate.positives,
      negatives=cfg.consolidate.negatives,
      weak=cfg.consolidate.weak,
  )
