r"""What the model proposes to itself, and whether it could learn from it.

python -m experiments.benchmarks.proposals --proposals=64 --output=runs/p

A short wake on problems of the day gives the programs to show. The model then
writes programs and inputs, the interpreter runs them, and the model tries the
tasks that come out. Printed: the share of proposals that are valid, of valid
programs that are new, of tasks that are solved sometimes but not always
(learnable), by kind, each with n and a 95 % interval over proposals. Under
`output`: `proposals_0000.jsonl`, `scores_0000.jsonl`, `summary.json`.
"""

import collections
import pathlib

from absl import app
from absl import flags
import jax
import numpy as np

from experiments import provenance
from swm_jax import durable
from swm_jax.evaluation import bootstrap
from swm_jax.models import pretrained
from swm_jax.rem import proposals as proposals_lib
from swm_jax.samplers import decode
from swm_jax.samplers import rollout
from swm_jax.samplers import stopping
from swm_jax.tasks import domains
from swm_jax.verifiers import python as python_verifier


_MAX_PROMPT = 288  # Three short programs and a header, or a task.
_WAKE = ((0.0, 1), (0.4, 2))
_SHOWN = 10


def _share(wins, tried) -> dict[str, float]:
  """A share with its interval; one number each a proposal."""
  wins, tried = np.asarray(wins, float), np.asarray(tried, float)
  if not tried.sum():
    return {'mean': float('nan'), 'low': 0.0, 'high': 1.0, 'n': 0}
  draws = bootstrap.resampled_ratios(
      wins[:, None], tried[:, None], bootstrap.RESAMPLES, 0
  )[:, 0]
  low, high = bootstrap.percentile_interval(
      draws[np.isfinite(draws)], bootstrap.CONFIDENCE
  )
  return {
      'mean': float(wins.sum() / tried.sum()), 'low': float(low),
      'high': float(high), 'n': int(tried.sum()),
  }


def _solve(decoder, params, tokenizer, verifiers, tasks, key):
  """Returns `(passed, tried)` by task id, and the tokens spent."""
  trajectories, samples = rollout.rollout(
      decoder, params, tokenizer, tasks, verifiers,
      plan=((flags.FLAGS.temperature, flags.FLAGS.samples),), key=key,
      progress='solve',
  )
  counts = collections.defaultdict(lambda: (0, 0))
  for sample in samples:
    if sample.verdict.valid:
      passed, tried = counts[sample.problem.id]
      counts[sample.problem.id] = passed + sample.verdict.passed, tried + 1
  return counts, int(trajectories.mask.sum())


def _summary(proposals, scores) -> dict[str, dict[str, float]]:
  """The shares that are printed."""
  reasons = [one.reason for one in proposals]
  seen = [reason.startswith('seen') for reason in reasons]
  valid = [one.valid for one in proposals]
  shares = {
      'valid': _share(valid, np.ones(len(valid))),
      'new, of those otherwise valid': _share(valid, np.add(valid, seen)),
      'inputs written by the model, of valid': _share(
          [one.written for one in proposals],
          [len(one.pairs) for one in proposals],
      ),
  }
  for kind in (*proposals_lib.KINDS, 'any task'):
    tried, learnable, solved = [], [], []
    for one in proposals:
      mine = [
          s for s in scores
          if s.proposal == one.id and kind in (s.kind, 'any task')
      ]
      tried.append(len(mine))
      learnable.append(sum(s.learnable for s in mine))
      solved.append(sum(s.rate for s in mine))
    shares[f'learnable, {kind}'] = _share(learnable, tried)
    shares[f'pass rate, {kind}'] = _share(solved, tried)
  return shares


def define_flags() -> None:
  flags.DEFINE_string('model', '', 'GGUF file or folder; "": packaged.')
  flags.DEFINE_integer('proposals', 64, 'Programs to write.')
  flags.DEFINE_integer('day', 152, 'Problems of the short wake.')
  flags.DEFINE_integer('samples', 8, 'Tries of each task.')
  flags.DEFINE_float('temperature', 0.7, 'Of all samples.')
  flags.DEFINE_integer('seed', 0, 'Of all samples.')
  flags.DEFINE_string('output', None, 'Folder of results.')


