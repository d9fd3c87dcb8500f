"""Tests that the forms of decoding which are timed do the same work."""

from absl.testing import absltest
import numpy as np
import pytest

from experiments.benchmarks import decode_forms
from swm_jax.samplers import stopping
from tests.samplers import tiny


def workload(temperatures):
  # A stop on every tenth token: rows end at different steps.
  table = stopping.build_stop_table(
      tiny.TOKENIZER,
      stop_tokens=[tiny.TOKENIZER.eos_id, *range(0, 256, 10)],
  )
  prompts = sorted({*tiny.PROMPTS}, key=len)
  return decode_forms.Workload(
      params=tiny.params(),
      config=tiny.MODEL,
      tokenizer=tiny.TOKENIZER,
      stops=table,
      prompts=[list(prompt) for prompt in prompts],
      temperatures=temperatures,
      max_new_tokens=12,
  )


class DecodeFormsTest(absltest.TestCase):

  def assert_equal_completions(self, one, other):
    np.testing.assert_array_equal(one.count_B, other.count_B)
    for row, count in enumerate(one.count_B):
      np.testing.assert_array_equal(
          one.tokens_BxT[row, :count], other.tokens_BxT[row, :count]
      )

  def test_dense_form_decodes_the_same_completions(self):
    work = workload((0.0, 0.5, 1.0))
    one = decode_forms.ours(work, 4)()
    other = decode_forms.dense(work, 4)()
    self.assert_equal_completions(one, other)
    self.assertGreater(len(set(one.count_B.tolist())), 2)
    self.assertEqual(one.row_steps % 4, 0)
    # No slot yields more than a token a step, but streams share slots.
    self.assertLess(one.row_steps, other.row_steps)
    self.assertEqual(other.prompt_tokens, 12 * 20)

  def test_generate_decodes_the_same_greedy_completions(self):
    for package in ('torch', 'transformers'):
      pytest.importorskip(package, reason="needs the extra 'benchmarks'")
    work = workload((0.0,))
    generate = decode_forms.TransformersGenerate(work, threads=1)
    done = generate.form(2)()
    self.assert_equal_completions(decode_forms.ours(work, 4)(), done)
    # Two batches, each as wide as its longest prompt and as long as its row.
    longest = done.count_B.reshape(2, 2).max(axis=1)
    self.assertEqual(done.row_steps, 2 * (longest - 1).sum())
    widths = [len(work.prompts[i]) for i in (1, 3)]
    self.assertEqual(done.prompt_tokens, 2 * sum(widths))

  def test_generate_draws_at_the_temperature_of_each_row(self):
    for package in ('torch', 'transformers'):
      pytest.importorskip(package, reason="needs the extra 'benchmarks'")
    work = workload((0.0, 5.0))
    done = decode_forms.TransformersGenerate(work, threads=1).form(8)()
    greedy = decode_forms.ours(workload((0.0,)), 4)()
    cold = done._replace(
        tokens_BxT=done.tokens_BxT[::2], count_B=done.count_B[::2]
    )
    self.assert_equal_completions(cold, greedy)
    hot = done.tokens_BxT[1::2]
    self.assertTrue(np.any(hot[:, 0] != cold.tokens_BxT[:, 0]))


if __name__ == '__main__':
  absltest.main()
