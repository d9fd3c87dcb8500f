"""Byte-level BPE tokenizers: ids, text, and the exact bytes of each token."""

from collections.abc import Mapping, Sequence
import functools
import json
import os
import pathlib

import tokenizers
from tokenizers import decoders
from tokenizers import models
from tokenizers import pre_tokenizers

# `tokenizer.ggml.pre` -> the splitters that run before the byte-level regex.
_GGUF_SPLITTERS = {
    'smollm': (pre_tokenizers.Digits(individual_digits=True),),
    'gpt-2': (),
}
_GGUF_NORMAL_TOKEN = 1


@functools.cache
def byte_characters() -> tuple[str, ...]:
  """The printable character that stands for each byte in a byte-level BPE.

  Bytes that print as themselves in Latin-1 keep their character; the others
  take the code points from 256 on, in order (the GPT-2 alphabet).
  """
  printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
  spare = iter(range(256, 512))
  return tuple(
      chr(b if b in printable else next(spare)) for b in range(256)
  )


class Tokenizer:
  """A byte-level BPE tokenizer.

  Attributes:
    vocab_size: number of ids.
    eos_id: id that ends a text.
    pad_id: id that fills the rest of a row; it may equal `eos_id`, so padding
      is told by masks and never by the id.
  """

  def __init__(
      self, backend: tokenizers.Tokenizer, *, eos_id: int, pad_id: int
  ):
    self._backend = backend
    self.vocab_size = backend.get_vocab_size(with_added_tokens=True)
    for name, value in (('eos_id', eos_id), ('pad_id', pad_id)):
      if not 0 <= value < self.vocab_size:
        raise ValueError(
            f'{name}={value} is not in the vocabulary of {self.vocab_size}'
        )
    self.eos_id = eos_id
    self.pad_id = pad_id

  @classmethod
  def from_json(cls, text: str, eos_id: int, pad_id: int) -> 'Tokenizer':
    """Reads the text of a `tokenizer.json`."""
    backend = tokenizers.Tokenizer.from_str(text)
    return cls(backend, eos_id=eos_id, pad_id=pad_id)

  @classmethod
  def from_folder(cls, folder: str | os.PathLike[str]) -> 'Tokenizer':
    """Reads `tokenizer.json` of a Hugging Face folder.

    `eos_token_id` and `pad_token_id` come from its `config.json`; without a pad
    token, eos pads.

    Raises:
      FileNotFoundError: one of the two files is missing.
      ValueError: there is no eos token.
    """
    folder = pathlib.Path(folder)
    for name in ('tokenizer.json', 'config.json'):
      if not (folder / name).is_file():
        raise FileNotFoundError(f'{folder} has no {name}')
    config = json.loads((folder / 'config.json').read_text('utf-8'))
    eos_id = config.get('eos_token_id')
    if isinstance(eos_id, list):
      eos_id = eos_id[0]
    if eos_id is None:
      raise ValueError(f'{folder / "config.json"} has no eos_token_id')
    pad_id = config.get('pad_token_id')
    text = (folder / 'tokenizer.json').read_text('utf-8')
    return cls.from_json(text, eos_id, eos_id if pad_id is None else pad_id)

  @classmethod
  def from_gguf(cls, metadata: Mapping[str, object]) -> 'Tokenizer':
    """Builds the tokenizer that a GGUF file describes.

    Args:
      metadata: the file's `tokenizer.ggml.*` keys and their Python values.

    Raises:
      ValueError: a key is missing, or the tokenizer is of an unknown kind.
    """
    prefix = 'tokenizer.ggml.'
    for key in ('model', 'tokens', 'merges', 'token_type', 'eos_token_id'):
      if prefix + key not in metadata:
        raise ValueError(f'the GGUF file has no {prefix}{key}')
    kind = metadata[prefix + 'model']
    splitter = metadata.get(prefix + 'pre', 'gpt-2')
    if kind != 'gpt2' or splitter not in _GGUF_SPLITTERS:
      raise ValueError(
          f'GGUF tokenizer model {kind!r} with pre-tokenizer {splitter!r} is '
          f"not supported; 'gpt2' with one of {sorted(_GGUF_SPLITTERS)} is"
      )
    tokens = list(metadata[prefix + 'tokens'])
    special = [
        token
        for token, token_type in zip(tokens, metadata[prefix + 'token_type'])
        if token_type != _GGUF_NORMAL_TOKEN
    ]
    backend = _byte_level_bpe(
        {token: i for i, token in enumerate(tokens)},
        [tuple(merge.split(' ')) for merge in metadata[prefix + 'merges']],
        special,
        _GGUF_SPLITTERS[splitter],
    )
    eos_id = int(metadata[prefix + 'eos_token_id'])
    pad_id = int(metadata.get(prefix + 'padding_token_id', eos_id))
    return cls(backend, eos_id=eos_id, pad_id=pad_id)

  def to_json(self) -> str:
    """The text of a `tokenizer.json`; `from_json` reads it back."""
    return self._backend.to_str(pretty=True)

  def encode(self, text: str) -> list[int]:
    """Ids of a text; no token is added before or after it."""
    return self._backend.encode(text, add_special_tokens=False).ids

  def decode(self, ids: Sequence[int]) -> str:
    """Text of ids, special tokens included; broken UTF-8 becomes U+FFFD."""
    return self.decode_bytes(ids).decode('utf-8', errors='replace')

  def decode_bytes(self, ids: Sequence[int]) -> bytes:
    """Exact bytes of ids."""
    table = self._bytes_of_ids
    return b''.join(table[int(i)] for i in ids)

  def token_bytes(self, token_id: int) -> bytes:
    """Exact bytes of one token; special tokens give their own spelling."""
    return self._bytes_of_ids[int(token_id)]

  @functools.cached_property
  def _bytes_of_ids(self) -> list[bytes]:
    byte_of = {c: b for b, c in enumerate(byte_characters())}
    special = {
        i
        for i, token in self._backend.get_added_tokens_decoder().items()
        if token.special
    }
    table = []
    for i in range(self.vocab_size):
      token = self._backend.id_to_token(i)
      if token is None:
        raise ValueError(f'the tokenizer has no token for id {i}')
      if i in special or any(c not in byte_of for c in token):
        table.append(token.encode('utf-8'))
      else:
        table.append(bytes(byte_of[c] for c in token))
    return table


def _byte_level_bpe(vocab, merges, special, splitters):
  backend = tokenizers.Tokenizer(
      models.BPE(vocab=vocab, merges=merges, fuse_unk=False)
  )
  backend.pre_tokenizer = pre_tokenizers.Sequence([
      *splitters,
      pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
  ])
  backend.decoder = decoders.ByteLevel()
  backend.add_special_tokens([
      tokenizers.AddedToken(token, special=True, normalized=False)
      for token in special
  ])
  return backend


def byte_tokenizer() -> Tokenizer:
  """A tokenizer without merges: id = byte, 256 = eos, 257 = pad."""
  vocab = {c: b for b, c in enumerate(byte_characters())}
  special = ['<|endoftext|>', '<|pad|>']
  backend = _byte_level_bpe(vocab, [], special, ())
  return Tokenizer(backend, eos_id=256, pad_id=257)
