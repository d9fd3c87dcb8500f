r"""How well log Z(x) foretells how often the base solves a problem of the day.

python -m experiments.difficulty --workdir=runs/difficulty --problems=200 \
    --samples=16

The base, drawn from at --temperature, is the reference whose log Z and pass
rate are compared. Some samples measure the pass rate; a few others are what
estimates may read. At T = 1 there are also a few tempered ones, as of a night:
log Z of the untempered reference by their importance. Heads guess from latents
of the prompt alone, each problem by a head that was fitted on the other half of
the template families. Only problems of the day are touched. The same command
continues; difficulty.json and the figure are written to --workdir.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
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
from scipy import stats

from experiments import apparatus as apparatus_lib
from experiments import plotting
from experiments import provenance
from experiments import termination
from swm_jax import durable
from swm_jax import snapshots
from swm_jax import types
from swm_jax import wake
from swm_jax.data import shared_log
from swm_jax.data import trajectory_log
from swm_jax.evaluation import bootstrap
from swm_jax.models import quantised_hidden
from swm_jax.rem import difficulty
from swm_jax.tasks import domains

Record = trajectory_log.Record

# Of the samples that stand for a night's dreams, beside those at T = 1.
_TEMPERED = 0.6
_RESAMPLES = 2000
_COUNTER = 'counter with prior: mean of all'
_IMPORTANCE = f'log Z by importance, T = {_TEMPERED}'


@dataclasses.dataclass(frozen=True)
class Asked:
  """What is known of P problems; every list and array in one order.

  Attributes:
    kind: problem types.
    template: `type/template`, the cluster of the bootstrap.
    family: of templates that ask for almost the same; what halves are made of.
    measured: `(passed, tried)` of the samples that measure, `[P, 2]`.
    few: records of the reference that estimates may read.
    tempered: the same at the temperature of dreams; none if the reference is
      tempered itself.
    latents: of the last token of the prompt by name of the layer, `[P, D]`.
  """

  kind: Sequence[str]
  template: Sequence[str]
  family: Sequence[str]
  measured: np.ndarray
  few: Sequence[Sequence[Record]]
  tempered: Sequence[Sequence[Record]]
  latents: Mapping[str, np.ndarray]


def collect(
    cfg: ml_collections.ConfigDict,
    workdir: pathlib.Path,
    temperature: float,
    samples: int,
    few: int,
) -> Asked:
  """Asks the base what it was not asked yet."""
  plan = ((temperature, few + samples),)
  if temperature == 1.0:
    plan += ((_TEMPERED, few),)
  lab = apparatus_lib.build(cfg)
  log = shared_log.SharedLog(
      workdir / 'log', vocab_size=lab.config.vocab_size
  )
  with lab.verifiers:
    wake.run(
        lab.params, lab.day,
        decoder=lab.decoder,
        tokenizer=lab.tokenizer,
        verifiers=lab.verifiers,
        log=log,
        options=wake.Options(temperatures=plan, wave=20),
        key=jax.random.key(cfg.seed),
        weights_digest=snapshots.digest(lab.params),
        night=0,
        read_wave=log.read_wave,
        on_wave=lambda wave, records: logging.info('Wave %d', wave),
    )
  families = domains.load(cfg.tasks.domain).families()
  return arrange(log.read(), families, samples, few, cfg.decode.taps)


def arrange(
    records: Sequence[Record],
    families: Mapping[tuple[str, str], str],
    samples: int,
    few: int,
    taps: Sequence[int],
) -> Asked:
  """Sorts the records of a log, problem by problem.

  Raises:
    ValueError: the log holds another number of samples a problem.
  """
  groups: dict[str, list[Record]] = {}
  for entry in records:
    groups.setdefault(entry['problem'], []).append(entry)
  sizes = {len(group) for group in groups.values()}
  if not sizes <= {few + samples, few + samples + few}:
    raise ValueError(
        f'the log has {sorted(sizes)} samples a problem, and --samples and'
        f' --few ask for {few + samples}; choose another --workdir'
    )
  valid = lambda group: [
      e for e in group if e['verdict']['status'] != types.ERROR
  ]
  first = [group[0] for group in groups.values()]
  kept = list(groups.values())
  final = [trajectory_log.quantised_hidden(entry) for entry in first]
  latents = {
      f'layer {tap}': np.stack([e['latents'][i, 0] for e in first])
      for i, tap in enumerate(taps)
  }
  # What predicted the first token is the state at the end of the prompt.
  latents['final norm'] = np.asarray(quantised_hidden.dequantise(
      types.QuantisedHidden(
          np.stack([h.codes[0] for h in final]),
          np.stack([h.scale[0] for h in final]),
      )
  ))
  return Asked(
      kind=[e['type'] for e in first],
      template=[f'{e["type"]}/{e["template"]}' for e in first],
      family=[families[e['type'], e['template']] for e in first],
      measured=np.stack([_count(valid(g[few : few + samples])) for g in kept]),
      few=[valid(g[:few]) for g in kept],
      tempered=[valid(g[few + samples :]) for g in kept],
      latents={k: v.astype(np.float32) for k, v in latents.items()},
  )


def _count(group: Sequence[Record]) -> np.ndarray:
  """`(passed, tried)`."""
  passed = sum(e['verdict']['status'] == types.PASS for e in group)
  return np.array([passed, len(group)])


def estimates(asked: Asked, beta: float) -> dict[str, np.ndarray]:
  """Estimated pass rates by name, `[P]`; beta is s of log Z."""
  few = np.stack([_count(group) for group in asked.few])
  tempered = np.stack([_count(group) for group in asked.tempered])
  log_z = _log_z(asked.few, beta, 'log_prob_behaviour')
  mean = np.array([
      np.mean([
          beta * (float(e['verdict']['status'] == types.PASS) - 1.0)
          for e in group
      ]) if group else -beta / 2
      for group in asked.few
  ])
  # What a head or a mean is fitted to: all that was seen of other families.
  passed, tried = (asked.measured + few).T
  known = passed / np.maximum(tried, 1)
  found = {
      'counter': difficulty.posterior_rate(*few.T),
      'log Z, log-mean-exp, linear': difficulty.mean_rate(log_z, beta),
      'log Z, log-mean-exp, solved for p': difficulty.rate_at(log_z, beta),
      'log Z, VarGrad mean, linear': difficulty.mean_rate(mean, beta),
      'untried: mean of all': _by_mean(['all'] * len(known), asked, known),
      'untried: mean of the type': _by_mean(asked.kind, asked, known),
  }
  if tempered.any():
    found[f'counter at T = {_TEMPERED}'] = difficulty.posterior_rate(
        *tempered.T
    )
    found[_IMPORTANCE] = difficulty.rate_at(
        _log_z(asked.tempered, beta, 'log_prob'), beta
    )
  for name, latent in asked.latents.items():
    found[f'untried: head on rates, {name}'] = _by_head(asked, latent, known)
  found['untried: head on log Z, final norm'] = difficulty.rate_at(
      _by_head(
          asked, asked.latents['final norm'], difficulty.log_z_at(known, beta)
      ),
      beta,
  )
  for name in ('mean of all', 'mean of the type', 'head on rates, final norm'):
    found[f'counter with prior: {name}'] = difficulty.posterior_rate(
        *few.T, np.clip(found[f'untried: {name}'], 0.0, 1.0)
    )
  return found


def _log_z(
    groups: Sequence[Sequence[Record]], beta: float, reference: str
) -> np.ndarray:
  """log Z of what has the log-probs in this field, nats, `[P]`."""
  return np.array([
      difficulty.log_mean_exp(
          np.array([e[reference].sum() for e in group]),
          np.array([e['log_prob_behaviour'].sum() for e in group]),
          np.array([e['verdict']['status'] == types.PASS for e in group]),
          beta,
      ) if group else difficulty.log_z_at(0.5, beta)
      for group in groups
  ])


def _by_head(asked: Asked, latent_PxD, target_P) -> np.ndarray:
  """Guesses of heads that never saw the problem's family."""
  guess = np.zeros(len(target_P))
  for half in difficulty.folds(asked.family, 2):
    head = difficulty.fit(
        latent_PxD[~half], target_P[~half], _where(asked.family, ~half)
    )
    guess[half] = head(latent_PxD[half])
  return guess


