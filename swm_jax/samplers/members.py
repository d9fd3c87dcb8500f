"""Members of an ensemble that are models: they answer by decoding.

Three ways to have several opinions: draw one model several times, ask earlier
snapshots of it, or ask it with its projections slightly disturbed.
"""

from collections.abc import Callable, Mapping, Sequence
import hashlib

from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax import tokenization
from swm_jax import types
from swm_jax.models import lora
from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import rollout

Load = Callable[[], transformer.Params]


class DecodedMember:
  """Answers by decoding one set of weights; a `verifiers.ensemble.Member`.

  An answer depends on its problem's id and prompt, on the weights and on the
  key, not on which other problems are asked.

  Attributes:
    name: for reports.
    digest: of weights, policy and key.
  """

  def __init__(
      self,
      name: str,
      decoder: decode.Decoder,
      tokenizer: tokenization.Tokenizer,
      load: Load,
      *,
      weights_digest: str,
      key: jax.Array,
      draws: int = 1,
      temperature: float = 0.0,
  ):
    """Loads nothing yet.

    Args:
      name: for reports.
      decoder: holds the stops and the sizes.
      tokenizer: of the model.
      load: returns the weights; called at each request, so that an ensemble
        holds the weights of one member at a time.
      weights_digest: of what `load` returns.
      key: of the draws; not one that candidates are drawn with, since nobody
        may be counted as agreeing with himself.
      draws: answers to each problem.
      temperature: of the draws, 0 is greedy.

    Raises:
      ValueError: `draws` is below 1, or several greedy draws are asked for.
    """
    if draws < 1 or draws > 1 and not temperature:
      raise ValueError(
          f'{draws=} at {temperature=}: a member draws at least once, and at'
          ' temperature 0 no more than once'
      )
    self.name = name
    self._decoder = decoder
    self._tokenizer = tokenizer
    self._load = load
    self._key = key
    self._draws = draws
    self._temperature = temperature
    key_data = np.asarray(jax.random.key_data(key)).tolist()
    # The policy is in the decoder's config, the stops decide the text.
    stops = decoder.stop_table
    parts = (
        weights_digest, key_data, draws, temperature, decoder.config,
        stops.stop_strings, stops.column_zero, sorted(stops.stop_tokens),
    )
    self.digest = hashlib.sha256(repr(parts).encode()).hexdigest()

  def answers(
      self, problems: Sequence[types.Problem]
  ) -> list[list[str]]:
    """Returns `draws` candidates for each problem.

    Raises:
      ValueError: a prompt does not fit into the decoder.
    """
    if not problems:
      return []
    problem_B = np.repeat(np.arange(len(problems)), self._draws)
    index_B = np.tile(np.arange(self._draws), len(problems))
    hashes = np.array([rollout.problem_hash(p) for p in problems], np.uint32)
    texts = {}

    def on_finished(row: int, token_ids: list[int]) -> None:
      texts[row] = rollout.completion_text(
          self._tokenizer, self._decoder.stop_table, token_ids
      )

    self._decoder(
        self._load(),
        [self._tokenizer.encode(problem.prompt) for problem in problems],
        problem_B,
        np.full(len(problem_B), self._temperature, np.float32),
        rollout.row_keys(self._key, hashes[problem_B], index_B),
        on_finished=on_finished,
    )
    answers = [[] for _ in problems]
    for row, i in enumerate(problem_B):
      answers[i].append(problems[i].program(texts[row]))
    return answers


def samples(
    decoder: decode.Decoder,
    tokenizer: tokenization.Tokenizer,
    params: transformer.Params,
    *,
    weights_digest: str,
    key: jax.Array,
    draws: int = 8,
    temperature: float = 0.8,
) -> list[DecodedMember]:
  """One member: `draws` answers of one model at a temperature."""
  return [
      DecodedMember(
          'samples', decoder, tokenizer, lambda: params,
          weights_digest=weights_digest, key=key, draws=draws,
          temperature=temperature,
      )
  ]


