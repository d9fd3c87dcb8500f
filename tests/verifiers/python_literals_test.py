"""Answers that are literals: read, never run; and what cannot fake one."""

import dataclasses
import os
import tempfile

from absl.testing import absltest
from absl.testing import parameterized

from swm_jax import types
from swm_jax.verifiers import python
from swm_jax.verifiers import python_literals

_PROGRAM = 'def f(a, n):\n    return [x for x in a if x > n]\n'
_DEDUCED = f'{_PROGRAM}\nassert f([1, 3, 4], 2) =='
_ABDUCED = f'{_PROGRAM}\nassert [3, 4] == f'
_DEDUCTION = types.Problem(
    'deduction', 'test', 'deduction', f'```python\n{_DEDUCED}',
    tests=[((), [3, 4])], spec={'prefix': _DEDUCED},
)
_ABDUCTION = types.Problem(
    'abduction', 'test', 'abduction', f'```python\n{_ABDUCED}(',
    tests=[((), [3, 4])],
    spec={
        'prefix': _ABDUCED, 'program': _PROGRAM, 'function': 'f', 'arity': 2,
    },
)


def _one(program, value, name='one'):
  """Arguments of a function of one argument, for a value."""
  spec = _ABDUCTION.spec | {'program': program, 'arity': 1}
  return dataclasses.replace(
      _ABDUCTION, id=name, tests=[((), value)], spec=spec
  )


