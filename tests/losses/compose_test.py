"""Tests of the composed loss."""

from absl.testing import absltest
import jax
import jax.numpy as jnp

from swm_jax.losses import compose


class ComposeTest(absltest.TestCase):

  def test_by_hand_and_every_term_is_reported(self):
    terms = {'ce': jnp.array(2.0), 'cd': jnp.array(3.0), 'der': jnp.array(5.0)}
    total, reported = compose.compose(
        terms, compose.LossWeights(ce=1.0, cd=0.5, der=0.1)
    )
    self.assertAlmostEqual(float(total), 2.0 + 1.5 + 0.5)
    self.assertEqual(reported, terms)

  def test_a_term_of_weight_zero_is_reported_and_not_added(self):
    weights = compose.LossWeights()
    terms = {'ce': jnp.array(2.0), 'cd': jnp.array(jnp.nan)}
    total, reported = compose.compose(terms, weights)
    self.assertEqual(total, 2.0)
    self.assertIn('cd', reported)
    grad = jax.grad(
        lambda x: compose.compose({'ce': x, 'cd': jnp.log(x)}, weights)[0]
    )(jnp.array(0.0))
    self.assertEqual(grad, 1.0)

  def test_mistakes_are_named(self):
    with self.assertRaisesRegex(ValueError, 'no weight for kl'):
      compose.compose({'kl': jnp.array(0.0)}, compose.LossWeights())
    with self.assertRaisesRegex(ValueError, 'der=0.5 but no such term'):
      compose.compose(
          {'ce': jnp.array(0.0)}, compose.LossWeights(der=0.5)
      )


if __name__ == '__main__':
  absltest.main()
