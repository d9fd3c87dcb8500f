"""REM: what is dreamt of, what the dreamer learns, and how it continues."""

import dataclasses
import types as types_lib

import jax
from jax import numpy as jnp
import numpy as np
import pytest

from swm_jax import rem
from swm_jax import sharding
from swm_jax import snapshots
from swm_jax import types
from swm_jax.data import batching
from swm_jax.data import trajectory_log
from swm_jax.losses import reductions
from swm_jax.models import flow
from swm_jax.models import lora
from swm_jax.models import transformer
from swm_jax.rem import layout
from swm_jax import training
from swm_jax.samplers import langevin
from tests.nightly import scripted

OPTIONS = rem.Options(
    rounds=2, prompts=2, temperatures=((1.0, 3),), perturbed=(),
    perturbation=langevin.Perturbation(layer=1, step_size=0.0, noise=0.0),
    max_pass_rate=0.6, replay=2, objective='vargrad', reward_temperature=1.0,
    beta=10.0, rank=4, alpha=8.0, learning_rate=1e-2, log_z_learning_rate=3e-2,
    warmup=1, clip=1.0, tokens_per_step=128, accumulate=1, max_length=64,
)
CONFIG = transformer.TransformerConfig(
    vocab_size=16, num_layers=2, width=32, mlp_width=48, num_heads=4,
    num_kv_heads=2, head_dim=8,
)
MESH = sharding.make_mesh({}, jax.devices()[:1])


def init_params(config):
  """Draws weights without compiling the initialiser."""
  shapes = jax.eval_shape(
      lambda key: transformer.init_params(config, key), jax.random.key(0)
  )
  rng = np.random.default_rng(0)

  def draw(leaf):
    is_norm = leaf.ndim == 1
    value = np.ones(leaf.shape) if is_norm else rng.normal(0, 0.2, leaf.shape)
    return jnp.asarray(value, jnp.float32)

  return jax.tree.map(draw, shapes)


@pytest.fixture(scope='module')
def params():
  return init_params(CONFIG)


def entry(problem, prompt, tokens, status):
  return {
      'problem': problem,
      'prompt_tokens': np.array(prompt, np.int32),
      'tokens': np.array(tokens, np.int32),
      'verdict': {'status': status},
      'origin': 'sample',
      'temperature': 1.0,
  }


# --- Choice of prompts ---


def choose(counts, seed=0, **options):
  problems = [scripted.problem(name) for name in sorted(counts)]
  counts = {f't/{name}': value for name, value in counts.items()}
  chosen = rem.choose_prompts(
      problems, counts, dataclasses.replace(OPTIONS, **options),
      np.random.default_rng(seed),
  )
  return [problem.template for problem in chosen]


def test_rarely_solved_problems_are_chosen_in_proportion():
  # Weights 1 - (c + 1) / (n + 2): 5/6 for 0 of 4 and 3/6 for 2 of 4.
  counts = {'never': (0, 4), 'half': (2, 4)}
  draws = [choose(counts, seed, prompts=1) for seed in range(2000)]
  share = np.mean([draw == ['never'] for draw in draws])
  # Standard error of a share of 5/8 in 2,000 draws: 0.011.
  assert share == pytest.approx(5 / 8, abs=0.04)


def test_often_solved_problems_are_not_dreamt_of():
  counts = {'always': (4, 4), 'mostly': (3, 4), 'half': (2, 4)}
  assert choose(counts, prompts=3) == ['half']
  assert choose({'always': (4, 4)}) == []


def test_choice_is_without_replacement_and_depends_on_the_seed_alone():
  counts = {name: (0, 0) for name in 'abcdefgh'}
  assert sorted(choose(counts, prompts=8)) == list('abcdefgh')
  assert choose(counts, 1, prompts=4) == choose(counts, 1, prompts=4)
  assert len({tuple(choose(counts, s, prompts=4)) for s in range(8)}) > 1


# --- The step ---


def every_string(wins):
  """All 16 one-token answers to two prompts; `wins` of them are verified."""
  return [
      entry(f'p{p}', [3 + p, 5, 7], [token],
            types.PASS if token in wins[p] else types.FAIL)
      for p in range(2) for token in range(16)
  ]


