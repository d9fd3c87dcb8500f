"""Tests of stop conditions against a plain search in the text so far."""

import dataclasses
import re

from absl.testing import parameterized
import hypothesis
from hypothesis import strategies as st
import numpy as np

from swm_jax import tokenization
from swm_jax.samplers import stopping


@dataclasses.dataclass(frozen=True)
class SpelledTokens:
  """A tokenizer as the stop table sees it."""

  spellings: tuple[bytes, ...]

  @property
  def vocab_size(self):
    return len(self.spellings)

  def token_bytes(self, token_id):
    return self.spellings[token_id]


def stopped_after(table, token_ids):
  """Number of tokens read up to the stop, or None."""
  state = 0
  for n, token in enumerate(token_ids):
    state = table.next_state_SxV[state, token]
    if state == table.stop_state:
      return n + 1
  return None


def contains_stop(data, stop_strings, column_zero):
  return any(stop.encode() in data for stop in stop_strings) or (
      column_zero and re.search(rb'\n[^ \t\n\r\v\f]', data) is not None
  )


# Few letters, so that stops and near misses are frequent.
_SPELLINGS = (b'a', b'b', b'\n', b' ', b'ab', b'ba\n', b'\n\n', b'\n a', b'aab')
_STOPS = st.lists(
    st.text('ab\n', min_size=1, max_size=4), max_size=3, unique=True
)


class StopTableTest(parameterized.TestCase):

  @hypothesis.settings(deadline=None, max_examples=300)
  @hypothesis.given(
      stops=_STOPS,
      column_zero=st.booleans(),
      ids=st.lists(st.integers(0, len(_SPELLINGS) - 1), max_size=12),
  )
  def test_table_stops_with_the_token_that_completes_a_stop(
      self, stops, column_zero, ids
  ):
    table = stopping.build_stop_table(
        SpelledTokens(_SPELLINGS), stops, column_zero
    )
    expected = None
    for n in range(1, len(ids) + 1):
      text = b''.join(_SPELLINGS[i] for i in ids[:n])
      if contains_stop(text, stops, column_zero):
        expected = n
        break
    self.assertEqual(stopped_after(table, ids), expected)

  @hypothesis.settings(deadline=None, max_examples=300)
  @hypothesis.given(
      stops=_STOPS,
      column_zero=st.booleans(),
      text=st.text('ab\n é', max_size=9),
  )
  def test_truncate_is_the_text_before_the_first_completed_stop(
      self, stops, column_zero, text
  ):
    expected = text
    for end in range(1, len(text) + 1):
      starts = [
          start
          for start in range(end)
          if text[start:end] in stops
          or (
              column_zero
              and start == end - 2
              and text[start] == '\n'
              and text[start + 1] not in ' \t\n\r\v\f'
          )
      ]
      if starts:
        expected = text[: min(starts)]
        break
    self.assertEqual(stopping.truncate(text, stops, column_zero), expected)

  @parameterized.parameters(
      (b'\n  return 1\ndef', '\n  return 1'),
      (b'\n  return 1\n\n# more', '\n  return 1\n'),
      (b'\n  return 1\n  ', '\n  return 1\n  '),
      (b' return 1\n```', ' return 1'),
      (b'\xc3\xa9\n\xc3\xa9', '\u00e9'),
  )
  def test_column_zero_is_found_by_table_and_cut_by_truncate(self, data, cut):
    tokenizer = tokenization.byte_tokenizer()
    table = stopping.build_stop_table(tokenizer, column_zero=True)
    text = data.decode()
    self.assertEqual(stopping.truncate(text, column_zero=True), cut)
    self.assertEqual(stopped_after(table, data) is not None, cut != text)

  def test_a_stop_token_ends_from_every_state_and_stop_absorbs(self):
    tokenizer = tokenization.byte_tokenizer()
    table = stopping.build_stop_table(
        tokenizer, ['abc'], True, [tokenizer.eos_id]
    )
    next_state_SxV = table.next_state_SxV
    self.assertTrue(
        np.all(next_state_SxV[:, tokenizer.eos_id] == table.stop_state)
    )
    self.assertTrue(
        np.all(next_state_SxV[table.stop_state] == table.stop_state)
    )
    self.assertEqual(table.stop_state, len(next_state_SxV) - 1)

  def test_without_conditions_nothing_stops(self):
    table = stopping.build_stop_table(SpelledTokens(_SPELLINGS))
    self.assertIsNone(stopped_after(table, range(len(_SPELLINGS))))

  def test_bad_conditions_are_named(self):
    tokenizer = tokenization.byte_tokenizer()
    with self.assertRaisesRegex(ValueError, 'empty string'):
      stopping.build_stop_table(tokenizer, ['a', ''])
    with self.assertRaisesRegex(ValueError, 'stop token 258 is not in'):
      stopping.build_stop_table(tokenizer, stop_tokens=[258])
