"""Builds from a config what a night works with: model, problems, verifier."""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import functools
import hashlib
import itertools
import json
from typing import Any

from absl import logging
import jax
import ml_collections

from swm_jax import agreement
from swm_jax import global_arrays
from swm_jax import morning
from swm_jax import sharding
from swm_jax import snapshots
from swm_jax import tokenization
from swm_jax import types
from swm_jax.evaluation import contamination
from swm_jax.evaluation import gate
from swm_jax.models import pretrained
from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import members
from swm_jax.samplers import stopping
from swm_jax.tasks import base as base_tasks
from swm_jax.tasks import domains
from swm_jax.tasks import humaneval
from swm_jax.tasks import problem_file
from swm_jax.verifiers import base
from swm_jax.verifiers import catalog
from swm_jax.verifiers import ensemble
from swm_jax.verifiers import hosts
from swm_jax.verifiers import router

HUMANEVAL = 'humaneval'
_PYTHON = 'python_functions'
_ENSEMBLE_KEY = 0x5EED
_ALIGNMENT = 32  # of the prompts' room, so that few shapes are compiled


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
    day: problems that wake and REM see, of all nights.
    verifiers: running pools.
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
  verifiers: router.Router


class SetupError(Exception):
  """A night cannot begin; the message names what is missing or wrong."""


def problems(cfg: ml_collections.ConfigDict) -> dict[str, list[types.Problem]]:
  """Returns `day`, `held_out`, `unrelated` and `humaneval` problems.

  A domain that leaves no type of its own alone must not harm Python functions:
  those are its unrelated problems. A third of the unrelated problems, by whole
  families, is set apart for tuning and judges no other night.

  With `tasks.judge_on='validation'` a night is judged on problems that tuning
  may look at: a third of the day's, by whole families, stands as `held_out`,
  the day keeps the rest, `unrelated` is what was set apart, and neither the
  held-out problems nor HumanEval are there at all.

  Raises:
    ValueError: the domain, an unrelated type or `judge_on` is unknown, or too
      few problems are left.
  """
  tasks = cfg.tasks
  if tasks.judge_on not in gate.JUDGED:
    raise ValueError(
        f'tasks.judge_on={tasks.judge_on!r} is unknown; use one of'
        f' {", ".join(gate.JUDGED)}'
    )
  source = domains.load(tasks.domain)
  split = source.split(tasks.seed, tasks.unrelated_types)
  families = source.families()
  if not split['unrelated']:
    python = domains.load(_PYTHON)
    split['unrelated'] = python.split(tasks.seed)['unrelated']
    families = {**families, **python.families()}
  final, tuning = base_tasks.set_apart(
      split['unrelated'], families, tasks.seed, minimum=0
  )
  if tasks.judge_on == 'held_out':
    split.update(unrelated=final)
    split[HUMANEVAL] = list(humaneval.load().problems)
  else:
    if not tuning:
      raise ValueError(
          'the unrelated types are one family, of which none can be set apart;'
          ' give more of them in tasks.unrelated_types'
      )
    day, validation = base_tasks.set_apart(split['day'], families, tasks.seed)
    split.update(day=day, held_out=validation, unrelated=tuning)
    split[HUMANEVAL] = []
  for name, limit in (
      ('day', tasks.day),
      ('held_out', tasks.held_out),
      ('unrelated', tasks.unrelated),
      (HUMANEVAL, tasks.humaneval),
  ):
    if limit:
      split[name] = _spread(split[name], limit)
  for index in range(len(tasks.nights)):
    day_of(cfg, split['day'], index)  # Now, and not when the night has come.
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


