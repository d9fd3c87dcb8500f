"""Tests of energies of the residual stream, and of the head of one of them."""

import dataclasses
import functools

from absl.testing import absltest
import chex
import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
import scipy.special

from swm_jax.models import latents
from swm_jax.models import transformer

CONFIG = transformer.TransformerConfig(
    vocab_size=20,
    num_layers=2,
    width=16,
    mlp_width=24,
    num_heads=4,
    num_kv_heads=2,
    head_dim=4,
)


@functools.cache
def _params():
  init = jax.jit(functools.partial(transformer.init_params, CONFIG))
  return init(jax.random.key(0))


def _energy(layer):
  return jax.jit(latents.hopfield_energy(_params(), CONFIG, layer))


def _both(layer):
  return jax.jit(
      latents.energy_and_gradient(
          latents.hopfield_energy(_params(), CONFIG, layer)
      )
  )


class HopfieldEnergyTest(absltest.TestCase):

  def test_equals_the_sum_of_the_parts_the_model_returns(self):
    tokens = jax.random.randint(jax.random.key(1), (3, 6), 0, 20)
    run = functools.partial(
        transformer.Transformer(CONFIG).apply, taps=(1,), return_lse=True
    )
    out = jax.jit(run)({'params': _params()}, tokens)
    beta = CONFIG.head_dim**-0.5
    parts_BxT = (out.query_norm[1] - out.lse[1]).sum(-1) / beta
    length_B = jnp.array([6, 4, 1])
    valid = jnp.arange(6)[None] < length_B[:, None]
    energy = _energy(1)
    chex.assert_trees_all_close(
        energy(out.latents_BxLxTxD[:, 0], valid),
        (parts_BxT * valid).sum(-1) / length_B,
        atol=1e-5,
    )

  def test_one_attention_step_never_raises_the_energy_of_a_state(self):
    # The update xi <- softmax(beta K xi) K, at fixed patterns.
    K_SxD = jax.random.normal(jax.random.key(2), (7, 4))
    beta = 0.5
    energy = lambda xi: (
        -jax.nn.logsumexp(beta * (K_SxD @ xi)) / beta + 0.5 * xi @ xi
    )
    xi = 3.0 * jax.random.normal(jax.random.key(3), (4,))
    for _ in range(20):
      after = jax.nn.softmax(beta * (K_SxD @ xi)) @ K_SxD
      self.assertLessEqual(energy(after), energy(xi) + 1e-5)
      xi = after

  def test_gradient_agrees_with_finite_differences(self):
    h = jax.random.normal(jax.random.key(4), (2, 5, 16))
    valid = jnp.arange(5)[None] < jnp.array([[5], [3]])
    energy = _energy(0)
    value, gradient = _both(0)(h, valid)
    chex.assert_trees_all_close(value, energy(h, valid), rtol=1e-6)
    direction = jax.random.normal(jax.random.key(5), h.shape)
    # Central differences in float32: error about 1e-7 |E| / step.
    step = 1e-2
    difference = energy(h + step * direction, valid) - energy(
        h - step * direction, valid
    )
    np.testing.assert_allclose(
        (gradient * direction).sum((1, 2)), difference / (2 * step), rtol=0.02
    )
    # Norms make the energy blind to the length of each h.
    np.testing.assert_allclose((gradient * h).sum(-1), 0.0, atol=1e-4)

  def test_padding_is_inert(self):
    h = jax.random.normal(jax.random.key(4), (1, 5, 16))
    valid = jnp.array([[True, True, True, False, False]])
    both = _both(0)
    changed = jnp.where(valid[..., None], h, 9.0)
    value, gradient = both(h, valid)
    chex.assert_trees_all_equal(both(changed, valid), (value, gradient))
    np.testing.assert_array_equal(gradient[:, 3:], 0.0)
    short, _ = both(h[:, :3], valid[:, :3])
    chex.assert_trees_all_close(value, short, rtol=1e-5)
    empty, gradient = both(h, jnp.zeros_like(valid))
    np.testing.assert_array_equal(empty, 0.0)
    np.testing.assert_array_equal(gradient, 0.0)

  def test_rows_do_not_mix(self):
    h = jax.random.normal(jax.random.key(4), (2, 5, 16))
    valid = jnp.ones((2, 5), bool)
    energy = _energy(1)
    chex.assert_trees_all_close(
        energy(h, valid)[1:], energy(h[1:], valid[1:]), rtol=1e-6
    )

  def test_unknown_layer(self):
    with self.assertRaisesRegex(ValueError, r'layer 2 has no attention'):
      latents.hopfield_energy(_params(), CONFIG, 2)


