"""Consolidation: what is weighed how, and where it moves the model."""

import dataclasses

import jax
import numpy as np
import pytest

from swm_jax import consolidate
from swm_jax import sharding
from swm_jax import training
from swm_jax import types
from swm_jax.consolidate import importance
from swm_jax.data import batching
from swm_jax.losses import compose
from swm_jax.losses import retention
from swm_jax.models import transformer

CONFIG = transformer.TransformerConfig(
    vocab_size=64, num_layers=2, width=32, mlp_width=64, num_heads=4,
    num_kv_heads=2, head_dim=8,
)
OPTIONS = consolidate.Options(
    epochs=1, max_tokens=0, tokens_per_step=64, accumulate=1, max_length=64,
    learning_rate=3e-3, warmup=0, clip=1.0, temperature=0.0, positives=4,
    negatives=2, rare_first=False, min_weight=0.1, energy='nll',
    weights=compose.LossWeights(ce=1.0), contrast_form='softplus',
    contrast_beta=2.0, contrast_margin=0.0, contrast_l2=0.0, anchor_form='kl',
    anchor_share=0.3,
)
PROMPT = [1, 2, 3]


def memory(tokens, sign, problem='p', **fields):
  # Drawn by a policy under which it was all but impossible: importance 1.
  fields = {'log_mu': -100.0, **fields}
  return consolidate.Memory(problem, PROMPT, tokens, sign, **fields)


def anchor(params, tokens):
  example = batching.Example(PROMPT, [tokens], [0])
  [packed] = batching.pack([example], rows=1, length=16, targets=8, slots=1)
  _, top_k = training.score_batch(params, packed, CONFIG, 8)
  cut = jax.tree.map(lambda x: np.asarray(x)[0, : len(tokens)], top_k)
  return memory(tokens, 0, problem='', top_k=cut)


@pytest.fixture(scope='module')
def params():
  return transformer.init_params(CONFIG, jax.random.key(0))


def train(params, memories, anchors, options, epochs=12):
  options = dataclasses.replace(options, epochs=epochs)
  steps = consolidate.plan(memories, anchors, options, seed=0)
  mesh = sharding.make_mesh({}, jax.devices()[:1])
  metrics = []
  tuned = consolidate.run(
      params, CONFIG, steps, options, mesh=mesh, rules=sharding.DEFAULT_RULES,
      param_shardings=sharding.shardings(
          mesh, transformer.logical_axes(CONFIG)
      ),
      seed=0, restore=lambda _: None, save=lambda _: None,
      should_save=lambda _: False,
      on_step=lambda step, values: metrics.append(jax.device_get(values)),
      anchors=anchors,
  )
  return tuned, metrics


def packed_row(tokens):
  [packed] = batching.pack(
      [batching.Example(PROMPT, [tokens], [0])],
      rows=1, length=16, targets=8, slots=1,
  )
  return packed


def log_prob(params, tokens):
  packed = packed_row(tokens)
  return float(training.score_batch(params, packed, CONFIG)[0].sum())


def test_weights_of_a_step_sum_to_one():
  memories = [
      memory([5, 6], +1), memory([5, 7, 8], -1),
      memory([9, 9, 9, 9], +1, problem='q'),
  ]
  [batch] = consolidate.plan(memories, [], OPTIONS, seed=0)
  assert batch.ce_weight.sum() == pytest.approx(1.0)
  # Six tokens of x+ count alike; x- has no weight in the cross-entropy.
  assert np.unique(batch.ce_weight[batch.ce_weight > 0]) == pytest.approx(1 / 6)
  assert (batch.ce_weight > 0).sum() == 6
  assert batch.anchor_weight.sum() == 0


def test_rarely_solved_problems_weigh_more():
  memories = [
      memory([5, 6], +1, problem='easy', pass_rate=0.75),
      memory([7, 8], +1, problem='hard', pass_rate=0.25),
  ]
  options = dataclasses.replace(OPTIONS, rare_first=True)
  [batch] = consolidate.plan(memories, [], options, seed=0)
  weights = sorted(set(np.round(batch.ce_weight[batch.ce_weight > 0], 6)))
  assert weights == pytest.approx([0.125, 0.375])  # 0.25 and 0.75 over 2.


