r"""Compares what samplers dream up on problems that the base does not solve.

python -m experiments.dreams --workdir=runs/dreams --seeds=3 --tokens=20000

All arms share one wake of the untouched model, which also supplies verified
and failed answers to the samplers that learn, and choose their problems by the
same rule. Each arm then decodes the same number of tokens, those that it learns
from on the way included. `dream_yield.py` says what is counted. Only problems
of the day are touched. The same command continues; a finished run is not
repeated. The figure and dreams.json are written to --workdir.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import functools
import hashlib
import json
import pathlib
import sys
from typing import Any

from absl import app
from absl import flags
from absl import logging
import jax
from matplotlib import figure
import ml_collections
from ml_collections import config_flags
import numpy as np

from experiments import apparatus as apparatus_lib
from experiments import dream_yield
from experiments import options as options_lib
from experiments import plotting
from experiments import provenance
from experiments import termination
from swm_jax import durable
from swm_jax import rem
from swm_jax import snapshots
from swm_jax import types
from swm_jax import wake
from swm_jax.data import outcomes
from swm_jax.data import shared_log
from swm_jax.data import trajectory_log
from swm_jax.evaluation import canonical
from swm_jax.samplers import beam
from swm_jax.samplers import decode
from swm_jax.samplers import first_token
from swm_jax.samplers import gain_noise

Record = trajectory_log.Record
_TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2)
# Samples of a problem in a round.
_GROUP = 8
# Of the run whose solved problems are not hard; no seed of an arm.
_REFERENCE_SEED = 1000


@dataclasses.dataclass(frozen=True)
class Arm:
  """A sampler.

  Attributes:
    rem: values that differ from the config's `rem`.
    decoding: values that differ from the config's `decode`.
    wrap: what it makes of the decoder, given the key of the run.
  """

  rem: Mapping[str, Any]
  decoding: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  wrap: Callable[[decode.Decoder, jax.Array], Any] = lambda plain, key: plain


def untrained(temperature: float, **fields: Any) -> Arm:
  """The base itself, every sample at one temperature."""
  rem_values = {
      'objective': 'none',
      'temperatures': ((temperature, _GROUP),),
      'perturbed': (),
  }
  return Arm(rem_values, **fields)


def latent(noise: float, energy: str) -> Arm:
  """The base with Langevin noise on the latents of every prompt."""
  return Arm({
      'objective': 'none',
      'temperatures': (),
      'perturbed': ((0.4, _GROUP),),
      'perturbation': {'noise': noise, 'energy': energy},
  })


def trained(
    objective: str, noisy: bool = False, rehearsal: int = 2
) -> Arm:
  """A dreamer that learns from wake, then between rounds.

  Args:
    objective: see `rem.Options`.
    noisy: half of its samples have Langevin noise.
    rehearsal: see `rem.Options`.
  """
  half = ((0.4, 1), (0.7, 2), (1.0, 1))
  return Arm({
      'objective': objective,
      'temperatures': half if noisy else half + half,
      'perturbed': half if noisy else (),
      'rehearsal': rehearsal,
  })


_OBJECTIVES = ('ce', 'grpo', 'tb', 'vargrad', 'subtb', 'raptb')

ARMS: Mapping[str, Arm] = {
    **{f'base T={t}': untrained(t) for t in _TEMPERATURES},
    'base top-p .9': untrained(1.0, decoding={'top_k': 64, 'top_p': 0.9}),
    'beam 8': untrained(
        0.0, wrap=lambda decoder, key: beam.BeamDecoder(decoder, _GROUP)
    ),
    'gain noise .01': untrained(
        0.4,
        wrap=lambda d, key: gain_noise.NoisyGainsDecoder(d, 0.01, key),
    ),
    'gain noise .03': untrained(
        0.4,
        wrap=lambda d, key: gain_noise.NoisyGainsDecoder(d, 0.03, key),
    ),
    'first-token noise 1': untrained(
        0.0, wrap=lambda d, key: first_token.FirstTokenDecoder(d, 1.0)
    ),
    **{
        f'latent noise {noise} {energy}': latent(noise, energy)
        for energy in ('none', 'hopfield', 'entropy')
        for noise in (0.5, 1.0, 2.0)
    },
    **{name: trained(name) for name in _OBJECTIVES},
    'vargrad without rehearsal': trained('vargrad', rehearsal=0),
    **{f'{name} + latent noise': trained(name, True) for name in _OBJECTIVES},
}


class Harness:
  """What all runs share: the model, the day's problems and one wake."""

  def __init__(self, cfg: ml_collections.ConfigDict, workdir: pathlib.Path):
    self.cfg, self.workdir = cfg, workdir
    self.lab = apparatus_lib.build(cfg)
    self.problems = {problem.id: problem for problem in self.lab.day}
    self.weights = snapshots.digest(self.lab.params)

  def wake(self) -> list[Record]:
    """The base's answers to every problem of the day."""
    log = self._log(self.workdir / 'wake')
    wake.run(
        self.lab.params, self.lab.day,
        decoder=self.lab.decoder,
        tokenizer=self.lab.tokenizer,
        verifiers=self.lab.verifiers,
        log=log,
        options=wake.Options(**self.cfg.wake),
        key=jax.random.key(self.cfg.seed),
        weights_digest=self.weights,
        night=0,
        read_wave=log.read_wave,
        on_wave=lambda wave, records: logging.info('Wake, wave %d', wave),
    )
    return log.read()

  def dream(
      self, name: str, arm: Arm, seed: int, tokens: int,
      wake_log: Sequence[Record],
  ) -> list[dream_yield.Sample]:
    """The dreams of one run, from disk if it is finished."""
    folder = self.workdir / name.replace(' ', '_') / str(seed)
    path = folder / f'samples_{tokens}.json'
    if path.exists():
      return [dream_yield.Sample(*row) for row in json.loads(path.read_text())]
    log = self._log(folder / f'log_{tokens}')
    rem_cfg = ml_collections.ConfigDict(self.cfg.rem.to_dict())
    rem_cfg.update({**arm.rem, 'max_tokens': tokens, 'rounds': 10**6})
    partial = snapshots.Snapshots(folder / f'partial_{tokens}', keep_last=1)
    key = jax.random.fold_in(jax.random.key(self.cfg.seed), 1 + seed)
    decoder = self._decoder(arm, key)
    rem.run(
        self.lab.params, self.lab.day,
        wake_log,
        config=self.lab.config,
        decoder=decoder,
        tokenizer=self.lab.tokenizer,
        verifiers=self.lab.verifiers,
        log=log,
        read_wave=log.read_wave,
        options=options_lib.rem_options(rem_cfg),
        mesh=self.lab.mesh,
        rules=self.lab.rules,
        key=key,
        seed=seed,
        night=0,
        digest=snapshots.digest,
        restore=partial.restore_latest,
        save=lambda state, done: partial.save_async(done, state, {}),
        on_round=lambda index, records, metrics: logging.info(
            '%s, seed %d, round %d: %d of %d verified %s', name, seed, index,
            sum(map(outcomes.passed, records)), len(records),
            {k: round(v, 3) for k, v in metrics.items()},
        ),
    )
    partial.wait()
    samples = [self.sample(entry) for entry in log.read()]
    if isinstance(decoder, beam.BeamDecoder):
      # What a step extends is decoded, kept or not.
      kept = sum(sample.tokens for sample in samples)
      cost = decoder.decoded_tokens / kept
      samples = [
          dataclasses.replace(sample, tokens=round(cost * sample.tokens))
          for sample in samples
      ]
    durable.write_json(path, [sample.to_json() for sample in samples])
    return samples

  def _log(self, folder: pathlib.Path) -> shared_log.SharedLog:
    return shared_log.SharedLog(
        folder, vocab_size=self.lab.config.vocab_size
    )

  def _decoder(self, arm: Arm, key: jax.Array) -> Any:
    decoder = self.lab.decoder
    sizes = dataclasses.replace(
        decoder.config, top_logits=0, record_hidden=False, taps=(),
        **arm.decoding,
    )
    plain = decode.Decoder(
        decoder.model_config, decoder.stop_table, sizes, decoder.pad_id
    )
    return arm.wrap(plain, key)

  def sample(self, entry: Record) -> dream_yield.Sample:
    """A record as it is counted."""
    return sample(
        self.problems[entry['problem']], entry['text'],
        entry['verdict']['status'], len(entry['tokens']),
    )


