"""Scanned layers give what unrolled ones give, and gather one at a time."""

import dataclasses
import functools
import re

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax import sharding
from swm_jax.models import architecture
from swm_jax.models import latents
from swm_jax.models import lora
from swm_jax.models import transformer

UNROLLED = transformer.TransformerConfig(
    vocab_size=64,
    num_layers=3,
    width=32,
    mlp_width=48,
    num_heads=4,
    num_kv_heads=2,
    head_dim=8,
    max_length=32,
)
SCANNED = dataclasses.replace(UNROLLED, scan_layers=True)
# Sums over 32 to 64 terms of size 1, fused in another order.
TOLERANCE = 1e-5


@functools.cache
def _params():
  init = jax.jit(functools.partial(transformer.init_params, UNROLLED))
  return init(jax.random.key(0))


def _stacked():
  return transformer.stack_layers(_params())


def _tokens(B=8, T=7):
  return jax.random.randint(jax.random.key(1), (B, T), 0, 64)


def _attend():
  group = jnp.tile(jnp.array([1, 1, 1, 1, 2, 2, 0]), (8, 1))
  branch = jnp.tile(jnp.array([0, 0, 1, 2, 0, 1, 0]), (8, 1))
  return transformer.Attend(group, branch)


def _run(config, params, tokens, **kwargs):
  model = transformer.Transformer(config)
  return model.apply({'params': params}, tokens, **kwargs)


def _loss(config, params, tokens):
  out = _run(
      config, params, tokens, attend=_attend(), taps=(1,), return_lse=True
  )
  energy = sum(n - l for n, l in zip(out.query_norm, out.lse))
  seen = _attend().group_BxT > 0
  loss = jnp.square(out.logits).mean() + jnp.square(out.latents_BxLxTxD).mean()
  loss += jnp.where(seen[..., None], energy, 0.0).mean()
  return loss, (out.logits, out.latents_BxLxTxD)


def _step(config):
  return jax.value_and_grad(functools.partial(_loss, config), has_aux=True)


@functools.cache
def _expected_step():
  return jax.jit(_step(UNROLLED))(_params(), _tokens())


