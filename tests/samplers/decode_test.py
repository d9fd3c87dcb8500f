"""Tests of the decoder against the model read in one pass."""

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from swm_jax import sharding
from swm_jax.models import latents
from swm_jax.models import pretrained
from swm_jax.models import quantised_hidden
from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import langevin
from swm_jax.samplers import stopping
from tests.samplers import tiny

class DecoderTest(parameterized.TestCase):

  def test_log_probs_equal_teacher_forced_ones(self):
    trajectories = tiny.decoded()
    temperature_B = tiny.request()[1]
    for row in range(len(temperature_B)):
      log_p_TxV, _, _, n = tiny.teacher_forced(
          tiny.params(), tiny.MODEL, trajectories, row
      )
      tokens = trajectories.tokens[row, :n]
      np.testing.assert_allclose(
          trajectories.log_prob[row, :n],
          log_p_TxV[np.arange(n), tokens],
          atol=1e-4,
      )
      if temperature_B[row]:
        tempered = jax.nn.log_softmax(log_p_TxV / temperature_B[row], axis=-1)
        np.testing.assert_allclose(
            trajectories.log_prob_behaviour[row, :n],
            tempered[np.arange(n), tokens],
            atol=1e-4 / temperature_B[row],
        )
      else:
        np.testing.assert_array_equal(tokens, log_p_TxV.argmax(axis=-1))
        self.assertTrue(np.all(trajectories.log_prob_behaviour[row] == 0))

  def test_top_logits_and_latents_equal_teacher_forced_ones(self):
    trajectories = tiny.decoded()
    for row in range(0, 30, 4):
      log_p_TxV, latents_BxLxTxD, P, n = tiny.teacher_forced(
          tiny.params(), tiny.MODEL, trajectories, row, tiny.CONFIG.taps
      )
      top_k = jax.tree.map(lambda x: x[row, :n], trajectories.top_k)
      np.testing.assert_allclose(
          top_k.values, -np.sort(-log_p_TxV, axis=-1)[:, :5], atol=1e-4
      )
      np.testing.assert_allclose(
          np.take_along_axis(log_p_TxV, top_k.indices, -1),
          top_k.values,
          atol=1e-4,
      )
      total = np.exp(top_k.values).sum(axis=-1) + np.exp(top_k.log_rest)
      np.testing.assert_allclose(total, 1.0, atol=1e-5)
      hidden = jax.tree.map(lambda x: x[row, :n], trajectories.hidden)
      read = jax.nn.log_softmax(
          quantised_hidden.logits(tiny.params(), hidden, tiny.MODEL), axis=-1
      )
      # A rounding of half a unit in D = 32 dimensions, times a row's norm.
      norm = np.linalg.norm(tiny.params()['embedding'], axis=-1).max()
      bound = hidden.scale[:, None] / 2 * np.sqrt(32) * norm
      self.assertTrue(np.all(np.abs(read - log_p_TxV) < 2 * bound + 1e-4))
      self.assertLess(bound.max(), 0.5)
      latents = trajectories.latents[row]
      np.testing.assert_allclose(
          latents[:, 0], latents_BxLxTxD[0, :, P - 1], atol=1e-4
      )
      fed = latents_BxLxTxD[0, :, P : P + n - 1]
      mean = fed.mean(axis=1) if n > 1 else np.zeros_like(latents[:, 1])
      np.testing.assert_allclose(latents[:, 1], mean, atol=1e-4)

  def test_tokens_are_the_inverse_cdf_of_the_rows_uniforms(self):
    trajectories = tiny.decoded()
    _, temperature_B, keys_B = tiny.request()
    for row in (2, 4, 17, 29):
      log_p_TxV, _, _, n = tiny.teacher_forced(
          tiny.params(), tiny.MODEL, trajectories, row
      )
      for t in range(n):
        p = np.exp(np.float64(log_p_TxV[t]) / temperature_B[row])
        cdf = np.cumsum(p) / p.sum()
        u = float(jax.random.uniform(jax.random.fold_in(keys_B[row], t)))
        token = trajectories.tokens[row, t]
        # Rounding may move the bounds by float32 sums of 258 terms.
        self.assertLess(u, cdf[token] + 1e-5)
        self.assertGreater(u, cdf[token] - p[token] / p.sum() - 1e-5)

  def test_a_row_depends_on_neither_queue_nor_company(self):
    prompt_index_B, temperature_B, keys_B = tiny.request()
    expected = tiny.decoded()
    order = np.random.default_rng(0).permutation(len(prompt_index_B))
    permuted = tiny.decoder()(
        tiny.params(),
        tiny.PROMPTS,
        prompt_index_B[order],
        temperature_B[order],
        keys_B[order],
    )
    tiny.assert_rows_equal(permuted, jax.tree.map(lambda x: x[order], expected))
    for row in (3, 22):  # Alone nothing is shared and nothing waits.
      alone = tiny.decoder()(
          tiny.params(),
          tiny.PROMPTS,
          prompt_index_B[[row]],
          temperature_B[[row]],
          keys_B[jnp.array([row])],
      )
      tiny.assert_rows_equal(alone, jax.tree.map(lambda x: x[[row]], expected))

  def test_nothing_compiles_after_the_first_call(self):
    tiny.decoded()
    compiled = []
    listener = lambda event, *_, **__: compiled.append(event)
    # A key array as in the first call, so that only the decoder is watched.
    prompt_index_B, temperature_B, keys_B = tiny.request()
    jax.monitoring.register_event_duration_secs_listener(listener)
    try:
      tiny.decoder()(
          tiny.params(),
          tiny.PROMPTS,
          prompt_index_B[::-1],
          temperature_B,
          keys_B,
      )
    finally:
      jax.monitoring.unregister_event_duration_listener(listener)
    self.assertEmpty([event for event in compiled if 'compile' in event])

  def test_rows_end_at_the_first_stop_and_are_reported_once(self):
    finished = {}

    def on_finished(row, token_ids):
      self.assertNotIn(row, finished)
      finished[row] = token_ids

    trajectories = tiny.decoder()(
        tiny.params(), tiny.PROMPTS, *tiny.request(), on_finished=on_finished
    )
    stops = np.isin(trajectories.tokens, list(tiny.stop_table().stop_tokens))
    for row in range(len(trajectories.tokens)):
      mask, n = trajectories.mask[row], trajectories.mask[row].sum()
      self.assertTrue(np.all(mask[:n]) and not mask[n:].any())
      self.assertEqual(finished[row], trajectories.tokens[row, :n].tolist())
      self.assertFalse(stops[row, : n - 1].any())
      self.assertEqual(trajectories.stopped[row], stops[row, n - 1])
      if not stops[row, n - 1]:
        self.assertEqual(n, tiny.CONFIG.max_new_tokens)
      self.assertTrue(
          np.all(trajectories.tokens[row, n:] == tiny.TOKENIZER.pad_id)
      )
      for leaf in (trajectories.log_prob, trajectories.top_k.log_rest):
        self.assertTrue(np.all(leaf[row, n:] == 0))
    self.assertGreater(trajectories.stopped.sum(), 3)
    self.assertLess(trajectories.stopped.sum(), len(trajectories.stopped))

  def test_an_empty_request_gives_no_rows(self):
    trajectories = tiny.decoder()(
        tiny.params(), tiny.PROMPTS, [], [], tiny.request()[2][:0]
    )
    self.assertEqual(trajectories.tokens.shape, (0, tiny.CONFIG.max_new_tokens))


