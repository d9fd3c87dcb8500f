"""Tests of dark experience replay on compressed logits."""

import functools

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax import types
from swm_jax.losses import anchoring

V = 512
TOKENS = 256


def _logits(kind, seed=0):
  """Flat logits have 270 likely tokens (exp entropy); peaked ones have 3."""
  scale = {'flat': 1.0, 'peaked': 5.0}[kind]
  return scale * jax.random.normal(jax.random.key(seed), (TOKENS, V))


_compress = jax.jit(anchoring.compress, static_argnames='k')
_kl_to_dense = jax.jit(anchoring.kl_to_dense)


@functools.partial(jax.jit, static_argnames='form')
def _der(current, stored, form, mask=None):
  values, log_rest = anchoring.top_k_log_probs(current, stored.indices)
  mask = jnp.ones(log_rest.shape, bool) if mask is None else mask
  return anchoring.der_loss(values, log_rest, stored, mask, form=form)


@jax.jit
def _dense_squared(past, current):
  difference = past - current
  centred = difference - difference.mean(axis=-1, keepdims=True)
  return jnp.square(centred).mean(axis=-1)


@jax.jit
def _dense_kl(past, current):
  past, current = jax.nn.log_softmax(past), jax.nn.log_softmax(current)
  return (jnp.exp(past) * (past - current)).sum(axis=-1)


class TopKTest(parameterized.TestCase):

  def test_by_hand(self):
    stored = _compress(jnp.log(jnp.array([1.0, 4.0, 2.0, 1.0])), 2)
    chex.assert_trees_all_close(
        stored.values, jnp.log(jnp.array([0.5, 0.25])), atol=1e-6
    )
    self.assertSequenceEqual(stored.indices.tolist(), [1, 2])
    self.assertEqual(stored.indices.dtype, jnp.int32)
    self.assertAlmostEqual(float(stored.log_rest), np.log(0.25), places=6)

  @parameterized.parameters('flat', 'peaked')
  def test_probabilities_sum_to_one_and_shifts_are_ignored(self, kind):
    logits = _logits(kind)
    a, b = _compress(logits, 16), _compress(logits + 7.0, 16)
    total = jnp.exp(a.values).sum(-1) + jnp.exp(a.log_rest)
    chex.assert_trees_all_close(total, jnp.ones(TOKENS), atol=1e-5)
    chex.assert_trees_all_close(a, b, atol=1e-4)

  def test_rest_survives_where_one_minus_the_top_does_not(self):
    logits = jnp.zeros(V).at[3].set(60.0)
    log_rest = _compress(logits, 1).log_rest
    chex.assert_trees_all_close(log_rest, np.log(V - 1) - 60.0, rtol=1e-5)
    grad = jax.grad(
        lambda x: anchoring.top_k_log_probs(x, jnp.array([3]))[1]
    )(logits)
    # d log_rest / d logit = softmax over the rest - softmax over all.
    expected = jnp.full(V, 1 / (V - 1)).at[3].set(-1.0)
    chex.assert_trees_all_close(grad, expected, atol=1e-6)

  def test_gradient_matches_finite_differences(self):
    logits = _logits('flat')[0, :20]
    indices = jnp.array([4, 9, 1])

    def f(x):
      values, log_rest = anchoring.top_k_log_probs(x, indices)
      return (values * jnp.array([1.0, -2.0, 0.5])).sum() + 3.0 * log_rest

    jax.test_util.check_grads(
        jax.jit(f), (logits,), order=1, modes=['rev'], atol=1e-2
    )

  def test_reconstruction_keeps_the_top_and_spreads_the_rest(self):
    stored = _compress(jnp.log(jnp.array([1.0, 4.0, 2.0, 1.0])), 1)
    chex.assert_trees_all_close(
        jnp.exp(anchoring.reconstruct(stored, 4)),
        jnp.array([1 / 6, 0.5, 1 / 6, 1 / 6]),
        atol=1e-6,
    )

  def test_dense_kl_by_hand(self):
    past = jnp.log(jnp.array([0.5, 0.25, 0.25])) + 3.0
    kl = anchoring.dense_kl(past, jnp.zeros(3))
    self.assertAlmostEqual(
        float(kl), np.log(3) - 1.5 * np.log(2), places=6
    )

  @parameterized.parameters('flat', 'peaked')
  def test_storing_loses_less_with_more_logits(self, kind):
    logits = _logits(kind)
    lost = [
        _kl_to_dense(_compress(logits, k), logits).mean()
        for k in (4, 32, 128, V - 1)
    ]
    self.assertEqual(lost, sorted(lost, reverse=True))
    self.assertAlmostEqual(float(lost[-1]), 0.0, places=5)

  def test_sizes_are_checked(self):
    with self.assertRaisesRegex(ValueError, 'between 1 and the vocabulary'):
      _compress(jnp.zeros(4), 4)
    with self.assertRaisesRegex(ValueError, 'leaves no rest'):
      anchoring.top_k_log_probs(jnp.zeros(2), jnp.array([0, 1]))
    with self.assertRaisesRegex(ValueError, 'leaves no rest'):
      anchoring.reconstruct(_compress(jnp.zeros(4), 3), 3)