def _by_mean(kind: Sequence[str], asked: Asked, rate_P) -> np.ndarray:
  """Mean of the problem's kind in the other half, or of all of it."""
  kind = np.array(kind)
  guess = np.zeros(len(rate_P))
  for half in difficulty.folds(asked.family, 2):
    for i in np.flatnonzero(half):
      alike = ~half & (kind == kind[i])
      guess[i] = rate_P[alike if alike.any() else ~half].mean()
  return guess


def _where(values, mask):
  return [value for value, keep in zip(values, mask) if keep]


def measure(asked: Asked, beta: float, seed: int) -> dict[str, Any]:
  """R^2, correlation and rank correlation of every estimate, with intervals."""
  keep = asked.measured[:, 1] > 1
  passed, tried = asked.measured[keep].T
  rate = passed / tried
  names, place = np.unique(_where(asked.template, keep), return_inverse=True)
  rows = [np.flatnonzero(place == g) for g in range(len(names))]
  rng = np.random.default_rng(seed)
  draws = [
      np.concatenate([rows[g] for g in rng.integers(len(rows), size=len(rows))])
      for _ in range(_RESAMPLES)
  ]
  found = {k: v[keep] for k, v in estimates(asked, beta).items()}
  scores = {
      name: np.array(
          [_scores(guess, rate)] + [_scores(guess[d], rate[d]) for d in draws]
      )
      for name, guess in found.items()
  }
  # Of the variance of the measured rates, what is no sampling noise.
  noise = (rate * (1.0 - rate) / (tried - 1)).mean()
  return {
      'problems': len(rate),
      'templates': len(names),
      'samples': int(tried.max()),
      'beta': beta,
      'seed': seed,
      'mean_rate': rate.mean(),
      'never': (rate == 0).mean(),
      'always': (rate == 1).mean(),
      'ceiling': 1.0 - noise / rate.var(),
      'measured': rate.tolist(),
      'type': _where(asked.kind, keep),
      'template': _where(asked.template, keep),
      'estimates': {
          name: {
              'values': found[name].tolist(),
              **{
                  key: _interval(scores[name][:, i])
                  for i, key in enumerate(('r2', 'correlation2', 'spearman'))
              },
              'r2_minus_counter': _interval(
                  scores[name][:, 0] - scores[_COUNTER][:, 0]
              ),
          }
          for name in found
      },
  }