class ScanTest(parameterized.TestCase):

  def test_stacking_is_undone_by_unstacking(self):
    stacked = _stacked()
    self.assertEqual(stacked['layers']['down'].shape, (3, 48, 32))
    chex.assert_trees_all_equal(transformer.unstack_layers(stacked), _params())
    described = jax.tree.map(
        lambda entry: entry.shape,
        architecture.parameters(SCANNED),
        is_leaf=lambda x: isinstance(x, architecture.Parameter),
    )
    self.assertEqual(jax.tree.map(jnp.shape, stacked), described)
    on_host = transformer.stack_layers(jax.device_get(_params()))
    self.assertIsInstance(on_host['layers']['q'], np.ndarray)
    with self.assertRaisesRegex(ValueError, 'no layer_0 to stack'):
      transformer.stack_layers(stacked)
    with self.assertRaisesRegex(ValueError, "no 'layers' to unstack"):
      transformer.unstack_layers(_params())

  def test_stacked_parameters_are_drawn_with_the_same_spread(self):
    draw = functools.partial(transformer.init_params, SCANNED)
    drawn = jax.jit(draw)(jax.random.key(0))
    chex.assert_trees_all_equal_shapes(drawn, _stacked())
    for name, leaf in drawn['layers'].items():
      deviation = architecture.layer_parameters(UNROLLED)[name].stddev
      for layer in leaf if deviation else ():
        # 512 or more draws: the spread is known to 1 / sqrt(1024), 3 percent.
        self.assertAlmostEqual(float(layer.std()) / deviation, 1.0, delta=0.13)
    self.assertGreater(
        abs(drawn['layers']['q'][0] - drawn['layers']['q'][1]).max(), 0.1
    )

  @parameterized.parameters('none', 'full', 'dots')
  def test_losses_and_gradients_are_equal(self, remat):
    config = dataclasses.replace(SCANNED, remat=remat)
    value, gradient = jax.jit(_step(config))(_stacked(), _tokens())
    chex.assert_trees_all_close(
        (value, transformer.unstack_layers(gradient)),
        _expected_step(),
        atol=TOLERANCE,
    )

  def test_a_mesh_changes_nothing_and_gathers_no_stack(self):
    mesh = sharding.make_mesh({'data': 2, 'fsdp': 2, 'tensor': 2})
    placement = sharding.shardings(mesh, transformer.logical_axes(SCANNED))
    params = sharding.shard_params(_stacked(), placement)
    batch = jax.device_put(_tokens(), sharding.batch_sharding(mesh, 2))
    with sharding.use_mesh(mesh):
      step = jax.jit(
          _step(SCANNED), out_shardings=(None, placement)
      ).lower(params, batch).compile()
      value, gradient = step(params, batch)
    chex.assert_trees_all_close(
        (value, transformer.unstack_layers(gradient)),
        _expected_step(),
        atol=TOLERANCE,
    )
    self.assertEqual(
        gradient['layers']['q'].sharding.spec, placement['layers']['q'].spec
    )
    gathered = re.findall(r'= \w+\[([\d,]+)\]\S* all-gather\(', step.as_text())
    # Weights of one layer, and the embedding: never a stack, nor activations.
    self.assertContainsSubset(
        {'32,24', '32,16'}, set(gathered)  # gate or up, and q; half by tensor
    )
    self.assertEmpty([shape for shape in gathered if shape.count(',') != 1])

  def test_cached_chunks_are_equal(self):
    tokens = _tokens(B=2, T=9)
    expected = jax.jit(functools.partial(_run, UNROLLED))(_params(), tokens)
    run = jax.jit(functools.partial(_run, SCANNED))
    cache = transformer.init_cache(SCANNED, 2, 12)
    logits, start = [], 0
    for width in (5, 1, 3):
      out = run(_stacked(), tokens[:, start : start + width], cache=cache)
      logits.append(out.logits)
      cache, start = out.cache, start + width
    chex.assert_trees_all_close(
        jnp.concatenate(logits, axis=1), expected.logits, atol=TOLERANCE
    )
    # Rows go on from slots of their own.
    ragged = cache._replace(index_B=jnp.array([4, 7]))
    again = run(_stacked(), tokens[jnp.arange(2), ragged.index_B][:, None],
                cache=ragged)
    chex.assert_trees_all_close(
        again.logits[:, 0],
        expected.logits[jnp.arange(2), ragged.index_B],
        atol=TOLERANCE,
    )

  def test_a_cache_is_written_in_place_wherever_it_lies(self):
    config = dataclasses.replace(SCANNED, max_length=1024)
    cache = transformer.init_cache(config, 8, 1024)
    cache = cache._replace(index_B=jnp.arange(8))
    tokens = _tokens(T=1)
    decode = jax.jit(
        lambda params, tokens, cache: _run(config, params, tokens, cache=cache),
        donate_argnums=2,
    )
    alone = decode.lower(_stacked(), tokens, cache).compile()
    size = cache.layers[0].nbytes
    self.assertLess(alone.memory_analysis().temp_size_in_bytes, size)

    mesh = sharding.make_mesh({'data': 2, 'fsdp': 2, 'tensor': 2})
    place = functools.partial(sharding.shardings, mesh)
    rows = ('layers', 'batch', None, 'activation_kv_heads', None)
    placement = (
        place(transformer.logical_axes(SCANNED)),
        place(('batch', None)),
        transformer.Cache((place(rows), place(rows)), place(('batch',))),
    )
    args = jax.device_put((_stacked(), tokens, cache), placement)
    with sharding.use_mesh(mesh):
      cut = decode.lower(*args).compile()
    self.assertNotRegex(cut.as_text(), r'1024[\d,]*\]\S* all-gather\(')
    self.assertLess(cut.memory_analysis().temp_size_in_bytes, size // 8)
    chex.assert_trees_all_close(
        cut(*args), alone(_stacked(), tokens, cache), atol=TOLERANCE
    )

  def test_taps_and_edits_are_equal(self):
    def passage(config, params, tokens):
      edits = {0: lambda h: h + 1.0, 2: jnp.sin, 3: lambda h: 2.0 * h}
      return _run(config, params, tokens, edits=edits, taps=(3, 0, 2))

    ours = jax.jit(functools.partial(passage, SCANNED))(_stacked(), _tokens())
    theirs = jax.jit(functools.partial(passage, UNROLLED))(_params(), _tokens())
    chex.assert_trees_all_close(
        (ours.latents_BxLxTxD, ours.logits),
        (theirs.latents_BxLxTxD, theirs.logits),
        atol=TOLERANCE,
    )

  def test_energy_of_a_layer_is_found_in_the_stack(self):
    h_BxTxD = jax.random.normal(jax.random.key(2), (2, 5, 32))
    valid = jnp.ones((2, 5), bool)
    chex.assert_trees_all_equal(
        latents.hopfield_energy(_stacked(), SCANNED, 1)(h_BxTxD, valid),
        latents.hopfield_energy(_params(), UNROLLED, 1)(h_BxTxD, valid),
    )

  def test_low_rank_updates_merge_equally(self):
    update = lora.init_lora(_stacked(), 2, jax.random.key(3), lora.TARGETS)
    update = jax.tree.map(lambda x: x + 0.1, update)
    self.assertEqual(update['layers']['k']['a'].shape, (3, 32, 2))
    chex.assert_trees_all_close(
        transformer.unstack_layers(lora.merge(_stacked(), update, 4.0)),
        lora.merge(_params(), transformer.unstack_layers(update), 4.0),
        atol=TOLERANCE,
    )
    axes = lora.logical_axes(SCANNED, update)['layers']['down']
    self.assertEqual(axes['a'], ('layers', 'mlp', 'rank'))
    self.assertEqual(axes['b'], ('layers', 'rank', 'embed'))

  def test_a_cache_of_the_other_kind_is_refused(self):
    for config, other in ((SCANNED, UNROLLED), (UNROLLED, SCANNED)):
      with self.assertRaisesRegex(ValueError, 'does not fit a model of 3'):
        _run(
            config,
            _params(),
            _tokens(B=2),
            cache=transformer.init_cache(other, 2, 8),
        )


if __name__ == '__main__':
  absltest.main()
