"""The train step: same result on any mesh and for any accumulation."""

import dataclasses
import logging
import math
import re
from unittest import mock

import chex
import jax
from jax import numpy as jnp
import numpy as np
import optax
import pytest

from swm_jax import chunked_logits
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


def drawn_batches(count):
  """Batches of one shape and of other lengths, tokens and padding."""
  rng = np.random.default_rng(1)
  draw = lambda low, high: rng.integers(1, 64, rng.integers(low, high)).tolist()
  examples = [
      batching.Example(draw(3, 6), [draw(1, 5), draw(2, 6)], [2 * i, 2 * i + 1])
      for i in range(12 * count)
  ]
  batches = batching.pack(examples, rows=4, length=24, targets=16, slots=4)
  return [jax.tree.map(lambda x: x[None], b) for b in batches]


def test_nothing_is_compiled_after_the_first_step(caplog):
  made, state = trainer({}, 1)
  first, *rest = drawn_batches(3)
  assert len(rest) >= 2
  with jax.log_compiles(), caplog.at_level(logging.WARNING):
    state, _ = made.step(state, {}, first)
    assert 'train_step' in caplog.text  # What follows would be seen.
    caplog.clear()
    for batch in rest:
      state, _ = made.step(state, {}, batch)
  assert 'Compiling' not in caplog.text


def test_state_is_donated_whole():
  made, state = trainer({}, 1)
  before = jax.tree.leaves(state)
  made.step(state, {}, jax.tree.map(lambda x: x[None], packed(8)))
  assert all(leaf.is_deleted() for leaf in before)


def test_micro_batch_of_padding_changes_nothing_and_is_not_computed():
  ran = []

  def counted(params, frozen, batch):
    jax.debug.callback(lambda: ran.append(1))
    return nll(params, frozen, batch)

  mesh = sharding.make_mesh({}, jax.devices()[:1])
  made = training.Trainer(
      counted, optax.sgd(0.1), mesh, sharding.DEFAULT_RULES
  )
  batch = packed(8)
  blank = jax.tree.map(np.zeros_like, batch)
  params = transformer.init_params(CONFIG, jax.random.key(0))
  results = []
  for batches in ([batch, batch], [batch, batch, blank]):
    ran.clear()
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *batches)
    state, metrics = made.step(made.init(params), {}, stacked)
    results.append(jax.device_get((state.params, metrics)))
    jax.effects_barrier()
    assert len(ran) == 2
  chex.assert_trees_all_equal(*results)


def compiled_step(vocab_size, remat='none', num_layers=4):
  """A compiled step with many times more targets than a part of logits has."""
  config = dataclasses.replace(
      CONFIG, vocab_size=vocab_size, num_layers=num_layers, remat=remat,
      width=64, mlp_width=192, head_dim=16,
  )

  def loss_fn(params, frozen, batch):
    del frozen
    loss = -training.score(params, batch, config).log_prob.sum()
    return loss, {}

  mesh = sharding.make_mesh({}, jax.devices()[:1])
  made = training.Trainer(
      loss_fn, optax.sgd(0.1), mesh, sharding.DEFAULT_RULES
  )
  params = transformer.init_params(config, jax.random.key(0))
  tokens = np.arange(1025) % 64
  [batch] = batching.pack_text(tokens.tolist(), rows=16, length=64)
  batch = jax.tree.map(lambda x: x[None], batch)
  return made.compile(made.init(params), {}, batch), params


def test_no_array_holds_the_logits_of_all_targets():
  compiled, _ = compiled_step(vocab_size=1000, num_layers=1)
  sizes = {
      math.prod(int(n) for n in dims.split(','))
      for dims in re.findall(r'f32\[([\d,]+)\]', compiled.as_text())
  }
  assert 256 * 1000 in sizes  # Those of a part exist: the search finds logits.
  assert max(sizes) < 1024 * 1000


def test_flops_are_those_of_the_formula():
  # 6 per weight and token: 2 forward, 4 backward. The output table is a weight;
  # the input table is looked up. One part, so that no loop hides a turn.
  with mock.patch.object(chunked_logits, '_AT_ONCE', 1024):
    compiled, params = compiled_step(vocab_size=256)
  weights = sum(leaf.size for leaf in jax.tree.leaves(params) if leaf.ndim == 2)
  share = compiled.cost_analysis()['flops'] / (6 * weights * 1024)
  # Elementwise work and attention are the rest, more of it at a small width.
  assert 1.0 <= share < 1.3


def test_saving_products_computes_none_twice():
  whole, params = compiled_step(vocab_size=64)
  dots, _ = compiled_step(vocab_size=64, remat='dots')
  flops = lambda compiled: compiled.cost_analysis()['flops']
  weights = sum(leaf.size for leaf in jax.tree.leaves(params) if leaf.ndim == 2)
  # A product computed again would add 2 for each of its weights and tokens.
  assert flops(dots) - flops(whole) < 0.2 * 2 * weights * 1024


def test_step_keeps_of_a_layer_what_its_products_gave():
  memory = lambda layers: compiled_step(
      vocab_size=64, remat='dots', num_layers=layers
  )[0].memory_analysis().temp_size_in_bytes
  # A token keeps the stream before attention and before the MLP, query, key,
  # value, attention's output and log-sum-exp, gate and up.
  floats = 2 * 64 + 64 + 2 * 32 + 64 + 4 + 2 * 192
  per_token = (memory(8) - memory(4)) / 4 / 1024 / 4
  assert per_token < 1.25 * floats


def test_update_is_projected_off_what_the_reference_forbids():
  # Summed over two micro-batches g = (4, -2) and r = (-1, 2): g·r = -8 and
  # r·r = 5, so that plain descent moves by -(4 - 8/5, -2 + 16/5).
  linear = lambda name: lambda params, frozen, batch: (
      params @ batch[name], {name: params @ batch[name]}
  )
  state = training.TrainState(jnp.zeros(2), optax.sgd(1.0).init(jnp.zeros(2)),
                              jnp.zeros([], jnp.int32))
  batches = {
      'new': jnp.array([[1.0, -2.0], [3.0, 0.0]]),
      'old': jnp.array([[0.0, 2.0], [-1.0, 0.0]]),
  }
  step = lambda batches: training.train_step(
      state, {}, batches, loss_fn=linear('new'), tx=optax.sgd(1.0),
      reference_fn=linear('old'),
  )
  after, metrics = step(batches)
  chex.assert_trees_all_close(after.params, jnp.array([-2.4, -1.2]), rtol=1e-6)
  assert float(after.params @ jnp.array([-1.0, 2.0])) == pytest.approx(0.0)
  assert {'new', 'old', 'loss', 'grad_norm'} <= metrics.keys()
  # Without old data in the step nothing is projected.
  after, _ = step({**batches, 'old': jnp.zeros((2, 2))})
  chex.assert_trees_all_close(after.params, jnp.array([-4.0, 2.0]))
