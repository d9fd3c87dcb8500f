r"""Prints the chain of a work directory's nights and checks every digest.

python -m experiments.lineage --workdir=runs/default

Exit code 0 means that the weights in every snapshot, the wake logs and the
dream logs are those on record, and that each night began with the weights that
the last accepted one left. Otherwise a sentence names each mismatch.
"""

from collections.abc import Iterator, Sequence
import functools
import pathlib
import sys

from absl import app
from absl import flags
from absl import logging

from experiments import history
from swm_jax import snapshots
from swm_jax.data import trajectory_log

_UNCHANGED = ('wake', 'rem')
# Lineage field -> the phase whose log it is the digest of.
_LOGS = {'wake_log': 'wake', 'dream_buffer': 'rem'}


def read(store: snapshots.Snapshots) -> dict[int, snapshots.Lineage]:
  """Returns the lineage of every snapshot ever saved, by step."""
  return {
      step: snapshots.Lineage.from_json(store.read_metadata(step))
      for step in store.recorded()
  }


def describe(
    store: snapshots.Snapshots, chain: dict[int, snapshots.Lineage]
) -> Iterator[str]:
  """Yields the chain as lines for a person, night by night."""
  night = None
  for step, lineage in chain.items():
    if lineage.night != night:
      night = lineage.night
      yield f'night {night}   W_{night} = {lineage.weights_before[:16]}'
    parent = 'initial' if lineage.parent is None else lineage.parent
    line = f'  {step:>4} <- {parent:<8} {lineage.phase:<12}'
    line += f' weights {lineage.weights_after[:16]}'
    for field in _LOGS:
      digest = getattr(lineage, field)
      if digest:
        line += f'  {field} {digest[:16]}'
    if lineage.trained_from:
      line += f'  from {lineage.trained_from[:16]}'
    if lineage.gate:
      line += f'  {lineage.gate.upper()}'
    if step not in store.steps():
      line += '  (arrays removed)'
    yield line
    for verifier in lineage.verifiers if lineage.gate else ():
      yield '         verified by ' + ', '.join(
          f'{name} {value}' for name, value in sorted(verifier.items())
      )
    for reason in lineage.reasons:
      yield f'         {reason}'


def broken_links(chain: dict[int, snapshots.Lineage]) -> Iterator[str]:
  """Yields what is wrong between records, without touching arrays."""
  adopted = {
      lineage.night for lineage in chain.values()
      if lineage.gate in history.CARRIED
  }
  initial = next((l.weights_before for l in chain.values()), '')
  for step, lineage in chain.items():
    changed = lineage.weights_after != lineage.weights_before
    if lineage.trained_from and lineage.trained_from != initial:
      yield (
          f'snapshot {step}: consolidation began from weights'
          f' {lineage.trained_from[:16]}, the initial ones are {initial[:16]}'
      )
    if lineage.phase in _UNCHANGED and changed:
      yield f'snapshot {step}: the weights changed during {lineage.phase}'
    if lineage.parent is None:
      if lineage.night and adopted & set(range(lineage.night)):
        yield (
            f'snapshot {step}: night {lineage.night} began from the initial'
            ' weights although a night before it was adopted'
        )
      continue
    parent = chain.get(lineage.parent)
    if parent is None:
      yield f'snapshot {step}: its parent {lineage.parent} is not on record'
    elif parent.night == lineage.night:
      if parent.weights_before != lineage.weights_before:
        yield (
            f'snapshot {step} and its parent {lineage.parent} disagree on the'
            f' weights that night {lineage.night} began with'
        )
      if lineage.phase == 'morning' and (
          parent.weights_after != lineage.weights_after
      ):
        yield (
            f'snapshot {step}: the morning judged other weights than its parent'
            f' {lineage.parent} holds'
        )
    else:
      if parent.night not in adopted:
        yield (
            f'snapshot {step}: night {lineage.night} began from snapshot'
            f' {lineage.parent} of night {parent.night}, which was not adopted'
        )
      if parent.weights_after != lineage.weights_before:
        yield (
            f'snapshot {step}: night {lineage.night} began with weights'
            f' {lineage.weights_before[:16]}, and its parent {lineage.parent}'
            f' holds {parent.weights_after[:16]}'
        )


def _arrays(
    store: snapshots.Snapshots, chain: dict[int, snapshots.Lineage]
) -> Iterator[str]:
  """Yields what is wrong with the snapshots on disk."""
  for step in store.steps():
    lineage = chain[step]
    try:
      if store.embedded_metadata(step) != lineage.to_json():
        yield f'snapshot {step}: the record beside its arrays is another one'
      abstract = store.abstract(step)
      # Phases that leave the weights alone do not store them again.
      if 'params' not in abstract:
        continue
      params = store.restore(step, {'params': abstract['params']})['params']
    except (ValueError, FileNotFoundError) as error:
      yield str(error)
      continue
    digest = snapshots.digest(params)
    if digest != lineage.weights_after:
      yield (
          f'snapshot {step}: its weights have digest {digest[:16]}, on record'
          f' is {lineage.weights_after[:16]}'
      )


def _logs(
    workdir: pathlib.Path, chain: dict[int, snapshots.Lineage]
) -> Iterator[str]:
  """Yields what is wrong with the trajectory logs on disk."""
  content_digest = functools.cache(trajectory_log.content_digest)
  for step, lineage in chain.items():
    for field, phase in _LOGS.items():
      expected = getattr(lineage, field)
      if not expected:
        continue
      directory = workdir / f'night_{lineage.night:03d}' / phase / 'log'
      try:
        digest = content_digest(directory)
      except (ValueError, FileNotFoundError) as error:
        yield f'snapshot {step}: {error}'
        continue
      if digest != expected:
        yield (
            f'snapshot {step}: {directory} has content digest {digest[:16]}, on'
            f' record is {expected[:16]} ({field})'
        )


def verify(workdir: pathlib.Path) -> list[str]:
  """Returns one sentence for each mismatch of a work directory, best none."""
  store = snapshots.Snapshots(workdir / 'snapshots', read_only=True)
  chain = read(store)
  return [
      *broken_links(chain), *_arrays(store, chain), *_logs(workdir, chain)
  ]


def run(workdir: pathlib.Path) -> None:
  """Prints the chain; exits with code 1 after naming every mismatch."""
  try:
    store = snapshots.Snapshots(workdir / 'snapshots', read_only=True)
  except FileNotFoundError as error:
    sys.exit(f'{error}; is {workdir} the work directory of a night?')
  chain = read(store)
  for line in describe(store, chain):
    print(line)
  mismatches = verify(workdir)
  for mismatch in mismatches:
    print(f'MISMATCH {mismatch}', file=sys.stderr)
  if mismatches:
    sys.exit(1)
  print(f'{len(chain)} snapshots, every digest verified')


def main(argv: Sequence[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'unknown argument {argv[1]}; use --workdir=W')
  logging.set_verbosity(logging.WARNING)
  run(pathlib.Path(flags.FLAGS.workdir))


if __name__ == '__main__':
  # Here, since other programs of this folder define the same flag.
  flags.DEFINE_string('workdir', None, 'Work directory to check.')
  flags.mark_flag_as_required('workdir')
  app.run(main)
