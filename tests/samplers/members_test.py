"""Tests of models as members of an ensemble."""

import functools

from absl.testing import absltest
import chex
from flax import traverse_util
import jax
import jax.numpy as jnp

from swm_jax import tokenization
from swm_jax import types
from swm_jax.models import lora
from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import members
from swm_jax.samplers import stopping

TOKENIZER = tokenization.byte_tokenizer()
CONFIG = transformer.TransformerConfig(
    vocab_size=258, num_layers=1, width=16, mlp_width=16, num_heads=2,
    num_kv_heads=1, head_dim=8,
)
PROBLEMS = [
    types.Problem(f'open/{name}/0', 'open', name, f'{name}?\n```text\nIt is')
    for name in ('one', 'two', 'three')
]


@functools.cache
def params():
  init = jax.jit(functools.partial(transformer.init_params, CONFIG))
  return init(jax.random.key(0))


@functools.cache
def decoder():
  table = stopping.build_stop_table(
      TOKENIZER, stop_strings=['\n'], stop_tokens=[TOKENIZER.eos_id]
  )
  sizes = decode.DecodeConfig(slots=4, max_prompt=32, max_new_tokens=6)
  return decode.Decoder(CONFIG, table, sizes, TOKENIZER.pad_id)


def samples(key=1, **kwargs):
  return members.samples(
      decoder(), TOKENIZER, params(), weights_digest='w',
      key=jax.random.key(key), **kwargs,
  )[0]


class MembersTest(absltest.TestCase):

  def test_answers_are_candidates_that_depend_on_their_problem_alone(self):
    together = samples(draws=3).answers(PROBLEMS)
    self.assertEqual([len(answers) for answers in together], [3, 3, 3])
    for answer in sum(together, []):
      self.assertStartsWith(answer, 'It is')
      self.assertEndsWith(answer, '\n')
    self.assertGreater(len(set(together[0])), 1)
    fewer = samples(draws=2).answers(PROBLEMS[::-2])
    self.assertEqual(fewer, [together[2][:2], together[0][:2]])
    self.assertEqual(samples().answers([]), [])

  def test_digest_tells_what_would_answer_otherwise(self):
    digests = [
        member.digest for member in (
            samples(), samples(key=2), samples(draws=3),
            samples(temperature=0.5),
            *members.snapshots(
                decoder(), TOKENIZER, {'w': params, 'v': params},
                key=jax.random.key(1),
            ),
            *members.perturbations(
                decoder(), TOKENIZER, params(), weights_digest='w',
                key=jax.random.key(1), count=2,
            ),
        )
    ]
    self.assertLen(set(digests), 8)
    self.assertEqual(samples().digest, digests[0])

  def test_snapshots_answer_with_their_own_weights(self):
    other = jax.tree.map(lambda leaf: -leaf, params())
    answers = [
        member.answers(PROBLEMS)
        for member in members.snapshots(
            decoder(), TOKENIZER,
            {'a': params, 'b': lambda: other, 'c': params},
            key=jax.random.key(1),
        )
    ]
    self.assertEqual(answers[0], answers[2])  # Greedy: keys do not matter.
    self.assertNotEqual(answers[0], answers[1])

  def test_perturbation_has_the_asked_size_in_every_projection(self):
    before = traverse_util.flatten_dict(params())
    after = traverse_util.flatten_dict(
        members.perturb(params(), jax.random.key(3), size=0.25, rank=2)
    )
    self.assertEqual(before.keys(), after.keys())
    for path, weight in before.items():
      change = after[path] - weight
      if path[-1] in lora.TARGETS:
        self.assertAlmostEqual(
            float(jnp.linalg.norm(change) / jnp.linalg.norm(weight)), 0.25,
            places=4,
        )
        self.assertEqual(jnp.linalg.matrix_rank(change, rtol=1e-4), 2)
      else:
        self.assertFalse(change.any())

  def test_perturbations_repeat_by_seed_and_differ_by_member(self):
    make = functools.partial(
        members.perturb, params(), size=0.1, rank=4
    )
    first, second = make(jax.random.key(1)), make(jax.random.key(2))
    chex.assert_trees_all_equal(first, make(jax.random.key(1)))
    self.assertFalse((first['layer_0']['q'] == second['layer_0']['q']).all())
    chex.assert_trees_all_equal(
        members.perturb(params(), jax.random.key(1), size=0.0, rank=4),
        params(),
    )

  def test_large_perturbations_change_answers_and_none_does_not(self):
    def answers(size):
      return [
          member.answers(PROBLEMS)
          for member in members.perturbations(
              decoder(), TOKENIZER, params(), weights_digest='w',
              key=jax.random.key(1), count=2, size=size,
          )
      ]

    still, again = answers(0.0), answers(2.0)
    self.assertEqual(still[0], still[1])
    self.assertNotEqual(again[0], again[1])
    self.assertEqual(again, answers(2.0))

  def test_several_greedy_draws_are_one_opinion(self):
    with self.assertRaisesRegex(ValueError, 'no more than once'):
      samples(temperature=0.0)
    with self.assertRaisesRegex(ValueError, 'size'):
      members.perturb(params(), jax.random.key(1), size=-0.1, rank=2)


if __name__ == '__main__':
  absltest.main()
