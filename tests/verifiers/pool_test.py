"""The pool against a domain without processes, then against the real one."""

import threading
import time

from absl.testing import absltest

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import pool as pool_lib

_PROBLEM = types.Problem('p', 't', 't', '', 'solve', [((1,), 2)])


class _Slot:

  def __init__(self, domain):
    self._domain = domain
    self.aborted = threading.Event()

  def verify(self, problem, completion, limits):
    del problem, limits
    domain = self._domain
    domain.ran.append(completion)
    if completion.startswith('wait'):
      domain.gate.wait(10)
    if completion.startswith('hang'):
      self.aborted.wait(10)
      return base.make_verdict(domain, types.ERROR, 'worker_died')
    if completion.startswith('bug'):
      raise KeyError('a bug in the domain')
    if domain.failures:
      return base.make_verdict(domain, types.ERROR, domain.failures.pop())
    good = completion.startswith('good')
    return base.make_verdict(
        domain,
        types.PASS if good else types.FAIL,
        'passed' if good else 'wrong_answer',
    )

  def abort(self):
    self.aborted.set()

  def close(self):
    self._domain.open -= 1


class _Domain:
  """Counts slots and candidates; fails when told to."""

  name, version, isolation = 'fake', '1', 'none'
  limits = base.Limits()

  def __init__(self):
    self.ran, self.failures = [], []
    self.open = self.opened = 0
    self.refuse_to_open = 0
    self.gate = threading.Event()
    self.tests = 'a'

  def open_slot(self, index):
    del index
    if self.refuse_to_open:
      self.refuse_to_open -= 1
      raise OSError('no processes left')
    self.open += 1
    self.opened += 1
    return _Slot(self)

  def fingerprint(self, problem):
    return problem.id + self.tests


class PoolTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    self.domain = _Domain()
    self.pool = pool_lib.Pool(self.domain, slots=2)
    self.addCleanup(self.pool.close)

  def test_a_batch_comes_back_whole_with_its_indices(self):
    sources = [f'good {i}' if i % 3 else f'bad {i}' for i in range(40)]
    got = dict(self.pool.verify_batch((_PROBLEM, s) for s in sources))
    self.assertEqual(
        [got[i].passed for i in range(40)], [bool(i % 3) for i in range(40)]
    )
    self.assertLessEqual(self.domain.opened, 2)

  def test_equal_candidates_are_verified_once(self):
    got = list(self.pool.verify_batch([(_PROBLEM, 'good')] * 5))
    self.assertLen(got, 5)
    self.pool.verify(_PROBLEM, 'good')
    self.assertEqual(self.domain.ran, ['good'])
    self.assertEqual(self.pool.counts['cached'], 5)

  def test_other_tests_or_limits_are_another_question(self):
    self.pool.verify(_PROBLEM, 'good')
    self.domain.tests = 'b'
    self.pool.verify(_PROBLEM, 'good')
    self.pool.submit(
        _PROBLEM, 'good', limits=base.Limits(cpu_seconds=1.0)
    ).result()
    self.assertLen(self.domain.ran, 3)

  def test_errors_are_retried_and_not_cached(self):
    self.domain.failures = ['overloaded', 'worker_died']
    self.assertTrue(self.pool.verify(_PROBLEM, 'good').passed)
    self.assertEqual(self.domain.opened, 2)  # A dead worker is replaced.
    self.domain.failures = ['overloaded'] * 3
    verdict = self.pool.verify(_PROBLEM, 'good 2')
    self.assertEqual((verdict.status, verdict.reason), ('error', 'overloaded'))
    self.assertFalse(verdict.valid)
    self.assertTrue(self.pool.verify(_PROBLEM, 'good 2').passed)

  def test_a_slot_that_cannot_open_is_an_error_and_no_exception(self):
    self.domain.refuse_to_open = 3
    verdict = self.pool.verify(_PROBLEM, 'good')
    self.assertEqual(verdict.reason, 'worker_died')
    self.assertIn('no processes left', verdict.detail)
    self.assertTrue(self.pool.verify(_PROBLEM, 'good').passed)

  def test_a_bug_in_a_domain_is_an_error_and_the_slot_goes_on(self):
    self.assertEqual(self.pool.verify(_PROBLEM, 'bug').status, types.ERROR)
    self.assertTrue(self.pool.verify(_PROBLEM, 'good').passed)

  def test_the_deadline_masks_what_is_missing(self):
    pairs = [(_PROBLEM, 'good')] + [(_PROBLEM, f'wait {i}') for i in range(6)]
    start = time.monotonic()
    got = dict(self.pool.verify_batch(pairs, deadline_seconds=0.3))
    self.assertLess(time.monotonic() - start, 2.0)
    self.assertLen(got, 7)
    self.assertTrue(got[0].passed)
    self.assertEqual({got[i].reason for i in range(1, 7)}, {'deadline'})
    self.domain.gate.set()
    self.pool.verify(_PROBLEM, 'good 2')
    # Those still queued at the deadline were never started.
    self.assertLess(sum(s.startswith('wait') for s in self.domain.ran), 4)

  def test_a_full_queue_holds_the_caller(self):
    done = threading.Event()

    def submit_all():
      for i in range(400):
        self.pool.submit(_PROBLEM, f'wait {i}')
      done.set()

    thread = threading.Thread(target=submit_all)
    thread.start()
    self.assertFalse(done.wait(0.3))
    self.domain.gate.set()
    self.assertTrue(done.wait(10))
    thread.join()

  def test_close_ends_what_runs_and_answers_what_waits(self):
    futures = [self.pool.submit(_PROBLEM, f'hang {i}') for i in range(5)]
    time.sleep(0.1)
    start = time.monotonic()
    self.pool.close()
    self.assertLess(time.monotonic() - start, 2.0)
    for future in futures:
      self.assertEqual(future.result(1).status, types.ERROR)
    self.assertEqual(self.domain.open, 0)
    with self.assertRaisesRegex(RuntimeError, 'closed'):
      self.pool.submit(_PROBLEM, 'good')

  def test_no_slots_is_refused(self):
    with self.assertRaisesRegex(ValueError, 'slots must be at least 1'):
      pool_lib.Pool(self.domain, slots=0)

  def test_a_reason_outside_the_closed_set_is_refused(self):
    with self.assertRaisesRegex(ValueError, 'no reason'):
      base.make_verdict(self.domain, types.PASS, 'wrong_answer')


if __name__ == '__main__':
  absltest.main()
