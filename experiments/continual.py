r"""Dark experience replay against the literature: small networks, many tasks.

pip install -e '.[continual]'                      # scikit-learn, for digits
python -m experiments.continual                    # two minutes on two cores
python -m experiments.continual --dataset=permuted_mnist --out=mnist.json

The protocol of Buzzega et al. (https://arxiv.org/abs/2004.07211): plain SGD on
one task after the other, batches of 10, a reservoir of raw logits and labels,
replayed batches as large as those of the task; the learning rate and weights of
each method are chosen on a fifth of the training set, with seeds that are not
reported, then all of it is learned anew. `split_*` has five tasks of two
classes (class-incremental, and task-incremental with the task told),
`permuted_*` five orders of the pixels (domain-incremental). `joint` mixes all
tasks and is the upper bound. The losses are those of a night:
`losses.anchoring`, `losses.retention`, and the reservoir of `data.replay`.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import itertools
import json
import pathlib
import sys
import time

from absl import app
from absl import flags
from absl import logging
import numpy as np

from experiments import continual_data
from experiments import continual_training as training
from experiments import provenance
from swm_jax.evaluation import bootstrap
from swm_jax.losses import retention


_BATCH = 10
_CHOOSING_SEEDS = (1000, 1001, 1002)
_METHODS = ('joint', *retention.METHODS)
_GRID = {
    'learning_rate': (0.03, 0.1),
    'der': (0.3, 1.0, 3.0),
    'replay_ce': (0.5, 1.0, 2.0),
    'ewc': (10.0, 100.0, 1000.0),
    'l2_sp': (0.01, 0.1, 1.0),
    'agem': (1.0,),
}
# The order that the paper finds: each against the next.
_ORDER = ('derpp', 'der', 'er', 'ewc', 'none')


def grid(method: str) -> list[training.Setting]:
  """All settings of a method that are tried."""
  terms = ('learning_rate', *retention.METHODS.get(method, ()))
  return [
      training.Setting(method, **dict(zip(terms, values)))
      for values in itertools.product(*(_GRID[term] for term in terms))
  ]


def choose(
    data: continual_data.Dataset, methods: Sequence[str], capacity: int,
    epochs: int,
) -> list[training.Setting]:
  """The setting of each method that is best on held-back training data."""
  tried = [setting for method in methods for setting in grid(method)]
  accuracy = run(data.for_choosing(), tried, _CHOOSING_SEEDS, capacity, epochs)
  score = dict(zip(tried, final(accuracy.open).mean(axis=1)))
  return [max(grid(method), key=score.get) for method in methods]


def run(
    data: continual_data.Dataset, settings: Sequence[training.Setting],
    seeds: Sequence[int], capacity: int, epochs: int,
) -> training.Accuracy:
  """Accuracies of every setting with every seed, `[settings, seeds, K, K]`."""
  accuracy = training.train(
      data,
      [setting for setting in settings for _ in seeds],
      [seed for _ in settings for seed in seeds],
      epochs=epochs, batch=_BATCH, capacity=capacity,
  )
  return training.Accuracy(*(
      x.reshape(len(settings), len(seeds), *x.shape[1:]) for x in accuracy
  ))


def final(accuracy: np.ndarray) -> np.ndarray:
  """Mean over tasks after the last one, `[..., K, K]` to `[...]`."""
  return accuracy[..., -1, :].mean(axis=-1)


def forgetting(accuracy: np.ndarray) -> np.ndarray:
  """Best accuracy on a task less the last, mean over all but the last task."""
  best = accuracy[..., :-1, :-1].max(axis=-2)
  return (best - accuracy[..., -1, :-1]).mean(axis=-1)


def interval(values: np.ndarray) -> dict[str, float]:
  """Mean over seeds with its 95 % bootstrap interval."""
  draws = bootstrap.resampled_ratios(
      values[:, None].astype(np.float64), np.ones((len(values), 1)),
      bootstrap.RESAMPLES, 0,
  )[:, 0]
  low, high = bootstrap.percentile_interval(draws, bootstrap.CONFIDENCE)
  return {'mean': float(values.mean()), 'low': low, 'high': high}


def compare(
    data: continual_data.Dataset, capacity: int, seeds: int, epochs: int
) -> dict[str, object]:
  """Chooses, runs and measures all methods with one size of the buffer."""
  settings = choose(data, _METHODS, capacity, epochs)
  accuracy = run(data, settings, range(seeds), capacity, epochs)
  by_method = {
      name: dict(zip(_METHODS, values))
      for name, values in (
          ('accuracy', final(accuracy.open)),
          ('told', final(accuracy.told)),
          ('forgetting', forgetting(accuracy.open)),
      )
  }
  return {
      'buffer': capacity,
      'settings': {s.method: dataclasses.asdict(s) for s in settings},
      'methods': {
          method: {
              **{
                  name: interval(values[method])
                  for name, values in by_method.items()
              },
              'by_seed': by_method['accuracy'][method].tolist(),
          }
          for method in _METHODS
      },
      # Runs with one seed share initial weights and order: paired.
      'order': [
          {
              'better': better, 'worse': worse,
              **interval(
                  by_method['accuracy'][better] - by_method['accuracy'][worse]
              ),
          }
          for better, worse in zip(_ORDER, _ORDER[1:])
      ],
  }


def describe(outcome: Mapping[str, object], told: bool) -> str:
  """A table, and the order that was found."""
  percent = lambda x, sign='': (
      f'{100 * x["mean"]:{sign}5.1f} [{100 * x["low"]:{sign}5.1f},'
      f' {100 * x["high"]:{sign}5.1f}]'
  )
  head = f'buffer {outcome["buffer"]}'
  columns = {'accuracy': 'class- or domain-incremental'}
  if told:
    columns = {'accuracy': 'class-incremental', 'told': 'task-incremental'}
  columns['forgetting'] = 'forgetting'
  lines = [
      f'{head:12}' + ''.join(f'{title:>29}' for title in columns.values())
      + '  chosen'
  ]
  for method, row in outcome['methods'].items():
    setting = outcome['settings'][method]
    chosen = ' '.join(
        f'{name} {setting[name]:g}'
        for name in ('learning_rate', *retention.METHODS.get(method, ()))
        if name != 'agem'
    )
    lines.append(
        f'{method:12}'
        + ''.join(f'{percent(row[name]):>29}' for name in columns)
        + f'  {chosen}'
    )
  for pair in outcome['order']:
    found = 'better'
    if pair['low'] <= 0.0 <= pair['high']:
      found = 'not told apart'
    elif pair['high'] < 0.0:
      found = 'worse'
    lines.append(
        f'{pair["better"]} - {pair["worse"]}: {percent(pair, "+")}: {found}'
    )
  return '\n'.join(lines)


def define_flags() -> None:
  flags.DEFINE_enum(
      'dataset', 'split_digits', continual_data.NAMES, 'What is learned.'
  )
  flags.DEFINE_multi_integer(
      'buffer', [50, 200], 'Examples that the reservoir holds; repeatable.',
      lower_bound=1,
  )
  flags.DEFINE_integer(
      'seeds', 20, 'Reported runs of each method.', lower_bound=2
  )
  flags.DEFINE_integer(
      'epochs', 5, 'Passes over each task.', lower_bound=1
  )
  flags.DEFINE_string('out', None, 'JSON file for the results.')


def main(argv):
  if len(argv) > 1:
    raise app.UsageError(f'unexpected arguments: {argv[1:]}')
  logging.set_verbosity(logging.WARNING)
  try:
    data = continual_data.load(flags.FLAGS.dataset)
  except continual_data.DataError as error:
    print(f'continual: {error}', file=sys.stderr)
    sys.exit(1)
  print(
      f'{flags.FLAGS.dataset}: {len(data.train)} training and'
      f' {len(data.test)} test images, {data.num_tasks} tasks,'
      f' {flags.FLAGS.epochs} epochs,'
      f' {flags.FLAGS.seeds} seeds; percent, mean [95 % interval over seeds]'
  )
  outcomes = []
  start = time.monotonic()
  for capacity in flags.FLAGS.buffer:
    outcome = compare(data, capacity, flags.FLAGS.seeds, flags.FLAGS.epochs)
    outcomes.append(outcome)
    print('\n' + describe(outcome, data.task_of is not None), flush=True)
  print(f'\n{time.monotonic() - start:.0f} s')
  if flags.FLAGS.out:
    pathlib.Path(flags.FLAGS.out).write_text(json.dumps({
        **provenance.stamp(),
        'dataset': flags.FLAGS.dataset,
        'epochs': flags.FLAGS.epochs,
        'seeds': list(range(flags.FLAGS.seeds)),
        'choosing_seeds': list(_CHOOSING_SEEDS),
        'outcomes': outcomes,
    }, indent=1) + '\n')


if __name__ == '__main__':
  # Here, since other programs of this folder define the same flags.
  define_flags()
  app.run(main)
