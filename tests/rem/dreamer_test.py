"""Packed updates of the dreamer against trajectories that are not packed."""

import dataclasses
import functools
import logging

import chex
import jax
from jax import numpy as jnp
import numpy as np
import pytest

from swm_jax import rem
from swm_jax import sharding
from swm_jax import types
from swm_jax.losses import objectives
from swm_jax.models import flow
from swm_jax.models import lora
from swm_jax.models import transformer
from swm_jax.rem import dreamer
from swm_jax.rem import layout
from swm_jax.samplers import stopping
from tests import rem_test

LEARNING = [name for name in rem.OBJECTIVES if name != 'none']
CONFIG = dataclasses.replace(rem_test.CONFIG, num_layers=1)
OPTIONS = dataclasses.replace(
    rem_test.OPTIONS, beta=3.0, reward_temperature=0.8, tokens_per_step=64,
    max_length=32,
)
NEWLINE = 5
LONGEST = 6


def stop_table():
  """Token 0 stops; after a newline so does every token from 10 on."""
  next_state = np.zeros((3, 16), np.int16)
  next_state[:, NEWLINE] = 1
  next_state[1, 10:] = 2
  next_state[:, 0] = 2
  next_state[2] = 2
  return stopping.StopTable(next_state, 2, (), True, frozenset([0]))


STOPS = stop_table()


def entry(problem, prompt, tokens, status, temperature=0.7):
  rng = np.random.default_rng(tokens)
  return {
      **rem_test.entry(problem, prompt, tokens, status),
      'temperature': np.float32(temperature),
      'log_prob': -rng.random(len(tokens), np.float32),
      'log_prob_behaviour': (
          -rng.random(len(tokens), np.float32)
          if temperature else np.zeros(len(tokens), np.float32)
      ),
  }


P, Q = [3, 5, 7], [4, 8, 6, 2, 9]
RECORDS = [
    entry('p', P, [1, 2, NEWLINE, 11], types.PASS),
    entry('p', P, [1, NEWLINE, NEWLINE, 3, 0], types.FAIL, temperature=0.0),
    entry('p', P, [7, 7, 7, 7, 7, 7], types.FAIL),
    entry('q', Q, [NEWLINE, 12], types.PASS),
    entry('q', Q, [0], types.FAIL),
    entry('q', Q, [4, 4, 2, 0], types.PASS),
    entry('r', P, [9, 3, NEWLINE, NEWLINE, 13], types.FAIL),
    entry('r', P, [9, 2, 0], types.FAIL),
]
COUNTS = {'p': (1, 3), 'q': (2, 3), 'r': (0, 2)}


@pytest.fixture(scope='module')
def params():
  return rem_test.init_params(CONFIG)


@pytest.fixture(scope='module')
def trainable(params):
  """A dreamer unlike the base, with a log Z unlike 0."""
  drawn = rem.init_trainable(params, CONFIG, OPTIONS, jax.random.key(0))
  rng = np.random.default_rng(1)
  return jax.tree.map(
      lambda leaf: leaf + rng.normal(0, 0.1, leaf.shape).astype(np.float32),
      drawn,
  )


def steps(params, records, options):
  groups = layout.make_groups(records, {}, COUNTS, options)
  packed, _ = layout.pack(groups, options, devices=1, seed=0, last=True)
  return layout.make_steps(
      packed, groups, params, CONFIG, options, longest=LONGEST,
      stop_table=STOPS,
  )


def packed_gradient(params, trainable, options, records):
  """Loss, terms and gradients of the one update that the records make."""
  [step] = steps(params, records, options)
  loss_fn = dreamer.make_loss(CONFIG, options, STOPS)
  micro_batch = jax.tree.map(lambda leaf: leaf[0], step)
  assert micro_batch.reward.shape[0] == 2
  if options.objective in objectives.BALANCED:  # Both rows are used.
    assert (step.packed.group > 0).any(axis=(0, 2)).all()
  return jax.jit(jax.value_and_grad(loss_fn, has_aux=True))(
      trainable, params, micro_batch
  )


def per_prefix(params, records, head):
  """Log-prob, log P(stop) and head at every prefix, padded `[B, T]`."""
  width = max(len(e['prompt_tokens']) for e in records) + LONGEST
  B = len(records)
  sequence, source = np.zeros((B, width), int), np.zeros((B, LONGEST), int)
  target, state = np.zeros_like(source), np.zeros_like(source)
  for i, e in enumerate(records):
    whole = [*e['prompt_tokens'], *e['tokens']]
    sequence[i, : len(whole)] = whole
    here = 0
    for k, token in enumerate(e['tokens']):
      source[i, k] = len(e['prompt_tokens']) - 1 + k
      target[i, k], state[i, k] = token, here
      here = STOPS.next_state_SxV[here, token]
  output = transformer.Transformer(CONFIG).apply({'params': params}, sequence)
  row = np.arange(B)[:, None]
  p = jax.nn.softmax(output.logits)[row, source]
  stops = STOPS.next_state_SxV[state] == STOPS.stop_state
  hidden = jax.lax.stop_gradient(output.hidden_BxTxD)[row, source]
  to_come = flow.LogZHead().apply(
      {'params': head}, hidden.reshape(B * LONGEST, -1)
  )
  return (
      jnp.log(p[row, np.arange(LONGEST)[None], target]),
      jnp.log((p * stops).sum(axis=-1)),
      to_come.reshape(B, LONGEST),
  )