def test_only_tokens_after_the_first_divergence_are_contrasted():
  memories = [memory([5, 6, 7], +1), memory([5, 6, 8, 9], -1)]
  [batch] = consolidate.plan(memories, [], OPTIONS, seed=0)
  packed = jax.tree.map(lambda x: x[0], batch.packed)
  contrasted = packed.target[batch.contrast_mask[0]]
  assert sorted(contrasted.tolist()) == [7, 8, 9]
  # One prompt has a pair, so its contrast has the whole weight.
  assert batch.contrast_weight.max() == 1.0


def test_a_token_counts_the_same_in_whatever_step_it_is():
  memories = [memory([5 + i, 6], +1, problem=str(i)) for i in range(40)]
  steps = consolidate.plan(memories, [], OPTIONS, seed=0)
  weights = np.concatenate([step.ce_weight.ravel() for step in steps])
  assert len(steps) > 1
  # 80 tokens of x+ in all: each weighs the number of steps over 80.
  assert np.unique(weights[weights > 0]) == pytest.approx(len(steps) / 80)


def test_plan_has_one_shape_and_depends_on_the_seed_alone():
  memories = [
      memory([5 + i, 6], +1, problem=str(i)) for i in range(40)
  ]
  first = consolidate.plan(memories, [], OPTIONS, seed=1)
  again = consolidate.plan(memories, [], OPTIONS, seed=1)
  other = consolidate.plan(memories, [], OPTIONS, seed=2)
  assert len({s.packed.tokens.shape for s in first}) == 1
  assert len(first) > 1
  same = lambda a, b: all(
      np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b))
  )
  assert all(same(a, b) for a, b in zip(first, again))
  assert not all(same(a, b) for a, b in zip(first, other))


def test_max_tokens_bounds_the_trained_tokens():
  memories = [memory([5 + i, 6], +1, problem=str(i)) for i in range(40)]
  options = dataclasses.replace(OPTIONS, epochs=50, max_tokens=300)
  steps = consolidate.plan(memories, [], options, seed=0)
  tokens = sum(int((step.packed.group > 0).sum()) for step in steps)
  assert 300 - OPTIONS.tokens_per_step <= tokens <= 300


def test_cross_entropy_raises_x_plus_and_leaves_params_alone(params):
  before = log_prob(params, [5, 6, 7])
  tuned, metrics = train(params, [memory([5, 6, 7], +1)], [], OPTIONS)
  assert log_prob(params, [5, 6, 7]) == before
  assert log_prob(tuned, [5, 6, 7]) > before + 1.0
  # The first loss is the mean NLL of the untouched model.
  assert metrics[0]['ce'] == pytest.approx(-before / 3, rel=1e-4)


@pytest.mark.parametrize('energy', consolidate.ENERGIES)
def test_contrast_lowers_the_energy_gap(params, energy):
  options = dataclasses.replace(
      OPTIONS, energy=energy, contrast_l2=0.01 if energy != 'nll' else 0.0,
      weights=compose.LossWeights(ce=0.0, cd=1.0),
  )
  memories = [memory([5, 6, 7], +1), memory([5, 9, 8, 4], -1)]
  _, metrics = train(params, memories, [], options)
  losses = [float(m['cd']) for m in metrics]
  assert losses[-1] < losses[0]
  assert np.isfinite(losses).all()


def test_negatives_that_the_model_no_longer_writes_are_left_alone(params):
  options = dataclasses.replace(
      OPTIONS, weights=compose.LossWeights(ce=0.0, cd=1.0)
  )
  memories = [memory([5, 6, 7], +1), memory([5, 9, 8, 4], -1, log_mu=0.0)]
  _, metrics = train(params, memories, [], options, epochs=1)
  # min(1, pi / mu) with mu = 1 is pi itself, about 64^-4.
  assert float(metrics[0]['cd']) < 1e-5


def test_anchors_hold_the_model_where_it_was(params):
  rng = np.random.default_rng(0)
  draws = [rng.integers(1, 64, 4).tolist() for _ in range(12)]
  anchors = [anchor(params, tokens) for tokens in draws]
  memories = [memory([5, 6, 7], +1)]
  drift = {}
  for alpha in (0.0, 10.0):
    options = dataclasses.replace(
        OPTIONS, anchor_share=0.9,
        weights=compose.LossWeights(ce=1.0, der=alpha),
    )
    tuned, metrics = train(params, memories, anchors, options)
    drift[alpha] = np.mean([
        abs(log_prob(tuned, t) - log_prob(params, t)) for t in draws
    ])
    if alpha:
      # At the first step the model is the one that wrote z_past.
      assert metrics[0]['der'] == pytest.approx(0.0, abs=1e-5)
  assert drift[10.0] < 0.7 * drift[0.0]


