"""Trains small networks on streams of tasks, many runs at once.

Every method is one row of weights of the same loss, so that all of them, all
seeds and all settings of a grid are one compiled function: `vmap` over runs,
`scan` over tasks and over steps.
"""

from collections.abc import Sequence
import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments import continual_data
from swm_jax.losses import anchoring
from swm_jax.losses import retention

HIDDEN = (100, 100)
_OUTSIDE = -1e9  # logit of a class of another task, if the task is told


@dataclasses.dataclass(frozen=True)
class Setting:
  """A method with its weights; terms as in `compose.LossWeights`.

  Attributes:
    method: key of `retention.METHODS`, or `joint`.
    learning_rate: of plain SGD.
    der: alpha, of the mean squared error of raw logits.
    replay_ce: beta, or the weight of ER.
    ewc: lambda.
    l2_sp: lambda.
    agem: 1 projects, 0 does not.
  """

  method: str
  learning_rate: float = 0.1
  der: float = 0.0
  replay_ce: float = 0.0
  ewc: float = 0.0
  l2_sp: float = 0.0
  agem: float = 0.0


class Accuracy(NamedTuple):
  """Of each run after each task, on each task, `[N, K, K]`.

  Attributes:
    open: the network chooses among all classes (class- or domain-incremental).
    told: among those of the task (task-incremental); equal to `open` where all
      tasks have all classes.
  """

  open: np.ndarray
  told: np.ndarray


class _State(NamedTuple):
  params: list[tuple[jax.Array, jax.Array]]
  stored: jax.Array  # logits in the buffer, [capacity, C]
  start: list[tuple[jax.Array, jax.Array]]  # params as the task began
  fisher: list[tuple[jax.Array, jax.Array]]


def train(
    data: continual_data.Dataset,
    settings: Sequence[Setting],
    seeds: Sequence[int],
    *,
    epochs: int,
    batch: int,
    capacity: int,
) -> Accuracy:
  """Runs every setting with its seed, `settings[i]` with `seeds[i]`."""

  @functools.cache
  def stream(seed, joint):
    return continual_data.stream(
        data, epochs=epochs, batch=batch, replayed=batch, capacity=capacity,
        joint=joint, seed=seed,
    )

  streams = [
      vars(stream(seed, setting.method == 'joint'))
      for setting, seed in zip(settings, seeds)
  ]
  weights = [dataclasses.asdict(setting) for setting in settings]
  for values in weights:
    del values['method']
  stack = lambda rows: {
      name: np.stack([row[name] for row in rows]) for name in rows[0]
  }
  inside = np.ones((data.num_tasks, data.num_classes), bool)
  if data.task_of is not None:
    inside = data.task_of == np.arange(data.num_tasks)[:, None]
  tested = np.zeros((data.num_tasks, len(data.test)), np.float32)
  for task, ids in enumerate(data.members(data.test_label)):
    tested[task, ids] = 1.0 / len(ids)
  arrays = {
      'train': data.train, 'train_label': data.train_label,
      'test': data.test, 'test_label': data.test_label,
      'permutations': data.permutations, 'inside': inside, 'tested': tested,
  }
  run = functools.partial(
      _run, capacity=capacity,
      fisher_steps=len(streams[0]['holds'][0]) // epochs,
  )
  keys = jax.vmap(jax.random.key)(np.array(seeds, np.uint32))
  out = jax.jit(jax.vmap(run, in_axes=(None, 0, 0, 0)))(
      arrays, stack(streams), stack(weights), keys
  )
  return Accuracy(*map(np.asarray, out))


