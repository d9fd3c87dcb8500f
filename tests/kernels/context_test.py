"""Ring attention against the reference, on virtual devices."""

import functools
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.numpy as jnp
from jax.sharding import AxisType
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
import numpy as np

from swm_jax.kernels.attention import context
from swm_jax.kernels.attention import masking
from swm_jax.kernels.attention import reference


def _mesh(**sizes):
  return jax.make_mesh(
      tuple(sizes.values()),
      tuple(sizes),
      axis_types=(AxisType.Auto,) * len(sizes),
  )


def _inputs(B=2, T=64, H=4, K=2, D=8, dtype='float32'):
  keys = jax.random.split(jax.random.key(0), 3)
  return [
      jax.random.normal(key, (B, T, heads, D), dtype)
      for key, heads in zip(keys, (H, K, K))
  ]


def _segments(B, T):
  """A prompt with two completions, another prompt, and padding at the end."""
  place = np.arange(T)
  group = np.select([place < T // 2, place < T - 7], [1, 2], 0)
  branch = np.select([place < T // 5, place < T // 3], [0, 1], 2)
  branch = np.where(group == 1, branch, 0)
  rows = [np.roll(ids, 3) for ids in (group, branch)]
  return tuple(
      jnp.asarray(np.stack([ids, row][:B]), jnp.int32)
      for ids, row in zip((group, branch), rows)
  )


def _with_gradients(attend, inputs):
  """Outputs, and gradients of a loss that reads both of them everywhere."""
  shape = inputs[0].shape
  weights = jax.random.normal(jax.random.key(1), shape)
  lse_weights = jax.random.normal(jax.random.key(2), shape[:-1])

  def loss(*args):
    out, lse = attend(*args)
    seen_lse = jnp.where(lse == -jnp.inf, 0.0, lse)
    return (out * weights).sum() + (seen_lse * lse_weights).sum(), (out, lse)

  step = jax.jit(jax.value_and_grad(loss, (0, 1, 2), has_aux=True))
  (_, outputs), gradients = step(*inputs)
  return outputs, gradients


def _reference(inputs, *, is_causal, segments=None):
  attend = functools.partial(
      reference.dot_product_attention,
      is_causal=is_causal,
      scale=inputs[0].shape[-1] ** -0.5,
  )
  mask = masking.of_segments(segments)
  return _with_gradients(lambda q, k, v: attend(q, k, v, mask), inputs)


def _ring(inputs, mesh, **kwargs):
  attend = functools.partial(
      context.dot_product_attention, mesh=mesh, **kwargs
  )
  return _with_gradients(attend, inputs)


class ContextTest(parameterized.TestCase):

  @parameterized.named_parameters(
      ('causal', dict(context=8), dict(is_causal=True)),
      ('all_see_all', dict(context=4), dict(is_causal=False)),
      ('segments', dict(context=4), dict(is_causal=True, segments=True)),
      ('segments_both_ways', dict(context=2), dict(segments=True)),
      ('one_device', dict(context=1), dict(is_causal=True, segments=True)),
      (
          'all_axes',
          dict(data=2, fsdp=1, tensor=2, context=2),
          dict(is_causal=True, segments=True),
      ),
  )
  def test_equals_reference(self, sizes, masks):
    inputs = _inputs()
    masks = {'is_causal': False} | masks
    if masks.pop('segments', False):
      masks['segments'] = _segments(*inputs[0].shape[:2])
    # Chunks of 4 make several of them in a device's part of 8 to 32.
    with mock.patch.object(context, '_CHUNK', 4):
      actual = _ring(inputs, _mesh(**sizes), **masks)
    # Sums of 64 terms of size 1, in another order.
    chex.assert_trees_all_close(actual, _reference(inputs, **masks), atol=1e-5)

  def test_heads_and_rows_that_no_axis_divides_are_not_cut(self):
    inputs = _inputs(B=1, H=6, K=3)
    mesh = _mesh(data=2, tensor=2, context=2)
    chex.assert_trees_all_close(
        _ring(inputs, mesh, is_causal=True),
        _reference(inputs, is_causal=True),
        atol=1e-5,
    )

  def test_chunk_divides_a_part_of_odd_length(self):
    # Parts of 15 tokens; at most 4 to a chunk means 3.
    inputs = _inputs(T=60)
    with mock.patch.object(context, '_CHUNK', 4):
      actual = _ring(inputs, _mesh(context=2), is_causal=True)
    chex.assert_trees_all_close(
        actual, _reference(inputs, is_causal=True), atol=1e-5
    )

  def test_bfloat16_rounds_as_little_as_its_inputs(self):
    inputs = _inputs(dtype='bfloat16')
    (out, lse), gradients = _ring(inputs, _mesh(context=4), is_causal=True)
    self.assertEqual(out.dtype, jnp.bfloat16)
    self.assertEqual(lse.dtype, jnp.float32)
    # Weights and gradients are rounded to 8 bits before they are summed.
    chex.assert_trees_all_close(
        ((out, lse), gradients),
        _reference(inputs, is_causal=True),
        atol=6e-2,
    )

  def test_rows_that_see_nothing_are_zero_with_zero_gradient(self):
    inputs = _inputs(T=32)
    group, branch = _segments(2, 32)
    (out, lse), gradients = _ring(
        inputs, _mesh(context=4), is_causal=True, segments=(group, branch)
    )
    padding = np.asarray(group) == 0
    self.assertTrue(padding.any())
    np.testing.assert_array_equal(np.asarray(out)[padding], 0.0)
    np.testing.assert_array_equal(np.asarray(lse)[padding], -np.inf)
    for gradient in gradients:
      np.testing.assert_array_equal(np.asarray(gradient)[padding], 0.0)

  def test_output_is_cut_over_the_axis(self):
    mesh = _mesh(data=2, context=4)
    place = NamedSharding(mesh, P('data', 'context'))
    inputs = [jax.device_put(x, place) for x in _inputs()]
    out, lse = jax.jit(
        functools.partial(
            context.dot_product_attention, mesh=mesh, is_causal=True
        )
    )(*inputs)
    for x in (out, lse):
      self.assertEqual(x.sharding.shard_shape(x.shape)[:2], (1, 16))

  def test_memory_of_a_device_is_linear_in_its_part(self):
    mesh = _mesh(context=8)
    place = NamedSharding(mesh, P(None, 'context'))

    def temporaries(T):
      aval = jax.ShapeDtypeStruct((1, T, 1, 8), jnp.float32, sharding=place)

      def loss(query, key, value):
        out, lse = context.dot_product_attention(
            query, key, value, mesh=mesh, is_causal=True
        )
        return out.sum() + lse.sum()

      step = jax.jit(jax.grad(loss, (0, 1, 2)))
      compiled = step.lower(aval, aval, aval).compile()
      return compiled.memory_analysis().temp_size_in_bytes

    with mock.patch.object(context, '_CHUNK', 32):
      short, long = temporaries(1024), temporaries(4096)
    # Four times the tokens: four times the memory, where one device's scores
    # would be 16 times: 512 x 4096 x 4 = 8 MB.
    self.assertLess(long, 4.5 * short)
    self.assertLess(long, 2**20)

  def test_a_loop_over_layers_keeps_no_masks(self):
    mesh = _mesh(context=8)
    T = 2048
    place = NamedSharding(mesh, P(None, 'context'))
    hidden = jax.ShapeDtypeStruct((1, T, 1, 8), jnp.float32, sharding=place)
    ids = jax.ShapeDtypeStruct((1, T), jnp.int32, sharding=place)

    def loss(hidden, weights_N, group, branch):
      @jax.checkpoint
      def layer(hidden, weight):
        query = weight * hidden
        out, lse = context.dot_product_attention(
            query, query, query,
            mesh=mesh, is_causal=True, segments=(group, branch),
        )
        return hidden + out, lse

      hidden, lse = jax.lax.scan(layer, hidden, weights_N)
      return hidden.sum() + lse.sum()

    weights_N = jax.ShapeDtypeStruct((3,), jnp.float32)
    with mock.patch.object(context, '_CHUNK', 16):
      step = jax.jit(jax.grad(loss, 1)).lower(hidden, weights_N, ids, ids)
    memory = step.compile().memory_analysis()
    # The masks of all blocks are T^2 / 8 bytes of bool.
    self.assertLess(memory.temp_size_in_bytes, T * T // 8)

  def test_folding_gives_the_outer_parts_to_the_first_device(self):
    mesh = _mesh(context=4)
    ring = context._Ring(mesh, 'context', True, 1.0)
    specs = P(None, 'context', None, None), P(None, 'context')
    place = jnp.arange(8, dtype=jnp.int32)[None]
    folded = context._fold(ring, specs, place)
    np.testing.assert_array_equal(folded[0], [0, 7, 1, 6, 2, 5, 3, 4])
    np.testing.assert_array_equal(
        context._fold(ring, specs, folded, back=True), place
    )

  @parameterized.parameters(
      (dict(T=20), dict(context=8), 'pad them to 32, a multiple of 16'),
      (dict(H=3), dict(context=2), 'must be a multiple'),
      ({}, dict(data=8), "no 'context' to cut"),
  )
  def test_refuses_what_it_cannot_cut(self, shape, sizes, message):
    with self.assertRaisesRegex(ValueError, message):
      context.dot_product_attention(
          *_inputs(**shape), mesh=_mesh(**sizes), is_causal=True
      )


if __name__ == '__main__':
  absltest.main()
