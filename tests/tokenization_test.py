"""Tests of tokenizers; the packaged model's is in models/pretrained_test.py."""

import pathlib
import tempfile

from absl.testing import absltest
from absl.testing import parameterized

from swm_jax import tokenization

TEXTS = (
    '',
    'def f(a):\n  return a + 1\n',
    'tabs\tand\r\nreturns',
    'naïve — 漢字 😀',
    '\x00\x7f',
)


def _gguf_metadata(**changes):
  """A vocabulary of bytes, one merge (`ab`) and one special token."""
  tokens = [*tokenization.byte_characters(), 'ab', '<|end|>']
  metadata = {
      'tokenizer.ggml.model': 'gpt2',
      'tokenizer.ggml.pre': 'smollm',
      'tokenizer.ggml.tokens': tokens,
      'tokenizer.ggml.token_type': [1] * 257 + [3],
      'tokenizer.ggml.merges': ['a b'],
      'tokenizer.ggml.eos_token_id': 257,
  }
  metadata |= {'tokenizer.ggml.' + k: v for k, v in changes.items()}
  return {k: v for k, v in metadata.items() if v is not None}


class TokenizerTest(parameterized.TestCase):

  @parameterized.parameters(*TEXTS)
  def test_byte_tokens_are_the_bytes(self, text):
    tokenizer = tokenization.byte_tokenizer()
    self.assertEqual(tokenizer.encode(text), list(text.encode('utf-8')))
    self.assertEqual(tokenizer.decode(tokenizer.encode(text)), text)

  def test_byte_tokenizer_special_ids(self):
    tokenizer = tokenization.byte_tokenizer()
    self.assertEqual(tokenizer.vocab_size, 258)
    self.assertEqual((tokenizer.eos_id, tokenizer.pad_id), (256, 257))
    self.assertEqual(tokenizer.encode('a<|endoftext|>'), [97, 256])
    self.assertEqual(tokenizer.token_bytes(256), b'<|endoftext|>')

  def test_every_byte_has_its_own_character(self):
    self.assertLen(set(tokenization.byte_characters()), 256)
    self.assertEqual(tokenization.byte_characters()[ord('A')], 'A')
    # Space is the 33rd byte that does not print, so 256 + 32.
    self.assertEqual(tokenization.byte_characters()[ord(' ')], chr(288))

  def test_incomplete_character_keeps_its_bytes(self):
    tokenizer = tokenization.byte_tokenizer()
    self.assertEqual(tokenizer.decode_bytes([0xE6, 0xBC]), b'\xe6\xbc')
    self.assertEqual(tokenizer.decode([0xE6, 0xBC]), '\ufffd')

  @parameterized.parameters(*TEXTS)
  def test_json_round_trip(self, text):
    first = tokenization.Tokenizer.from_gguf(_gguf_metadata())
    second = tokenization.Tokenizer.from_json(first.to_json(), 257, 257)
    self.assertEqual(first.encode(text), second.encode(text))
    self.assertEqual(first.to_json(), second.to_json())

  def test_gguf_merges_and_digits(self):
    tokenizer = tokenization.Tokenizer.from_gguf(_gguf_metadata())
    self.assertEqual(tokenizer.vocab_size, 258)
    self.assertEqual(tokenizer.pad_id, tokenizer.eos_id)
    self.assertEqual(tokenizer.encode('cab<|end|>'), [99, 256, 257])
    self.assertEqual(tokenizer.token_bytes(256), b'ab')
    self.assertEqual(tokenizer.decode([99, 256, 257]), 'cab<|end|>')

  def test_from_folder(self):
    with tempfile.TemporaryDirectory() as folder:
      folder = pathlib.Path(folder)
      with self.assertRaisesRegex(FileNotFoundError, 'has no tokenizer.json'):
        tokenization.Tokenizer.from_folder(folder)
      text = tokenization.byte_tokenizer().to_json()
      (folder / 'tokenizer.json').write_text(text)
      (folder / 'config.json').write_text('{}')
      with self.assertRaisesRegex(ValueError, 'no eos_token_id'):
        tokenization.Tokenizer.from_folder(folder)
      (folder / 'config.json').write_text('{"eos_token_id": [256, 3]}')
      tokenizer = tokenization.Tokenizer.from_folder(folder)
    self.assertEqual((tokenizer.eos_id, tokenizer.pad_id), (256, 256))

  def test_errors_name_the_key(self):
    make = tokenization.Tokenizer.from_gguf
    with self.assertRaisesRegex(ValueError, 'no tokenizer.ggml.merges'):
      make(_gguf_metadata(merges=None))
    with self.assertRaisesRegex(ValueError, "pre-tokenizer 'qwen2'"):
      make(_gguf_metadata(pre='qwen2'))
    with self.assertRaisesRegex(ValueError, "model 'llama'"):
      make(_gguf_metadata(model='llama'))
    with self.assertRaisesRegex(ValueError, 'eos_id=999 is not in'):
      make(_gguf_metadata(eos_token_id=999))


if __name__ == '__main__':
  absltest.main()
