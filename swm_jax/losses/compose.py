"""The consolidation loss: CE(x+) + gamma CD + alpha DER + CE(replay) + ...

One place where weights stand beside the names of the terms they multiply.
"""

from collections.abc import Mapping
import dataclasses

import jax
import jax.numpy as jnp


@dataclasses.dataclass(frozen=True)
class LossWeights:
  """Weight of each term in the total; 0 leaves a term out.

  Attributes:
    ce: cross-entropy on verified answers, nats per token.
    cd: gamma, contrastive divergence, mean over prompts with a pair.
    der: alpha, distance from stored logits, mean over valid tokens. Its scale
      is that of the form of `anchoring.der_loss`.
    replay_ce: beta of DER++, cross-entropy on a second draw from the anchors,
      nats per token; ER where `der` is 0.
    ewc: lambda of elastic weight consolidation, KL a token from W_k to second
      order (`retention.ewc_penalty`), nats.
    l2_sp: of half the squared distance from W_k, a sum over all weights.
  """

  ce: float = 1.0
  cd: float = 0.0
  der: float = 0.0
  replay_ce: float = 0.0
  ewc: float = 0.0
  l2_sp: float = 0.0


def compose(
    terms: Mapping[str, jax.Array], weights: LossWeights
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Adds the weighted terms.

  Args:
    terms: scalars by the names of `LossWeights`' fields. A term that was not
      computed may be absent if its weight is 0; a term of weight 0 that was
      computed is reported and not added.
    weights: one for each name.

  Returns:
    The total, float32, and every term unweighted, for the metrics.

  Raises:
    ValueError: a term has no weight, or a weighted term is missing.
  """
  by_name = dataclasses.asdict(weights)
  unknown = sorted(set(terms) - set(by_name))
  if unknown:
    raise ValueError(
        f'no weight for {", ".join(unknown)}; LossWeights has'
        f' {", ".join(by_name)}'
    )
  total = jnp.zeros((), jnp.float32)
  for name, weight in by_name.items():
    if weight == 0.0:
      continue
    if name not in terms:
      raise ValueError(f'weight {name}={weight} but no such term was computed')
    total += weight * terms[name].astype(jnp.float32)
  return total, dict(terms)