class DerTest(parameterized.TestCase):

  @parameterized.product(form=anchoring.FORMS, kind=('flat', 'peaked'))
  def test_zero_value_and_gradient_at_the_stored_model(self, form, kind):
    logits = _logits(kind)
    stored = _compress(logits, 32)
    loss, grad = jax.value_and_grad(
        lambda x: _der(x + 3.0, stored, form).sum()
    )(logits)
    self.assertAlmostEqual(float(loss), 0.0, places=4)
    chex.assert_trees_all_close(grad, jnp.zeros_like(grad), atol=1e-4)

  @parameterized.product(form=('squared', 'kl'), kind=('flat', 'peaked'))
  def test_exactly_dense_when_the_rest_is_one_token(self, form, kind):
    # Halved and 16 classes, so that no rest is below the floor.
    past, current = _logits(kind)[:64, :16] / 2, _logits(kind, 1)[:64, :16] / 2
    dense = {'squared': _dense_squared, 'kl': _dense_kl}[form](past, current)
    actual = _der(current, _compress(past, 15), form)
    chex.assert_trees_all_close(actual, dense, rtol=1e-4, atol=1e-5)

  @parameterized.product(kind=('flat', 'peaked'), change=(0.1, 1.0))
  def test_squared_against_dense_for_changes_everywhere(self, kind, change):
    past = _logits(kind)
    current = past + change * jax.random.normal(jax.random.key(9), past.shape)
    dense = _dense_squared(past, current)
    actual = _der(current, _compress(past, 32), 'squared')
    # The stated error: 10 % of the mean. A token's own estimate comes from 33
    # of 512 classes, hence a relative standard deviation near sqrt(2 / 32).
    self.assertLess(abs(actual.mean() / dense.mean() - 1.0), 0.1)
    self.assertLess((actual / dense - 1.0).std(), 1.5 * np.sqrt(2 / 32))

  def test_squared_against_dense_for_a_change_of_one_stored_token(self):
    past = _logits('flat')
    top = past.argmax(axis=-1)
    bump = jax.nn.one_hot(top, V)
    dense = _dense_squared(past, past + bump)
    actual = _der(past + bump, _compress(past, 32), 'squared')
    # One class of n moved by 1: variance (1 - 1 / n) / n, n = 33 against 512.
    expected = (1 - 1 / 33) / 33 / ((1 - 1 / V) / V)
    chex.assert_trees_all_close(
        actual / dense, jnp.full(TOKENS, expected), rtol=1e-2
    )

  @parameterized.product(kind=('flat', 'peaked'), k=(1, 8, 64))
  def test_kl_is_a_lower_bound_that_tightens(self, kind, k):
    past = _logits(kind)
    current = past + jax.random.normal(jax.random.key(9), past.shape)
    dense = _dense_kl(past, current)
    coarse = _der(current, _compress(past, k), 'kl')
    finer = _der(current, _compress(past, 2 * k), 'kl')
    self.assertTrue((coarse >= -1e-5).all())
    self.assertTrue((coarse <= finer + 1e-4).all())
    self.assertTrue((finer <= dense + 1e-4).all())

  def test_kl_gap_is_the_rest_times_the_kl_within_it(self):
    past = _logits('flat')
    current = past + jax.random.normal(jax.random.key(9), past.shape)
    stored = _compress(past, 64)
    outside = jnp.put_along_axis(
        jnp.ones_like(past, bool), stored.indices, False, axis=-1,
        inplace=False,
    )
    within = [
        jax.nn.log_softmax(jnp.where(outside, x, -1e9)) for x in (past, current)
    ]
    kl = jnp.where(
        outside, jnp.exp(within[0]) * (within[0] - within[1]), 0.0
    ).sum(axis=-1)
    gap = _dense_kl(past, current) - _der(current, stored, 'kl')
    chex.assert_trees_all_close(gap, jnp.exp(stored.log_rest) * kl, atol=1e-4)

  @parameterized.parameters(*anchoring.FORMS)
  def test_masked_tokens_are_inert(self, form):
    logits = _logits('flat')[:4]
    stored = _compress(logits, 8)
    mask = jnp.array([True, False, True, True])
    junk = jax.tree.map(lambda x: x.at[1].set(0), stored).replace(
        values=stored.values.at[1].set(np.nan),
        log_rest=stored.log_rest.at[1].set(-np.inf),
    )
    current = logits + _logits('flat', 1)[:4]

    def total(current, stored):
      return _der(current, stored, form, mask).sum()

    value_and_grad = jax.jit(jax.value_and_grad(total))
    clean, dirty = (value_and_grad(current, s) for s in (stored, junk))
    chex.assert_trees_all_close(dirty, clean)
    self.assertTrue((dirty[1][1] == 0.0).all())

  @parameterized.parameters(*anchoring.FORMS)
  def test_a_rest_lost_to_rounding_is_not_chased(self, form):
    logits = jnp.zeros(V).at[3].set(60.0)
    stored = _compress(logits, 1).replace(
        log_rest=jnp.array(-np.inf)
    )
    loss, grad = jax.value_and_grad(
        lambda x: _der(x, stored, form, jnp.array(True))
    )(logits)
    self.assertAlmostEqual(float(loss), 0.0, places=6)
    self.assertTrue(jnp.isfinite(grad).all())

  def test_no_gradient_reaches_the_past(self):
    logits = _logits('flat')[:2]

    def loss(past):
      stored = types.TopKLogits(
          past[:, :4], jnp.tile(jnp.arange(4), (2, 1)), past[:, 4]
      )
      return _der(logits, stored, 'kl').sum()

    grad = jax.jit(jax.grad(loss))(jnp.full((2, 5), -2.0))
    chex.assert_trees_all_close(grad, jnp.zeros_like(grad))

  def test_unknown_form_is_named(self):
    stored = _compress(_logits('flat')[:2], 4)
    with self.assertRaisesRegex(ValueError, "form='l1' is unknown"):
      _der(_logits('flat')[:2], stored, 'l1')


