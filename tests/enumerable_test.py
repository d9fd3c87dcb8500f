"""Tests of the experiment on enumerable targets: what it reaches and prints."""

import contextlib
import io
import json
import os
import re

from absl import flags as absl_flags
from absl.testing import absltest
from absl.testing import flagsaver
from absl.testing import parameterized
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import enumerable as experiment
from experiments import enumerable_training as training
from swm_jax.losses import objectives
from swm_jax.models import prefix_policy
from swm_jax.tasks import enumerable

TREE = enumerable.depth_two_tree()


def _random_target(alphabet, max_length, seed=0):
  """Two prompts with a reward of its own for each string, some of them 0."""
  rng = np.random.default_rng(seed)

  def prompt(scale):
    return lambda text: scale * np.exp(rng.normal()) * (rng.random() < 0.5)

  return enumerable.make_target(
      alphabet, max_length, {'low': prompt(1.0), 'high': prompt(1e4)}
  )


def _main(**flags):
  """Runs the command in this process; returns its code, output and errors."""
  out, err = io.StringIO(), io.StringIO()
  code = 0
  with flagsaver.flagsaver(**flags):
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
      try:
        experiment.main(['enumerable'])
      except SystemExit as stop:
        code = stop.code
  return code, out.getvalue(), err.getvalue()


class PolicyTest(parameterized.TestCase):

  @parameterized.parameters(('ab', 5), ('abc', 1), ('a', 4), ('abcdefgh', 4))
  def test_gives_every_prefix_what_its_symbols_and_words_say(self, a, n):
    module = prefix_policy.PrefixEmbedding(len(a), n, width=3)
    params = module.init(jax.random.key(0)).get('params', {})
    rows = module.apply({'params': params} if params else {})
    target = enumerable.make_target(a, n, {'x': len})
    self.assertLen(rows, target.num_internal)
    size = prefix_policy.word_length(len(a), n - 1)
    for index in range(0, target.num_internal, 5):
      text = ('', *target.strings)[index]
      expected = np.zeros(3)
      for at, symbol in enumerate(text):
        expected += params[f'symbol_{at}'][a.index(symbol)]
      for start in range(0, len(text), size):
        word = text[start : start + size]
        number = 0
        for symbol in word:
          number = number * len(a) + a.index(symbol)
        expected += params[f'word_{start}_{len(word)}'][number]
      np.testing.assert_allclose(rows[index], expected, atol=1e-5)

  def test_uniform_at_the_start_and_moved_by_noise_on_latents(self):
    network = prefix_policy.PrefixPolicy(2, 2, 3, width=8)
    params = network.init(jax.random.key(0))
    outputs = network.apply(params)
    zeros = jax.tree.map(jnp.zeros_like, outputs)
    jax.tree.map(np.testing.assert_array_equal, outputs, zeros)
    params = jax.tree.map(lambda p: p + 0.1, params)
    noisy = network.apply(params, jnp.ones((2, 16)))
    self.assertGreater(
        jnp.abs(noisy.logits - network.apply(params).logits).max(), 1e-3
    )


class TablesTest(absltest.TestCase):

  def test_strings_are_drawn_as_often_as_the_policy_says(self):
    tables = training.Tables(TREE)
    logits = jax.random.normal(jax.random.key(0), (2, tables.internal, 3))
    log_p = tables.log_policy(logits)
    log_pf = tables.log_pf(log_p)
    np.testing.assert_allclose(jnp.exp(log_pf).sum(-1), 1.0, rtol=1e-5)
    full = jnp.pad(logits, ((0, 0), (0, 4), (0, 0)))
    np.testing.assert_allclose(
        log_pf, enumerable.log_prob_actions(full, TREE).sum(-1), rtol=1e-4
    )
    count = 20_000
    drawn = jax.jit(tables.draw, static_argnums=2)(
        jax.random.key(1), log_p, count
    )
    for prompt in range(2):
      share = np.bincount(drawn[prompt], minlength=6) / count
      # Five standard deviations of the rarest to the commonest.
      p = np.exp(log_pf[prompt])
      np.testing.assert_array_less(
          np.abs(share - p), 5 * np.sqrt(p * (1 - p) / count)
      )


