"""Tests of what a night measures, and of how traces become anchors."""

import dataclasses
import functools
import types as python_types

import jax
import ml_collections
import numpy as np
import pytest

from experiments import anchors
from experiments import measurements
from swm_jax import tokenization
from swm_jax import types
from swm_jax.data import trajectory_log
from swm_jax.losses import anchoring
from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import stopping

MODEL = transformer.TransformerConfig(
    vocab_size=258, num_layers=1, width=32, mlp_width=32, num_heads=2,
    num_kv_heads=1, head_dim=8, max_length=128,
)
TOKENIZER = tokenization.byte_tokenizer()
LAB = python_types.SimpleNamespace(config=MODEL, tokenizer=TOKENIZER)
WEIGHTS = 'ab' * 32
CFG = ml_collections.ConfigDict({
    'anchor_capacity': 8, 'anchor_text_tokens': 128, 'anchor_top_logits': 12,
    'anchor_form': 'kl',
})


@functools.cache
def _params():
  init = jax.jit(transformer.init_params, static_argnums=0)
  params = init(MODEL, jax.random.key(0))
  return params | {'embedding': 3.0 * params['embedding']}


@functools.cache
def _wake_log():
  """Four answers, of which the last is wrong, as a log gives them back."""
  decoder = decode.Decoder(
      MODEL,
      stopping.build_stop_table(TOKENIZER, stop_tokens=[TOKENIZER.eos_id]),
      decode.DecodeConfig(
          slots=4, max_prompt=8, max_new_tokens=6, top_logits=4,
          record_hidden=True,
      ),
      TOKENIZER.pad_id,
  )
  trajectories = decoder(
      _params(), [list(b'hello'), list(b'abc')], [0, 0, 1, 1],
      [0.0, 1.0, 1.0, 1.0], jax.random.split(jax.random.key(1), 4),
  )
  problem = types.Problem('p/q/0', 'p', 'q', 'hello', 'f', ())
  verdict = types.Verdict(types.PASS, 'ok', 'python', '1', 'landlock')
  records = [
      trajectory_log.record(
          trajectories, row, problem=problem, text='',
          verdict=dataclasses.replace(
              verdict, status=types.FAIL if row == 3 else types.PASS
          ),
          temperature=1.0, weights_digest=WEIGHTS, key=np.zeros(2, np.uint32),
          phase='wake', night=0,
      )
      for row in range(4)
  ]
  return tuple(records), trajectories


def _anchors(path, params, weights, records, dreams=(), **kwargs):
  work = python_types.SimpleNamespace(path=path)
  (path / 'anchors').mkdir(exist_ok=True, parents=True)
  return anchors.update(
      work, LAB, params, weights,
      [e for e in records if e['verdict']['status'] == types.PASS], dreams,
      **{'night': 0, 'cfg': CFG, 'seed': 0, **kwargs},
  )


def test_anchors_hold_the_logits_of_the_weights_that_decoded(tmp_path):
  records, trajectories = _wake_log()
  text, *traces = _anchors(tmp_path, _params(), WEIGHTS, records)
  assert text.top_k.values.shape[1] == 12
  lengths = trajectories.mask.sum(axis=-1)
  assert [len(memory.tokens) for memory in traces] == lengths[:3].tolist()
  forward = jax.jit(
      lambda tokens: transformer.Transformer(MODEL).apply(
          {'params': _params()}, tokens
      ).logits[0]
  )
  for memory in traces:
    P, n = len(memory.prompt), len(memory.tokens)
    tokens = np.zeros((1, 16), np.int32)
    tokens[0, : P + n] = np.concatenate([memory.prompt, memory.tokens])
    logits = forward(tokens)[P - 1 : P - 1 + n]
    current = anchoring.top_k_log_probs(logits, memory.top_k.indices)
    np.testing.assert_allclose(current[0], memory.top_k.values, atol=0.1)
    loss = anchoring.der_loss(
        *current, memory.top_k, np.ones(n, bool), form='kl'
    )
    assert loss.mean() < 1e-3


