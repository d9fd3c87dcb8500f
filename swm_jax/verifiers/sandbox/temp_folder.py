"""The one folder that candidates may write to: its quota and its emptying."""

import os

_MAX_ENTRIES = 2048
MAX_BYTES = 64 << 20
_MAX_DEPTH = 64


def wipe(folder: str) -> None:
  """Empties `folder` of dead candidates' files, however deep they nest."""
  os.chdir(folder)
  names = []
  while True:
    deeper = None
    with os.scandir('.') as entries:
      for entry in entries:
        if entry.is_dir(follow_symlinks=False):
          deeper = entry.name
          break
        os.unlink(entry.name)
    if deeper is not None:
      os.chmod(deeper, 0o700)
      os.chdir(deeper)
      names.append(deeper)
    elif names:
      os.chdir('..')
      os.rmdir(names.pop())
    else:
      return


def over_quota(folder: str, max_bytes: int = MAX_BYTES) -> bool:
  """Whether the folder holds too many entries or bytes, or nests too deeply."""
  entries = total = 0
  pending = [(folder, 0)]
  while pending:
    path, depth = pending.pop()
    if depth > _MAX_DEPTH:  # Walking it by path costs the square of its depth.
      return True
    try:
      with os.scandir(path) as listing:
        for entry in listing:
          entries += 1
          total += entry.stat(follow_symlinks=False).st_blocks * 512
          if entries > _MAX_ENTRIES or total > max_bytes:
            return True
          if entry.is_dir(follow_symlinks=False):
            pending.append((entry.path, depth + 1))
    except FileNotFoundError:
      continue  # The candidate removed it meanwhile.
    except OSError:  # Unreadable, or a path beyond the longest.
      return True
  return False
