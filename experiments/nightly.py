r"""Runs nights: dusk, wake, REM, consolidation, morning, report.

python -m experiments.nightly --config=experiments/configs/default.py \
    --workdir=runs/default

The same command continues where it stopped. `run` below is the night in order;
`phases.py` says what each line does with the work directory. On several hosts
the same command runs on each; see `cluster.py` for its flags.
"""

import sys

from absl import app
from absl import flags
import jax
from ml_collections import config_flags

from experiments import apparatus as apparatus_lib
from experiments import cluster
from experiments import history
from experiments import options as options_lib
from experiments import pages
from experiments import phases
from experiments import termination
from experiments import workdir as workdir_lib
from swm_jax import durable
from swm_jax.evaluation import contamination

_CONFIG = config_flags.DEFINE_config_file('config', lock_config=True)
_WORKDIR = flags.DEFINE_string('workdir', None, 'Where everything is kept.')


def run(cfg, workdir: str, command: str) -> None:
  """Runs `cfg.num_nights` nights, as far as they are not already there."""
  criterion = options_lib.check(cfg)
  work = workdir_lib.Workdir(workdir, cfg, criterion)
  if history.nights_done(work) >= cfg.num_nights:
    pages.show(work.night(cfg.num_nights - 1))
    return work.close()
  lab = apparatus_lib.build(cfg)
  work.begin()
  with lab.verifiers:
    params = history.last_adopted(work, lab)
    for index in range(history.nights_done(work), cfg.num_nights):
      night = phases.Night(cfg, work, lab, index, params, criterion)
      dusk = night.measure('dusk', params)
      wake_log = night.wake()
      dream_log = night.rem(wake_log)
      night.audit(wake_log, dream_log)
      tuned = night.consolidate(wake_log, dream_log)
      morning = night.measure('morning', tuned)
      params = night.judge(dusk, morning, tuned)
      night.report(command)
  work.close()


def parse_flags(argv: list[str]) -> list[str]:
  """Parses as absl does, with one sentence where the config does not fit."""
  try:
    return app.parse_flags_with_usage(argv)
  except (AttributeError, KeyError) as error:
    sys.exit(
        f'nightly: the config has no key {error.args[0]!s}; the keys are in the'
        ' file given to --config'
    )
  except (IndexError, OSError, TypeError, ValueError) as error:
    sys.exit(f'nightly: --config: {" ".join(str(error).split())}')


def main(argv):
  if len(argv) > 1:
    raise app.UsageError(f'unexpected arguments: {argv[1:]}')
  if _WORKDIR.value is None or _CONFIG.value is None:
    raise app.UsageError('--config and --workdir are both needed')
  termination.log_to_terminal()
  jax.config.update('jax_threefry_partitionable', True)
  command = ' '.join(['python -m experiments.nightly', *sys.argv[1:]])
  try:
    cluster.join()
    termination.exit_on_sigterm()  # Now: JAX has a handler of its own.
    run(_CONFIG.value, _WORKDIR.value, command)
  except (
      apparatus_lib.SetupError,
      cluster.ClusterError,
      contamination.ContaminationError,
      durable.CorruptError,
      options_lib.NightError,
      FloatingPointError,  # A phase diverged.
      workdir_lib.WorkdirError,
      OSError,  # A full disk, or one that was taken away.
  ) as error:
    cluster.say(f'nightly: {error}')
    sys.exit(1)


if __name__ == '__main__':
  app.run(main, flags_parser=parse_flags)
