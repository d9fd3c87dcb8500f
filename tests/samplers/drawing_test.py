"""Tests of token draws against the law they claim."""

from absl.testing import parameterized
import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
import scipy.stats

from swm_jax.samplers import drawing


def random_logits(rows, vocab, scale=2.0, seed=0):
  rng = np.random.default_rng(seed)
  return (scale * rng.standard_normal((rows, vocab))).astype(np.float32)


def draw(logits, source, temperature, uniform, **kwargs):
  C = len(source)
  return map(
      np.asarray,
      jax.jit(lambda *args: drawing.draw(*args, **kwargs))(
          jnp.asarray(logits),
          jnp.asarray(source, jnp.int32),
          jnp.full((C,), temperature, jnp.float32),
          jnp.asarray(uniform, jnp.float32),
          jnp.ones((C,), bool),
      ),
  )


class DrawTest(parameterized.TestCase):

  def test_uniform_picks_the_token_by_the_cumulative_probability(self):
    # p = (0.1, 0.2, 0.3, 0.4), so the CDF is (0.1, 0.3, 0.6, 1.0).
    logits = np.log([[0.1, 0.2, 0.3, 0.4]]).astype(np.float32)
    uniform = [0.0, 0.05, 0.15, 0.29, 0.31, 0.59, 0.61, 0.9999999]
    token, log_prob, behaviour = draw(logits, [0] * 8, 1.0, uniform)
    np.testing.assert_array_equal(token, [0, 0, 1, 1, 2, 2, 3, 3])
    np.testing.assert_allclose(log_prob, logits[0, token], atol=1e-6)
    np.testing.assert_allclose(behaviour, logits[0, token], atol=1e-6)

  @parameterized.parameters(0.3, 1.0, 2.5)
  def test_frequencies_follow_the_tempered_softmax(self, temperature):
    # Stratified uniforms: a count is off by at most one per block boundary.
    logits = random_logits(2, 700)
    n = 4096
    uniform = np.tile((np.arange(n) + 0.5) / n, 2)
    source = np.repeat([0, 1], n)
    token, log_prob, behaviour = draw(logits, source, temperature, uniform)
    for row in range(2):
      p = scipy.special.softmax(logits[row].astype(np.float64) / temperature)
      counts = np.bincount(token[source == row], minlength=700)
      np.testing.assert_allclose(counts, n * p, atol=1.01)
    tempered = scipy.special.log_softmax(logits / temperature, axis=-1)
    untempered = scipy.special.log_softmax(logits, axis=-1)
    # float32 sums of 700 terms: 1e-5 is a hundred roundings.
    np.testing.assert_allclose(behaviour, tempered[source, token], atol=1e-5)
    np.testing.assert_allclose(log_prob, untempered[source, token], atol=1e-5)

  def test_no_uniform_draws_a_token_without_probability(self):
    logits = np.full((1, 600), -np.inf, np.float32)
    logits[0, [3, 299, 301]] = 0.0
    uniform = np.concatenate([np.linspace(0, 1, 64, endpoint=False),
                              [np.nextafter(np.float32(1), np.float32(0))]])
    token, _, _ = draw(logits, [0] * 65, 0.7, uniform)
    self.assertContainsSubset(token.tolist(), {3, 299, 301})

  def test_temperature_zero_takes_the_first_largest(self):
    logits = random_logits(3, 600)
    logits[1, [5, 300]] = 99.0
    token, log_prob, behaviour = draw(logits, [0, 1, 2, 1], 0.0, [0.9] * 4)
    np.testing.assert_array_equal(token, logits.argmax(-1)[[0, 1, 2, 1]])
    self.assertTrue(np.all(behaviour == 0))
    self.assertTrue(np.all(log_prob < 0))

  @parameterized.parameters((5, 1.0), (0, 0.6), (20, 0.5), (1, 1.0))
  def test_top_k_and_top_p_restrict_and_renormalise(self, top_k, top_p):
    logits, temperature, n = random_logits(1, 300), 0.8, 2048
    p = scipy.special.softmax(logits[0].astype(np.float64) / temperature)
    order = np.argsort(-p)[: top_k or 300]
    kept = p[order] / p[order].sum()
    nucleus = np.searchsorted(np.cumsum(kept), top_p) + 1
    order, kept = order[:nucleus], kept[:nucleus] / kept[:nucleus].sum()
    token, log_prob, behaviour = draw(
        logits,
        [0] * n,
        temperature,
        (np.arange(n) + 0.5) / n,
        top_k=top_k,
        top_p=top_p,
    )
    law = np.zeros(300)
    law[order] = kept
    counts = np.bincount(token, minlength=300)
    np.testing.assert_allclose(counts, n * law, atol=1.01)
    np.testing.assert_allclose(behaviour, np.log(law[token]), atol=1e-5)
    untempered = scipy.special.log_softmax(logits, axis=-1)
    np.testing.assert_allclose(log_prob, untempered[0, token], atol=1e-5)

  def test_streams_that_do_not_draw_change_nothing(self):
    logits = random_logits(2, 600)
    C = 13
    rng = np.random.default_rng(0)
    args = (
        jnp.asarray(logits),
        jnp.asarray(rng.integers(0, 2, C), jnp.int32),
        jnp.full((C,), 0.5),
        jnp.asarray(rng.random(C), jnp.float32),
    )
    everyone = drawing.draw(*args, jnp.ones((C,), bool))
    drawing_C = np.arange(C) % 3 == 1
    some = drawing.draw(*args, jnp.asarray(drawing_C))
    for one, other in zip(everyone, some):
      np.testing.assert_array_equal(
          np.asarray(one)[drawing_C], np.asarray(other)[drawing_C]
      )


class SummariseTest(parameterized.TestCase):

  def test_values_and_rest_are_the_whole_distribution(self):
    logits = random_logits(4, 500)
    summary = drawing.summarise(jnp.asarray(logits), 16)
    log_p = scipy.special.log_softmax(logits.astype(np.float64), axis=-1)
    order = np.argsort(-log_p, axis=-1)[:, :16]
    np.testing.assert_array_equal(summary.indices, order)
    np.testing.assert_allclose(
        summary.values, np.take_along_axis(log_p, order, -1), atol=1e-5
    )
    total = np.exp(np.asarray(summary.values, np.float64)).sum(-1) + np.exp(
        np.asarray(summary.log_rest, np.float64)
    )
    np.testing.assert_allclose(total, 1.0, atol=1e-6)

  def test_rest_of_a_peaked_distribution_does_not_cancel(self):
    # The rest is 98 tokens of e^-30: 1 - sum of the largest would give 0.
    logits = np.zeros((1, 100), np.float32)
    logits[0, 0], logits[0, 1] = 30.0, 30.0
    summary = drawing.summarise(jnp.asarray(logits), 2)
    np.testing.assert_allclose(
        summary.log_rest, np.log(98 / 2) - 30, rtol=1e-5
    )
