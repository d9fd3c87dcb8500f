"""What verifiers with a tool in the sandbox have in common."""

from typing import Any

from swm_jax.verifiers import base
from swm_jax.verifiers import pool as pool_lib
from swm_jax.verifiers.sandbox import levels


class SandboxedVerifier(pool_lib.Pooled):
  """A verifier whose slots run something confined; see `base.Verifier`.

  A domain defines `name`, `version`, `fingerprint` and `open_slot`, and sets
  `default_limits` where `base.Limits()` is not enough for its tool.

  Attributes:
    isolation: the level chosen for this host.
    limits: what each candidate may spend.
  """

  default_limits = base.Limits()

  def __init__(
      self,
      *,
      limits: base.Limits | None = None,
      require_level: str | None = None,
      allow_unsafe: bool = False,
  ):
    """Probes the host's sandbox levels, once a process.

    Domains look for their tool first.

    Args:
      limits: per candidate, None for the domain's own.
      require_level: weakest acceptable level, None for `landlock+seccomp`.
      allow_unsafe: accept a host without any.

    Raises:
      base.ToolMissing: if the tool is not on this host.
      RuntimeError: if the host has no acceptable level.
    """
    self.limits = limits or self.default_limits
    self.isolation = levels.choose(
        require_level=require_level, allow_unsafe=allow_unsafe
    )


class WorkerSlot:
  """A slot that owns one process, a `sandbox.worker.Worker`."""

  def __init__(self, worker: Any):
    self._worker = worker

  def abort(self) -> None:
    """Ends a running `verify` early; from another thread, perhaps twice."""
    self._worker.kill()

  def close(self) -> None:
    """Ends everything that the slot started."""
    self._worker.close()
