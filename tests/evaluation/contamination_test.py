"""Tests of the contamination audit."""

import dataclasses
import json
import textwrap

from absl.testing import absltest
from absl.testing import parameterized

from swm_jax import types
from swm_jax.evaluation import contamination
from swm_jax.tasks.python_functions import catalog


def _problem(name, description, body, arguments='a', kind='list'):
  header = f'def {name}({arguments}):'
  return types.Problem(
      id=f'{kind}/{name}/0',
      type=kind,
      template=name,
      prompt=f'```python\n# {description}\n{header}',
      entry_point=name,
      tests=(((1,), 1),),
      reference=f'{header}\n{textwrap.indent(body, "    ")}\n',
  )


_Error = contamination.ContaminationError
_HELD_OUT = _problem(
    'keep_above',
    'Given a list of integers a, return a list of the elements greater than 3.',
    'return [x for x in a if x > 3]',
)
_DAY = _problem(
    'sum_evens',
    'Given a list of integers a, return the sum of the even elements.',
    'return sum(x for x in a if x % 2 == 0)',
)


def _audit(trained, evaluated=(_HELD_OUT,)):
  return contamination.audit(
      [contamination.from_problem(p) for p in trained],
      [contamination.from_problem(p) for p in evaluated],
  )


class ProblemTest(parameterized.TestCase):

  def test_different_problems_pass_with_a_report_of_what_was_compared(self):
    report = _audit([_DAY, _DAY])
    self.assertEqual(
        report['trained'],
        {
            'problems': 1, 'proposed': 0, 'sampled': 0, 'texts': 0,
            'unparsable': 0,
        },
    )
    self.assertEqual((report['evaluated'], report['hits']), (1, 0))
    json.dumps(report)

  @parameterized.named_parameters(
      ('itself', {}, 'template'),
      ('other_parameters', dict(
          id='list/keep_above/1',
          prompt='# Something else altogether is asked for.\ndef f(a):',
          reference='def f(a):\n  return 0\n',
      ), 'template'),
      ('whitespace_and_case', dict(
          template='x',
          prompt='```python\n#  given a LIST of integers  a; return a list of\n'
                 '# the elements greater than 3\ndef keep_above(a):',
          reference='',
      ), 'description'),
      ('another_constant_in_the_description', dict(
          template='x', reference='',
          prompt=_HELD_OUT.prompt.replace('3', '-17'),
      ), 'description'),
      ('renamed_function_and_arguments', dict(
          template='x', reference='',
          prompt='# Given a list of integers values, return a list of the'
                 ' elements greater than 3.\ndef large(values):',
      ), 'description'),
      ('reference_with_other_names_and_words', dict(
          template='x', prompt='# Drop the small ones.\ndef large(values):',
          reference='def large(values: list) -> list:\n  """Doc."""\n'
                    '  return [value for value in values if value > 3]',
      ), 'reference'),
      ('reference_with_another_constant', dict(
          template='x', prompt='# Drop the small ones.\ndef large(values):',
          reference='def large(v):\n  return [y for y in v if y > 100]',
      ), 'constants'),
  )
  def test_a_copy_is_caught_and_the_pair_named(self, changes, rule):
    copy = dataclasses.replace(
        _HELD_OUT, **({'id': 'day/copy', 'type': 'list'} | changes)
    )
    with self.assertRaises(contamination.ContaminationError) as context:
      _audit([_DAY, copy])
    self.assertEqual(context.exception.hits, [(copy.id, _HELD_OUT.id, rule)])
    self.assertIn(copy.id, str(context.exception))
    self.assertIn(f'{_HELD_OUT.id} is evaluated', str(context.exception))

  @parameterized.named_parameters(
      ('another_aggregate',
       'Given a list of integers a, return the product of the even elements.',
       'p = 1\nfor x in a:\n  if x % 2 == 0:\n    p *= x\nreturn p'),
      ('a_condition_more',
       'Given a list of integers a, return a list of the elements greater than'
       ' 3, in ascending order.',
       'return sorted(x for x in a if x > 3)'),
      ('another_comparison_of_another_kind',
       'Given a list of integers a, return a list of the elements divisible by'
       ' 3.',
       'return [x for x in a if x % 3 == 0]'),
  )
  def test_a_sibling_of_the_same_type_is_no_copy(self, description, body):
    self.assertEqual(_audit([_problem('other', description, body)])['hits'], 0)

  def test_equal_constants_are_part_of_a_description(self):
    text = 'Given a string s, return s with every {} replaced by {} and every'
    text += ' {} replaced by {}.'
    make = lambda name, *constants: _problem(
        name, text.format(*map(repr, constants)), 'return 0', 's'
    )
    swap, again = make('swap', *'abba'), make('again', *'o--o')
    two = make('two', *'a4e3')
    self.assertEqual(_audit([swap], [two])['hits'], 0)
    with self.assertRaisesRegex(_Error, 'description'):
      _audit([swap], [again])

  def test_one_operation_idioms_are_listed_and_do_not_stop(self):
    day = _problem('count', 'How many elements does a have?', 'return len(a)')
    held_out = _problem(
        'count', 'Return the number of characters of s.', 'return len(s)', 's',
        kind='string',
    )
    report = _audit([day], [held_out])
    self.assertEqual(
        report['short_equal_references'],
        {'count': 1, 'pairs': [['list/count/0', 'string/count/0', 8]]},
    )
    self.assertEqual(report['equal_names']['count'], 1)

  def test_a_long_run_of_words_is_caught_inside_other_words(self):
    words = 'return the smallest element that is larger than the mean of all'
    words += ' elements which stand at an odd place of the list'
    held_out = _problem('smallest', f'Please {words}, or None.', 'return 0')
    day = _problem('other', f'Sort a, and then {words} now.', 'return 1')
    with self.assertRaisesRegex(_Error, 'by words'):
      _audit([day], [held_out])

  def test_a_long_run_of_code_is_caught_inside_other_code(self):
    loop = textwrap.dedent('''
        best = 0
        for i in range(len(a)):
          for j in range(i, len(a)):
            best = max(best, sum(a[i:j]))
    ''')
    held_out = _problem('run', 'The best sum of a run.', loop + 'return best')
    other = loop.replace('best', 'top') + 'return top / 2'
    day = _problem('half_run', 'Half of it.', other)
    with self.assertRaisesRegex(_Error, 'by code'):
      _audit([day], [held_out])

  def test_humaneval_docstrings_are_compared_without_doctests(self):
    prompt = (
        '```python\nfrom typing import List\n\n\ndef above(l: List[int]):\n'
        '    """{}\n    >>> above([1, 5])\n    [5]\n    """'
    )
    text = 'Return those elements of the list which are larger than three.'
    held_out = dataclasses.replace(_HELD_OUT, prompt=prompt.format(text))
    day = _problem('large', text, 'return 0', 'l')
    with self.assertRaisesRegex(_Error, 'description'):
      _audit([day], [held_out])

  def test_overlaps_returns_what_audit_stops_for(self):
    item = contamination.from_problem(_HELD_OUT)
    hits, report = contamination.overlaps([item], [item])
    self.assertEqual(hits, [(_HELD_OUT.id, _HELD_OUT.id, 'template')])
    self.assertEqual(report['hits'], 1)


