"""Tests of the transformer: masks, cache, packing, edits, taps, numerics."""

import dataclasses
import functools

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.models import architecture
from swm_jax.models import block
from swm_jax.models import transformer

CONFIG = transformer.TransformerConfig(
    vocab_size=50,
    num_layers=2,
    width=32,
    mlp_width=48,
    num_heads=4,
    num_kv_heads=2,
    head_dim=8,
    max_length=32,
)
# Logits are sums over 32 channels of size 1 in another order.
TOLERANCE = 1e-5


@functools.cache
def _params(config=CONFIG):
  init = jax.jit(functools.partial(transformer.init_params, config))
  return init(jax.random.key(0))


def _tokens(B=2, T=7, seed=1):
  return jax.random.randint(jax.random.key(seed), (B, T), 0, 50)


@functools.cache
def _compiled(config, **static):
  model = transformer.Transformer(config)
  return jax.jit(
      lambda params, tokens, arrays: model.apply(
          {'params': params}, tokens, **arrays, **static
      )
  )


def _apply(params, tokens, *, config=CONFIG, edits=None, **kwargs):
  """Applies the model, compiled once for each set of static arguments."""
  arrays = {
      name: kwargs.pop(name)
      for name in ('positions_BxT', 'attend', 'cache', 'logits_at')
      if name in kwargs
  }
  run = _compiled if edits is None else _compiled.__wrapped__
  return run(config, edits=edits, **kwargs)(params, tokens, arrays)


