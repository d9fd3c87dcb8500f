"""Tests of the enumerable targets."""

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
    'grid': lambda: enumerable.hypergrid(side=3),
    'copies': lambda: enumerable.noisy_copies(max_length=3),
    'unary': lambda: enumerable.make_target('a', 4, {'x': len}),
    'short': lambda: enumerable.make_target('abc', 1, {'x': ord}),
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

  def test_reward_of_a_grid_cell_is_shared_by_the_walks_to_it(self):
    target = enumerable.hypergrid(side=5, plateaus=(0.1,))
    ends = {}
    for text, reward in zip(target.strings, target.reward[0]):
      cell = (text.count('>'), text.count('^'))
      ends[cell] = ends.get(cell, 0.0) + reward
    # Of 0 to 4: 1 and 3 are in the band, 2 is in the middle.
    np.testing.assert_allclose(ends[1, 3], 0.1 + 0.5 + 2.0)
    np.testing.assert_allclose(ends[0, 4], 0.1 + 0.5)
    np.testing.assert_allclose(ends[2, 3], 0.1)
    self.assertEqual(ends[5, 0], 0.0)
    tops = {
        (s.count('>'), s.count('^'))
        for s, top in zip(target.strings, target.verified[0]) if top
    }
    self.assertEqual(tops, {(1, 1), (1, 3), (3, 1), (3, 3)})

  @parameterized.parameters(
      ('', 'ab', 2), ('ab', 'ab', 0), ('abc', 'acb', 2), ('abc', 'bc', 1),
      ('abca', 'cabc', 2),
  )
  def test_edit_distance(self, one, other, distance):
    self.assertEqual(enumerable.edit_distance(one, other), distance)

  def test_copies_by_hand(self):
    target = enumerable.noisy_copies(words=('ab',), max_length=3, sharpness=2.0)
    at = target.strings.index
    np.testing.assert_allclose(target.reward[0, at('ab')], np.exp(2.0))
    np.testing.assert_allclose(target.reward[0, at('abc')], 1.0)
    self.assertTrue(target.verified[0, at('cb')])
    self.assertFalse(target.verified[0, at('ba')])

  @parameterized.parameters(*TARGETS)
  def test_prior_is_uniform_over_strings_and_a_policy(self, name):
    target = TARGETS[name]()
    log_p = target.log_prior
    np.testing.assert_allclose(
        log_p.sum(axis=1), -np.log(len(target.strings)), rtol=1e-5
    )
    # The same action in the same prefix has the same probability, summing to 1.
    total = np.zeros(len(target.legal))
    seen = set()
    for row, column in zip(*np.nonzero(target.mask)):
      choice = target.prefix[row, column], target.action[row, column]
      if choice not in seen:
        seen.add(choice)
        total[choice[0]] += np.exp(log_p[row, column])
    np.testing.assert_allclose(total, 1.0, rtol=1e-5)

  @parameterized.parameters(*TARGETS)
  def test_prefixes_are_numbered_as_documented(self, name):
    target = TARGETS[name]()
    size = len(target.alphabet)
    for row in range(0, len(target.strings), 7):
      node = 0
      for step in range(len(target.strings[row])):
        self.assertEqual(target.prefix[row, step], node)
        node = node * size + 1 + target.action[row, step]
      self.assertEqual(node, row + 1)
    internal = target.legal[: target.num_internal, :size]
    self.assertTrue(internal.all())
    self.assertFalse(target.legal[target.num_internal :, :size].any())

  def test_default_modes_hold_most_of_the_target(self):
    # 5 + 4 + 3 + 2 of 16 is below 90 %: one of the two ones is needed, and the
    # other is as likely.
    target = enumerable.make_target(
        'ab', 2,
        {
            'x': {'a': 1, 'b': 2, 'aa': 3, 'ab': 4, 'ba': 5, 'bb': 1}.get,
            'y': {'a': 0, 'b': 0, 'aa': 8, 'ab': 1, 'ba': 1, 'bb': 0}.get,
            'z': {'a': 0, 'b': 0, 'aa': 9, 'ab': 1, 'ba': 0, 'bb': 0}.get,
        },
    )
    self.assertEqual(target.verified.sum(axis=1).tolist(), [6, 3, 1])

  def test_many_zeros_count_as_little(self):
    target = enumerable.make_target(
        'abcdefgh', 4, {'x': lambda text: float(text == 'cab')}
    )
    log_r = target.log_reward[0]
    self.assertTrue(np.isfinite(log_r).all())
    self.assertLess(np.exp(log_r).sum(), 1.0 + 1.1e-3)

  def test_bad_targets_are_refused(self):
    for alphabet in (['ab'], ['a', 'a'], [], ['']):
      with self.assertRaisesRegex(ValueError, 'distinct single characters'):
        enumerable.make_target(alphabet, 1, {'x': len})
    with self.assertRaisesRegex(ValueError, "prompt 'x' must be finite"):
      enumerable.make_target('a', 1, {'x': lambda text: 0.0})
    with self.assertRaisesRegex(ValueError, 'at least one prompt'):
      enumerable.make_target('a', 1, {})
    with self.assertRaisesRegex(ValueError, 'at least 1, not 0'):
      enumerable.make_target('a', 0, {'x': len})
    for size, length in ((2, 16), (10, 10**9), (1, 10**9)):
      with self.assertRaisesRegex(ValueError, 'more than 50000 strings'):
        enumerable.make_target('abcdefghij'[:size], length, {'x': len})


if __name__ == '__main__':
  absltest.main()
