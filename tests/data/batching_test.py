"""Tests of prefix packing."""

from absl.testing import absltest
from absl.testing import parameterized
import jax
import numpy as np

from swm_jax import types
from swm_jax.data import batching
from swm_jax.models import transformer


def _random_examples(seed=0, prompts=20, vocab=50, together=1):
  rng = np.random.default_rng(seed)
  examples, next_id = [], 0
  for _ in range(prompts):
    count = together * int(rng.integers(1, 5))
    draw = lambda low, high: rng.integers(
        1, vocab, int(rng.integers(low, high))
    ).tolist()
    examples.append(batching.Example(
        prompt=draw(3, 9),
        completions=[draw(1, 10) for _ in range(count)],
        ids=list(range(next_id, next_id + count)),
        together=together,
    ))
    next_id += count
  return examples


class PackTest(parameterized.TestCase):

  def test_two_prompts_by_hand(self):
    examples = [
        batching.Example([11, 12, 13], [[21, 22], [31, 32, 33]], ids=[7, 8]),
        batching.Example([14, 15], [[41]], ids=[9]),
    ]
    (batch,) = batching.pack(examples, rows=1, length=10, targets=7, slots=4)
    # Group 1: three prompt tokens, one input of [21, 22], two of [31, 32, 33].
    # Group 2: two prompt tokens; [41] is predicted by the second, never read.
    np.testing.assert_array_equal(
        batch.tokens, [[11, 12, 13, 21, 31, 32, 14, 15, 0, 0]]
    )
    np.testing.assert_array_equal(
        batch.positions, [[0, 1, 2, 3, 3, 4, 0, 1, 0, 0]]
    )
    np.testing.assert_array_equal(
        batch.group, [[1, 1, 1, 1, 1, 1, 2, 2, 0, 0]]
    )
    np.testing.assert_array_equal(
        batch.branch, [[0, 0, 0, 1, 2, 2, 0, 0, 0, 0]]
    )
    np.testing.assert_array_equal(batch.source, [[2, 3, 2, 4, 5, 7, 0]])
    np.testing.assert_array_equal(batch.target, [[21, 22, 31, 32, 33, 41, 0]])
    np.testing.assert_array_equal(
        batch.target_mask, [[True] * 6 + [False]]
    )
    np.testing.assert_array_equal(batch.trajectory, [[0, 0, 1, 1, 1, 2, 0]])
    np.testing.assert_array_equal(batch.trajectory_id, [[7, 8, 9, -1]])
    np.testing.assert_array_equal(batch.prompt_end, [[2, 2, 7, 0]])
    self.assertEqual(batching.padding_share([batch]), 0.2)

  @parameterized.parameters(None, 0, 1)
  def test_every_target_appears_exactly_once(self, seed):
    examples = _random_examples()
    batches = batching.pack(
        examples, rows=3, length=24, targets=30, slots=4, seed=seed
    )
    found = {}
    for batch in batches:
      for r, slot in np.argwhere(batch.trajectory_id >= 0):
        where = batch.target_mask[r] & (batch.trajectory[r] == slot)
        trajectory_id = int(batch.trajectory_id[r, slot])
        self.assertNotIn(trajectory_id, found)
        found[trajectory_id] = batch.target[r, where].tolist()
    expected = {
        i: list(completion)
        for example in examples
        for i, completion in zip(example.ids, example.completions)
    }
    self.assertEqual(found, expected)
    self.assertEqual(
        sum(int(batch.target_mask.sum()) for batch in batches),
        sum(len(completion) for completion in expected.values()),
    )

  def test_seed_decides_the_order(self):
    pack = lambda seed: batching.pack(
        _random_examples(), rows=2, length=24, targets=30, slots=4, seed=seed
    )
    for one, two in zip(pack(3), pack(3)):
      jax.tree.map(np.testing.assert_array_equal, one, two)
    ids = lambda batches: [b.trajectory_id.tolist() for b in batches]
    self.assertNotEqual(ids(pack(3)), ids(pack(4)))

  def test_runs_of_completions_share_a_row(self):
    examples = _random_examples(together=2)
    batches = batching.pack(
        examples, rows=2, length=28, targets=32, slots=4, seed=0
    )
    for batch in batches:
      for row in batch.trajectory_id:
        for even in row[(row >= 0) & (row % 2 == 0)]:
          self.assertIn(even + 1, row)

  @parameterized.named_parameters(
      ('does_not_fit', [1, 2, 3], [[4] * 9], [5], 'trajectory 5 .* 11 tokens'),
      ('empty_prompt', [], [[4]], [5], 'trajectory 5 has an empty prompt'),
      ('no_tokens', [1], [[4], []], [5, 6], 'trajectory 6 has no tokens'),
      ('repeated_id', [1], [[4], [4]], [5, 5], 'id 5 is negative or given'),
      ('missing_id', [1], [[4], [4]], [5], '2 completions and 1 ids'),
  )
  def test_bad_examples_are_named(self, prompt, completions, ids, message):
    with self.assertRaisesRegex(ValueError, message):
      batching.pack(
          [batching.Example(prompt, completions, ids)],
          rows=1, length=8, targets=8, slots=2,
      )

  def test_packed_log_probs_equal_unpacked_ones(self):
    config = transformer.TransformerConfig(
        vocab_size=50, num_layers=2, width=32, mlp_width=64, num_heads=4,
        num_kv_heads=2, head_dim=8, rope_theta=1e4, norm_eps=1e-5,
        tied_embeddings=True, max_length=64,
    )
    params = jax.jit(transformer.init_params, static_argnums=0)(
        config, jax.random.key(0)
    )
    model = transformer.Transformer(config)
    examples = _random_examples(prompts=5)
    # Unpacked: one sequence a row, padded on the right, causal.
    unpacked = jax.jit(
        lambda tokens: jax.nn.log_softmax(
            model.apply({'params': params}, tokens).logits
        )
    )
    expected = {}
    for example in examples:
      for i, completion in zip(example.ids, example.completions):
        sequence = [*example.prompt, *completion]
        log_probs = unpacked(np.array([sequence + [0] * (20 - len(sequence))]))
        start = len(example.prompt)
        expected[i] = np.asarray(log_probs)[
            0, np.arange(start - 1, len(sequence) - 1), completion
        ]
    packed = jax.jit(
        lambda batch: jax.nn.log_softmax(
            model.apply(
                {'params': params},
                batch.tokens,
                positions_BxT=batch.positions,
                attend=transformer.Attend(batch.group, batch.branch),
                logits_at=batch.source,
            ).logits
        )
    )
    for batch in batching.pack(
        examples, rows=2, length=32, targets=40, slots=6, seed=0
    ):
      log_probs = np.asarray(packed(batch))
      actual = np.take_along_axis(
          log_probs, batch.target[..., None], axis=-1
      )[..., 0]
      # Float32 sums in another order: 1e-5 on log-probs of magnitude 4.
      np.testing.assert_allclose(
          np.where(batch.target_mask, actual, 0.0),
          batching.per_target(expected, batch),
          atol=1e-5,
      )


