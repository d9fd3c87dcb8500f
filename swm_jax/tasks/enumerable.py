"""Targets small enough to enumerate, so that p*(y | x) and log Z(x) are known.

A target gives every string of length 1 to n over an alphabet a reward under
each prompt, and p*(y | x) = R(x, y) / Z(x). Strings are built a symbol at a
time and ended by a stop action, which is forced at length n. With a table of
logits per prefix the probability of *every* string is a gather, so L1
distances are exact and sampling is one categorical draw.

Letters: P prompts, S strings, T actions (n symbols and a stop), N prefixes,
A alphabet size; action A is the stop.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np

# Log-rewards must be finite: a zero counts as this share of the prompt's best
# reward in training, and as an exact zero in p* and log Z.
ZERO_REWARD_SHARE = 1e-6


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
    floor = ZERO_REWARD_SHARE * self.reward.max(axis=1, keepdims=True)
    return np.log(np.maximum(self.reward, floor)).astype(np.float32)


def make_target(
    alphabet: Sequence[str],
    max_length: int,
    prompts: Mapping[str, Callable[[str], float]],
) -> Target:
  """Builds a target from a reward function of the string for each prompt.

  Raises:
    ValueError: the alphabet repeats or holds more than characters, or a reward
      is negative, not finite, or zero for every string of a prompt.
  """
  alphabet = tuple(alphabet)
  if len(set(alphabet)) != len(alphabet) or any(len(a) != 1 for a in alphabet):
    raise ValueError(
        f'alphabet must be distinct single characters, not {list(alphabet)}'
    )
  if max_length < 1 or not prompts:
    raise ValueError(f'{max_length=} and {len(prompts)=} must be at least 1')
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
  return Target(
      alphabet, max_length, tuple(prompts), strings, reward, action, prefix,
      mask, legal,
  )


def from_json(text: str) -> Target:
  """Reads a target file.

  Its form is `{"alphabet": ["a", ...], "max_length": n, "prompts": {name:
  {string: reward, ...}, ...}}`, with every string of length 1 to n listed.

  Raises:
    ValueError: a field is missing, or a prompt lists other strings.
  """
  content = json.loads(text)
  missing = {'alphabet', 'max_length', 'prompts'} - set(content)
  if missing:
    raise ValueError(f'target file lacks {", ".join(sorted(missing))}')
  expected = {
      ''.join(symbols)
      for length in range(1, content['max_length'] + 1)
      for symbols in itertools.product(content['alphabet'], repeat=length)
  }
  for name, rewards in content['prompts'].items():
    wrong = sorted(expected ^ set(rewards))
    if wrong:
      raise ValueError(
          f'prompt {name!r} must list every string of length 1 to'
          f' {content["max_length"]}; {wrong[0]!r} is missing or not one'
      )
  return make_target(
      content['alphabet'],
      content['max_length'],
      {name: r.__getitem__ for name, r in content['prompts'].items()},
  )


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
      alphabet, max_length, {f'={value}': reward_of(value) for value in values}
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

  return make_target(
      '()', max_length, {f'depth {d}': reward_of(d) for d in (1, 2)}
  )


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
