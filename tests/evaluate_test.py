"""Tests of the evaluation program."""

import json
import pathlib
import subprocess
import sys
import tempfile

from absl import flags
from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

from experiments import evaluate
from swm_jax import snapshots
from swm_jax import types
from swm_jax.evaluation import results
from swm_jax.models import pretrained
from swm_jax.tasks import problem_file

_PROBLEMS = [
    types.Problem(
        f'sums/{i}', 'sums', f't{i}',
        f'```python\n# Return the sum of a and {i}.\ndef f{i}(a):', f'f{i}',
        tests=(((1,), 1 + i), ((-5,), i - 5)),
    )
    for i in range(3)
]
from tests import noise_model


class EvaluateTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    self._folder = pathlib.Path(folder.name)
    self._problems = self._folder / 'problems.jsonl'
    problem_file.write(self._problems, _PROBLEMS)

  def _run(self, **changes):
    values = flags.FlagValues()
    evaluate.define_flags(values)
    arguments = dict(
        problems=self._problems, out=self._folder / 'out' / 'result.json',
        samples=2, max_new_tokens=8,
    ) | changes
    values(['evaluate'] + [f'--{k}={v}' for k, v in arguments.items()])
    return evaluate.run(values, 'the command')

  def _save_tiny(self):
    folder = self._folder / 'model'
    pretrained.save_hf(folder, *noise_model.make())
    return folder

  def test_summary_holds_counts_and_unbiased_means(self):
    measured = results.SetResults(
        'problems', ['a', 'b', 'c'], ['x', 'x', 'y'], ['a', 'b', 'c'],
        {
            'greedy': np.array([[1], [0], [0]], np.uint8),
            'sampled': np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1]], np.uint8),
        },
        {
            'greedy': np.array([[1], [1], [0]], bool),
            'sampled': np.array([[1, 1, 1], [1, 1, 0], [0, 0, 0]], bool),
        },
    )
    summary = evaluate.summarise(measured, seed=0)
    json.dumps(summary, allow_nan=False)
    first, second, third = summary['problems']
    # 1 - C(2, k) / C(3, k) for k = 1, 2, 3.
    np.testing.assert_allclose(
        list(first['pass_at'].values()), [1 / 3, 2 / 3, 1.0]
    )
    self.assertEqual(second['pass_at'], {'1': 1.0, '2': 1.0, '3': None})
    self.assertEqual(
        {k: third[k] for k in ('greedy', 'samples', 'correct', 'masked')},
        {'greedy': None, 'samples': 0, 'correct': 0, 'masked': 3},
    )
    self.assertEqual(summary['greedy']['mean'], 0.5)
    self.assertAlmostEqual(summary['pass_at']['1']['mean'], 2 / 3)
    self.assertEqual(summary['pass_at']['1']['dropped'], 1)
    self.assertIsNone(summary['by_type']['y']['pass_at_1'])
    text = evaluate.table(summary)
    self.assertIn('greedy     0.500', text)
    self.assertIn('4 samples masked', text)

  def test_a_tiny_model_is_evaluated_end_to_end_twice_the_same(self):
    folder = self._save_tiny()
    result = self._run(model=folder)
    again = self._run(model=folder)
    out = json.loads((self._folder / 'out' / 'result.json').read_text())
    self.assertEqual(out, again)
    del result['seconds'], again['seconds']
    self.assertEqual(result, again)
    self.assertEqual(out['command'], 'the command')
    self.assertEqual(out['model']['digest'], snapshots.digest(noise_model.make()[0]))
    self.assertEqual([p['id'] for p in out['problems']], [
        p.id for p in _PROBLEMS
    ])
    self.assertEqual(list(out['pass_at']), ['1', '2'])
    self.assertEqual(sum(out['reasons'].values()), 9)
    self.assertNotIn('passed', out['reasons'])
    self.assertEqual(out['greedy']['mean'], 0.0)

  @parameterized.named_parameters(
      ('model', dict(model='/nowhere.gguf'), 'no model at /nowhere.gguf'),
      ('problems', dict(problems='/nowhere.jsonl'), 'no problem file'),
      ('samples', dict(samples=0), '--samples=0 must be at least 1'),
      ('temperature', dict(temperature=0), '--temperature=0.0 must be pos'),
      ('top_p', dict(top_p=1.5), r'--top_p=1.5 must be in \(0, 1\]'),
      ('out', dict(out='/proc/nothing/out.json'), 'cannot be written'),
      ('folder', dict(out='/tmp'), 'is a folder'),
  )
  def test_errors_are_one_sentence(self, changes, message):
    with self.assertRaisesRegex(evaluate.EvaluationError, message):
      self._run(**changes)

  def test_a_prompt_longer_than_the_model_is_named(self):
    problem_file.write(self._problems, [
        types.Problem('long', 't', 'long', '# ' + 'x' * 200, 'f', [((1,), 1)])
    ])
    with self.assertRaisesRegex(
        evaluate.EvaluationError, 'the prompt of long has 202 tokens'
    ):
      self._run(model=self._save_tiny())

  def test_a_bad_line_is_named(self):
    self._problems.write_text('{"id": "a"}\n')
    with self.assertRaisesRegex(
        evaluate.EvaluationError, 'problems.jsonl, line 1: key "type"'
    ):
      self._run()

  @pytest.mark.slow
  def test_the_command_evaluates_the_packaged_model(self):
    out = self._folder / 'result.json'
    finished = subprocess.run(
        [
            sys.executable, '-m', 'experiments.evaluate',
            f'--problems={self._problems}', '--samples=4',
            '--temperature=0.4', '--max_new_tokens=32', f'--out={out}',
        ],
        capture_output=True, text=True, check=False,
    )
    self.assertEqual(finished.returncode, 0, finished.stderr)
    result = json.loads(out.read_text())
    # Adding a constant is within the model's reach: 3 of 3 greedily when this
    # was written; a count of 0 would mean that prompt or stop are broken.
    self.assertGreater(result['greedy']['mean'], 0.3)
    self.assertGreater(result['pass_at']['4']['mean'], 0.3)
    self.assertStartsWith(result['command'], 'python -m experiments.evaluate')
    self.assertIn('pass@4', finished.stdout)

  @pytest.mark.slow
  def test_the_command_fails_with_one_sentence(self):
    finished = subprocess.run(
        [
            sys.executable, '-m', 'experiments.evaluate',
            '--model=/nowhere', f'--problems={self._problems}', '--out=/tmp/x',
        ],
        capture_output=True, text=True, check=False,
    )
    self.assertEqual(finished.returncode, 1)
    self.assertEqual(
        finished.stderr,
        'evaluate: --model=/nowhere: there is no model at /nowhere\n',
    )


if __name__ == '__main__':
  absltest.main()
