"""A night of seconds: the smoke night on a byte-level model of two layers.

The model is made by `tiny.py` and named with `--config.model.path`.
"""

import ml_collections

from experiments.configs import default
from swm_jax.tasks.python_functions import catalog

# Short prompts, and no family in common with the other types.
EXPLORED = ('number_arithmetic', 'string_build')


def get_config() -> ml_collections.ConfigDict:
  """Returns the smoke night with everything small."""
  cfg = default.get_config('smoke')
  cfg.tasks.update(
      unrelated_types=tuple(
          name for name in catalog.templates() if name not in EXPLORED
      ),
      day=8, held_out=6, unrelated=3, humaneval=1,
  )
  cfg.decode.update(
      slots=16, max_prompt=384, max_new_tokens=40, top_logits=8, taps=(1,)
  )
  cfg.evaluation.update(
      temperatures=((0.0, 1), (0.8, 2)), wave=4, humaneval_max_prompt=384,
      humaneval_max_new_tokens=40, drift_tokens=256, energy_trajectories=16,
  )
  cfg.wake.update(temperatures=((0.0, 1), (0.8, 5)), wave=4)
  cfg.rem.update(
      rounds=2, prompts=6, temperatures=((0.8, 2), (1.0, 3)),
      perturbed=((0.8, 1),), max_pass_rate=1.0, rank=2, alpha=4.0,
      learning_rate=1e-3, max_length=384, tokens_per_step=768,
  )
  cfg.rem.perturbation.layer = 1
  cfg.consolidate.update(
      epochs=3, tokens_per_step=1024, max_length=512, learning_rate=1e-3,
      warmup=1, save_every=1, anchor_text_tokens=256, anchor_capacity=16,
      anchor_top_logits=12,
  )
  return cfg
