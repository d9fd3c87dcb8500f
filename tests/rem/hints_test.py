"""Hints: where they are cut, what comes of them, how they end."""

import types as python_types

import numpy as np
import pytest

from swm_jax import tokenization
from swm_jax import types
from swm_jax.rem import hints
from swm_jax.samplers import rollout
from swm_jax.samplers import stopping
from tests.nightly import scripted

TOKENIZER = tokenization.byte_tokenizer()
STOPS = stopping.build_stop_table(
    TOKENIZER, column_zero=True, stop_tokens=(TOKENIZER.eos_id,)
)
PROBLEM = types.Problem(
    id='t/f/0', type='t', template='f', prompt='```python\n# f\ndef f(a):',
    entry_point='f', tests=(((1,), 1),),
    reference='def f(a):\n  b = a\n  return b\n',
)
TEXT = '\n  b = a\n  return b'


def record(text, status=types.PASS):
  return {
      'text': text, 'tokens': np.zeros(len(text)), 'verdict': {'status': status}
  }


def solution(records=()):
  return hints.solution(PROBLEM, records, TOKENIZER, STOPS)


def test_what_the_model_wrote_comes_before_the_reference():
  reference = solution([record('\n  return 1', types.FAIL)])
  assert reference == hints.Solution(tuple(TEXT.encode()), 'reference_hint')
  own = solution([record('\n  return a + 0'), record('\n  return a')])
  assert own == hints.Solution(tuple(b'\n  return a'), 'hint')


def hint(share, max_prompt=100):
  return hints.hint(
      PROBLEM, solution(), share, TOKENIZER, max_prompt=max_prompt
  )


@pytest.mark.parametrize('share, text', [
    (0.75, '\n  b = a'),  # 14 of 19 bytes, back to the end of a line at 8
    (0.5, '\n  b = a'),  # 9
    (0.4, '\n  b = '),  # 7
    (0.06, None),  # 1, the newline
    (0.0, None),
])
def test_a_hint_ends_at_a_line_or_a_token(share, text):
  asked = hint(share)
  if text is None:
    assert asked is None
    return
  assert asked.text == text
  assert asked.tokens == tuple(text.encode())
  assert asked.problem.prompt == PROBLEM.prompt + text
  assert asked.problem.id == f't/f/0#{len(text)}'
  rest = TEXT.removeprefix(text)
  assert asked.problem.program(rest) == PROBLEM.program(TEXT)


def test_a_hint_leaves_the_prompt_its_room():
  room = len(PROBLEM.prompt)
  assert hint(0.75, max_prompt=room + 5).text == '\n  b '
  assert hint(0.75, max_prompt=room) is None


def test_a_cut_that_other_tokens_would_spell_is_not_made():
  # The end of a text takes the space into the token before it.
  encode = lambda text: list(
      text[:-1].encode() + b'*' if text.endswith('= ') else text.encode()
  )
  unstable = python_types.SimpleNamespace(
      encode=encode, decode=TOKENIZER.decode, token_bytes=TOKENIZER.token_bytes
  )
  asked = hints.hint(PROBLEM, solution(), 0.4, unstable, max_prompt=100)
  assert asked.text == '\n  b ='


def test_draws_become_answers_to_the_prompt_without_the_hint():
  asked = hint(0.5)
  drawn = b'\n  return b\n`'
  trajectories = python_types.SimpleNamespace(
      tokens=np.array([list(drawn), [7] * len(drawn)]),
      mask=np.array([[True] * len(drawn), [True] * 2 + [False] * 11]),
      stopped=np.array([True, False]),
  )
  samples = [
      rollout.Sample(
          row=row, problem=asked.problem, index=row, temperature=0.8,
          text=text, source='', verdict=scripted.verdict(status),
      )
      for row, (text, status) in enumerate([
          ('\n  return b', types.PASS), ('\x07\x07', types.FAIL),
      ])
  ]
  one, other = answered = hints.answers([asked], trajectories, samples)
  assert one.problem == PROBLEM
  assert one.text == TEXT
  assert bytes(one.tokens) == TEXT.encode() + b'\n`'
  assert rollout.completion_text(TOKENIZER, STOPS, one.tokens) == one.text
  assert (one.origin, one.stopped) == ('reference_hint', True)
  assert bytes(other.tokens) == b'\n  b = a\x07\x07'
  assert not other.stopped
  assert hints.outcomes(answered) == {'t/f/0': (1, 2)}


def test_hints_shrink_where_half_of_the_draws_pass():
  state = hints.State()
  assert state.share('x') == 0.75
  after = hints.advance(state, {'x': (2, 4), 'y': (1, 4), 'z': (0, 0)})
  assert [after.share(name) for name in 'xyz'] == [0.5, 0.75, 0.75]
  assert state == hints.State()  # unchanged
  for share in (0.25, 0.0, 0.0):
    after = hints.advance(after, {'x': (4, 4)})
    assert after.share('x') == share
