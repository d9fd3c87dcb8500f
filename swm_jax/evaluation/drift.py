"""How far a night moved the model on given text: KL(base||tuned), perplexity.

The KL is exact over the vocabulary, per predicted token, in float32. Only the
hidden states of a batch are kept whole; logits `[tokens, V]` exist for `chunk`
tokens at a time (256 tokens of 49,152 logits are 50 MB for each model).

Text comes packed (`swm_jax.data.batching`): for code, the prompt of a problem
with its reference solution as the completion, so that the solution is what is
measured; for plain text, `pack_text`.
"""

from collections.abc import Callable, Iterable, Mapping
import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from swm_jax import global_arrays
from swm_jax.data import batching
from swm_jax.evaluation import bootstrap
from swm_jax.models import transformer

# (params, batch) -> final hidden state that predicts each target, [R, M, D].
HiddenFn = Callable[[Any, batching.PackedBatch], jax.Array]
# (params, hidden [N, D]) -> logits [N, V].
LogitsFn = Callable[[Any, jax.Array], jax.Array]


@dataclasses.dataclass(frozen=True)
class TokenMean:
  """A mean per token, in nats, with its cluster-bootstrap interval.

  Attributes:
    mean: sum over tokens divided by their number.
    low: lower end of the interval.
    high: upper end.
    tokens: predicted tokens.
    clusters: texts, or groups of texts, that were resampled.
    resamples: number of resamples.
    confidence: of the interval, two-sided.
    seed: of the resampling.
  """

  mean: float
  low: float
  high: float
  tokens: int
  clusters: int
  resamples: int
  confidence: float
  seed: int


@dataclasses.dataclass(frozen=True)
class Drift:
  """Two models on the same tokens.

  Attributes:
    kl: KL(base||tuned), nats per token.
    nll_change: mean negative log-likelihood of the tuned model minus that of
      the base, nats per token; its exponential is the ratio of perplexities.
    perplexity_base: of the base model.
    perplexity_tuned: of the tuned model.
  """

  kl: TokenMean
  nll_change: TokenMean
  perplexity_base: float
  perplexity_tuned: float

  def to_json(self) -> dict[str, Any]:
    return dataclasses.asdict(self)


@functools.lru_cache
def transformer_functions(
    config: transformer.TransformerConfig,
) -> tuple[HiddenFn, LogitsFn]:
  """Returns `hidden_fn` and `logits_fn` of the project's transformer.

  The same config gives the same two functions, and so compiles once.
  """
  model = transformer.Transformer(config)

  def hidden_fn(params, batch):
    output = model.apply(
        {'params': params},
        batch.tokens,
        positions_BxT=batch.positions,
        attend=transformer.Attend(batch.group, batch.branch),
        compute_logits=False,
    )
    return jnp.take_along_axis(
        output.hidden_BxTxD, batch.source[:, :, None], axis=1
    )

  def logits_fn(params, hidden_NxD):
    return transformer.logits_from_hidden(params, hidden_NxD, config)

  return hidden_fn, logits_fn


def token_kl(log_p_NxV: jax.Array, log_q_NxV: jax.Array) -> jax.Array:
  """KL(p||q) of normalised log-probabilities, nats, `[N]`."""
  # Where p underflows to 0 its log is finite, so the product is 0, not NaN.
  return (jnp.exp(log_p_NxV) * (log_p_NxV - log_q_NxV)).sum(axis=-1)


@functools.partial(jax.jit, static_argnums=0)
def _hidden(hidden_fn, params, batch):
  hidden_RxMxD = hidden_fn(params, batch)
  return hidden_RxMxD.reshape(-1, hidden_RxMxD.shape[-1])


