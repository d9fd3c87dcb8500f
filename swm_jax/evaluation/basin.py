"""Basins of attraction: how far a state may be pushed and still return.

A trajectory is cut into what is given (the prompt, perhaps with the beginning
of the completion) and the rest. The residual stream of what is given is pushed
at one layer, in a random direction, by a share tau of its own norm; then the
model runs on greedily. The state returns if it writes the same program again.

In one direction, let rho be the largest push from which the model returns. The
share that returns at tau is then the survival function of rho, and has two
summaries, as survival times have:

  radius  the median of rho: the smallest tau at which fewer than half return,
          interpolated between the grid's points. Taken over trajectories that
          return without a push under all weights compared: of others there is
          no basin to measure, and the same ones must be measured before and
          after. At the end of the grid where half never leave.
  reach   the mean of min(rho, end of the grid), that is the area under the
          curve, over all trajectories: those that do not even return without a
          push count as 0. It moves when a trajectory becomes an attractor as
          well as when its basin widens, and is linear in trajectories, so that
          its intervals behave where few trajectories return.
"""

from collections.abc import Sequence
import functools

import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.evaluation import bootstrap
from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import langevin

_ROWS = 8  # read together: their logits are the largest array
_ALIGNMENT = 32  # of row lengths, so that few shapes are compiled


def settle(
    decoder: decode.Decoder,
    params: transformer.Params,
    given: Sequence[Sequence[int]],
    keys_B: jax.Array,
    *,
    layer: int,
    tau: float,
) -> list[list[int]]:
  """Pushes what is given and runs the model on, greedily.

  Args:
    decoder: with room for what is given; its weights must not be quantised.
    params: of the transformer.
    given: token ids, one sequence a row.
    keys_B: of the directions: one key pushes in one direction at every tau.
    layer: the stream entering it is pushed.
    tau: expected length of the push over the norm of the stream, at each token.

  Returns:
    The tokens that each row continues with, stop included.

  Raises:
    ValueError: something given is empty or too long for the decoder.
  """
  trajectories = decoder(
      params, given, np.arange(len(given)), np.zeros(len(given)), keys_B,
      perturb=langevin.Perturbation(
          layer=layer, step_size=1.0, noise=tau, steps=1, energy='none'
      ),
  )
  return [
      tokens[mask].tolist()
      for tokens, mask in zip(trajectories.tokens, trajectories.mask)
  ]


