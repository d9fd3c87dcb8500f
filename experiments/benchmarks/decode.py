r"""Useful tokens per second of the decoder on prompts of the task suite.

python -m experiments.benchmarks.decode             # about four minutes
python -m experiments.benchmarks.decode --dense     # beside our own dense form
python -m experiments.benchmarks.decode --quality   # what narrow weights cost

A token is useful if it belongs to a completion up to its stop. The decoder runs
in turns with `generate` of Hugging Face's transformers (torch on CPU, two
threads; see `decode_forms.TransformersGenerate`) on the same weights, prompts,
temperatures, number of samples, longest completion and stops, in batches of as
many rows as the decoder has slots. Without the extra `benchmarks` our own dense
form takes its place.

Shares of the machine's peak are of the best rate of a large float32 product in
the same run: 2 N operations for each row of each step, N the parameters, and
those of the layers alone for a position of a prompt. The last line, `ratio
X.XX`, is the smaller ratio of the median rates, wall clock, of all numbers of
slots.
"""

import time

from absl import app
from absl import flags
import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks import decode_forms
from experiments.benchmarks import decode_quality
from swm_jax.models import pretrained
from swm_jax.models import transformer
from swm_jax.samplers import stopping
from swm_jax.tasks.python_functions import catalog


# Of the samples of each prompt, in the proportions of a night's wake.
_TEMPERATURES = (0.0,) + (0.4,) * 4 + (0.8,) * 3
_MAX_NEW_TOKENS = 64
_THREADS = 2
_PEAK_WIDTH = 2048