def day_of(
    cfg: ml_collections.ConfigDict, day: Sequence[types.Problem], night: int
) -> list[types.Problem]:
  """The day problems that a night sees: all, or those of its types.

  Raises:
    ValueError: `tasks.nights` names a type that has no day problem.
  """
  if not cfg.tasks.nights:
    return list(day)
  wanted = cfg.tasks.nights[night % len(cfg.tasks.nights)]
  known = {problem.type for problem in day}
  unknown = sorted(set(wanted) - known)
  if unknown or not wanted:
    raise ValueError(
        f'tasks.nights has {unknown or "a night without types"}; the day has'
        f' {sorted(known)}'
    )
  return [problem for problem in day if problem.type in wanted]


def evaluated_digest(cfg: ml_collections.ConfigDict) -> str:
  """SHA-256 of all problems that dusk and morning of a config measure."""
  split = problems(cfg)
  return problems_digest(
      [*split['held_out'], *split['unrelated'], *split[HUMANEVAL]]
  )


def _stored_as(name: str, judge_on: str) -> str:
  """Name under which answers are kept: no set's are taken for another's."""
  if judge_on == 'held_out':
    return name
  return judge_on if name == 'held_out' else f'{judge_on}_{name}'


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


def _decoder(
    config: transformer.TransformerConfig,
    tokenizer: tokenization.Tokenizer,
    asked: Sequence[types.Problem],
    source: domains.Source,
    sizes: decode.DecodeConfig,
    max_prompt: int,
) -> decode.Decoder:
  """A decoder with the stops of a problem source and room for its prompts."""
  if not max_prompt:
    longest = max(len(tokenizer.encode(problem.prompt)) for problem in asked)
    max_prompt = -(-longest // _ALIGNMENT) * _ALIGNMENT
  sizes = dataclasses.replace(sizes, max_prompt=max_prompt)
  stops = stopping.build_stop_table(
      tokenizer,
      stop_strings=source.stop_strings,
      column_zero=source.column_zero,
      stop_tokens=(tokenizer.eos_id,),
  )
  return decode.Decoder(config, stops, sizes, tokenizer.pad_id)


def _verifiers(
    cfg: ml_collections.ConfigDict,
    split: Mapping[str, Sequence[types.Problem]],
    make_ensemble: Callable[
        [Sequence[types.Problem]], ensemble.EnsembleVerifier
    ],
) -> router.Router:
  """Starts a pool for every domain that is asked."""
  options: dict[str, Any] = {}
  options['require_level'] = cfg.verifier.require_level or None
  if cfg.verifier.cpu_seconds:
    options['limits'] = base.Limits(
        cpu_seconds=cfg.verifier.cpu_seconds,
        wall_seconds=3 * cfg.verifier.cpu_seconds + 1,
    )
  asked: dict[str, list[types.Problem]] = {}
  for problem in itertools.chain(*split.values()):
    asked.setdefault(problem.domain, []).append(problem)
  verifiers = router.Router({
      name: (
          make_ensemble(group) if name == ensemble.EnsembleVerifier.name
          else catalog.make(name, **options)
      ).pool(cfg.verifier.slots)
      for name, group in asked.items()
  })
  for record in verifiers.records:
    logging.info(
        'Verifier %s %s: %s',
        record['name'], record['version'], record['isolation'],
    )
  return verifiers


def _ensemble(
    cfg: ml_collections.ConfigDict,
    decoder: decode.Decoder,
    tokenizer: tokenization.Tokenizer,
    params: Any,
    problems: Sequence[types.Problem],
) -> ensemble.EnsembleVerifier:
  """The initial weights' own opinions of what has no tool to decide it."""
  options = cfg.verifier.ensemble
  # Every process asks all members by itself, so that nobody waits for it.
  params = global_arrays.on_own_devices(params)
  verifier = ensemble.EnsembleVerifier(
      members.samples(
          decoder, tokenizer, params,
          weights_digest=snapshots.digest(params),
          # Of nobody whose answers are judged.
          key=jax.random.fold_in(jax.random.key(cfg.seed), _ENSEMBLE_KEY),
          draws=options.draws, temperature=options.temperature,
      ),
      threshold=options.threshold,
  )
  verifier.prepare(problems)
  return verifier


def build(cfg: ml_collections.ConfigDict) -> Apparatus:
  """Loads the model and starts the verifier.

  With several processes a collective: all of them can begin, or none does.

  Raises:
    SetupError: the model is missing, a host has no acceptable sandbox, the
      hosts differ, or a value of the config does not fit.
  """
  lab = failure = None
  try:
    lab = _build(cfg)
  except (FileNotFoundError, RuntimeError, ValueError) as error:
    failure = error
  reasons = agreement.exchange(failure and str(failure))
  if len(reasons) > 1:
    reasons = [
        reason and f'process {process}: {reason}'
        for process, reason in enumerate(reasons)
    ]
  for reason in filter(None, reasons):
    raise SetupError(reason) from failure
  if len(reasons) > 1:
    _check_alike(lab)
  return lab


def _check_alike(lab: Apparatus) -> None:
  """Sets the isolation that the run has: the weakest of any host."""
  asked = [*lab.day, *(p for s in lab.sets.values() for p in s.problems)]
  try:
    lab.verifiers.isolation = hosts.agree(
        lab.verifiers.records, problems_digest(asked)
    )
  except ValueError as error:
    raise SetupError(str(error)) from error


def problems_digest(asked: Sequence[types.Problem]) -> str:
  """SHA-256 of problems and their tests, the same in every process."""
  digest = hashlib.sha256()
  for problem in asked:
    tests = [[list(args), expected] for args, expected in problem.tests]
    digest.update(json.dumps(problem_file.encode_value([
        problem.id, problem.prompt, problem.entry_point, tests,
        problem.reference, dict(problem.spec),
    ]), sort_keys=True).encode())
  return digest.hexdigest()


def _build(cfg: ml_collections.ConfigDict) -> Apparatus:
  params, config, tokenizer = pretrained.load(
      cfg.model.path or None, cfg.model.param_dtype,
      scan_layers=cfg.model.scan_layers,
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
  own_sizes = dict(cfg.decode)
  max_prompt = own_sizes.pop('max_prompt')
  sizes = decode.DecodeConfig(**own_sizes)
  plain = dataclasses.replace(
      sizes, top_logits=0, record_hidden=False, taps=()
  )
  long = dataclasses.replace(
      plain,
      slots=cfg.evaluation.humaneval_slots,
      max_new_tokens=cfg.evaluation.humaneval_max_new_tokens,
  )
  split = problems(cfg)
  own = functools.partial(
      _decoder, config, tokenizer, split['day'] + split['held_out'],
      domains.load(cfg.tasks.domain), max_prompt=max_prompt,
  )
  python = domains.load(_PYTHON)
  same = split['unrelated'][0].domain == split['day'][0].domain
  decoder, plain_decoder = own(sizes=sizes), own(sizes=plain)
  measured = [
      ('held_out', plain_decoder, cfg.evaluation.temperatures),
      (
          'unrelated',
          plain_decoder if same
          else _decoder(
              config, tokenizer, split['unrelated'], python, plain, max_prompt=0
          ),
          cfg.evaluation.temperatures,
      ),
  ]
  if split[HUMANEVAL]:
    measured.append((
        HUMANEVAL,
        _decoder(
            config, tokenizer, split[HUMANEVAL], python, long,
            max_prompt=cfg.evaluation.humaneval_max_prompt,
        ),
        ((0.0, 1),),
    ))
  sets = {}
  for name, set_decoder, temperatures in measured:
    sets[name] = morning.ProblemSet(
        _stored_as(name, cfg.tasks.judge_on),
        _fitting(name, split[name], tokenizer, set_decoder),
        temperatures, set_decoder,
    )
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
      verifiers=_verifiers(
          cfg, split,
          functools.partial(_ensemble, cfg, plain_decoder, tokenizer, params),
      ),
  )
