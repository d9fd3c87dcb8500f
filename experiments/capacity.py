r"""Proves ahead of time that a model fits a slice of TPU, and what bounds it.

python -m experiments.capacity --config=experiments/configs/llama3_8b.py \
    --topology=v5e:16x16

Compiles the consolidation step and a decoding step for the whole slice, without
one: nothing is allocated. Needs the extra `tpu` (libtpu); `--topology=cpu:8`
takes virtual CPU devices instead, with all but the times and the verdict.

Memory is what the compiler has laid out for one chip. Collectives and HBM
traffic are read from the compiled program (`experiments.hlo`), FLOPs are by
formula. The predicted time is the longest of three: arithmetic at the peak rate
of matrix products, HBM traffic at its peak bandwidth, and collectives at that
of the links, as if all three overlapped perfectly; it is a bound, not an
expectation.
"""

import dataclasses
import functools
import math
import pathlib
import re
import tempfile
import time
from typing import Any

from absl import app
from absl import flags
import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jax.sharding import NamedSharding
import ml_collections
from ml_collections import config_flags

from experiments import hlo
from experiments import options as options_lib
from experiments import slices
from swm_jax import sharding
from swm_jax import training
from swm_jax import types
from swm_jax.consolidate import descent
from swm_jax.consolidate import layout
from swm_jax.data import batching
from swm_jax.models import transformer

STEPS = ('consolidate', 'decode')
_GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Work:
  """A step that can be compiled, and what it does by formula.

  Attributes:
    lowered: the step.
    model_flops: of one run over all chips, nothing computed twice.
    flops: with what is computed again or masked.
    tokens: that one run advances.
    state_bytes: of a chip: parameters, optimizer state or cache.
  """

  lowered: jax.stages.Lowered
  model_flops: float
  flops: float
  tokens: int
  state_bytes: int


def model_config(
    cfg: ml_collections.ConfigDict, layers: int, **changes
) -> transformer.TransformerConfig:
  config = transformer.TransformerConfig(**{**cfg.model, **changes})
  if layers:
    config = dataclasses.replace(config, num_layers=layers)
  return config


def consolidation(
    cfg: ml_collections.ConfigDict, mesh: Mesh, layers: int = 0
) -> Work:
  """Lowers one update of consolidation, as `descent.run` makes it."""
  config = model_config(cfg, layers)
  rules = sharding.DEFAULT_RULES
  options = options_lib.consolidate_options(cfg.consolidate)
  tx = training.make_optimizer(
      learning_rate=options.learning_rate,
      steps=100,
      warmup=options.warmup,
      clip=options.clip,
      temperature=options.temperature,
  )
  loss_fn = descent.make_loss(config, options)
  params, placement = _abstract_params(config, mesh, rules)
  trainer = training.Trainer(loss_fn, tx, mesh, rules, {'model': placement})
  state = trainer.abstract_state({'model': params})
  rows = mesh.shape['data'] * mesh.shape['fsdp']
  batch = _abstract_batch(cfg, mesh, rules, rows)
  step = jax.jit(
      functools.partial(training.train_step, loss_fn=loss_fn, tx=tx),
      donate_argnums=0,
  )
  with sharding.use_mesh(mesh, rules):
    lowered = step.lower(state, {}, batch)

  T, targets = cfg.batch.length, rows * cfg.batch.targets
  tokens = rows * T
  # Where the sequence is not cut, XLA also computes what causality masks.
  pairs = rows * T * (T + 1) // 2
  computed = pairs if mesh.shape.get('context', 1) > 1 else rows * T * T
  again = config.remat == 'full'
  layer, attention = _layer_flops(config)
  head = 2 * config.vocab_size * config.width
  return Work(
      lowered,
      model_flops=3 * (layer * tokens + attention * pairs + head * targets),
      flops=(
          (3 + again) * layer * tokens
          # 2 products forward; backward the scores and 4 gradients.
          + (2 + 2 * again + 5) / 2 * attention * computed
          + 4 * head * targets
      ),
      tokens=tokens,
      state_bytes=_bytes_of_a_shard(state),
  )


