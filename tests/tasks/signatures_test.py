"""Types of plain values, and inputs drawn for them."""

from absl.testing import absltest
from absl.testing import parameterized

from swm_jax.tasks import signatures
from swm_jax.tasks.python_functions import catalog


class SignaturesTest(parameterized.TestCase):

  @parameterized.parameters(
      (3, 'int'), (True, 'bool'), (2.5, 'float'), ('a', 'str'), (None, 'None'),
      ([], 'list'), ([1, 2], 'list[int]'), ([1, 0.5], 'list[float]'),
      ([1, 'a'], ''), ([[], [1]], 'list[list[int]]'), ([True, 1], ''),
      ({'a': [1]}, 'dict[str, list[int]]'), ({}, 'dict'), ({1}, 'set[int]'),
      ((1, 'a'), 'tuple[int, str]'), ((), 'tuple'),
      ([(1, 'a'), (2, 'b')], 'list[tuple[int, str]]'), ([(1,), (1, 2)], ''),
  )
  def test_type_of(self, value, text):
    self.assertEqual(signatures.of(value), text)

  def test_empty_containers_are_of_the_type_of_the_others(self):
    self.assertEqual(
        signatures.infer([([], {}, 1), ([1], {'a': []}, 2)]),
        ('list[int]', 'dict[str, list]', 'int'),
    )

  def test_examples_of_several_types_or_lengths_have_no_signature(self):
    self.assertIsNone(signatures.infer([(1,), ('a',)]))
    self.assertIsNone(signatures.infer([(1,), (1, 2)]))
    self.assertIsNone(signatures.infer([]))

  def test_fits(self):
    self.assertTrue(signatures.fits([], 'list[int]'))
    self.assertTrue(signatures.fits([1], 'list[float]'))
    self.assertFalse(signatures.fits([1.5], 'list[int]'))
    self.assertFalse(signatures.fits([1, 'a'], 'list[int]'))
    self.assertFalse(signatures.fits(True, 'int'))

  def test_what_is_drawn_is_of_the_type_and_always_the_same(self):
    for kinds in (
        ('int',), ('float', 'bool'), ('str', 'list[str]'), ('list',),
        ('dict[str, list[int]]', 'set[int]'), ('tuple[int, str]',),
        ('list[list[int]]',), ('list[tuple[str, int]]',), ('dict',),
    ):
      drawn = signatures.draw(kinds, 12, 'seed')
      self.assertLen(drawn, 12)
      for args in drawn:
        for value, kind in zip(args, kinds, strict=True):
          # An unspecified container is drawn with items of some type.
          if kind in ('list', 'dict'):
            self.assertEqual(type(value).__name__, kind)
          else:
            self.assertTrue(signatures.fits(value, kind), (value, kind))
      self.assertEqual(drawn, signatures.draw(kinds, 12, 'seed'))
      self.assertNotEqual(drawn, signatures.draw(kinds, 12, 'other'))

  def test_types_without_inputs(self):
    self.assertFalse(signatures.drawable(('int', 'bytes')))
    with self.assertRaisesRegex(ValueError, "'list.bytes.'|'bytes'"):
      signatures.argument('list[bytes]')

  def test_nearly_all_problems_of_the_suite_have_a_drawable_signature(self):
    problems = catalog.suite()[::7]
    kinds = [
        signatures.infer(args for args, _ in p.tests) for p in problems
    ]
    known = [k for k in kinds if k is not None and signatures.drawable(k)]
    self.assertGreater(len(known), 0.9 * len(problems))


if __name__ == '__main__':
  absltest.main()