class TransformerTest(parameterized.TestCase):

  @parameterized.parameters(True, False)
  def test_trees_agree_in_structure(self, tied):
    config = dataclasses.replace(CONFIG, tied_embeddings=tied)
    params = _params(config)
    self.assertEqual('lm_head' in params, not tied)
    axes = transformer.logical_axes(config)
    described = architecture.parameters(config)
    is_leaf = lambda x: isinstance(x, tuple)
    chex.assert_trees_all_equal_structs(
        params, jax.tree.map(lambda _: 0, axes, is_leaf=is_leaf)
    )
    jax.tree.map(lambda x, a: self.assertLen(a, x.ndim), params, axes)
    jax.tree.map(
        lambda x, p: self.assertEqual(p.shape, x.shape), params, described
    )
    # Per layer: 2 norms of 32, q and o 32x32, k and v 32x16, 3 of 32x48.
    layer = 2 * 32 + 2 * 1024 + 2 * 512 + 3 * 1536
    self.assertEqual(
        transformer.count_params(params),
        2 * layer + 32 + (1 if tied else 2) * 50 * 32,
    )

  def test_rotation_of_one_pair_by_hand(self):
    # head_dim 2: one pair, frequency 1, so position p turns by p radians.
    x = jnp.array([1.0, 0.0]).reshape(1, 1, 1, 2)
    turned = block.rotate(x, jnp.array([[2]]), 10_000.0)
    np.testing.assert_allclose(
        turned[0, 0, 0], [np.cos(2.0), np.sin(2.0)], rtol=1e-6
    )

  def test_rms_norm_by_hand(self):
    # Mean square of (3, 4) is 12.5.
    x, scale = jnp.array([[3.0, 4.0]]), jnp.array([1.0, 2.0])
    x = block.rms_norm(x, scale, 0.0)
    np.testing.assert_allclose(
        x[0], [3 / 12.5**0.5, 8 / 12.5**0.5], rtol=1e-6
    )

  def test_future_tokens_do_not_change_logits(self):
    params, tokens = _params(), _tokens()
    changed = tokens.at[:, 4:].set((tokens[:, 4:] + 1) % 50)
    a, b = _apply(params, tokens), _apply(params, changed)
    np.testing.assert_array_equal(a.logits[:, :4], b.logits[:, :4])
    self.assertGreater(abs(a.logits[:, 4:] - b.logits[:, 4:]).max(), 0.1)

  def test_cached_ragged_decode_equals_full_forward(self):
    params, tokens = _params(), _tokens(T=9)
    full = _apply(params, tokens).logits
    length_B = jnp.array([3, 5])
    # Right-padded prefill, then each row goes on from its own length.
    valid = jnp.arange(5)[None] < length_B[:, None]
    prompt = jnp.where(valid, tokens[:, :5], 0)
    out = _apply(
        params,
        prompt,
        cache=transformer.init_cache(CONFIG, 2, 12),
        logits_at=length_B - 1,
    )
    np.testing.assert_array_equal(out.cache.index_B, [5, 5])
    rows = jnp.arange(2)
    chex.assert_trees_all_close(
        out.logits, full[rows, length_B - 1], atol=TOLERANCE
    )
    cache = out.cache._replace(index_B=length_B)
    for i in range(4):
      at_B = length_B + i
      out = _apply(params, tokens[rows, at_B][:, None], cache=cache)
      cache = out.cache
      chex.assert_trees_all_close(
          out.logits[:, 0], full[rows, at_B], atol=TOLERANCE
      )

  def test_cached_chunks_equal_full_forward(self):
    params, tokens = _params(), _tokens(T=8)
    full = _apply(params, tokens, return_lse=True)
    first = _apply(
        params, tokens[:, :5], cache=transformer.init_cache(CONFIG, 2, 8)
    )
    second = _apply(
        params, tokens[:, 5:], cache=first.cache, return_lse=True
    )
    chex.assert_trees_all_close(
        (second.logits, second.lse[1], second.query_norm[1]),
        (full.logits[:, 5:], full.lse[1][:, 5:], full.query_norm[1][:, 5:]),
        atol=TOLERANCE,
    )

  def test_packed_row_equals_separate_sequences(self):
    # Row: prompt p (3), completions a (2) and b (3), prompt q (2), padding.
    params = _params()
    p, a, b, q = [5, 6, 7], [8, 9], [10, 11, 12], [13, 14]
    row = jnp.array([p + a + b + q + [0, 0]])
    attend = transformer.Attend(
        jnp.array([[1] * 8 + [2] * 2 + [0] * 2]),
        jnp.array([[0] * 3 + [1] * 2 + [2] * 3 + [0] * 4]),
    )
    positions = jnp.array([[0, 1, 2, 3, 4, 3, 4, 5, 0, 1, 0, 0]])
    packed = _apply(params, row, attend=attend, positions_BxT=positions)
    alone = lambda ids: _apply(params, jnp.array([ids])).logits[0]
    chex.assert_trees_all_close(
        packed.logits[0, :5], alone(p + a), atol=TOLERANCE
    )
    chex.assert_trees_all_close(
        packed.logits[0, 5:8], alone(p + b)[3:], atol=TOLERANCE
    )
    chex.assert_trees_all_close(
        packed.logits[0, 8:10], alone(q), atol=TOLERANCE
    )

  def test_padding_content_is_inert(self):
    params, tokens = _params(), _tokens()
    group = jnp.array([[1] * 7, [1] * 4 + [0] * 3])
    attend = transformer.Attend(group, jnp.zeros_like(group))
    changed = jnp.where(group == 0, (tokens + 7) % 50, tokens)
    loss = lambda params, tokens: jnp.where(
        group > 0, _apply(params, tokens, attend=attend).logits.max(-1), 0.0
    ).sum()
    step = jax.jit(jax.value_and_grad(loss))
    chex.assert_trees_all_equal(step(params, tokens), step(params, changed))
    # Slots past a row's own length are as inert in a cache.
    cache = transformer.init_cache(CONFIG, 2, 12)
    dirty = jax.tree.map(lambda x: x + 3, cache.layers)
    np.testing.assert_array_equal(
        _apply(params, tokens, cache=cache).logits,
        _apply(params, tokens, cache=cache._replace(layers=dirty)).logits,
    )

  def test_taps_return_the_stream_after_edits(self):
    params, tokens = _params(), _tokens()
    plain = _apply(params, tokens, taps=(0, 1, 2))
    self.assertEqual(plain.latents_BxLxTxD.shape, (2, 3, 7, 32))
    chex.assert_trees_all_close(
        plain.latents_BxLxTxD[:, 0], params['embedding'][tokens]
    )
    final = block.rms_norm(
        plain.latents_BxLxTxD[:, 2], params['final_norm'], CONFIG.norm_eps
    )
    chex.assert_trees_all_close(final, plain.hidden_BxTxD)
    same = _apply(params, tokens, edits={1: lambda h: h}, taps=(1,))
    np.testing.assert_array_equal(same.logits, plain.logits)
    edited = _apply(params, tokens, edits={1: lambda h: h + 1.0}, taps=(2, 1))
    chex.assert_trees_all_close(
        edited.latents_BxLxTxD[:, 1], plain.latents_BxLxTxD[:, 1] + 1.0
    )
    self.assertGreater(abs(edited.logits - plain.logits).max(), 0.01)
    last = _apply(params, tokens, edits={2: lambda h: h * 0.0})
    np.testing.assert_array_equal(last.logits, 0.0)

  def test_logits_only_where_asked(self):
    params, tokens = _params(), _tokens()
    full = _apply(params, tokens)
    rows, at = jnp.arange(2), jnp.array([3, 6])
    one = _apply(params, tokens, logits_at=at).logits
    chex.assert_trees_all_close(one, full.logits[rows, at], atol=1e-6)
    at = jnp.array([[0, 0, 2], [6, 1, 5]])
    some = _apply(params, tokens, logits_at=at).logits
    chex.assert_trees_all_close(some, full.logits[rows[:, None], at], atol=1e-6)
    none = _apply(params, tokens, compute_logits=False)
    self.assertIsNone(none.logits)
    chex.assert_trees_all_close(
        transformer.logits_from_hidden(params, none.hidden_BxTxD, CONFIG),
        full.logits,
        atol=1e-6,
    )

  def test_first_position_energy_parts_by_hand(self):
    # The first token sees itself alone: lse = beta q·k, with no rotation at 0,
    # and the quadratic part is beta q·q / 2.
    params, tokens = _params(), _tokens()
    out = _apply(params, tokens, return_lse=True)
    layer = params['layer_0']
    x = params['embedding'][tokens[:, 0]]
    x = block.rms_norm(x, layer['attention_norm'], CONFIG.norm_eps)
    query = (x @ layer['q']).reshape(2, 4, 8)
    key = jnp.repeat((x @ layer['k']).reshape(2, 2, 8), 2, axis=1)
    chex.assert_trees_all_close(
        (out.lse[0][:, 0], out.query_norm[0][:, 0]),
        (
            (query * key).sum(-1) * 8**-0.5,
            0.5 * (query**2).sum(-1) * 8**-0.5,
        ),
        atol=TOLERANCE,
    )

  def test_remat_changes_no_gradient(self):
    params, tokens = _params(), _tokens()

    def gradient(config):
      run = functools.partial(_apply, config=config)
      loss = lambda p: jnp.square(run(p, tokens).logits).mean()
      return jax.jit(jax.value_and_grad(loss))(params)

    remat = dataclasses.replace(CONFIG, remat='full')
    chex.assert_trees_all_close(gradient(CONFIG), gradient(remat), rtol=1e-5)

  def test_bfloat16_activations_are_close(self):
    params, tokens = _params(), _tokens()
    half = dataclasses.replace(CONFIG, dtype='bfloat16')
    out = _apply(params, tokens, config=half, taps=(1,), return_lse=True)
    self.assertEqual(out.hidden_BxTxD.dtype, jnp.bfloat16)
    for x in (out.logits, out.latents_BxLxTxD, *out.lse, *out.query_norm):
      self.assertEqual(x.dtype, jnp.float32)
    # Logits of size 1 to 3; bfloat16 keeps 8 bits of each of a dozen sums.
    chex.assert_trees_all_close(
        out.logits, _apply(params, tokens).logits, atol=0.1
    )

  def test_permuting_rows_permutes_outputs(self):
    params, tokens = _params(), _tokens()
    np.testing.assert_array_equal(
        _apply(params, tokens).logits[::-1], _apply(params, tokens[::-1]).logits
    )

  def test_errors_name_what_is_wrong(self):
    params = _params()
    with self.assertRaisesRegex(ValueError, 'max_length=32'):
      _apply(params, _tokens(T=33))
    with self.assertRaisesRegex(ValueError, r'layer 3 .* not in 0\.\.2'):
      _apply(params, _tokens(), taps=(3,))
    with self.assertRaisesRegex(ValueError, 'must be a multiple of'):
      dataclasses.replace(CONFIG, num_kv_heads=3)
    with self.assertRaisesRegex(ValueError, "remat=True is not one of .*'dots'"):
      dataclasses.replace(CONFIG, remat=True)
    with self.assertRaisesRegex(ValueError, 'not both'):
      _apply(
          params,
          _tokens(),
          attend=transformer.Attend(jnp.ones((2, 7)), jnp.ones((2, 7))),
          cache=transformer.init_cache(CONFIG, 2, 9),
      )


if __name__ == '__main__':
  absltest.main()