class LiteralsTest(parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.pool = python.PythonVerifier().pool(1)
    cls.addClassCleanup(cls.pool.close)

  @parameterized.named_parameters(
      ('right', ' [3, 4]', 'passed'),
      ('spaces_and_comment', '[3,4]  # easy', 'passed'),
      ('two_lines', ' [3,\n 4]', 'passed'),
      ('wrong', ' [3]', 'wrong_answer'),
      ('another_type', ' (3, 4)', 'wrong_answer'),
      ('a_truth_value', ' [3, True]', 'wrong_answer'),
      ('more_digits_than_a_number_has', ' ' + '9' * 4050, 'wrong_answer'),
      ('nothing', '', 'syntax'),
      ('calls_the_program', ' f([1, 3, 4], 2)', 'refused'),
      ('copies_the_program', ' [x for x in [1, 3, 4] if x > 2]', 'refused'),
      ('lambda', ' (lambda a: a)([3, 4])', 'refused'),
      ('arithmetic', ' [1 + 2, 4]', 'refused'),
      ('always_equal', ' type("", (), {"__eq__": lambda *_: True})()',
       'refused'),
      ('a_comparison', ' [3, 4] or 1', 'refused'),
      ('formatted', ' f"{3}"', 'refused'),
      ('unpacked', ' [*(3, 4)]', 'refused'),
      ('walrus', ' (a := [3, 4])', 'refused'),
      ('ellipsis', ' ...', 'refused'),
      ('unhashable', ' {[]: 1}', 'refused'),
      ('nested', ' ' + '[' * 30 + ']' * 30, 'refused'),
      ('deep', ' ' + '(' * 900 + '1' + ')' * 900, 'syntax'),
      ('a_second_statement', ' [3, 4]\nf = print', 'syntax'),
      ('after_a_semicolon', ' [3, 4]; f = print', 'syntax'),
      ('unfinished', ' [3, 4', 'syntax'),
      ('null', ' "\0"', 'syntax'),
      ('long', f' "{"a" * 5000}"', 'syntax'),
  )
  def test_deduction(self, text, reason):
    verdict = self.pool.verify(_DEDUCTION, _DEDUCTION.program(text))
    self.assertEqual(verdict.reason, reason, verdict)
    self.assertEqual(verdict.passed, reason == 'passed')
    self.assertEqual(verdict.cpu_seconds, 0.0)  # Nothing ran.

  def test_a_candidate_of_another_beginning_is_none(self):
    verdict = self.pool.verify(_DEDUCTION, ' [3, 4]')
    self.assertEqual(verdict.reason, 'missing')

  def test_no_part_of_a_candidate_runs(self):
    with tempfile.TemporaryDirectory() as folder:
      path = os.path.join(folder, 'ran')
      with self.assertRaises(python_literals.Refused):
        python_literals.read(f'open({path!r}, "w").write("")', '')
      self.assertFalse(os.path.exists(path))

  @parameterized.named_parameters(
      ('the_one_thought_of', '[1, 3, 4], 2)', 'passed'),
      ('another', '[3, 4], 0)', 'passed'),
      ('in_brackets', '([3, -9, 4]), 2.5)', 'passed'),
      ('wrong', '[3, 4], 3)', 'wrong_answer'),
      ('the_value_itself', '[3, 4])', 'refused'),
      ('too_few', '([3, 4],))', 'refused'),
      ('too_many', '[3, 4], 2, 1)', 'refused'),
      ('list_of_arguments', '[[3, 4], 2])', 'refused'),
      ('the_program_fails', '3, 2)', 'exception'),
      ('a_program', '"def f(a, n): return [3, 4]", 0)', 'exception'),
      ('the_function', 'f, 0)', 'refused'),
      ('computed', 'sorted([3, 4]), 0)', 'refused'),
      ('no_call_at_all', '0) or ([3, 4], 0)', 'refused'),
      ('never_closed', '[3, 4], 0', 'syntax'),
      ('named', 'a=[3, 4], n=0)', 'syntax'),
  )
  def test_abduction(self, text, reason):
    verdict = self.pool.verify(_ABDUCTION, _ABDUCTION.program(text))
    self.assertEqual(verdict.reason, reason, verdict)
    self.assertEqual(verdict.passed, reason == 'passed')

  def _passes(self, problem, text):
    return self.pool.verify(problem, problem.program(text)).passed

  def test_one_argument_is_the_literal_as_it_is(self):
    problem = _one('def f(a):\n    return len(a)\n', 2)
    self.assertTrue(self._passes(problem, '[1, 2])'))
    self.assertTrue(self._passes(problem, '(1, 2))'))
    self.assertFalse(self._passes(problem, '([1, 2],))'))

  def test_a_hostile_program_is_confined_and_cannot_find_the_value(self):
    finder = (
        'def f(a):\n'
        '    import gc\n'
        '    for o in gc.get_objects():\n'
        '        found = {dict: lambda: [*o, *o.values()], list: o.__iter__,\n'
        '                 tuple: o.__iter__}.get(type(o), list)\n'
        '        for s in found():\n'
        '            if type(s) is str and s[:2] == "zq" and len(s) == 8:\n'
        '                return s\n'
    ).replace('o.__iter__', 'lambda: list(o)')
    # It finds what is there: its argument.
    problem = _one(finder, 'zq123456', 'finder')
    self.assertTrue(self._passes(problem, '["zq123456"])'))
    self.assertFalse(self._passes(problem, '["zq12345"])'))
    reader = _one('def f(a):\n    return open(a).read()\n', 'x', 'reader')
    verdict = self.pool.verify(reader, reader.program(f'{__file__!r})'))
    self.assertIn(verdict.reason, ('exception', 'forbidden'))

  def test_arguments_that_keep_the_program_busy_are_a_failure(self):
    problem = _one('def f(a):\n    return sum(range(a))\n', 1)
    verdict = self.pool.verify(problem, problem.program('1000000000000)'))
    self.assertEqual(verdict.reason, 'time')

  def test_equal_ids_of_other_specs_share_no_verdict(self):
    self.assertTrue(self._passes(_ABDUCTION, '[3, 4], 0)'))
    other = dataclasses.replace(_ABDUCTION, spec=_ABDUCTION.spec | {
        'program': 'def f(a, n):\n    return a[n:n]\n',
    })
    self.assertFalse(self._passes(other, '[3, 4], 0)'))


class InterpreterTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    self.interpreter = python.Interpreter()
    self.addCleanup(self.interpreter.close)

  def _answers(self, body, inputs, name='f'):
    found = self.interpreter.answers(f'def f(a):\n  {body}\n', name, inputs)
    return [(answer.reason, answer.value) for answer in found]

  def test_every_call_is_answered_also_after_one_that_raises(self):
    self.assertEqual(
        self._answers('return [1 // a]', [(1,), (0,), (-1,)]),
        [('passed', [1]), ('exception', None), ('passed', [-1])],
    )

  def test_what_is_no_plain_value_is_refused_alone(self):
    self.assertEqual(
        self._answers('return a or object()', [(0,), (1,)]),
        [('refused', None), ('passed', 1)],
    )

  def test_a_program_that_ends_its_process_answers_no_more(self):
    body = 'return a or __import__("os")._exit(0)'
    self.assertEqual(
        self._answers(body, [(1,), (0,), (2,)]),
        [('passed', 1), ('crash', None), ('crash', None)],
    )

  def test_a_program_that_is_none(self):
    self.assertEqual(self._answers('return (', [(1,)]), [('syntax', None)])
    self.assertEqual(
        self._answers('return 1', [(1,)], 'g'), [('missing', None)]
    )

  def test_a_dead_process_is_replaced(self):
    self.assertEqual(self._answers('return a', [(1,)]), [('passed', 1)])
    self.interpreter._worker.kill()  # pylint: disable=protected-access
    self.assertEqual(self._answers('return a', [(2,)]), [('passed', 2)])


if __name__ == '__main__':
  absltest.main()
