"""Which proposals are left out because an evaluated problem is like them."""

import concurrent.futures
from unittest import mock

from absl.testing import absltest

from swm_jax import types
from swm_jax.evaluation import contamination
from swm_jax.evaluation import screening
from swm_jax.verifiers import python


def _evaluated(name, description, body, tests, arguments='a'):
  header = f'def {name}({arguments}):'
  return types.Problem(
      id=f'list/{name}/0', type='list', template=name,
      prompt=f'```python\n# {description}\n{header}', entry_point=name,
      tests=tests, reference=f'{header}\n    {body}\n',
  )


_INTS = [([1, 5],), ([],), ([7, 2, 9],), ([0],)]
_ABOVE = _evaluated(
    'keep_above',
    'Given a list of integers a, return a list of the elements greater than 3.',
    'return [x for x in a if x > 3]', [(a, [0]) for a in _INTS],
)
_FIRST = _evaluated(
    'first_two', 'Given a list of integers a, return its first two elements.',
    'return a[:2]', [(a, [0]) for a in _INTS],
)
_JOIN = _evaluated(
    'join', 'Given two strings s and t, return both of them joined.',
    'return s + t', [(('a', 'b'), 'ab')], 's, t',
)


def _proposal(body, answers, inputs=None, name='p'):
  return types.Problem(
      id=f'{name}/induction', type='proposed_induction', template=name,
      prompt='```python\ndef f(a):', entry_point='f',
      tests=list(zip(inputs or _INTS, answers, strict=True)),
      reference=f'def f(a):\n    {body}\n', question='def f(a):',
  )


_NEW = _proposal('return a[::-1] + a', [
    [5, 1, 1, 5], [], [9, 2, 7, 7, 2, 9], [0, 0],
])


class ScreenTest(absltest.TestCase):

  def _screen(self, *proposed):
    with python.PythonVerifier().pool(1) as pool:
      left_out, report = screening.screen(
          proposed, [_ABOVE, _FIRST, _JOIN], pool
      )
    return left_out, {rule for _, _, rule in report['overlaps']}, report

  def test_a_program_of_its_own_stays(self):
    left_out, rules, report = self._screen(_NEW)
    self.assertEqual((left_out, rules), (set(), set()))
    # The two references of one list, and not that of two strings.
    self.assertEqual(report['behaviours_compared'], 2)

  def test_an_equal_program_is_left_out_however_small(self):
    twin = _proposal('return a[:2]', [[1, 5], [], [7, 2], [0]])
    left_out, rules, _ = self._screen(_NEW, twin)
    self.assertEqual(left_out, {twin.id})
    self.assertEqual(rules, {'reference', 'behaviour'})

  def test_another_program_of_the_same_behaviour_is_left_out(self):
    twin = _proposal('return [*filter(lambda y: not y <= 3, a)]', [
        [5], [], [7, 9], [],
    ])
    self.assertEqual(self._screen(twin)[:2], ({twin.id}, {'behaviour'}))

  def test_another_constant_is_left_out(self):
    near = _proposal('return [y for y in a if y > 4]', [[5], [], [7, 9], [0]])
    self.assertEqual(self._screen(near)[:2], ({near.id}, {'constants'}))

  def test_a_description_in_a_comment_is_left_out(self):
    copied = _proposal(
        'return a + a  # Given a list of integers, return its first two'
        ' elements.', [[0]] * 4,
    )
    self.assertEqual(self._screen(copied)[:2], ({copied.id}, {'description'}))

  def test_what_the_verifier_fails_to_judge_is_left_out(self):
    failed = concurrent.futures.Future()
    failed.set_result(types.Verdict(
        types.ERROR, 'worker_died', 'python', '1', 'none'
    ))
    broken = mock.Mock()
    broken.submit.return_value = failed
    left_out, report = screening.screen([_NEW], [_ABOVE], broken)
    self.assertEqual(left_out, {_NEW.id})
    self.assertEqual(report['overlaps'][0][2], 'unjudged')

  def test_what_stays_passes_the_audit_and_what_does_not_stops_it(self):
    twin = _proposal('return a[:2]', [[1, 5], [], [7, 2], [0]])
    evaluated = list(map(contamination.from_problem, [_ABOVE, _FIRST]))
    report = contamination.audit(
        [contamination.from_proposal(_NEW)], evaluated
    )
    self.assertEqual(report['trained']['proposed'], 1)
    with self.assertRaises(contamination.ContaminationError):
      contamination.audit([contamination.from_proposal(twin)], evaluated)
    # As a problem of ours it would be too short to be a mark.
    contamination.audit([contamination.from_problem(twin)], evaluated)


if __name__ == '__main__':
  absltest.main()
