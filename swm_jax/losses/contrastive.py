"""Contrastive divergence: lower the energy of x+, raise that of x-.

The literature's positives and negatives are data and model samples; here they
are verified and failed answers to the same prompt, so that the difference of
energies says nothing about the prompt.
"""

from collections.abc import Sequence

import chex
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.losses import reductions

FORMS = ('softplus', 'raw', 'logsumexp', 'topr')


def contrastive_divergence_loss(
    energy: jax.Array,
    sign: jax.Array,
    weight: jax.Array | None = None,
    *,
    group: jax.Array,
    num_groups: int,
    form: str = 'softplus',
    beta: float = 1.0,
    margin: float = 0.0,
    l2: float = 0.0,
) -> tuple[jax.Array, jax.Array]:
  """Contrasts every x+ with every x- of the same prompt; mean per prompt.

  With d = E(x+) - E(x-):
    softplus: w softplus(beta d + margin), bounded below; its pull fades once
      the pair is apart by more than margin / beta.
    raw: w d, plain contrastive divergence; unbounded below, for ablation.
    logsumexp: log(1 + sum_j w_j exp(beta d_j + margin)) over the negatives of
      each x+, the InfoNCE form: the lowest x- takes most of the push. Equal
      to softplus for a single negative of weight 1.
    topr: -w E(x-), the truncated-importance negative alone: x+ enters only by
      the cross-entropy. With E = -log pi it is min(1, pi / mu) log pi, whose
      push fades with pi itself, where `raw` goes on for ever. Of a mean NLL it
      is the mean over the tokens that count.

  On mean NLLs gaps are 0.1 to 0.5 nats, so that at beta = 1 the softplus is
  flat: each pair then adds half a cross-entropy on x+ and minus half on x-,
  whatever the pair. Selectivity needs beta of 2 to 10.

  Args:
    energy: E_W per trajectory, `[J]`.
    sign: +1 for x+, -1 for x-, 0 for neither (the verifier's own failures and
      empty slots), `[J]`; energies at 0 are never read.
    weight: of each x-, in [0, 1], `[J]`, see `importance_weight`; ignored on
      x+. None is 1. The mean divides by the number of pairs and not by the sum
      of weights, so stale negatives count less and are not rescaled.
    group: prompt of each trajectory, `[J]`, int32 in `[0, num_groups)`.
    num_groups: G, static.
    form: one of `FORMS`.
    beta: inverse temperature, 1 / unit of energy; `softplus`, `logsumexp`.
    margin: `softplus`, `logsumexp`; E(x-) - E(x+) is wanted to exceed
      margin / beta, so that a positive margin pulls for longer.
    l2: adds l2 (E(x+)^2 + E(x-)^2) to each pair, which keeps energies without
      a floor (`head`, `hopfield`) near 0. Leave it 0 for `nll`, where it
      would pull the failed answer's probability up.

  Returns:
    The loss of each prompt, `[G]`, float32, 0 without a pair; and which
    prompts have a pair, `[G]`, bool: average over those.

  Raises:
    ValueError: form is unknown.

  References:
    Hinton, Training products of experts by minimizing contrastive divergence,
      2002. van den Oord et al., 2018, https://arxiv.org/abs/1807.03748
      (InfoNCE). Meng et al., SimPO, 2024, https://arxiv.org/abs/2405.14734
      (softplus on length-normalised log-likelihoods; its beta is our beta, its
      gamma our margin, at best 0.1 to 0.8 of beta there). Le Roux et al.,
      TOPR, 2025, https://arxiv.org/abs/2503.14286 (topr).
  """
  if form not in FORMS:
    raise ValueError(f'{form=} is unknown; choose one of {", ".join(FORMS)}')
  chex.assert_rank(energy, 1)
  chex.assert_equal_shape([energy, sign, group])
  energy = jnp.where(sign != 0, energy.astype(jnp.float32), 0.0)
  weight = jnp.ones_like(energy) if weight is None else weight
  weight = jnp.where(sign < 0, weight.astype(jnp.float32), 0.0)
  pair_JxJ = (
      (sign > 0)[:, None]
      & (sign < 0)[None, :]
      & (group[:, None] == group[None, :])
  )
  num_pairs_J = pair_JxJ.sum(axis=1)
  gap_JxJ = jnp.where(pair_JxJ, energy[:, None] - energy[None, :], 0.0)
  weight_JxJ = jnp.where(pair_JxJ, weight[None, :], 0.0)

  if form == 'logsumexp':
    # A column of zeros is the 1 inside the logarithm.
    exponents = jnp.pad(beta * gap_JxJ + margin, ((0, 0), (0, 1)))
    factors = jnp.pad(weight_JxJ, ((0, 0), (0, 1)), constant_values=1.0)
    per_positive = jax.nn.logsumexp(exponents, axis=1, b=factors)
    # A mean over positives: each counts once, whatever its negatives.
    share = jnp.ones_like(per_positive)
  else:
    if form == 'softplus':
      loss_JxJ = jax.nn.softplus(beta * gap_JxJ + margin)
    elif form == 'topr':
      loss_JxJ = -jnp.where(pair_JxJ, energy[None, :], 0.0)
    else:
      loss_JxJ = gap_JxJ
    per_positive = (weight_JxJ * loss_JxJ).sum(axis=1)
    share = num_pairs_J.astype(jnp.float32)

  has_pair_J = num_pairs_J > 0
  by_group = lambda values: reductions.sum_by_group(  # noqa: E731
      values, has_pair_J, group, num_groups
  )
  loss = by_group(per_positive) / jnp.maximum(by_group(share), 1.0)
  pairs = by_group(num_pairs_J)
  if l2:
    square = jnp.square(energy)
    norms_JxJ = jnp.where(pair_JxJ, square[:, None] + square[None, :], 0.0)
    penalty = by_group(norms_JxJ.sum(axis=1)) / jnp.maximum(pairs, 1.0)
    loss = loss + l2 * penalty
  return loss, pairs > 0


