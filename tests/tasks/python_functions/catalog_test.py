"""Tests of the problem suite: every template, and the split of a night."""

import ast
import collections
import copy
import dataclasses
import functools
import random
from unittest import mock

from absl.testing import parameterized

from swm_jax.evaluation import canonical
from swm_jax.evaluation import contamination
from swm_jax.tasks import base
from swm_jax.tasks import mutation
from swm_jax.tasks.python_functions import catalog

# A changed loop may never end; none of the references goes round that often.
MAX_ITERATIONS = 2000

TYPES = tuple(catalog.templates())


@functools.cache
def _suite():
  return catalog.suite(seed=0)


def _of_type(name):
  return [problem for problem in _suite() if problem.type == name]


class _Budget(ast.NodeTransformer):
  """Makes every while loop end with an error after MAX_ITERATIONS."""

  def visit_While(self, node):
    self.generic_visit(node)
    node.body.insert(0, ast.parse('_spend()').body[0])
    return node


def _passes(source, problem):
  """True if a program of our own gives every expected value, types equal."""
  tree = ast.fix_missing_locations(_Budget().visit(ast.parse(source)))
  spent = iter(range(MAX_ITERATIONS))
  namespace = {'_spend': lambda: next(spent)}
  code = compile(tree, '<candidate>', 'exec')
  exec(code, namespace)  # pylint: disable=exec-used
  for args, expected in problem.tests:
    try:
      value = namespace[problem.entry_point](*copy.deepcopy(args))
    except Exception:  # pylint: disable=broad-except
      return False
    if repr(_plain(value)) != repr(_plain(expected)):
      return False
  return True


def _plain(value):
  """Orders sets and dicts, so that equal values of one type print alike."""
  if isinstance(value, (set, frozenset)):
    return [type(value).__name__, *sorted(map(repr, value))]
  if isinstance(value, dict):
    return ['dict', *sorted((repr(k), _plain(v)) for k, v in value.items())]
  if isinstance(value, (list, tuple)):
    return [type(value).__name__, *map(_plain, value)]
  return value


class EveryTypeTest(parameterized.TestCase):

  @parameterized.parameters(*TYPES)
  def test_reference_passes_and_a_mutant_fails(self, name):
    for problem in _of_type(name):
      with self.subTest(problem.id):
        self.assertTrue(_passes(problem.reference, problem))
        mutants = list(mutation.mutate(problem.reference))
        self.assertNotEmpty(mutants)
        self.assertTrue(any(not _passes(m, problem) for m in mutants))

  @parameterized.parameters(*TYPES)
  def test_changed_comparison_fails(self, name):
    """Boundary values are among the inputs of every comparison."""
    weak = []
    for problem in _of_type(name):
      for mutant in _comparison_mutants(problem.reference):
        if _passes(mutant, problem) and not _is_right(mutant, problem):
          weak.append(problem.id)
    self.assertEmpty(weak, 'draw more inputs, or some at the boundary')

  @parameterized.parameters(*TYPES)
  def test_tests_are_enough_and_differ(self, name):
    for problem in _of_type(name):
      with self.subTest(problem.id):
        self.assertGreaterEqual(len(problem.tests), base.MIN_TESTS)
        expected = {repr(_plain(value)) for _, value in problem.tests}
        self.assertGreater(len(expected), 1, 'a constant answer passes')

  @parameterized.parameters(*TYPES)
  def test_type_is_large_enough(self, name):
    templates = catalog.templates()[name]
    self.assertLen({t.name for t in templates}, len(templates))
    self.assertGreaterEqual(len(templates), 12)
    self.assertGreaterEqual(len(_of_type(name)), 27)
    self.assertGreaterEqual(len({t.family for t in templates}), 10)

  @parameterized.parameters(*TYPES)
  def test_prompt_ends_after_the_colon(self, name):
    for problem in _of_type(name):
      lines = problem.prompt.split('\n')
      self.assertLen(lines, 3)
      self.assertEqual(lines[0], '```python')
      self.assertStartsWith(lines[1], '# ')
      self.assertRegex(lines[2], rf'^def {problem.entry_point}\([\w, ]+\):$')
      self.assertNotRegex(lines[1], r'[{}]{2}|\{\w+\}')

  def test_arguments_survive_the_reference(self):
    for problem in _suite():
      before = copy.deepcopy(problem.tests)
      _passes(problem.reference, problem)
      self.assertEqual(before, problem.tests)


def _comparison_mutants(source):
  """Yields the mutants that differ from a program in a comparison."""
  for mutant in mutation.mutate(source):
    before, after = _comparisons(source), _comparisons(mutant)
    if len(before) == len(after) and before != after:
      yield mutant


def _comparisons(source):
  return [
      [type(operator).__name__ for operator in node.ops]
      for node in ast.walk(ast.parse(source))
      if isinstance(node, ast.Compare)
  ]


def _is_right(mutant, problem):
  """True if a mutant passes on other inputs too (`>=` for `>` at a limit)."""
  template = next(
      t for t in catalog.templates()[problem.type]
      if t.name == problem.template
  )
  rng = random.Random(0)
  for _ in range(20):
    tests = base.run_tests(
        problem.id, problem.reference, problem.entry_point,
        template.inputs(rng),
    )
    if not _passes(mutant, dataclasses.replace(problem, tests=tests)):
      return False
  return True


