"""The dreamer writes programs and inputs; the interpreter says what is true."""

from collections.abc import Iterable, Sequence
from concurrent import futures
from typing import Any

import jax
import numpy as np

from swm_jax import agreement
from swm_jax import types
from swm_jax.data import trajectory_log
from swm_jax.rem.proposals import prompts
from swm_jax.rem.proposals import proposal as proposal_lib
from swm_jax.rem.proposals import validity
from swm_jax.samplers import decode
from swm_jax.samplers import rollout
from swm_jax.tasks import signatures
from swm_jax.verifiers import base
from swm_jax.verifiers import python as python_verifier

_EXAMPLES = 3  # programs shown before a new one, where they fit
_CALL_EXAMPLES = 2  # programs with calls shown before those of a new one
_CALL_SAMPLES = 2  # drawn for each program
_SECOND_INT = 0.25  # of functions of one argument that get an int besides
_LIMITS = base.Limits(cpu_seconds=1.0, wall_seconds=4.0)  # of all calls


class _Unjudged:
  """Stands for a verifier where a program is to be run, not judged."""

  name, version, isolation = 'none', '0', 'none'

  def submit(
      self, problem: types.Problem, source: str
  ) -> futures.Future[types.Verdict]:
    del problem, source
    future = futures.Future()
    future.set_result(
        base.make_verdict(self, types.ERROR, 'tool_missing')
    )
    return future


def seeds_of(
    problems: Iterable[types.Problem],
    records: Iterable[trajectory_log.Record],
) -> list[prompts.Seed]:
  """Returns the distinct Python programs that the verifier confirmed.

  Args:
    problems: those of the records at least.
    records: of wake or REM.
  """
  by_id = {problem.id: problem for problem in problems}
  found = []
  for entry in records:
    problem = by_id[entry['problem']]
    if entry['verdict']['status'] == types.PASS and problem.domain == 'python':
      found.append(prompts.seed(problem, entry['text']))
  return prompts.distinct([one for one in found if one is not None])


def seed_of(proposal: proposal_lib.Proposal) -> prompts.Seed:
  """Makes a valid proposal a seed of later ones."""
  inputs = tuple(args for args, _ in proposal.pairs)
  return prompts.Seed(
      proposal.id, prompts.NAME, proposal.source, proposal.types, inputs
  )


