"""Self-proposed problems: what is refused, what is asked, what is kept."""

import dataclasses
import json
import types as python_types

import jax
import numpy as np
import pytest

from swm_jax import types
from swm_jax.rem import proposals
from swm_jax.rem.proposals import literals
from swm_jax.rem.proposals import prompts
from swm_jax.rem.proposals import validity
from swm_jax.samplers import stopping
from swm_jax.tasks import signatures
from swm_jax.verifiers import base
from swm_jax.verifiers import python
from tests.nightly import scripted

LIST_INT = ('list[int]', 'int')


@pytest.fixture(scope='module')
def interpreter():
  with python.Interpreter(limits=base.Limits(cpu_seconds=0.5)) as it:
    yield it


@pytest.fixture(scope='module')
def pool():
  with python.PythonVerifier().pool(1) as running:
    yield running


# --- Validity ---


def examine(interpreter, body, kinds=LIST_INT, known=None, source=None):
  names = prompts.argument_names(kinds)
  return validity.examine(
      source or f'def f({names}):\n    {body}\n', kinds,
      signatures.draw(kinds, 12, 'x'), known or proposals.Known(), interpreter,
  )


@pytest.mark.parametrize('body, reason', [
    ('return [x for x in a if x > n]', 'valid'),
    ('import math\n    return [math.gcd(x, n) for x in a]', 'valid'),
    ('return [x for x in a', 'form'),
    ('return a + [n]\n\nf = len', 'form'),
    ('s = """\n```\n"""\n    return [s, a, n]', 'form'),
    ('import os\n    return os.listdir(a[n])', 'outside'),
    ('import random\n    return a + [random.random(), n]', 'outside'),
    ('return [id(a), n]', 'outside'),
    ('return a.__class__(n)', 'outside'),
    ('print(a)\n    return n', 'outside'),
    ('return sorted(a)', 'unused'),
    ('n = 2\n    return a[:n]', 'ignored'),
    ('return a + n', 'fails'),
    ('return (a[0], n)[7]', 'fails'),
    ('while a or n or 1: pass', 'fails'),
    ('return [x + n for x in a] * 40', 'answers'),
    ('return float("inf") if n % 2 else sum(a)', 'answers'),
    ('return frozenset(a) | {n}', 'answers'),
    ('return len(a) + n > -1000', 'constant'),
    ('return a if n < 99 else []', 'identity'),
    ('return n if a != [1] else 0', 'identity'),
    ('return sum(a) + 0 * n', 'ignored'),
])
def test_what_is_refused(interpreter, body, reason):
  finding = examine(interpreter, body)
  assert finding.reason == reason
  assert finding.reason in proposals.REASONS
  assert bool(finding.pairs) == (reason == 'valid')


def test_arguments_must_be_as_asked(interpreter):
  for header in ('a', 'a, n=1', 'a, *n', 'a, *, n', '**a'):
    source = f'def f({header}):\n    return a\n'
    assert examine(interpreter, '', source=source).reason == 'form'


def test_pairs_are_what_the_interpreter_says(interpreter):
  finding = examine(interpreter, 'return [x for x in a if x > n]')
  assert validity.MIN_PAIRS <= len(finding.pairs) <= validity.MAX_PAIRS
  for (a, n), value in finding.pairs:
    assert value == [x for x in a if x > n]


def test_earlier_programs_are_known_by_form_and_by_behaviour(interpreter):
  known = proposals.Known()
  first = examine(interpreter, 'return [x for x in a if x > n]')
  known.add(first.form, first.behaviour)
  twin = examine(interpreter, 'return [y for y in a if y > n]', known=known)
  assert twin.reason == 'seen_form'
  like = examine(interpreter, 'return [*filter(lambda y: y > n, a)]',
                 known=known)
  assert like.reason == 'seen_behaviour'
  other = examine(interpreter, 'return [x for x in a if x >= n]', known=known)
  assert other.reason == 'valid'


def test_references_of_the_day_are_known(interpreter):
  reference = types.Problem(
      't/0', 't', 'above', '', 'above', [(([1], 2), [])],
      reference='def above(a, n):\n    return [x for x in a if x > n]\n',
  )
  known = proposals.known_of([reference], interpreter)
  like = examine(interpreter, 'return [*filter(lambda y: y > n, a)]',
                 known=known)
  assert like.reason == 'seen_behaviour'


