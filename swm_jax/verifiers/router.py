"""Several verifiers behind one `submit`: each problem goes to its domain's."""

from collections.abc import Mapping
from concurrent import futures

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import pool as pool_lib
from swm_jax.verifiers.sandbox import levels


class Router:
  """Sends problems to the pool of their domain; closes all pools at the end.

  Attributes:
    isolation: the weakest level that any of the pools runs candidates under.
  """

  def __init__(self, pools: Mapping[str, pool_lib.Pool]):
    """Takes running pools by the domain of their problems."""
    self._pools = dict(pools)
    order = {name: rank for rank, name in enumerate(levels.LEVELS)}
    self.isolation = max(
        (pool.isolation for pool in self._pools.values()),
        # Levels without a wall to name ('none') run no candidate at all.
        key=lambda level: order.get(level, -1),
    )

  def __enter__(self) -> 'Router':
    return self

  def __exit__(self, *_: object) -> None:
    self.close()

  @property
  def records(self) -> tuple[dict[str, str], ...]:
    """Name, version and isolation of every verifier, for lineage."""
    return tuple(
        {
            'name': pool.name,
            'version': pool.version,
            'isolation': pool.isolation,
        }
        for pool in self._pools.values()
    )

  def submit(
      self, problem: types.Problem, completion: str
  ) -> 'futures.Future[types.Verdict]':
    """Queues one candidate.

    Raises:
      KeyError: no pool verifies problems of this domain.
    """
    return self._pools[problem.domain].submit(problem, completion)

  def error(
      self, problem: types.Problem, reason: str, detail: str
  ) -> types.Verdict:
    """Returns a masked verdict for a candidate that its pool did not judge."""
    return base.make_verdict(
        self._pools[problem.domain], types.ERROR, reason, detail=detail
    )

  def close(self) -> None:
    """Ends every pool; nothing is left running."""
    for pool in self._pools.values():
      pool.close()
