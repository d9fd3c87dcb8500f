"""Trains a small policy on an enumerable target with any objective.

All updates of a run are one compiled function: `lax.scan` over a chunk of them,
called `CHUNKS` times. What was learned is read off exactly between chunks.
"""

from collections.abc import Callable
import dataclasses
import functools
import math
import time
from typing import Any

from flax import struct
import jax
import jax.numpy as jnp
import numpy as np
import optax

from swm_jax.losses import objectives
from swm_jax.models import prefix_policy
from swm_jax.tasks import enumerable

CHUNKS = 20
OFF_POLICY = ('none', 'tempered', 'replay', 'noise')
NORMALISE = ('none', 'weight', 'residual')

# A mode is kept while the policy gives it this share of p* at least.
KEPT_SHARE = 0.1

# Strings a prompt on which log Z is estimated in the end.
_LOG_Z_SAMPLES = 4096
_BUFFER = 8192


@dataclasses.dataclass(frozen=True)
class Options:
  """How to train.

  Attributes:
    objective: key of `objectives.OBJECTIVES`.
    off_policy: who draws the strings. none: the policy; tempered: the policy
      at a temperature T ~ U(0.5, 2), drawn for each prompt and update; replay:
      the policy, and a ring buffer of the last 8,192 strings of each prompt;
      noise: the policy with Gaussian noise on its prompt latents.
    steps: updates, rounded up to a multiple of `CHUNKS`; None: by that size.
    samples: strings a prompt and update; None: by the number of strings.
    learning_rate: of Adam, falling to 0 as a cosine.
    log_z_learning_rate: of the head of log Z.
    clip: of the global norm of the gradient.
    normalise: none: the residual of the sequence; weight: its square divided
      by the squared number of tokens; residual: the log-ratio to the prior is
      averaged over tokens inside the residual.
    replay_share: share of each update that comes from the buffer.
    noise: standard deviation, latents being N(0, 1) at the start.
    decay: lambda of subtb and raptb.
    beta_warmup: share of the steps over which the gap between a prompt's best
      reward and the least that counts grows from 1 nat to all; 0: no warm-up.
    aux_weight: of the prefix constraints of raptb, at the start.
    anneal: whether that weight falls to 0, linearly, over half of the steps.
    seed: of parameters and strings.
    width: of the policy.
  """

  objective: str = 'vargrad'
  off_policy: str = 'none'
  steps: int | None = None
  samples: int | None = None
  learning_rate: float = 1e-2
  log_z_learning_rate: float = 2e-2
  clip: float = 1.0
  normalise: str = 'none'
  replay_share: float = 0.5
  noise: float = 0.5
  decay: float = 1.0
  beta_warmup: float = 0.7
  aux_weight: float = 0.25
  anneal: bool = True
  seed: int = 0
  width: int = 64


@dataclasses.dataclass(frozen=True)
class Result:
  """What a run learned.

  Attributes:
    l1: exact distance to p*, in [0, 2], `[P]`.
    log_z_error: nats, `[P]`.
    log_pf: of every string, nats, `[P, S]`.
    samples: strings drawn a prompt, at each chunk's end, `[CHUNKS]`.
    found: modes drawn at least once by then, mean over prompts, `[CHUNKS]`.
    kept: modes with P_F of `KEPT_SHARE` p* at least, mean over prompts,
      `[CHUNKS]`.
    l1_curve: worst prompt, `[CHUNKS]`.
    steps: updates.
    compilations: of the chunk; 1 unless something is wrong.
    seconds: wall time, compilation included.
  """

  l1: np.ndarray
  log_z_error: np.ndarray
  log_pf: np.ndarray
  samples: np.ndarray
  found: np.ndarray
  kept: np.ndarray
  l1_curve: np.ndarray
  steps: int
  compilations: int
  seconds: float