WINS = ({1, 2, 3}, {9})


def lay_out(params, records, options=OPTIONS, store=None):
  counts = {entry['problem']: (0, 0) for entry in records}
  groups = layout.make_groups(records, store or {}, counts, options)
  packed, waiting = layout.pack(
      groups, options, devices=1, seed=0, last=True
  )
  assert not waiting
  return layout.make_steps(
      packed, groups, params, CONFIG, options, longest=4,
  )


def train(params, batch, steps, options):
  trainer = rem.make_trainer(CONFIG, options, MESH, sharding.DEFAULT_RULES)
  state = trainer.init(
      rem.init_trainable(params, CONFIG, options, jax.random.key(1))
  )
  metrics = []
  for _ in range(steps):
    state, values = trainer.step(state, params, batch)
    metrics.append(rem.mean_metrics([values]))
  return state.params, metrics


def distribution(params, trainable, batch, options):
  """P_F of every one-token answer, by prompt, and log p_ref."""
  packed = jax.tree.map(lambda leaf: leaf[0], batch.packed)
  tuned = lora.merge(params, trainable['lora'], options.alpha)
  out = []
  for weights in (tuned, params):
    log_prob, _ = training.score_batch(weights, packed, CONFIG)
    summed = reductions.sum_by_trajectory(
        log_prob, packed.target_mask, packed.trajectory,
        packed.trajectory_id.shape[-1],
    )
    values = np.zeros(32)
    filled = packed.trajectory_id >= 0
    values[packed.trajectory_id[filled]] = np.asarray(summed)[filled]
    out.append(values.reshape(2, 16))
  return np.exp(out[0]), out[1]


@pytest.mark.parametrize('objective', ['vargrad', 'tb'])
def test_dreamer_learns_the_known_target(params, objective):
  options = dataclasses.replace(OPTIONS, beta=3.0, objective=objective)
  [batch] = lay_out(params, every_string(WINS), options)
  trainable, metrics = train(params, batch, 250, options)
  first = metrics[0]
  # Shares of 3/16 and 1/16 verified: p (1 - p), averaged over both prompts.
  variance = (3 / 16 * 13 / 16 + 1 / 16 * 15 / 16) / 2
  assert first['reward_variance'] == pytest.approx(variance, rel=1e-4)
  assert first['loss_ratio'] == pytest.approx(1.0, rel=1e-3)
  assert first['slope'] == pytest.approx(0.0, abs=1e-3)
  assert first['mixed_groups'] == 1.0
  if objective == 'vargrad':  # Divided by beta^2, it starts there.
    assert first['loss'] == pytest.approx(variance, rel=1e-3)
  p_f, log_p_ref = distribution(params, trainable, batch, options)
  reward = np.array([[t in WINS[p] for t in range(16)] for p in range(2)])
  weight = np.exp(log_p_ref + options.beta * (reward - 1.0))
  target = weight / weight.sum(axis=1, keepdims=True)
  before = np.abs(np.exp(log_p_ref) - target).sum(axis=1)
  after = np.abs(p_f - target).sum(axis=1)
  assert (after < 0.2 * before).all(), (before, after)
  assert metrics[-1]['loss_ratio'] < 0.05
  assert metrics[-1]['slope'] == pytest.approx(options.beta, rel=0.2)
  assert metrics[5]['slope'] > metrics[0]['slope']
  if objective == 'tb':
    # The head has found what VarGrad estimates, log R - log P_F on average,
    # and with it log Z(x), known here, as well as P_F has found p*.
    packed = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), batch.packed)
    tuned = lora.merge(params, trainable['lora'], options.alpha)
    latent = training.score(tuned, packed, CONFIG).prompt_hidden
    log_z = flow.LogZHead().apply({'params': trainable['log_z']}, latent)
    for p in range(2):
      place = np.argwhere(packed.trajectory_id == 16 * p)[0]
      found = float(log_z[tuple(place)])
      estimate = (np.log(weight[p]) - np.log(p_f[p])).mean()
      assert found == pytest.approx(estimate, abs=0.15)
      assert found == pytest.approx(np.log(weight[p].sum()), abs=0.3)


