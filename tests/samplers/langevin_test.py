"""Tests of the Langevin update and of noise on a residual stream."""

import functools

from absl.testing import parameterized
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.models import latents
from swm_jax.models import transformer
from swm_jax.samplers import langevin


def quadratic(h):
  return 0.5 * (h**2).sum(axis=tuple(range(1, h.ndim)))


def stream(B=3, T=5, D=16, seed=0):
  rng = np.random.default_rng(seed)
  h = rng.standard_normal((B, T, D)).astype(np.float32)
  valid = np.arange(T)[None] < np.array([5, 3, 1])[:B, None]
  keys = jax.random.split(jax.random.key(1), B)
  return jnp.asarray(h), jnp.asarray(valid), keys


@functools.cache
def energies():
  config = transformer.TransformerConfig(
      vocab_size=7, num_layers=2, width=16, mlp_width=16, num_heads=2,
      num_kv_heads=1, head_dim=8,
  )
  params = transformer.init_params(config, jax.random.key(0))
  weight_D = jax.random.normal(jax.random.key(2), (16,))
  return {
      'hopfield': jax.jit(latents.hopfield_energy(params, config, 1)),
      'entropy': jax.jit(latents.entropy_energy(params, config, 1)),
      'head': jax.jit(latents.head_energy(latents.Head(weight_D, 0.5))),
      'none': None,
  }


class LangevinStepTest(parameterized.TestCase):

  def test_one_step_by_hand(self):
    # h = 2, grad = 2, e = 0.04, t = 0.5, xi = 3:
    # 2 - 0.02 * 2 + 0.2 * 0.5 * 3 = 2.26; energy 2.26^2 / 2.
    state = langevin.init(jnp.array([[2.0]]), quadratic)
    state = langevin.langevin_step(
        jnp.array([[3.0]]), state, quadratic, 0.04, 0.5
    )
    np.testing.assert_allclose(state.position, [[2.26]], rtol=1e-6)
    np.testing.assert_allclose(state.energy_B, [2.26**2 / 2], rtol=1e-6)
    np.testing.assert_allclose(state.gradient, [[2.26]], rtol=1e-6)

  @parameterized.parameters((0.5, 1.0), (1.0, 0.5))
  def test_stationary_variance_is_that_of_the_discretisation(self, e, t):
    chains, burn_in, steps = 2000, 40, 100

    def step(state, key):
      noise = jax.random.normal(key, state.position.shape)
      state = langevin.langevin_step(noise, state, quadratic, e, t)
      return state, jnp.mean(state.position**2)

    state = langevin.init(jnp.zeros((chains, 1)), quadratic)
    keys = jax.random.split(jax.random.key(0), burn_in + steps)
    _, squares = jax.lax.scan(step, state, keys)
    expected = t**2 / (1 - e / 4)
    # Squares of one chain decorrelate as (1 - e/2)^2n: n / (1 + a) * (1 - a)
    # independent ones, each of relative standard deviation sqrt(2).
    a = (1 - e / 2) ** 4
    error = np.sqrt(2 / (chains * steps) * (1 + a) / (1 - a))
    np.testing.assert_allclose(
        squares[burn_in:].mean(), expected, rtol=4 * error
    )

  def test_temperature_zero_descends_the_energy(self):
    state = langevin.init(jnp.array([[3.0, -1.0]]), quadratic)
    after = langevin.langevin_step(
        jnp.ones((1, 2)), state, quadratic, 0.1, 0.0
    )
    self.assertLess(float(after.energy_B[0]), float(state.energy_B[0]))


