"""Tests of decoding with weights in fewer bytes."""

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized
import jax
import numpy as np

from swm_jax.models import quantised_weights
from swm_jax.samplers import decode
from swm_jax.samplers import langevin
from tests.samplers import tiny


class NarrowWeightsTest(parameterized.TestCase):
  """The model that draws is not the one that is given."""

  PLAIN = dict(top_logits=0, record_hidden=False, taps=())

  @parameterized.parameters(*quantised_weights.KINDS)
  def test_log_probs_are_of_the_given_weights_and_draws_of_the_narrow(
      self, weights
  ):
    trajectories = tiny.decoder(weights=weights, **self.PLAIN)(
        tiny.params(), tiny.PROMPTS, *tiny.request()
    )
    narrow = quantised_weights.view(tiny.params(), weights)
    _, temperature_B, keys_B = tiny.request()
    differ = 0.0
    for row in range(0, len(temperature_B), 3):
      log_p_TxV, log_q_TxV = (
          tiny.teacher_forced(params, tiny.MODEL, trajectories, row)[0]
          for params in (tiny.params(), narrow)
      )
      n = len(log_p_TxV)
      at = np.arange(n), trajectories.tokens[row, :n]
      np.testing.assert_allclose(
          trajectories.log_prob[row, :n], log_p_TxV[at], atol=1e-4
      )
      self.assertTrue(np.all(trajectories.log_prob[row, n:] == 0))
      differ = max(differ, np.abs(log_p_TxV - log_q_TxV).max())
      temperature = temperature_B[row]
      if not temperature:
        np.testing.assert_array_equal(at[1], log_q_TxV.argmax(axis=-1))
        continue
      log_q_TxV = jax.nn.log_softmax(log_q_TxV / temperature, axis=-1)
      np.testing.assert_allclose(
          trajectories.log_prob_behaviour[row, :n],
          log_q_TxV[at],
          atol=1e-4 / temperature,
      )
      u = jax.random.uniform(jax.random.fold_in(keys_B[row], n - 1))
      cdf = np.cumsum(np.exp(log_q_TxV[-1]))
      self.assertLess(u, cdf[at[1][-1]] + 1e-5)
    self.assertGreater(differ, 3e-3)

  def test_weights_that_round_alike_anyhow_decode_alike(self):
    model = dataclasses.replace(tiny.MODEL, dtype='bfloat16')
    make = lambda weights: decode.Decoder(
        model,
        tiny.stop_table(),
        dataclasses.replace(tiny.CONFIG, weights=weights),
        tiny.TOKENIZER.pad_id,
    )
    args = (tiny.params(), tiny.PROMPTS, *tiny.request(per_prompt=2))
    tiny.assert_rows_equal(make('bfloat16')(*args), make(None)(*args))

  def test_what_would_be_of_another_model_is_refused(self):
    with self.assertRaisesRegex(ValueError, "weights='int4' is not one of"):
      tiny.decoder(weights='int4')
    for record in ({'top_logits': 5}, {'record_hidden': True}, {'taps': (0,)}):
      with self.assertRaisesRegex(ValueError, 'must not be recorded'):
        tiny.decoder(weights='int8', **{**self.PLAIN, **record})
    with self.assertRaisesRegex(ValueError, 'cannot read perturbed prompts'):
      tiny.decoder(weights='int8', **self.PLAIN)(
          tiny.params(),
          tiny.PROMPTS,
          *tiny.request(),
          perturb=langevin.Perturbation(layer=1, step_size=0.1, noise=0.0),
      )


if __name__ == '__main__':
  absltest.main()