def _run(arrays, stream, weight, key, *, capacity, fisher_steps):
  """One run: accuracies after each task, two of `[K, K]`."""
  D = arrays['train'].shape[1]
  C = arrays['inside'].shape[1]
  params = _init(key, (D, *HIDDEN, C))
  zeros = jax.tree.map(jnp.zeros_like, params)
  state = _State(params, jnp.zeros((capacity, C)), params, zeros)

  def read(example, task):
    x = jnp.take_along_axis(
        arrays['train'][example], arrays['permutations'][task], axis=-1
    )
    return x, arrays['train_label'][example]

  def step(carry, inputs):
    state, later = carry
    x, y = read(inputs['example'], inputs['task'])
    old_x, old_y = read(inputs['drawn_example'], inputs['drawn_task'])
    stored = state.stored[inputs['drawn'][0]]

    def new_loss(params):
      logits = _apply(params, x)
      distance = anchoring.dense_squared(
          stored, _apply(params, old_x[0]), centred=False
      ).mean()
      loss = _cross_entropy(logits, y)
      loss += inputs['holds'] * weight['der'] * distance
      loss += weight['ewc'] * retention.ewc_penalty(
          params, state.start, state.fisher
      )
      loss += later * weight['l2_sp'] * retention.l2_sp_penalty(
          params, state.start
      )
      return loss, logits

    def old_loss(params):
      loss = _cross_entropy(_apply(params, old_x[1]), old_y[1])
      return inputs['holds'] * loss

    grads, logits = jax.grad(new_loss, has_aux=True)(state.params)
    old_grads = jax.grad(old_loss)(state.params)
    projected = retention.project(grads, old_grads)
    grads = jax.tree.map(
        lambda g, o, p: jnp.where(
            weight['agem'] > 0, p, g + weight['replay_ce'] * o
        ),
        grads, old_grads, projected,
    )
    params = jax.tree.map(
        lambda p, g: p - weight['learning_rate'] * g, state.params, grads
    )
    stored = state.stored.at[inputs['place']].set(logits, mode='drop')
    return (state._replace(params=params, stored=stored), later), None

  def task(state, inputs):
    k, steps = inputs
    later = (k > 0).astype(jnp.float32)
    state = state._replace(start=state.params)
    (state, _), _ = jax.lax.scan(step, (state, later), steps)
    example = steps['example'][:fisher_steps].reshape(-1)
    examples = read(example, steps['task'][:fisher_steps].reshape(-1))
    log_prob = lambda params, pair: -_cross_entropy(
        _apply(params, pair[0]), pair[1]
    )
    fisher = retention.accumulate_fisher(
        state.fisher,
        retention.diagonal_fisher(log_prob, state.params, examples),
        decay=1.0,
    )
    state = state._replace(fisher=fisher)
    return state, _measure(state.params, arrays)

  tasks = jnp.arange(len(arrays['permutations']))
  return jax.lax.scan(task, state, (tasks, stream))[1]


def _measure(params, arrays):
  """Accuracy on each task, among all classes and among the task's."""

  def on_task(permutation, inside, weight):
    logits = _apply(params, arrays['test'][:, permutation])
    right = lambda logits: (
        weight * (logits.argmax(axis=-1) == arrays['test_label'])
    ).sum()
    return right(logits), right(jnp.where(inside, logits, _OUTSIDE))

  return jax.lax.map(
      lambda inputs: on_task(*inputs),
      (arrays['permutations'], arrays['inside'], arrays['tested']),
  )


def _init(key, sizes):
  """Layers with weights of variance 2 / fan-in and no offset."""
  layers = []
  for rows, columns in zip(sizes, sizes[1:]):
    key, key_layer = jax.random.split(key)
    scale = jnp.sqrt(2.0 / rows)
    weight = scale * jax.random.normal(key_layer, (rows, columns))
    layers.append((weight, jnp.zeros((1, columns))))
  return layers


def _apply(params, x):
  single = x.ndim == 1
  x = jnp.atleast_2d(x)
  for i, (weight, offset) in enumerate(params):
    x = x @ weight + offset
    if i + 1 < len(params):
      x = jax.nn.relu(x)
  return x[0] if single else x


def _cross_entropy(logits, label):
  return optax.softmax_cross_entropy_with_integer_labels(logits, label).mean()