class PerturbTest(parameterized.TestCase):

  def test_noise_is_relative_to_the_rms_of_each_position(self):
    h, valid, keys = stream(D=4096)
    h = h * jnp.array([1.0, 10.0, 0.1, 3.0, 7.0])[None, :, None]
    moved = langevin.perturb(
        h, valid, keys, None, step_size=0.25, noise=0.4, steps=4
    )
    rms = lambda x: np.sqrt(np.mean(np.square(x), axis=-1))
    # sqrt(steps * step_size) * noise = 0.4; 4096 numbers know it to 1.1 %.
    ratio = rms(moved - h) / rms(h)
    np.testing.assert_allclose(ratio[np.asarray(valid)], 0.4, rtol=0.06)
    np.testing.assert_array_equal(
        np.asarray(moved)[~np.asarray(valid)], np.asarray(h)[~np.asarray(valid)]
    )

  def test_a_row_does_not_depend_on_the_others(self):
    h, valid, keys = stream()
    kwargs = dict(step_size=0.1, noise=0.3, steps=2)
    together = langevin.perturb(h, valid, keys, None, **kwargs)
    alone = langevin.perturb(h[1:2], valid[1:2], keys[1:2], None, **kwargs)
    np.testing.assert_array_equal(together[1:2], alone)

  def test_noise_does_not_depend_on_the_room_for_the_prompt(self):
    h, valid, keys = stream()
    kwargs = dict(step_size=0.1, noise=0.3, steps=2)
    room = [(0, 0), (0, 11)]
    wide = langevin.perturb(
        jnp.pad(h, (*room, (0, 0))), jnp.pad(valid, room), keys, None, **kwargs
    )
    narrow = langevin.perturb(h, valid, keys, None, **kwargs)
    np.testing.assert_array_equal(wide[:, :5], narrow)

  def test_drift_descends_the_hopfield_energy_of_the_layer(self):
    config = transformer.TransformerConfig(
        vocab_size=7, num_layers=2, width=16, mlp_width=16, num_heads=2,
        num_kv_heads=1, head_dim=8,
    )
    params = transformer.init_params(config, jax.random.key(0))
    energy_fn = latents.hopfield_energy(params, config, 1)
    h, valid, keys = stream()
    moved = langevin.perturb(
        h, valid, keys, energy_fn, step_size=0.02, noise=0.0, steps=5
    )
    before, after = energy_fn(h, valid), energy_fn(moved, valid)
    self.assertTrue(np.all(np.asarray(after) < np.asarray(before)))

  @parameterized.parameters('entropy', 'none')
  def test_only_the_last_position_moves_where_asked(self, energy):
    energy_fn = energies()[energy]
    h, valid, keys = stream()
    kwargs = dict(step_size=0.3, noise=0.4, steps=2)
    last = langevin.perturb(
        h, valid, keys, energy_fn, positions='last', **kwargs
    )
    for b, length in enumerate((5, 3, 1)):
      moved = np.abs(np.asarray(last - h)[b]).max(axis=-1)
      np.testing.assert_array_equal(
          moved > 0, np.arange(5) == length - 1
      )
    if energy == 'none':
      # The same draw as where all positions move.
      everywhere = langevin.perturb(h, valid, keys, None, **kwargs)
      np.testing.assert_array_equal(last[0, 4], everywhere[0, 4])

  @parameterized.parameters(
      ('hopfield', 'all'), ('entropy', 'all'), ('head', 'all'),
      ('hopfield', 'last'),
  )
  def test_a_step_without_noise_is_that_of_the_gradient(
      self, energy, positions
  ):
    energy_fn = energies()[energy]
    h, valid, keys = stream()
    e = 0.05
    moved = langevin.perturb(
        h, valid, keys, energy_fn, step_size=e, noise=0.0, steps=1,
        positions=positions,
    )
    gradient = jax.grad(lambda h: energy_fn(h, valid).sum())(h)
    mean_square = np.mean(np.square(h), axis=-1, keepdims=True)
    expected = np.asarray(h - e / 2 * mean_square * gradient)
    moves = np.asarray(valid)
    if positions == 'last':
      moves = np.arange(5)[None] == np.array([[4], [2], [0]])
    expected = np.where(moves[..., None], expected, h)
    np.testing.assert_allclose(moved, expected, atol=1e-5)
    self.assertTrue(
        np.all(np.asarray(energy_fn(moved, valid) < energy_fn(h, valid)))
    )

  def test_content_of_padding_is_inert(self):
    config = transformer.TransformerConfig(
        vocab_size=7, num_layers=1, width=16, mlp_width=16, num_heads=2,
        num_kv_heads=1, head_dim=8,
    )
    params = transformer.init_params(config, jax.random.key(0))
    energy_fn = latents.hopfield_energy(params, config, 0)
    h, valid, keys = stream()
    other = jnp.where(valid[..., None], h, 5.0)
    run = jax.jit(
        lambda x: langevin.perturb(
            x, valid, keys, energy_fn, step_size=0.1, noise=0.2, steps=2
        )
    )
    inside = np.asarray(valid)
    np.testing.assert_array_equal(run(h)[inside], run(other)[inside])

  def test_identity_and_bad_arguments(self):
    kwargs = dict(layer=1, step_size=0.1, noise=0.2)
    self.assertFalse(langevin.Perturbation(**kwargs).is_identity)
    for change in (
        dict(step_size=0.0), dict(steps=0), dict(noise=0.0, energy='none')
    ):
      self.assertTrue(
          langevin.Perturbation(**(kwargs | change)).is_identity
      )
    with self.assertRaisesRegex(ValueError, "energy 'spin' is not one of"):
      langevin.Perturbation(**kwargs, energy='spin')
    with self.assertRaisesRegex(ValueError, "positions 'first' is not one of"):
      langevin.Perturbation(**kwargs, positions='first')
    with self.assertRaisesRegex(ValueError, 'must not be negative'):
      langevin.Perturbation(layer=1, step_size=-0.1, noise=0.2)
