"""Log-probabilities of sampled tokens, read in one causal pass."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from swm_jax import types
from swm_jax.models import transformer

_ROWS = 8  # read together: their logits are the largest array


def log_prob(
    params: transformer.Params,
    config: transformer.TransformerConfig,
    trajectories: types.Trajectories,
) -> np.ndarray:
  """Log-probability of each sampled token under the model.

  Args:
    params: of the transformer.
    config: of the transformer.
    trajectories: numpy leaves; only prompts, tokens and mask are read.

  Returns:
    `[B, T]`, nats, 0 where not `mask`.
  """
  prompt_BxP, length_B = trajectories.prompt_tokens, trajectories.prompt_length
  target_BxT = trajectories.tokens
  B, T = target_BxT.shape
  # The token at column n is predicted by its predecessor in the sequence.
  at_BxT = length_B[:, None] - 1 + np.arange(T)
  tokens_BxN = np.concatenate([prompt_BxP, np.zeros_like(target_BxT)], axis=1)
  np.put_along_axis(tokens_BxN, at_BxT + 1, target_BxT, axis=1)
  scores = np.zeros((B, T), np.float32)
  for start in range(0, B, _ROWS):
    # The last batch repeats its last row: one shape for all.
    rows = np.minimum(np.arange(start, start + _ROWS), B - 1)
    batch = _score(
        params, tokens_BxN[rows], at_BxT[rows], target_BxT[rows], config=config
    )
    scores[rows] = np.asarray(batch)
  return np.where(trajectories.mask, scores, 0)


@functools.partial(jax.jit, static_argnames='config')
def _score(params, tokens_BxN, at_BxT, target_BxT, *, config):
  out = transformer.Transformer(config).apply(
      {'params': params}, tokens_BxN, logits_at=at_BxT
  )
  chosen_BxTx1 = jnp.take_along_axis(out.logits, target_BxT[..., None], -1)
  return chosen_BxTx1[..., 0] - jax.nn.logsumexp(out.logits, axis=-1)
