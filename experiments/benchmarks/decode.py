r"""Useful tokens per second of the decoder on prompts of the task suite.

python -m experiments.benchmarks.decode                # about two minutes
python -m experiments.benchmarks.decode --prompts=60   # less of it is the tail

A token is useful if it belongs to a completion up to its stop. The comparison
is the usual dense form of the same work with the same model, cache and draws:
every row reads its own prompt, rows are decoded in fixed batches of `--slots`,
and a batch ends when its last row does. The two run in turns in one process,
and both are compiled before they are timed. The last line, `ratio X.XX`, is
the decoder's rate divided by that of the dense form, wall clock, median.
"""

import functools
import time

from absl import app
from absl import flags
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.models import pretrained
from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import drawing
from swm_jax.samplers import rollout
from swm_jax.samplers import stopping
from swm_jax.tasks.python_functions import catalog

_MODEL = flags.DEFINE_string('model', None, 'GGUF file or folder of weights.')
_PROMPTS = flags.DEFINE_integer('prompts', 20, 'Number of prompts.')
_SAMPLES = flags.DEFINE_integer('samples', 4, 'Samples per temperature.')
_SLOTS = flags.DEFINE_integer('slots', 64, 'Rows of a forward pass.')
_ROUNDS = flags.DEFINE_integer('rounds', 2, 'Times that each form is run.')

_TEMPERATURES = (0.2, 0.4, 0.8)  # besides one greedy sample
_MAX_PROMPT = 64
_MAX_NEW_TOKENS = 64


@functools.partial(jax.jit, static_argnames=('config', 'stop_state'))
def dense(
    params, tokens_BxP, length_B, temperature_B, keys_B, table_SxV, *,
    config, stop_state,
):
  """Decodes one batch to its end; returns tokens `[B, T]` and their count."""
  B, P = tokens_BxP.shape
  T = _MAX_NEW_TOKENS
  model = transformer.Transformer(config)
  rows_B = jnp.arange(B)

  def draw(logits_BxV, n):
    keys = jax.vmap(jax.random.fold_in, (0, None))(keys_B, n)
    uniform_B = jax.vmap(jax.random.uniform)(keys)
    return drawing.draw(
        logits_BxV, rows_B, temperature_B, uniform_B, jnp.ones((B,), bool)
    )[0]

  def read(token_B, n, done_B, stop_B, tokens_BxT, count_B):
    token_B = jnp.where(done_B, 0, token_B)
    tokens_BxT = tokens_BxT.at[:, n].set(token_B)
    stop_B = jnp.where(done_B, stop_B, table_SxV[stop_B, token_B])
    count_B = count_B + ~done_B
    return token_B, n + 1, stop_B == stop_state, stop_B, tokens_BxT, count_B

  def step(carry):
    state, cache = carry
    out = model.apply(
        {'params': params},
        state[0][:, None],
        cache=cache,
        logits_at=jnp.zeros((B,), jnp.int32),
    )
    token_B = draw(out.logits, state[1])
    return read(token_B, *state[1:]), out.cache

  cache = transformer.init_cache(config, B, P + T)
  out = model.apply(
      {'params': params}, tokens_BxP, cache=cache, logits_at=length_B - 1
  )
  state = read(
      draw(out.logits, 0),
      0,
      jnp.zeros((B,), bool),
      jnp.zeros((B,), table_SxV.dtype),
      jnp.zeros((B, T), jnp.int32),
      jnp.zeros((B,), jnp.int32),
  )
  state, _ = jax.lax.while_loop(
      lambda carry: (carry[0][1] < T) & ~carry[0][2].all(),
      step,
      (state, out.cache._replace(index_B=length_B)),
  )
  return state[4], state[5]


def main(_):
  params, config, tokenizer = pretrained.load(_MODEL.value)
  params = jax.tree.map(jnp.asarray, params)
  table = stopping.build_stop_table(
      tokenizer, column_zero=True, stop_tokens=[tokenizer.eos_id]
  )
  problems = catalog.suite()
  # Spread over the types: the suite lists one type after the other.
  problems = problems[:: max(1, len(problems) // _PROMPTS.value)]
  problems = problems[: _PROMPTS.value]
  prompts = [tokenizer.encode(problem.prompt) for problem in problems]
  temperatures = np.repeat((0.0, *_TEMPERATURES), (1, *[_SAMPLES.value] * 3))
  prompt_index_B = np.repeat(np.arange(len(prompts)), len(temperatures))
  temperature_B = np.tile(temperatures, len(prompts)).astype(np.float32)
  B = len(prompt_index_B)
  keys_B = rollout.row_keys(
      jax.random.key(0), prompt_index_B, np.arange(B)
  )
  decoder = decode.Decoder(
      config,
      table,
      decode.DecodeConfig(
          slots=_SLOTS.value,
          max_prompt=_MAX_PROMPT,
          max_new_tokens=_MAX_NEW_TOKENS,
      ),
      tokenizer.pad_id,
  )
  width = max(map(len, prompts))

  def shared():
    trajectories = decoder(
        params, prompts, prompt_index_B, temperature_B, keys_B
    )
    return trajectories.mask.sum(axis=1), trajectories.tokens

  def naive():
    counts, tokens = [], []
    for start in range(0, B, _SLOTS.value):
      # The last batch repeats its last row; repeats are not counted.
      rows = np.minimum(np.arange(start, start + _SLOTS.value), B - 1)
      tokens_BxP = np.full((_SLOTS.value, width), tokenizer.pad_id, np.int32)
      length_B = np.array([len(prompts[i]) for i in prompt_index_B[rows]])
      for row, prompt in zip(tokens_BxP, prompt_index_B[rows]):
        row[: len(prompts[prompt])] = prompts[prompt]
      batch, count_B = dense(
          params,
          tokens_BxP,
          length_B.astype(np.int32),
          temperature_B[rows],
          keys_B[rows],
          table.next_state_SxV,
          config=config,
          stop_state=table.stop_state,
      )
      tokens.append(np.asarray(batch)[: B - start])
      counts.append(np.asarray(count_B)[: B - start])
    return np.concatenate(counts), np.concatenate(tokens)

  rates = {'shared': [], 'dense': []}
  print(f'{B} rows, {len(prompts)} prompts of at most {width} tokens')
  for n in range(_ROUNDS.value + 1):
    for name, run in (('shared', shared), ('dense', naive)):
      wall, cpu = time.perf_counter(), time.process_time()
      count_B, tokens_BxT = run()
      wall = time.perf_counter() - wall
      cpu = time.process_time() - cpu
      useful = int(count_B.sum())
      if n:
        rates[name].append(useful / wall)
      print(
          f'{name:6} {useful} tokens, {wall:.1f} s, {useful / wall:.0f} '
          f'tokens/s, {useful / cpu:.0f} tokens per CPU second'
          + ('' if n else ' (compiling)'),
          flush=True,
      )
      if name == 'shared':
        reference = (count_B, tokens_BxT)
  equal = np.mean([
      np.array_equal(one[:count], other[:count])
      for count, one, other in zip(reference[0], reference[1], tokens_BxT)
  ])
  # Other shapes round otherwise, and a draw may fall on another token.
  print(f'rows with equal tokens in both forms: {equal:.3f}')
  print(f'ratio {np.median(rates["shared"]) / np.median(rates["dense"]):.2f}')


if __name__ == '__main__':
  app.run(main)