def unpacked_loss(trainable, params, options, records):
  """The update's loss from the definitions, a trajectory at a time."""
  weight = np.ones(len(records))
  if options.objective == 'ce':
    records = [e for e in records if e['verdict']['status'] == types.PASS]
    # 1 - (passed + 1) / (tried + 2).
    weight = np.array([{'p': 3 / 5, 'q': 2 / 5}[e['problem']] for e in records])
  if options.objective == 'grpo':
    records = [e for e in records if e['problem'] != 'r']
    weight = np.ones(len(records))
  tuned = lora.merge(params, trainable['lora'], options.alpha)
  T, beta = options.reward_temperature, options.beta
  length = np.array([len(e['tokens']) for e in records])[:, None]
  mask = np.arange(LONGEST)[None] < length
  log_pf, log_stop, head = per_prefix(tuned, records, trainable['log_z'])
  log_ref, log_stop_ref, _ = per_prefix(params, records, trainable['log_z'])
  log_ref = jnp.where(mask, log_ref, 0.0)
  before = jnp.pad(jnp.cumsum(log_ref, axis=1), ((0, 0), (1, 0)))[:, :-1]
  reward = np.array([e['verdict']['status'] == types.PASS for e in records])
  # Before its last token a trajectory is a wrong answer, whatever it is then.
  whole = np.arange(LONGEST)[None] == length - 1
  right = whole & reward[:, None]
  behaviour = np.zeros(mask.shape)
  for i, e in enumerate(records):
    name = 'log_prob_behaviour' if e['temperature'] else 'log_prob'
    behaviour[i, : length[i, 0]] = e[name]
  x = objectives.Trajectories(
      log_pf=log_pf,
      mask=mask,
      group=np.array(['pqr'.index(e['problem']) for e in records]),
      log_reward=log_ref.sum(axis=1) / T + beta * (reward - 1.0),
      log_z=head[:, 0],
      log_flow=before / T + head,
      log_stop=log_stop,
      log_prefix_reward=(before + log_stop_ref) / T + beta * (right - 1.0),
      stoppable=mask,
      task_reward=jnp.asarray(beta * (right - 1.0)),
      unrewarded=~right,
      reward=jnp.asarray(reward),
      log_behaviour=jnp.asarray(behaviour),
  )
  loss = objectives.OBJECTIVES[options.objective](x, 3)
  scale = 1.0 if options.objective in ('ce', 'grpo') else beta**2
  return (weight / weight.sum() * loss).sum() / scale


@pytest.mark.parametrize('objective', LEARNING)
def test_packed_is_unpacked(params, trainable, objective):
  options = dataclasses.replace(OPTIONS, objective=objective)
  (loss, _), gradient = packed_gradient(params, trainable, options, RECORDS)
  expected, expected_gradient = jax.jit(jax.value_and_grad(functools.partial(
      unpacked_loss, params=params, options=options, records=RECORDS
  )))(trainable)
  assert abs(float(expected)) > 1e-3
  assert float(loss) == pytest.approx(float(expected), rel=1e-4)
  chex.assert_trees_all_close(gradient, expected_gradient, rtol=1e-3, atol=1e-6)
  moved = lambda tree: max(
      float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(tree)
  )
  assert moved(gradient['lora']) > 1e-4
  learns_head = objective in ('tb', 'subtb', 'raptb')
  assert (moved(gradient['log_z']) > 1e-4) == learns_head


@pytest.mark.parametrize('objective', LEARNING)
def test_all_wrong_dreams_give_finite_gradients(params, trainable, objective):
  options = dataclasses.replace(OPTIONS, objective=objective, beta=30.0)
  wrong = [{**e, 'verdict': {'status': types.FAIL}} for e in RECORDS]
  if objective in ('ce', 'grpo'):  # Nothing to prefer, no update.
    assert not steps(params, wrong, options)
    return
  (loss, terms), gradient = packed_gradient(params, trainable, options, wrong)
  chex.assert_tree_all_finite((loss, terms, gradient))
  assert float(loss) > 0.0
  assert float(terms['mixed_groups']) == 0.0


def test_nothing_is_compiled_after_the_first_step(params, caplog):
  # RapTB has the most arrays.
  options = dataclasses.replace(
      OPTIONS, objective='raptb', tokens_per_step=32, accumulate=2
  )
  trainer = rem.make_trainer(
      CONFIG, options, rem_test.MESH, sharding.DEFAULT_RULES, STOPS
  )
  state = trainer.init(
      rem.init_trainable(params, CONFIG, options, jax.random.key(0))
  )
  [first] = steps(params, RECORDS, options)
  with jax.log_compiles(), caplog.at_level(logging.WARNING):
    [blank_last] = steps(params, RECORDS[:3], options)
    used = [
        (step.packed.group > 0).any(axis=(1, 2)).tolist()
        for step in (first, blank_last)
    ]
    assert used == [[True, True], [True, False]]
    state, _ = trainer.step(state, params, first)
    assert 'Compiling' in caplog.text  # What follows would be seen.
    caplog.clear()
    trainer.step(state, params, blank_last)
    assert 'Compiling' not in caplog.text


def test_raptb_asks_for_the_stop_table():
  options = dataclasses.replace(OPTIONS, objective='raptb')
  with pytest.raises(ValueError, match='needs the stop_table'):
    dreamer.make_loss(CONFIG, options)
