"""Difficulty from log Z, and the choice of prompts by it."""

import dataclasses

import numpy as np
import pytest

from swm_jax import types
from swm_jax.rem import curriculum
from swm_jax.rem import difficulty
from swm_jax.rem import options as options_lib
from swm_jax.samplers import langevin

BETA = 3.0
OPTIONS = options_lib.Options(
    rounds=1, prompts=2, temperatures=((1.0, 4),), perturbed=(),
    perturbation=langevin.Perturbation(layer=1, step_size=0.0, noise=0.0),
    max_pass_rate=0.9, replay=2, objective='vargrad', reward_temperature=1.0,
    beta=BETA, rank=4, alpha=8.0, learning_rate=1e-2, log_z_learning_rate=3e-2,
    warmup=1, clip=1.0, tokens_per_step=128, accumulate=1, max_length=64,
    curriculum='log_z',
)


# --- log Z and rates ---


def test_log_z_of_an_enumerated_target_gives_the_pass_rate():
  # Four strings; the second and the fourth are right: p = 0.2 + 0.1.
  p_ref, reward = np.array([0.6, 0.2, 0.1, 0.1]), np.array([0, 1, 0, 1])
  log_z = np.log((p_ref * np.exp(BETA * (reward - 1.0))).sum())
  assert difficulty.rate_at(log_z, BETA) == pytest.approx(0.3)
  assert difficulty.log_z_at(0.3, BETA) == pytest.approx(log_z)
  # A policy that draws all strings alike gives it too, by their weights.
  found = difficulty.log_mean_exp(
      np.log(p_ref), np.full(4, np.log(0.25)), reward, BETA
  )
  assert found == pytest.approx(log_z)


def test_samples_of_the_reference_are_only_counted():
  # 1 of 4 right: both readings of both estimates are the share of right ones.
  reward = np.array([1, 0, 0, 0])
  log_p = np.array([-3.0, -1.0, -2.0, -9.0])
  found = difficulty.log_mean_exp(log_p, log_p, reward, 10.0)
  assert difficulty.rate_at(found, 10.0) == pytest.approx(0.25)
  assert difficulty.mean_rate(
      (10.0 * (reward - 1.0)).mean(), 10.0
  ) == pytest.approx(0.25)
  # Read the wrong way a converged log Z makes every problem easy.
  assert difficulty.mean_rate(found, 10.0) > 0.8


@pytest.mark.parametrize('beta', [0.1, 10.0, 30.0])
def test_rates_and_log_z_are_inverse(beta):
  rates = np.array([0.0, 1e-3, 0.5, 1.0])
  np.testing.assert_allclose(
      difficulty.rate_at(difficulty.log_z_at(rates, beta), beta), rates,
      atol=1e-9,
  )
  # An estimate outside of what log Z can be is the nearest rate.
  assert difficulty.rate_at(-2 * beta, beta) == 0.0
  assert difficulty.rate_at(1.0, beta) == 1.0


def test_counts_move_what_was_expected():
  assert difficulty.posterior_rate(3, 4) == pytest.approx(4 / 6)
  assert difficulty.posterior_rate(0, 0, 0.2) == pytest.approx(0.2)
  assert difficulty.posterior_rate(3, 4, 0.2) == pytest.approx(3.4 / 6)


# --- The head ---


def test_head_recovers_a_linear_rule_on_groups_it_has_not_seen():
  rng = np.random.default_rng(0)
  latent = rng.normal(size=(60, 8))
  target = latent @ rng.normal(size=8) + 2.0
  group = [f'g{i // 3}' for i in range(60)]
  head = difficulty.fit(latent[:45], target[:45], group[:45])
  np.testing.assert_allclose(head(latent[45:]), target[45:], atol=0.02)


