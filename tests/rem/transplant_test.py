"""Answers that were not drawn, as the records that drawing would have left."""

import dataclasses
import types as python_types

import numpy as np
import pytest

from swm_jax import tokenization
from swm_jax import types
from swm_jax.data import trajectory_log
from swm_jax.rem import transplant
from swm_jax.samplers import rollout
from swm_jax.samplers import stopping
from tests.nightly import scripted
from tests.samplers import tiny

TOKENIZER = tokenization.byte_tokenizer()


def stops(**kwargs):
  return stopping.build_stop_table(
      TOKENIZER, stop_tokens=(TOKENIZER.eos_id,), **kwargs
  )


@pytest.mark.parametrize('table, text, expected', [
    (stops(column_zero=True), '\n  x', b'\n  x\n`'),
    (stops(stop_strings=['```']), '\n  x\n', b'\n  x\n```'),
    (stops(), '\n  x', [*b'\n  x', TOKENIZER.eos_id]),
])
def test_tokens_end_with_the_stop(table, text, expected):
  tokens = transplant.tokenise(TOKENIZER, table, text)
  assert tokens == tuple(expected)
  assert rollout.completion_text(TOKENIZER, table, tokens) == text


def test_a_text_that_the_decoder_would_cut_has_no_tokens():
  table = stops(column_zero=True)
  assert transplant.tokenise(TOKENIZER, table, '\n  x\ny') is None


def test_records_hold_the_log_probs_of_the_prompt_they_are_put_under():
  answers = [
      transplant.Answer(
          dataclasses.replace(scripted.problem('f'), prompt=prompt),
          completion.decode(), tuple(completion), origin,
          verdict=scripted.verdict(status), stopped=stopped,
      )
      for prompt, completion, origin, status, stopped in (
          ('def f(a):', b'\n  a\n`', 'hint', types.PASS, True),
          ('hello', b'again', 'hindsight', types.FAIL, False),
      )
  ]
  made = transplant.records(
      answers, None, params=tiny.params(), config=tiny.MODEL,
      tokenizer=TOKENIZER, weights_digest='ab', night=2,
  )
  for answer, entry in zip(answers, made):
    assert (entry['origin'], entry['phase'], entry['night']) == (
        answer.origin, 'rem', 2
    )
    assert entry['verdict']['status'] == answer.verdict.status
    assert entry['stopped'] == answer.stopped
    assert tuple(entry['tokens']) == answer.tokens
    assert bytes(entry['prompt_tokens'].tolist()).decode() == (
        answer.problem.prompt
    )
    # The same in one pass over what is a single row without padding before it.
    one = python_types.SimpleNamespace(
        prompt_length=[len(entry['prompt_tokens'])],
        prompt_tokens=np.array([entry['prompt_tokens']]),
        tokens=np.array([entry['tokens']]),
        mask=np.ones((1, len(answer.tokens)), bool),
    )
    one.prompt_tokens = np.pad(
        one.prompt_tokens, ((0, 0), (0, 20 - one.prompt_length[0]))
    )
    one.tokens = np.pad(one.tokens, ((0, 0), (0, 12 - len(answer.tokens))))
    one.mask = np.pad(one.mask, ((0, 0), (0, 12 - len(answer.tokens))))
    log_p, *_ = tiny.teacher_forced(tiny.params(), tiny.MODEL, one, 0)
    np.testing.assert_allclose(
        entry['log_prob'],
        [log_p[t, token] for t, token in enumerate(answer.tokens)],
        atol=1e-4,
    )


def test_what_was_not_read_is_empty_and_returns_from_the_log(tmp_path):
  answer = transplant.Answer(
      scripted.problem('f'), 'abc', (*b'abc', 256), 'hindsight'
  )
  made = transplant.records(
      [answer], scripted.Verifier(), params=tiny.params(), config=tiny.MODEL,
      tokenizer=TOKENIZER, weights_digest='ab', night=0,
  )
  log = trajectory_log.TrajectoryLog(tmp_path, vocab_size=258)
  log.append_wave(made)
  [entry] = trajectory_log.read(tmp_path)
  assert entry['verdict']['status'] == types.PASS  # it begins before `n`
  assert entry['top_k']['values'].shape == (4, 0)
  assert entry['hidden']['codes'].shape == (4, 0)
  assert entry['latents'].size == entry['key'].size == 0
  np.testing.assert_array_equal(
      entry['log_prob'], entry['log_prob_behaviour']
  )
  assert entry['temperature'] == 1.0
  assert (entry['log_prob'] < 0).all()


def test_nothing_gives_nothing():
  assert not transplant.records(
      [], None, params=None, config=None, tokenizer=None, weights_digest='',
      night=0,
  )