def decoding(
    cfg: ml_collections.ConfigDict, mesh: Mesh, layers: int = 0
) -> Work:
  """Lowers the greedy steps between two visits of the host."""
  slots, length, chunk = cfg.decode.slots, cfg.decode.length, cfg.decode.chunk
  config = model_config(
      cfg, layers, param_dtype=cfg.decode.param_dtype, remat='none'
  )
  # Chips exchange the few activations of a step, and gather no weights.
  rules = {**dict(sharding.DEFAULT_RULES), 'activation_embed': 'fsdp'}
  rules['batch'] = 'data'
  rules = tuple(rules.items())
  params, _ = _abstract_params(config, mesh, rules)
  caches = jax.eval_shape(
      functools.partial(transformer.init_cache, config, slots, length)
  )

  def place_cache(x):
    axes = ('batch', None, 'kv_heads', None) if x.ndim > 1 else ('batch',)
    axes = (None,) * (x.ndim - len(axes)) + axes
    return _place(x, mesh, axes, rules)

  caches = jax.tree.map(place_cache, caches)
  token = _place(
      jax.ShapeDtypeStruct((slots,), jnp.int32), mesh, ('batch',), rules
  )

  def step(params, carry, _):
    token_B, cache = carry
    output = transformer.Transformer(config).apply(
        {'params': params}, token_B[:, None], cache=cache
    )
    logits_BxV = output.logits[:, 0]
    token_B = logits_BxV.argmax(axis=-1).astype(jnp.int32)
    log_prob_B = logits_BxV.max(-1) - jax.nn.logsumexp(logits_BxV, axis=-1)
    return (token_B, output.cache), (token_B, log_prob_B)

  def run(params, token_B, cache):
    return jax.lax.scan(
        functools.partial(step, params), (token_B, cache), length=chunk
    )

  with sharding.use_mesh(mesh, rules):
    lowered = jax.jit(run, donate_argnums=2).lower(params, token, caches)
  layer, attention = _layer_flops(config)
  head = 2 * config.vocab_size * config.width
  flops = chunk * slots * (layer + attention * length + head)
  return Work(
      lowered, flops, flops, chunk * slots, _bytes_of_a_shard((params, caches))
  )


def compile_step(
    lowered: jax.stages.Lowered, **options: Any
) -> tuple[jax.stages.Compiled, str]:
  """Returns the step compiled with XLA's `options`, and its text.

  The compiler itself writes the text: `as_text` reads the program again with
  jaxlib's parser, which refuses the asynchronous instructions of libtpu.
  """
  with tempfile.TemporaryDirectory() as folder:
    compiled = lowered.compile(
        {**options, 'xla_dump_to': folder, 'xla_dump_hlo_as_text': True}
    )
    [path] = pathlib.Path(folder).glob('module_*.*after_optimizations.txt')
    return compiled, path.read_text()


