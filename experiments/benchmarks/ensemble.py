r"""How well an ensemble's agreement tells right answers from wrong ones.

python -m experiments.benchmarks.ensemble --samples=8 --problems=64 --seed=0

Candidates for Python problems are judged twice: by the tests, which is the
truth here, and by the share of an ensemble that wrote the same program, which
runs nothing. The table gives the AUROC of that share with a 95 % interval over
templates: across problems, where knowing which problems are easy helps, and
within problems, where it does not. Of several ways to call two answers the
same, the best on one half of the templates is chosen and measured on the
other. A second table does the same for the open-text problems that have a
reference. For comparison: the candidate's own log-probability a token, and the
ensemble's semantic entropy, which is one number a problem.

`--kinds=samples,perturbations` adds the same model disturbed, `--snapshots`
earlier weights (GGUF file, folder or WORKDIR@STEP). The last line is `ratio
X.XX`, the AUROC of the first kind across problems, on the half that chose
nothing, over the 0.5 of chance.
"""

from collections.abc import Iterator, Sequence
from concurrent import futures
import contextlib
import dataclasses
import functools
import random

from absl import app
from absl import flags
import jax
import numpy as np

from experiments import weights
from swm_jax import snapshots
from swm_jax import types
from swm_jax.evaluation import canonical
from swm_jax.evaluation import ranking
from swm_jax.samplers import decode
from swm_jax.samplers import members as members_lib
from swm_jax.samplers import rollout
from swm_jax.samplers import stopping
from swm_jax.tasks import domains
from swm_jax.verifiers import agreement
from swm_jax.verifiers import base
from swm_jax.verifiers import ensemble
from swm_jax.verifiers import python as python_verifier

SAMPLES, PERTURBATIONS, SNAPSHOTS = 'samples', 'perturbations', 'snapshots'

_MODEL = flags.DEFINE_string('model', '', 'File, folder, WORKDIR[@STEP].')
_SAMPLES = flags.DEFINE_integer('samples', 8, 'Answers of an ensemble.')
_PROBLEMS = flags.DEFINE_integer('problems', 64, 'Of each table.')
_CANDIDATES = flags.DEFINE_integer('candidates', 8, 'Judged, a problem.')
_TEMPERATURE = flags.DEFINE_float('temperature', 0.8, 'Of all draws.')
_SIZE = flags.DEFINE_float('size', 0.03, 'Relative norm of perturbations.')
_KINDS = flags.DEFINE_list('kinds', [SAMPLES], 'Of ensembles.')
_TASKS = flags.DEFINE_list(
    'tasks', ['python_functions', 'open_text'], 'Tables; the first decides.'
)
_SNAPSHOTS = flags.DEFINE_list('snapshots', [], 'Weights of the third kind.')
_SEED = flags.DEFINE_integer('seed', 0, 'Of draws, halves and resampling.')

_OVERLAPS = (0.9, 0.7, 0.5)

flags.register_validator(
    'kinds', {SAMPLES, PERTURBATIONS}.issuperset,
    f'give {SAMPLES}, {PERTURBATIONS} or both',
)
flags.register_validator(
    'tasks', {'python_functions', 'open_text'}.issuperset,
    'give python_functions, open_text or both',
)


def program_tree(problem: types.Problem, source: str) -> str:
  """The normalised AST; '' if it does not parse or does nothing."""
  if not program_text(problem, source):
    return ''
  return canonical.normalised_ast(source)


def program_text(problem: types.Problem, source: str) -> str:
  """The normalised body as source; '' if it does not parse or does nothing."""
  del problem
  try:
    text = canonical.unparse_body(canonical.normalised_tree(source))
  except SyntaxError:
    return ''
  return '' if text == 'pass' else text


class References:
  """Passes what the problem's own list of right answers holds."""

  name = 'reference'
  version = '1'
  isolation = 'none'

  def submit(
      self, problem: types.Problem, source: str
  ) -> futures.Future[types.Verdict]:
    right = map(agreement.normal_form, problem.spec['answers'])
    if agreement.text_form(problem, source) in set(right):
      verdict = base.make_verdict(self, types.PASS, 'passed')
    else:
      verdict = base.make_verdict(self, types.FAIL, 'wrong_answer')
    future = futures.Future()
    future.set_result(verdict)
    return future

  def close(self) -> None:
    pass


