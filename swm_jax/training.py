"""Scoring of packed trajectories and the one train step of REM and sleep.

Every objective of a night reads the same few arrays: the log-probability of
each target, the distribution it was drawn from, the last hidden state and, for
the Hopfield energy, what attention left behind. `score` computes them once for
a packed batch; the losses are pure functions of them.
"""

from collections.abc import Callable
import functools
from typing import Any, NamedTuple

from flax import struct
import jax
from jax import numpy as jnp
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
import optax

from swm_jax import chunked_logits
from swm_jax import global_arrays
from swm_jax import sharding
from swm_jax.data import batching
from swm_jax.losses import anchoring
from swm_jax.losses import retention
from swm_jax.models import transformer
from swm_jax import types

# XLA's own order for CPU favours concurrency: it holds back the gradients of
# weights, and so keeps the activations of all layers to the end.
_CPU_OPTIONS = {'xla_cpu_scheduler_type': 'CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED'}

PyTree = Any
# loss_fn(trainable, frozen, batch) -> (loss, terms); a sum over the rows of the
# batch, already divided by the step's own denominators, so that accumulation
# over micro-batches is exact addition.
LossFn = Callable[
    [PyTree, PyTree, PyTree], tuple[jax.Array, dict[str, jax.Array]]
]


class Scores(NamedTuple):
  """What one forward pass over a packed batch gives to the losses.

  Attributes:
    log_prob: of each target, nats, `[R, M]`, 0 where masked.
    stored: log-probabilities at the ids asked for, and of all others together;
      `indices` are those ids. None if none were.
    hidden: output of the final norm that predicts each target, `[R, M, D]`.
    prompt_hidden: output of the final norm at the end of each trajectory's
      prompt, `[R, J, D]`.
    lse: attention log-sum-exp there, `[R, M, N, H]`, nats, or None.
    query_norm: beta q·q / 2 there, `[R, M, N, H]`, nats, or None.
  """

  log_prob: jax.Array
  stored: types.TopKLogits | None
  hidden: jax.Array
  prompt_hidden: jax.Array
  lse: jax.Array | None
  query_norm: jax.Array | None


def score(
    params: PyTree,
    batch: batching.PackedBatch,
    config: transformer.TransformerConfig,
    *,
    indices: jax.Array | None = None,
    return_lse: bool = False,
) -> Scores:
  """Teacher-forces a packed batch.

  Args:
    params: of the transformer.
    batch: packed prompts and completions.
    config: of the transformer.
    indices: token ids whose log-probability is wanted too, `[R, M, K]`.
    return_lse: also return the parts of the Hopfield energy.

  Returns:
    Scores at the batch's targets.
  """
  output = transformer.Transformer(config).apply(
      {'params': params},
      batch.tokens,
      positions_BxT=batch.positions,
      attend=transformer.Attend(batch.group, batch.branch),
      compute_logits=False,
      return_lse=return_lse,
  )
  gather = lambda x_RxTxC, index: jnp.take_along_axis(
      x_RxTxC, index[..., None], axis=1
  )
  at_source = lambda layers: jnp.stack(
      [gather(layer_RxTxH, batch.source) for layer_RxTxH in layers], axis=-2
  )
  hidden_RxMxD = gather(output.hidden_BxTxD, batch.source)

  log_prob_RxM, stored = chunked_logits.log_probs(
      params, hidden_RxMxD, config, batch.target, indices
  )
  return Scores(
      log_prob=jnp.where(batch.target_mask, log_prob_RxM, 0.0),
      stored=stored,
      hidden=hidden_RxMxD,
      prompt_hidden=gather(output.hidden_BxTxD, batch.prompt_end),
      lse=at_source(output.lse) if return_lse else None,
      query_norm=at_source(output.query_norm) if return_lse else None,
  )


@functools.partial(jax.jit, static_argnames=('config', 'top_logits'))
def score_batch(
    params: PyTree,
    batch: batching.PackedBatch,
    config: transformer.TransformerConfig,
    top_logits: int = 0,
) -> tuple[jax.Array, types.TopKLogits | None]:
  """Returns target log-probs `[R, M]` and the top-K logits at each target.

  Args:
    params: of the transformer.
    batch: packed prompts and completions.
    config: of the transformer.
    top_logits: K to keep of each next-token distribution; 0 keeps none.
  """
  scores = score(params, batch, config)
  top_k = None
  if top_logits:
    top_k = chunked_logits.map_logits(
        lambda logits: anchoring.compress(logits, top_logits),
        params, scores.hidden, config,
    )
  return scores.log_prob, top_k