class SampledTest(parameterized.TestCase):

  def _audit_program(self, source, problem=_DAY, evaluated=_HELD_OUT):
    return contamination.audit(
        [contamination.from_program(problem, source)],
        [contamination.from_problem(evaluated)],
    )

  def test_a_program_for_an_evaluated_problem_stops_the_night(self):
    with self.assertRaisesRegex(_Error, 'template'):
      self._audit_program('def f(a):\n  pass', problem=_HELD_OUT)

  def test_a_short_program_that_happens_to_be_a_reference_is_listed(self):
    report = self._audit_program(_HELD_OUT.reference.replace('a', 'b'))
    self.assertEqual(report['short_equal_programs']['count'], 1)
    self.assertEqual(report['trained']['sampled'], 1)

  def test_a_long_program_that_is_a_reference_stops_the_night(self):
    body = textwrap.dedent('''
        best = None
        for i in range(len(a)):
          for j in range(i + 1, len(a)):
            if best is None or a[j] - a[i] > best:
              best = a[j] - a[i]
        return best
    ''')
    held_out = _problem('gap', 'The largest rise.', body)
    with self.assertRaisesRegex(_Error, 'reference'):
      self._audit_program(
          held_out.reference.replace('best', 'top'), evaluated=held_out
      )

  def test_a_description_dreamt_in_a_comment_stops_the_night(self):
    description = _HELD_OUT.prompt.split('\n')[1]
    for source in (
        f'def f(a):\n  {description}\n  return [',  # Need not even parse.
        f'def f(a):\n  """{description[2:]}"""\n  return 0',
        f'def f(a):\n  return 0  {description.replace("3", "9")}',
    ):
      with self.assertRaisesRegex(_Error, 'description'):
        self._audit_program(source)

  def test_programs_that_do_not_parse_are_counted(self):
    report = self._audit_program('def f(a):\n  return [')
    self.assertEqual(report['trained']['unparsable'], 1)

  def test_plain_text_with_a_problem_in_it_stops_the_night(self):
    text = f'Some text.\n{_HELD_OUT.prompt}\n  return [x for x in a if x > 3]'
    evaluated = [contamination.from_problem(_HELD_OUT)]
    with self.assertRaisesRegex(_Error, 'notes.txt'):
      contamination.audit(
          [contamination.from_text('notes.txt', text)], evaluated
      )
    report = contamination.audit(
        [contamination.from_text('notes.txt', 'Call me Ishmael.')], evaluated
    )
    self.assertEqual(report['trained']['texts'], 1)

  def test_a_sampled_program_cannot_be_evaluated(self):
    with self.assertRaisesRegex(ValueError, 'only problems are evaluated'):
      contamination.audit([], [contamination.from_program(_DAY, 'pass')])