def propose(
    decoder: decode.Decoder,
    params: Any,
    tokenizer: Any,
    verifiers: Any,
    seeds: Sequence[prompts.Seed],
    *,
    count: int,
    key: jax.Array,
    prefix: str,
    known: validity.Known,
    temperature: float = 0.8,
    progress: str | None = None,
) -> list[proposal_lib.Proposal]:
  """Has the dreamer write programs and inputs, and the interpreter run them.

  With several processes a collective with one result. The result depends on
  the arguments alone, so that a continued night may propose again, or read
  what it has on disk.

  Args:
    decoder: stops at column 0; prompts that do not fit show fewer programs.
    params: of the dreamer.
    tokenizer: of the model.
    verifiers: running; its isolation level is that of the programs.
    seeds: programs to show, with distinct ids.
    count: programs to write.
    key: of all choices and samples.
    prefix: of the ids, unique to the round.
    known: what proposals must differ from; extended by the valid ones.
    temperature: of programs and inputs.
    progress: label of a progress bar, None is none.

  Returns:
    All proposals in the order of their ids, those refused too.

  Raises:
    ValueError: there is no seed.
  """
  if not seeds:
    raise ValueError(
        'nothing to show to the proposer; it needs a program that wake verified'
    )
  key_program, key_calls, key_choice = jax.random.split(key, 3)
  rng = np.random.default_rng(
      np.asarray(jax.random.key_data(key_choice)).ravel().tolist()
  )
  length = lambda text: len(tokenizer.encode(text))
  limit = decoder.config.max_prompt

  def ask(asked, samples, key):
    trajectories, drawn = rollout.rollout(
        decoder, params, tokenizer, asked, _Unjudged(),
        plan=((temperature, samples),), key=key, progress=progress,
    )
    return drawn, [
        tuple(int(t) for t in row[mask])
        for row, mask in zip(trajectories.tokens, trajectories.mask)
    ]

  asked, plans = [], []
  for number in range(count):
    kinds, examples = _choose(seeds, rng)
    names = prompts.argument_names(kinds)
    prompt, shown = prompts.fitted(
        lambda some: prompts.program_prompt(some, kinds, names),
        examples, length, limit,
    )
    asked.append(_question(f'{prefix}/{number}', prompt))
    plans.append((kinds, names, tuple(one.id for one in shown)))
  drawn, tokens = ask(asked, 1, key_program)
  sources = [
      prompts.definition(
          f'def {prompts.NAME}({names}):{sample.text}\n', prompts.NAME
      ) or ''
      for sample, (_, names, _) in zip(drawn, plans)
  ]

  # Arguments are asked for where a program may be of use at all.
  questions = {}
  for number, (source, (kinds, names, _)) in enumerate(zip(sources, plans)):
    arity = len(kinds)
    if source and validity.static_reason(source, arity) == validity.VALID:
      alike = [one for one in seeds if one.types == kinds]
      prompt, _ = prompts.fitted(
          lambda some: prompts.calls_prompt(some, source),
          _draw(alike or seeds, _CALL_EXAMPLES, rng), length, limit,
      )
      if prompt is not None:
        questions[number] = _question(f'{prefix}/{number}/calls', prompt)
  calls, call_tokens = {}, {}
  if questions:
    samples, spent = ask(list(questions.values()), _CALL_SAMPLES, key_calls)
    order = np.repeat(list(questions), _CALL_SAMPLES).tolist()
    for number, sample, ids in zip(order, samples, spent):
      calls.setdefault(number, []).extend(
          prompts.read_calls(sample.text, plans[number][0])
      )
      call_tokens[number] = call_tokens.get(number, 0) + len(ids)

  def examine():
    with python_verifier.Interpreter(verifiers.isolation, _LIMITS) as it:
      return [
          _examine(source, kinds, calls.get(number, []), known, it)
          for number, (source, (kinds, _, _)) in enumerate(zip(sources, plans))
      ]

  proposals = []
  for number, (finding, written) in enumerate(agreement.by_first(examine)):
    kinds, names, shown = plans[number]
    if finding.reason == validity.VALID:  # The first process knows it already.
      known.add(finding.form, finding.behaviour)
    proposals.append(proposal_lib.Proposal(
        id=asked[number].id,
        prompt=asked[number].prompt,
        tokens=tokens[number],
        names=names,
        types=kinds,
        seeds=shown,
        source=sources[number],
        reason=finding.reason,
        pairs=finding.pairs,
        written=written,
        call_tokens=call_tokens.get(number, 0),
        form=finding.form,
        behaviour=finding.behaviour,
    ))
  return proposals


def _choose(seeds, rng):
  """Draws the argument types of a new function, and programs to show."""
  signatures_ = sorted({one.types for one in seeds})
  kinds = signatures_[rng.integers(len(signatures_))]
  alike = [one for one in seeds if one.types == kinds]
  # Last what is most alike: it is what a small model goes by.
  examples = _draw(seeds, _EXAMPLES - 1, rng)
  examples = [*examples, *(
      one for one in _draw(alike, 1, rng) if one not in examples
  )]
  if len(kinds) == 1 and rng.random() < _SECOND_INT:
    kinds = (*kinds, 'int')
  return kinds, examples


def _draw(items, count, rng):
  picked = rng.permutation(len(items))[:count]
  return [items[index] for index in picked]


def _question(name: str, prompt: str) -> types.Problem:
  return types.Problem(
      id=name, type='proposal', template=name, prompt=prompt,
      entry_point=prompts.NAME,
  )


def _examine(source, kinds, written, known, interpreter):
  """Returns the finding and how many of its pairs the dreamer wrote."""
  if not source:
    return validity.Finding('form'), 0
  inputs = written[: validity.MAX_PAIRS]
  if len(inputs) < validity.MAX_PAIRS:
    inputs = inputs + signatures.draw(kinds, validity.MAX_PAIRS, 'inputs')
  finding = validity.examine(source, kinds, inputs, known, interpreter)
  if finding.reason == validity.VALID:
    known.add(finding.form, finding.behaviour)
  own = sum(args in written for args, _ in finding.pairs)
  return finding, own
