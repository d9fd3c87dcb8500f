"""The train step: same result on any mesh and for any accumulation."""

import chex
import jax
from jax import numpy as jnp
import numpy as np
import optax
import pytest

from swm_jax import sharding
from swm_jax import training
from swm_jax.data import batching
from swm_jax.models import transformer

CONFIG = transformer.TransformerConfig(
    vocab_size=64, num_layers=2, width=32, mlp_width=64, num_heads=4,
    num_kv_heads=2, head_dim=8,
)


def packed(rows: int) -> batching.PackedBatch:
  rng = np.random.default_rng(0)
  draw = lambda n: rng.integers(1, 64, n).tolist()
  examples = [
      batching.Example(draw(5), [draw(4), draw(6)], [2 * i, 2 * i + 1])
      for i in range(rows)
  ]
  [batch] = batching.pack(examples, rows=rows, length=16, targets=16, slots=4)
  return batch


def nll(params, frozen, batch):
  del frozen
  scores = training.score(params, batch, CONFIG)
  loss = -scores.log_prob.sum() / 80.0
  return loss, {'nll': loss}


def trainer(mesh_shape, devices, **optimizer):
  mesh = sharding.make_mesh(mesh_shape, jax.devices()[:devices])
  shardings = sharding.shardings(mesh, transformer.logical_axes(CONFIG))
  tx = training.make_optimizer(**{
      'learning_rate': 1e-2, 'steps': 4, 'warmup': 1, 'clip': 1.0, **optimizer
  })
  made = training.Trainer(nll, tx, mesh, sharding.DEFAULT_RULES, shardings)
  params = transformer.init_params(CONFIG, jax.random.key(0))
  return made, made.init(sharding.shard_params(params, shardings))


def steps(mesh_shape, devices, count=3, accumulate=1, **optimizer):
  made, state = trainer(mesh_shape, devices, **optimizer)
  batch = jax.tree.map(
      lambda x: x.reshape(accumulate, -1, *x.shape[1:]), packed(8)
  )
  for _ in range(count):
    state, metrics = made.step(state, {}, batch)
  return jax.device_get(state.params), jax.device_get(metrics)


@pytest.mark.parametrize(
    'mesh_shape',
    [{'data': 8}, {'data': 2, 'fsdp': 2, 'tensor': 2}, {'fsdp': 4, 'tensor': 2}],
    ids=str,
)
def test_mesh_changes_no_result(mesh_shape):
  one, one_metrics = steps({}, 1)
  many, many_metrics = steps(mesh_shape, 8)
  # Reductions in another order: float32 rounding, amplified by Adam's division.
  chex.assert_trees_all_close(one, many, atol=2e-5)
  chex.assert_trees_all_close(one_metrics, many_metrics, rtol=1e-4)


def test_accumulated_micro_batches_equal_one_batch():
  whole, whole_metrics = steps({}, 1, accumulate=1)
  parts, parts_metrics = steps({}, 1, accumulate=4)
  chex.assert_trees_all_close(whole, parts, atol=2e-5)
  chex.assert_trees_all_close(whole_metrics, parts_metrics, rtol=1e-4)


def test_state_is_sharded_as_the_rules_say_and_donated():
  made, state = trainer({'fsdp': 4, 'tensor': 2}, 8)
  gate = state.params['layer_0']['gate']
  assert gate.sharding.spec == jax.sharding.PartitionSpec('fsdp', 'tensor')
  moments = [
      leaf for leaf in jax.tree.leaves(state.opt_state)
      if leaf.shape == gate.shape and leaf.sharding.spec == gate.sharding.spec
  ]
  assert len(moments) >= 2  # Adam's two moments of this weight among others.
  before = state.params['embedding']
  batch = jax.tree.map(lambda x: x[None], packed(8))
  made.step(state, {}, batch)
  assert before.is_deleted()


def test_step_is_traced_once():
  traces = []

  def counted(params, frozen, batch):
    traces.append(1)
    return nll(params, frozen, batch)

  mesh = sharding.make_mesh({}, jax.devices()[:1])
  made = training.Trainer(
      counted, optax.sgd(0.1), mesh, sharding.DEFAULT_RULES
  )
  state = made.init(transformer.init_params(CONFIG, jax.random.key(0)))
  batch = jax.tree.map(lambda x: x[None], packed(2))
  for _ in range(3):
    state, _ = made.step(state, {}, batch)
  assert len(traces) == 1
  assert int(state.step) == 3


def test_first_update_of_adam_is_the_learning_rate():
  # Adam's first step is lr * g / (|g| + eps): every coordinate moves by lr,
  # whatever the loss, as long as its gradient is not tiny.
  made, state = trainer({}, 1, warmup=0, clip=1e9)
  before = jax.device_get(state.params['embedding'])
  state, _ = made.step(state, {}, jax.tree.map(lambda x: x[None], packed(8)))
  moved = np.abs(np.asarray(state.params['embedding']) - before)
  assert np.median(moved) == pytest.approx(1e-2, rel=1e-3)


def test_thermal_noise_has_the_variance_of_the_gradient_flow():
  # dW = sqrt(2 T dt) xi: with T = 0.5 and dt = 0.04 the variance is 0.04.
  tx = training.thermal_noise(0.5, lambda count: 0.04, seed=0)
  zeros = {'w': jnp.zeros(20_000)}
  updates, state = tx.update(zeros, tx.init(zeros))
  # The standard error of a variance of n normals is var * sqrt(2 / n) = 0.0004.
  assert float(updates['w'].var()) == pytest.approx(0.04, abs=0.002)
  again, _ = tx.update(zeros, state)
  assert not np.allclose(updates['w'], again['w'])


def test_no_temperature_adds_nothing():
  tx = training.thermal_noise(0.0, lambda count: 1.0, seed=0)
  updates = {'w': jnp.ones(3)}
  assert tx.update(updates, tx.init(updates))[0]['w'].tolist() == [1, 1, 1]
