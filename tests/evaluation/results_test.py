"""Tests of problem-set results."""

import json

from absl.testing import absltest
import numpy as np

from swm_jax import types
from swm_jax.evaluation import results


def _result(name='held_out', ids=('a/f/0', 'a/f/1', 'b/g/0'), seed=0, n=4):
  rng = np.random.default_rng(seed)
  draw = lambda width: rng.integers(0, 2, (len(ids), width))
  return results.SetResults(
      name,
      list(ids),
      [i.split('/')[0] for i in ids],
      [i.split('/')[1] for i in ids],
      {'greedy': draw(1).astype(np.uint8), '0.8': draw(n).astype(np.uint8)},
      {'greedy': draw(1).astype(bool), '0.8': draw(n).astype(bool)},
  )


def _verdict(status):
  return types.Verdict(status, 'reason', 'python', '1', 'full')


def _assert_equal(actual, expected):
  assert actual.to_json() == expected.to_json()


class ResultsTest(absltest.TestCase):

  def test_json_round_trip_keeps_everything_a_masked_sample_can_say(self):
    result = _result()
    text = json.dumps(result.to_json())
    back = results.from_json(json.loads(text))
    _assert_equal(back, result)
    for setting in result.settings:
      np.testing.assert_array_equal(back.valid[setting], result.valid[setting])
      np.testing.assert_array_equal(
          back.passed[setting] & back.valid[setting],
          result.passed[setting] & result.valid[setting],
      )
      self.assertEqual(back.passed[setting].dtype, np.uint8)
      self.assertEqual(back.valid[setting].dtype, bool)

  def test_round_trip_of_an_empty_set(self):
    empty = _result(ids=())
    self.assertEqual(results.from_json(empty.to_json()).ids, [])

  def test_collect_masks_errors_and_keeps_sample_order(self):
    problems = [
        types.Problem(f'p/{i}', 'p', f't{i}', '', 'f', ()) for i in range(2)
    ]
    outcomes = [
        ('greedy', 0, _verdict('pass')),
        ('0.8', 1, _verdict('error')),
        ('0.8', 0, _verdict('fail')),
        ('0.8', 0, _verdict('pass')),
        ('greedy', 1, _verdict('fail')),
        ('0.8', 1, _verdict('pass')),
    ]
    result = results.collect('set', problems, outcomes)
    self.assertEqual(
        result.to_json()['outcomes'],
        {'greedy': ['1', '0'], '0.8': ['01', 'x1']},
    )
    correct, unmasked = result.counts('0.8')
    np.testing.assert_array_equal(correct, [1, 1])
    np.testing.assert_array_equal(unmasked, [2, 1])
    self.assertEqual(result.masked('0.8'), 1)

  def test_collect_refuses_lost_verdicts(self):
    problems = [types.Problem(c, 'p', c, '', 'f', ()) for c in 'ab']
    with self.assertRaisesRegex(ValueError, 'between 0 and 1 samples'):
      results.collect('set', problems, [('0.8', 0, _verdict('pass'))])

  def test_select_and_by_type_keep_rows_together(self):
    result = _result()
    parts = result.by_type()
    self.assertEqual(list(parts), ['a', 'b'])
    _assert_equal(results.concatenate('held_out', list(parts.values())), result)

  def test_merge_joins_samples_by_problem_whatever_the_order(self):
    first, second = _result(seed=0), _result(seed=1)
    turned = results.concatenate(
        'x', [second.select([0, 0, 1]), second.select([1, 1, 0])]
    )
    merged = results.merge(first, turned)
    self.assertEqual(merged.passed['0.8'].shape, (3, 8))
    np.testing.assert_array_equal(
        merged.passed['0.8'],
        np.concatenate([first.passed['0.8'], second.passed['0.8']], axis=1),
    )

  def test_errors_name_the_set_and_the_problem(self):
    result = _result()
    with self.assertRaisesRegex(ValueError, "no setting '0.3'"):
      result.counts('0.3')
    with self.assertRaisesRegex(ValueError, 'a problem id twice'):
      results.concatenate('twice', [result, result])
    with self.assertRaisesRegex(ValueError, '3 problems are in one alone'):
      results.merge(result, _result(ids=()))
    with self.assertRaisesRegex(ValueError, 'samples at 0.8'):
      results.concatenate('odd', [result, _result(ids=('c/h/0',), n=2)])
    bad = result.to_json()
    bad['outcomes']['0.8'][0] = '01'
    with self.assertRaisesRegex(ValueError, 'one length per setting'):
      results.from_json(bad)


if __name__ == '__main__':
  absltest.main()