def test_second_draw_of_anchors_is_disjoint_from_the_first(params):
  rng = np.random.default_rng(0)
  anchors = [
      anchor(params, rng.integers(1, 64, 4).tolist()) for _ in range(12)
  ]
  options = dataclasses.replace(
      OPTIONS, weights=compose.LossWeights(ce=1.0, der=1.0, replay_ce=1.0)
  )
  memories = [memory([5, 6, 7, 8, 9, 10, 11], +1)]
  for step in consolidate.plan(memories, anchors, options, seed=0):
    assert not ((step.anchor_weight > 0) & (step.replay_weight > 0)).any()
    assert (step.replay_weight > 0).any() and (step.anchor_weight > 0).any()


def anchors_of(params, count=12):
  rng = np.random.default_rng(0)
  return [
      anchor(params, rng.integers(1, 64, 4).tolist()) for _ in range(count)
  ]


def test_penalties_hold_the_weights_near_the_start(params):
  memories = [memory([5 + i, 6], +1, problem=str(i)) for i in range(24)]
  anchors = anchors_of(params)
  moved = {}
  for name, weight in (('', 0.0), ('ewc', 1e4), ('l2_sp', 10.0)):
    options = dataclasses.replace(
        OPTIONS, accumulate=2, tokens_per_step=128,
        weights=compose.LossWeights(ce=1.0, **({name: weight} if name else {})),
    )
    tuned, metrics = train(params, memories, anchors, options, epochs=3)
    moved[name] = sum(
        float(((a - b) ** 2).sum())
        for a, b in zip(jax.tree.leaves(tuned), jax.tree.leaves(params))
    )
    if name:
      # Nothing is wrong where training starts.
      assert metrics[0][name] == 0.0
      assert metrics[-1][name] > 0.0
  # EWC leaves free what anchors do not touch.
  assert moved['ewc'] < 0.6 * moved['']
  assert moved['l2_sp'] < 0.3 * moved['']


def test_penalty_weighs_one_in_every_step():
  memories = [memory([5 + i, 6], +1, problem=str(i)) for i in range(40)]
  options = dataclasses.replace(OPTIONS, accumulate=3, tokens_per_step=96)
  for step in consolidate.plan(memories, [], options, seed=0):
    assert step.penalty_weight.sum() == pytest.approx(1.0)
    # Micro-batches that are not computed would take their share with them.
    empty = (step.packed.group == 0).all(axis=-1)
    assert (step.penalty_weight[empty] == 0.0).all()


def test_fisher_is_that_of_a_token(params):
  mesh = sharding.make_mesh({}, jax.devices()[:1])
  placement = sharding.shardings(mesh, transformer.logical_axes(CONFIG))
  measure = lambda anchors, mesh=mesh, placement=placement: (
      importance.fisher(
          params, CONFIG, anchors, mesh=mesh, rules=sharding.DEFAULT_RULES,
          param_shardings=placement, seed=0,
      )
  )
  one, other = anchors_of(params, 2)

  def log_prob(params, packed):
    return training.score(params, packed, CONFIG).log_prob.sum()

  grad_fn = jax.jit(jax.grad(log_prob))
  grads = [grad_fn(params, packed_row(a.tokens)) for a in (one, other)]
  # Two trajectories of four tokens.
  expected = jax.tree.map(lambda a, b: (a**2 + b**2) / 8, *grads)
  both = measure([one, other])
  for a, b in zip(jax.tree.leaves(both), jax.tree.leaves(expected)):
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-8)
  wide = sharding.make_mesh({'data': 2}, jax.devices()[:2])
  shared = measure(
      [one, other], wide,
      sharding.shardings(wide, transformer.logical_axes(CONFIG)),
  )
  for a, b in zip(jax.tree.leaves(both), jax.tree.leaves(shared)):
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-8)
  with pytest.raises(ValueError, match='weights.ewc needs anchors'):
    measure([])


def test_agem_does_not_raise_the_loss_on_anchors(params):
  # New data wants other tokens where the anchors have learned theirs.
  old, new = [5, 6, 7], [8, 9, 4]
  learned, _ = train(params, [memory(old, +1)], [], OPTIONS)
  anchors = [anchor(learned, old)] * 4
  after = {}
  for agem in (False, True):
    options = dataclasses.replace(OPTIONS, agem=agem, anchor_share=0.5)
    tuned, _ = train(learned, [memory(new, +1)], anchors, options, epochs=4)
    after[agem] = log_prob(tuned, old) - log_prob(learned, old)
  assert after[False] < -0.5
  # Adam rescales what was projected; with plain descent see training_test.
  assert after[True] > 0.7 * after[False]


