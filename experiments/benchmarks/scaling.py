r"""What a token costs, against the size of the model and the number of hosts.

python -m experiments.benchmarks.scaling
python -m experiments.benchmarks.scaling --figure=docs/cost_per_token.png

Virtual hosts are processes on this machine with one CPU device each, joined by
`jax.distributed` and gloo as hosts of a pod are. Each holds a part of the batch
and of the trajectories: a step of full-parameter training averages gradients
over all hosts, decoding exchanges nothing. As they share this machine's
processors, what can be seen is not a speed-up but the price of distribution:
processor seconds of all hosts together per token, which stays level if
distribution costs nothing. The batch of a host is the same whatever their
number. Weights are random.

The last line, `ratio X.XX`, is the processor time per trained token of the
largest model on the most hosts, divided by that on one.
"""

import itertools
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import time

from absl import app
from absl import flags
import jax
import matplotlib
from matplotlib import figure
import numpy as np
import tqdm

from swm_jax import sharding
from swm_jax import training
from swm_jax.data import batching
from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import stopping

_ROWS, _LENGTH = 4, 64  # of a host's training batch
_PROMPTS, _PROMPT_TOKENS, _NEW_TOKENS = 8, 32, 16

# Of Llama shape: (layers, width, MLP width, query heads, key-value heads).
SIZES = {
    '2M': (4, 128, 384, 4, 2),
    '8M': (8, 256, 768, 4, 2),
    '29M': (16, 384, 1024, 6, 3),
    '110M': (30, 576, 1536, 9, 3),
}
_VOCAB = 8192


def model_config(size: str) -> transformer.TransformerConfig:
  layers, width, mlp_width, heads, kv_heads = SIZES[size]
  return transformer.TransformerConfig(
      vocab_size=_VOCAB,
      num_layers=layers,
      width=width,
      mlp_width=mlp_width,
      num_heads=heads,
      num_kv_heads=kv_heads,
      head_dim=width // heads,
  )


def measure(size: str, hosts: int, rounds: int) -> dict[str, list[float]]:
  """Returns this host's processor seconds of each round, by kind of work."""
  config = model_config(size)
  mesh = sharding.make_mesh({'data': hosts})
  param_shardings = sharding.shardings(
      mesh, transformer.logical_axes(config), sharding.DEFAULT_RULES
  )
  params = sharding.init_params(config, jax.random.key(0), mesh)
  rng = np.random.default_rng(0)
  tokens = rng.integers(1, _VOCAB, hosts * _ROWS * _LENGTH)
  batch, = batching.pack_text(tokens, rows=hosts * _ROWS, length=_LENGTH)

  def loss_fn(params, frozen, batch):
    del frozen
    log_prob = training.score(params, batch, config).log_prob
    return -log_prob.sum() / tokens.size, {}

  trainer = training.Trainer(
      loss_fn,
      training.make_optimizer(learning_rate=1e-4, steps=100, warmup=0, clip=1.),
      mesh, sharding.DEFAULT_RULES, param_shardings,
  )
  state = trainer.init(params)
  step = jax.tree.map(lambda x: x[None], batch)

  def train():
    nonlocal state
    state, metrics = trainer.step(state, {}, step)
    float(metrics['loss'])

  own = jax.tree.map(lambda x: x.addressable_data(0), params)
  decoder = decode.Decoder(
      config,
      stopping.StopTable(  # Never stops: one state, and the one after a stop.
          next_state_SxV=np.zeros((2, _VOCAB), np.int16),
          stop_state=1,
          stop_strings=(),
          column_zero=False,
          stop_tokens=frozenset(),
      ),
      decode.DecodeConfig(
          slots=_PROMPTS, max_prompt=_PROMPT_TOKENS, max_new_tokens=_NEW_TOKENS
      ),
      pad_id=0,
  )
  prompts = rng.integers(1, _VOCAB, (_PROMPTS, _PROMPT_TOKENS)).tolist()
  keys = jax.random.split(jax.random.key(jax.process_index()), _PROMPTS)

  def sample():
    decoder(own, prompts, np.arange(_PROMPTS), np.ones(_PROMPTS), keys)

  seconds = {'train': [], 'decode': []}
  for done, (kind, run) in itertools.product(
      range(-1, rounds), (('train', train), ('decode', sample))
  ):
    start = time.process_time()
    run()
    if done >= 0:  # The first compiles.
      seconds[kind].append(time.process_time() - start)
  return seconds


