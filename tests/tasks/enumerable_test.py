"""Tests of the enumerable targets."""

import json

from absl.testing import absltest
from absl.testing import parameterized
import jax
import jax.numpy as jnp
import numpy as np

from swm_jax.tasks import enumerable

TARGETS = {
    'tree': enumerable.depth_two_tree,
    'arithmetic': enumerable.arithmetic_expressions,
    'brackets': enumerable.bracket_strings,
}


def _log_pf(policy, target, temperature=1.0):
  """Log-probability of every string, `[P, S]`."""
  return jax.jit(
      lambda p: enumerable.log_prob_actions(p, target, temperature).sum(-1)
  )(policy)


class EnumerableTest(parameterized.TestCase):

  def test_log_z_by_hand(self):
    target = enumerable.depth_two_tree()
    # 1 + 2 + 3 + 4 + 5 + 1 = 16; 2 strings of 50 and 4 of 100 make 500.
    np.testing.assert_allclose(target.log_z, np.log([16.0, 500.0]))
    self.assertEqual(target.strings, ('a', 'b', 'aa', 'ab', 'ba', 'bb'))

  @parameterized.parameters(*TARGETS)
  def test_any_policy_is_a_distribution_over_strings(self, name):
    target = TARGETS[name]()
    policy = jax.random.normal(
        jax.random.key(0), enumerable.init_policy(target).shape
    )
    for temperature in (1.0, 0.5):
      log_pf = _log_pf(policy, target, temperature)
      np.testing.assert_allclose(jnp.exp(log_pf).sum(-1), 1.0, atol=1e-5)

  @parameterized.parameters(*TARGETS)
  def test_exact_policy_samples_the_target(self, name):
    target = TARGETS[name]()
    log_pf = _log_pf(enumerable.exact_policy(target), target)
    # Zero rewards are floored at 1e-6 of the best, hence 1e-4 and not 1e-6.
    self.assertLess(enumerable.l1_distance(log_pf, target).max(), 1e-4)

  def test_uniform_policy_by_hand(self):
    target = enumerable.depth_two_tree()
    log_pf = _log_pf(enumerable.init_policy(target), target)
    # Two actions at the root; three at 'a'; the stop is forced at 'aa'.
    sixth = np.full(6, 1 / 6)
    np.testing.assert_allclose(jnp.exp(log_pf[0]), sixth, rtol=1e-6)
    expected = np.abs(sixth - np.array([1, 2, 3, 4, 5, 1]) / 16).sum()
    np.testing.assert_allclose(
        enumerable.l1_distance(log_pf, target)[0], expected, rtol=1e-5
    )

  def test_gradient_is_finite_at_illegal_actions(self):
    target = enumerable.bracket_strings()
    grad = jax.grad(lambda p: _log_pf(p, target).sum())(
        enumerable.init_policy(target)
    )
    self.assertTrue(jnp.isfinite(grad).all())
    self.assertTrue((grad[:, ~target.legal] == 0.0).all())

  @parameterized.parameters(
      ('3', 3), ('1+2', 3), ('2*3+1', 7), ('4*2', 8), ('+1', None),
      ('12', None), ('1+', None), ('', None),
  )
  def test_evaluates_expressions(self, text, value):
    self.assertEqual(enumerable.evaluate(text), value)

  def test_rewards_of_the_builders(self):
    arithmetic = enumerable.arithmetic_expressions(values=(3,), beta=5.0)
    at = arithmetic.strings.index
    log_r = arithmetic.log_reward[0]
    np.testing.assert_allclose(log_r[at('1+2')], -3 * np.log(6), rtol=1e-5)
    np.testing.assert_allclose(log_r[at('1+1')], log_r[at('1+2')] - 5.0)
    brackets = enumerable.bracket_strings(4)
    right = {
        name: {s for s, r in zip(brackets.strings, row) if r}
        for name, row in zip(brackets.prompts, brackets.reward)
    }
    self.assertEqual(right['depth 1'], {'()', '()()'})
    self.assertEqual(right['depth 2'], {'(())'})

  def test_json_round_trip(self):
    rewards = {'a': 1.0, 'b': 2.0, 'aa': 3.0, 'ab': 4.0, 'ba': 5.0, 'bb': 1.0}
    content = {
        'alphabet': ['a', 'b'], 'max_length': 2, 'prompts': {'small': rewards}
    }
    target = enumerable.from_json(json.dumps(content))
    tree = enumerable.depth_two_tree()
    np.testing.assert_array_equal(target.reward[0], tree.reward[0])

  def test_bad_files_are_refused_by_name(self):
    content = {'alphabet': ['a'], 'max_length': 2, 'prompts': {'x': {'a': 1}}}
    with self.assertRaisesRegex(ValueError, "'x' must list every.*'aa'"):
      enumerable.from_json(json.dumps(content))
    with self.assertRaisesRegex(ValueError, 'lacks max_length, prompts'):
      enumerable.from_json('{"alphabet": []}')
    with self.assertRaisesRegex(ValueError, 'distinct single characters'):
      enumerable.make_target(['ab'], 1, {'x': len})
    with self.assertRaisesRegex(ValueError, "prompt 'x' must be finite"):
      enumerable.make_target('a', 1, {'x': lambda text: 0.0})


if __name__ == '__main__':
  absltest.main()