class EntropyEnergyTest(absltest.TestCase):

  def test_is_the_entropy_of_what_the_model_predicts_after_the_prompt(self):
    tokens = jax.random.randint(jax.random.key(1), (3, 6), 0, 20)
    length_B = jnp.array([6, 4, 1])
    valid = jnp.arange(6)[None] < length_B[:, None]
    for scan in (False, True):
      config = dataclasses.replace(CONFIG, scan_layers=scan)
      params = transformer.stack_layers(_params()) if scan else _params()

      @jax.jit
      def read(params, tokens, config=config):
        out = transformer.Transformer(config).apply(
            {'params': params}, tokens, taps=(0, 1, 2), logits_at=length_B - 1
        )
        return out.logits, [
            latents.entropy_energy(params, config, layer)(
                out.latents_BxLxTxD[:, layer], valid
            )
            for layer in range(3)
        ]

      logits_BxV, energies = read(params, tokens)
      p_BxV = np.asarray(jax.nn.softmax(logits_BxV, axis=-1), np.float64)
      for energy_B in energies:
        np.testing.assert_allclose(
            energy_B, -(p_BxV * np.log(p_BxV)).sum(axis=-1), atol=1e-5
        )

  def test_unknown_layer(self):
    with self.assertRaisesRegex(ValueError, r'layer 3 does not exist'):
      latents.entropy_energy(_params(), CONFIG, 3)


class HeadTest(absltest.TestCase):

  def test_energy_is_minus_the_log_odds_of_the_last_position(self):
    # (3, 4) has mean square 12.5: unit (0.8485, 1.1314).
    head = latents.Head(jnp.array([2.0, -1.0]), jnp.float32(0.5))
    h_BxTxD = jnp.array([[[3.0, 4.0], [9.0, 9.0]], [[9.0, 9.0], [6.0, 8.0]]])
    valid = jnp.array([[True, False], [True, True]])
    expected = -((2 * 3 - 4) / np.sqrt(12.5) + 0.5)
    np.testing.assert_allclose(
        latents.head_energy(head)(h_BxTxD, valid), [expected] * 2, rtol=1e-5
    )

  def test_fit_is_the_minimum_of_the_regularised_loss(self):
    rng = np.random.default_rng(0)
    x_BxD = rng.standard_normal((60, 6)) * np.array([1, 1, 4, 0.5, 1, 1])
    x_BxD /= np.sqrt(np.mean(x_BxD**2, axis=1, keepdims=True))
    chance_B = scipy.special.expit(2 * x_BxD[:, 0] - x_BxD[:, 2] + 0.5)
    passed_B = rng.random(60) < chance_B
    z_BxD = (x_BxD - x_BxD.mean(axis=0)) / x_BxD.std(axis=0)
    l2 = 0.05

    def loss(parameters):
      w_D, bias = parameters[:-1], parameters[-1]
      logit_B = z_BxD @ w_D + bias
      cross_entropy = np.logaddexp(0, logit_B).sum() - logit_B[passed_B].sum()
      # One pass and one failure more, at the mean of the features.
      prior = 2 * np.logaddexp(0, bias) - bias
      return cross_entropy + prior + 60 * l2 / 2 * w_D @ w_D

    best = scipy.optimize.minimize(loss, np.zeros(7), tol=1e-10).x
    # Latents of any scale: the head sees their direction alone.
    head = latents.fit_head(7 * x_BxD, passed_B, l2=l2)
    np.testing.assert_allclose(
        latents.log_odds(head, jnp.asarray(x_BxD)),
        z_BxD @ best[:-1] + best[-1],
        atol=1e-3,
    )
    self.assertGreater(
        np.corrcoef(latents.log_odds(head, jnp.asarray(x_BxD)), chance_B)[0, 1],
        0.8,
    )

  def test_one_outcome_alone_gives_its_rate_nearly(self):
    x_BxD = jax.random.normal(jax.random.key(0), (8, 3))
    head = latents.fit_head(x_BxD, jnp.ones(8))
    # 9 passes and 1 failure: log-odds log 9, but for what features explain.
    np.testing.assert_allclose(
        latents.log_odds(head, x_BxD), np.log(9), atol=1.0
    )
    self.assertTrue(np.all(np.isfinite(head.weight_D)))

  def test_a_dimension_that_never_varies_has_no_weight(self):
    x_BxD = jnp.array([[1.0, 1.0], [1.0, -1.0], [1.0, 1.0], [1.0, -1.0]])
    head = latents.fit_head(x_BxD, jnp.array([1.0, 0.0, 1.0, 0.0]))
    self.assertEqual(float(head.weight_D[0]), 0.0)
    self.assertGreater(float(head.weight_D[1]), 1.0)


if __name__ == '__main__':
  absltest.main()