class BiasTest(absltest.TestCase):

  def test_by_hand(self):
    # All mass on 'ab'; p* has mean length (1 + 2 + 2 * 13) / 16.
    log_pf = np.log(np.full((2, 6), 1e-9))
    log_pf[:, TREE.strings.index('ab')] = 0.0
    measured = experiment.bias(TREE, log_pf)
    np.testing.assert_allclose(
        measured['length_bias'][0], 2.0 - 29.0 / 16.0, atol=1e-6
    )
    np.testing.assert_allclose(measured['prefixes'], 1.0, atol=1e-5)
    # Of 16, strings with a: 8, with b: 8.
    np.testing.assert_allclose(measured['true_prefixes'][0], 2.0, rtol=1e-6)


class FigureTest(absltest.TestCase):

  def test_draws_both_curves_of_each_objective(self):
    curve = np.arange(1.0, 4.0)
    result = training.Result(
        l1=np.zeros(1), log_z_error=np.zeros(1), log_pf=np.zeros((1, 2)),
        samples=10 * curve, found=curve, kept=curve - 1.0, l1_curve=curve,
        steps=3, compilations=1, seconds=0.0,
    )
    fig = experiment.modes_figure({'tb': result, 'grpo': result}, 3.0, 'x')
    found, kept = fig.axes
    for ax, expected in ((found, curve), (kept, curve - 1.0)):
      lines = {line.get_label(): line for line in ax.get_lines()}
      np.testing.assert_array_equal(lines['grpo'].get_ydata(), expected)
      np.testing.assert_array_equal(lines['tb'].get_xdata(), 10 * curve)
    fig.savefig(io.BytesIO(), format='png')


class CommandTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    if not absl_flags.FLAGS.is_parsed():  # Under pytest.
      absl_flags.FLAGS(['enumerable'])

  def test_last_line_and_files(self):
    folder = self.create_tempdir().full_path
    out = os.path.join(folder, 'result.json')
    code, text, _ = _main(
        objective='tb', target='tree', steps=300, samples=32, out=out
    )
    self.assertEqual(code, 0)
    last = text.splitlines()[-1]
    match = re.fullmatch(r'L1 (\d\.\d{4}) log_z_error (\d+\.\d{4})', last)
    self.assertIsNotNone(match, last)
    self.assertLess(float(match[1]), 0.02)
    self.assertLess(float(match[2]), 0.05)
    with open(out) as file:
      content = json.load(file)
    self.assertAlmostEqual(max(content['l1']), float(match[1]), places=4)
    self.assertLen(content['curves']['found'], training.CHUNKS)
    self.assertEqual(content['curves']['samples'][-1], 300 * 32)

  @parameterized.parameters(
      (dict(target='missing.json'), "'missing.json' is no file and none of"),
      (dict(target='tree', beta=3.0), '--beta is of the target arithmetic'),
  )
  def test_says_in_a_sentence_what_is_wrong(self, flags, message):
    code, out, err = _main(**flags)
    self.assertEqual(code, 1)
    self.assertIn(message, err)
    self.assertLen(err.splitlines(), 1)
    self.assertEqual(out, '')

  def test_a_malformed_file_is_refused(self):
    path = self.create_tempfile(content='{"alphabet": ["a"]}').full_path
    code, _, err = _main(target=path)
    self.assertEqual(code, 1)
    self.assertRegex(err, 'lacks max_length, prompts\n$')

  def test_a_folder_is_no_target(self):
    code, _, err = _main(target=self.create_tempdir().full_path)
    self.assertEqual(code, 1)
    self.assertLen(err.splitlines(), 1)


