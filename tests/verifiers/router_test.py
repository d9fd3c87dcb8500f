"""One submit for several domains, with the real pools behind it."""

from absl.testing import absltest

from swm_jax import types
from swm_jax.verifiers import catalog
from swm_jax.verifiers import router


def _problem(domain):
  return types.Problem(
      id='a/b/0', type='a', template='b', prompt='', entry_point='solve',
      tests=[((1,), 2)], domain=domain,
  )


class RouterTest(absltest.TestCase):

  def test_problems_go_to_the_verifier_of_their_domain(self):
    pools = {
        'python': catalog.make('python').pool(1),
        'strict': catalog.make('python').pool(1),
    }
    pools['strict'].name = 'strict'
    with router.Router(pools) as verifiers:
      source = 'def solve(n): return n + 1'
      for name in pools:
        verdict = verifiers.submit(_problem(name), source).result()
        self.assertTrue(verdict.passed)
      self.assertEqual([pool.counts['pass'] for pool in pools.values()], [1, 1])
      self.assertEqual(
          [record['name'] for record in verifiers.records],
          ['python', 'strict'],
      )
      with self.assertRaises(KeyError):
        verifiers.submit(_problem('go'), source)
    with self.assertRaisesRegex(RuntimeError, 'closed'):
      pools['python'].submit(_problem('python'), source)

  def test_the_weakest_level_stands_for_all(self):
    pools = {}
    for level in ('namespaces', 'rlimits', 'landlock+seccomp'):
      pools[level] = catalog.make('python').pool(1)
      pools[level].isolation = level
    with router.Router(pools) as verifiers:
      self.assertEqual(verifiers.isolation, 'rlimits')


class CatalogTest(absltest.TestCase):

  def test_an_unknown_domain_is_one_sentence(self):
    with self.assertRaisesRegex(ValueError, "no verifier 'go'.*python"):
      catalog.make('go')


if __name__ == '__main__':
  absltest.main()