class SuiteTest(parameterized.TestCase):

  def test_suite_has_at_least_thirty_types(self):
    self.assertGreaterEqual(len(TYPES), 30)

  def test_ids_and_prompts_are_unique(self):
    problems = _suite()
    for values in ([p.id for p in problems], [p.prompt for p in problems]):
      repeated = [v for v, n in collections.Counter(values).items() if n > 1]
      self.assertEmpty(repeated)

  def test_same_seed_same_suite_other_seed_other_tests(self):
    first = base.build_problems('t', catalog.templates()['list_filter'], 0)
    again = base.build_problems('t', catalog.templates()['list_filter'], 0)
    other = base.build_problems('t', catalog.templates()['list_filter'], 1)
    self.assertEqual(first, again)
    self.assertNotEqual(first, other)
    self.assertEqual([p.prompt for p in first], [p.prompt for p in other])

  def test_problems_of_different_families_pass_the_audit(self):
    """Whatever the split, so no night of the suite can be stopped by it."""
    problems = {problem.id: problem for problem in _suite()}
    items = [contamination.from_problem(p) for p in problems.values()]
    hits, _ = contamination.overlaps(items, items)
    families = catalog.families()
    family_of = {
        p.id: families[p.type, p.template] for p in problems.values()
    }
    bad = {
        (rule, *sorted((a.rsplit('/', 1)[0], b.rsplit('/', 1)[0])))
        for a, b, rule in hits
        if family_of[a] != family_of[b]
    }
    self.assertEmpty(sorted(bad))

  def test_families_have_no_program_in_common(self):
    """Constants aside, equal programs are of one family, in the whole suite."""
    families = catalog.families()
    owners = collections.defaultdict(set)
    for problem in _suite():
      form = canonical.normalised_ast(
          problem.reference, abstract_constants=True
      )
      family = families[problem.type, problem.template]
      owners[form].add((family, f'{problem.type}/{problem.template}'))
    clashes = [
        sorted(found) for found in owners.values()
        if len({family for family, _ in found}) > 1
    ]
    self.assertEmpty(clashes)


def _explored():
  """All types but those that would share a family with the rest."""
  types_of = collections.defaultdict(set)
  for (name, _), family in catalog.families().items():
    types_of[family].add(name)
  unrelated = {'boolean_logic', 'number_geometry'}
  for names in types_of.values():
    if names & unrelated:
      unrelated |= names
  return [name for name in TYPES if name not in unrelated]


class SplitTest(parameterized.TestCase):

  @parameterized.parameters(0, 1, 2)
  def test_families_are_on_one_side(self, seed):
    sides = base.split(_suite(), catalog.families(), seed, _explored())
    families = catalog.families()
    seen = {
        side: {families[p.type, p.template] for p in problems}
        for side, problems in sides.items()
    }
    self.assertEmpty(seen[base.DAY] & seen[base.HELD_OUT])
    self.assertEmpty(seen[base.DAY] & seen[base.UNRELATED])
    self.assertEmpty(seen[base.HELD_OUT] & seen[base.UNRELATED])
    self.assertEqual(sum(map(len, sides.values())), len(_suite()))

  @parameterized.parameters(0, 1, 2)
  def test_sides_are_balanced_in_every_type(self, seed):
    sides = base.split(_suite(), catalog.families(), seed, _explored())
    day = collections.Counter(p.type for p in sides[base.DAY])
    held_out = collections.Counter(p.type for p in sides[base.HELD_OUT])
    for name in _explored():
      self.assertLessEqual(abs(day[name] - held_out[name]), 6, name)
    self.assertGreaterEqual(len(sides[base.DAY]), 300)
    self.assertGreaterEqual(len(sides[base.HELD_OUT]), 300)

  def test_order_of_problems_and_types_has_no_influence(self):
    explored = _explored()
    sides = base.split(_suite(), catalog.families(), 0, explored)
    again = base.split(_suite()[::-1], catalog.families(), 0, explored[::-1])
    for side, problems in sides.items():
      self.assertCountEqual(
          [p.id for p in problems], [p.id for p in again[side]]
      )

  def test_another_explored_type_moves_nothing(self):
    explored = _explored()
    fewer = [name for name in explored if name != 'list_map']
    with_it = base.split(_suite(), catalog.families(), 0, explored)
    without = base.split(_suite(), catalog.families(), 0, fewer)
    for side in (base.DAY, base.HELD_OUT):
      self.assertEqual(
          [p.id for p in with_it[side] if p.type != 'list_map'],
          [p.id for p in without[side]],
      )

  def test_family_in_explored_and_unrelated_type_is_an_error(self):
    families = dict(catalog.families())
    first = catalog.templates()['number_digits'][0]
    families['number_digits', first.name] = 'map_add'
    with mock.patch.object(catalog, 'families', lambda: families):
      with self.assertRaisesRegex(ValueError, "unrelated types: .'map_add'"):
        base.split(_suite(), catalog.families(), 0, ['list_map'])

  def test_unknown_type_is_an_error(self):
    with self.assertRaisesRegex(ValueError, 'without a problem.*juggling'):
      base.split(_suite(), catalog.families(), 0, ['juggling'])
