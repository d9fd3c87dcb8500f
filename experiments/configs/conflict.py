r"""Four nights of two projects whose conventions conflict.

python -m experiments.nightly --config=experiments/configs/conflict.py \
    --workdir=runs/conflict
python -m experiments.forgetting --workdir=runs/forgetting

Nights see the problems of alpha, beta, alpha and beta: what one taught about a
function's meaning is wrong in the other. Every morning asks held-out problems
of both. All nights are carried on, whatever the gate says of them, since what
is forgotten is the question here.
"""

import ml_collections

from experiments.configs import default
from swm_jax.tasks.conventions import catalog


def get_config(arg: str = 'full') -> ml_collections.ConfigDict:
  """Returns the `full` nights, of about ten minutes each, or `smoke` ones."""
  if arg not in ('full', 'smoke'):
    raise ValueError(f'conflict.py:{arg} is unknown; use full or smoke')
  cfg = default.get_config(arg)
  cfg.num_nights = 4
  cfg.adopt = 'always'
  cfg.tasks.update(
      domain=catalog.NAME,
      nights=tuple(catalog.types_of(project) for project in catalog.PROJECTS),
      day=0,
      held_out=0,
      unrelated=40,
      humaneval=4,
  )
  cfg.evaluation.temperatures = ((0.0, 1), (0.4, 4))
  cfg.wake.temperatures = ((0.0, 1), (0.4, 4), (0.8, 8))
  cfg.rem.update(rounds=3)
  cfg.consolidate.max_tokens = 24_000
  if arg == 'smoke':
    cfg.tasks.update(day=56, held_out=28, unrelated=8)
    cfg.evaluation.temperatures = ((0.0, 1), (0.4, 2))
    cfg.wake.temperatures = ((0.0, 1), (0.4, 2))
    cfg.rem.update(rounds=1)
    cfg.consolidate.max_tokens = 2_000
  return cfg
