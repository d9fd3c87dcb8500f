"""Our side of the benchmark of training: the steps that a night takes."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.benchmarks import train_work
from swm_jax import chunked_logits
from swm_jax import rem
from swm_jax import sharding
from swm_jax import training
from swm_jax.models import pretrained
from swm_jax.rem import layout
from swm_jax.samplers import langevin


class Side:
  """A trainer with its state and its one batch."""

  def __init__(self, folder: str, case: train_work.Case, remat: str):
    params, config, tokenizer = pretrained.load(folder)
    config = dataclasses.replace(config, remat=remat)
    params = jax.tree.map(jnp.asarray, params)
    self._config = config
    self._matrices = sum(
        leaf.size for leaf in jax.tree.leaves(params) if leaf.ndim == 2
    )
    self._work = work = train_work.make(case, tokenizer)
    make = self._dreamer if case.lora else self._all_parameters
    trainer, trainable, self._frozen, batch = make(params, work)
    self._trainer = trainer
    self._state = trainer.init(trainable)
    self._batch = jax.tree.map(lambda x: jnp.asarray(x)[None], batch)

  def step(self) -> float:
    """Takes one step; returns its loss."""
    self._state, metrics = self._trainer.step(
        self._state, self._frozen, self._batch
    )
    jax.block_until_ready(self._state)
    return float(metrics['loss'])

  def describe(self) -> dict[str, float]:
    """Returns what the compiler says, and the formula that it is held to.

    Useful FLOPs of a full step are 6 for every weight that a token passes: 2
    forward and 4 backward, the output table at the targets alone, the input
    table never. XLA counts a loop's body once; the turns that are missing in
    the loop over logits are added.
    """
    compiled = self._trainer.compile(self._state, self._frozen, self._batch)
    memory = compiled.memory_analysis()
    table = self._config.vocab_size * self._config.width
    R, M = self._work.packed.target.shape
    layers = self._matrices - table
    formula = 6 * (layers * self._work.packed.tokens.size + table * R * M)
    flops = compiled.cost_analysis()['flops']
    parts, size = chunked_logits.parts_of(R, M)
    # Logits, their recomputation and two gradients: four products a part.
    flops += (parts - 1) * 4 * 2 * R * size * table
    return {
        'flops': flops,
        'formula': formula,
        'temporary_bytes': memory.temp_size_in_bytes,
        'computed_tokens': int(self._work.packed.tokens.size),
        'padding': float(np.mean(self._work.packed.group == 0)),
    }

  def _all_parameters(self, params, work: train_work.Work):
    mesh = sharding.make_mesh({}, jax.devices()[:1])
    tx = optax.chain(
        optax.clip_by_global_norm(train_work.CLIP),
        optax.adamw(
            train_work.LEARNING_RATE,
            *train_work.DECAY_RATES,
            weight_decay=0.0,
        ),
    )

    def loss_fn(params, frozen, batch):
      del frozen
      scores = training.score(params, batch, self._config)
      loss = -scores.log_prob.sum() / work.targets
      return loss, {'ce': loss}

    trainer = training.Trainer(loss_fn, tx, mesh, sharding.DEFAULT_RULES)
    return trainer, params, {}, work.packed

  def _dreamer(self, params, work: train_work.Work):
    mesh = sharding.make_mesh({}, jax.devices()[:1])
    options = _rem_options()
    trainer = rem.make_trainer(
        self._config, options, mesh, sharding.DEFAULT_RULES
    )
    packed = work.packed
    log_p_ref, _ = training.score_batch(params, packed, self._config)
    longest = max(
        len(row) - prompt
        for row, prompt in zip(work.rows, work.prompt_lengths)
    )
    place, mask = layout.places(packed, longest)
    # Work lists its trajectories by id; the batch has them where they fit.
    present = np.sort(packed.trajectory_id[packed.trajectory_id >= 0])
    place = np.searchsorted(present, packed.trajectory_id)
    used = packed.trajectory_id >= 0
    look_up = lambda values: np.where(
        used, np.asarray(values)[np.minimum(place, len(values) - 1)], 0
    )
    batch = rem.Batch(
        packed=packed,
        place=place,
        mask=mask,
        problem=look_up(work.groups).astype(np.int32),
        reward=look_up(work.rewards).astype(np.float32),
        weight=(used / used.sum()).astype(np.float32),
        log_p_ref=np.asarray(log_p_ref),
    )
    trainable = rem.init_trainable(
        params, self._config, options, jax.random.key(0)
    )
    return trainer, trainable, params, batch


def _rem_options() -> rem.Options:
  """Options of the dreamer; what concerns sampling is not read here."""
  return rem.Options(
      rounds=1,
      prompts=1,
      temperatures=(),
      perturbed=(),
      perturbation=langevin.Perturbation(layer=0, step_size=0.0, noise=0.0),
      max_pass_rate=1.0,
      replay=0,
      objective='vargrad',
      reward_temperature=1.0,
      beta=train_work.BETA,
      rank=train_work.RANK,
      alpha=train_work.ALPHA,
      learning_rate=train_work.LEARNING_RATE,
      log_z_learning_rate=train_work.LEARNING_RATE,
      warmup=1,
      clip=train_work.CLIP,
      tokens_per_step=0,
      accumulate=1,
      max_length=0,
  )