def _scores(guess, rate) -> tuple[float, float, float]:
  """R^2 of the guess as it is, of the best line through it, and of ranks."""
  r2 = 1.0 - ((guess - rate) ** 2).sum() / ((rate - rate.mean()) ** 2).sum()
  if np.ptp(guess) == 0.0:
    return r2, 0.0, 0.0
  return (
      r2,
      np.corrcoef(guess, rate)[0, 1] ** 2,
      stats.spearmanr(guess, rate).statistic,
  )


def _interval(values: np.ndarray) -> dict[str, float]:
  """The first is of the data, the others of resamples."""
  low, high = bootstrap.percentile_interval(values[1:], bootstrap.CONFIDENCE)
  return {'mean': float(values[0]), 'low': low, 'high': high}


def table(outcome: Mapping[str, Any]) -> str:
  """The comparison as a Markdown table."""
  lines = [
      f'{outcome["problems"]} problems of the day in {outcome["templates"]}'
      f' templates, {outcome["samples"]} samples at T ='
      f' {outcome["temperature"]} measure each, seed {outcome["seed"]}:'
      f' {outcome["mean_rate"]:.3f} verified, never {outcome["never"]:.2f},'
      f' always {outcome["always"]:.2f} of the problems.'
      f' R^2 can be {outcome["ceiling"]:.2f} at most. 95 % intervals over'
      ' templates.',
      '',
      '| estimate | R^2 | correlation^2 | Spearman'
      f' | R^2 minus {_COUNTER} |',
      '|---|---|---|---|---|',
  ]
  for name, value in outcome['estimates'].items():
    cells = [
        '{mean:.2f} [{low:.2f}, {high:.2f}]'.format(**value[key])
        for key in ('r2', 'correlation2', 'spearman')
    ]
    cells.append('{mean:+.2f} [{low:+.2f}, {high:+.2f}]'.format(
        **value['r2_minus_counter']
    ))
    lines.append('| ' + ' | '.join([name, *cells]) + ' |')
  return '\n'.join(lines)


