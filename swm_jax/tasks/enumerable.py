"""Targets small enough to enumerate, so that p*(y | x) and log Z(x) are known.

A target gives every string of length 1 to n over an alphabet a reward under
each prompt, and p*(y | x) = R(x, y) / Z(x). Strings are built a symbol at a
time and ended by a stop action, which is forced at length n. With a table of
logits per prefix the probability of *every* string is a gather, so L1
distances are exact and sampling is one categorical draw.

Letters: P prompts, S strings, T actions (n symbols and a stop), N prefixes,
A alphabet size; action A is the stop. Prefixes are numbered shortest first and
then by symbols: the empty one is 0, symbol a leads from prefix i to prefix
i A + 1 + a, and string s is prefix s + 1.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np

# Log-rewards must be finite: a zero counts as this share of the prompt's best
# reward in training, and as an exact zero in p* and log Z. All zeros together
# count as at most `ZERO_REWARDS_SHARE` of Z, however many there are.
ZERO_REWARD_SHARE = 1e-6
ZERO_REWARDS_SHARE = 1e-3

# By default the likeliest strings that hold this share of p* are right answers.
VERIFIED_SHARE = 0.9

MAX_STRINGS = 50_000


@dataclasses.dataclass(frozen=True, eq=False)
class Target:
  """A reward for each prompt and string, and the tree that the strings form.

  Attributes:
    alphabet: distinct single characters.
    max_length: n.
    prompts: names.
    strings: all strings of length 1 to n, shortest first.
    reward: `[P, S]`, float64, at least 0.
    action: symbol or stop at each step, `[S, T]`, int32.
    prefix: index of the prefix that the action is taken in, `[S, T]`, int32.
    mask: True up to and including the stop, `[S, T]`.
    legal: actions allowed in each prefix, `[N, A + 1]`: no stop at the empty
      string, only the stop at length n.
    verified: strings that count as right answers, and so as modes, `[P, S]`.
  """

  alphabet: tuple[str, ...]
  max_length: int
  prompts: tuple[str, ...]
  strings: tuple[str, ...]
  reward: np.ndarray
  action: np.ndarray
  prefix: np.ndarray
  mask: np.ndarray
  legal: np.ndarray
  verified: np.ndarray

  @property
  def num_internal(self) -> int:
    """Number of prefixes shorter than n: those with something to decide."""
    return int(self.legal[:, :-1].any(axis=1).sum())

  @property
  def log_z(self) -> np.ndarray:
    """Log Z(x), nats, `[P]`."""
    return np.log(self.reward.sum(axis=1))

  @property
  def probability(self) -> np.ndarray:
    """p*(y | x), `[P, S]`."""
    return self.reward / self.reward.sum(axis=1, keepdims=True)

  @property
  def log_reward(self) -> np.ndarray:
    """Finite log R for training, nats, `[P, S]`, float32."""
    floor = np.minimum(
        ZERO_REWARD_SHARE * self.reward.max(axis=1, keepdims=True),
        ZERO_REWARDS_SHARE * self.reward.mean(axis=1, keepdims=True),
    )
    return np.log(np.maximum(self.reward, floor)).astype(np.float32)

  @property
  def log_prior(self) -> np.ndarray:
    """The policy uniform over strings: log of each action, `[S, T]`."""
    n = self.max_length
    below = [
        sum(len(self.alphabet) ** i for i in range(n - length + 1))
        for length in range(n + 1)
    ]
    below[0] -= 1  # The empty string is none.
    step = np.arange(n + 1)
    here = np.log(np.array(below, np.float64))
    deeper = np.append(here[1:], 0.0) - here
    length = self.mask.sum(axis=1, keepdims=True) - 1
    log_p = np.where(step[None, :] < length, deeper[None, :], -here[None, :])
    return np.where(self.mask, log_p, 0.0).astype(np.float32)


def make_target(
    alphabet: Sequence[str],
    max_length: int,
    prompts: Mapping[str, Callable[[str], float]],
    verify: Callable[[str, str], bool] | None = None,
) -> Target:
  """Builds a target from a reward function of the string for each prompt.

  Args:
    alphabet: distinct single characters.
    max_length: n.
    prompts: reward of a string by name of the prompt.
    verify: whether (prompt, string) is a right answer. Without it these are
      the likeliest strings that hold `VERIFIED_SHARE` of p*, ties included.

  Raises:
    ValueError: the alphabet is empty, repeats or holds more than characters,
      there are too many strings, or a reward is negative, not finite, or zero
      for every string of a prompt.
  """
  alphabet = tuple(alphabet)
  check_size(alphabet, max_length)
  if not prompts:
    raise ValueError('a target needs at least one prompt')
  prefixes = [
      ''.join(symbols)
      for length in range(max_length + 1)
      for symbols in itertools.product(alphabet, repeat=length)
  ]
  index = {text: i for i, text in enumerate(prefixes)}
  strings = tuple(prefixes[1:])
  stop = len(alphabet)
  symbol = {a: i for i, a in enumerate(alphabet)}

  shape = (len(strings), max_length + 1)
  action = np.full(shape, stop, np.int32)
  prefix = np.zeros(shape, np.int32)
  mask = np.zeros(shape, bool)
  for row, text in enumerate(strings):
    for step in range(len(text) + 1):
      prefix[row, step] = index[text[:step]]
      if step < len(text):
        action[row, step] = symbol[text[step]]
    mask[row, : len(text) + 1] = True

  length = np.array([len(text) for text in prefixes])
  legal = np.ones((len(prefixes), stop + 1), bool)
  legal[length == max_length, :stop] = False
  legal[length == 0, stop] = False

  reward = np.array(
      [[fn(text) for text in strings] for fn in prompts.values()], np.float64
  )
  for name, row in zip(prompts, reward):
    if not np.isfinite(row).all() or (row < 0).any() or not row.any():
      raise ValueError(
          f'rewards of prompt {name!r} must be finite, at least 0 and not all 0'
      )
  if verify is None:
    verified = np.stack([_likeliest(row) for row in reward])
  else:
    verified = np.array([[verify(x, y) for y in strings] for x in prompts])
  return Target(
      alphabet, max_length, tuple(prompts), strings, reward, action, prefix,
      mask, legal, verified,
  )


def check_size(alphabet: Sequence[str], max_length: int) -> None:
  """Refuses alphabets and lengths that cannot be enumerated.

  Raises:
    ValueError: see `make_target`.
  """
  if (
      not alphabet
      or any(not isinstance(a, str) or len(a) != 1 for a in alphabet)
      or len(set(alphabet)) != len(alphabet)
  ):
    raise ValueError(
        f'alphabet must be distinct single characters, not {list(alphabet)}'
    )
  if max_length < 1:
    raise ValueError(f'max_length must be at least 1, not {max_length}')
  counts = itertools.accumulate(
      len(alphabet) ** length for length in range(1, max_length + 1)
  )
  if any(count > MAX_STRINGS for count in counts):
    raise ValueError(
        f'{len(alphabet)} symbols and max_length {max_length} make more than'
        f' {MAX_STRINGS} strings; take fewer symbols or a smaller max_length'
    )


def _likeliest(reward):
  """The strings of highest reward that hold `VERIFIED_SHARE` of it, `[S]`."""
  descending = np.sort(reward)[::-1]
  count = np.searchsorted(
      descending.cumsum(), VERIFIED_SHARE * reward.sum() * (1 - 1e-12)
  )
  return reward >= descending[min(count, len(descending) - 1)]


def depth_two_tree() -> Target:
  """Two symbols, two levels; rewards by hand, log Z differing by prompt."""
  small = {'a': 1.0, 'b': 2.0, 'aa': 3.0, 'ab': 4.0, 'ba': 5.0, 'bb': 1.0}
  return make_target(
      'ab',
      2,
      {'small': small.__getitem__, 'large': lambda text: 50.0 * len(text)},
  )


def arithmetic_expressions(
    values: Sequence[int] = (3, 7), max_length: int = 3, beta: float = 5.0
) -> Target:
  """Digit, operator, digit expressions; a prompt asks for a value.

  R = exp(beta (R_ver - 1)) / A^length: a uniform reference and a verdict, the
  shape of `losses.balance.log_reward`. Wrong and malformed strings are
  unlikely and not impossible, and right ones are few.
  """
  alphabet = '1234+*'

  def reward_of(value):
    def reward(text):
      right = evaluate(text) == value
      return float(np.exp(beta * (right - 1.0)) / len(alphabet) ** len(text))

    return reward

  return make_target(
      alphabet,
      max_length,
      {f'={value}': reward_of(value) for value in values},
      verify=lambda x, y: evaluate(y) == int(x[1:]),
  )


def evaluate(text: str) -> int | None:
  """Value of sums of products of single digits; None if malformed."""
  total = 0
  for term in text.split('+'):
    product = 1
    for factor in term.split('*'):
      if len(factor) != 1 or not factor.isdigit():
        return None
      product *= int(factor)
    total += product
  return total


def bracket_strings(max_length: int = 6) -> Target:
  """Balanced strings of brackets, uniform; a prompt asks for a depth.

  R is 1 if the string is balanced and as deep as asked, else 0: a sparse
  target that dead ends surround.
  """

  def reward_of(depth):
    def reward(text):
      level = deepest = 0
      for character in text:
        level += 1 if character == '(' else -1
        deepest = max(deepest, level)
        if level < 0:
          return 0.0
      return float(level == 0 and deepest == depth)

    return reward

  prompts = {f'depth {d}': reward_of(d) for d in (1, 2)}
  return make_target(
      '()', max_length, prompts, verify=lambda x, y: prompts[x](y) > 0.0
  )


def hypergrid(side: int = 5, plateaus: Sequence[float] = (0.1, 0.01)) -> Target:
  """Walks to the right and up on a square grid, from (0, 0), with modes apart.

  The reward of a cell is that of the standard benchmark with R1 = 1/2 and R2 =
  2: a low plateau R0, more in the four corners, most near them; a prompt gives
  R0. The tops have 0.2 < |x / (side - 1) - 1/2| < 0.4, a wider band than the
  standard 0.3 to 0.4, which no cell of so small a grid is in. Several walks
  end in a cell and share its reward, so that cells are drawn in proportion to
  it; a walk off the grid earns nothing.

  References:
    Bengio et al., Flow network based generative models, 2021,
      https://arxiv.org/abs/2106.04399
  """
  last = side - 1

  def centred(text):
    return [abs(text.count(move) / last - 0.5) for move in '>^']

  def is_top(text):
    inside = max(text.count('>'), text.count('^')) <= last
    return inside and all(0.2 < d < 0.4 for d in centred(text))

  def reward_of(plateau):
    def reward(text):
      right, up = text.count('>'), text.count('^')
      if max(right, up) > last:
        return 0.0
      corner = all(d > 0.2 for d in centred(text))
      cell = plateau + 0.5 * corner + 2.0 * is_top(text)
      return cell / math.comb(right + up, up)

    return reward

  return make_target(
      '>^',
      2 * last,
      {f'R0={plateau:g}': reward_of(plateau) for plateau in plateaus},
      verify=lambda x, y: is_top(y),
  )


def noisy_copies(
    words: Sequence[str] = ('a', 'ab', 'bbc', 'cabb', 'abcab', 'ccaca'),
    max_length: int = 5,
    sharpness: float = 2.0,
) -> Target:
  """Copies of the prompt, a word, that are unlikelier the more edits they take.

  R = exp(length of the word - sharpness x edit distance); at most one edit
  counts as right. Prompts differ in what they want and in log Z.
  """

  def reward_of(word):
    return lambda text: math.exp(
        len(word) - sharpness * edit_distance(word, text)
    )

  return make_target(
      'abc',
      max_length,
      {word: reward_of(word) for word in words},
      verify=lambda x, y: edit_distance(x, y) <= 1,
  )


def needles(seed: int = 0, max_length: int = 5, share: float = 0.02) -> Target:
  """Few strings at random that earn 1 to 4, and nothing for all others.

  No symbol says anything of the next: what is not drawn is not learned.
  """
  rng = np.random.default_rng(seed)

  def reward(text):
    del text  # Strings come in their order, each gets the next draw.
    return float((rng.random() < share) * rng.integers(1, 5))

  return make_target(
      'abcd', max_length, {'one': reward, 'other': reward},
  )


def edit_distance(one: str, other: str) -> int:
  """Fewest insertions, deletions and replacements (Levenshtein, 1966)."""
  row = list(range(len(other) + 1))
  for i, a in enumerate(one, 1):
    above, row = row, [i]
    for j, b in enumerate(other, 1):
      row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (a != b)))
  return row[-1]


TARGETS: Mapping[str, Callable[[], Target]] = {
    'tree': depth_two_tree,
    'arithmetic': arithmetic_expressions,
    'brackets': bracket_strings,
    'hypergrid': hypergrid,
    'copies': noisy_copies,
    'needles': needles,
}


def init_policy(target: Target) -> jax.Array:
  """Logits of a tabular policy, uniform over legal actions, `[P, N, A + 1]`."""
  return jnp.zeros((len(target.prompts), *target.legal.shape), jnp.float32)


def log_prob_actions(
    logits: jax.Array, target: Target, temperature: float = 1.0
) -> jax.Array:
  """Log P_F of every action of every string, nats, `[P, S, T]`.

  Args:
    logits: a policy, `[P, N, A + 1]`; illegal actions are ignored.
    target: the tree of strings.
    temperature: of each action; other than 1 gives a behaviour policy.

  Returns:
    0 after the stop; sums over T are log-probabilities of strings.
  """
  legal = jnp.broadcast_to(jnp.asarray(target.legal), logits.shape)
  scaled = jnp.where(legal, logits / temperature, -jnp.inf)
  log_p = jax.nn.log_softmax(scaled, axis=-1)[:, target.prefix, target.action]
  mask = jnp.broadcast_to(jnp.asarray(target.mask), log_p.shape)
  return jnp.where(mask, log_p, 0.0)


def exact_policy(target: Target) -> jax.Array:
  """Logits that sample p*: log flows of children, `[P, N, A + 1]`.

  The flow into an action is the reward of all strings that go through it.
  Actions of zero flow get the floor of `Target.log_reward`.
  """
  flow = np.zeros((len(target.prompts), *target.legal.shape))
  reward = np.exp(target.log_reward.astype(np.float64))
  for step in range(target.max_length + 1):
    on = target.mask[:, step]
    at = (slice(None), target.prefix[on, step], target.action[on, step])
    np.add.at(flow, at, reward[:, on])
  return jnp.asarray(np.log(np.maximum(flow, 1e-30)), jnp.float32)


def l1_distance(log_pf: jax.Array, target: Target) -> jax.Array:
  """Sum over strings of |P_F - p*|, in [0, 2], `[P]`; log_pf is `[P, S]`."""
  return jnp.abs(jnp.exp(log_pf) - target.probability).sum(axis=-1)


def log_z_error(log_z: jax.Array, target: Target) -> jax.Array:
  """|log Z estimate - log Z(x)|, nats, `[P]`."""
  return jnp.abs(log_z - target.log_z)