@struct.dataclass
class State:
  """Everything that updates change; the buffer is `[P, M]` and `[P, M, T]`."""

  params: Any
  opt_state: Any
  step: jax.Array
  seen: jax.Array
  buffer: jax.Array
  buffer_log_p: jax.Array


class Tables:
  """A target's arrays on the device, and gathers from them."""

  def __init__(self, target: enumerable.Target):
    self.target = target
    self.num_prompts = len(target.prompts)
    self.internal = target.num_internal
    self.stop = len(target.alphabet)
    self.action = jnp.asarray(target.action)
    self.prefix = jnp.asarray(target.prefix)
    self.mask = jnp.asarray(target.mask)
    self.legal = jnp.asarray(target.legal)
    self.log_reward = jnp.asarray(target.log_reward)
    # Nats between the best reward and the least, of the worst prompt.
    self.gap = float(np.ptp(target.log_reward, axis=1).max())
    self.log_prior = jnp.asarray(target.log_prior)
    self.verified = jnp.asarray(target.verified)

  def log_policy(self, logits: jax.Array) -> jax.Array:
    """Log-probabilities of legal actions, -inf elsewhere, `[P, I, A + 1]`."""
    legal = self.legal[: self.internal]
    return jax.nn.log_softmax(jnp.where(legal, logits, -jnp.inf), axis=-1)

  def tokens(self, log_p: jax.Array, strings_PxK: jax.Array) -> jax.Array:
    """Log-probability of each action of strings, `[P, K, T]`."""
    prefix = self.prefix[strings_PxK]
    row = jnp.minimum(prefix, self.internal - 1)
    prompt = jnp.arange(self.num_prompts)[:, None, None]
    counts = self.mask[strings_PxK] & (prefix < self.internal)
    action = jnp.where(counts, self.action[strings_PxK], 0)
    # Masked actions read a legal one, so that no -inf is ever differentiated.
    values = log_p[prompt, jnp.where(counts, row, 0), action]
    return jnp.where(counts, values, 0.0)

  def log_pf(self, log_p: jax.Array) -> jax.Array:
    """Log-probability of every string, `[P, S]`."""
    every = jnp.arange(len(self.target.strings))
    every = jnp.broadcast_to(every, (self.num_prompts, len(every)))
    return self.tokens(log_p, every).sum(axis=-1)

  def draw(self, key: jax.Array, log_p: jax.Array, count: int) -> jax.Array:
    """Draws strings symbol by symbol, `[P, count]`, int32."""
    prompt = jnp.arange(self.num_prompts)[:, None]
    node = jnp.zeros((self.num_prompts, count), jnp.int32)
    done = jnp.zeros((self.num_prompts, count), bool)
    for step_key in jax.random.split(key, self.target.max_length):
      row = jnp.minimum(node, self.internal - 1)
      action = jax.random.categorical(step_key, log_p[prompt, row])
      done |= action == self.stop
      node = jnp.where(done, node, node * self.stop + 1 + action)
    return node - 1


def sized(target: enumerable.Target, options: Options) -> Options:
  """Fills in `samples` and `steps` by the size of the target alone.

  An update has to reach a fair share of the strings.
  """
  samples, steps = options.samples, options.steps
  if samples is None:
    wanted = len(target.strings) // 4
    samples = int(np.clip(2 ** math.ceil(math.log2(wanted + 1)), 128, 2048))
  if steps is None:
    steps = 1500 if len(target.strings) < 1000 else 2500
  return dataclasses.replace(options, samples=samples, steps=steps)


