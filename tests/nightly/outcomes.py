"""The finished tiny night, and what of two nights must be equal."""

import functools
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
from typing import Any

from swm_jax import snapshots
from swm_jax.data import trajectory_log
from tests.nightly import tiny

# What differs between two runs of one night: clocks, memory, and where it ran.
_TIMES = {'seconds', 'peak_rss_bytes', 'tokens_per_second'}


@functools.cache
def finished() -> tuple[pathlib.Path, subprocess.CompletedProcess[str]]:
  """A night that nobody interrupted."""
  workdir = tiny.folder() / 'whole'
  return workdir, tiny.run(workdir)


def without(value: Any, keys: set[str]) -> Any:
  """Drops keys of nested dictionaries."""
  if isinstance(value, dict):
    return {k: without(v, keys) for k, v in value.items() if k not in keys}
  if isinstance(value, list):
    return [without(item, keys) for item in value]
  return value


def outcome(workdir: pathlib.Path, nights: int = 1) -> dict[str, Any]:
  """Everything of a finished directory that must not depend on its history."""
  files = {}
  for pattern in (
      'anchors/*', 'evaluations/**/*.jsonl', 'night_*/figures/*',
      'night_*/contamination.json', 'night_*/counts.json',
      'night_*/morning/*.json', 'criterion.json',
  ):
    for path in workdir.glob(pattern):
      if path.is_file() and path.stem != 'phases':  # A figure of times.
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        files[os.fspath(path.relative_to(workdir))] = digest
  store = snapshots.Snapshots(workdir / 'snapshots', read_only=True)
  return {
      'files': files,
      'lineage': {s: store.read_metadata(s) for s in store.recorded()},
      'metrics': sorted(
          json.dumps(line, sort_keys=True) for line in tiny.metrics(workdir)
      ),
      'reports': [
          without(tiny.report(workdir, n), _TIMES | {'command'})
          for n in range(nights)
      ],
      'logs': {
          f'{night} {phase}': trajectory_log.content_digest(
              workdir / f'night_{night:03d}' / phase / 'log'
          )
          for night in range(nights) for phase in ('wake', 'rem')
      },
  }


def records(phase: pathlib.Path) -> list[dict[str, Any]]:
  """Everything in the log of a phase's folder."""
  return list(trajectory_log.read(phase / 'log'))


def assert_same_outcome(workdir: pathlib.Path) -> None:
  whole, _ = finished()
  expected, found = outcome(whole), outcome(workdir)
  for part in expected:
    assert found[part] == expected[part], part
  # The arrays too, and not only what is on record of them.
  assert lineage(workdir).returncode == 0


def state_of_files(workdir: pathlib.Path) -> dict[str, Any]:
  return {
      os.fspath(path): (path.stat().st_mtime_ns, path.stat().st_ino)
      for path in workdir.rglob('*') if path.is_file()
  }


def lineage(workdir: pathlib.Path) -> subprocess.CompletedProcess[str]:
  return subprocess.run(
      [sys.executable, '-m', 'experiments.lineage', f'--workdir={workdir}'],
      cwd=tiny.ROOT, env=tiny.environment(), text=True, capture_output=True,
      check=False,
  )


def copy(workdir: pathlib.Path, name: str) -> pathlib.Path:
  target = tiny.folder() / name
  shutil.copytree(workdir, target)
  return target


# --- One night ---
