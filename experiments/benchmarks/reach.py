r"""Which problem types lie in a model's reach: solved sometimes, not greedily.

python -m experiments.benchmarks.reach --samples=16 --per_type=12

A type is in reach if the model solves some of its problems in `samples` draws
and fails others greedily. The last line is `ratio X.XX`, the share of types in
reach.
"""

import collections

from absl import app
from absl import flags
import jax

from swm_jax.models import pretrained
from swm_jax.samplers import decode
from swm_jax.samplers import rollout
from swm_jax.samplers import stopping
from swm_jax.tasks.python_functions import catalog
from swm_jax.verifiers import python as python_verifier

_MODEL = flags.DEFINE_string('model', '', 'GGUF file or folder; "": packaged.')
_SAMPLES = flags.DEFINE_integer('samples', 16, 'Draws of each problem.')
_TEMPERATURE = flags.DEFINE_float('temperature', 0.8, 'Of the draws.')
_PER_TYPE = flags.DEFINE_integer('per_type', 12, 'Problems of each type.')
_SEED = flags.DEFINE_integer('seed', 0, 'Of the draws.')


def main(argv):
  del argv
  params, config, tokenizer = pretrained.load(_MODEL.value or None)
  params = jax.tree.map(jax.numpy.asarray, params)
  by_type = collections.defaultdict(list)
  for problem in catalog.suite():
    by_type[problem.type].append(problem)
  problems = [
      group[i * len(group) // count]
      for group in by_type.values()
      for count in [min(_PER_TYPE.value, len(group))]
      for i in range(count)
  ]
  stops = stopping.build_stop_table(
      tokenizer, column_zero=True, stop_tokens=(tokenizer.eos_id,)
  )
  decoder = decode.Decoder(
      config, stops, decode.DecodeConfig(max_new_tokens=48), tokenizer.pad_id
  )
  with python_verifier.PythonVerifier().pool() as verifiers:
    _, samples = rollout.rollout(
        decoder, params, tokenizer, problems, verifiers,
        plan=((0.0, 1), (_TEMPERATURE.value, _SAMPLES.value)),
        key=jax.random.key(_SEED.value),
        progress='reach',
    )
  greedy = {s.problem.id: s.verdict.passed for s in samples if not s.temperature}
  drawn = collections.defaultdict(list)
  for sample in samples:
    if sample.temperature:
      drawn[sample.problem.id].append(sample.verdict.passed)
  in_reach = 0
  print(f'{"type":<22}{"problems":>9}{"greedy":>8}{"pass@1":>8}'
        f'{"solved in " + str(_SAMPLES.value):>13}  in reach')
  for name, group in sorted(by_type.items()):
    ids = [p.id for p in problems if p.type == name]
    solved = sum(any(drawn[i]) for i in ids)
    first = sum(greedy[i] for i in ids)
    reach = solved > 0 and first < len(ids)
    in_reach += reach
    mean = sum(sum(drawn[i]) / len(drawn[i]) for i in ids) / len(ids)
    print(f'{name:<22}{len(ids):>9}{first:>8}{mean:>8.3f}{solved:>13}'
          f'  {"yes" if reach else "no"}')
  print(f'{in_reach} of {len(by_type)} types in reach')
  print(f'ratio {in_reach / len(by_type):.2f}')


if __name__ == '__main__':
  app.run(main)
