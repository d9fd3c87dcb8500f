"""Tests of greedy decoding after a noisy first embedding."""

from absl.testing import absltest
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import first_token
from swm_jax.samplers import stopping
from tests.samplers import tiny

_PER_PROMPT = 3
_SIZE = 3.0


def request():
  prompt_index_B = np.repeat(np.arange(len(tiny.PROMPTS)), _PER_PROMPT)
  B = len(prompt_index_B)
  return prompt_index_B, np.zeros(B), jax.random.split(jax.random.key(2), B)


@jax.jit
def log_p_after_noise(tokens_T, noise_D, position):
  """Log-probabilities `[T, V]` with noise on one embedding, in its rms."""

  def edit(h_BxTxD):
    rms = jnp.sqrt(jnp.mean(h_BxTxD[0, position] ** 2))
    return h_BxTxD.at[0, position].add(_SIZE * rms * noise_D)

  out = transformer.Transformer(tiny.MODEL).apply(
      {'params': tiny.params()}, tokens_T[None], edits={0: edit}
  )
  return jax.nn.log_softmax(out.logits[0], axis=-1)


def decoded(size, **kwargs):
  sampler = first_token.FirstTokenDecoder(tiny.decoder(), size)
  return sampler(tiny.params(), tiny.PROMPTS, *request(), **kwargs)


class FirstTokenDecoderTest(absltest.TestCase):

  def test_without_noise_it_is_greedy_decoding(self):
    greedy = tiny.decoder()(tiny.params(), tiny.PROMPTS, *request())
    still = decoded(0.0)
    for name in ('prompt_tokens', 'prompt_length', 'tokens', 'mask', 'stopped'):
      np.testing.assert_array_equal(getattr(still, name), getattr(greedy, name))
    for name in ('log_prob', 'log_prob_behaviour', 'latents'):
      np.testing.assert_allclose(
          getattr(still, name), getattr(greedy, name), atol=1e-4
      )
    np.testing.assert_allclose(
        still.top_k.values, greedy.top_k.values, atol=1e-4
    )
    self.assertEqual(still.hidden.codes.shape, greedy.hidden.codes.shape)

  def test_every_token_is_the_likeliest_after_the_noisy_embedding(self):
    finished = {}
    trajectories = decoded(_SIZE, on_finished=finished.__setitem__)
    greedy = tiny.decoder()(tiny.params(), tiny.PROMPTS, *request())
    np.testing.assert_array_equal(
        trajectories.tokens[:, 0], greedy.tokens[:, 0]
    )
    np.testing.assert_allclose(
        trajectories.log_prob[:, 0], greedy.log_prob[:, 0], atol=1e-5
    )
    keys_B = request()[2]
    changed = 0
    for row in range(len(keys_B)):
      P = trajectories.prompt_length[row]
      n = trajectories.mask[row].sum()
      tokens = trajectories.tokens[row, :n]
      self.assertEqual(finished[row], tokens.tolist())
      changed += not np.array_equal(tokens, greedy.tokens[row, :n])
      # The noise by hand: one normal number a dimension, in units of the rms.
      key = jax.random.fold_in(jax.random.fold_in(keys_B[row], 0x7FFFFFFF), 0)
      noise_32xD = jax.random.normal(key, (32, tiny.MODEL.width))
      read_T = np.zeros(32, np.int32)
      read_T[: P + n] = *tiny.PROMPTS[row // _PER_PROMPT], *tokens
      log_p_TxV = log_p_after_noise(read_T, noise_32xD[P], P)
      log_p_NxV = np.asarray(log_p_TxV)[P : P + n - 1]
      np.testing.assert_array_equal(tokens[1:], log_p_NxV.argmax(axis=-1))
      np.testing.assert_allclose(
          trajectories.log_prob[row, 1:n],
          log_p_NxV[np.arange(n - 1), tokens[1:]],
          atol=1e-4,
      )
    self.assertGreater(changed, 3)
    self.assertTrue(np.all(trajectories.log_prob_behaviour == 0))
    self.assertFalse(trajectories.log_prob[~trajectories.mask].any())

  def test_a_row_depends_on_its_prompt_and_key_alone(self):
    together = decoded(_SIZE)
    prompt_index_B, temperature_B, keys_B = request()
    alone = first_token.FirstTokenDecoder(tiny.decoder(), _SIZE)(
        tiny.params(), tiny.PROMPTS, prompt_index_B[[7]], temperature_B[[7]],
        keys_B[jnp.array([7])],
    )
    tiny.assert_rows_equal(alone, jax.tree.map(lambda x: x[[7]], together))

  def test_the_stop_may_begin_in_the_first_token(self):
    greedy = tiny.decoder()(tiny.params(), tiny.PROMPTS, *request())
    # The first two greedy tokens of a row, as one stop string.
    row = next(
        row for row in range(0, len(greedy.mask), _PER_PROMPT)
        if greedy.mask[row].sum() > 2 and greedy.tokens[row, :2].max() < 128
    )
    pair = bytes(greedy.tokens[row, :2].tolist()).decode()
    table = stopping.build_stop_table(tiny.TOKENIZER, stop_strings=[pair])
    sampler = first_token.FirstTokenDecoder(
        decode.Decoder(
            tiny.MODEL, table, tiny.CONFIG, tiny.TOKENIZER.pad_id
        ),
        0.0,
    )
    one = sampler(
        tiny.params(), tiny.PROMPTS, [row // _PER_PROMPT], [0.0],
        jax.random.split(jax.random.key(0), 1),
    )
    self.assertEqual(one.mask.sum(), 2)
    self.assertTrue(one.stopped[0])
    # And a first token that stops is all there is.
    table = stopping.build_stop_table(
        tiny.TOKENIZER, stop_tokens=[int(greedy.tokens[row, 0])]
    )
    finished = {}
    one = first_token.FirstTokenDecoder(
        decode.Decoder(
            tiny.MODEL, table, tiny.CONFIG, tiny.TOKENIZER.pad_id
        ),
        0.5,
    )(
        tiny.params(), tiny.PROMPTS, [row // _PER_PROMPT], [0.0],
        jax.random.split(jax.random.key(0), 1),
        on_finished=finished.__setitem__,
    )
    self.assertEqual(finished, {0: [int(greedy.tokens[row, 0])]})
    self.assertEqual(one.mask.sum(), 1)
    self.assertTrue(one.stopped[0])

  def test_what_does_not_fit_is_named(self):
    sampler = first_token.FirstTokenDecoder(tiny.decoder(), 0.1)
    prompt_index_B, temperature_B, keys_B = request()
    args = (tiny.params(), tiny.PROMPTS, prompt_index_B)
    with self.assertRaisesRegex(ValueError, 'plan temperature 0'):
      sampler(*args, temperature_B + 0.5, keys_B)
    with self.assertRaisesRegex(ValueError, 'leave perturb out'):
      sampler(*args, temperature_B, keys_B, perturb=sampler.perturbation)
    with self.assertRaisesRegex(ValueError, 'max_new_tokens=1 leaves nothing'):
      first_token.FirstTokenDecoder(tiny.decoder(max_new_tokens=1), 0.1)
    with self.assertRaisesRegex(ValueError, 'must not be negative'):
      first_token.FirstTokenDecoder(tiny.decoder(), -0.1)
    with self.assertRaisesRegex(ValueError, 'stop_states must be 5'):
      tiny.decoder()(*args, temperature_B, keys_B, stop_states=[0])


if __name__ == '__main__':
  absltest.main()