def report(
    title: str,
    work: Work,
    compiled: jax.stages.Compiled,
    program: hlo.Program,
    sliced: slices.Slice,
    stacks: list[tuple[int, ...]],
) -> str:
  """Describes a compiled step as Markdown."""
  memory = compiled.memory_analysis()
  peak = (
      memory.argument_size_in_bytes
      + memory.output_size_in_bytes
      - memory.alias_size_in_bytes
      + memory.temp_size_in_bytes
  )
  gib = lambda size: f'{size / _GIB:.2f}'
  lines = [f'### {title}', '']
  lines += _table(
      ('GiB a chip', ''),
      ('arguments', gib(memory.argument_size_in_bytes)),
      ('of which state, by formula', gib(work.state_bytes)),
      ('updated in place', gib(memory.alias_size_in_bytes)),
      ('temporaries', gib(memory.temp_size_in_bytes)),
      ('peak', gib(peak)),
  )
  if sliced.chip:
    verdict = 'fits' if peak <= sliced.chip.hbm else 'does not fit'
    lines += [f'{verdict}: {gib(peak)} of {gib(sliced.chip.hbm)} GiB', '']
  collectives = program.collectives()
  lines += _table(
      ('collective', 'runs', 'GB sent by a chip'),
      *(
          (kind, f'{runs:.0f}', f'{sent / 1e9:.3f}')
          for kind, (runs, sent) in hlo.total_by_kind(collectives).items()
      ),
  )
  gathers = [x for x in collectives if x.kind == 'all-gather']
  if gathers:
    largest = max(gathers, key=lambda x: x.size)
    lines.append(
        f'largest all-gather: {list(largest.dims)},'
        f' {largest.size / 1e6:.1f} MB on a chip, {largest.times:.0f} times'
    )
  whole = hlo.whole_stacks(collectives, stacks, len(sliced.devices))
  largest = max(stacks, key=math.prod, default=(0,))
  lines.append(
      'all-gathers of a whole stack of layers:'
      f' {[list(x.dims) for x in whole] or "none"}; the largest stack is'
      f' {list(largest)}, {2 * math.prod(largest) / 1e6:.0f} MB in bfloat16'
  )
  lines.append(
      f'{work.tokens} tokens, {work.model_flops:.3e} FLOPs,'
      f' {work.flops:.3e} with what is computed again or masked;'
      f' {program.hbm_bytes() / 1e9:.1f} GB of HBM traffic a chip'
  )
  if sliced.chip:
    prediction = slices.predict(
        sliced, work.flops, program.hbm_bytes(), collectives
    )
    peak_flops = len(sliced.devices) * sliced.chip.peaks.flops
    share = work.model_flops / prediction.seconds / peak_flops
    milliseconds = ', '.join(
        f'{name} {1e3 * value:.1f}'
        for name, value in dataclasses.asdict(prediction).items()
    )
    lines.append(
        f'at least {1e3 * prediction.seconds:.1f} ms, bound by'
        f' {prediction.bound} ({milliseconds} ms):'
        f' {work.tokens / prediction.seconds:.0f} tokens/s,'
        f' {share:.1%} of the peak'
    )
  return '\n'.join(lines) + '\n'


def stacked_shapes(
    config: transformer.TransformerConfig,
) -> list[tuple[int, ...]]:
  """Shapes of the stacked matrices; none where layers are unrolled."""
  params = _shapes(config)
  return [x.shape for x in jax.tree.leaves(params.get('layers', {}))]


def count_params(config: transformer.TransformerConfig) -> int:
  return transformer.count_params(_shapes(config))


def _shapes(config):
  return jax.eval_shape(
      functools.partial(transformer.init_params, config), jax.random.key(0)
  )


def _abstract_params(config, mesh, rules):
  placement = sharding.shardings(mesh, transformer.logical_axes(config), rules)
  params = jax.tree.map(
      lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s),
      _shapes(config),
      placement,
  )
  return params, placement


def _abstract_batch(cfg, mesh, rules, rows) -> layout.Batch:
  """One micro-batch of `layout.plan`, `[A, R, ...]` with A = 1."""
  T, M, J = cfg.batch.length, cfg.batch.targets, cfg.batch.slots
  K = cfg.consolidate.anchor_top_logits

  def array(dtype, *dims):
    x = jax.ShapeDtypeStruct((1, rows, *dims), dtype)
    axes = (None, 'batch') + (None,) * len(dims)
    return _place(x, mesh, axes, rules)

  integers = functools.partial(array, jnp.int32)
  floats = functools.partial(array, jnp.float32)
  packed = batching.PackedBatch(
      tokens=integers(T),
      positions=integers(T),
      group=integers(T),
      branch=integers(T),
      source=integers(M),
      target=integers(M),
      target_mask=array(bool, M),
      trajectory=integers(M),
      trajectory_id=integers(J),
      prompt_end=integers(J),
  )
  return layout.Batch(
      packed=packed,
      ce_weight=floats(M),
      replay_weight=floats(M),
      anchor_weight=floats(M),
      z_past=types.TopKLogits(floats(M, K), integers(M, K), floats(M)),
      contrast_mask=array(bool, M),
      sign=integers(J),
      problem=integers(J),
      log_mu=floats(J),
      contrast_weight=floats(),
      penalty_weight=floats(),
  )


