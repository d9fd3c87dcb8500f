"""Tests of the JSON-lines form of problems."""

import json
import math
import pathlib
import tempfile

from absl.testing import absltest
from absl.testing import parameterized

from swm_jax import types
from swm_jax.tasks import problem_file

_LINE = {
    'id': 'double',
    'type': 'arithmetic',
    'prompt': '```python\n# Return twice x.\ndef double(x):',
    'entry_point': 'double',
    'tests': [{'args': [3], 'expected': 6}],
}


class ProblemFileTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    self._path = pathlib.Path(folder.name, 'problems.jsonl')

  def _write(self, *lines):
    self._path.write_text(
        '\n'.join(x if isinstance(x, str) else json.dumps(x) for x in lines)
    )
    return self._path

  @parameterized.parameters(
      (None,), (True,), (1,), (1.5,), ('a',), ([1, [2.0]],), ((1, (2,)),),
      ({1, 2},), (frozenset({'a'}),), ({'a': (1,)},), ({1: 'a', (2, 3): 'b'},),
      ({'__tuple__': [1]},), ({},), (set(),), (b'\x00\xff',), (math.inf,),
      (1j,),
      ([{'k': {(1,): {2.5}}}],),
  )
  def test_values_survive_with_their_exact_types(self, value):
    text = json.dumps(problem_file.encode_value(value), allow_nan=False)
    back = problem_file.decode_value(json.loads(text))
    self.assertEqual(repr(back), repr(value))

  def test_nan_survives(self):
    back = problem_file.decode_value(problem_file.encode_value(math.nan))
    self.assertTrue(math.isnan(back))

  def test_values_without_a_json_form_are_refused(self):
    with self.assertRaisesRegex(TypeError, 'type range has no form'):
      problem_file.encode_value([range(3)])

  def test_written_problems_are_read_back_equal(self):
    problems = [
        types.Problem(
            f'p/{i}', 'p', 'f', '# é\ndef f(a):', 'f',
            tests=((((1, 2), {'k': None}), {3}), (([],), -0.5)),
            reference='def f(a):\n  return {3}\n' if i else '',
        )
        for i in range(2)
    ]
    problem_file.write(self._path, problems)
    self.assertEqual(problem_file.read(self._path), problems)

  def test_template_is_the_id_unless_given(self):
    path = self._write(_LINE, '', {**_LINE, 'id': 'b', 'template': 'double'})
    first, second = problem_file.read(path)
    self.assertEqual((first.template, second.template), ('double', 'double'))
    self.assertEqual(first.tests, (((3,), 6),))

  @parameterized.named_parameters(
      ('not_json', '{"id": ', 'line 2: not JSON'),
      ('no_object', '[1]', 'line 2: a line must be a JSON object'),
      ('missing', {k: v for k, v in _LINE.items() if k != 'tests'},
       'line 2: key "tests" is missing'),
      ('wrong_type', {**_LINE, 'prompt': 3},
       'line 2: key "prompt" must be a string, got int'),
      ('unknown', {**_LINE, 'id': 'x', 'test': []},
       'line 2: key "test" is not known'),
      ('twice', _LINE, "line 2: key \"id\": 'double' is used twice"),
      ('no_tests', {**_LINE, 'tests': []}, 'line 2: key "tests" is empty'),
      ('newline', {**_LINE, 'prompt': 'def f(x):\n'}, 'ends in a newline'),
      ('name', {**_LINE, 'entry_point': 'a b'}, "'a b' is no Python name"),
      ('test_keys', {**_LINE, 'tests': [{'args': [1]}]},
       'key "tests", entry 0: must be an object with "args" and "expected"'),
      ('args', {**_LINE, 'tests': [{'args': 1, 'expected': 1}]},
       'entry 0: "args" must be a list'),
      ('tag', {**_LINE, 'tests': [{'args': [{'__tuple__': 1}], 'expected': 1}]},
       'entry 0: bad content of __tuple__: a list is needed'),
      ('constant', json.dumps(_LINE).replace('6', 'NaN'), 'NaN is not JSON'),
  )
  def test_errors_name_file_line_and_key(self, line, message):
    path = self._write(_LINE, line)
    with self.assertRaisesRegex(ValueError, message) as context:
      problem_file.read(path)
    self.assertIn('problems.jsonl', str(context.exception))

  def test_missing_and_empty_files_are_named(self):
    with self.assertRaisesRegex(FileNotFoundError, 'no problem file nowhere'):
      problem_file.read('nowhere')
    with self.assertRaisesRegex(ValueError, 'holds no problem'):
      problem_file.read(self._write(''))


if __name__ == '__main__':
  absltest.main()