_SHOWN = (
    _COUNTER,
    'log Z, log-mean-exp, linear',
    'log Z, VarGrad mean, linear',
    'untried: mean of the type',
    'untried: head on rates, final norm',
    'counter with prior: head on rates, final norm',
)


def draw(outcome: Mapping[str, Any]) -> figure.Figure:
  """Measured pass rate against estimates, a point a problem."""
  fig = figure.Figure(figsize=(8.0, 5.4), layout='constrained')
  rate = np.array(outcome['measured'])
  # Both axes are grids: points are moved a little, or they would hide others.
  rng = np.random.default_rng(0)
  moved = rng.uniform(-0.015, 0.015, (2, len(rate)))
  for ax, name in zip(fig.subplots(2, 3, sharey=True).flat, _SHOWN):
    value = outcome['estimates'][name]
    ax.plot(
        np.array(value['values']) + moved[0], rate + moved[1], 'o',
        markersize=3, alpha=0.5, color=plotting.DUSK,
    )
    ax.plot([0, 1], [0, 1], '-', linewidth=0.8, color='grey')
    ax.set_title(
        f'{name}\nR\u00b2 {value["r2"]["mean"]:.2f}, Spearman'
        f' {value["spearman"]["mean"]:.2f}', fontsize=8,
    )
    ax.set_xlabel('estimated pass rate', fontsize=8)
  for ax in fig.axes[::3]:
    ax.set_ylabel(
        f'measured pass rate, {outcome["samples"]} samples', fontsize=8
    )
  return fig


def define_flags() -> None:
  flags.DEFINE_float('temperature', 1.0, 'Of the reference.')
  flags.DEFINE_string('workdir', None, 'Where everything is kept.')
  flags.DEFINE_integer('problems', 200, 'Of the day.')
  flags.DEFINE_integer('samples', 16, 'That measure a problem.')
  flags.DEFINE_integer('few', 4, 'That estimates are made from.')
  config_flags.DEFINE_config_file(
      'config', 'experiments/configs/default.py'
  )


def main(argv):
  del argv
  if flags.FLAGS.workdir is None:
    raise app.UsageError('--workdir is needed')
  termination.log_to_terminal()
  termination.exit_on_sigterm()
  jax.config.update('jax_threefry_partitionable', True)
  cfg, workdir = flags.FLAGS.config, pathlib.Path(flags.FLAGS.workdir)
  # The other sets have to be there, and nothing is asked of them.
  cfg.tasks.update(
      day=flags.FLAGS.problems, held_out=1, unrelated=1, humaneval=1
  )
  try:
    asked = collect(
        cfg, workdir, flags.FLAGS.temperature, flags.FLAGS.samples,
        flags.FLAGS.few,
    )
  except (
      apparatus_lib.SetupError, durable.CorruptError, OSError, ValueError
  ) as error:
    print(f'difficulty: {error}', file=sys.stderr)
    sys.exit(1)
  outcome = measure(asked, cfg.rem.beta, cfg.seed)
  outcome |= {'temperature': flags.FLAGS.temperature, 'few': flags.FLAGS.few}
  outcome['provenance'] = provenance.stamp(cfg)
  durable.write_json(workdir / 'difficulty.json', outcome)
  plotting.save(functools.partial(draw, outcome), workdir / 'difficulty')
  print(table(outcome))


if __name__ == '__main__':
  # Here, since other programs of this folder define the same flags.
  define_flags()
  app.run(main)