def test_metrics_do_not_depend_on_how_an_update_is_cut(params):
  # One prompt has both verdicts and is a micro-batch of its own.
  records = every_string(({1, 2, 3}, set()))
  found = []
  for tokens, accumulate in ((128, 1), (64, 2)):
    options = dataclasses.replace(
        OPTIONS, tokens_per_step=tokens, accumulate=accumulate
    )
    [batch] = lay_out(params, records, options)
    assert batch.reward.shape[0] == accumulate
    _, [first] = train(params, batch, 1, options)
    found.append(first)
  assert found[0]['loss_ratio'] == pytest.approx(1.0, rel=1e-3)
  assert found[0] == pytest.approx(found[1], rel=1e-3, abs=1e-4)


def test_verifier_failures_reach_no_loss(params):
  records = every_string(WINS)
  failed = [
      entry('p0', [3, 5, 7], [1, 2], types.ERROR),
      entry('p9', [3, 9, 7], [4], types.ERROR),
  ]
  clean, masked = lay_out(params, records), lay_out(params, failed + records)
  assert len(clean) == len(masked) == 1
  for a, b in zip(jax.tree.leaves(clean), jax.tree.leaves(masked)):
    np.testing.assert_array_equal(a, b)


def test_replayed_answers_join_their_prompt_once(params):
  dreams = [
      entry('p0', [3, 5, 7], [1, 2], types.PASS),
      entry('p0', [3, 5, 7], [4], types.FAIL),
  ]
  old = [entry('p0', [3, 5, 7], [n], types.PASS) for n in (6, 8, 10)]
  store = {'p0': [*old, dreams[0]], 'p1': old}
  [batch] = lay_out(params, dreams, store=store)
  # Newest first: the dream itself, which is there already, then [10].
  ids = batch.packed.trajectory_id
  assert (ids >= 0).sum() == 3
  assert batch.reward.sum() == 2.0
  target = batch.packed.target[batch.packed.target_mask]
  assert sorted(target.tolist()) == [1, 2, 4, 10]
  assert batch.weight.sum() == pytest.approx(1.0)


def test_unknown_objective_is_named():
  with pytest.raises(ValueError, match="objective='best' is unknown"):
    dataclasses.replace(OPTIONS, objective='best')


# --- A night's dreams ---

PROBLEMS = [scripted.problem(name) for name in ('one', 'two', 'three')]
BYTES = dataclasses.replace(
    CONFIG, vocab_size=258, num_layers=1, max_length=64
)


@pytest.fixture(scope='module')
def byte_params():
  return init_params(BYTES)


WAKE_LOG = [
    entry(problem.id, scripted.TOKENIZER.encode(problem.prompt), [n], status)
    for problem in PROBLEMS
    for n, status in ((2, types.FAIL), (3, types.FAIL))
]


def dream(
    params, folder, *, restore=None, verifier=None, wake_log=WAKE_LOG, **options
):
  """Runs REM; returns the dreamer, states after each round, and metrics."""
  saved, metrics = {}, {}
  restored = None if restore is None else (
      jax.tree.map(jnp.asarray, restore[0]), restore[1]
  )
  trained = rem.run(
      params,
      PROBLEMS,
      wake_log,
      config=BYTES,
      decoder=scripted.Decoder(),
      tokenizer=scripted.TOKENIZER,
      verifiers=verifier or scripted.Verifier(),
      log=trajectory_log.TrajectoryLog(folder, vocab_size=258),
      read_wave=lambda wave: trajectory_log.read_wave(folder, wave),
      options=dataclasses.replace(
          OPTIONS, max_pass_rate=1.0, tokens_per_step=64, **options
      ),
      mesh=MESH,
      rules=sharding.DEFAULT_RULES,
      key=jax.random.key(2),
      seed=0,
      night=0,
      digest=snapshots.digest,
      restore=lambda abstract: restored,
      save=lambda state, done: saved.update(
          {done: jax.tree.map(np.array, state)}
      ),
      on_round=lambda index, records, values: metrics.update(
          {index: (values, [float(r['temperature']) for r in records])}
      ),
  )
  return trained, saved, metrics


