r"""Trains a small policy towards a target that is known exactly.

python -m experiments.enumerable --objective=vargrad --target=arithmetic
python -m experiments.enumerable --target=hypergrid --figure=modes.png

The target is a name of `enumerable.TARGETS` or a JSON file (`target_file`).
The last line is `L1 x.xxxx log_z_error x.xxxx`, of the worst prompt.

The rule found, with what it was found from (seed 0; flags beside the two
above; L1 of the worst prompt, at most 2; the aim is below 0.02):

* beta: widen it from 1 nat during the first 70 % of training. With the full
  gap from the start, `--objective=tb --target=needles --beta_warmup=0` ends at
  L1 1.98 with half a mode of 24.5 kept; without that last flag at 0.0002 with
  all. The policy first learns what to avoid, log Z falls, and modes that it no
  longer draws do not come back.
* Normalisation: sum log-ratios over tokens. Their mean inside the residual
  (`--normalise=residual`) has another solution, however long it trains:
  arithmetic, vargrad, 1,000 updates: L1 1.35 against 0.0013. Dividing the
  *squared* residual by the squared length is harmless (0.0012).
* raptb: fade its prefix constraints out. Kept to the end (`--noanneal`) they
  leave arithmetic at L1 0.140 after 1,000 updates.
* Clipping: of no consequence under Adam. `--clip` 0.1, 1 and 100: arithmetic,
  vargrad, 1,000 updates: L1 0.0009, 0.0013, 0.0013.
* Samples: an update should reach a fair share of the strings. Independent
  rewards on 11,110 strings: tb with 2,048 a prompt and 2,000 updates ends at L1
  0.0075; with 1,024, and half the learning rate, at 0.07.
* Replay of one's own uniform buffer gains nothing here: hypergrid, vargrad: L1
  0.0066 without, 0.0080 and 0.0117 with `--replay_share` 0.25 and 0.75 of
  `--off_policy=replay`.
* The gap itself, `--beta` 2, 10 and 20 nats between right and wrong, changes
  p*, not whether it is reached: 0.0001, 0.0032, 0.0015, likewise.
* The controls find modes and do not keep them: on hypergrid grpo finds 27.5 of
  30 in 1,000 updates and keeps 1.5, 2.1 symbols shorter than p* and with one or
  two first halves where p* has 20; every balance objective keeps all 30.
"""

from collections.abc import Mapping
import dataclasses
import json
import pathlib
import sys

from absl import app
from absl import flags
from absl import logging
from matplotlib import figure
import numpy as np

from experiments import enumerable_training as training
from swm_jax.losses import objectives
from swm_jax.tasks import enumerable
from swm_jax.tasks import target_file

_OBJECTIVE = flags.DEFINE_enum(
    'objective', 'vargrad', list(objectives.OBJECTIVES), 'What is minimised.'
)
_TARGET = flags.DEFINE_string(
    'target', 'arithmetic',
    f'One of {", ".join(enumerable.TARGETS)}, or a JSON file.',
)
_OFF_POLICY = flags.DEFINE_enum(
    'off_policy', 'none', training.OFF_POLICY, 'Who draws the strings.'
)
_SEED = flags.DEFINE_integer('seed', 0, 'Of parameters and strings.')
_STEPS = flags.DEFINE_integer(
    'steps', None, 'Updates; by default as many as the size allows.',
    lower_bound=1,
)
_OUT = flags.DEFINE_string('out', None, 'JSON file for the results.')
_FIGURE = flags.DEFINE_string(
    'figure', None,
    'PNG or SVG of modes against samples; trains every objective for it.',
)
_BETA = flags.DEFINE_float(
    'beta', None, 'Nats between right and wrong of the target `arithmetic`.'
)
_SAMPLES = flags.DEFINE_integer(
    'samples', None, 'Strings a prompt and update; by default by the size.',
    lower_bound=2,
)
_CLIP = flags.DEFINE_float(
    'clip', training.Options.clip, 'Of the global norm of the gradient.'
)
_NORMALISE = flags.DEFINE_enum(
    'normalise', 'none', training.NORMALISE,
    'Division by the number of tokens: of nothing, of the squared residual by'
    ' its square, or of the log-ratio inside the residual.',
)
_REPLAY_SHARE = flags.DEFINE_float(
    'replay_share', training.Options.replay_share,
    'Share of an update that --off_policy=replay takes from the buffer.',
    lower_bound=0.0, upper_bound=0.9,
)
_BETA_WARMUP = flags.DEFINE_float(
    'beta_warmup', training.Options.beta_warmup,
    'Share of the steps over which rewards spread out; 0: at once.',
    lower_bound=0.0, upper_bound=1.0,
)
_ANNEAL = flags.DEFINE_bool(
    'anneal', True, 'Whether the prefix constraints of raptb fade out.'
)

