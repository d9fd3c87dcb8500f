"""A small policy over the strings of an enumerable target, for any alphabet.

It answers for *every* prefix at once: one pass over all of them costs less
than one over a batch of strings, and what is sampled or scored afterwards is a
gather. Letters as in `swm_jax.tasks.enumerable`, D the width.
"""

from flax import linen as nn
from flax import struct
import jax
import jax.numpy as jnp

from swm_jax.models import flow

# Words are as long as leaves this many of them to each place.
_MAX_WORDS = 1500


@struct.dataclass
class Outputs:
  """What the policy says of the prefixes I that are shorter than n.

  Attributes:
    logits: of actions, the last one the stop, `[P, I, A + 1]`.
    log_flow: of prefixes, nats, `[P, I]`.
    log_z: of prompts, nats, `[P]`.
  """

  logits: jax.Array
  log_flow: jax.Array
  log_z: jax.Array


def word_length(alphabet_size: int, longest: int) -> int:
  """Symbols in a word, for prefixes of up to `longest` symbols."""
  length, count = 1, alphabet_size
  while length < longest:
    count += alphabet_size ** (length + 1)
    if count > _MAX_WORDS:
      break
    length += 1
  return length


class PrefixEmbedding(nn.Module):
  """Sums embeddings of a prefix's symbols, by position, and of its words.

  A prefix is cut into words of equal length, of which the last may be begun
  only; prefixes of small targets are one word. The order of `enumerable` lets
  it be built by broadcasting: prefixes of one length are all those of the
  words before, times all beginnings of the last word.

  Attributes:
    alphabet_size: A.
    max_length: n.
    width: D.
  """

  alphabet_size: int
  max_length: int
  width: int

  @nn.compact
  def __call__(self) -> jax.Array:
    """Returns embeddings of the prefixes shorter than n, `[I, D]`."""
    a, d = self.alphabet_size, self.width
    longest = self.max_length - 1
    size = word_length(a, longest)
    init = nn.initializers.normal(0.5)
    before = jnp.zeros((1, d))  # All sequences of the words before.
    rows = [before]
    for start in range(0, longest, size):
      spelled = jnp.zeros((1, d))
      for length in range(1, min(size, longest - start) + 1):
        symbol = self.param(f'symbol_{start + length - 1}', init, (a, d))
        spelled = (spelled[:, None] + symbol[None]).reshape(-1, d)
        word = self.param(f'word_{start}_{length}', init, (a**length, d))
        row = (before[:, None] + (spelled + word)[None]).reshape(-1, d)
        rows.append(row)
      before = row
    return jnp.concatenate(rows)


class PrefixPolicy(nn.Module):
  """Embeddings of prompt and prefix, two hidden layers, three heads.

  Uniform over actions when initialised, with log Z and flows of 0.

  Attributes:
    num_prompts: P.
    alphabet_size: A.
    max_length: n.
    width: D.
  """

  num_prompts: int
  alphabet_size: int
  max_length: int
  width: int = 64

  @nn.compact
  def __call__(self, noise: jax.Array | None = None) -> Outputs:
    """Returns outputs for all prompts; noise on latents is `[P, 2 D]`."""
    prefix = PrefixEmbedding(
        self.alphabet_size, self.max_length, self.width, name='prefix'
    )()
    prompt = self.param(
        'prompt', nn.initializers.normal(1.0),
        (self.num_prompts, 2 * self.width),
    )
    if noise is not None:
      prompt = prompt + noise
    shift, gain = jnp.split(prompt[:, None], 2, axis=-1)
    x = shift + (1.0 + 0.5 * gain) * prefix[None]
    x = nn.gelu(nn.Dense(self.width)(x))
    x = x + nn.gelu(nn.Dense(self.width)(x))
    zeros = nn.initializers.zeros
    logits = nn.Dense(self.alphabet_size + 1, kernel_init=zeros)(x)
    # Straight from the prefix, a matrix a prompt: what is said of one prefix
    # under one prompt can change without what is said of others.
    direct = self.param(
        'direct', zeros,
        (self.num_prompts, self.width, self.alphabet_size + 1),
    )
    logits += jnp.einsum('id,pda->pia', prefix, direct)
    log_flow = nn.Dense(1, kernel_init=zeros, name='log_flow')(x)[..., 0]
    log_z = flow.LogZHead(hidden=32, name='log_z')(
        jax.lax.stop_gradient(prompt)
    )
    return Outputs(logits, log_flow, log_z)
