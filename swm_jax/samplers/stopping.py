"""Where a completion ends: stop strings and lines in column 0, exactly.

A token may hold the end of one stop string and the start of the next line, so
stops are matched on bytes. The byte automaton is turned once into a table over
(state, token), and matching while decoding is one gather per sampled token.
"""

from collections.abc import Sequence
import dataclasses
import re

import numpy as np

from swm_jax import tokenization

_WHITESPACE = b' \t\n\r\x0b\x0c'
_COLUMN_ZERO = re.compile(rb'\n[^' + re.escape(_WHITESPACE) + rb']')
_NEWLINE = ord('\n')


@dataclasses.dataclass(frozen=True, eq=False)
class StopTable:
  """A finite automaton over tokens; it starts in state 0.

  Attributes:
    next_state_SxV: state after reading a token, int16.
    stop_state: the absorbing state; a completion that reaches it has ended
      with the token that was read.
    stop_strings: matched anywhere in the completion, also inside a token.
    column_zero: whether a newline followed by a byte that is not whitespace
      ends the completion.
    stop_tokens: ids that end it whatever came before.
  """

  next_state_SxV: np.ndarray
  stop_state: int
  stop_strings: tuple[str, ...]
  column_zero: bool
  stop_tokens: frozenset[int]


def build_stop_table(
    tokenizer: tokenization.Tokenizer,
    stop_strings: Sequence[str] = (),
    column_zero: bool = False,
    stop_tokens: Sequence[int] = (),
) -> StopTable:
  """Compiles stop conditions for a tokenizer.

  Only the completion is matched: a stop string that begins in the prompt is not
  seen, and the first sampled token is not in column 0.

  Args:
    tokenizer: gives the bytes of each token.
    stop_strings: not empty, each.
    column_zero: stop at the first line that starts in column 0.
    stop_tokens: ids, usually `[tokenizer.eos_id]`.

  Returns:
    The table.

  Raises:
    ValueError: a stop string is empty, or a stop token is not in the
      vocabulary.
  """
  if any(not stop for stop in stop_strings):
    raise ValueError(f'stop_strings={list(stop_strings)} has an empty string')
  vocab_size = tokenizer.vocab_size
  for token in stop_tokens:
    if not 0 <= token < vocab_size:
      raise ValueError(
          f'stop token {token} is not in the vocabulary of {vocab_size}'
      )
  automaton_Sx256 = _byte_automaton(
      [stop.encode('utf-8') for stop in stop_strings], column_zero
  )
  stop_state = len(automaton_Sx256) - 1

  spellings = [tokenizer.token_bytes(i) for i in range(vocab_size)]
  length_V = np.array([len(spelling) for spelling in spellings])
  bytes_VxL = np.zeros((vocab_size, max(1, length_V.max())), np.uint8)
  for row, spelling in zip(bytes_VxL, spellings):
    row[: len(spelling)] = np.frombuffer(spelling, np.uint8)
  states = np.arange(len(automaton_Sx256), dtype=np.int16)
  table_SxV = np.repeat(states[:, None], vocab_size, axis=1)
  for position in range(bytes_VxL.shape[1]):
    longer = np.flatnonzero(position < length_V)
    table_SxV[:, longer] = automaton_Sx256[
        table_SxV[:, longer], bytes_VxL[longer, position]
    ]
  table_SxV[:, list(stop_tokens)] = stop_state
  return StopTable(
      next_state_SxV=table_SxV,
      stop_state=stop_state,
      stop_strings=tuple(stop_strings),
      column_zero=column_zero,
      stop_tokens=frozenset(int(token) for token in stop_tokens),
  )


def truncate(
    text: str, stop_strings: Sequence[str] = (), column_zero: bool = False
) -> str:
  """Cuts a completion before the stop that is completed first.

  Of stops completed by the same byte, the one that starts first counts. A line
  in column 0 is cut with the newline before it.
  """
  data = text.encode('utf-8', errors='surrogatepass')
  cuts = []  # (end, start) of the first match of each condition
  for stop in stop_strings:
    stop = stop.encode('utf-8')
    if (start := data.find(stop)) >= 0:
      cuts.append((start + len(stop), start))
  if column_zero and (match := _COLUMN_ZERO.search(data)):
    cuts.append((match.end(), match.start()))
  if not cuts:
    return text
  return data[: min(cuts)[1]].decode('utf-8', errors='surrogatepass')


def _byte_automaton(stops: Sequence[bytes], column_zero: bool) -> np.ndarray:
  """Transitions `[S, 256]`, int16; state 0 starts, state S - 1 absorbs.

  A state is the longest suffix of the text that begins a stop string (as in
  Aho and Corasick, 1975) and whether the text ends in a newline.
  """
  beginnings = {stop[:i] for stop in stops for i in range(len(stop))} | {b''}

  def follow(state, byte):
    suffix, after_newline = state
    if column_zero and after_newline and byte not in _WHITESPACE:
      return None
    text = suffix + bytes([byte])
    if any(text.endswith(stop) for stop in stops):
      return None
    while text not in beginnings:
      text = text[1:]
    return text, byte == _NEWLINE and column_zero

  start = (b'', False)
  number = {start: 0}
  rows = []
  queue = [start]
  for state in queue:
    row = [follow(state, byte) for byte in range(256)]
    for target in row:
      if target is not None and target not in number:
        number[target] = len(number)
        queue.append(target)
    rows.append(row)
  stop_state = len(number)
  if stop_state > np.iinfo(np.int16).max:
    raise ValueError('the stop strings are too long to match together')
  number[None] = stop_state
  rows.append([None] * 256)
  return np.array(
      [[number[target] for target in row] for row in rows], np.int16
  )