def sample(
    problem: types.Problem, text: str, status: str, tokens: int
) -> dream_yield.Sample:
  """A completion as it is counted: its program by a digest of its form."""
  form = canonical.form(problem.program(text), problem.domain)
  digest = hashlib.sha256(form.encode()).hexdigest()[:16]
  return dream_yield.Sample(problem.id, digest, status, tokens)


def compare(
    harness: Harness, arms: Mapping[str, Arm], seeds: int, tokens: int
) -> dict[str, Any]:
  """Runs what is missing and measures all arms on the same hard problems."""
  wake_log = harness.wake()
  woken = dream_yield.solved([harness.sample(e) for e in wake_log])

  def runs(name, arm):
    return [
        dream_yield.cut(harness.dream(name, arm, s, tokens, wake_log), tokens)
        for s in range(seeds)
    ]

  base = {f'base T={t}': untrained(t) for t in _TEMPERATURES}
  samples = {name: runs(name, arm) for name, arm in base.items()}
  found = {
      name: sum(sum(dream_yield.distinct(run).values()) for run in group)
      for name, group in samples.items()
  }
  best = max(base, key=found.get)
  reference = dream_yield.cut(
      harness.dream(best, base[best], _REFERENCE_SEED, tokens, wake_log), tokens
  )
  solved = woken | dream_yield.solved(reference)
  samples |= {
      name: runs(name, arm) for name, arm in arms.items() if name not in base
  }
  hard = set(harness.problems) - solved
  templates = {i: f'{p.type}/{p.template}' for i, p in harness.problems.items()}

  def measure(group, ids):
    counts = [
        {i: n for i, n in dream_yield.distinct(run).items() if i in ids}
        for run in group
    ]
    return dream_yield.measure(
        counts, [tokens] * len(group), {i: templates[i] for i in ids}
    )

  everything = set(harness.problems)
  measured = {
      name: {'hard': measure(group, hard), 'all': measure(group, everything)}
      for name, group in samples.items()
  }
  best_hard = max(base, key=lambda name: measured[name]['hard'].mean)
  return {
      'problems': len(everything),
      'unsolved_by_wake': len(everything - woken),
      'hard': len(hard),
      'reference': best,
      'best_untrained': best_hard,
      'seeds': seeds,
      'tokens': tokens,
      'arms': {
          name: {
              'hard': value['hard'].to_json(),
              'all': value['all'].to_json(),
              'minus_best_untrained': dream_yield.difference(
                  value['hard'], measured[best_hard]['hard']
              ),
          }
          for name, value in measured.items()
      },
  }


