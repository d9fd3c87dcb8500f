"""A model of two layers that writes noise, for tests of what surrounds one."""

import functools
from typing import Any

import jax
import numpy as np

from swm_jax import tokenization
from swm_jax.models import transformer


@functools.cache
def make() -> tuple[
    Any, transformer.TransformerConfig, tokenization.Tokenizer
]:
  """Returns weights, config and tokenizer, without compiling an initialiser."""
  tokenizer = tokenization.byte_tokenizer()
  config = transformer.TransformerConfig(
      vocab_size=tokenizer.vocab_size, num_layers=2, width=32, mlp_width=48,
      num_heads=4, num_kv_heads=2, head_dim=8, max_length=128,
  )
  shapes = jax.eval_shape(
      lambda key: transformer.init_params(config, key), jax.random.key(0)
  )
  rng = np.random.default_rng(0)
  params = jax.tree.map(
      lambda x: rng.normal(0.0, 0.2, x.shape).astype(np.float32), shapes
  )
  return params, config, tokenizer