@dataclasses.dataclass(frozen=True)
class Recorded:
  """A member that says again what it said; see `ensemble.Member`."""

  name: str
  digest: str
  given: dict[str, Sequence[str]]

  def answers(
      self, problems: Sequence[types.Problem]
  ) -> list[Sequence[str]]:
    return [self.given[problem.id] for problem in problems]


@dataclasses.dataclass(frozen=True)
class Table:
  """Judged candidates, a row each.

  Attributes:
    samples: with the truth as their verdict.
    log_prob: mean log-probability of the candidate's tokens, nats.
    chooses: whether the row's template is of the half that chooses.
    seed: of the resampling.
  """

  samples: Sequence[rollout.Sample]
  log_prob: np.ndarray
  chooses: np.ndarray
  seed: int

  def measure(
      self, scores: Sequence[float], rows: np.ndarray
  ) -> tuple[ranking.Auroc, ranking.Auroc]:
    """Returns the AUROC across and within problems on a mask of rows."""
    chosen = [sample for sample, row in zip(self.samples, rows) if row]
    arguments = (
        np.asarray(scores)[rows],
        [sample.verdict.passed for sample in chosen],
        [sample.problem.id for sample in chosen],
        [f'{s.problem.type}/{s.problem.template}' for s in chosen],
    )
    return tuple(
        measure(*arguments, seed=self.seed)
        for measure in (ranking.across, ranking.within)
    )