class PerturbedDecoderTest(parameterized.TestCase):

  def test_a_perturbation_that_moves_nothing_is_bitwise_the_clean_path(self):
    perturb = langevin.Perturbation(layer=1, step_size=0.0, noise=0.0)
    perturbed = tiny.decoder()(
        tiny.params(), tiny.PROMPTS, *tiny.request(), perturb=perturb
    )
    tiny.assert_rows_equal(perturbed, tiny.decoded())

  def test_perturbation_moves_the_prompt_from_its_layer_on(self):
    perturb = langevin.Perturbation(layer=1, step_size=0.3, noise=1.0, steps=2)
    args = (tiny.params(), tiny.PROMPTS, *tiny.request(per_prompt=2))
    perturbed = tiny.decoder()(*args, perturb=perturb)
    clean = tiny.decoder()(*args)
    latents = perturbed.latents[:, :, 0]
    np.testing.assert_array_equal(latents[:, 0], clean.latents[:, 0, 0])
    moved = np.abs(latents[:, 1] - clean.latents[:, 1, 0]).max(axis=-1)
    self.assertTrue(np.all(moved > 1e-3))
    # Rows of one prompt have noise of their own.
    self.assertGreater(np.abs(latents[0, 1] - latents[1, 1]).max(), 1e-3)
    tiny.assert_rows_equal(perturbed, tiny.decoder()(*args, perturb=perturb))

  def test_drift_goes_down_the_energy_that_it_is_asked_for(self):
    # On the last prompt token's stream after all layers, the head's energy and
    # the entropy of the first token can be read from what is recorded.
    weight_D = jax.random.normal(jax.random.key(3), (tiny.MODEL.width,))
    head = latents.Head(weight_D, jnp.float32(0.0))
    args = (tiny.params(), tiny.PROMPTS, *tiny.request(per_prompt=1))

    def energies(perturb):
      last_BxD = tiny.decoder()(*args, perturb=perturb).latents[:, 1, 0]
      valid = jnp.ones((len(last_BxD), 1), bool)
      entropy = latents.entropy_energy(tiny.params(), tiny.MODEL, 2)
      return tuple(
          np.asarray(energy(last_BxD[:, None], valid))
          for energy in (latents.head_energy(head), entropy)
      )

    still = energies(None)
    for index, perturb in enumerate((
        langevin.Perturbation(
            layer=2, step_size=0.1, noise=0.0, energy='head',
            positions='last', head=head,
        ),
        langevin.Perturbation(
            layer=2, step_size=0.1, noise=0.0, energy='entropy'
        ),
    )):
      moved = energies(perturb)[index]
      self.assertTrue(np.all(moved < still[index]), (moved, still[index]))

  def test_a_head_must_fit_the_model(self):
    perturb = langevin.Perturbation(
        layer=2, step_size=0.1, noise=0.0, energy='head'
    )
    args = (tiny.params(), tiny.PROMPTS, *tiny.request(per_prompt=1))
    with self.assertRaisesRegex(ValueError, "'head' has weights of 0 dim"):
      tiny.decoder()(*args, perturb=perturb)
    perturb = dataclasses.replace(
        perturb, head=latents.Head(jnp.zeros(7), jnp.float32(0))
    )
    with self.assertRaisesRegex(ValueError, 'of 7 dimensions .* width 32'):
      tiny.decoder()(*args, perturb=perturb)