def _place(x, mesh, axes, rules):
  placement = NamedSharding(mesh, sharding.partition_spec(axes, rules))
  return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=placement)


def _layer_flops(config) -> tuple[int, int]:
  """FLOPs of all layers forward: per token, and per pair that attends."""
  heads = config.num_heads * config.head_dim
  kv_heads = config.num_kv_heads * config.head_dim
  weights = 2 * heads + 2 * kv_heads + 3 * config.mlp_width
  return (
      2 * config.num_layers * config.width * weights,
      4 * config.num_layers * heads,
  )


def _bytes_of_a_shard(tree) -> int:
  return sum(
      math.prod(x.sharding.shard_shape(x.shape)) * x.dtype.itemsize
      for x in jax.tree.leaves(tree)
  )


def _table(head, *rows) -> list[str]:
  line = lambda cells: '| ' + ' | '.join(cells) + ' |'
  rule = '| ' + ' | '.join('---' for _ in head) + ' |'
  return [line(head), rule, *(line(row) for row in rows), '']


def _first_sentence(error: Exception) -> str:
  """What the compiler says of a program that is too large."""
  found = re.search(r'(Ran out of memory.*?hbm.*?)\n', str(error), re.I)
  return found[1] if found else str(error).splitlines()[0]


def define_flags() -> None:
  config_flags.DEFINE_config_file('config', None, 'Model and slices.')
  flags.DEFINE_string(
      'topology', 'v5e:16x16', 'A key of the config\'s meshes, or cpu:8.'
  )
  flags.DEFINE_enum(
      'step', 'all', (*STEPS, 'all'), 'What is compiled.'
  )
  flags.DEFINE_integer(
      'layers', 0, 'Compile so many layers instead of all; 0 is all.'
  )
  flags.DEFINE_string('text', None, 'Writes the compiled program there.')


def main(argv):
  del argv
  if flags.FLAGS.config is None:
    raise app.UsageError('--config is required')
  jax.config.update('jax_platforms', 'cpu')
  cfg = flags.FLAGS.config
  sliced = slices.find_slice(flags.FLAGS.topology)
  lower = {
      'consolidate': (cfg.mesh, consolidation),
      'decode': (cfg.decode.mesh, decoding),
  }
  for name in STEPS if flags.FLAGS.step == 'all' else (flags.FLAGS.step,):
    meshes, make_work = lower[name]
    if sliced.name not in meshes:
      raise app.UsageError(
          f'the config has no mesh for {sliced.name}; it has {list(meshes)}'
      )
    mesh = sharding.make_mesh(dict(meshes[sliced.name]), sliced.devices)
    start = time.monotonic()
    work = make_work(cfg, mesh, flags.FLAGS.layers)
    config = model_config(cfg, flags.FLAGS.layers)
    sizes = ' x '.join(f'{k} {v}' for k, v in mesh.shape.items() if v > 1)
    title = (
        f'{name}, {config.num_layers} layers, {sliced.name}'
        f' ({len(sliced.devices)} chips: {sizes})'
    )
    try:
      options = cfg.tpu_options if sliced.chip else {}
      compiled, text = compile_step(work.lowered, **options)
    except jax.errors.JaxRuntimeError as error:
      if 'RESOURCE_EXHAUSTED' not in str(error):
        raise
      print(f'### {title}\n\ndoes not fit: {_first_sentence(error)}\n')
      continue
    if flags.FLAGS.text:
      with open(f'{flags.FLAGS.text}.{name}', 'w', encoding='utf-8') as file:
        file.write(text)
    program = hlo.Program(text)
    stacks = stacked_shapes(config)
    print(report(title, work, compiled, program, sliced, stacks))
    print(f'compiled in {time.monotonic() - start:.0f} s\n', flush=True)


if __name__ == '__main__':
  # Here, since other programs of this folder define the same flags.
  define_flags()
  app.run(main)