_COLOURS = dict(zip(
    objectives.OBJECTIVES,
    ('#4a5a8c', '#3d8b6e', '#1f77b4', '#8c6bb1', '#17a2a2', '#d9822b',
     '#b2453c'),
))


class TargetError(Exception):
  """The target cannot be had; one sentence says why."""


def load_target(name: str, beta: float | None = None) -> enumerable.Target:
  """Builds a named target or reads a file."""
  if beta is not None and name != 'arithmetic':
    raise TargetError('--beta is of the target arithmetic alone')
  if name in enumerable.TARGETS:
    return enumerable.TARGETS[name](**({} if beta is None else {'beta': beta}))
  try:
    return target_file.parse(pathlib.Path(name).read_text('utf-8'))
  except FileNotFoundError:
    raise TargetError(
        f'{name!r} is no file and none of {", ".join(enumerable.TARGETS)}'
    ) from None
  except (OSError, ValueError, RecursionError) as error:
    raise TargetError(f'{name}: {" ".join(str(error).split())}') from None


def bias(
    target: enumerable.Target, log_pf: np.ndarray
) -> Mapping[str, np.ndarray]:
  """Measures length bias and prefix collapse, both exactly.

  Args:
    target: what p* is of.
    log_pf: of every string, nats, `[P, S]`.

  Returns:
    Of each prompt, `[P]`:
      length_bias: mean length under P_F minus that under p*, symbols.
      prefixes, true_prefixes: exp of the entropy of the first half of the
        string (n / 2 symbols, fewer if it ends before), under P_F and p*.
        P_F has collapsed where its number is the smaller.
  """
  half = (target.max_length + 1) // 2
  names = {}
  group = np.array([
      names.setdefault(string[:half], len(names)) for string in target.strings
  ])
  length = np.array([len(string) for string in target.strings])

  def effective(probability):
    mass = np.stack([
        np.bincount(group, row, minlength=len(names)) for row in probability
    ])
    log_mass = np.log(np.where(mass > 0.0, mass, 1.0))
    return np.exp(-(mass * log_mass).sum(axis=1))

  policy = np.exp(log_pf.astype(np.float64))
  return {
      'length_bias': (policy - target.probability) @ length,
      'prefixes': effective(policy),
      'true_prefixes': effective(target.probability),
  }


def describe(
    target: enumerable.Target, options: training.Options,
    result: training.Result,
) -> str:
  """A line for each prompt."""
  measured = bias(target, result.log_pf)
  kept = (
      target.verified
      & (np.exp(result.log_pf) >= training.KEPT_SHARE * target.probability)
  )
  right = (np.exp(result.log_pf) * target.verified).sum(axis=1)
  width = max(len('prompt'), *map(len, target.prompts))
  lines = [
      f'{options.objective}, strings from {options.off_policy}:'
      f' {result.samples[-1]} a prompt in {result.steps} updates,'
      f' {result.seconds:.1f} s',
      f'{"prompt":{width}}      L1  log_z_error  right  modes kept'
      '  length bias  prefixes',
  ]
  for i, name in enumerate(target.prompts):
    modes = f'{kept[i].sum()} of {target.verified[i].sum()}'
    prefixes = (
        f'{measured["prefixes"][i]:.2f} of {measured["true_prefixes"][i]:.2f}'
    )
    lines.append(
        f'{name:{width}}  {result.l1[i]:.4f}       {result.log_z_error[i]:.4f}'
        f'  {right[i]:.3f}  {modes:>10}'
        f'  {measured["length_bias"][i]:+11.3f}  {prefixes}'
    )
  return '\n'.join(lines)