def _workload(prompts: int, temperatures: tuple[float, ...]):
  """The workload and the problems it answers, in the order of its prompts."""
  params, config, tokenizer = pretrained.load(flags.FLAGS.model)
  problems = catalog.suite()
  # Spread over the types: the suite lists one type after the other.
  problems = problems[:: max(1, len(problems) // prompts)][:prompts]
  problems.sort(key=lambda problem: len(tokenizer.encode(problem.prompt)))
  work = decode_forms.Workload(
      params=jax.tree.map(jnp.asarray, params),
      config=config,
      tokenizer=tokenizer,
      stops=stopping.build_stop_table(
          tokenizer, column_zero=True, stop_tokens=[tokenizer.eos_id]
      ),
      prompts=[tokenizer.encode(problem.prompt) for problem in problems],
      temperatures=temperatures,
      max_new_tokens=_MAX_NEW_TOKENS,
  )
  return work, problems


def _timed(run):
  start = time.perf_counter()
  result = run()
  return result, time.perf_counter() - start


def _peak_rate(repeats: int = 4) -> float:
  """Operations per second of a square float32 product."""
  x = jnp.ones((_PEAK_WIDTH, _PEAK_WIDTH))
  multiply = jax.jit(jnp.matmul)
  multiply(x, x).block_until_ready()
  seconds = min(
      _timed(lambda: multiply(x, x).block_until_ready())[1]
      for _ in range(repeats)
  )
  return 2 * _PEAK_WIDTH**3 / seconds


def _operations(work, done: decode_forms.Decoded) -> tuple[float, float]:
  """Of all that was computed, and of the useful tokens alone."""
  total = transformer.count_params(work.params)
  layers = total - work.params['embedding'].size
  return (
      2 * total * done.row_steps + 2 * layers * done.prompt_tokens,
      2 * total * int(done.count_B.sum()),
  )


def _agreement(work, generate) -> tuple[int, int]:
  """Prompts whose greedy completions are equal in both forms, of how many."""
  greedy = work._replace(temperatures=(0.0,))
  ours = decode_forms.ours(greedy, min(flags.FLAGS.slots))()
  theirs = generate.with_temperatures((0.0,)).form(len(greedy.prompts))()
  equal = [
      count == other_count and np.array_equal(one[:count], other[:count])
      for one, count, other, other_count in zip(
          ours.tokens_BxT, ours.count_B, theirs.tokens_BxT, theirs.count_B
      )
  ]
  return sum(equal), len(equal)


def define_flags() -> None:
  flags.DEFINE_string('model', None, 'GGUF file or folder of weights.')
  flags.DEFINE_integer('prompts', 24, 'Number of prompts.')
  flags.DEFINE_multi_integer('slots', [32, 64], 'Rows of a pass.')
  flags.DEFINE_integer('rounds', 2, 'Times that each form is run.')
  flags.DEFINE_bool('dense', False, 'Time our own dense form, too.')
  flags.DEFINE_bool('quality', False, 'Measure narrow weights.')


def main(_):
  if flags.FLAGS.quality:
    decode_quality.run(_workload)
    return
  work, _ = _workload(flags.FLAGS.prompts, _TEMPERATURES)
  try:
    generate = decode_forms.TransformersGenerate(work, _THREADS)
  except ModuleNotFoundError as error:
    generate = None
    print(
        f'{error.name} is missing, so the decoder runs beside our own dense '
        "form alone; pip install 'swm_jax[benchmarks]' for transformers"
    )
  forms = {}
  for slots in flags.FLAGS.slots:
    forms['swm_jax', slots] = decode_forms.ours(work, slots)
    if generate:
      forms['transformers', slots] = generate.form(slots)
    if flags.FLAGS.dense or not generate:
      forms['dense jax', slots] = decode_forms.dense(work, slots)
  rival = 'transformers' if generate else 'dense jax'
  print(
      f'{len(work.prompt_index_B)} rows of {len(work.prompts)} prompts, '
      f'{len(work.prompts[0])} to {len(work.prompts[-1])} tokens, at most '
      f'{work.max_new_tokens} new ones',
      flush=True,
  )
  if generate:
    # Its first call pays for what torch sets up; our own forms for compiling.
    equal, count = _agreement(work, generate)
    print(f'greedy completions equal in both: {equal} of {count}', flush=True)
  for (name, _), form in forms.items():
    if name != 'transformers':
      form()

  peak, results = _peak_rate(), {name: [] for name in forms}
  for _ in range(flags.FLAGS.rounds):
    for name, form in forms.items():
      results[name].append(_timed(form))
    peak = max(peak, _peak_rate())
  rates = {
      name: [done.count_B.sum() / seconds for done, seconds in runs]
      for name, runs in results.items()
  }
  print(f'peak: {peak / 1e9:.0f} GFLOP/s of float32')
  print(
      f'{"form":<13}{"slots":>6}{"useful tokens/s":>18}{"":>7}{"row-steps":>11}'
      f'{"prompt":>8}{"useful":>8}{"computed":>10}{"useful":>8}'
  )
  print(
      f'{"":<19}{"minimum":>10}{"median":>8}{"ratio":>7}{"":>11}{"tokens":>8}'
      f'{"tokens":>8}{"of peak":>10}{"of peak":>8}'
  )
  ratios = []
  for name, runs in results.items():
    form, slots = name
    median = np.median(rates[name])
    ratio = median / np.median(rates[rival, slots])
    if form == 'swm_jax':
      ratios.append(ratio)
    # Runs of a form may draw other samples, so each has its own operations.
    computed, useful = np.median(
        [
            np.array(_operations(work, done)) / seconds / peak
            for done, seconds in runs
        ],
        axis=0,
    )
    done, _ = runs[-1]
    print(
        f'{form:<13}{slots:>6}{min(rates[name]):>10.1f}{median:>8.1f}'
        f'{ratio:>7.2f}{done.row_steps:>11}{done.prompt_tokens:>8}'
        f'{done.count_B.sum():>8}{computed:>10.2f}{useful:>8.2f}'
    )
  print(f'ratio {min(ratios):.2f}')


if __name__ == '__main__':
  # Here, since other programs of this folder define the same flags.
  define_flags()
  app.run(main)
