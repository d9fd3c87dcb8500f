"""Dark experience replay on stored logits: the top K, or a sample of all.

z_past is written once, when an example enters the buffer, as the K largest
log-probabilities and the mass of the rest (`types.TopKLogits`). The current
model is read at the same K ids, so that no dense z_past is ever formed. The log
keeps more of a wake trace, its final hidden states; their K largest logits are
read with the output table of the weights that decoded, never of current ones.
DER++ adds cross-entropy on a second, independent draw: that is plain CE, a
term of its own in `compose`.
"""

import math

import chex
import jax
import jax.numpy as jnp

from swm_jax import types

FORMS = ('squared', 'kl', 'sampled')

# Rests below float32's resolution of 1 are equal: a z_past that was written as
# 1 - sum(top K) has lost them, and a squared error in nats would chase them.
_LOG_REST_FLOOR = math.log(2.0**-23)


def top_k_log_probs(
    logits: jax.Array, indices: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Log-probabilities at given ids and of all other ids together.

  The rest is summed directly. 1 - sum(top K) would lose it to cancellation
  just where the distribution is peaked, and its gradient with it.

  Args:
    logits: `[..., V]`, any floating type.
    indices: distinct token ids, `[..., K]`, int32, K < V.

  Returns:
    values, nats, `[..., K]`, and log_rest, nats, `[...]`, float32.
  """
  if indices.shape[-1] >= logits.shape[-1]:
    raise ValueError(
        f'K = {indices.shape[-1]} leaves no rest of a vocabulary of'
        f' {logits.shape[-1]}; store fewer logits'
    )
  logits = logits.astype(jnp.float32)
  rest = jnp.put_along_axis(
      logits, indices, -jnp.inf, axis=-1, inplace=False
  )
  top = jnp.take_along_axis(logits, indices, axis=-1)
  log_rest = jax.nn.logsumexp(rest, axis=-1)
  log_total = jnp.logaddexp(jax.nn.logsumexp(top, axis=-1), log_rest)
  return top - log_total[..., None], log_rest - log_total


def der_loss(
    values: jax.Array,
    log_rest: jax.Array,
    stored: types.TopKLogits,
    mask: jax.Array,
    *,
    form: str = 'squared',
) -> jax.Array:
  """Distance of the current next-token distribution from the stored one.

  `squared` and `kl` merge the vocabulary's rest into one class, so that K + 1
  classes are compared. No form sees a shift common to all logits, as softmax
  does not.

  squared: with d the difference of log-probabilities, mean over the K + 1
    classes of (d - mean d)^2, nats^2. This *is* dense DER (mean over classes of
    the centred squared logit difference) of the merged distributions, and of
    the original ones at K = V - 1. Against dense DER over V classes: when
    logits change alike everywhere in the vocabulary it is an estimate from
    K + 1 of V classes; when only the K stored classes change it is larger by
    V / (K + 1). The class mean, and so alpha, does not depend on V. (Measured
    in `anchoring_test`: within 10 % on average over 256 tokens for random
    changes of flat and of peaked distributions at K = 32, V = 512.)
  kl: KL(stored || current) of the merged distributions, nats. A lower bound of
    the dense KL, short by p_rest times the KL within the rest. Weighted by
    probability, where `squared` gives the hundredth guess the first one's say.
  sampled: estimate of the dense KL from what `sample` drew, nats, unbiased in
    value and gradient: the sum over drawn ids of their weight times
    (r - 1 - log r), r being current over stored probability. Never below 0,
    and at the stored model 0 with its gradient, whatever was drawn.

  Args:
    values: current log-probabilities at `stored.indices`, `[..., K]`.
    log_rest: current log of the rest's probability, `[...]`.
    stored: z_past, of `compress`, or for `sampled` of `sample`; no gradient
      flows into it.
    mask: True where a token counts, `[...]`.
    form: one of `FORMS`.

  Returns:
    Per token, `[...]`, float32, 0 where not `mask`: sum and divide by the
    number of valid tokens.

  Raises:
    ValueError: form is unknown.

  References:
    Buzzega et al., Dark experience for general continual learning, 2020,
      https://arxiv.org/abs/2004.07211. The paper's squared error on raw logits
      also charges for the common shift; here it is centred away. Schulman,
      Approximating KL divergence, 2020, http://joschu.net/blog/kl-approx.html
      (r - 1 - log r).
  """
  if form not in FORMS:
    raise ValueError(f'{form=} is unknown; choose one of {", ".join(FORMS)}')
  chex.assert_equal_shape([values, stored.values, stored.indices])
  chex.assert_equal_shape([log_rest, stored.log_rest, mask])
  if form == 'sampled':
    return _sampled_kl(values, stored, mask)
  current = _classes(values, log_rest, mask)
  past = jax.lax.stop_gradient(
      _classes(stored.values, stored.log_rest, mask)
  )
  difference = past - current
  if form == 'kl':
    loss = (jnp.exp(past) * difference).sum(axis=-1)
  else:
    loss = dense_squared(past, current)
  return jnp.where(mask, loss, 0.0)


def dense_squared(
    past: jax.Array, current: jax.Array, *, centred: bool = True
) -> jax.Array:
  """Mean over classes of the squared difference of logits `[..., V]`, `[...]`.

  Args:
    past: stored.
    current: of the same shape.
    centred: False is the paper's error on raw logits, which also charges for a
      shift common to all of them.
  """
  difference = past.astype(jnp.float32) - current.astype(jnp.float32)
  if centred:
    difference -= difference.mean(axis=-1, keepdims=True)
  return jnp.square(difference).mean(axis=-1)


def compress(logits: jax.Array, k: int) -> types.TopKLogits:
  """Keeps the K largest of `[..., V]` logits and the mass of the rest."""
  if not 0 < k < logits.shape[-1]:
    raise ValueError(
        f'{k=} must be between 1 and the vocabulary size'
        f' {logits.shape[-1]} less one'
    )
  _, indices = jax.lax.top_k(logits, k)
  values, log_rest = top_k_log_probs(logits, indices)
  return types.TopKLogits(values, indices.astype(jnp.int32), log_rest)


def sample(logits: jax.Array, n: int, key: jax.Array) -> types.TopKLogits:
  """Draws n distinct tokens of `[..., V]` logits that stand for all of them.

  Token i has the priority p_i / u_i, u_i uniform in (0, 1]; the n highest are
  kept, and the next one is the threshold. An id that is kept stands for
  max(p_i, threshold) of probability, one that is not for none, which is p_i on
  average. Likely tokens are thus kept always and at their own weight, and the
  draws go to the tail; of independent draws from p, as in the first paper, most
  would repeat the likeliest token.

  Args:
    logits: any floating type, n < V.
    n: tokens to keep.
    key: of the draw, for all leading dims together.

  Returns:
    `values` are log p at `indices`, `[..., n]`, and in the place of the rest's
    mass `log_rest` holds the log of the threshold, `[...]`: for the form
    `sampled` of `der_loss` and no other.

  References:
    Anshumann et al., Sparse logit sampling, 2025,
      https://arxiv.org/abs/2503.16870. Duffield, Lund and Thorup, Priority
      sampling for estimation of arbitrary subset sums, 2007,
      https://doi.org/10.1145/1314690.1314696
  """
  if not 0 < n < logits.shape[-1]:
    raise ValueError(
        f'{n=} must be between 1 and the vocabulary size {logits.shape[-1]}'
        ' less one'
    )
  log_p = jax.nn.log_softmax(logits.astype(jnp.float32), axis=-1)
  # -log u of a uniform u.
  priority = log_p + jax.random.exponential(key, log_p.shape)
  priorities, indices = jax.lax.top_k(priority, n + 1)
  indices = indices[..., :n].astype(jnp.int32)
  values = jnp.take_along_axis(log_p, indices, axis=-1)
  return types.TopKLogits(values, indices, priorities[..., n])


def reconstruct(stored: types.TopKLogits, vocab_size: int) -> jax.Array:
  """Dense log-probabilities, `[..., V]`: the rest spread evenly.

  Even is the choice that assumes nothing of the ids that were not stored. It
  costs KL of p_rest (log(V - K) - entropy within the rest).
  """
  num_rest = vocab_size - stored.indices.shape[-1]
  if num_rest < 1:
    raise ValueError(f'{vocab_size=} leaves no rest beside the stored logits')
  even = stored.log_rest.astype(jnp.float32) - math.log(num_rest)
  dense = jnp.broadcast_to(even[..., None], (*even.shape, vocab_size))
  return jnp.put_along_axis(
      dense,
      stored.indices,
      stored.values.astype(jnp.float32),
      axis=-1,
      inplace=False,
  )


def dense_kl(past: jax.Array, current: jax.Array) -> jax.Array:
  """KL(softmax(past) || softmax(current)) of logits `[..., V]`, nats."""
  log_p = jax.nn.log_softmax(past.astype(jnp.float32), axis=-1)
  log_q = jax.nn.log_softmax(current.astype(jnp.float32), axis=-1)
  return jnp.sum(jnp.exp(log_p) * (log_p - log_q), axis=-1)


def kl_to_dense(stored: types.TopKLogits, logits: jax.Array) -> jax.Array:
  """KL(softmax(logits) || reconstruction), nats, `[...]`: what storing lost."""
  return dense_kl(logits, reconstruct(stored, logits.shape[-1]))


def _sampled_kl(values, stored, mask):
  stored = jax.lax.stop_gradient(stored)
  past = stored.values.astype(jnp.float32)
  threshold = stored.log_rest.astype(jnp.float32)[..., None]
  alive = lambda x: jnp.where(mask[..., None], x, 0.0)
  weight = alive(jnp.exp(jnp.maximum(past, threshold)))
  log_ratio = alive(values.astype(jnp.float32) - past)
  return (weight * (jnp.expm1(log_ratio) - log_ratio)).sum(axis=-1)


def _classes(values, log_rest, mask):
  """Stacks the K classes and the rest, `[..., K + 1]`, inert where masked."""
  rest = jnp.maximum(log_rest.astype(jnp.float32), _LOG_REST_FLOOR)
  classes = jnp.concatenate(
      [values.astype(jnp.float32), rest[..., None]], axis=-1
  )
  return jnp.where(mask[..., None], classes, 0.0)