def test_agem_beside_der_is_refused():
  with pytest.raises(ValueError, match='agem=True replays'):
    dataclasses.replace(
        OPTIONS, agem=True, weights=compose.LossWeights(der=1.0)
    )


def test_every_method_replays_as_many_anchor_tokens(params):
  anchors = anchors_of(params, 40)
  memories = [memory([5 + i, 6, 7, 8], +1, problem=str(i)) for i in range(10)]
  replayed = {}
  for name, terms in retention.METHODS.items():
    agem = terms == ('agem',)
    options = dataclasses.replace(
        OPTIONS, agem=agem, anchor_share=0.5, weights=compose.LossWeights(
            **{term: 1.0 for term in terms if term != 'agem'}
        ),
    )
    steps = consolidate.plan(memories, anchors, options, seed=0)
    replayed[name] = [
        sum(int((getattr(step, field) > 0).sum()) for step in steps)
        for field in ('anchor_weight', 'replay_weight')
    ]
  assert replayed == {
      'none': [0, 0], 'er': [0, 40], 'der': [40, 0], 'derpp': [20, 20],
      'ewc': [0, 0], 'l2sp': [0, 0], 'agem': [0, 40],
  }


def test_continued_training_is_bit_equal(params):
  memories = [memory([5 + i, 6], +1, problem=str(i)) for i in range(40)]
  steps = consolidate.plan(memories, [], OPTIONS, seed=0)
  mesh = sharding.make_mesh({}, jax.devices()[:1])
  arguments = {
      'mesh': mesh, 'rules': sharding.DEFAULT_RULES, 'seed': 0,
      'param_shardings': sharding.shardings(
          mesh, transformer.logical_axes(CONFIG)
      ),
      'on_step': lambda step, values: None,
  }
  saved = []
  whole = consolidate.run(
      params, CONFIG, steps, OPTIONS, restore=lambda _: None,
      save=lambda state: saved.append(jax.tree.map(np.array, state)),
      should_save=lambda done: done == 1, **arguments,
  )
  rest = consolidate.run(
      params, CONFIG, steps, OPTIONS,
      restore=lambda _: jax.tree.map(jax.numpy.asarray, saved[0]),
      save=lambda _: None, should_save=lambda _: False, **arguments,
  )
  assert len(saved) == 1 and int(saved[0].step) == 1
  for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(rest)):
    np.testing.assert_array_equal(a, b)


def test_nothing_verified_is_one_clear_error():
  with pytest.raises(ValueError, match='no verified trajectory'):
    consolidate.plan([memory([5], -1)], [], OPTIONS, seed=0)


def test_unknown_energy_is_named():
  with pytest.raises(ValueError, match="energy='nlll' is unknown"):
    dataclasses.replace(OPTIONS, energy='nlll')


@pytest.mark.parametrize('problems', [40, 120])
@pytest.mark.parametrize('longest_prompt', [60, 150])
def test_padding_is_below_ten_percent_in_the_steps_of_a_night(
    problems, longest_prompt
):
  # Lengths as a night draws them; the shape, epochs and anchors of its config.
  rng = np.random.default_rng(problems)
  tokens = lambda low, high: [1] * int(rng.integers(low, high))
  memories, anchors = [], []
  for i in range(problems):
    prompt = tokens(longest_prompt // 3, longest_prompt + 1)
    for j in range(rng.integers(1, 7)):
      memories.append(
          consolidate.Memory(str(i), prompt, tokens(5, 49), 1 if j < 4 else -1)
      )
    completion = tokens(5, 49)
    top_k = types.TopKLogits(
        np.zeros((len(completion), 1), np.float32),
        np.zeros((len(completion), 1), np.int32),
        np.zeros(len(completion), np.float32),
    )
    anchors.append(consolidate.Memory('', prompt, completion, 0, top_k=top_k))
  options = dataclasses.replace(
      OPTIONS, epochs=2, tokens_per_step=1024, max_length=384,
      anchor_share=0.15, weights=compose.LossWeights(ce=1.0, der=1.0),
  )
  steps = consolidate.plan(memories, anchors, options, seed=0)
  group = np.stack([step.packed.group for step in steps])
  assert (group == 0).mean() < 0.1
  # No fewer tokens in a step for it than three quarters of what was asked for.
  assert steps[0].packed.group.size > 0.75 * 1024 - 64
