"""Draws tokens from logits, many streams from each row of logits.

On CPU a draw by inverse CDF costs a tenth of one by Gumbel noise: it needs one
uniform instead of V. The CDF is built in two levels, so that the long axis is
only ever summed and never scanned.
"""

import jax
import jax.numpy as jnp

from swm_jax import types

_BLOCK = 256  # tokens summed together at the first level
_GROUP = 8  # streams weighed together: their logits stay in the CPU's cache


def draw(
    logits_XxV: jax.Array,
    source_C: jax.Array,
    temperature_C: jax.Array,
    uniform_C: jax.Array,
    drawing_C: jax.Array,
    *,
    top_k: int = 0,
    top_p: float = 1.0,
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Draws one token per stream.

  Args:
    logits_XxV: float32.
    source_C: row of logits that each stream draws from.
    temperature_C: 0 takes the largest logit, the first of equal ones.
    uniform_C: in [0, 1), the only randomness.
    drawing_C: streams whose draw is wanted; the others' are arbitrary.
    top_k: draw among the k largest only; 0 is all (static).
    top_p: then among the smallest set of the most probable whose probability
      after tempering reaches this; 1 is all (static).

  Returns:
    `(token_C, log_prob_C, log_prob_behaviour_C)`: int32; log-probability under
    the untempered softmax, nats; log-probability under the law that the token
    was drawn from, nats, 0 for temperature 0.
  """
  V = logits_XxV.shape[1]
  blocks_XxNxM = _blocks(logits_XxV)
  highest_XxN = blocks_XxNxM.max(axis=-1)
  top_X = highest_XxN.max(axis=-1)
  lse_X = top_X + jnp.log(jnp.exp(logits_XxV - top_X[:, None]).sum(axis=-1))
  # Two short argmaxes: XLA's argmax of a long row is slower than its maximum.
  block_X = jnp.argmax(highest_XxN, axis=-1)
  row_XxM = jnp.take_along_axis(blocks_XxNxM, block_X[:, None, None], 1)[:, 0]
  greedy_X = block_X * _BLOCK + jnp.argmax(row_XxM, axis=-1)

  sampling_C = drawing_C & (temperature_C > 0)
  scale_C = 1 / jnp.where(temperature_C > 0, temperature_C, 1.0)
  if top_k or top_p < 1:
    token_C, behaviour_C = _restricted(
        logits_XxV, source_C, scale_C, uniform_C, min(top_k or V, V), top_p
    )
  else:
    token_C, behaviour_C = _inverse_cdf(
        blocks_XxNxM, top_X, source_C, scale_C, uniform_C, sampling_C
    )
  token_C = jnp.where(temperature_C > 0, token_C, greedy_X[source_C])
  token_C = token_C.astype(jnp.int32)
  behaviour_C = jnp.where(temperature_C > 0, behaviour_C, 0.0)
  log_prob_C = logits_XxV[source_C, token_C] - lse_X[source_C]
  return token_C, log_prob_C, behaviour_C


def summarise(logits_XxV: jax.Array, size: int) -> types.TopKLogits:
  """The `size` largest log-probabilities of each row and the log of the rest.

  The rest is summed itself: 1 minus the sum of the largest would cancel.
  """
  values_XxK, indices_XxK = jax.lax.top_k(logits_XxV, size)
  lse_X = jax.nn.logsumexp(logits_XxV, axis=-1)
  rows_Xx1 = jnp.arange(len(logits_XxV))[:, None]
  others_XxV = logits_XxV.at[rows_Xx1, indices_XxK].set(-jnp.inf)
  return types.TopKLogits(
      values=values_XxK - lse_X[:, None],
      indices=indices_XxK,
      log_rest=jax.nn.logsumexp(others_XxV, axis=-1) - lse_X,
  )


def _blocks(logits_XxV):
  missing = -logits_XxV.shape[1] % _BLOCK
  if missing:
    logits_XxV = jnp.pad(
        logits_XxV, ((0, 0), (0, missing)), constant_values=-jnp.inf
    )
  return logits_XxV.reshape(len(logits_XxV), -1, _BLOCK)


def _inverse_cdf(
    blocks_XxNxM, top_X, source_C, scale_C, uniform_C, sampling_C
):
  """Finds the block, then the token, where the CDF passes the uniform."""
  C, N = len(source_C), blocks_XxNxM.shape[1]
  top_C = top_X[source_C]
  # Weigh the streams that sample, in groups, and no others.
  group = min(_GROUP, C)
  order_C = jnp.argsort(~sampling_C)

  def weigh(i, mass_CxN):
    start = jnp.minimum(i * group, C - group)
    at = jax.lax.dynamic_slice_in_dim(order_C, start, group)
    scaled = blocks_XxNxM[source_C[at]] - top_C[at][:, None, None]
    scaled = scaled * scale_C[at][:, None, None]
    return mass_CxN.at[at].set(jnp.exp(scaled).sum(axis=-1))

  count = (sampling_C.sum() + group - 1) // group
  mass_CxN = jax.lax.fori_loop(0, count, weigh, jnp.zeros((C, N), jnp.float32))

  cumulative_CxN = jnp.cumsum(mass_CxN, axis=-1)
  total_C = cumulative_CxN[:, -1]
  target_C = uniform_C * total_C
  block_C = _first_above(cumulative_CxN, mass_CxN, target_C)
  at_Cx1 = block_C[:, None]
  before_C = (
      jnp.take_along_axis(cumulative_CxN, at_Cx1, 1)
      - jnp.take_along_axis(mass_CxN, at_Cx1, 1)
  )[:, 0]
  scaled_CxM = blocks_XxNxM[source_C, block_C] - top_C[:, None]
  scaled_CxM *= scale_C[:, None]
  weight_CxM = jnp.exp(scaled_CxM)
  inside_C = _first_above(
      jnp.cumsum(weight_CxM, axis=-1), weight_CxM, target_C - before_C
  )
  chosen_C = jnp.take_along_axis(scaled_CxM, inside_C[:, None], 1)[:, 0]
  return block_C * _BLOCK + inside_C, chosen_C - jnp.log(total_C)


def _first_above(cumulative_CxN, weight_CxN, target_C):
  """First index with weight whose cumulative weight exceeds the target.

  Rounding may leave none; then it is the heaviest.
  """
  above_CxN = (cumulative_CxN > target_C[:, None]) & (weight_CxN > 0)
  return jnp.where(
      above_CxN.any(axis=-1),
      jnp.argmax(above_CxN, axis=-1),
      jnp.argmax(weight_CxN, axis=-1),
  )


def _restricted(logits_XxV, source_C, scale_C, uniform_C, top_k, top_p):
  """Draws among the `top_k` most probable, cut to the nucleus of `top_p`."""
  values_XxK, indices_XxK = jax.lax.top_k(logits_XxV, top_k)
  log_p_CxK = jax.nn.log_softmax(
      values_XxK[source_C] * scale_C[:, None], axis=-1
  )
  if top_p < 1:
    p_CxK = jnp.exp(log_p_CxK)
    # The token that reaches top_p is kept, so at least one always is.
    before_CxK = jnp.cumsum(p_CxK, axis=-1) - p_CxK
    log_p_CxK = jnp.where(before_CxK < top_p, log_p_CxK, -jnp.inf)
    log_p_CxK = jax.nn.log_softmax(log_p_CxK, axis=-1)
  p_CxK = jnp.exp(log_p_CxK)
  cumulative_CxK = jnp.cumsum(p_CxK, axis=-1)
  rank_C = _first_above(
      cumulative_CxK, p_CxK, uniform_C * cumulative_CxK[:, -1]
  )
  return (
      indices_XxK[source_C, rank_C],
      jnp.take_along_axis(log_p_CxK, rank_C[:, None], 1)[:, 0],
  )
