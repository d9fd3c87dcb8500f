"""Failed programs as answers to other problems and to their own tables."""

# pylint: disable=eval-used
import numpy as np
import pytest

from swm_jax import tokenization
from swm_jax import types
from swm_jax.rem import hindsight
from swm_jax.samplers import stopping
from swm_jax.verifiers import python

TOKENIZER = tokenization.byte_tokenizer()
STOPS = stopping.build_stop_table(
    TOKENIZER, column_zero=True, stop_tokens=(TOKENIZER.eos_id,)
)


def problem(name, arguments, reference, inputs):
  function = eval(f'lambda {arguments}: {reference}')
  return types.Problem(
      id=f't/{name}/0', type='t', template=name,
      prompt=f'```python\n# {name}\ndef {name}({arguments}):',
      entry_point=name,
      tests=tuple((args, function(*args)) for args in inputs),
      reference=f'def {name}({arguments}):\n    return {reference}\n',
  )


LISTS = [([3, 1],), ([2, 2, 5],), ([4],), ([9, 0, 7],), ([1, 2],), ([6, 3],),
         ([8, 8],), ([5],), ([0, 1, 2, 4],)]
LARGEST = problem('largest', 'a', 'max(a)', LISTS)
SMALLEST = problem('smallest', 'values', 'min(values)', LISTS)
TOTAL = problem('total', 'a', 'sum(a)', LISTS)
ANY = problem('any_large', 'a', 'max(a) > 4', LISTS)
COPY = problem('copy', 'a', 'a', LISTS)
POWER = problem('power', 'x, y', 'x ** y', [
    (2, 3), (3, 2), (1, 4), (5, 1), (2, 5), (4, 2), (7, 0), (2, 2),
])
TIMES = problem('times', 'n, m', 'n * m', [
    (2, 3), (3, 7), (1, 4), (5, 1), (2, 5), (4, 2), (7, 0), (2, 9),
])
DAY = {
    p.id: p for p in (LARGEST, SMALLEST, TOTAL, ANY, COPY, POWER, TIMES)
}


def record(asked, body, reason='wrong_answer', origin='sample'):
  text = f'\n    {body}'
  return {
      'problem': asked.id, 'text': text, 'origin': origin, 'stopped': True,
      'tokens': np.array(TOKENIZER.encode(f'{text}\n`'), np.int32),
      'verdict': {
          'status': types.PASS if reason == 'passed' else types.FAIL,
          'reason': reason,
      },
  }


@pytest.fixture(scope='module')
def interpreter():
  with python.Interpreter() as made:
    yield made


@pytest.fixture(scope='module')
def verifier():
  with python.PythonVerifier().pool(1) as pool:
    yield pool


@pytest.fixture
def relabel(interpreter, verifier):

  def search(records, targets, per_problem=4, max_trials=100):
    return hindsight.relabel(
        DAY, records, targets, tokenizer=TOKENIZER, stop_table=STOPS,
        interpreter=interpreter, verifier=verifier, per_problem=per_problem,
        max_trials=max_trials,
    )

  return search


def test_a_failure_answers_another_problem_under_its_names(relabel):
  search = relabel([record(LARGEST, 'return min(a)')], list(DAY.values()))
  [answer] = search.answers
  assert answer.problem == SMALLEST
  assert answer.text == '\n    return min(values)'
  assert answer.origin == 'hindsight'
  assert answer.verdict.passed
  # Up to the byte of the closing fence that is in column 0.
  assert TOKENIZER.decode(answer.tokens) == '\n    return min(values)\n`'
  # SMALLEST and TOTAL; others say little, are its own, or take two arguments.
  assert (search.programs, search.trials, search.hits) == (1, 2, 1)


def test_arguments_match_by_position(relabel):
  search = relabel([record(TIMES, 'return n ** m')], [POWER])
  assert [a.text for a in search.answers] == ['\n    return x ** y']
  assert not relabel([record(TIMES, 'return m ** n')], [POWER]).answers


def test_a_hit_on_the_probes_is_not_yet_an_answer(relabel):
  # Right on the two probes of SMALLEST, the lists [3, 1] and [2, 2, 5].
  body = 'return min(a) if max(a) in (3, 5) else 99'
  search = relabel([record(LARGEST, body)], [SMALLEST])
  assert (search.hits, search.answers) == (1, [])