def test_a_dead_interpreter_says_nothing_of_the_program():
  class Dead:

    def answers(self, source, name, inputs):
      del source, name
      return [python.Answer('worker_died')] * len(inputs)

  assert examine(Dead(), 'return a + [n]').reason == 'no_interpreter'


def test_two_runs_must_agree():
  class Unstable:
    calls = 0

    def answers(self, source, name, inputs):
      del source, name
      self.calls += 1
      return [python.Answer('passed', [self.calls, i]) for i in range(
          len(inputs))]

  assert examine(Unstable(), 'return a + [n]').reason == 'unstable'


# --- Prompts ---


def test_literals_are_the_same_text_in_every_process():
  value = ({'b', 'a', 'c'}, {'k': [1.5, None]}, (2,), set())
  text = literals.text(value)
  assert text == "({'a', 'b', 'c'}, {'k': [1.5, None]}, (2,), set())"
  assert literals.exact(value)
  assert not literals.exact(float('nan')) and not literals.exact(frozenset())


def test_calls_are_read_where_they_are_calls_of_the_right_types():
  text = (
      '\n    f([1, 2], 3)\n    f([], 0)\n    g([1], 1)\n    f([1.5], 2)\n'
      '    f([1], n)\n    f([1])\n    f(a=[1], n=2)\n    x = f([4], 4)\n'
      '    f([1], sorted([2]))\n    f([9'
  )
  assert prompts.read_calls(text, LIST_INT) == [([1, 2], 3), ([], 0)]


def test_a_seed_is_the_definition_without_the_words_of_its_problem():
  problem = types.Problem(
      't/0', 't', 'take', '```python\n# secret words\ndef take(a, n):', 'take',
      [(([1], 2), [1])],
  )
  seed = proposals.seed(problem, '\n    return a[:n]')
  assert seed.source == 'def take(a, n):\n    return a[:n]\n'
  assert seed.types == LIST_INT
  prompt = prompts.program_prompt([seed], ('str',), 's')
  assert prompt == (
      '```python\n# a: list[int], n: int\ndef take(a, n):\n    return a[:n]\n\n'
      '# s: str\ndef f(s):'
  )
  assert prompts.calls_prompt([seed], 'def f(s):\n    return s * 2\n') == (
      '```python\ndef f(a, n):\n    return a[:n]\n\ndef calls():\n'
      '    f([1], 2)\n\ndef f(s):\n    return s * 2\n\ndef calls():'
  )
  assert proposals.seed(problem, '\n    return a\nprint(1)') is None


def test_as_many_examples_are_shown_as_fit():
  make = lambda some: ''.join(some) + 'end'
  assert prompts.fitted(make, ['aaaa', 'bb'], len, 9) == (
      'aaaabbend', ['aaaa', 'bb']
  )
  assert prompts.fitted(make, ['aaaa', 'bb'], len, 8) == ('bbend', ['bb'])
  assert prompts.fitted(make, ['aaaa', 'bb'], len, 2) == (None, ())


# --- Tasks ---

PAIRS = tuple(
    (([3, n], n), [x for x in (3, n) if x > n - 1]) for n in range(9)
)
PROPOSAL = proposals.Proposal(
    id='n0/7', prompt='p', tokens=(1, 2), names='a, n', types=LIST_INT,
    seeds=('t/0',),
    source='def f(a, n):\n    return [x for x in a if x >= n]\n',
    reason='valid', pairs=PAIRS, written=3, call_tokens=5, form='',
    behaviour='',
)


def test_references_solve_their_tasks_and_nothing_shown_does(pool):
  tasks = proposals.tasks(PROPOSAL)
  assert [t.type for t in tasks] == [
      'proposed_deduction', 'proposed_abduction', 'proposed_induction'
  ]
  for task in tasks:
    assert task.id == f'n0/7/{task.type.removeprefix("proposed_")}'
    right = task.program(task.reference_completion)
    # Comments of the prompt are no part of a reference.
    assert right.strip().endswith(task.reference.strip())
    assert pool.verify(task, right).passed
    assert not pool.verify(task, task.program('')).passed