class TrainingTest(parameterized.TestCase):

  def test_one_compilation_and_a_repeatable_result(self):
    options = training.Options(objective='raptb', steps=40, samples=16)
    first, second = (training.train(TREE, options) for _ in range(2))
    self.assertEqual(first.compilations, 1)
    np.testing.assert_array_equal(first.log_pf, second.log_pf)

  @parameterized.parameters('subtb', 'raptb')
  def test_single_symbols_and_a_single_one(self, objective):
    options = training.Options(objective=objective, steps=20, samples=8)
    for target in (
        enumerable.make_target('ab', 1, {'x': ord}),
        enumerable.make_target('a', 3, {'x': len}),
    ):
      result = training.train(target, options)
      self.assertTrue(np.isfinite(result.l1).all())
      self.assertTrue(np.isfinite(result.log_z_error).all())


@pytest.mark.slow
class ReachesTheTargetTest(parameterized.TestCase):

  @parameterized.product(
      objective=objectives.BALANCED, off_policy=training.OFF_POLICY
  )
  def test_arithmetic(self, objective, off_policy):
    target = enumerable.arithmetic_expressions()
    result = training.train(target, training.Options(
        objective=objective, off_policy=off_policy, steps=1000
    ))
    self.assertLess(result.l1.max(), 0.02)
    self.assertLess(result.log_z_error.max(), 0.05)
    self.assertEqual(result.kept[-1], target.verified.sum(axis=1).mean())

  @parameterized.product(
      objective=objectives.BALANCED,
      name=('brackets', 'hypergrid', 'copies', 'random'),
  )
  def test_other_targets(self, objective, name):
    builders = enumerable.TARGETS | {
        'random': lambda: _random_target('abcd', 4)
    }
    result = training.train(
        builders[name](), training.Options(objective=objective)
    )
    self.assertLess(result.l1.max(), 0.02)
    self.assertLess(result.log_z_error.max(), 0.05)


@pytest.mark.slow
class WhatIsLostWithoutTest(absltest.TestCase):

  def test_controls_keep_fewer_modes(self):
    target = enumerable.hypergrid()
    for objective in ('grpo', 'ce'):
      result = training.train(
          target, training.Options(objective=objective, steps=1000)
      )
      print(f'{objective}: {result.kept[-1]} of 30 modes kept')
      self.assertGreater(result.found[-1], 20.0)
      self.assertLess(result.kept[-1], 5.0)
      measured = experiment.bias(target, result.log_pf)
      self.assertLess(measured['prefixes'].max(), 5.0)
      self.assertGreater(measured['true_prefixes'].min(), 15.0)

  def test_prefix_constraints_that_do_not_fade_bias_the_sampler(self):
    target = enumerable.arithmetic_expressions()
    l1 = {
        anneal: training.train(target, training.Options(
            objective='raptb', steps=1000, anneal=anneal
        )).l1.max()
        for anneal in (True, False)
    }
    print(f'raptb fading or not: L1 {l1}')
    self.assertLess(l1[True], 0.02)
    self.assertGreater(l1[False], 2.0 * l1[True])

  def test_rewards_spread_at_once_lose_modes(self):
    target = enumerable.needles()
    modes = target.verified.sum(axis=1).mean()
    kept = {
        share: training.train(target, training.Options(
            objective='tb', beta_warmup=share
        )).kept[-1]
        for share in (0.7, 0.0)
    }
    print(f'modes kept of {modes} by share of warm-up: {kept}')
    self.assertEqual(kept[0.7], modes)
    self.assertLess(kept[0.0], 0.5 * modes)

  def test_ratios_averaged_over_tokens_have_another_solution(self):
    result = training.train(
        enumerable.arithmetic_expressions(),
        training.Options(objective='vargrad', steps=1000, normalise='residual'),
    )
    print(f'averaged over tokens: L1 {result.l1.max():.3f}')
    self.assertGreater(result.l1.max(), 0.2)


if __name__ == '__main__':
  absltest.main()