def table(outcome: Mapping[str, Any]) -> str:
  """The comparison as a Markdown table."""
  lines = [
      f'{outcome["problems"]} problems of the day,'
      f' {outcome["unsolved_by_wake"]} unsolved by wake,'
      f' {outcome["hard"]} of them also by'
      f' {outcome["reference"]}: the hard ones. {outcome["seeds"]} seeds of'
      f' {outcome["tokens"]} decoded tokens; 95 % intervals over templates.',
      '',
      '| sampler | per 1,000 tokens, hard | by seed | problems'
      f' | minus {outcome["best_untrained"]} | per 1,000 tokens, all |',
      '|---|---|---|---|---|---|',
  ]
  for name, arm in outcome['arms'].items():
    hard, everything = arm['hard'], arm['all']
    seeds = ', '.join(f'{value:.2f}' for value in hard['by_seed'])
    lines.append(
        f'| {name} | {interval(hard)} | {seeds} | {hard["problems"]}'
        f' | {interval(arm["minus_best_untrained"], "+")}'
        f' | {interval(everything)} |'
    )
  return '\n'.join(lines)


def interval(value: Mapping[str, float], sign: str = '') -> str:
  """A mean with its interval, two digits."""
  numbers = [f'{value[k]:{sign}.2f}' for k in ('mean', 'low', 'high')]
  return '{} [{}, {}]'.format(*numbers)


def draw(outcome: Mapping[str, Any]) -> figure.Figure:
  """Yield on hard problems of every sampler, with intervals and seeds."""
  arms = sorted(
      outcome['arms'].items(), key=lambda item: item[1]['hard']['mean']
  )
  fig = plotting.new(7.0, 1.0 + 0.24 * len(arms))
  ax = fig.subplots()
  y = np.arange(len(arms))
  hard = [arm['hard'] for _, arm in arms]
  ax.errorbar(
      [value['mean'] for value in hard], y, xerr=plotting.errors(hard),
      fmt='o', markersize=4, capsize=2, color=plotting.DREAM,
  )
  for row, value in zip(y, hard):
    ax.plot(
        value['by_seed'], [row] * len(value['by_seed']), '|',
        color=plotting.DUSK, alpha=0.6,
    )
  ax.set_yticks(y, [name for name, _ in arms])
  ax.set_xlabel(
      f'distinct verified solutions of {outcome["hard"]} hard problems per'
      ' 1,000 decoded tokens'
  )
  return fig


def define_flags() -> None:
  flags.DEFINE_string('workdir', None, 'Where everything is kept.')
  flags.DEFINE_integer('seeds', 3, 'Runs of every arm.')
  flags.DEFINE_integer('tokens', 20_000, 'Decoded tokens of a run.')
  flags.DEFINE_list('arms', [], 'Of these arms; empty is all of them.')
  config_flags.DEFINE_config_file(
      'config', 'experiments/configs/default.py'
  )


def main(argv):
  del argv
  if flags.FLAGS.workdir is None:
    raise app.UsageError('--workdir is needed')
  unknown = sorted(set(flags.FLAGS.arms) - set(ARMS))
  if unknown:
    raise app.UsageError(
        f'--arms has unknown {unknown}; choose from {list(ARMS)}'
    )
  termination.log_to_terminal()
  termination.exit_on_sigterm()
  jax.config.update('jax_threefry_partitionable', True)
  workdir = pathlib.Path(flags.FLAGS.workdir)
  arms = {name: ARMS[name] for name in flags.FLAGS.arms or ARMS}
  try:
    harness = Harness(flags.FLAGS.config, workdir)
    with harness.lab.verifiers:
      outcome = compare(harness, arms, flags.FLAGS.seeds, flags.FLAGS.tokens)
  except (
      apparatus_lib.SetupError, durable.CorruptError, OSError, ValueError
  ) as error:
    print(f'dreams: {error}', file=sys.stderr)
    sys.exit(1)
  outcome['provenance'] = provenance.stamp(flags.FLAGS.config)
  durable.write_json(workdir / 'dreams.json', outcome)
  plotting.save(functools.partial(draw, outcome), workdir / 'dreams')
  print(table(outcome))


if __name__ == '__main__':
  # Here, since other programs of this folder define the same flags.
  define_flags()
  app.run(main)
