"""Log-probabilities in parts are those of all logits at once."""

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
from jax import numpy as jnp
import numpy as np

from swm_jax import chunked_logits
from swm_jax.losses import anchoring
from swm_jax.models import transformer

CONFIG = transformer.TransformerConfig(
    vocab_size=40, num_layers=1, width=8, mlp_width=16, num_heads=2,
    num_kv_heads=1, head_dim=4,
)
R, M, K = 2, 7, 3


def inputs():
  rng = np.random.default_rng(0)
  table = jnp.asarray(rng.normal(size=(40, 8)), jnp.float32)
  hidden = jnp.asarray(2 * rng.normal(size=(R, M, 8)), jnp.float32)
  target = jnp.asarray(rng.integers(0, 40, (R, M)), jnp.int32)
  drawn = np.stack([rng.permutation(40)[:K] for _ in range(R * M)])
  indices = jnp.asarray(drawn.reshape(R, M, K), jnp.int32)
  # Some targets are among the stored classes.
  there = (indices == target[..., None]).any(axis=-1)
  first = jnp.where(there, indices[..., 0], target)
  indices = indices.at[:, ::2, 0].set(first[:, ::2])
  weights = jnp.asarray(rng.normal(size=(R, M, K + 2)), jnp.float32)
  return table, hidden, target, indices, weights


def dense(params, hidden, target, indices):
  logits = transformer.logits_from_hidden(params, hidden, CONFIG)
  log_prob = jnp.take_along_axis(
      jax.nn.log_softmax(logits), target[..., None], axis=-1
  )[..., 0]
  if indices is None:
    return log_prob, None, None
  return log_prob, *anchoring.top_k_log_probs(logits, indices)


def chunked(params, hidden, target, indices):
  log_prob, stored = chunked_logits.log_probs(
      params, hidden, CONFIG, target, indices
  )
  if indices is None:
    return log_prob, None, None
  return log_prob, stored.values, stored.log_rest


class LogProbsTest(parameterized.TestCase):

  @parameterized.product(
      stored=(False, True),
      trains_table=(False, True),
      at_once=(256, 4),  # one part, and parts that do not divide M
  )
  def test_values_and_gradients_are_the_dense_ones(
      self, stored, trains_table, at_once
  ):
    table, hidden, target, indices, weights = inputs()
    indices = indices if stored else None

    def loss(trained, form):
      read = form(
          {'embedding': table} | trained, trained['hidden'], target, indices
      )
      log_prob, values, log_rest = read
      # Not linear, so that a cotangent differs from a weight known before.
      total = jnp.sin(log_prob * weights[..., 0]).sum()
      if stored:
        total += (jnp.square(values) * weights[..., 2:]).sum()
        total += (jnp.square(log_rest) * weights[..., 1]).sum()
      return total, read

    trained = {'hidden': hidden}
    if trains_table:
      trained['embedding'] = table
    with absltest.mock.patch.object(chunked_logits, '_AT_ONCE', at_once):
      parts, _ = chunked_logits.parts_of(R, M)
      self.assertEqual(parts, 1 if at_once > M else 4)
      actual = jax.jit(jax.value_and_grad(
          lambda x: loss(x, chunked), has_aux=True
      ))(trained)
    expected = jax.value_and_grad(
        lambda x: loss(x, dense), has_aux=True
    )(trained)
    # Float32 sums in another order.
    chex.assert_trees_all_close(actual, expected, rtol=2e-5, atol=2e-5)

  def test_products_of_one_part(self):
    table, hidden, target, _, _ = inputs()

    def flops(*argnums):
      def loss(table, hidden):
        log_prob, _ = chunked_logits.log_probs(
            {'embedding': table}, hidden, CONFIG, target
        )
        return jnp.square(log_prob).sum()

      compiled = jax.jit(jax.grad(loss, argnums)).lower(table, hidden).compile()
      return compiled.cost_analysis()['flops'] / (2 * R * M * table.size)

    # Logits and one or two gradients: XLA merges the second logits of a single
    # part with the first. The rest is elementwise, which counts at width 8.
    self.assertBetween(flops(1), 2.0, 2.9)
    self.assertBetween(flops(0, 1), 3.0, 3.9)

  def test_frozen_table_makes_no_logits_in_the_backward(self):
    table, hidden, target, _, _ = inputs()

    def products(argnum):
      def loss(table, hidden):
        log_prob, _ = chunked_logits.log_probs(
            {'embedding': table}, hidden, CONFIG, target
        )
        return jnp.square(log_prob).sum()

      return str(jax.make_jaxpr(jax.grad(loss, argnum))(table, hidden)).count(
          'dot_general'
      )

    with absltest.mock.patch.object(chunked_logits, '_AT_ONCE', 4):
      self.assertEqual(products(1), 2)
      self.assertEqual(products(0), 4)

  def test_stored_class_of_almost_all_mass_has_finite_gradients(self):
    table, hidden, target, indices, _ = inputs()
    table = table.at[indices[0, 0, 1]].set(60 * hidden[0, 0])

    def loss(hidden):
      _, values, log_rest = chunked(
          {'embedding': table}, hidden, target, indices
      )
      return values.sum() + log_rest.sum()

    gradient = jax.grad(loss)(hidden)
    self.assertTrue(np.isfinite(gradient).all())

  def test_any_function_of_logits_is_applied_in_parts(self):
    table, hidden, target, _, _ = inputs()
    params = {'embedding': table}
    apply = lambda: chunked_logits.map_logits(
        lambda logits, target: (logits.max(axis=-1), target), params, hidden,
        CONFIG, target,
    )
    whole = apply()
    with absltest.mock.patch.object(chunked_logits, '_AT_ONCE', 4):
      parts = apply()
    chex.assert_trees_all_close(parts, whole, rtol=1e-6)


if __name__ == '__main__':
  absltest.main()
