r"""Training on hypergrids beside `torchgfn` and `gfnx`: speed and exact error.

python -m experiments.benchmarks.trajectory_balance            # two minutes
python -m experiments.benchmarks.trajectory_balance --batch=128

TB, SubTB and VarGrad with a uniform P_B, on grids of 8^2 and 8^4 points. All
frameworks have the same network, first weights, batch, Adam and number of
iterations, draw on policy, and train in turns, a round each; only training is
timed, after a warm-up that compiles. L1 is the sum of |p - p*| over the grid,
computed from the policy's logits in every point by one function for all. Torch
has one thread or all, whichever it is faster with here.

The two others pin old versions of NumPy and JAX that this project's replace,
so that they are installed without their dependencies; without them the table
shows this project alone. The last line, `ratio X.XX`, is the smallest over the
settings of torchgfn's median time of an iteration divided by this project's.
"""

import importlib
import time

from absl import app
from absl import flags
import numpy as np

from experiments.benchmarks import trajectory_balance_ours as ours
from swm_jax.tasks import hypergrid

_GRIDS = (hypergrid.Hypergrid(2, 8), hypergrid.Hypergrid(4, 8))
_OBJECTIVES = ('tb', 'subtb', 'vargrad')
_WALL_S = (0.1, 0.3, 1.0, 3.0, 10.0)
_INSTALL = (
    'pip install .[benchmarks] && '
    'pip install --no-deps torchgfn==2.4.1 gfnx==0.0.1'
)


def find_frameworks() -> dict:
  """Modules with a `Trainer`, by name: ours and those that are installed."""
  frameworks = {'ours': ours}
  for name in ('gfnx', 'torchgfn'):
    module = f'experiments.benchmarks.trajectory_balance_{name}'
    try:
      frameworks[name] = importlib.import_module(module)
    except ModuleNotFoundError as error:
      print(f'{name} does not run ({error}); to install it: {_INSTALL}')
  return frameworks


def l1_to_target(grid: hypergrid.Hypergrid, logits) -> float:
  """Sum over the grid of |p - p*|, between 0 and 2."""
  probability_S = hypergrid.terminating_probability(grid, logits)
  return float(abs(probability_S - hypergrid.target(grid)).sum())


def compare(
    setting: ours.Setting, frameworks: dict, rounds: int, iterations: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
  """Trains in turns.

  Args:
    setting: what to train.
    frameworks: modules with a `Trainer`, by name.
    rounds: turns of each.
    iterations: of a round.

  Returns:
    By name: seconds of each round, `[rounds]`, and L1 at the start and after
    each round, `[rounds + 1]`.
  """
  for name, module in frameworks.items():
    if name == 'torchgfn':
      module.choose_threads(setting, min(iterations, 10))
    else:
      module.Trainer(setting).run(iterations)
  trainers = {
      name: module.Trainer(setting) for name, module in frameworks.items()
  }
  wall_s = {name: [] for name in trainers}
  l1 = {
      name: [l1_to_target(setting.grid, trainer.logits())]
      for name, trainer in trainers.items()
  }
  for _ in range(rounds):
    for name, trainer in trainers.items():
      start = time.perf_counter()
      trainer.run(iterations)
      wall_s[name].append(time.perf_counter() - start)
      l1[name].append(l1_to_target(setting.grid, trainer.logits()))
  return (
      {name: np.array(values) for name, values in wall_s.items()},
      {name: np.array(values) for name, values in l1.items()},
  )


def print_table(
    wall_s: dict[str, np.ndarray], l1: dict[str, np.ndarray], iterations: int
) -> None:
  """Prints a line for each framework."""
  rounds = len(l1['ours']) - 1
  checkpoints = sorted({max(1, rounds * k // 4) for k in (1, 2, 4)})
  print(
      f'{"":9}{"ms, min":>9}{"median":>8} | L1 after iterations'
      + ''.join(f'{n * iterations:>7}' for n in checkpoints)
      + ' | after seconds'
      + ''.join(f'{wall:>7}' for wall in _WALL_S)
  )
  for name, seconds in wall_s.items():
    ms = 1e3 * seconds / iterations
    # The last round that had ended by then; a finished run keeps its value.
    done = np.searchsorted(np.cumsum(seconds), _WALL_S, side='right')
    print(
        f'{name:9}{ms.min():9.2f}{np.median(ms):8.2f} |{"":20}'
        + ''.join(f'{l1[name][n]:7.3f}' for n in checkpoints)
        + f' |{"":14}'
        + ''.join(f'{l1[name][n]:7.3f}' for n in done),
        flush=True,
    )


def define_flags() -> None:
  flags.DEFINE_integer('batch', 16, 'Trajectories of an iteration.')
  flags.DEFINE_integer('rounds', 20, 'Turns of each framework.')
  flags.DEFINE_integer('iterations', 50, 'Iterations of a round.')


def main(_):
  frameworks = find_frameworks()
  ratios = []
  for grid in _GRIDS:
    for objective in _OBJECTIVES:
      setting = ours.Setting(grid, objective, batch=flags.FLAGS.batch)
      print(
          f'\n{objective}, {grid.side}^{grid.dims} points, batch '
          f'{setting.batch}, network {setting.hidden}'
      )
      wall_s, l1 = compare(
          setting, frameworks, flags.FLAGS.rounds, flags.FLAGS.iterations
      )
      print_table(wall_s, l1, flags.FLAGS.iterations)
      ratio = {
          name: np.median(seconds) / np.median(wall_s['ours'])
          for name, seconds in wall_s.items()
          if name != 'ours'
      }
      print(', '.join(f'{name} / ours {x:.2f}' for name, x in ratio.items()))
      if 'torchgfn' in ratio:
        ratios.append(ratio['torchgfn'])
  if not ratios:
    print('no ratio: torchgfn is not installed')
  else:
    print(f'ratio {min(ratios):.2f}')


if __name__ == '__main__':
  # Here, since other programs of this folder define the same flags.
  define_flags()
  app.run(main)
