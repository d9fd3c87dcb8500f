"""Tests of noise on the gains of norms."""

from absl.testing import absltest
import jax
import numpy as np

from swm_jax.models import transformer
from swm_jax.samplers import gain_noise
from tests.samplers import tiny

SIGMA = 0.1


class PerturbGainsTest(absltest.TestCase):

  def test_gains_move_by_sigma_and_nothing_else_moves(self):
    params = tiny.params()
    moved = gain_noise.perturb_gains(params, jax.random.key(0), SIGMA)
    self.assertEqual(jax.tree.structure(moved), jax.tree.structure(params))
    steps = []
    for path, old in jax.tree_util.tree_leaves_with_path(params):
      new = moved
      for entry in path:
        new = new[entry.key]
      if 'norm' in path[-1].key:
        steps.append(np.asarray(new - old))
      else:
        self.assertIs(new, old)
    # Two norms a layer and the last; no two share their noise.
    self.assertLen(steps, 2 * tiny.MODEL.num_layers + 1)
    self.assertLen({step.tobytes() for step in steps}, len(steps))
    # 160 numbers know their deviation to 5.6 %.
    deviation = np.sqrt(np.mean(np.square(steps)))
    np.testing.assert_allclose(deviation, SIGMA, rtol=0.2)

  def test_noise_is_added_whatever_the_gain(self):
    params = tiny.params()
    doubled = params | {'final_norm': 2 * params['final_norm']}
    key = jax.random.key(3)
    step = lambda tree: (
        gain_noise.perturb_gains(tree, key, SIGMA)['final_norm']
        - tree['final_norm']
    )
    np.testing.assert_allclose(step(doubled), step(params), atol=1e-6)

  def test_stacked_layers_get_the_same_noise(self):
    key = jax.random.key(1)
    stacked = gain_noise.perturb_gains(
        transformer.stack_layers(tiny.params()), key, SIGMA
    )
    unrolled = gain_noise.perturb_gains(tiny.params(), key, SIGMA)
    tiny.assert_rows_equal(transformer.unstack_layers(stacked), unrolled)

  def test_zero_sigma_moves_nothing(self):
    moved = gain_noise.perturb_gains(tiny.params(), jax.random.key(0), 0.0)
    tiny.assert_rows_equal(moved, tiny.params())


class NoisyGainsDecoderTest(absltest.TestCase):

  def test_sample_i_is_drawn_with_draw_i(self):
    prompt_index_B, temperature_B, keys_B = tiny.request(per_prompt=3)
    key = jax.random.key(5)
    finished = {}
    trajectories = gain_noise.NoisyGainsDecoder(tiny.decoder(), SIGMA, key)(
        tiny.params(), tiny.PROMPTS, prompt_index_B, temperature_B, keys_B,
        on_finished=finished.__setitem__,
    )
    for number in range(3):
      rows = np.arange(number, len(prompt_index_B), 3)
      expected = tiny.decoder()(
          gain_noise.perturb_gains(
              tiny.params(), jax.random.fold_in(key, number), SIGMA
          ),
          tiny.PROMPTS,
          prompt_index_B[rows],
          temperature_B[rows],
          keys_B[rows],
      )
      tiny.assert_rows_equal(
          jax.tree.map(lambda x: x[rows], trajectories), expected
      )
    for row, tokens in finished.items():
      self.assertEqual(
          tokens, trajectories.tokens[row][trajectories.mask[row]].tolist()
      )
    self.assertLen(finished, len(prompt_index_B))

  def test_an_empty_request_gives_no_rows(self):
    sampler = gain_noise.NoisyGainsDecoder(
        tiny.decoder(), SIGMA, jax.random.key(0)
    )
    empty = sampler(tiny.params(), tiny.PROMPTS, [], [], tiny.request()[2][:0])
    self.assertEqual(empty.tokens.shape, (0, tiny.CONFIG.max_new_tokens))
    with self.assertRaisesRegex(ValueError, 'sigma=-1 must not be negative'):
      gain_noise.NoisyGainsDecoder(tiny.decoder(), -1, jax.random.key(0))


if __name__ == '__main__':
  absltest.main()
