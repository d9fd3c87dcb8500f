"""Products by hand-written gradients are those of autodiff."""

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
from jax import numpy as jnp

from swm_jax.models import block
from swm_jax.models import projection


def draw(*shapes, dtype=jnp.float32):
  keys = jax.random.split(jax.random.key(0), len(shapes))
  return [jax.random.normal(k, s).astype(dtype) for k, s in zip(keys, shapes)]


def plain_norm(x, scale):
  scale = scale[None, None] / jnp.sqrt(
      (x**2).mean(axis=-1, keepdims=True) + 1e-5
  )
  return x * scale


CASES = {
    'project': (
        projection.project, lambda x, w: x @ w, [(2, 3, 4), (4, 5)],
    ),
    'project_gated': (
        projection.project_gated,
        lambda gate, up, w: (gate * jax.nn.sigmoid(gate) * up) @ w,
        [(2, 3, 4), (2, 3, 4), (4, 5)],
    ),
    'rms_norm': (
        lambda x, scale: block.rms_norm(x, scale, 1e-5),
        plain_norm, [(2, 3, 4), (4,)],
    ),
}


class ProjectionTest(parameterized.TestCase):

  @parameterized.parameters(*CASES)
  def test_value_and_gradients_are_those_of_autodiff(self, case):
    fn, plain, shapes = CASES[case]
    args = draw(*shapes)

    def loss(fn, *args):
      return jnp.sin(fn(*args)).sum()

    argnums = tuple(range(1, len(args) + 1))
    actual = jax.jit(jax.value_and_grad(loss, argnums), static_argnums=0)(
        fn, *args
    )
    expected = jax.value_and_grad(loss, argnums)(plain, *args)
    chex.assert_trees_all_close(actual, expected, rtol=1e-5, atol=1e-5)

  def test_gradient_has_the_dtype_of_its_array(self):
    [x] = draw((2, 3, 4), dtype=jnp.bfloat16)
    [weight] = draw((4, 5))
    d_x, d_weight = jax.grad(
        lambda x, w: projection.project(x, w).sum().astype(jnp.float32), (0, 1)
    )(x, weight)
    self.assertEqual((d_x.dtype, d_weight.dtype), (x.dtype, weight.dtype))

  def test_saved_products_are_found_by_name(self):
    x, weight, down = draw((2, 3, 4), (4, 5), (5, 4))

    def loss(x, weight, down):
      up = projection.project(x, weight)
      return jnp.sin(projection.project_gated(up, up, down)).sum()

    policy = jax.checkpoint_policies.save_only_these_names(projection.PRODUCT)
    products = lambda fn: str(
        jax.make_jaxpr(jax.grad(fn, (0, 1, 2)))(x, weight, down)
    ).count('dot_general[')
    # Two forward, and two gradients of each backward; none computed again.
    self.assertEqual(products(loss), 6)
    self.assertEqual(products(jax.checkpoint(loss, policy=policy)), 6)


if __name__ == '__main__':
  absltest.main()
