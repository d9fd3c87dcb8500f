"""A small decoder, and the model read in one pass to compare it with."""

import dataclasses
import functools

import jax
import numpy as np

from swm_jax import tokenization
from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import stopping

MODEL = transformer.TransformerConfig(
    vocab_size=258,
    num_layers=2,
    width=32,
    mlp_width=64,
    num_heads=4,
    num_kv_heads=2,
    head_dim=8,
    max_length=64,
)
# Slots are few, so that rows queue, park, and take over each other's slots.
CONFIG = decode.DecodeConfig(
    slots=4,
    max_prompt=20,
    max_new_tokens=12,
    chunk=3,
    top_logits=5,
    record_hidden=True,
    taps=(0, 2),
)
TOKENIZER = tokenization.byte_tokenizer()
PROMPTS = tuple(
    tuple(text.encode())
    for text in ('a', 'hello', 'hello', 'def f(x, y):', 'twenty bytes of text')
)


@functools.cache
def params():
  init = jax.jit(transformer.init_params, static_argnums=0)
  drawn = init(MODEL, jax.random.key(0))
  # Sharper than a fresh model: tempered rows then often agree for a while.
  return drawn | {'embedding': 3.0 * drawn['embedding']}


@functools.cache
def stop_table():
  # Of a random model every token is as likely: stop on a tenth of them.
  return stopping.build_stop_table(
      TOKENIZER, stop_tokens=[TOKENIZER.eos_id, *range(0, 256, 10)]
  )


def request(per_prompt=6):
  prompt_index_B = np.repeat(np.arange(len(PROMPTS)), per_prompt)
  B = len(prompt_index_B)
  temperature_B = np.resize([0.0, 0.2, 0.2, 0.5, 1.0, 1.5], B)
  keys_B = jax.random.split(jax.random.key(7), B)
  return prompt_index_B, temperature_B, keys_B


def decoder(**changes):
  config = dataclasses.replace(CONFIG, **changes)
  return decode.Decoder(MODEL, stop_table(), config, TOKENIZER.pad_id)


@functools.cache
def decoded():
  return decoder()(params(), PROMPTS, *request())


def teacher_forced(params, config, trajectories, row, taps=()):
  """Log-probabilities `[T, V]` and latents of one row, in one causal pass."""
  P, n = int(trajectories.prompt_length[row]), int(trajectories.mask[row].sum())
  tokens = np.concatenate(
      [trajectories.prompt_tokens[row, :P], trajectories.tokens[row, :n]]
  )
  # One length for every row: causal, so what is padded after it is not seen.
  length = trajectories.prompt_tokens.shape[1] + trajectories.mask.shape[1]
  padded = np.zeros((1, length), np.int32)
  padded[0, : len(tokens)] = tokens
  out = _forward(config, taps)(params, padded)
  log_p = jax.nn.log_softmax(out.logits[0, P - 1 : P - 1 + n], axis=-1)
  return np.asarray(log_p), out.latents_BxLxTxD, P, n


@functools.cache
def _forward(config, taps):
  model = transformer.Transformer(config)
  return jax.jit(
      lambda params, tokens: model.apply({'params': params}, tokens, taps=taps)
  )


def assert_rows_equal(actual, expected):
  for one, other in zip(jax.tree.leaves(actual), jax.tree.leaves(expected)):
    np.testing.assert_array_equal(one, other)
