r"""What turns problems that the base always fails into verified data.

python -m experiments.all_fail --workdir=runs/dreams --seeds=3 --tokens=10000

Every way starts from the wake of `dreams` in the same work directory, decodes
the same number of tokens and is asked for distinct verified answers:

  samples       more samples of the problems that wake never solved
  relabel       the same samples; then every failed program, also of wake, is
                tried on the other unsolved problems (`rem/hindsight.py`)
  tables        the same samples; a failed program answers its own table of
                arguments and values
  hints         samples behind a part of the reference, annealed to none
                (`rem/hints.py`); the only way that reads what a person wrote
  compositions  samples of f(g(x)) from problems that wake solved
                (`rem/compositions.py`)

The same command continues; a finished way and seed is not repeated. Only
problems of the day are touched. all_fail.json is written to --workdir.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import dataclasses
import itertools
import json
import pathlib
import sys
from typing import Any

from absl import app
from absl import flags
from absl import logging
import jax
from ml_collections import config_flags

from experiments import apparatus as apparatus_lib
from experiments import dream_yield
from experiments import dreams
from experiments import provenance
from experiments import termination
from swm_jax import durable
from swm_jax import types
from swm_jax.data import outcomes
from swm_jax.rem import compositions
from swm_jax.rem import hindsight
from swm_jax.rem import hints
from swm_jax.rem import transplant
from swm_jax.samplers import decode
from swm_jax.samplers import rollout
from swm_jax.verifiers import python as python_verifier

_PLAN = ((0.4, 2), (0.8, 2))
_HINTED_PLAN = ((0.4, 1), (0.8, 1))
_ROOM = 64  # tokens of a prompt that a hint may take
_PER_PROBLEM = 4
_MAX_TRIALS = 200_000
_COMPOSITIONS = 60

Record = dreams.Record
Found = list[dream_yield.Sample]


class Ways:
  """All ways of one seed."""

  def __init__(
      self, harness: dreams.Harness, wake_log: Sequence[Record], seed: int,
      tokens: int,
  ):
    self._lab, self._problems = harness.lab, harness.problems
    self._wake_log, self._tokens = wake_log, tokens
    self._key = jax.random.fold_in(jax.random.key(harness.cfg.seed), 100 + seed)
    self._seed = seed
    counts = outcomes.pass_counts(wake_log)
    self.unsolved = [p for p in harness.lab.day if not counts[p.id][0]]
    self._solved = [p for p in harness.lab.day if counts[p.id][0]]
    sizes = dataclasses.replace(
        harness.lab.decoder.config, top_logits=0, record_hidden=False, taps=(),
        max_prompt=harness.lab.decoder.config.max_prompt + _ROOM,
    )
    self._decoder = decode.Decoder(
        harness.lab.config, harness.lab.decoder.stop_table, sizes,
        harness.lab.decoder.pad_id,
    )
    self._drawn: list[Record] | None = None

  def samples(self) -> Found:
    return [self._sample(entry) for entry in self._samples()]

  def relabel(self) -> Found:
    with self._interpreter() as interpreter:
      search = hindsight.relabel(
          self._problems, [*self._wake_log, *self._samples()], self.unsolved,
          tokenizer=self._lab.tokenizer,
          stop_table=self._decoder.stop_table,
          interpreter=interpreter,
          verifier=self._lab.verifiers,
          per_problem=_PER_PROBLEM, max_trials=_MAX_TRIALS,
      )
    logging.info(
        'relabel: %d programs, %d trials, %d hits, %d answers',
        search.programs, search.trials, search.hits, len(search.answers),
    )
    return self.samples() + [self._answer(a) for a in search.answers]

  def tables(self) -> Found:
    with self._interpreter() as interpreter:
      answers = hindsight.tables(
          self._problems, self._samples(),
          tokenizer=self._lab.tokenizer,
          stop_table=self._decoder.stop_table,
          interpreter=interpreter,
          per_problem=_PER_PROBLEM,
      )
    judged = transplant.verify(answers, self._lab.verifiers)
    return self.samples() + [self._answer(a) for a in judged]

  def hints(self) -> Found:
    tokenizer, state, found = self._lab.tokenizer, hints.State(), []
    solutions = {
        p.id: hints.solution(p, [], tokenizer, self._decoder.stop_table)
        for p in self.unsolved
    }
    for index in self._until_spent(found):
      asked, plain = [], []
      for problem in self.unsolved:
        share, solved = state.share(problem.id), solutions[problem.id]
        hinted = share and solved and hints.hint(
            problem, solved, share, tokenizer,
            max_prompt=self._decoder.config.max_prompt,
        )
        if hinted:
          asked.append(hinted)
        else:
          plain.append(problem)
      if asked:
        trajectories, samples = self._rollout(
            [h.problem for h in asked], _HINTED_PLAN, index
        )
        answered = hints.answers(asked, trajectories, samples)
        state = hints.advance(state, hints.outcomes(answered))
        # What is decoded is what follows the hint.
        found += [
            self._answer(answer, int(trajectories.mask[row].sum()))
            for row, answer in enumerate(answered)
        ]
      if plain:
        found += [
            self._sample(e) for e in self._draw(plain, _HINTED_PLAN, index)
        ]
    return found

  def compositions(self) -> Found:
    made = compositions.build(self._solved, _COMPOSITIONS, seed=self._seed)
    made = [
        p for p in made
        if len(self._lab.tokenizer.encode(p.prompt))
        <= self._decoder.config.max_prompt
    ]
    found: Found = []
    for index in self._until_spent(found):
      found += [
          self._sample(e, {p.id: p for p in made})
          for e in self._draw(made, _PLAN, index)
      ]
    return found

  def _samples(self) -> list[Record]:
    """More draws of the unsolved problems, for the ways that share them."""
    if self._drawn is None:
      self._drawn, spent = [], []
      for index in self._until_spent(spent):
        drawn = self._draw(self.unsolved, _PLAN, index)
        self._drawn += drawn
        spent += [self._sample(entry) for entry in drawn]
    return self._drawn

  def _until_spent(self, found: Found) -> Iterator[int]:
    """Counts rounds until what they add to `found` has cost the tokens."""
    for index in itertools.count():
      if sum(sample.tokens for sample in found) >= self._tokens:
        return
      yield index

  def _rollout(self, problems, plan, index):
    return rollout.rollout(
        self._decoder, self._lab.params, self._lab.tokenizer, problems,
        self._lab.verifiers, plan=plan,
        key=jax.random.fold_in(self._key, index),
    )

  def _draw(self, problems, plan, index) -> list[Record]:
    trajectories, samples = self._rollout(problems, plan, index)
    return rollout.records(
        trajectories, samples, key=jax.random.fold_in(self._key, index),
        phase='rem', night=0, weights_digest='',
    )

  def _interpreter(self) -> python_verifier.Interpreter:
    return python_verifier.Interpreter(self._lab.verifiers.isolation)

  def _sample(self, entry, problems=None) -> dream_yield.Sample:
    problem = (problems or self._problems)[entry['problem']]
    return dreams.sample(
        problem, entry['text'], entry['verdict']['status'],
        len(entry['tokens']),
    )

  def _answer(self, answer, tokens: int = 0) -> dream_yield.Sample:
    return dreams.sample(
        answer.problem, answer.text, answer.verdict.status, tokens
    )


WAYS: Mapping[str, Callable[[Ways], Found]] = {
    'samples': Ways.samples,
    'relabel': Ways.relabel,
    'tables': Ways.tables,
    'hints': Ways.hints,
    'compositions': Ways.compositions,
}


def compare(
    harness: dreams.Harness, seeds: int, tokens: int
) -> dict[str, Any]:
  """Runs what is missing and counts what every way gave."""
  wake_log = harness.wake()
  found: dict[str, list[Found]] = {name: [] for name in WAYS}
  for seed in range(seeds):
    ways = Ways(harness, wake_log, seed, tokens)
    for name, way in WAYS.items():
      path = harness.workdir / 'all_fail' / f'{name}_{seed}_{tokens}.json'
      if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        durable.write_json(path, [sample.to_json() for sample in way(ways)])
      found[name].append([
          dream_yield.Sample(*row) for row in json.loads(path.read_text())
      ])
      logging.info('%s, seed %d: %s', name, seed, _count(found[name][-1]))
  unsolved = {p.id: f'{p.type}/{p.template}' for p in ways.unsolved}
  return {
      'unsolved': len(unsolved),
      'seeds': seeds,
      'tokens': tokens,
      'ways': {
          name: {
              'day': _measure(runs, unsolved).to_json(),
              'other': _measure(runs, _others(runs, unsolved)).to_json(),
          }
          for name, runs in found.items()
      },
  }


def _others(runs: Sequence[Found], known: Mapping[str, str]) -> dict[str, str]:
  """Problems that were made on the way, by the template they come from."""
  return {
      s.problem: s.problem.rpartition('/')[0]
      for run in runs for s in run if s.problem not in known
  }


def _measure(
    runs: Sequence[Found], templates: Mapping[str, str]
) -> dream_yield.Yield:
  counts = [
      {i: n for i, n in dream_yield.distinct(run).items() if i in templates}
      for run in runs
  ]
  tokens = [sum(sample.tokens for sample in run) for run in runs]
  return dream_yield.measure(counts, tokens, templates or {'': ''})


def _count(run: Found) -> dict[str, int]:
  return {
      'tokens': sum(sample.tokens for sample in run),
      'verified': sum(sample.status == types.PASS for sample in run),
      'distinct': sum(dream_yield.distinct(run).values()),
      'solved': len(dream_yield.solved(run)),
  }


def table(outcome: Mapping[str, Any]) -> str:
  """The comparison as a Markdown table."""
  lines = [
      f'{outcome["unsolved"]} problems of the day that wake never solved;'
      f' {outcome["seeds"]} seeds of {outcome["tokens"]} decoded tokens and the'
      ' round that passes them; distinct verified answers per 1,000 tokens,'
      ' 95 % intervals over templates.',
      '',
      '| way | to unsolved problems of the day | by seed | problems solved'
      ' | to problems made on the way | by seed |',
      '|---|---|---|---|---|---|',
  ]
  seeds = lambda value: ', '.join(  # noqa: E731
      f'{v:.2f}' for v in value['by_seed']
  )
  for name, way in outcome['ways'].items():
    day, other = way['day'], way['other']
    lines.append(
        f'| {name} | {dreams.interval(day)} | {seeds(day)}'
        f' | {day["problems"]} | {dreams.interval(other)} | {seeds(other)} |'
    )
  return '\n'.join(lines)


def define_flags() -> None:
  flags.DEFINE_string('workdir', None, 'That of experiments.dreams.')
  flags.DEFINE_integer('seeds', 3, 'Runs of every way.')
  flags.DEFINE_integer('tokens', 10_000, 'Decoded tokens of a run.')
  config_flags.DEFINE_config_file('config', 'experiments/configs/default.py')


def main(argv):
  del argv
  if flags.FLAGS.workdir is None:
    raise app.UsageError('--workdir is needed')
  termination.log_to_terminal()
  termination.exit_on_sigterm()
  jax.config.update('jax_threefry_partitionable', True)
  workdir = pathlib.Path(flags.FLAGS.workdir)
  try:
    harness = dreams.Harness(flags.FLAGS.config, workdir)
    with harness.lab.verifiers:
      outcome = compare(harness, flags.FLAGS.seeds, flags.FLAGS.tokens)
  except (
      apparatus_lib.SetupError, durable.CorruptError, OSError, ValueError
  ) as error:
    print(f'all_fail: {error}', file=sys.stderr)
    sys.exit(1)
  outcome['provenance'] = provenance.stamp(flags.FLAGS.config)
  durable.write_json(workdir / 'all_fail.json', outcome)
  print(table(outcome))


if __name__ == '__main__':
  # Here, since other programs of this folder define the same flags.
  define_flags()
  app.run(main)
