"""Tests of beam search against exhaustive search and a search by hand."""

import dataclasses
import functools
import itertools

from absl.testing import absltest
import jax
import numpy as np

from swm_jax.models import transformer
from swm_jax.samplers import beam
from swm_jax.samplers import decode
from swm_jax.samplers import stopping
from tests.samplers import tiny

V, T, STOP = 5, 4, 4
MODEL = dataclasses.replace(tiny.MODEL, vocab_size=V, max_length=32)
PROMPTS = ((0, 1, 2), (3,), (2, 2, 0, 1, 3, 3))
# Token 4 stops, and so does 0 straight after 3.
TABLE = stopping.StopTable(
    next_state_SxV=np.array(
        [[0, 0, 0, 1, 2], [2, 0, 0, 1, 2], [2, 2, 2, 2, 2]], np.int16
    ),
    stop_state=2,
    stop_strings=(),
    column_zero=False,
    stop_tokens=frozenset([STOP]),
)


@functools.cache
def params():
  drawn = transformer.init_params(MODEL, jax.random.key(4))
  return drawn | {'embedding': 2.0 * drawn['embedding']}


def beam_decoder(width, slots=4):
  config = decode.DecodeConfig(slots=slots, max_prompt=8, max_new_tokens=T)
  return beam.BeamDecoder(decode.Decoder(MODEL, TABLE, config, 0), width)


def run(width, rows, slots=4):
  """Trajectories of so many rows of each prompt, and the tokens they cost."""
  sampler = beam_decoder(width, slots)
  prompt_index_B = np.repeat(np.arange(len(PROMPTS)), rows)
  keys_B = jax.random.split(jax.random.key(0), len(prompt_index_B))
  trajectories = sampler(
      params(), PROMPTS, prompt_index_B, np.zeros(len(keys_B)), keys_B
  )
  return trajectories, sampler.decoded_tokens


@functools.cache
def all_log_probs():
  """Log-probabilities `[prompt, V^T, T, V]` after every sequence of tokens."""
  model = transformer.Transformer(MODEL)
  apply = jax.jit(lambda tokens: model.apply({'params': params()}, tokens))
  sequences = np.array(list(itertools.product(range(V), repeat=T)), np.int32)
  found = []
  for prompt in PROMPTS:
    tokens = np.zeros((len(sequences), 16), np.int32)
    tokens[:, : len(prompt)] = prompt
    tokens[:, len(prompt) : len(prompt) + T] = sequences
    logits = apply(tokens).logits[:, len(prompt) - 1 : len(prompt) - 1 + T]
    found.append(np.asarray(jax.nn.log_softmax(logits, axis=-1)))
  return np.stack(found)


def next_log_probs(prompt, tokens):
  first = [*tokens] + [0] * (T - len(tokens))
  row = int(np.ravel_multi_index(first, (V,) * T))
  return all_log_probs()[prompt, row, len(tokens)]


def by_hand(prompt, width):
  """`(stopped, tokens)` of a beam, best first, and its cost."""
  alive, ended, cost = [(0.0, (), 0)], [], 0
  for step in range(T):
    if not alive:
      break
    cost += width if step == 0 else len(alive)
    stops, goes = [], []
    for score, tokens, state in alive:
      for token, log_p in enumerate(next_log_probs(prompt, tokens)):
        after = int(TABLE.next_state_SxV[state, token])
        (stops if after == TABLE.stop_state else goes).append(
            (score + float(log_p), (*tokens, token), after)
        )
    ended = sorted(ended + stops, reverse=True)[:width]
    alive = sorted(goes, reverse=True)[:width]
    if len(ended) == width and ended[-1][0] >= alive[0][0]:
      alive = []
  found = [(True, tokens) for _, tokens, _ in ended]
  return (found + [(False, tokens) for _, tokens, _ in alive])[:width], cost


def rows_of(trajectories, prompt, rows):
  return [
      (
          bool(trajectories.stopped[row]),
          tuple(trajectories.tokens[row][trajectories.mask[row]].tolist()),
      )
      for row in range(prompt * rows, (prompt + 1) * rows)
  ]


class BeamTest(absltest.TestCase):

  def test_a_wide_beam_finds_what_exhaustive_search_finds(self):
    rows = 12
    trajectories, _ = run(width=64, rows=rows)
    for prompt in range(len(PROMPTS)):
      # Everything that stops within T tokens, by its whole probability.
      complete = {}
      for sequence in itertools.product(range(V), repeat=T):
        state, score = 0, 0.0
        for n, token in enumerate(sequence):
          score += float(next_log_probs(prompt, sequence[:n])[token])
          state = TABLE.next_state_SxV[state, token]
          if state == TABLE.stop_state:
            complete[sequence[: n + 1]] = score
            break
      best = sorted(complete, key=complete.get, reverse=True)[:rows]
      self.assertEqual(
          rows_of(trajectories, prompt, rows),
          [(True, tokens) for tokens in best],
      )
      score_B = trajectories.log_prob.sum(axis=1)
      np.testing.assert_allclose(
          score_B[prompt * rows : (prompt + 1) * rows],
          [complete[tokens] for tokens in best],
          atol=1e-4,
      )

  def test_narrow_beams_and_their_cost_are_those_of_a_search_by_hand(self):
    for width, slots in ((1, 4), (2, 4), (3, 2)):
      trajectories, cost = run(width, rows=width, slots=slots)
      expected = [by_hand(prompt, width) for prompt in range(len(PROMPTS))]
      for prompt, (found, _) in enumerate(expected):
        self.assertEqual(rows_of(trajectories, prompt, width), found)
      self.assertEqual(cost, sum(cost for _, cost in expected))
    self.assertTrue(np.all(trajectories.log_prob_behaviour == 0))
    self.assertTrue(np.all(trajectories.log_prob[~trajectories.mask] == 0))

  def test_scanned_layers_search_alike(self):
    stopped = functools.partial(
        beam.search,
        tokens_GxP=np.array([[0, 1, 2]], np.int32),
        length_G=np.array([3], np.int32),
        next_state_SxV=TABLE.next_state_SxV,
        width=3,
        max_new_tokens=T,
    )
    unrolled, _, _ = stopped(params(), config=MODEL)
    scanned, _, _ = stopped(
        transformer.stack_layers(params()),
        config=dataclasses.replace(MODEL, scan_layers=True),
    )
    np.testing.assert_array_equal(scanned.tokens_GxWxT, unrolled.tokens_GxWxT)
    np.testing.assert_allclose(
        scanned.score_GxW, unrolled.score_GxW, atol=1e-4
    )

  def test_rows_are_reported_and_what_does_not_fit_is_named(self):
    keys_B = jax.random.split(jax.random.key(0), 2)
    finished = {}
    args = (params(), PROMPTS, [1, 1])
    trajectories = beam_decoder(2)(
        *args, [0.0, 0.0], keys_B, on_finished=finished.__setitem__
    )
    self.assertEqual(
        finished,
        {
            row: list(tokens)
            for row, (_, tokens) in enumerate(rows_of(trajectories, 0, 2))
        },
    )
    with self.assertRaisesRegex(ValueError, 'a prompt has 2 rows, more than'):
      beam_decoder(1)(*args, [0.0, 0.0], keys_B)
    with self.assertRaisesRegex(ValueError, 'plan temperature 0'):
      beam_decoder(2)(*args, [0.0, 0.5], keys_B)
    with self.assertRaisesRegex(ValueError, 'width=0 must be at least 1'):
      beam_decoder(0)


if __name__ == '__main__':
  absltest.main()