class RestrictedDecoderTest(parameterized.TestCase):

  def test_top_k_of_one_is_greedy_at_any_temperature(self):
    prompt_index_B, temperature_B, keys_B = tiny.request(per_prompt=1)
    args = (tiny.params(), tiny.PROMPTS, prompt_index_B)
    greedy = tiny.decoder()(*args, 0 * temperature_B, keys_B)
    only = tiny.decoder(top_k=1)(*args, temperature_B + 1, keys_B)
    np.testing.assert_array_equal(only.tokens, greedy.tokens)
    np.testing.assert_array_equal(only.log_prob, greedy.log_prob)

  def test_top_p_cuts_what_top_k_leaves(self):
    top_k, top_p = 12, 0.7
    _, temperature_B, keys_B = request = tiny.request(per_prompt=4)
    trajectories = tiny.decoder(top_k=top_k, top_p=top_p)(
        tiny.params(), tiny.PROMPTS, *request
    )
    sizes = []
    for row, temperature in enumerate(temperature_B.tolist()):
      if not temperature:
        continue
      log_p_TxV, _, _, n = tiny.teacher_forced(
          tiny.params(), tiny.MODEL, trajectories, row
      )
      for t, token in enumerate(trajectories.tokens[row, :n].tolist()):
        order = np.argsort(-log_p_TxV[t])[:top_k]
        p = np.exp(np.float64(log_p_TxV[t, order]) / temperature)
        p /= p.sum()
        order = order[: np.searchsorted(np.cumsum(p), top_p) + 1]
        p = p[: len(order)] / p[: len(order)].sum()
        sizes.append(len(order))
        self.assertIn(token, order)
        at = order.tolist().index(token)
        # The draw is the inverse CDF of the row's uniform over the nucleus.
        u = float(jax.random.uniform(jax.random.fold_in(keys_B[row], t)))
        self.assertBetween(
            u, p[:at].sum() - 1e-4, p[: at + 1].sum() + 1e-4
        )
        np.testing.assert_allclose(
            trajectories.log_prob_behaviour[row, t], np.log(p[at]), atol=2e-3
        )
        np.testing.assert_allclose(
            trajectories.log_prob[row, t], log_p_TxV[t, token], atol=1e-4
        )
    self.assertLess(min(sizes), max(sizes))
    self.assertLess(max(sizes), top_k)