def test_sampled_anchors_are_other_tokens_at_every_position(tmp_path):
  records, _ = _wake_log()
  cfg = ml_collections.ConfigDict({**CFG.to_dict(), 'anchor_form': 'sampled'})
  text, *_ = _anchors(tmp_path, _params(), WEIGHTS, records, cfg=cfg)
  largest, *_ = _anchors(
      tmp_path / 'largest', _params(), WEIGHTS, records
  )
  n = len(text.tokens)
  assert text.top_k.values.shape == (n, 12)
  # The likeliest are in both, the tail is drawn, at each position anew.
  both = [
      len(np.intersect1d(*rows))
      for rows in zip(text.top_k.indices, largest.top_k.indices)
  ]
  assert 0 < np.mean(both) < 12
  # What a kept token stands for is its probability or the threshold, and on
  # average all of them stand for all of the distribution.
  weight = np.exp(np.maximum(
      text.top_k.values, text.top_k.log_rest[:, None]
  )).sum(axis=1)
  np.testing.assert_allclose(weight.mean(), 1.0, atol=0.05)
  loss = anchoring.der_loss(
      text.top_k.values, text.top_k.log_rest, text.top_k, np.ones(n, bool),
      form='sampled',
  )
  np.testing.assert_allclose(loss, 0.0, atol=1e-5)


def test_dreams_are_anchored_to_the_base_and_not_to_the_dreamer(tmp_path):
  records, _ = _wake_log()
  # What a dream carries is the dreamer's; here it is the answer of nobody.
  nothing = {'codes': np.zeros((6, 0), np.int8), 'scale': np.zeros(6)}
  dreams = [{**records[1], 'hidden': nothing, 'weights_digest': 'lora'}]
  _, wake, dream = _anchors(
      tmp_path, _params(), WEIGHTS, [records[1]], dreams
  )
  assert list(dream.tokens) == list(wake.tokens)
  np.testing.assert_array_equal(
      dream.top_k.indices[:, :3], wake.top_k.indices[:, :3]
  )
  np.testing.assert_allclose(
      dream.top_k.values, wake.top_k.values, atol=0.1
  )


def test_anchors_are_not_refreshed(tmp_path):
  records, _ = _wake_log()
  first = _anchors(tmp_path, _params(), WEIGHTS, records)
  # The next night has other weights; what it decoded says so.
  tuned = jax.tree.map(lambda x: 2.0 * x, _params())
  records = [{**e, 'weights_digest': 'cd' * 32} for e in records]
  second = _anchors(tmp_path, tuned, 'cd' * 32, records, night=1)
  assert len(second) == 7
  for old, new in zip(first, second):
    np.testing.assert_array_equal(old.top_k.values, new.top_k.values)


def test_hidden_states_of_other_weights_are_refused(tmp_path):
  records, _ = _wake_log()
  with pytest.raises(ValueError, match='decoded by weights abab.* cdcd'):
    _anchors(tmp_path, _params(), 'cd' * 32, records)
  nothing = {'codes': np.zeros((6, 0), np.int8), 'scale': np.zeros(6)}
  records = [{**e, 'hidden': nothing} for e in records]
  with pytest.raises(ValueError, match='decode with record_hidden'):
    _anchors(tmp_path, _params(), WEIGHTS, records)


def test_hidden_states_lose_less_than_the_largest_logits():
  records, trajectories = _wake_log()
  # As the log stores them.
  records = [
      {
          **e,
          'top_k': {
              'values': e['top_k']['values'].astype(np.float16),
              'indices': e['top_k']['indices'].astype(np.uint16),
              'log_rest': e['top_k']['log_rest'],
          },
      }
      for e in records
  ]
  measured = measurements.z_past(LAB, _params(), records)
  assert measured['tokens'] == trajectories.mask.sum()
  # Four logits and the rest, 32 dimensions and their scale.
  assert measured['bytes_per_token'] == 4 * 4 + 4 + 32 + 4
  assert 0 <= measured['kl'] < 1e-3 < 0.05 < measured['kl_top_k']