def test_head_guesses_the_mean_where_latents_say_nothing():
  rng = np.random.default_rng(1)
  latent, target = rng.normal(size=(60, 200)), rng.normal(size=60)
  # The same latent thrice: inside a group each answer would be known.
  latent = np.repeat(latent[:20], 3, axis=0)
  target = np.repeat(target[:20], 3)
  head = difficulty.fit(latent, target, [f'g{i // 3}' for i in range(60)])
  guess = head(rng.normal(size=(50, 200)))
  assert np.abs(guess - target.mean()).max() < 0.3 * target.std()


def test_folds_keep_groups_whole():
  masks = difficulty.folds(['a', 'b', 'a', 'c', 'b'], 2)
  assert [mask.tolist() for mask in masks] == [
      [True, False, True, True, False], [False, True, False, False, True],
  ]
  with pytest.raises(ValueError, match='1 templates cannot be cut into 2'):
    difficulty.folds(['a', 'a'], 2)


# --- Choice ---


def choose(counts, seed=0, log_z=None, **options):
  problems = [
      types.Problem(id=name, type='t', template=name, prompt='')
      for name in sorted(counts)
  ]
  chosen = curriculum.choose_prompts(
      problems, counts, dataclasses.replace(OPTIONS, **options),
      np.random.default_rng(seed), log_z,
  )
  return [problem.id for problem in chosen]


def test_problems_nearest_to_the_target_come_first():
  # Posterior means 1/10, 3/10, 5/10, 8/10 of eight samples each.
  counts = {'never': (0, 8), 'seldom': (2, 8), 'half': (4, 8), 'often': (7, 8)}
  assert choose(counts) == ['half', 'seldom']
  assert choose(counts, target_rate=0.8) == ['often', 'half']
  allowed = choose(counts, target_rate=0.8, max_pass_rate=0.6)
  assert allowed == ['half', 'seldom']
  assert choose({'often': (7, 8)}, max_pass_rate=0.6) == []


def test_log_z_tells_untried_problems_apart():
  counts = {name: (0, 0) for name in 'abc'}
  log_z = {
      name: float(difficulty.log_z_at(rate, BETA))
      for name, rate in zip('abc', (0.02, 0.45, 0.98))
  }
  assert choose(counts, log_z=log_z, prompts=1) == ['b']
  assert choose(counts, log_z=log_z, prompts=1, target_rate=0.9) == ['c']
  rates = curriculum.expected({**counts, 'd': (1, 2)}, BETA, log_z)
  assert rates == pytest.approx({'a': 0.02, 'b': 0.45, 'c': 0.98, 'd': 0.5})


def test_every_problem_comes_up_now_and_then():
  # Sixteen problems, candidates for one place: four. The near one is chosen
  # whenever it is among them, the far ones when it is not.
  counts = {f'p{i:02}': (0, 30) for i in range(15)} | {'near': (15, 30)}
  draws = [choose(counts, seed, prompts=1)[0] for seed in range(400)]
  # Standard error of a share of 1/4 in 400 draws: 0.022.
  assert np.mean([d == 'near' for d in draws]) == pytest.approx(0.25, abs=0.09)
  assert len(set(draws)) == 16
  assert choose(counts, 3) == choose(counts, 3)


def test_replay_goes_where_log_z_is_wrong():
  counts = {'right': (1, 2), 'wrong': (0, 4), 'untried': (0, 0), 'new': (1, 1)}
  log_z = {
      name: float(difficulty.log_z_at(0.5, BETA))
      for name in ('right', 'wrong', 'untried')
  }
  assert curriculum.errors(counts, BETA, log_z) == pytest.approx(
      {'right': 0.0, 'wrong': 0.5, 'untried': 0.0, 'new': 0.0}
  )


def test_options_are_checked():
  for name, value, message in (
      ('curriculum', 'hard', "curriculum='hard' is unknown"),
      ('target_rate', 1.0, 'target_rate=1.0 must lie between'),
      ('reward_temperature', 0.5, 'at reward_temperature=0.5; set it to 1'),
  ):
    with pytest.raises(ValueError, match=message):
      dataclasses.replace(OPTIONS, **{name: value})