class ScannedDecoderTest(absltest.TestCase):

  def test_scanned_layers_decode_alike(self):
    model = dataclasses.replace(tiny.MODEL, scan_layers=True)
    scanned = decode.Decoder(
        model, tiny.stop_table(), tiny.CONFIG, tiny.TOKENIZER.pad_id
    )(transformer.stack_layers(tiny.params()), tiny.PROMPTS, *tiny.request())
    np.testing.assert_array_equal(scanned.tokens, tiny.decoded().tokens)
    np.testing.assert_allclose(
        scanned.log_prob, tiny.decoded().log_prob, atol=1e-4
    )


class ErrorsTest(parameterized.TestCase):

  def test_prompts_that_do_not_fit_are_named(self):
    prompt_index_B, temperature_B, keys_B = tiny.request(per_prompt=1)
    for prompt, length in ((range(21), 21), ((), 0)):
      prompts = (*tiny.PROMPTS[:4], tuple(prompt))
      with self.assertRaisesRegex(
          ValueError, f'prompt 4 has {length} tokens; .* max_prompt=20'
      ):
        tiny.decoder()(
            tiny.params(), prompts, prompt_index_B, temperature_B, keys_B
        )

  def test_arguments_that_do_not_fit_are_named(self):
    prompt_index_B, temperature_B, keys_B = tiny.request(per_prompt=1)
    args = (tiny.params(), tiny.PROMPTS)
    with self.assertRaisesRegex(ValueError, 'must be one per row'):
      tiny.decoder()(*args, prompt_index_B, temperature_B[:2], keys_B)
    with self.assertRaisesRegex(ValueError, r'prompt_index must be in 0\.\.4'):
      tiny.decoder()(*args, prompt_index_B + 1, temperature_B, keys_B)
    with self.assertRaisesRegex(ValueError, 'finite and not negative'):
      tiny.decoder()(*args, prompt_index_B, temperature_B - 1, keys_B)
    with self.assertRaisesRegex(ValueError, 'cache of 65 tokens, more than'):
      tiny.decoder(max_new_tokens=45)
    with self.assertRaisesRegex(ValueError, 'top_p=0.0 in'):
      tiny.decoder(top_p=0.0)


@pytest.mark.slow
class ShardedDecoderTest(absltest.TestCase):

  def test_a_mesh_changes_nothing_but_rounding(self):
    mesh = sharding.make_mesh({'fsdp': 4, 'tensor': 2})
    axes = transformer.logical_axes(tiny.MODEL)
    params = sharding.shard_params(
        tiny.params(), sharding.shardings(mesh, axes)
    )
    sharded = tiny.decoder()(params, tiny.PROMPTS, *tiny.request())
    np.testing.assert_array_equal(sharded.tokens, tiny.decoded().tokens)
    np.testing.assert_allclose(
        sharded.log_prob, tiny.decoded().log_prob, atol=1e-4
    )


@pytest.mark.slow
class PretrainedDecoderTest(absltest.TestCase):

  def test_log_probs_equal_teacher_forced_ones(self):
    params, config, tokenizer = pretrained.load(None)
    params = jax.tree.map(jnp.asarray, params)
    table = stopping.build_stop_table(
        tokenizer, column_zero=True, stop_tokens=[tokenizer.eos_id]
    )
    prompts = [
        tokenizer.encode(f'```python\n# {text}\ndef f(a):')
        for text in (
            'Return the numbers in the list a that are greater than 3.',
            'Return the string a reversed.',
        )
    ]
    trajectories = decode.Decoder(
        config,
        table,
        decode.DecodeConfig(slots=4, max_prompt=32, max_new_tokens=32),
        tokenizer.pad_id,
    )(
        params,
        prompts,
        np.repeat([0, 1], 5),
        np.tile([0.0, 0.2, 0.4, 0.8, 0.8], 2),
        jax.random.split(jax.random.key(0), 10),
    )
    for row in range(10):
      log_p_TxV, _, _, n = tiny.teacher_forced(
          params, config, trajectories, row
      )
      tokens = trajectories.tokens[row, :n]
      # float32, 30 layers, other shapes of the same sums: 2e-5 was measured.
      np.testing.assert_allclose(
          trajectories.log_prob[row, :n],
          log_p_TxV[np.arange(n), tokens],
          atol=2e-4,
      )
    self.assertTrue(trajectories.stopped.any())