def main(argv):
  del argv
  output = pathlib.Path(flags.FLAGS.output)
  params, config, tokenizer = pretrained.load(flags.FLAGS.model or None)
  params = jax.tree.map(jax.numpy.asarray, params)
  day = domains.load('python_functions').split(0)['day']
  chosen = day[:: max(1, len(day) // flags.FLAGS.day)][: flags.FLAGS.day]
  stops = stopping.build_stop_table(
      tokenizer, column_zero=True, stop_tokens=(tokenizer.eos_id,)
  )
  decoder = decode.Decoder(
      config, stops,
      decode.DecodeConfig(max_prompt=_MAX_PROMPT, max_new_tokens=48, slots=32),
      tokenizer.pad_id,
  )
  keys = jax.random.split(jax.random.key(flags.FLAGS.seed), 3)
  with python_verifier.PythonVerifier().pool() as verifiers:
    _, samples = rollout.rollout(
        decoder, params, tokenizer, chosen, verifiers, plan=_WAKE, key=keys[0],
        progress='wake',
    )
    seeds = [
        proposals_lib.seed(sample.problem, sample.text)
        for sample in samples if sample.verdict.passed
    ]
    seeds = proposals_lib.distinct([s for s in seeds if s is not None])
    with python_verifier.Interpreter(verifiers.isolation) as interpreter:
      known = proposals_lib.known_of(day, interpreter)
    found = proposals_lib.propose(
        decoder, params, tokenizer, verifiers, seeds,
        count=flags.FLAGS.proposals, key=keys[1],
        prefix=f'seed{flags.FLAGS.seed}',
        known=known, temperature=flags.FLAGS.temperature, progress='propose',
    )
    proposals_lib.write(output, 0, found)
    tasks = [
        task for one in found for task in proposals_lib.tasks(one)
        if len(tokenizer.encode(task.prompt)) <= _MAX_PROMPT
    ]
    counts, solving = _solve(
        decoder, params, tokenizer, verifiers, tasks, keys[2]
    ) if tasks else ({}, 0)
  scores = proposals_lib.scores(found, counts)
  proposals_lib.write_scores(output, 0, scores)
  rewards = proposals_lib.rewards(found, scores)
  summary = {
      **provenance.stamp(),
      'seed': flags.FLAGS.seed,
      'seeds shown': len(seeds),
      'proposals': len(found),
      'reasons': collections.Counter(one.reason for one in found),
      'signatures': collections.Counter(
          one.signature for one in found if one.valid
      ),
      'shares': _summary(found, scores),
      'reward': float(np.mean(list(rewards.values()))),
      'tokens': {
          'programs': sum(len(one.tokens) for one in found),
          'inputs': sum(one.call_tokens for one in found),
          'solver': solving,
      },
  }
  durable.write_json(output / 'summary.json', summary)

  for one in [one for one in found if one.valid][:_SHOWN]:
    mine = {s.kind: f'{s.passed}/{s.tried}' for s in scores
            if s.proposal == one.id}
    print(f'{one.id} {one.signature} {mine}\n{one.source}')
  print(f'{"":<40}{"share":>7}{"95 %":>17}{"n":>6}')
  for name, share in summary['shares'].items():
    print(f'{name:<40}{share["mean"]:>7.3f}'
          f'{share["low"]:>9.3f} – {share["high"]:.3f}{share["n"]:>6}')
  print(f'refused: {dict(summary["reasons"])}')
  print(f'tokens: {summary["tokens"]}; programs shown from {len(seeds)} seeds;'
        f' mean reward of the proposer {summary["reward"]:.3f};'
        f' seed {flags.FLAGS.seed}')


if __name__ == '__main__':
  # Here, since other programs of this folder define the same flags.
  define_flags()
  flags.mark_flag_as_required('output')
  app.run(main)