def test_the_value_asked_for_is_not_in_the_prompt_of_a_deduction():
  task = proposals.tasks(PROPOSAL)[0]
  last = task.prompt.split('\n')[-1]
  assert last.startswith('assert f(') and last.endswith(' ==')
  # Every worked pair is another one.
  assert task.prompt.count(last) == 1


@pytest.mark.parametrize('kind, text', [
    (0, ' f([3, 0], 0)'),
    (0, ' [x for x in [3, 0] if x >= 0]'),
    (0, ' type("", (), {"__eq__": lambda *_: True})()'),
    (1, 'f'),
    (1, '*([3, 0], 0))'),
    (1, '[3, 0], 0) or f([3, 0], 0)'),
    (2, '\n    raise SystemExit(0)'),
    (2, '\n    class A(list):\n        __eq__ = lambda *_: True\n'
        '    return A()'),
    (2, '\n    import gc\n    return gc.get_objects()'),
])
def test_cheats_are_refused(pool, kind, text):
  task = proposals.tasks(PROPOSAL)[kind]
  assert pool.verify(task, task.program(text)).status == types.FAIL


def test_a_table_of_the_shown_pairs_is_no_induction(pool):
  task = proposals.tasks(PROPOSAL)[2]
  shown = [line for line in task.prompt.split('\n') if line[:4] == '# f(']
  assert 3 <= len(shown) < len(task.tests) - 3
  table = {
      literals.arguments(args): value for args, value in PAIRS[: len(shown)]
  }
  text = (
      f'\n    table = {table!r}\n'
      '    return table[repr(a) + ", " + repr(n)]'
  )
  assert pool.verify(task, task.program(text)).reason == 'exception'
  whole = {literals.arguments(args): value for args, value in PAIRS}
  assert pool.verify(
      task, task.program(text.replace(repr(table), repr(whole)))
  ).passed


def test_a_refused_proposal_has_no_tasks():
  assert not proposals.tasks(dataclasses.replace(PROPOSAL, reason='constant'))


# --- Records ---


def test_what_is_durable_is_the_same_again(tmp_path):
  pairs = ((({'b', 'a'}, (1, 2.5)), {'k': [None]}), (([], ()), {1: b'x'}))
  other = dataclasses.replace(PROPOSAL, pairs=pairs, id='n0/8')
  refused = dataclasses.replace(PROPOSAL, reason='form', pairs=(), source='')
  proposals.write(tmp_path, 3, [PROPOSAL, other, refused])
  assert proposals.read(tmp_path, 3) == [PROPOSAL, other, refused]
  assert proposals.read(tmp_path, 4) is None
  lines = (tmp_path / 'proposals_0003.jsonl').read_text().splitlines()
  assert json.loads(lines[0])['signature'] == '(list[int], int) -> list[int]'


def test_the_proposer_earns_most_for_even_odds(tmp_path):
  assert [proposals.reward(p) for p in (0, 0.25, 0.5, 1)] == [0, 0.75, 1, 0]
  counts = {
      'n0/7/deduction': (2, 8), 'n0/7/abduction': (0, 8),
      'n0/7/induction': (0, 0),
  }
  refused = dataclasses.replace(PROPOSAL, id='n0/9', reason='form')
  untried = dataclasses.replace(PROPOSAL, id='n0/10')
  found = proposals.scores([PROPOSAL, refused, untried], counts)
  assert [(s.kind, s.rate, s.learnable) for s in found] == [
      ('deduction', 0.25, True), ('abduction', 0.0, False)
  ]
  assert proposals.rewards([PROPOSAL, refused, untried], found) == {
      'n0/7': (0.75 + 0) / 2, 'n0/9': 0.0
  }
  proposals.write_scores(tmp_path, 0, found)
  lines = (tmp_path / 'scores_0000.jsonl').read_text().splitlines()
  first = json.loads(lines[0])
  assert (first['difficulty'], first['reward']) == (0.75, 0.75)


# --- Proposing ---