def importance_weight(log_pi: jax.Array, log_mu: jax.Array) -> jax.Array:
  """Truncated importance weight min(1, pi / mu) of a stored trajectory.

  A negative that the model no longer writes needs no pushing; left at weight
  1, old negatives wreck off-policy training.

  Args:
    log_pi: log-probability under the model in training, nats, `[J]`.
    log_mu: under the policy that drew it, nats, `[J]`.

  Returns:
    In [0, 1], without gradient, `[J]`, float32.

  References:
    Le Roux et al., TOPR, 2025, https://arxiv.org/abs/2503.14286
  """
  ratio = log_pi.astype(jnp.float32) - log_mu.astype(jnp.float32)
  return jax.lax.stop_gradient(jnp.exp(jnp.minimum(ratio, 0.0)))


def first_divergence(tokens: Sequence[int], other: Sequence[int]) -> int:
  """Index of the first token in which two sequences differ.

  Equal sequences diverge at their length, and a prefix of the other at its
  own end.
  """
  shorter = min(len(tokens), len(other))
  differs = np.not_equal(
      np.asarray(tokens[:shorter]), np.asarray(other[:shorter])
  )
  return int(differs.argmax()) if differs.any() else shorter


def after_first_divergence(
    tokens: Sequence[int], others: Sequence[Sequence[int]]
) -> np.ndarray:
  """Masks out the prefix that a completion shares with all its opponents.

  Shared tokens cancel in a gap of sums but not in one of means, where they
  only dilute it, and pushing on them lowers the verified answer too.

  Args:
    tokens: the completion.
    others: the completions it is paired with, at least one.

  Returns:
    True from the earliest divergence on, the diverging token included,
    `[len(tokens)]`; all False only if `tokens` begins all of `others`.
  """
  if not others:
    raise ValueError('others is empty; a completion diverges from something')
  start = min(first_divergence(tokens, other) for other in others)
  return np.arange(len(tokens)) >= start
