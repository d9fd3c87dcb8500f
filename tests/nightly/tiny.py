"""A tiny model that solves some problems some of the time, and its nights."""

from collections.abc import Sequence
import dataclasses
import functools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

import jax
from jax import numpy as jnp
import numpy as np
import optax

from experiments import apparatus
from swm_jax import sharding
from swm_jax import tokenization
from swm_jax import training
from swm_jax.data import batching
from swm_jax.models import pretrained
from swm_jax.models import transformer
from tests.nightly import tiny_config

ROOT = pathlib.Path(__file__).parents[2]
CONFIG = 'tests/nightly/tiny_config.py'
_SEED = 0
_EPOCHS = 80
_STEP_TOKENS = 640
# The model has learned two habits: to answer, and to give up. The second is
# the likelier, so that greedy decoding fails where sampling succeeds, and a
# night that teaches the first is a good night on held-out problems too.
_GIVE_UP = '\n    return None\n'
_GIVES_UP = 0.68  # of all completions
# Day problems that the model has never seen answered: hard ones.
_HARD = 2


@functools.cache
def folder() -> pathlib.Path:
  """Everything that the tests of a session share; removed at its end."""
  # Kept alive by the cache.
  folder.directory = tempfile.TemporaryDirectory(prefix='tiny_night_')
  return pathlib.Path(folder.directory.name)


@functools.cache
def tokenizer() -> tokenization.Tokenizer:
  return tokenization.byte_tokenizer()


@functools.cache
def problems() -> dict[str, list]:
  """The problem sets of the tiny night."""
  return apparatus.problems(tiny_config.get_config())


def model_config() -> transformer.TransformerConfig:
  return transformer.TransformerConfig(
      vocab_size=tokenizer().vocab_size, num_layers=2, width=64, mlp_width=128,
      num_heads=4, num_kv_heads=2, head_dim=16, rope_theta=1e4,
      max_length=1024,
  )


def _examples() -> tuple[list[batching.Example], dict[int, Any]]:
  """Prompts with two completions each, and the weight of every token."""
  encode = tokenizer().encode
  sets = problems()
  known = [*sets['day'][_HARD:], *sets['held_out'], *sets['unrelated']]
  examples, weights = [], {}
  for i, problem in enumerate(known):
    _, _, body = problem.reference.partition(':\n')
    answers = '\n' + body.rstrip('\n') + '\n', _GIVE_UP
    completions = [encode(text) + [tokenizer().eos_id] for text in answers]
    ids = [2 * i, 2 * i + 1]
    examples.append(batching.Example(
        encode(problem.prompt), completions, ids, together=2
    ))
    for id_, tokens, share in zip(
        ids, completions, (1.0 - _GIVES_UP, _GIVES_UP)
    ):
      weights[id_] = np.full(len(tokens), share, np.float32)
  return examples, weights


def train(path: pathlib.Path) -> None:
  """Trains the model and writes it as a Hugging Face folder."""
  config = model_config()
  examples, weights = _examples()
  shape = batching.choose_shape(
      examples, tokens_per_batch=_STEP_TOKENS, max_length=_STEP_TOKENS
  )
  packed = batching.pack(examples, **dataclasses.asdict(shape))
  batches = [
      jax.tree.map(
          lambda leaf: jnp.asarray(leaf)[None],
          (batch, batching.per_target(weights, batch)),
      )
      for batch in packed
  ]

  def loss_fn(params, frozen, batch):
    del frozen
    packed, weight = batch
    scores = training.score(params, packed, config)
    return -(weight * scores.log_prob).sum() / weight.sum(), {}

  mesh = sharding.make_mesh({}, jax.devices()[:1])
  tx = optax.chain(
      optax.clip_by_global_norm(1.0), optax.adam(3e-3, b1=0.9, b2=0.95)
  )
  trainer = training.Trainer(loss_fn, tx, mesh, sharding.DEFAULT_RULES)
  state = trainer.init(
      transformer.init_params(config, jax.random.key(_SEED))
  )
  rng = np.random.default_rng(_SEED)
  for _ in range(_EPOCHS):
    for index in rng.permutation(len(batches)):
      state, _ = trainer.step(state, {}, batches[index])
  pretrained.save_hf(path, state.params, config, tokenizer())


@functools.cache
def model() -> pathlib.Path:
  """The folder of the model, trained once in a session.

  In a process of its own, since that of the tests is set up for compiling much
  and computing little.
  """
  path = folder() / 'model'
  subprocess.run(
      [sys.executable, '-m', 'tests.nightly.tiny', os.fspath(path)],
      cwd=ROOT, env=environment(), check=True,
  )
  return path


def command(workdir: pathlib.Path, *flags: str) -> list[str]:
  """The command of a tiny night."""
  return [
      sys.executable, '-m', 'experiments.nightly', f'--config={CONFIG}',
      f'--config.model.path={model()}', f'--workdir={workdir}', *flags,
  ]


def environment() -> dict[str, str]:
  """One CPU device, and programs compiled once in a session."""
  return {
      **{k: v for k, v in os.environ.items() if k != 'XLA_FLAGS'},
      'JAX_PLATFORMS': 'cpu',
      'JAX_COMPILATION_CACHE_DIR': os.fspath(folder() / 'compiled'),
      'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
      'JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES': '-1',
  }


def start(workdir: pathlib.Path, *flags: str) -> subprocess.Popen:
  """Starts a night; its output can be read when it has ended."""
  return subprocess.Popen(
      command(workdir, *flags), cwd=ROOT, env=environment(), text=True,
      stdout=subprocess.PIPE, stderr=subprocess.PIPE,
  )


def run(
    workdir: pathlib.Path, *flags: str
) -> subprocess.CompletedProcess[str]:
  """Runs a night to its end."""
  return subprocess.run(
      command(workdir, *flags), cwd=ROOT, env=environment(), text=True,
      capture_output=True, timeout=600, check=False,
  )


def report(workdir: pathlib.Path, night: int = 0) -> dict[str, Any]:
  path = workdir / f'night_{night:03d}' / 'report.json'
  return json.loads(path.read_text())


def metrics(workdir: pathlib.Path) -> Sequence[dict[str, Any]]:
  lines = (workdir / 'metrics.jsonl').read_text().splitlines()
  return [json.loads(line) for line in lines]


if __name__ == '__main__':
  train(pathlib.Path(sys.argv[1]))