def spawn(size: str, hosts: int, rounds: int) -> dict[str, list[float]]:
  """Returns the processor seconds of all hosts together, for each round."""
  with socket.socket() as unused:
    unused.bind(('localhost', 0))
    port = unused.getsockname()[1]
  environment = {
      **os.environ, 'JAX_PLATFORMS': 'cpu',
      'XLA_FLAGS': '--xla_force_host_platform_device_count=1',
  }
  processes = [
      subprocess.Popen(
          [
              sys.executable, '-m', 'experiments.benchmarks.scaling',
              f'--rounds={rounds}', f'--host={port},{hosts},{index},{size}',
          ],
          stdout=subprocess.PIPE, text=True, env=environment,
      )
      for index in range(hosts)
  ]
  said = [process.communicate()[0] for process in processes]
  for index, process in enumerate(processes):
    if process.returncode:
      raise SystemExit(
          f'host {index} of {hosts} ended with {process.returncode}; what it'
          ' said is above'
      )
  parts = [json.loads(text.splitlines()[-1]) for text in said]
  return {
      kind: np.sum([part[kind] for part in parts], axis=0).tolist()
      for kind in parts[0]
  }


def tokens_of(kind: str, hosts: int) -> int:
  """Tokens of a round of all hosts: trained, or sampled."""
  a_host = _ROWS * _LENGTH if kind == 'train' else _PROMPTS * _NEW_TOKENS
  return hosts * a_host


def draw(costs, sizes: dict[str, int], path: str) -> None:
  """Draws milliseconds per token; costs are `[kind][hosts][size]` lists."""
  with matplotlib.rc_context({'font.size': 9, 'svg.hashsalt': 'swm_jax'}):
    fig = figure.Figure(figsize=(7.0, 3.0), layout='constrained')
    for ax, kind in zip(fig.subplots(1, 2), costs):
      for (hosts, by_size), marker in zip(costs[kind].items(), 'os^D'):
        middle = [statistics.median(by_size[size]) for size in sizes]
        low = [m - min(by_size[size]) for m, size in zip(middle, sizes)]
        high = [max(by_size[size]) - m for m, size in zip(middle, sizes)]
        ax.errorbar(
            list(sizes.values()), middle, [low, high], marker=marker,
            capsize=3, label=f'{hosts} host' + 's' * (hosts > 1),
        )
      ax.set_xscale('log')
      ax.set_yscale('log')
      ax.set_xlabel('parameters')
      ax.set_ylabel('processor ms per token')
      ax.set_title({'train': 'training step', 'decode': 'decoding'}[kind])
      ax.grid(alpha=0.25)
      ax.legend(frameon=False)
    fig.savefig(path, dpi=150)


def define_flags() -> None:
  flags.DEFINE_list('hosts', ['1', '2', '4'], 'Numbers of hosts.')
  flags.DEFINE_integer('rounds', 3, 'Timed repeats of each.')
  flags.DEFINE_string('figure', None, 'Draws the table to this file.')
  flags.DEFINE_list(
      'host', None, 'Set by the benchmark itself: port, hosts, index, size.'
  )


def main(argv):
  if len(argv) > 1:
    raise app.UsageError(f'unexpected arguments: {argv[1:]}')
  if flags.FLAGS.host:
    port, hosts, index, size = flags.FLAGS.host
    jax.config.update('jax_cpu_collectives_implementation', 'gloo')
    jax.distributed.initialize(f'localhost:{port}', int(hosts), int(index))
    print(json.dumps(measure(size, int(hosts), flags.FLAGS.rounds)), flush=True)
    return
  counts = [int(hosts) for hosts in flags.FLAGS.hosts]
  costs = {kind: {n: {} for n in counts} for kind in ('train', 'decode')}
  for size, hosts in tqdm.tqdm(
      list(itertools.product(SIZES, counts)), disable=None
  ):
    for kind, seconds in spawn(size, hosts, flags.FLAGS.rounds).items():
      costs[kind][hosts][size] = [
          1e3 * s / tokens_of(kind, hosts) for s in seconds
      ]
  sizes = {
      size: sum(
          x.size for x in jax.tree.leaves(jax.eval_shape(
              lambda size=size: transformer.init_params(
                  model_config(size), jax.random.key(0)
              )
          ))
      )
      for size in SIZES
  }
  print('processor milliseconds per token, minimum / median')
  for kind in costs:
    print(kind.rjust(8), *(f'{n} host(s)'.rjust(17) for n in counts))
    for size in SIZES:
      cells = [costs[kind][n][size] for n in counts]
      print(size.rjust(8), *(
          f'{min(c):.3f} / {statistics.median(c):.3f}'.rjust(17) for c in cells
      ))
  if flags.FLAGS.figure:
    pathlib.Path(flags.FLAGS.figure).parent.mkdir(parents=True, exist_ok=True)
    draw(costs, sizes, flags.FLAGS.figure)
  largest = [
      statistics.median(costs['train'][n][list(SIZES)[-1]]) for n in counts
  ]
  print(f'ratio {largest[-1] / largest[0]:.2f}')


if __name__ == '__main__':
  # Here, since other programs of this folder define the same flags.
  define_flags()
  app.run(main)
