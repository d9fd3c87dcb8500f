"""Which problems a round dreams of."""

from collections.abc import Mapping, Sequence

import numpy as np

from swm_jax import types
from swm_jax.rem import difficulty
from swm_jax.rem import options as options_lib

# Problems drawn for each that is chosen by its distance from the target.
_CANDIDATES = 4

Counts = Mapping[str, tuple[int, int]]


def choose_prompts(
    problems: Sequence[types.Problem],
    counts: Counts,
    options: options_lib.Options,
    rng: np.random.Generator,
    log_z: Mapping[str, float] | None = None,
) -> list[types.Problem]:
  """Draws a round's problems without replacement.

  `rarely_solved`: with weight 1 - p, p the posterior mean under a uniform
  prior, so that a problem tried in vain for long keeps a chance and a solved
  one fades.

  `log_z`: of candidates drawn evenly, four for each problem of the round, those
  whose expected pass rate is nearest to `options.target_rate`; a draw first, so
  that every problem comes up now and then, whatever is expected of it.

  Args:
    problems: of the day.
    counts: `(passed, tried)` by problem id.
    options: see `Options`.
    rng: of the draw.
    log_z: of the untempered reference by problem id, nats, of as many problems
      as are known; read by `log_z` alone, see `expected`.
  """
  allowed = [
      p for p in problems
      if counts[p.id][0] / max(counts[p.id][1], 1) <= options.max_pass_rate
  ]
  if not allowed:
    return []
  if options.curriculum == 'log_z':
    rates = expected(counts, options.beta, log_z)
    size = min(_CANDIDATES * options.prompts, len(allowed))
    drawn = rng.choice(len(allowed), size=size, replace=False)
    drawn = sorted(
        drawn, key=lambda i: abs(rates[allowed[i].id] - options.target_rate)
    )[: options.prompts]
  else:
    weight = np.array([
        1.0 - difficulty.posterior_rate(*counts[p.id]) for p in allowed
    ])
    drawn = rng.choice(
        len(allowed), size=min(options.prompts, len(allowed)), replace=False,
        p=weight / weight.sum(),
    )
  return [allowed[i] for i in drawn]


def expected(
    counts: Counts, beta: float, log_z: Mapping[str, float] | None = None
) -> dict[str, float]:
  """Expected pass rates by problem id: counts, and log Z as their prior.

  A problem without a log Z has the uniform prior of the plain counter; one that
  was never tried has the rate of its log Z.

  Args:
    counts: `(passed, tried)` by problem id.
    beta: nats between a verified and a failed sample in log Z.
    log_z: as of `choose_prompts`.
  """
  log_z = log_z or {}
  return {
      problem: float(difficulty.posterior_rate(
          passed, tried,
          difficulty.rate_at(log_z[problem], beta) if problem in log_z else 0.5,
      ))
      for problem, (passed, tried) in counts.items()
  }


def errors(
    counts: Counts, beta: float, log_z: Mapping[str, float]
) -> dict[str, float]:
  """|expected - observed pass rate| of every problem with both, 0 of others.

  The priority of replay: where log Z is wrong there is something to learn.

  Args: as of `expected`.
  """
  return {
      problem: (
          abs(float(difficulty.rate_at(log_z[problem], beta)) - passed / tried)
          if tried and problem in log_z else 0.0
      )
      for problem, (passed, tried) in counts.items()
  }