def to_json(
    target: enumerable.Target, options: training.Options,
    result: training.Result,
) -> dict[str, object]:
  """Options, exact errors by prompt and curves, as plain values."""
  listed = lambda values: np.asarray(values, np.float64).tolist()  # noqa: E731
  return {
      'options': dataclasses.asdict(options),
      'prompts': list(target.prompts),
      'modes': target.verified.sum(axis=1).tolist(),
      'l1': listed(result.l1),
      'log_z_error': listed(result.log_z_error),
      **{k: listed(v) for k, v in bias(target, result.log_pf).items()},
      'curves': {
          'samples': result.samples.tolist(),
          'found': listed(result.found),
          'kept': listed(result.kept),
          'l1': listed(result.l1_curve),
      },
      'steps': result.steps,
      'seconds': result.seconds,
  }


def modes_figure(
    results: Mapping[str, training.Result], modes: float, title: str
) -> figure.Figure:
  """Modes drawn so far, and modes the policy still holds, against samples."""
  fig = figure.Figure(figsize=(8.0, 3.2), layout='constrained')
  axes = fig.subplots(1, 2, sharey=True)
  names = ('modes found so far', 'modes kept by the policy')
  for ax, name, curve in zip(axes, names, ('found', 'kept')):
    for objective, result in results.items():
      control = objective not in objectives.BALANCED
      ax.plot(
          result.samples, getattr(result, curve), label=objective,
          color=_COLOURS[objective], linestyle='--' if control else '-',
      )
    ax.axhline(modes, color='grey', linewidth=0.8, linestyle=':')
    ax.set_xscale('log')
    ax.set_ylim(bottom=0.0)
    ax.set_xlabel('samples a prompt')
    ax.set_title(name)
    ax.spines[['top', 'right']].set_visible(False)
  axes[0].set_ylabel('modes, mean over prompts')
  fig.suptitle(title)
  fig.legend(*axes[0].get_legend_handles_labels(), loc='outside right upper')
  return fig


def run(target: enumerable.Target, options: training.Options) -> None:
  """Trains, prints and writes what the flags ask for."""
  result = training.train(target, options)
  print(describe(target, options, result))
  if _OUT.value:
    pathlib.Path(_OUT.value).write_text(
        json.dumps(to_json(target, options, result), indent=1) + '\n'
    )
  if _FIGURE.value:
    results = {}
    for name in objectives.OBJECTIVES:
      results[name] = result
      if name != options.objective:
        other = dataclasses.replace(options, objective=name)
        results[name] = training.train(target, other)
        print(describe(target, other, results[name]))
    modes_figure(
        results, target.verified.sum(axis=1).mean(), _TARGET.value
    ).savefig(_FIGURE.value, dpi=150)
  print(
      f'L1 {result.l1.max():.4f} log_z_error {result.log_z_error.max():.4f}'
  )


def main(argv):
  if len(argv) > 1:
    raise app.UsageError(f'unexpected arguments: {argv[1:]}')
  logging.set_verbosity(logging.WARNING)
  options = training.Options(
      objective=_OBJECTIVE.value,
      off_policy=_OFF_POLICY.value,
      steps=_STEPS.value,
      samples=_SAMPLES.value,
      clip=_CLIP.value,
      normalise=_NORMALISE.value,
      replay_share=_REPLAY_SHARE.value,
      beta_warmup=_BETA_WARMUP.value,
      anneal=_ANNEAL.value,
      seed=_SEED.value,
  )
  try:
    run(load_target(_TARGET.value, _BETA.value), options)
  except (TargetError, OSError) as error:
    print(f'enumerable: {error}', file=sys.stderr)
    sys.exit(1)


if __name__ == '__main__':
  app.run(main)