@struct.dataclass
class TrainState:
  """Arrays that a train step changes."""

  params: PyTree
  opt_state: PyTree
  step: jax.Array


def thermal_noise(temperature: float, schedule, seed: int):
  """Adds the noise of Langevin dynamics in weight space to an update.

  dW = -grad dt + sqrt(2 T dt) xi, with the learning rate as dt. Last in a
  chain, since its noise must not be rescaled by a preconditioner.

  Args:
    temperature: T, in units of the loss; 0 leaves updates as they are.
    schedule: learning rate at each step.
    seed: of the noise.
  """
  if temperature == 0:
    return optax.identity()

  def init(params):
    del params
    return optax.ScaleByScheduleState(count=jnp.zeros([], jnp.int32))

  def update(updates, state, params=None):
    del params
    scale = jnp.sqrt(2.0 * temperature * schedule(state.count))
    leaves, treedef = jax.tree.flatten(updates)
    keys = jax.random.split(
        jax.random.fold_in(jax.random.key(seed), state.count), len(leaves)
    )
    noisy = [
        leaf + scale * jax.random.normal(key, leaf.shape, leaf.dtype)
        for leaf, key in zip(leaves, keys)
    ]
    return treedef.unflatten(noisy), state._replace(count=state.count + 1)

  return optax.GradientTransformation(init, update)