def test_equal_programs_are_tried_once_and_answer_once(relabel):
  records = [
      record(LARGEST, 'return min(a)'),
      record(LARGEST, 'return min( a )  # least'),
      record(TOTAL, 'return min(a)'),
      record(TOTAL, 'return sorted(a)[0]'),
  ]
  search = relabel(records, [SMALLEST])
  assert search.programs == 3
  assert [a.text for a in search.answers] == [
      '\n    return min(values)', '\n    return sorted(values)[0]',
  ]
  assert len(relabel(records, [SMALLEST], per_problem=1).answers) == 1
  assert relabel(records, [SMALLEST], max_trials=1).trials == 1


@pytest.mark.parametrize('entry', [
    record(LARGEST, 'return min(a)', 'passed'),
    record(LARGEST, 'return min(a)', 'syntax'),
    record(LARGEST, 'return min(a)', origin='hint'),
])
def test_only_own_draws_that_ran_and_failed_are_tried(relabel, entry):
  assert relabel([entry], [SMALLEST]).trials == 0


@pytest.mark.parametrize('text, expected', [
    ('\n    return f(a[1:])', '\n    return g(x[1:])'),
    ('\n    é = "é"; return a', '\n    é = "é"; return x'),
    ('\n    # a\n    return len(b)  # of a\n', '\n\n    return len(a)'),
    ('\n    return "a # b", a', '\n    return "a # b", x'),
    ('\n    return f"{a}!"', '\n    return f"{x}!"'),
    ('\n    "Return a."\n    return a', None),
])
def test_renaming_leaves_all_else_but_comments(text, expected):
  asked = problem('f', 'a, b', 'a', [(1, 2)])
  names = {'f': 'g', 'a': 'x', 'b': 'a'}
  assert hindsight.rename(asked, text, names) == expected


@pytest.fixture
def tables(interpreter):

  def make(records, per_problem=4, rows=3, **kwargs):
    return hindsight.tables(
        DAY, records, tokenizer=TOKENIZER, stop_table=STOPS,
        interpreter=interpreter, per_problem=per_problem, rows=rows, **kwargs,
    )

  return make


def test_a_failure_answers_its_own_table(tables, verifier):
  entry = record(LARGEST, 'return a[-1]')
  [answer] = tables([entry])
  # Four rows tell the last item from the largest, [3, 1], [9, 0, 7], [6, 3] and
  # none other: the longest. Then the longest with new answers.
  assert answer.problem.prompt == (
      '```python\n'
      '# table([2, 2, 5]) == 5\n'
      '# table([9, 0, 7]) == 7\n'
      '# table([0, 1, 2, 4]) == 4\n'
      'def table(a):'
  )
  assert answer.problem.tests == tuple(
      ((a,), a[-1]) for (a,) in LISTS
      if a not in ([2, 2, 5], [9, 0, 7], [0, 1, 2, 4])
  )
  assert answer.problem.id.startswith('behaviour/largest.0/')
  assert answer.problem.reference == ''  # nobody may run it unconfined
  assert (answer.text, answer.origin) == (entry['text'], 'behaviour')
  assert answer.tokens == tuple(entry['tokens'])
  program = answer.problem.program(answer.text)
  assert verifier.verify(answer.problem, program).passed


def test_rows_are_shown_that_tell_behaviours_of_the_log_apart(tables):
  bodies = ['return a[-1]', 'return a[len(a) // 2]']
  one, other = tables([record(LARGEST, body) for body in bodies])
  for answer, body in ((one, bodies[1]), (other, bodies[0])):
    rival = eval(f'lambda a: {body.removeprefix("return ")}')
    shown = [
        line.removeprefix('# table').partition(' == ')
        for line in answer.problem.prompt.splitlines() if ' == ' in line
    ]
    assert any(
        rival(eval(args)) != eval(value) for args, _, value in shown
    )


@pytest.mark.parametrize('asked, body', [
    (LARGEST, 'return a'),
    (LARGEST, 'return len(a) > 1'),
    (LARGEST, 'return set(map(str, a))'),  # text of sets differs by process
    (LARGEST, '"""The largest."""; return a[-1]'),
    (TOTAL, 'return a[3]'),  # too few rows without an exception
])
def test_tables_that_say_little_are_refused(tables, asked, body):
  assert not tables([record(asked, body)])


def test_equal_behaviours_are_one_table(tables):
  records = [
      record(LARGEST, body) for body in (
          'return a[-1]', 'return a[len(a) - 1]', 'return sum(a) + 1'
      )
  ]
  assert [a.text for a in tables(records)] == [
      '\n    return a[-1]', '\n    return sum(a) + 1',
  ]
  assert len(tables(records, per_problem=1)) == 1


def test_a_table_of_what_is_evaluated_is_refused(tables):
  entry = record(LARGEST, 'return min(a)')
  assert tables([entry])
  assert not tables([entry], forbidden=[SMALLEST])