def halves(
    problems: Sequence[types.Problem], seed: int
) -> set[tuple[str, str]]:
  """Returns the (type, template) of a random half of the templates."""
  templates = sorted({(p.type, p.template) for p in problems})
  random.Random(seed).shuffle(templates)
  return set(templates[: len(templates) // 2])


def judged(
    decoder: decode.Decoder,
    model: weights.Model,
    problems: Sequence[types.Problem],
    truth: rollout.Verifying,
    *,
    candidates: int,
    temperature: float,
    seed: int,
) -> Table:
  """Draws candidates and asks the truth; its own failures are left out."""
  trajectories, samples = rollout.rollout(
      decoder, model.params, model.tokenizer, problems, truth,
      plan=((temperature, candidates),),
      key=jax.random.fold_in(jax.random.key(seed), 0),
  )
  samples = [sample for sample in samples if sample.verdict.valid]
  tokens_B = np.maximum(1, trajectories.mask.sum(axis=1))
  log_prob_B = trajectories.log_prob.sum(axis=1) / tokens_B
  half = halves(problems, seed)
  return Table(
      samples, log_prob_B[[sample.row for sample in samples]],
      np.array([(s.problem.type, s.problem.template) in half for s in samples]),
      seed,
  )


def print_row(kind: str, how: str, table: Table, scores, rows) -> float:
  across, within = table.measure(scores, rows)
  print(f'{kind:<15}{how:<15}{across!s:<23}{within!s:<23}{across.samples:>6}'
        f'{across.right / max(1, across.samples):>7.3f}{across.problems:>6}'
        f'{within.problems:>7}', flush=True)
  return across.value


def report(
    table: Table,
    problems: Sequence[types.Problem],
    kinds: Iterator[tuple[str, Sequence[ensemble.Member]]],
    clusterings: Sequence[agreement.Clustering],
) -> list[float]:
  """Prints the table; returns the chosen clustering's AUROC of each kind."""
  print(f'{"ensemble":<15}{"same by":<15}{"AUROC across":<23}'
        f'{"AUROC within":<23}{"n":>6}{"right":>7}{"prob.":>6}{"mixed":>7}')
  everything = np.ones(len(table.samples), bool)
  print_row('-', 'log-prob.', table, table.log_prob, everything)
  values = []
  for kind, members in kinds:
    asked = [
        Recorded(m.name, m.digest, dict(zip(
            (problem.id for problem in problems), m.answers(problems)
        )))
        for m in members
    ]
    on_half, scored = [], []
    for clustering in clusterings:
      verifier = ensemble.EnsembleVerifier(asked, clustering=clustering)
      verdicts = [verifier.judge(s.problem, s.source) for s in table.samples]
      scores = [verdict.score for verdict in verdicts]
      scored.append((clustering, scores, verdicts, verifier))
      on_half.append(table.measure(scores, table.chooses)[0].value)
      print_row(kind, str(clustering), table, scores, everything)
    # Without right and wrong samples in the choosing half: the first.
    clustering, scores, verdicts, verifier = scored[
        int(np.argmax(np.nan_to_num(on_half)))
    ]
    values.append(print_row(
        kind, f'{clustering} *', table, scores, ~table.chooses
    ))
    certainty = [-verifier.semantic_entropy(s.problem) for s in table.samples]
    # Nobody who says anything is as uncertain as can be.
    certainty = np.nan_to_num(certainty, nan=-1e9)
    print_row(kind, 'entropy', table, certainty, everything)
    passing = [
        s.verdict.passed for s, v in zip(table.samples, verdicts) if v.passed
    ]
    print(f'{kind:<15}{clustering!s:<15}passes {len(passing)} of'
          f' {len(verdicts)} at {verifier.threshold:g}, of these'
          f' {sum(passing) / max(1, len(passing)):.3f} right')
  print('* the best on half of the templates, measured on the other half')
  return values


def spread(items: Sequence[types.Problem], limit: int) -> list[types.Problem]:
  """Takes evenly spaced items."""
  count = min(limit, len(items))
  return [items[i * len(items) // count] for i in range(count)]


def make_kinds(
    model: weights.Model, decoder: decode.Decoder
) -> Iterator[tuple[str, Sequence[ensemble.Member]]]:
  """Yields the ensembles that the flags ask for."""
  key = jax.random.fold_in(jax.random.key(_SEED.value), 1)
  digest = snapshots.digest(model.params)
  common = dict(key=key, temperature=_TEMPERATURE.value)
  for kind in [*_KINDS.value, *([SNAPSHOTS] if _SNAPSHOTS.value else [])]:
    if kind == SAMPLES:
      yield kind, members_lib.samples(
          decoder, model.tokenizer, model.params, weights_digest=digest,
          draws=_SAMPLES.value, **common,
      )
    elif kind == PERTURBATIONS:
      yield kind, members_lib.perturbations(
          decoder, model.tokenizer, model.params, weights_digest=digest,
          count=_SAMPLES.value, size=_SIZE.value, **common,
      )
    else:
      loads = {
          snapshots.digest(load().params): lambda load=load: load().params
          for name in _SNAPSHOTS.value
          for load in [functools.partial(weights.load, name)]
      }
      yield kind, members_lib.snapshots(
          decoder, model.tokenizer, loads,
          draws=-(-_SAMPLES.value // len(loads)), **common,
      )


def main(argv):
  del argv
  model = weights.load(_MODEL.value)
  params = jax.tree.map(jax.numpy.asarray, model.params)
  model = dataclasses.replace(model, params=params)
  print(f'{model.name}, {_SAMPLES.value} answers an ensemble,'
        f' {_CANDIDATES.value} candidates a problem, temperature'
        f' {_TEMPERATURE.value:g}, perturbations of {_SIZE.value:g}, seed'
        f' {_SEED.value}, 95 % intervals over templates')
  settings = {
      'python_functions': (python_verifier.PythonVerifier().pool, 48, (
          agreement.Clustering('ast', program_tree),
          *(agreement.Clustering('code', program_text, overlap)
            for overlap in _OVERLAPS),
      )),
      'open_text': (References, 24, (
          agreement.Clustering(),
          *(agreement.Clustering(overlap=overlap) for overlap in _OVERLAPS),
      )),
  }
  first = None
  for name in _TASKS.value:
    make_truth, max_new_tokens, clusterings = settings[name]
    source = domains.load(name)
    day = source.split(_SEED.value)['day']
    problems = spread([p for p in day if p.reference], _PROBLEMS.value)
    stops = stopping.build_stop_table(
        model.tokenizer, source.stop_strings, source.column_zero,
        (model.tokenizer.eos_id,),
    )
    decoder = decode.Decoder(
        model.config, stops,
        decode.DecodeConfig(max_new_tokens=max_new_tokens),
        model.tokenizer.pad_id,
    )
    with contextlib.closing(make_truth()) as truth:
      table = judged(
          decoder, model, problems, truth, candidates=_CANDIDATES.value,
          temperature=_TEMPERATURE.value, seed=_SEED.value,
      )
    print(f'\n{name}, truth: {truth.name}')
    values = report(table, problems, make_kinds(model, decoder), clusterings)
    first = values[0] if first is None else first
  print(f'ratio {first / 0.5:.2f}')


if __name__ == '__main__':
  app.run(main)