def train(
    target: enumerable.Target,
    options: Options,
    on_chunk: Callable[[int], None] = lambda chunk: None,
) -> Result:
  """Trains from scratch; calls `on_chunk` with the number of chunks done."""
  start = time.monotonic()
  tables = Tables(target)
  options = sized(target, options)
  chunk_steps = -(-options.steps // CHUNKS)
  network = prefix_policy.PrefixPolicy(
      tables.num_prompts, tables.stop, target.max_length, options.width
  )
  key_init, key_first, key_run, key_end = jax.random.split(
      jax.random.key(options.seed), 4
  )
  params = jax.jit(network.init)(key_init)['params']
  tx = _optimizer(options, chunk_steps * CHUNKS)
  strings, log_p, offset = jax.jit(
      lambda params: first_draw(params, key_first, tables, network)
  )(params)
  state = State(
      params=params,
      opt_state=tx.init(params),
      step=jnp.zeros((), jnp.int32),
      seen=jnp.zeros(tables.log_reward.shape, bool),
      buffer=strings,
      buffer_log_p=log_p,
  )
  update = functools.partial(
      update_step, tables=tables, network=network, tx=tx, options=options,
      offset=offset, total=chunk_steps * CHUNKS,
  )

  @jax.jit
  def run_chunk(state, key):
    state, _ = jax.lax.scan(update, state, jax.random.split(key, chunk_steps))
    outputs = network.apply({'params': state.params})
    return state, tables.log_pf(tables.log_policy(outputs.logits))

  curves = {'found': [], 'kept': [], 'l1': []}
  share = KEPT_SHARE * target.probability
  for chunk, key in enumerate(jax.random.split(key_run, CHUNKS)):
    state, log_pf = run_chunk(state, key)
    kept = target.verified & (np.exp(np.asarray(log_pf)) >= share)
    found = target.verified & np.asarray(state.seen)
    curves['kept'].append(kept.sum(axis=1).mean())
    curves['found'].append(found.sum(axis=1).mean())
    curves['l1'].append(enumerable.l1_distance(log_pf, target).max())
    on_chunk(chunk + 1)

  log_z = jax.jit(
      lambda params: learned_log_z(
          params, key_end, tables, network, options, offset
      )
  )(state.params)
  return Result(
      l1=np.asarray(enumerable.l1_distance(log_pf, target)),
      log_z_error=np.asarray(enumerable.log_z_error(log_z, target)),
      log_pf=np.asarray(log_pf),
      samples=options.samples * chunk_steps * (1 + np.arange(CHUNKS)),
      found=np.array(curves['found']),
      kept=np.array(curves['kept']),
      l1_curve=np.array(curves['l1']),
      steps=chunk_steps * CHUNKS,
      compilations=run_chunk._cache_size(),  # pylint: disable=protected-access
      seconds=time.monotonic() - start,
  )


def first_draw(
    params: Any,
    key: jax.Array,
    tables: Tables,
    network: prefix_policy.PrefixPolicy,
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Draws a buffer of strings before training, and guesses log Z from them."""
  log_p = tables.log_policy(network.apply({'params': params}).logits)
  strings = tables.draw(key, log_p, _BUFFER)
  tokens = tables.tokens(log_p, strings)
  prompt = jnp.arange(tables.num_prompts)[:, None]
  ratio = tables.log_reward[prompt, strings] - tokens.sum(axis=-1)
  return strings, tokens, jax.nn.logsumexp(ratio, axis=1) - np.log(_BUFFER)


def learned_log_z(
    params: Any,
    key: jax.Array,
    tables: Tables,
    network: prefix_policy.PrefixPolicy,
    options: Options,
    offset: jax.Array,
) -> jax.Array:
  """What the objective knows of log Z after training, nats, `[P]`."""
  outputs = network.apply({'params': params})
  log_p = tables.log_policy(outputs.logits)
  strings = tables.draw(key, log_p, _LOG_Z_SAMPLES)
  x = trajectories(
      outputs, strings, tables.tokens(log_p, strings), tables, options, offset
  )
  log_z = objectives.estimate_log_z(options.objective, x, tables.num_prompts)
  if options.objective == 'rtb':  # Evidence under a prior that sums to one.
    log_z += np.log(len(tables.target.strings))
  return log_z


def _optimizer(options: Options, steps: int) -> optax.GradientTransformation:
  """Adam with a rate of its own for log Z, both falling to 0."""

  def adam(rate):
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, rate, min(50, steps // 10), steps
    )
    return optax.adam(schedule, b2=0.99)

  return optax.chain(
      optax.clip_by_global_norm(options.clip),
      optax.multi_transform(
          {'policy': adam(options.learning_rate),
           'log_z': adam(options.log_z_learning_rate)},
          lambda params: {
              name: jax.tree.map(
                  lambda _: 'log_z' if name == 'log_z' else 'policy', value
              )
              for name, value in params.items()
          },
      ),
  )


def trajectories(
    outputs: prefix_policy.Outputs,
    strings_PxK: jax.Array,
    log_behaviour: jax.Array,
    tables: Tables,
    options: Options,
    offset: jax.Array,
    aux_weight: jax.Array | float = 0.0,
    beta: jax.Array | float = np.inf,
) -> objectives.Trajectories:
  """Lays strings of every prompt out as one batch, with all that is known.

  Args:
    outputs: of the policy in training.
    strings_PxK: drawn, `[P, K]`.
    log_behaviour: of their actions under who drew them, `[P, K, T]`.
    tables: of the target.
    options: see `Options`.
    offset: first guess of log Z, to which heads and flows add, `[P]`.
    aux_weight: of raptb.
    beta: nats below a prompt's best reward under which none counts.
  """
  num_prompts, count = strings_PxK.shape
  flat = lambda x: x.reshape(num_prompts * count, *x.shape[2:])  # noqa: E731
  prompt = jnp.arange(num_prompts)[:, None]
  prompt_3 = prompt[..., None]
  log_p = tables.log_policy(outputs.logits)
  log_pf = tables.tokens(log_p, strings_PxK)
  mask = tables.mask[strings_PxK]
  prefix = tables.prefix[strings_PxK]
  is_leaf = prefix >= tables.internal
  row = jnp.minimum(prefix, tables.internal - 1)
  # The root is no string: it reads string 0 and is masked by `stoppable`.
  string = jnp.maximum(prefix - 1, 0)
  floor = tables.log_reward.max(axis=1, keepdims=True) - beta
  every_reward = jnp.maximum(tables.log_reward, floor)
  log_prefix_reward = every_reward[prompt_3, string]
  stoppable = (prefix > 0) & mask
  log_stop = log_p[prompt_3, jnp.where(prefix > 0, row, 1), tables.stop] if (
      tables.internal > 1
  ) else jnp.zeros_like(log_pf)
  log_flow = outputs.log_flow[prompt_3, row] + offset[:, None, None]
  log_reward = every_reward[prompt, strings_PxK]
  log_prior = tables.log_prior[strings_PxK]
  if options.normalise == 'residual':
    length = mask.sum(axis=-1, keepdims=True)
    log_pf = log_prior + (log_pf - log_prior) / length
  evidence = np.log(len(tables.target.strings)) if (
      options.objective == 'rtb'
  ) else 0.0
  return objectives.Trajectories(
      log_pf=flat(log_pf),
      mask=flat(mask),
      group=jnp.repeat(jnp.arange(num_prompts), count),
      log_reward=flat(log_reward),
      log_z=jnp.repeat(outputs.log_z + offset - evidence, count),
      # A leaf has one action only: what flows in is its reward.
      log_flow=flat(jnp.where(is_leaf, log_prefix_reward, log_flow)),
      log_prior=flat(log_prior),
      log_likelihood=flat(log_reward),
      log_stop=flat(jnp.where(is_leaf, 0.0, log_stop)),
      log_prefix_reward=flat(log_prefix_reward),
      stoppable=flat(stoppable),
      task_reward=flat(log_prefix_reward),
      unrewarded=flat(~tables.verified[prompt_3, string]),
      aux_weight=aux_weight,
      reward=flat(tables.verified[prompt, strings_PxK].astype(jnp.float32)),
      log_behaviour=flat(log_behaviour),
      decay=options.decay,
  )


def behaviour(
    logits: jax.Array,
    params: Any,
    key: jax.Array,
    tables: Tables,
    network: prefix_policy.PrefixPolicy,
    options: Options,
) -> tuple[jax.Array, jax.Array]:
  """Draws an update's new strings, `[P, K]`, and their log P, `[P, K, T]`.

  Args:
    logits: of the policy, `[P, I, A + 1]`.
    params: of the policy.
    key: of the draw.
    tables: of the target.
    network: the policy.
    options: see `Options`.
  """
  key_how, key_draw = jax.random.split(key)
  if options.off_policy == 'noise':
    noise = options.noise * jax.random.normal(
        key_how, (tables.num_prompts, 2 * options.width)
    )
    logits = network.apply({'params': params}, noise).logits
  if options.off_policy == 'tempered':
    logits /= jax.random.uniform(
        key_how, (tables.num_prompts, 1, 1), minval=0.5, maxval=2.0
    )
  log_p = tables.log_policy(logits)
  count = options.samples - _replayed(options)
  strings = tables.draw(key_draw, log_p, count)
  return strings, tables.tokens(log_p, strings)


def _replayed(options: Options) -> int:
  if options.off_policy != 'replay':
    return 0
  return int(round(options.replay_share * options.samples))


def update_step(
    state: State,
    key: jax.Array,
    *,
    tables: Tables,
    network: prefix_policy.PrefixPolicy,
    tx: optax.GradientTransformation,
    options: Options,
    offset: jax.Array,
    total: int,
) -> tuple[State, None]:
  """Draws strings, steps on their loss, and remembers them."""
  key_draw, key_replay = jax.random.split(key)
  # One forward pass serves the draw and the loss.
  outputs, to_params = jax.vjp(
      lambda params: network.apply({'params': params}), state.params
  )
  strings, log_p = behaviour(
      outputs.logits, state.params, key_draw, tables, network, options
  )
  prompt = jnp.arange(tables.num_prompts)[:, None]
  seen = state.seen.at[prompt, strings].set(True)
  buffer, buffer_log_p = state.buffer, state.buffer_log_p
  if replayed := _replayed(options):
    slot = jax.random.randint(
        key_replay, (tables.num_prompts, replayed), 0, _BUFFER
    )
    old, old_log_p = buffer[prompt, slot], buffer_log_p[prompt, slot]
    new = strings.shape[1]
    at = (state.step * new + jnp.arange(new)) % _BUFFER
    buffer = buffer.at[:, at].set(strings)
    buffer_log_p = buffer_log_p.at[:, at].set(log_p)
    strings = jnp.concatenate([strings, old], axis=1)
    log_p = jnp.concatenate([log_p, old_log_p], axis=1)

  aux_weight = jnp.float32(options.aux_weight)
  if options.anneal:
    aux_weight *= jnp.maximum(1.0 - 2.0 * state.step / total, 0.0)

  beta = jnp.inf
  if options.beta_warmup:
    progress = state.step / (options.beta_warmup * total)
    beta = jnp.where(progress < 1.0, 1.0 + tables.gap * progress, jnp.inf)

  def loss_fn(outputs):
    x = trajectories(
        outputs, strings, log_p, tables, options, offset, aux_weight, beta
    )
    loss = objectives.OBJECTIVES[options.objective](x, tables.num_prompts)
    if options.normalise == 'weight':
      loss /= jnp.square(x.mask.sum(axis=1))
    return loss.mean()

  (grads,) = to_params(jax.grad(loss_fn)(outputs))
  updates, opt_state = tx.update(grads, state.opt_state, state.params)
  return State(
      params=optax.apply_updates(state.params, updates),
      opt_state=opt_state,
      step=state.step + 1,
      seen=seen,
      buffer=buffer,
      buffer_log_p=buffer_log_p,
  ), None
