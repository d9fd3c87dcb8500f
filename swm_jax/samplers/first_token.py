"""Noise on the embedding of the first token, and greedy decoding after it.

The only choice is made in the continuous space of one embedding; all that
follows is the model's likeliest way on from there. So whatever differs from the
greedy completion is another basin of the model, not a slip of the draw.

References:
  Zhu et al., Soft Reasoning, 2025, https://arxiv.org/abs/2505.24688. There the
  noise is then steered by Bayesian search with a verifier; here it is not.
"""

from collections.abc import Callable, Sequence
import dataclasses

import jax
import numpy as np

from swm_jax import types
from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import langevin


class FirstTokenDecoder:
  """Decodes greedily after a first token with a noisy embedding.

  It is called like `decode.Decoder`, by `rollout` too. The first token is the
  greedy one and stays in the completion. Every row reads its prompt for itself
  and decodes as many tokens as it returns; the first ones are read once more
  per prompt.

  Attributes:
    perturbation: of the embedding; for `rollout.records`, not for `rollout`.
    stop_table: of the decoder.
    config: of the decoder.
  """

  def __init__(self, decoder: decode.Decoder, size: float):
    """Derives two decoders from one.

    Args:
      decoder: gives model, stops and sizes.
      size: expected norm of the noise in norms of the embedding.

    Raises:
      ValueError: the size is negative, or completions have no second token.
    """
    config = decoder.config
    if config.max_new_tokens < 2:
      raise ValueError(
          'max_new_tokens=1 leaves nothing to decode after the first token; '
          'set it to 2 at least'
      )
    self.perturbation = langevin.Perturbation(
        layer=0,
        step_size=1.0,
        noise=size,
        steps=1,
        energy='none',
        positions='last',
    )
    self.stop_table = decoder.stop_table
    self.config = config
    self._pad_id = decoder.pad_id

    def derive(**sizes):
      return decode.Decoder(
          decoder.model_config,
          decoder.stop_table,
          dataclasses.replace(config, **sizes),
          decoder.pad_id,
      )

    self._opening = derive(max_new_tokens=1)
    self._rest = derive(
        max_prompt=config.max_prompt + 1,
        max_new_tokens=config.max_new_tokens - 1,
    )

  def __call__(
      self,
      params: transformer.Params,
      prompts: Sequence[Sequence[int]],
      prompt_index_B: Sequence[int] | np.ndarray,
      temperature_B: Sequence[float] | np.ndarray,
      keys_B: jax.Array,
      *,
      perturb: None = None,
      on_finished: Callable[[int, list[int]], None] | None = None,
  ) -> types.Trajectories:
    """Decodes one completion per row; arguments are those of `Decoder`.

    Args:
      params: of the transformer.
      prompts: token ids of the distinct prompts.
      prompt_index_B: prompt of each row.
      temperature_B: 0.
      keys_B: typed key per row, of its noise.
      perturb: None: the noise is of the decoder's own.
      on_finished: called with row and sampled tokens.

    Returns:
      As `Decoder` does. The log-probability of the first token is that of the
      clean model; later ones are of the model that read the noisy embedding.

    Raises:
      ValueError: as `Decoder` does, or a row is not greedy, or `perturb` is
        given.
    """
    if perturb is not None:
      raise ValueError(
          'decoding after a noisy first token takes no further perturbation; '
          'leave perturb out'
      )
    request = self._opening.request(
        prompts, prompt_index_B, temperature_B, keys_B
    )
    if request.temperature_B.any():
      raise ValueError(
          'decoding after a noisy first token is greedy; plan temperature 0'
      )
    used, first_B = np.unique(request.prompt_index_B, return_inverse=True)
    opening = self._opening(
        params, prompts, used, np.zeros(len(used)), keys_B[: len(used)]
    )
    begun = jax.tree.map(lambda leaf: leaf[first_B], opening)
    rows = np.flatnonzero(~begun.stopped)

    def report(row, token_ids):
      row = int(rows[row])
      on_finished(row, [int(begun.tokens[row, 0]), *token_ids])

    next_state_V = self.stop_table.next_state_SxV[0]
    rest = self._rest(
        params,
        [
            (*prompts[prompt], int(token))
            for prompt, token in zip(used, opening.tokens[:, 0])
        ],
        first_B[rows],
        request.temperature_B[rows],
        keys_B[rows],
        perturb=self.perturbation,
        # What has stopped is not decoded, and so its state is not read.
        stop_states=[
            0 if stopped else int(next_state_V[token])
            for stopped, token in zip(opening.stopped, opening.tokens[:, 0])
        ],
        on_finished=None if on_finished is None else report,
    )
    if on_finished is not None:
      for row in np.flatnonzero(begun.stopped).tolist():
        on_finished(row, begun.tokens[row].tolist())
    return self._join(begun, rest, rows)

  def _join(self, begun, rest, rows) -> types.Trajectories:
    """Puts the rest of some rows behind the first tokens of all."""
    B, T = len(begun.tokens), self.config.max_new_tokens

    def join(first, later, fill=0):
      whole = np.full((B, T, *first.shape[2:]), fill, first.dtype)
      whole[:, :1] = first
      whole[rows, 1:] = later
      return whole

    stopped = begun.stopped.copy()
    stopped[rows] = rest.stopped
    # The rest was fed its own tokens but the last, and the first token before.
    fed = np.maximum(rest.mask.sum(axis=1) - 1, 0)[:, None, None]
    latents = begun.latents.copy()
    latents[rows, :, 1] = (
        rest.latents[:, :, 0] + fed * rest.latents[:, :, 1]
    ) / (fed + 1)
    return types.Trajectories(
        prompt_tokens=begun.prompt_tokens,
        prompt_length=begun.prompt_length,
        tokens=join(begun.tokens, rest.tokens, self._pad_id),
        mask=join(begun.mask, rest.mask),
        log_prob=join(begun.log_prob, rest.log_prob),
        log_prob_behaviour=join(
            begun.log_prob_behaviour, rest.log_prob_behaviour
        ),
        top_k=jax.tree.map(join, begun.top_k, rest.top_k),
        hidden=jax.tree.map(join, begun.hidden, rest.hidden),
        latents=latents,
        stopped=stopped,
    )