class Author:
  """A decoder that writes one of a few programs, and calls, by its key."""

  PROGRAMS = (
      '\n    return [x * 2 for x in a]\n', '\n    return a\n',
      '\n    return a[::-1] + [len(a)]\n', '\n    return (\n',
  )
  CALLS = '\n    f([4, 5])\n    f([6])\n'

  def __init__(self, max_prompt=400):
    self.config = python_types.SimpleNamespace(max_prompt=max_prompt)
    self.stop_table = stopping.build_stop_table(
        scripted.TOKENIZER, column_zero=True,
        stop_tokens=(scripted.TOKENIZER.eos_id,),
    )

  def __call__(
      self, params, asked, prompt_index_B, temperature_B, keys_B, *,
      perturb=None, on_finished=None,
  ):
    del params, perturb
    rows = []
    for index, key in zip(prompt_index_B, jax.random.key_data(keys_B)):
      assert len(asked[index]) <= self.config.max_prompt
      last = scripted.TOKENIZER.decode(asked[index]).split('\n')[-1]
      text = self.PROGRAMS[int(key[1]) % len(self.PROGRAMS)]
      if last == 'def calls():':
        text = self.CALLS
      rows.append(scripted.TOKENIZER.encode(text) + [scripted.TOKENIZER.eos_id])
      on_finished(len(rows) - 1, rows[-1])
    width = max(map(len, rows))
    return python_types.SimpleNamespace(
        tokens=np.array([row + [0] * (width - len(row)) for row in rows]),
        mask=np.array([[i < len(row) for i in range(width)] for row in rows]),
    )


SEEDS = [
    prompts.Seed('t/0', 'total', 'def total(a):\n    return sum(a)\n',
                 ('list[int]',), (([1, 2],), ([3],))),
    prompts.Seed('t/1', 'last', 'def last(a):\n    return a[-1]\n',
                 ('list[int]',), (([1],),)),
]


def propose(pool, count=8, key=0, known=None, **options):
  return proposals.propose(
      Author(**options), {}, scripted.TOKENIZER, pool, SEEDS, count=count,
      key=jax.random.key(key), prefix='n0', known=known or proposals.Known(),
  )


def test_proposals_are_programs_with_what_they_return(pool):
  known = proposals.Known()
  found = propose(pool, known=known)
  assert [one.id for one in found] == [f'n0/{i}' for i in range(8)]
  valid = [one for one in found if one.valid]
  assert valid and len(valid) == len(known.forms)
  assert {one.reason for one in found} <= set(proposals.REASONS)
  # One program is valid once.
  assert len({one.source for one in valid}) == len(valid) < len(found)
  for one in valid:
    assert one.seeds and set(one.seeds) <= {'t/0', 't/1'}
    if one.types == ('list[int]',):
      assert [args for args, _ in one.pairs[:2]] == [([4, 5],), ([6],)]
      assert one.written == 2 and one.call_tokens > 0
    for task in proposals.tasks(one):
      right = task.program(task.reference_completion)
      assert pool.verify(task, right).passed


def test_proposals_depend_on_the_key_alone(pool):
  first = propose(pool, count=4)
  assert propose(pool, count=4) == first
  assert propose(pool, count=4, key=1) != first


def test_what_is_known_is_not_proposed_again(pool):
  known = proposals.Known()
  propose(pool, known=known)
  again = propose(pool, known=known)
  assert not any(one.valid for one in again)


def test_a_short_prompt_shows_fewer_programs(pool):
  assert all(len(one.seeds) < 2 for one in propose(pool, max_prompt=90))


def test_nothing_verified_is_nothing_to_show(pool):
  with pytest.raises(ValueError, match='nothing to show'):
    proposals.propose(
        Author(), {}, scripted.TOKENIZER, pool, [], count=1,
        key=jax.random.key(0), prefix='n0', known=proposals.Known(),
    )


def test_seeds_are_the_verified_records_once():
  problem = dataclasses.replace(
      scripted.problem('one'), tests=(((1,), 1),)
  )
  entry = lambda text, status: {
      'problem': problem.id, 'text': text, 'verdict': {'status': status},
  }
  found = proposals.seeds_of([problem], [
      entry('\n    return a', types.PASS),
      entry('\n    return (a)', types.PASS),
      entry('\n    return -a', types.FAIL),
  ])
  assert [one.source for one in found] == ['def one(a):\n    return a\n']
