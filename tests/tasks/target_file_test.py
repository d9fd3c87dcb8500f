"""Tests of target files."""

import json

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from swm_jax.tasks import enumerable
from swm_jax.tasks import target_file

REWARDS = {'a': 1.0, 'b': 2, 'aa': 3.0, 'ab': 4.0, 'ba': 5.0, 'bb': 1.0}


def _content(**changes):
  content = {
      'alphabet': ['a', 'b'], 'max_length': 2, 'prompts': {'small': REWARDS}
  }
  return json.dumps(content | changes)


class TargetFileTest(parameterized.TestCase):

  def test_is_the_target_it_describes(self):
    target = target_file.parse(_content())
    tree = enumerable.depth_two_tree()
    np.testing.assert_array_equal(target.reward[0], tree.reward[0])
    np.testing.assert_array_equal(target.prefix, tree.prefix)
    self.assertEqual(target.prompts, ('small',))

  def test_order_of_strings_does_not_matter(self):
    rewards = dict(reversed(REWARDS.items()))
    target = target_file.parse(_content(prompts={'small': rewards}))
    tree = enumerable.depth_two_tree()
    np.testing.assert_array_equal(target.reward[0], tree.reward[0])

  @parameterized.parameters(
      ({'prompts': {'x': {'a': 1, 'b': 1}}}, "'x' must list.*'aa' is missing"),
      ({'prompts': {'x': REWARDS | {'c': 1}}}, "'x' must list.*'c' is not one"),
      ({'prompts': {'x': REWARDS | {'': 1}}}, "'x' must list.*'' is not one"),
      ({'prompts': {'x': REWARDS | {'a': '1'}}}, "of 'a' .* must be a number"),
      ({'prompts': {'x': REWARDS | {'a': True}}}, "of 'a' .* must be a number"),
      ({'prompts': {'x': REWARDS | {'a': 10**400}}}, 'must be a number below'),
      ({'prompts': {'x': REWARDS | {'a': -1}}}, "prompt 'x' must be finite"),
      ({'prompts': {'x': dict.fromkeys(REWARDS, 0)}}, 'not all 0'),
      ({'prompts': {'x': [1]}}, "'x' must be an object of string: reward"),
      ({'prompts': {}}, 'at least one prompt'),
      ({'prompts': [1]}, 'at least one prompt'),
      ({'max_length': 1.5}, 'must be an integer, not 1.5'),
      ({'max_length': True}, 'must be an integer, not True'),
      ({'max_length': -1}, 'at least 1, not -1'),
      ({'max_length': 40}, 'more than 50000 strings'),
      ({'alphabet': 'ab'}, "must be a list, not 'ab'"),
      ({'alphabet': ['a', 1]}, 'distinct single characters'),
      ({'alphabet': ['a', ['b']]}, 'distinct single characters'),
      ({'alphabet': ['a', 'a']}, 'distinct single characters'),
      ({'alphabet': []}, 'distinct single characters'),
  )
  def test_bad_files_are_refused_by_name(self, changes, message):
    with self.assertRaisesRegex(ValueError, message):
      target_file.parse(_content(**changes))

  @parameterized.parameters(
      ('{"alphabet": []}', 'lacks max_length, prompts'),
      ('{"alphabet": ', 'is not JSON'),
      ('[]', 'must be an object'),
      ('{"alphabet": ["a"], "max_length": 1, "prompts": {"x": {"a": NaN}}}',
       'must be a number'),
      ('{"alphabet": ["a"], "max_length": 1, "prompts": {"x": {"a": 1, "a": 2}'
       '}}', "gives 'a' twice"),
  )
  def test_bad_text_is_refused(self, text, message):
    with self.assertRaisesRegex(ValueError, message):
      target_file.parse(text)


if __name__ == '__main__':
  absltest.main()