def test_rem_continues_bit_for_bit_from_every_round(byte_params, tmp_path):
  before = snapshots.digest(byte_params)
  trained, saved, metrics = dream(byte_params, tmp_path / 'whole')
  assert snapshots.digest(byte_params) == before
  assert snapshots.digest(trained) != snapshots.digest(saved[1].params)
  # Beta is 10 here: the loss starts at the variance whatever it is.
  first, _ = metrics[0]
  # A row holds one of two problems of 28 + 3 x 4 tokens or so; the other waits.
  assert 0.3 < first['padding'] < 0.5
  assert first['loss'] == pytest.approx(first['reward_variance'], rel=1e-3)
  assert first['loss_ratio'] == pytest.approx(1.0, rel=1e-3)
  digest = trajectory_log.content_digest(tmp_path / 'whole')
  assert len({
      r['weights_digest'] for r in trajectory_log.read(tmp_path / 'whole')
  }) == 2  # The second round is dreamt by another dreamer than the first.

  # Cut before the second round, and cut after its dreams were logged.
  (tmp_path / 'cut').mkdir()
  for name in ('features.json', 'trajectory_log-train.array_record-00000'):
    (tmp_path / 'cut' / name).write_bytes((tmp_path / 'whole' / name).read_bytes())
  for folder in ('cut', 'whole'):
    again, _, continued = dream(
        byte_params, tmp_path / folder, restore=(saved[1], 1)
    )
    assert snapshots.digest(again) == snapshots.digest(trained)
    assert trajectory_log.content_digest(tmp_path / folder) == digest
    assert continued[1] == metrics[1]


def test_dreamer_rehearses_what_wake_solved_before_its_first_dream(
    byte_params, tmp_path
):
  solved = PROBLEMS[0]
  prompt = scripted.TOKENIZER.encode(solved.prompt)
  wake_log = [*WAKE_LOG, entry(solved.id, prompt, [5, 6], types.PASS)]
  trained, saved, metrics = dream(
      byte_params, tmp_path / 'whole', wake_log=wake_log, rehearsal=8
  )
  assert list(saved) == [0, 1, 2]
  lift = lambda state, tokens: float(training.score_batch(  # noqa: E731
      lora.merge(byte_params, state.params['lora'], OPTIONS.alpha),
      batching.pack(
          [batching.Example(prompt, [tokens], [0])],
          rows=1, length=64, targets=8, slots=1,
      )[0], BYTES,
  )[0].sum())
  untaught = rem.init_trainable(
      byte_params, BYTES, OPTIONS, jax.random.key(7)
  )
  before = types_lib.SimpleNamespace(params=untaught)
  assert lift(saved[0], [5, 6]) - lift(before, [5, 6]) > 1.0
  # A dreamer that has rehearsed goes on and does not rehearse again.
  again, _, continued = dream(
      byte_params, tmp_path / 'again', restore=(saved[0], 0),
      wake_log=wake_log, rehearsal=8,
  )
  assert snapshots.digest(again) == snapshots.digest(trained)
  assert continued == metrics


def test_dreamer_without_objective_stays_the_base(byte_params, tmp_path):
  trained, _, metrics = dream(byte_params, tmp_path, objective='none')
  merged = lora.merge(byte_params, trained['lora'], OPTIONS.alpha)
  assert snapshots.digest(merged) == snapshots.digest(byte_params)
  assert [values for values, _ in metrics.values()] == [{}, {}]


@pytest.mark.parametrize('tokens, rounds', [(30, 1), (31, 2), (0, 4)])
def test_rem_stops_when_it_has_its_tokens(
    byte_params, tmp_path, tokens, rounds
):
  # A round decodes 2 problems x 3 samples x 5 tokens.
  _, saved, _ = dream(
      byte_params, tmp_path, objective='none', rounds=4, max_tokens=tokens
  )
  assert list(saved) == list(range(1, rounds + 1))


def test_round_of_verifier_failures_teaches_nothing(byte_params, tmp_path):
  trained, _, _ = dream(
      byte_params, tmp_path, rounds=1,
      verifier=scripted.Verifier(error_on=[p.id for p in PROBLEMS]),
  )
  merged = lora.merge(byte_params, trained['lora'], OPTIONS.alpha)
  assert snapshots.digest(merged) == snapshots.digest(byte_params)