class ShapeTest(parameterized.TestCase):

  @parameterized.parameters(1, 2)
  def test_padding_is_below_ten_percent(self, together):
    examples = _random_examples(prompts=100, together=together)
    shape = batching.choose_shape(
        examples, tokens_per_batch=512, max_length=256
    )
    batches = batching.pack(
        examples, rows=shape.rows, length=shape.length, targets=shape.targets,
        slots=shape.slots, seed=0,
    )
    self.assertLess(batching.padding_share(batches), 0.1)
    self.assertLessEqual(shape.rows * shape.length, 512)

  def test_too_long_a_trajectory_is_an_error(self):
    example = batching.Example([1] * 10, [[2] * 10], ids=[0])
    with self.assertRaisesRegex(ValueError, 'takes 19 tokens, more than'):
      batching.choose_shape([example], tokens_per_batch=64, max_length=16)


class TextTest(absltest.TestCase):

  def test_every_next_token_is_a_target(self):
    (batch,) = batching.pack_text(range(1, 8), rows=2, length=4)
    # Windows [1 2 3 4 | 5] and [5 6 | 7], as inputs | last target.
    np.testing.assert_array_equal(batch.tokens, [[1, 2, 3, 4], [5, 6, 0, 0]])
    np.testing.assert_array_equal(batch.positions, [[0, 1, 2, 3], [0, 1, 0, 0]])
    np.testing.assert_array_equal(batch.group, [[1, 1, 1, 1], [1, 1, 0, 0]])
    np.testing.assert_array_equal(batch.target, [[2, 3, 4, 5], [6, 7, 0, 0]])
    np.testing.assert_array_equal(batch.source, [[0, 1, 2, 3], [0, 1, 0, 0]])
    np.testing.assert_array_equal(batch.trajectory_id, [[0], [1]])


class PayloadTest(absltest.TestCase):

  def test_payloads_follow_their_trajectory(self):
    examples = _random_examples(prompts=6)
    rng = np.random.default_rng(1)
    per_token, per_row = {}, {}
    for example in examples:
      for i, completion in zip(example.ids, example.completions):
        n = len(completion)
        per_token[i] = types.TopKLogits(
            values=rng.normal(size=(n, 3)).astype(np.float32),
            indices=rng.integers(0, 50, (n, 3)).astype(np.int32),
            log_rest=np.asarray(completion, np.float32),
        )
        per_row[i] = np.float32(i)
    for batch in batching.pack(
        examples, rows=2, length=24, targets=30, slots=5, seed=0
    ):
      top_k = batching.per_target(per_token, batch)
      self.assertEqual(top_k.values.shape, batch.target.shape + (3,))
      np.testing.assert_array_equal(top_k.log_rest, batch.target)
      np.testing.assert_array_equal(
          batching.per_trajectory(per_row, batch),
          np.maximum(batch.trajectory_id, 0),
      )

  def test_payload_of_another_length_is_an_error(self):
    (batch,) = batching.pack(
        [batching.Example([1], [[2, 3]], ids=[4])],
        rows=1, length=4, targets=4, slots=1,
    )
    with self.assertRaisesRegex(ValueError, 'trajectory 4 has 2 tokens and a'):
      batching.per_target({4: np.zeros(3)}, batch)


if __name__ == '__main__':
  absltest.main()