def make_optimizer(
    *,
    learning_rate: float,
    steps: int,
    warmup: int,
    clip: float,
    weight_decay: float = 0.0,
    temperature: float = 0.0,
    seed: int = 0,
) -> optax.GradientTransformation:
  """AdamW (0.9, 0.95), global-norm clip, warm-up, cosine to a tenth.

  Args:
    learning_rate: peak.
    steps: length of the schedule.
    warmup: steps of linear warm-up, cut to half of `steps`.
    clip: global gradient norm above which updates are scaled down.
    weight_decay: decoupled.
    temperature: of the gradient flow, see `thermal_noise`.
    seed: of the thermal noise.
  """
  schedule = optax.warmup_cosine_decay_schedule(
      init_value=0.0 if warmup else learning_rate,
      peak_value=learning_rate,
      warmup_steps=min(warmup, steps // 2),
      decay_steps=max(steps, 1),
      end_value=0.1 * learning_rate,
  )
  return optax.chain(
      optax.clip_by_global_norm(clip),
      optax.adamw(schedule, b1=0.9, b2=0.95, weight_decay=weight_decay),
      thermal_noise(temperature, schedule, seed),
  )


def train_step(
    state: TrainState,
    frozen: PyTree,
    batches: PyTree,
    *,
    loss_fn: LossFn,
    tx: optax.GradientTransformation,
    reference_fn: LossFn | None = None,
) -> tuple[TrainState, dict[str, jax.Array]]:
  """One update from A accumulated micro-batches.

  Args:
    state: parameters, optimizer state and step.
    frozen: arrays that the loss reads and the step does not change.
    batches: pytree of arrays with a leading axis A; micro-batches of padding
      alone, none of which is the first, are not computed.
    loss_fn: summable over micro-batches, 0 for padding alone.
    tx: optimizer.
    reference_fn: loss that the update shall not raise: the gradient is
      projected off its gradient (A-GEM, `retention.project`). None: no such.

  Returns:
    The next state, and the summed terms with `loss` and `grad_norm`.
  """
  grad_fn = jax.value_and_grad(loss_fn, has_aux=True)
  if reference_fn is not None:
    grad_fn = _with_reference(grad_fn, reference_fn)

  def add(total, batch):
    (loss, terms), grads = grad_fn(state.params, frozen, batch)
    return jax.tree.map(jnp.add, total, (loss, terms, grads))

  def accumulate(total, batch):
    skip = lambda total, batch: total
    return jax.lax.cond(_has_tokens(batch), add, skip, total, batch), None

  first = jax.tree.map(lambda x: x[0], batches)
  rest = jax.tree.map(lambda x: x[1:], batches)
  (loss, terms), grads = grad_fn(state.params, frozen, first)
  # One micro-batch needs no loop, and XLA compiles the body of a scan again.
  if jax.tree.leaves(rest)[0].shape[0]:
    (loss, terms, grads), _ = jax.lax.scan(
        accumulate, (loss, terms, grads), rest
    )
  if reference_fn is not None:
    grads = retention.project(*grads)
  updates, opt_state = tx.update(grads, state.opt_state, state.params)
  params = optax.apply_updates(state.params, updates)
  metrics = {'loss': loss, 'grad_norm': optax.global_norm(grads), **terms}
  return TrainState(params, opt_state, state.step + 1), metrics


def _with_reference(grad_fn, reference_fn: LossFn):
  """Makes a pair of gradients, of the loss and of the reference."""
  reference_grad_fn = jax.value_and_grad(reference_fn, has_aux=True)

  def pair(params, frozen, batch):
    (loss, terms), grads = grad_fn(params, frozen, batch)
    (_, more), reference = reference_grad_fn(params, frozen, batch)
    return (loss, {**terms, **more}), (grads, reference)

  return pair


def _has_tokens(batch: PyTree) -> jax.Array | bool:
  """Whether a micro-batch is more than filling of an update's last places."""
  is_packed = lambda node: isinstance(node, batching.PackedBatch)
  packed = filter(is_packed, jax.tree.leaves(batch, is_leaf=is_packed))
  has = [(rows.group > 0).any() for rows in packed]
  return jnp.stack(has).any() if has else True


class Trainer:
  """A compiled train step on a mesh, with its state's placement."""

  def __init__(
      self,
      loss_fn: LossFn,
      tx: optax.GradientTransformation,
      mesh: jax.sharding.Mesh,
      rules: sharding.Rules,
      param_shardings: PyTree | None = None,
      reference_fn: LossFn | None = None,
  ):
    """Builds the step; it is compiled at its first call.

    Args:
      loss_fn: see `LossFn`.
      tx: optimizer.
      mesh: see `sharding.make_mesh`.
      rules: logical axes of activations to mesh axes.
      param_shardings: `NamedSharding` for every trained parameter; None
        replicates them (LoRA, heads).
      reference_fn: see `train_step`.
    """
    self._tx = tx
    self._mesh, self._rules = mesh, rules
    self._replicated = NamedSharding(mesh, P())
    self._param_shardings = param_shardings
    self._batch = NamedSharding(
        mesh, sharding.partition_spec((None, 'batch'), rules)
    )
    on_cpu = mesh.devices.flat[0].platform == 'cpu'
    self._step = jax.jit(
        functools.partial(
            train_step, loss_fn=loss_fn, tx=tx, reference_fn=reference_fn
        ),
        donate_argnums=0,
        compiler_options=_CPU_OPTIONS if on_cpu else None,
    )

  def state_shardings(self, params: PyTree) -> TrainState:
    """Returns the placement of every leaf of the state of `params`."""
    abstract = jax.eval_shape(self._tx.init, params)
    if self._param_shardings is None:
      replicate = lambda tree: jax.tree.map(lambda _: self._replicated, tree)
      return TrainState(
          replicate(params), replicate(abstract), self._replicated
      )
    opt_state = optax.tree_utils.tree_map_params(
        self._tx,
        lambda _, sharding_of_param: sharding_of_param,
        abstract,
        self._param_shardings,
        transform_non_params=lambda _: self._replicated,
    )
    return TrainState(self._param_shardings, opt_state, self._replicated)

  def init(self, params: PyTree) -> TrainState:
    """Creates the state already sharded; `params` are copied, not donated."""

    def create(params):
      return TrainState(
          jax.tree.map(jnp.copy, params),
          self._tx.init(params),
          jnp.zeros([], jnp.int32),
      )

    return jax.jit(create, out_shardings=self.state_shardings(params))(params)

  def abstract_state(self, params: PyTree) -> TrainState:
    """Returns the target onto which a saved state is restored."""
    abstract = jax.eval_shape(
        lambda p: TrainState(p, self._tx.init(p), jnp.zeros([], jnp.int32)),
        params,
    )
    return jax.tree.map(
        lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s),
        abstract,
        self.state_shardings(params),
    )

  def step(
      self, state: TrainState, frozen: PyTree, batches: PyTree
  ) -> tuple[TrainState, dict[str, jax.Array]]:
    """Runs one step; `state` is donated, `batches` are `[A, R, ...]`."""
    batches = global_arrays.place(batches, self._batch)
    with sharding.use_mesh(self._mesh, self._rules):
      return self._step(state, frozen, batches)

  def compile(
      self, state: TrainState, frozen: PyTree, batches: PyTree
  ) -> jax.stages.Compiled:
    """Compiles the step of `step` without running it, to be inspected."""
    batches = global_arrays.place(batches, self._batch)
    with sharding.use_mesh(self._mesh, self._rules):
      return self._step.lower(state, frozen, batches).compile()
