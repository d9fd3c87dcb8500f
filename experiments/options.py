"""The options of the phases from a config, checked before anything runs."""

import dataclasses
from typing import Any

import ml_collections

from experiments import apparatus as apparatus_lib
from swm_jax import consolidate
from swm_jax import morning
from swm_jax import rem
from swm_jax import wake
from swm_jax.evaluation import gate
from swm_jax.losses import compose
from swm_jax.samplers import langevin

_CHOICES = {'adopt': ('gate', 'always'), 'consolidate_from': ('last', 'base')}


class NightError(Exception):
  """A night cannot go on; the message says why and what to do."""


def check(cfg: ml_collections.ConfigDict) -> dict[str, Any]:
  """Returns the criterion of a config, before anything is measured.

  Raises:
    NightError: a phase or the criterion does not take the value it is given.
  """
  try:
    if cfg.num_nights < 1:
      raise ValueError(f'num_nights={cfg.num_nights} must be at least 1')
    for key, values in _CHOICES.items():
      if cfg[key] not in values:
        raise ValueError(
            f'{key}={cfg[key]!r} is unknown; use one of {", ".join(values)}'
        )
    wake.Options(**cfg.wake)
    rem_options(cfg.rem)
    consolidate_options(cfg.consolidate)
    return gate.make_criterion(
        [morning.setting(t) for t, _ in cfg.evaluation.temperatures],
        judge_on=cfg.tasks.judge_on,
        problems=apparatus_lib.evaluated_digest(cfg),
        seed=cfg.seed, **cfg.criterion,
    )
  except (TypeError, ValueError) as error:
    raise NightError(f'the config does not fit: {error}') from error


def rem_options(cfg: ml_collections.ConfigDict) -> rem.Options:
  perturbation = langevin.Perturbation(**cfg.perturbation)
  return rem.Options(**{**cfg, 'perturbation': perturbation})


def consolidate_options(cfg: ml_collections.ConfigDict) -> consolidate.Options:
  fields = {field.name for field in dataclasses.fields(consolidate.Options)}
  return consolidate.Options(**{
      **{name: value for name, value in cfg.items() if name in fields},
      'weights': compose.LossWeights(**cfg.weights),
  })