@functools.partial(jax.jit, static_argnums=(0, 1))
def _terms(logits_fn, chunk, base, tuned, base_NxD, tuned_NxD, target_N):
  """KL and both negative log-likelihoods of every target, `[3, N]`."""
  num = target_N.shape[0]
  cut = lambda x: jnp.pad(
      x, [(0, -num % chunk)] + [(0, 0)] * (x.ndim - 1)
  ).reshape(-1, chunk, *x.shape[1:])

  def of_chunk(inputs):
    base_CxD, tuned_CxD, target_C = inputs
    log_p = jax.nn.log_softmax(logits_fn(base, base_CxD).astype(jnp.float32))
    log_q = jax.nn.log_softmax(logits_fn(tuned, tuned_CxD).astype(jnp.float32))
    nll = lambda log_CxV: -jnp.take_along_axis(
        log_CxV, target_C[:, None], axis=1
    )[:, 0]
    return jnp.stack([token_kl(log_p, log_q), nll(log_p), nll(log_q)])

  terms_Kx3xC = jax.lax.map(
      of_chunk, (cut(base_NxD), cut(tuned_NxD), cut(target_N))
  )
  return jnp.moveaxis(terms_Kx3xC, 1, 0).reshape(3, -1)[:, :num]


def measure(
    hidden_fn: HiddenFn,
    logits_fn: LogitsFn,
    base_params: Any,
    tuned_params: Any,
    batches: Iterable[batching.PackedBatch],
    *,
    clusters: Mapping[int, str] | None = None,
    chunk: int = 256,
    resamples: int = bootstrap.RESAMPLES,
    confidence: float = bootstrap.CONFIDENCE,
    seed: int = 0,
) -> Drift:
  """Compares two sets of weights on packed text.

  Args:
    hidden_fn: see `transformer_functions`.
    logits_fn: see `transformer_functions`.
    base_params: weights before.
    tuned_params: weights after.
    batches: packed text, all of one shape to compile once.
    clusters: trajectory id -> name of what it is resampled with, e.g. the
      template of a reference solution. None: every trajectory (a window of a
      plain text, a solution) is its own cluster.
    chunk: tokens whose logits exist at once.
    resamples: number of resamples.
    confidence: of the two-sided percentile intervals.
    seed: of the resampling.

  Raises:
    ValueError: if the batches hold no target.
    FloatingPointError: if a result is not finite.
  """
  sums: dict[Any, np.ndarray] = {}  # cluster -> (KL, base NLL, NLL, tokens)
  for batch in batches:
    terms_3xN = _terms(
        logits_fn,
        chunk,
        base_params,
        tuned_params,
        _hidden(hidden_fn, base_params, batch),
        _hidden(hidden_fn, tuned_params, batch),
        batch.target.reshape(-1),
    )
    mask_N = batch.target_mask.reshape(-1)
    ids_N = np.take_along_axis(
        batch.trajectory_id, batch.trajectory, axis=1
    ).reshape(-1)[mask_N]
    values_4xN = np.ones((4, len(ids_N)))
    terms_3xN = global_arrays.fetch(terms_3xN)
    values_4xN[:3] = terms_3xN.astype(np.float64)[:, mask_N]
    for trajectory_id in np.unique(ids_N):
      name = int(trajectory_id) if clusters is None else clusters[trajectory_id]
      total = values_4xN[:, ids_N == trajectory_id].sum(axis=1)
      sums[name] = sums.get(name, 0.0) + total
  if not sums:
    raise ValueError('the batches hold no token to measure')

  # Sorted, so that the interval does not depend on how texts were packed.
  table_Gx4 = np.stack([sums[name] for name in sorted(sums)])
  if not np.isfinite(table_Gx4).all():
    raise FloatingPointError(
        'log-probabilities of the base or the tuned model are not finite'
    )
  kl_G, base_G, tuned_G, tokens_G = table_Gx4.T
  columns_Gx2 = np.stack([kl_G, tuned_G - base_G], axis=1)
  tokens_Gx2 = np.stack([tokens_G, tokens_G], axis=1)
  draws_Rx2 = bootstrap.resampled_ratios(
      columns_Gx2, tokens_Gx2, resamples, seed
  )
  tokens = int(tokens_G.sum())
  kl, nll_change = (
      TokenMean(
          float(columns_Gx2[:, i].sum() / tokens),
          *bootstrap.percentile_interval(draws_Rx2[:, i], confidence),
          tokens=tokens,
          clusters=len(table_Gx4),
          resamples=resamples,
          confidence=confidence,
          seed=seed,
      )
      for i in range(2)
  )
  return Drift(
      kl,
      nll_change,
      math.exp(base_G.sum() / tokens),
      math.exp(tuned_G.sum() / tokens),
  )