class SuiteTest(absltest.TestCase):

  def test_families_hold_everything_that_the_audit_calls_one_problem(self):
    # Problems of different families may fall on different sides of a split, so
    # that a pair found here would stop a night of some seed.
    problems = {problem.id: problem for problem in catalog.suite()}
    items = [contamination.from_problem(p) for p in problems.values()]
    hits, _ = contamination.overlaps(items, items)
    family = lambda problem_id: catalog.families()[
        problems[problem_id].type, problems[problem_id].template
    ]
    self.assertEqual([h for h in hits if family(h[0]) != family(h[1])], [])


_HEADER = 'module top(input a, input b, input c, output y);'


def _circuit(name, question, body):
  return types.Problem(
      id=f'gates/{name}/0', type='gates', template=name,
      prompt=f'Worked examples that all of them share.\n```verilog\n// {question}'
      f'\n{_HEADER}',
      question=question, domain='circuits',
      reference=f'{_HEADER}\n  {body}\nendmodule\n',
  )


_ALL_HIGH = _circuit(
    'all_high', 'y: a, b and c are high', 'assign y = a & b & c;'
)


class OtherDomainsTest(absltest.TestCase):

  def test_shared_examples_and_declarations_are_no_hit(self):
    other = _circuit('one_high', 'y: b or c is high', 'assign y = b | c;')
    self.assertEqual(_audit([other], [_ALL_HIGH])['hits'], 0)

  def test_the_same_question_stops_the_night_whatever_its_name(self):
    again = _circuit('and3', 'y: a, b and c are high', 'assign y = c & b & a;')
    with self.assertRaisesRegex(_Error, 'and3.*all_high.*by description'):
      _audit([again], [_ALL_HIGH])

  def test_the_same_long_reference_stops_the_night(self):
    body = 'assign y = a & b & c | ~a & ~b & ~c | a & ~b & c;'
    long = _circuit('long', 'y: as the table says', body)
    again = _circuit('again', 'y: another sentence', body + ' // same')
    with self.assertRaisesRegex(_Error, 'again.*long.*by reference'):
      _audit([again], [long])

  def test_a_short_answer_that_is_another_problem_is_natural(self):
    day = _circuit('day', 'y: a question of the day', 'assign y = a;')
    report = contamination.audit(
        [contamination.from_program(day, _ALL_HIGH.reference)],
        [contamination.from_problem(_ALL_HIGH)],
    )
    self.assertEqual(report['hits'], 0)
    self.assertEqual(report['short_equal_programs']['count'], 1)


if __name__ == '__main__':
  absltest.main()
