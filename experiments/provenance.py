"""Where a result comes from: code, config, versions, command."""

import json
import pathlib
import subprocess
import sys
from typing import Any

import ml_collections

from experiments import workdir

_ROOT = pathlib.Path(__file__).parent.parent


def commit() -> str:
  """The commit of the code, `+` where the tree differs from it; '' if none."""

  def git(*arguments: str) -> str:
    return subprocess.run(
        ['git', '-C', str(_ROOT), *arguments],
        capture_output=True, text=True, check=True,
    ).stdout.strip()

  try:
    changed = git('status', '--porcelain', '--untracked-files=no')
    return git('rev-parse', 'HEAD') + '+' * bool(changed)
  except (OSError, subprocess.CalledProcessError):
    return ''


def stamp(cfg: ml_collections.ConfigDict | None = None) -> dict[str, Any]:
  """What a results file says of its making; plain values."""
  return {
      'commit': commit(),
      'command': ' '.join(['python -m', _module(), *sys.argv[1:]]),
      'versions': workdir.versions(),
      'config': json.loads(json.dumps(cfg.to_dict())) if cfg else None,
  }


def _module() -> str:
  main = sys.modules['__main__'].__spec__
  return main.name if main else sys.argv[0]
