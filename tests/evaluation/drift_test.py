"""Tests of KL and perplexity."""

import dataclasses

from absl.testing import absltest
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.data import batching
from swm_jax.evaluation import drift
from swm_jax.models import transformer

_VOCAB = 29
_CONFIG = transformer.TransformerConfig(
    vocab_size=_VOCAB, num_layers=2, width=32, mlp_width=48, num_heads=4,
    num_kv_heads=2, head_dim=8, max_length=64,
)


def _params(seed):
  """Random weights, without compiling the initialiser."""
  shapes = jax.eval_shape(
      lambda key: transformer.init_params(_CONFIG, key), jax.random.key(0)
  )
  rng = np.random.default_rng(seed)
  draw = lambda x: rng.normal(1.0, 0.2, x.shape) if x.ndim == 1 else rng.normal(
      0.0, x.shape[0] ** -0.5, x.shape
  )
  return jax.tree.map(lambda x: draw(x).astype(np.float32), shapes)


def _batches(texts, **shape):
  examples = [
      batching.Example(prompt=t[:1], completions=[t[1:]], ids=[i])
      for i, t in enumerate(texts)
  ]
  shape = dict(rows=2, length=40, targets=40, slots=8) | shape
  return batching.pack(examples, **shape)


def _texts(seed=0, num=7):
  rng = np.random.default_rng(seed)
  return [
      rng.integers(0, _VOCAB, rng.integers(2, 20)).tolist() for _ in range(num)
  ]


class DriftTest(absltest.TestCase):

  def test_token_kl_is_that_of_two_coins(self):
    # KL((1/2, 1/2) || (1/4, 3/4)) = ln 2 - ln 3 / 2 = 0.143841.
    # A probability that underflows (e^-200) adds nothing, and no NaN.
    log_p = jnp.array([[np.log(0.5), np.log(0.5)], [0.0, -200.0]])
    log_q = jnp.log(jnp.array([[0.25, 0.75], [0.5, 0.5]]))
    np.testing.assert_allclose(
        drift.token_kl(log_p, log_q), [0.143841, np.log(2)], rtol=1e-5
    )

  def test_a_table_of_unigrams_gives_the_sums_done_by_hand(self):
    # "Model" whose logits are the parameters themselves, whatever the context.
    hidden_fn = lambda params, batch: jnp.ones((*batch.target.shape, 1))
    logits_fn = lambda params, hidden: jnp.broadcast_to(
        params[None], (hidden.shape[0], params.shape[0])
    )
    base = jnp.log(jnp.array([0.5, 0.5]))
    tuned = jnp.log(jnp.array([0.25, 0.75]))
    # Targets 1 1 0 (text a) and 0 (text b).
    result = drift.measure(
        hidden_fn, logits_fn, base, tuned, _batches([[0, 1, 1, 0], [1, 0]]),
        chunk=3,
    )
    self.assertAlmostEqual(result.kl.mean, 0.143841, places=5)
    self.assertAlmostEqual(result.kl.low, result.kl.high, places=6)
    self.assertEqual((result.kl.tokens, result.kl.clusters), (4, 2))
    self.assertAlmostEqual(result.perplexity_base, 2.0, places=5)
    # Mean NLL: -(2 ln 3/4 + 2 ln 1/4) / 4 = 0.836988.
    self.assertAlmostEqual(np.log(result.perplexity_tuned), 0.836988, places=5)
    self.assertAlmostEqual(
        result.nll_change.mean, 0.836988 - np.log(2), places=5
    )

  def test_packed_and_chunked_equals_one_text_at_a_time(self):
    base = _params(0)
    tuned = jax.tree.map(lambda x: x * 1.1, base)
    texts = _texts(num=3)
    functions = drift.transformer_functions(_CONFIG)
    result = drift.measure(
        *functions, base, tuned, _batches(texts), chunk=16, resamples=100
    )
    padded_BxT = np.zeros((len(texts), 20), np.int32)
    for row, text in zip(padded_BxT, texts):
      row[: len(text)] = text
    forward = jax.jit(transformer.Transformer(_CONFIG).apply)
    log_p, log_q = (
        jax.nn.log_softmax(forward({'params': p}, padded_BxT).logits)
        for p in (base, tuned)
    )
    kl = sum(
        float(drift.token_kl(log_p[i, :n], log_q[i, :n]).sum())
        for i, n in enumerate(len(text) - 1 for text in texts)
    )
    tokens = sum(len(text) - 1 for text in texts)
    self.assertEqual(result.kl.tokens, tokens)
    # float32 sums in another order.
    np.testing.assert_allclose(result.kl.mean, kl / tokens, rtol=1e-4)
    self.assertBetween(result.kl.mean, result.kl.low, result.kl.high)

  def test_equal_weights_do_not_drift_at_all(self):
    params = _params(0)
    result = drift.measure(
        *drift.transformer_functions(_CONFIG), params, params,
        _batches(_texts()), chunk=16, resamples=100,
    )
    self.assertEqual((result.kl.mean, result.nll_change.mean), (0.0, 0.0))
    self.assertEqual(result.perplexity_base, result.perplexity_tuned)

  def test_neither_packing_nor_padding_changes_the_result(self):
    base = _params(0)
    tuned = _params(1)
    functions = drift.transformer_functions(_CONFIG)
    dense, loose = (
        drift.measure(*functions, base, tuned, batches, chunk=16, resamples=100)
        for batches in (
            _batches(_texts()), _batches(_texts(), rows=1, length=20, slots=1)
        )
    )
    for a, b in zip(*map(lambda d: dataclasses.astuple(d.kl), (dense, loose))):
      np.testing.assert_allclose(a, b, rtol=1e-4)

  def test_clusters_are_resampled_together(self):
    base = _params(0)
    tuned = _params(1)
    functions = drift.transformer_functions(_CONFIG)
    measure = lambda clusters: drift.measure(
        *functions, base, tuned, _batches(_texts()), chunk=16, resamples=100,
        clusters=clusters,
    )
    one = measure(dict.fromkeys(range(7), 'all'))
    self.assertEqual(one.kl.clusters, 1)
    self.assertEqual(one.kl.low, one.kl.high)
    self.assertAlmostEqual(one.kl.mean, measure(None).kl.mean, places=6)

  def test_errors_say_what_is_wrong(self):
    params = _params(0)
    functions = drift.transformer_functions(_CONFIG)
    with self.assertRaisesRegex(ValueError, 'no token to measure'):
      drift.measure(*functions, params, params, [])
    broken = jax.tree.map(lambda x: x * jnp.nan, params)
    with self.assertRaisesRegex(FloatingPointError, 'not finite'):
      drift.measure(
          *functions, params, broken, _batches(_texts()), chunk=16,
          resamples=100,
      )


if __name__ == '__main__':
  absltest.main()