def snapshots(
    decoder: decode.Decoder,
    tokenizer: tokenization.Tokenizer,
    loads: Mapping[str, Load],
    *,
    key: jax.Array,
    draws: int = 1,
    temperature: float = 0.0,
) -> list[DecodedMember]:
  """A member for each set of weights.

  Args:
    decoder: of every member.
    tokenizer: of the model.
    loads: by the digest of the weights, what returns them.
    key: member i draws with `fold_in(key, i)`.
    draws: of each member to each problem.
    temperature: of the draws.
  """
  return [
      DecodedMember(
          f'snapshot-{i}', decoder, tokenizer, load, weights_digest=digest,
          key=jax.random.fold_in(key, i), draws=draws, temperature=temperature,
      )
      for i, (digest, load) in enumerate(loads.items())
  ]


def perturbations(
    decoder: decode.Decoder,
    tokenizer: tokenization.Tokenizer,
    params: transformer.Params,
    *,
    weights_digest: str,
    key: jax.Array,
    count: int = 8,
    size: float = 0.03,
    rank: int = 8,
    draws: int = 1,
    temperature: float = 0.0,
) -> list[DecodedMember]:
  """Members that are one model under random low-rank updates.

  Member i is disturbed by `fold_in(key, 2 i)`, draws with `fold_in(key, 2 i +
  1)`, and is merged anew from the base whenever it answers.

  Args:
    decoder: of every member.
    tokenizer: of the model.
    params: of the base; never changed.
    weights_digest: of `params`.
    key: of the ensemble.
    count: members.
    size: Frobenius norm of an update relative to its matrix.
    rank: of the updates.
    draws: of each member to each problem.
    temperature: of the draws.
  """

  def disturbed(i: int) -> Load:
    return lambda: perturb(
        params, jax.random.fold_in(key, 2 * i), size=size, rank=rank
    )

  return [
      DecodedMember(
          f'perturbation-{i}', decoder, tokenizer, disturbed(i),
          weights_digest=f'{weights_digest}+{size}/{rank}/{i}',
          key=jax.random.fold_in(key, 2 * i + 1), draws=draws,
          temperature=temperature,
      )
      for i in range(count)
  ]


def perturb(
    params: transformer.Params, key: jax.Array, *, size: float, rank: int
) -> transformer.Params:
  """Returns the weights with a random low-rank update of every projection.

  a b with normal a and b, scaled to `size` times the Frobenius norm of the
  matrix that it is added to.

  Raises:
    ValueError: `size` is negative, or the rank is not positive.
  """
  if size < 0:
    raise ValueError(f'{size=} must not be negative')
  key_a, key_b = jax.random.split(key)
  update = traverse_util.flatten_dict(
      lora.init_lora(params, rank, key_a, lora.TARGETS)
  )
  weights = traverse_util.flatten_dict(params)
  places = sorted({path[:-1] for path in update})
  for place, key_place in zip(places, jax.random.split(key_b, len(places))):
    a, zeros = update[place + ('a',)], update[place + ('b',)]
    b = jax.random.normal(key_place, zeros.shape)
    # |a b|^2 = tr(a^T a b b^T), without the product of the size of the matrix.
    # Stacked layers are as many matrices, each with its own norm.
    swap = lambda x: jnp.swapaxes(x, -1, -2)
    norm = jnp.sqrt(
        ((swap(a) @ a) * (b @ swap(b))).sum(axis=(-2, -1), keepdims=True)
    )
    target = size * jnp.linalg.norm(
        weights[place].astype(jnp.float32), axis=(-2, -1), keepdims=True
    )
    update[place + ('b',)] = b * (target / norm)
  # alpha = rank: the update is a b itself.
  return lora.merge(params, traverse_util.unflatten_dict(update), float(rank))