class SampleTest(parameterized.TestCase):

  def test_expected_gradient_is_that_of_the_full_kl(self):
    # Five tokens, three kept, many draws at once.
    past = jnp.log(jnp.array([0.6, 0.2, 0.1, 0.07, 0.03]))
    current = jnp.array([0.3, -0.5, 1.0, 0.0, 0.7])
    draws = 100_000
    stored = jax.jit(anchoring.sample, static_argnames='n')(
        jnp.broadcast_to(past, (draws, 5)), 3, jax.random.key(0)
    )

    @jax.jit
    @jax.value_and_grad
    def loss(logits):
      return _der(
          jnp.broadcast_to(logits, (draws, 5)), stored, 'sampled'
      ).mean()

    value, grad = loss(current)
    expected = jax.nn.softmax(current) - jnp.exp(past)
    chex.assert_trees_all_close(grad, expected, atol=4e-3)
    chex.assert_trees_all_close(
        value, _dense_kl(past, current), atol=6e-3
    )
    # At the stored model both are 0 for every draw.
    chex.assert_trees_all_close(
        loss(past), (jnp.zeros(()), jnp.zeros(5)), atol=1e-6
    )

  def test_each_weight_is_right_whatever_the_others_drew(self):
    # Given the priorities of all others, token i is kept while p_i / u exceeds
    # the n-th of them, t; kept, it weighs max(p_i, t). The integral over u of
    # the weight is p_i: exact, for a token above the threshold and below it.
    others = np.log(np.array([0.5, 0.9, 0.2]))  # n = 2: t = 0.5
    for p in (0.1, 0.4, 0.8):
      u = (np.arange(10_000) + 0.5) / 10_000
      kept = np.log(p) - np.log(u) > np.sort(others)[-2]
      self.assertAlmostEqual((kept * max(p, 0.5)).mean(), p, places=3)

  def test_all_but_the_last_are_kept_at_their_own_weight_when_peaked(self):
    logits = jnp.array([20.0, 19.0, 0.0, 0.0])
    for seed in range(4):
      stored = anchoring.sample(logits, 2, jax.random.key(seed))
      self.assertSequenceEqual(sorted(stored.indices.tolist()), [0, 1])
      weight = jnp.exp(jnp.maximum(stored.values, stored.log_rest))
      chex.assert_trees_all_close(
          weight, jax.nn.softmax(logits)[stored.indices], rtol=1e-6
      )

  def test_better_than_independent_draws(self):
    # Twelve independent draws of a peaked distribution repeat its first token.
    past = _logits('peaked')
    current = past + 0.3 * _logits('flat', seed=1)
    exact = _dense_kl(past, current)
    stored = anchoring.sample(past, 12, jax.random.key(2))
    priority = _der(current, stored, 'sampled') - exact
    drawn = jax.random.categorical(
        jax.random.key(3), past, shape=(12, TOKENS)
    ).T
    gap = jax.nn.log_softmax(past) - jax.nn.log_softmax(current)
    gap = jnp.expm1(-gap) + gap
    independent = jnp.take_along_axis(gap, drawn, axis=-1).mean(-1) - exact
    self.assertLess(
        float(jnp.square(priority).mean()),
        0.5 * float(jnp.square(independent).mean()),
    )

  def test_masked_tokens_are_inert_and_too_many_are_refused(self):
    logits = _logits('flat')[:2, :20]
    stored = anchoring.sample(logits, 3, jax.random.key(0))
    broken = stored.replace(values=stored.values.at[1].set(jnp.nan))
    loss = _der(logits + 1.0, broken, 'sampled', jnp.array([True, False]))
    self.assertTrue(jnp.isfinite(loss).all())
    self.assertEqual(float(loss[1]), 0.0)
    with self.assertRaisesRegex(ValueError, 'n=20 must be between'):
      anchoring.sample(logits, 20, jax.random.key(0))


class DenseSquaredTest(absltest.TestCase):

  def test_by_hand(self):
    past, current = jnp.array([1.0, 2.0, 3.0]), jnp.array([0.0, 2.0, 5.0])
    # Differences 1, 0, -2; their mean is -1/3.
    raw = anchoring.dense_squared(past, current, centred=False)
    self.assertAlmostEqual(float(raw), 5 / 3, places=6)
    centred = anchoring.dense_squared(past, current)
    self.assertAlmostEqual(float(centred), 5 / 3 - 1 / 9, places=6)
    shifted = anchoring.dense_squared(past, current + 4.0)
    self.assertAlmostEqual(float(shifted), float(centred), places=5)


if __name__ == '__main__':
  absltest.main()
