"""Builds from a config what a night works with: model, problems, verifier."""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
from typing import Any

from absl import logging
import jax
import ml_collections

from swm_jax import morning
from swm_jax import sharding
from swm_jax import tokenization
from swm_jax import types
from swm_jax.evaluation import contamination
from swm_jax.models import pretrained
from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import stopping
from swm_jax.tasks import humaneval
from swm_jax.tasks.python_functions import catalog
from swm_jax.verifiers import base
from swm_jax.verifiers import pool as pool_lib
from swm_jax.verifiers import python as python_verifier

HUMANEVAL = 'humaneval'


@dataclasses.dataclass(frozen=True)
class Apparatus:
  """What stays the same from night to night.

  Attributes:
    config: of the transformer.
    params: initial weights, placed on the mesh.
    tokenizer: of the model.
    mesh: of devices.
    rules: logical axes to mesh axes.
    param_shardings: placement of the weights.
    decoder: of wake and REM, recording z_past and latents.
    sets: what dusk and morning measure.
    day: problems that wake and REM see.
    verifiers: running pool.
    verifier_record: name, version and isolation of the verifier.
  """

  config: transformer.TransformerConfig
  params: Any
  tokenizer: tokenization.Tokenizer
  mesh: jax.sharding.Mesh
  rules: sharding.Rules
  param_shardings: Any
  decoder: decode.Decoder
  sets: Mapping[str, morning.ProblemSet]
  day: Sequence[types.Problem]
  verifiers: pool_lib.Pool

  @property
  def verifier_record(self) -> dict[str, str]:
    return {
        'name': self.verifiers.name,
        'version': self.verifiers.version,
        'isolation': self.verifiers.isolation,
    }


class SetupError(Exception):
  """A night cannot begin; the message names what is missing or wrong."""


def problems(cfg: ml_collections.ConfigDict) -> dict[str, list[types.Problem]]:
  """Returns `day`, `held_out`, `unrelated` and `humaneval` problems.

  Raises:
    ValueError: the domain is unknown.
  """
  tasks = cfg.tasks
  if tasks.domain != 'python_functions':
    raise ValueError(
        f'tasks.domain={tasks.domain!r} is unknown; use python_functions'
    )
  unknown = set(tasks.unrelated_types) - set(catalog.templates())
  if unknown:
    raise ValueError(
        f'tasks.unrelated_types has unknown types {sorted(unknown)}; there are'
        f' {list(catalog.templates())}'
    )
  explored = [
      name for name in catalog.templates() if name not in tasks.unrelated_types
  ]
  split = catalog.split(catalog.suite(tasks.seed), tasks.seed, explored)
  split[HUMANEVAL] = list(humaneval.load().problems)
  for name, limit in (
      ('day', tasks.day),
      ('held_out', tasks.held_out),
      ('unrelated', tasks.unrelated),
      (HUMANEVAL, tasks.humaneval),
  ):
    if limit:
      split[name] = _spread(split[name], limit)
  # A few HumanEval problems ask for the same function as one of the day.
  hits, _ = contamination.overlaps(
      map(contamination.from_problem, split['day']),
      map(contamination.from_problem, split[HUMANEVAL]),
  )
  seen = {evaluated for _, evaluated, _ in hits}
  if seen:
    logging.info('Not evaluated, because the day asks for it: %s', sorted(seen))
  split[HUMANEVAL] = [p for p in split[HUMANEVAL] if p.id not in seen]
  return split


def _spread(items: Sequence[types.Problem], limit: int) -> list[types.Problem]:
  """Takes evenly spaced items, so that a small set has many types."""
  count = min(limit, len(items))
  return [items[i * len(items) // count] for i in range(count)]


def _fitting(name, items, tokenizer, decoder) -> list[types.Problem]:
  """Leaves out prompts that are too long for the decoder, and says so."""
  limit = decoder.config.max_prompt
  fitting = [
      problem for problem in items
      if len(tokenizer.encode(problem.prompt)) <= limit
  ]
  if len(fitting) < len(items):
    logging.warning(
        '%s: %d of %d problems have prompts longer than %d tokens and are left'
        ' out', name, len(items) - len(fitting), len(items), limit,
    )
  if not fitting:
    raise ValueError(
        f'no {name} problem has a prompt of at most {limit} tokens; raise'
        ' decode.max_prompt'
    )
  return fitting


def build(cfg: ml_collections.ConfigDict) -> Apparatus:
  """Loads the model and starts the verifier.

  Raises:
    SetupError: the model is missing, this host has no acceptable sandbox, or a
      value of the config does not fit.
  """
  try:
    return _build(cfg)
  except (FileNotFoundError, RuntimeError, ValueError) as error:
    raise SetupError(str(error)) from error


def _build(cfg: ml_collections.ConfigDict) -> Apparatus:
  params, config, tokenizer = pretrained.load(
      cfg.model.path or None, cfg.model.param_dtype
  )
  config = dataclasses.replace(
      config, dtype=cfg.model.dtype, remat=cfg.model.remat
  )
  mesh = sharding.make_mesh(dict(cfg.mesh))
  rules = tuple(cfg.sharding_rules)
  param_shardings = sharding.shardings(
      mesh, transformer.logical_axes(config), rules
  )
  params = sharding.shard_params(params, param_shardings)
  stops = stopping.build_stop_table(
      tokenizer, column_zero=True, stop_tokens=(tokenizer.eos_id,)
  )
  make_decoder = functools.partial(
      decode.Decoder, config, stops, pad_id=tokenizer.pad_id
  )
  sizes = decode.DecodeConfig(**cfg.decode)
  plain = dataclasses.replace(
      sizes, top_logits=0, record_hidden=False, taps=()
  )
  long = dataclasses.replace(
      plain,
      slots=cfg.evaluation.humaneval_slots,
      max_prompt=cfg.evaluation.humaneval_max_prompt,
      max_new_tokens=cfg.evaluation.humaneval_max_new_tokens,
  )
  decoder = make_decoder(sizes)
  split = problems(cfg)
  sets = {}
  for name, plain_decoder, temperatures in (
      ('held_out', make_decoder(plain), cfg.evaluation.temperatures),
      ('unrelated', make_decoder(plain), cfg.evaluation.temperatures),
      (HUMANEVAL, make_decoder(long), ((0.0, 1),)),
  ):
    sets[name] = morning.ProblemSet(
        name, _fitting(name, split[name], tokenizer, plain_decoder),
        temperatures, plain_decoder,
    )
  verifier = python_verifier.PythonVerifier(
      limits=base.Limits(
          cpu_seconds=cfg.verifier.cpu_seconds,
          wall_seconds=3 * cfg.verifier.cpu_seconds + 1,
      ),
      require_level=cfg.verifier.require_level or None,
  )
  logging.info('Verifier isolation: %s', verifier.isolation)
  return Apparatus(
      config=config,
      params=params,
      tokenizer=tokenizer,
      mesh=mesh,
      rules=rules,
      param_shardings=param_shardings,
      decoder=decoder,
      sets=sets,
      day=_fitting('day', split['day'], tokenizer, decoder),
      verifiers=verifier.pool(cfg.verifier.slots),
  )
