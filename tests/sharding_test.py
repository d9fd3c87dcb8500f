"""Tests of meshes and rules on 8 virtual devices."""

import dataclasses
import functools

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
import numpy as np

from swm_jax import sharding
from swm_jax.models import lora
from swm_jax.models import transformer

CONFIG = transformer.TransformerConfig(
    vocab_size=64,
    num_layers=1,
    width=32,
    mlp_width=48,
    num_heads=4,
    num_kv_heads=2,
    head_dim=8,
)
MESHES = (
    ('cube', {'data': 2, 'fsdp': 2, 'tensor': 2}),
    ('data', {'data': 8}),
    ('fsdp_tensor', {'data': 1, 'fsdp': 4, 'tensor': 2}),
)


@functools.cache
def _params():
  init = jax.jit(functools.partial(transformer.init_params, CONFIG))
  return init(jax.random.key(0))


def _loss(params, tokens):
  logits = transformer.Transformer(CONFIG).apply(
      {'params': params}, tokens
  ).logits
  return -jax.nn.log_softmax(logits)[..., 3].mean(), logits


class ShardingTest(parameterized.TestCase):

  @parameterized.named_parameters(*MESHES)
  def test_mesh_changes_no_result(self, shape):
    params = _params()
    tokens = jax.random.randint(jax.random.key(1), (8, 6), 0, 64)
    step = jax.value_and_grad(_loss, has_aux=True)
    (loss, logits), gradient = jax.jit(step)(params, tokens)

    mesh = sharding.make_mesh(shape)
    placement = sharding.shardings(mesh, transformer.logical_axes(CONFIG))
    sharded = sharding.shard_params(params, placement)
    batch = jax.device_put(tokens, sharding.batch_sharding(mesh, 2))
    with sharding.use_mesh(mesh):
      (loss_8, logits_8), gradient_8 = jax.jit(
          step, out_shardings=((None, None), placement)
      )(sharded, batch)
    # Sums over 32 to 64 terms of size 1 in another order.
    chex.assert_trees_all_close(
        (loss_8, logits_8, gradient_8), (loss, logits, gradient), atol=1e-5
    )
    jax.tree.map(
        lambda x, s: self.assertEqual(x.sharding.spec, s.spec),
        gradient_8,
        placement,
    )
    # Batch over data and fsdp, vocabulary over tensor, each if longer than 1.
    expected = NamedSharding(mesh, P(('data', 'fsdp'), None, 'tensor'))
    self.assertTrue(logits_8.sharding.is_equivalent_to(expected, 3))

  @parameterized.named_parameters(
      ('plain', False, {}),
      ('packed', True, {'scan_layers': True, 'remat': 'full'}),
  )
  def test_cutting_sequences_changes_no_result(self, packed, options):
    config = dataclasses.replace(CONFIG, num_layers=2, **options)
    init = functools.partial(transformer.init_params, config)
    params = jax.jit(init)(jax.random.key(0))
    tokens = jax.random.randint(jax.random.key(1), (2, 40), 0, 64)
    attend, valid = None, np.ones((2, 40), bool)
    if packed:
      # Prompts of 6 and 4, with completions of 7 and 9, and of 3; padding.
      tile = lambda ids: np.tile(np.repeat(ids, [6, 7, 9, 4, 3, 11]), (2, 1))
      attend = transformer.Attend(
          tile([1, 1, 1, 2, 2, 0]), tile([0, 1, 2, 0, 1, 0])
      )
      valid = attend.group_BxT > 0

    def loss(params, tokens):
      out = transformer.Transformer(config).apply(
          {'params': params}, tokens, attend=attend, return_lse=True
      )
      size_BxT = jnp.square(out.logits).mean(axis=-1)
      terms_BxT = size_BxT + sum(lse.sum(axis=-1) for lse in out.lse)
      logits = jnp.where(valid[..., None], out.logits, 0.0)
      return jnp.where(valid, terms_BxT, 0.0).mean(), logits

    step = jax.value_and_grad(loss, has_aux=True)
    expected = jax.jit(step)(params, tokens)
    mesh = sharding.make_mesh({'data': 2, 'context': 4})
    placement = sharding.shardings(mesh, transformer.logical_axes(config))
    sharded = sharding.shard_params(params, placement)
    batch = jax.device_put(tokens, sharding.batch_sharding(mesh, 2))
    with sharding.use_mesh(mesh):
      compiled = jax.jit(step).lower(sharded, batch).compile()
      actual = compiled(sharded, batch)
    # Sums over 40 tokens in another order.
    chex.assert_trees_all_close(actual, expected, atol=2e-5)
    cut = NamedSharding(mesh, P('data', 'context', None))
    self.assertTrue(actual[0][1].sharding.is_equivalent_to(cut, 3))
    # No device holds activations of all 40 tokens of a row.
    self.assertNotRegex(compiled.as_text(), r'f32\[1,40,\d')
    self.assertRegex(compiled.as_text(), r'f32\[1,10,32')

  @parameterized.named_parameters(*MESHES)
  def test_parameters_are_born_on_their_shards(self, shape):
    mesh = sharding.make_mesh(shape)
    params = sharding.init_params(CONFIG, jax.random.key(0), mesh)
    specs = {
        'embedding': P('tensor', 'fsdp'),
        'final_norm': P(None),
        'q': P('fsdp', 'tensor'),
        'k': P('fsdp', 'tensor'),
        'o': P('tensor', 'fsdp'),
        'down': P('tensor', 'fsdp'),
    }
    for name, spec in specs.items():
      leaf = params[name] if name in params else params['layer_0'][name]
      expected = NamedSharding(mesh, spec)
      self.assertTrue(
          leaf.sharding.is_equivalent_to(expected, leaf.ndim), name
      )
    cut = mesh.shape['fsdp'] * mesh.shape['tensor']
    shard = params['layer_0']['gate'].addressable_shards[0].data
    self.assertEqual(shard.size, 32 * 48 // cut)
    # The draw is the same; XLA may fuse its last rounding differently.
    chex.assert_trees_all_close(params, _params(), rtol=3e-7)

  def test_cached_decode_on_a_mesh(self):
    params = _params()
    tokens = jax.random.randint(jax.random.key(1), (8, 6), 0, 64)
    model = transformer.Transformer(CONFIG)
    cache = transformer.init_cache(CONFIG, 8, 8)
    run = lambda p, t, c: model.apply({'params': p}, t, cache=c).logits
    expected = jax.jit(run)(params, tokens, cache)
    mesh = sharding.make_mesh({'data': 2, 'fsdp': 2, 'tensor': 2})
    placement = sharding.shardings(mesh, transformer.logical_axes(CONFIG))
    with sharding.use_mesh(mesh):
      logits = jax.jit(run)(
          sharding.shard_params(params, placement), tokens, cache
      )
    chex.assert_trees_all_close(logits, expected, atol=1e-5)

  def test_rules_are_data(self):
    rules = [['batch', ['data']], ['embed', 'tensor'], ['rank', None]]
    self.assertEqual(
        sharding.partition_spec(('batch', None, 'embed'), rules),
        P(('data',), None, 'tensor'),
    )
    with self.assertRaisesRegex(ValueError, r"logical axes \['heads'\]"):
      sharding.partition_spec(('embed', 'heads'), rules)

  def test_lora_follows_the_rules(self):
    mesh = sharding.make_mesh({'fsdp': 4, 'tensor': 2})
    shapes = jax.eval_shape(
        functools.partial(transformer.init_params, CONFIG), jax.random.key(0)
    )
    update = lora.init_lora(shapes, 2, jax.random.key(1))
    placed = sharding.shard_params(
        update, sharding.shardings(mesh, lora.logical_axes(CONFIG, update))
    )
    self.assertEqual(
        placed['layer_0']['down']['a'].sharding.spec, P('tensor', None)
    )
    chex.assert_trees_all_equal(placed, update)

  def test_one_axis_takes_the_rest(self):
    mesh = sharding.make_mesh({'data': -1, 'tensor': 2})
    self.assertEqual(
        dict(mesh.shape), {'data': 4, 'fsdp': 1, 'context': 1, 'tensor': 2}
    )

  def test_errors_name_mesh_and_parameter(self):
    with self.assertRaisesRegex(ValueError, r"\['model'\] are not among"):
      sharding.make_mesh({'model': 8})
    with self.assertRaisesRegex(ValueError, 'does not fit the 8 devices'):
      sharding.make_mesh({'data': 3})
    with self.assertRaisesRegex(ValueError, 'does not fit the 8 devices'):
      sharding.make_mesh({'data': -1, 'tensor': 16})
    with self.assertRaisesRegex(ValueError, 'multiply to 8, and one may be -1'):
      sharding.make_mesh({'data': -1, 'context': -1})
    mesh = sharding.make_mesh({'data': 8})
    params = {'layer_0': {'q': np.ones((3, 4))}}
    placement = {'layer_0': {'q': NamedSharding(mesh, P('data'))}}
    with self.assertRaisesRegex(ValueError, r'parameter layer_0/q of shape'):
      sharding.shard_params(params, placement)


if __name__ == '__main__':
  absltest.main()
