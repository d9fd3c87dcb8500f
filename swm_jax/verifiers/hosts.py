"""Verification on several hosts: each judges what it sampled itself.

No candidate and no verdict travels. What the hosts share are two small arrays,
reward and mask, of a shape that does not depend on how verification went: a
host whose verifier is late or broken contributes masked rows and still reaches
the next collective.
"""

from collections.abc import Iterable, Mapping, Sequence
import hashlib

from absl import logging
import jax
from jax.experimental import multihost_utils
import numpy as np

from swm_jax import sharding
from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers.sandbox import levels

_SAID_BYTES = 160  # Enough for name, version and level of several verifiers.


def agree(
    records: Sequence[Mapping[str, str]], problems_digest: str = ''
) -> str:
  """Checks that all hosts verify alike, before anything is verified.

  A collective: every process calls it once, at its start.

  Args:
    records: `name`, `version` and `isolation` of every verifier in use.
    problems_digest: of the problems and their tests, '' to leave them out.

  Returns:
    The weakest isolation level of any host, which is that of the run.

  Raises:
    ValueError: on every host, naming the first one that differs, if names,
      versions or problems do.
  """
  said = ', '.join(f'{r["name"]} {r["version"]}' for r in records)
  digests = [
      hashlib.sha256(text.encode()).digest() for text in (said, problems_digest)
  ]
  # Verifiers of opinion run no candidate; theirs is no level of the list.
  ranks = [
      levels.LEVELS.index(r['isolation'])
      for r in records
      if r['isolation'] in levels.LEVELS
  ]
  row = np.frombuffer(
      bytes([max(ranks, default=0)])
      + b''.join(digests)
      + said.encode()[:_SAID_BYTES].ljust(_SAID_BYTES, b'\0'),
      np.uint8,
  )
  rows = np.asarray(multihost_utils.process_allgather(row))
  rows = rows.reshape(jax.process_count(), row.size)
  first = rows[0].tobytes()
  for host, other in enumerate(rows):
    other = other.tobytes()
    if other[1:33] != first[1:33]:
      raise ValueError(
          f'host {host} verifies with {_said(other)} and host 0 with'
          f' {_said(first)}; install the same versions on every host'
      )
    if other[33:65] != first[33:65]:
      raise ValueError(
          f'host {host} has other problems or tests than host 0; start every'
          ' host with the same seed, files and versions'
      )
  weakest = levels.LEVELS[rows[:, 0].max()]
  logging.info(
      '%d hosts verify with %s; the weakest isolation level is %s.',
      len(rows), said, weakest,
  )
  return weakest


def _said(row: bytes) -> str:
  return row[65:].rstrip(b'\0').decode(errors='replace')


def judge(
    verifier: base.Verifier,
    pairs: Iterable[tuple[types.Problem, str]],
    *,
    rows: int,
    deadline_seconds: float,
) -> list[types.Verdict]:
  """Returns this host's verdicts in order, a fixed number of them.

  Args:
    verifier: of this host.
    pairs: problems and candidates, at most `rows`.
    rows: length of the result; what no candidate fills is a masked error.
    deadline_seconds: for the whole batch, the same on every host.

  Raises:
    ValueError: if there are more pairs than rows.
  """
  missing = base.make_verdict(
      verifier, types.ERROR, 'deadline', detail='no candidate in this row'
  )
  pairs = list(pairs)
  if len(pairs) > rows:
    raise ValueError(f'{len(pairs)} candidates do not fit {rows} rows')
  verdicts = [missing] * rows
  for index, verdict in verifier.verify_batch(
      pairs, deadline_seconds=deadline_seconds
  ):
    verdicts[index] = verdict
  return verdicts


def rewards(
    verdicts: Sequence[types.Verdict],
    mesh: jax.sharding.Mesh,
    rules: sharding.Rules = sharding.DEFAULT_RULES,
    *,
    accept_weak: bool = False,
) -> tuple[jax.Array, jax.Array]:
  """Makes the hosts' verdicts two global arrays.

  Every process calls it with as many verdicts as the others; the rows follow
  the order of processes. Nothing is exchanged before the arrays are used.

  Args:
    verdicts: of this host, B / number of processes of them.
    mesh: over the devices of all hosts.
    rules: places the logical axis `batch` on the mesh.
    accept_weak: whether weak verdicts count; otherwise they are masked.

  Returns:
    reward: 1 where a candidate passed, else 0, float32 `[B]`.
    mask: False where the verifier failed or its verdict is weak, bool `[B]`.

  Raises:
    ValueError: if the mesh does not leave each host its own rows.
  """
  mask = np.array(
      [v.valid and (accept_weak or not v.weak) for v in verdicts], bool
  )
  reward = np.array([v.passed for v in verdicts], bool) & mask
  placement = sharding.batch_sharding(mesh, 1, rules)
  shape = (len(verdicts) * jax.process_count(),)
  try:
    own = {
        rows.indices(shape[0])
        for rows, in placement.addressable_devices_indices_map(shape).values()
    }
  except ValueError:
    own = ()  # They do not divide evenly.
  if sum(stop - start for start, stop, _ in own) != len(verdicts):
    raise ValueError(
        f'{placement.spec} on mesh {dict(mesh.shape)} does not leave the'
        f' {len(verdicts)} verdicts of each of {jax.process_count()} hosts on'
        ' the devices of that host'
    )
  reward, mask = (
      jax.make_array_from_process_local_data(placement, rows, shape)
      for rows in (reward.astype(np.float32), mask)
  )
  return reward, mask