def log_prob(
    params: transformer.Params,
    config: transformer.TransformerConfig,
    given: Sequence[Sequence[int]],
    rest: Sequence[Sequence[int]],
    keys_B: jax.Array,
    *,
    layer: int,
    tau: float,
) -> np.ndarray:
  """Log-probability of the rest after a push of what is given.

  Args:
    params: of the transformer.
    config: of the transformer.
    given: token ids, at least one a row; these are pushed.
    rest: token ids that are scored, at least one a row.
    keys_B: of the directions.
    layer, tau: as in `settle`.

  Returns:
    Summed over the rest, nats, `[B]`, float32.
  """
  B = len(given)
  given_B = np.array([len(tokens) for tokens in given])
  rest_B = np.array([len(tokens) for tokens in rest])
  M = int(rest_B.max())
  T = -(-int((given_B + rest_B).max()) // _ALIGNMENT) * _ALIGNMENT
  tokens_BxT = np.zeros((B, T), np.int32)
  for row, pieces in enumerate(zip(given, rest)):
    whole = np.concatenate(pieces)
    tokens_BxT[row, : len(whole)] = whole
  out_B = np.zeros(B, np.float32)
  for start in range(0, B, _ROWS):
    # The last batch repeats its last row: one shape for all.
    rows = np.minimum(np.arange(start, start + _ROWS), B - 1)
    out_B[rows] = np.asarray(_log_prob(
        params, tokens_BxT[rows], given_B[rows], rest_B[rows], keys_B[rows],
        tau, config=config, layer=layer, most=M,
    ))
  return out_B


@functools.partial(jax.jit, static_argnames=('config', 'layer', 'most'))
def _log_prob(
    params, tokens_BxT, given_B, rest_B, keys_B, tau, *, config, layer, most
):
  T = tokens_BxT.shape[1]
  pushed_BxT = jnp.arange(T)[None] < given_B[:, None]
  push = lambda h_BxTxD: langevin.perturb(
      h_BxTxD, pushed_BxT, keys_B, None, step_size=1.0, noise=tau, steps=1
  )
  at_BxM = jnp.minimum(given_B[:, None] + jnp.arange(most)[None], T - 1)
  out = transformer.Transformer(config).apply(
      {'params': params}, tokens_BxT, edits={layer: push}, logits_at=at_BxM - 1
  )
  target_BxMx1 = jnp.take_along_axis(tokens_BxT, at_BxM, axis=1)[..., None]
  chosen_BxM = jnp.take_along_axis(out.logits, target_BxMx1, axis=-1)[..., 0]
  log_prob_BxM = chosen_BxM - jax.nn.logsumexp(out.logits, axis=-1)
  scored_BxM = jnp.arange(most)[None] < rest_B[:, None]
  return jnp.where(scored_BxM, log_prob_BxM, 0.0).sum(axis=-1)


def radius(taus: Sequence[float], share: np.ndarray) -> np.ndarray:
  """Smallest tau at which a return curve falls below one half.

  Args:
    taus: ascending, the first is 0.
    share: that returns, `[..., T]`.

  Returns:
    `[...]`: linear between the two taus around it, the last tau where the curve
    stays at or above one half, NaN where the curve is not a number.
  """
  share = np.asarray(share, np.float64)
  x_T = np.asarray(taus, np.float64)
  below = share < 0.5
  crosses = below.any(axis=-1)
  after = np.where(crosses, below.argmax(axis=-1), len(x_T) - 1)
  before = np.maximum(after - 1, 0)
  at = lambda i: np.take_along_axis(share, i[..., None], axis=-1)[..., 0]
  fall = at(before) - at(after)
  part = np.where(fall > 0, (at(before) - 0.5) / np.where(fall, fall, 1), 0.0)
  inside = x_T[before] + part * (x_T[after] - x_T[before])
  out = np.where(crosses, inside, x_T[-1])
  return np.where(np.isnan(share).any(axis=-1), np.nan, out)


def reach(taus: Sequence[float], share: np.ndarray) -> np.ndarray:
  """Area under return curves `[..., T]` by the trapezoid rule, `[...]`."""
  share = np.asarray(share, np.float64)
  mean = (share[..., 1:] + share[..., :-1]) / 2
  return mean @ np.diff(np.asarray(taus, np.float64))


def resample(
    clusters: Sequence[str],
    numerator_PxS: np.ndarray,
    denominator_PxS: np.ndarray,
    *,
    seed: int,
    resamples: int = bootstrap.RESAMPLES,
) -> np.ndarray:
  """Ratios of sums on the data and on resamples of whole clusters.

  Any statistic of the ratios, curve by curve, has its estimate in the first row
  and its resamples in the others; see `interval`. All columns of a row come
  from one draw of clusters, so that what they share cancels in differences.

  Args:
    clusters: template of each of P trajectories.
    numerator_PxS: what is averaged, in S columns.
    denominator_PxS: its weight; 0 leaves a trajectory out of a column, and its
      numerator must then be 0 too.
    seed: of the draws.
    resamples: R.

  Returns:
    `[1 + R, S]`; NaN in a column without any weight.
  """
  names = sorted(set(clusters))
  index_P = np.array([names.index(name) for name in clusters])
  sums = np.zeros((2, len(names), numerator_PxS.shape[1]))
  np.add.at(sums[0], index_P, numerator_PxS)
  np.add.at(sums[1], index_P, denominator_PxS)
  draws_RxS = bootstrap.resampled_ratios(*sums, resamples, seed)
  total_S, weight_S = sums.sum(axis=1)
  with np.errstate(invalid='ignore', divide='ignore'):
    return np.concatenate([(total_S / weight_S)[None], draws_RxS])


def interval(statistic: np.ndarray) -> dict[str, float] | None:
  """Estimate and 95 % interval of a statistic `[1 + R]` of `resample`.

  Resamples in which it is not a number, because nobody who carries weight was
  drawn, are left out. None where the data themselves do not define it.
  """
  if not np.isfinite(statistic[0]):
    return None
  draws = statistic[1:][np.isfinite(statistic[1:])]
  low, high = bootstrap.percentile_interval(draws, bootstrap.CONFIDENCE)
  return {'mean': float(statistic[0]), 'low': low, 'high': high}
