"""The pool against a domain without processes, then against the real one."""

import os
import threading
import time
from unittest import mock

from absl.testing import absltest
import psutil

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import pool as pool_lib
from swm_jax.verifiers import python

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
    if completion.startswith('tool'):
      raise base.ToolMissing('install the Debian package frobnicate')
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
    self.may_open = threading.Event()
    self.may_open.set()
    self.gate = threading.Event()
    self.tests = 'a'

  def open_slot(self):
    if self.refuse_to_open:
      self.refuse_to_open -= 1
      raise OSError('no processes left')
    self.open += 1
    self.opened += 1
    if not self.may_open.wait(10):
      raise OSError('the tool never started')
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
    verdict = self.pool.verify(_PROBLEM, 'bug')
    self.assertEqual((verdict.status, verdict.reason), ('error', 'worker_died'))
    self.assertIn('a bug in the domain', verdict.detail)
    # Whatever raised is not used again, and retries are bounded.
    self.assertEqual(self.domain.ran, ['bug'] * 3)
    self.assertEqual(self.domain.opened, 3)
    self.assertEqual(self.domain.open, 0)
    self.assertTrue(self.pool.verify(_PROBLEM, 'good').passed)

  def test_a_missing_tool_is_said_once_and_not_tried_again(self):
    verdict = self.pool.verify(_PROBLEM, 'tool')
    self.assertEqual(
        (verdict.status, verdict.reason), ('error', 'tool_missing')
    )
    self.assertIn('frobnicate', verdict.detail)
    self.assertEqual(self.domain.ran, ['tool'])
    self.assertEqual(self.pool.counts['retried'], 0)

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

  def test_verdicts_come_before_the_batch_is_read_to_its_end(self):
    read = []

    def pairs():
      for i in range(2000):
        read.append(i)
        yield _PROBLEM, f'good {i}'

    verdicts = self.pool.verify_batch(pairs())
    next(verdicts)
    self.assertLess(len(read), 200)
    self.assertLen(list(verdicts), 1999)

  def test_a_deadline_ends_a_batch_that_does_not_fit_the_queue(self):
    start = time.monotonic()
    got = dict(
        self.pool.verify_batch(
            [(_PROBLEM, f'wait {i}') for i in range(1000)], deadline_seconds=0.3
        )
    )
    self.assertLess(time.monotonic() - start, 2.0)
    self.domain.gate.set()
    self.assertLen(got, 1000)
    self.assertEqual({v.reason for v in got.values()}, {'deadline'})

  def test_a_deadline_binds_only_those_who_set_it(self):
    for i in range(2):
      self.pool.submit(_PROBLEM, f'wait {i}')
    short = self.pool.submit(
        _PROBLEM, 'good', deadline=time.monotonic() + 0.2
    )
    patient = self.pool.submit(_PROBLEM, 'good')
    time.sleep(0.3)
    self.domain.gate.set()
    self.assertTrue(patient.result(5).passed)
    self.assertTrue(short.result(5).passed)

  def test_who_waits_for_room_gives_up_at_its_deadline_and_nobody_else(self):
    for i in range(2 + 128):  # Two run, and the queue is full.
      self.pool.submit(_PROBLEM, f'wait {i}')
    got = []

    def impatient(source):
      start = time.monotonic()
      future = self.pool.submit(_PROBLEM, source, deadline=start + 0.5)
      got.append((source, future, time.monotonic() - start))

    threads = [
        threading.Thread(target=impatient, args=(source,))
        for source in ('good alone', 'good joined')
    ]
    for thread in threads:
      thread.start()
    time.sleep(0.2)
    patient = self.pool.submit(_PROBLEM, 'good joined')
    for thread in threads:
      thread.join(5)
    self.assertLess(max(seconds for _, _, seconds in got), 2.0)
    self.domain.gate.set()
    got = {source: future.result(10) for source, future, _ in got}
    self.assertEqual(got['good alone'].reason, 'deadline')
    self.assertTrue(got['good joined'].passed)
    self.assertTrue(patient.result(10).passed)
    # A later request for what was given up is a new one.
    self.assertTrue(self.pool.verify(_PROBLEM, 'good alone').passed)

  def test_no_request_can_be_cancelled_for_the_others(self):
    future = self.pool.submit(_PROBLEM, 'wait')
    self.assertFalse(future.cancel())
    again = self.pool.submit(_PROBLEM, 'wait')
    self.domain.gate.set()
    self.assertEqual(again.result(5).reason, 'wrong_answer')

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

  def test_close_does_not_wait_for_a_slot_that_hangs_while_it_opens(self):
    self.domain.may_open.clear()
    waits = self.pool.submit(_PROBLEM, 'good')
    time.sleep(0.1)
    with mock.patch.object(pool_lib, '_CLOSE_SECONDS', 0.3):
      start = time.monotonic()
      self.pool.close()
    self.assertLess(time.monotonic() - start, 2.0)
    self.assertEqual(waits.result(0).status, types.ERROR)
    # When it opens after all it is closed, without a candidate.
    self.domain.may_open.set()
    end = time.monotonic() + 5
    while self.domain.open and time.monotonic() < end:
      time.sleep(0.01)
    self.assertEqual(self.domain.open, 0)
    self.assertEqual(self.domain.ran, [])

  def test_close_answers_those_who_wait_for_room(self):
    got = []

    def submit_all(name):
      try:
        for i in range(400):
          got.append(self.pool.submit(_PROBLEM, f'wait {name} {i}'))
      except RuntimeError:
        return  # Closed.

    threads = [
        threading.Thread(target=submit_all, args=(name,)) for name in range(8)
    ]
    for thread in threads:
      thread.start()
    time.sleep(0.3)
    closer = threading.Thread(target=self.pool.close)
    closer.start()
    self.domain.gate.set()
    for thread in [*threads, closer]:
      thread.join(10)
      self.assertFalse(thread.is_alive())
    # As many as fit the queue and the slots, and one each that waited.
    self.assertLen(got, 128 + 2 + 8)
    for future in got:
      self.assertIn(future.result(0).status, (types.ERROR, types.FAIL))

  def test_a_verdict_may_close_the_pool(self):
    future = self.pool.submit(_PROBLEM, 'wait')
    closed = threading.Event()

    def close(_):
      self.pool.close()
      closed.set()

    future.add_done_callback(close)
    self.domain.gate.set()
    self.assertTrue(closed.wait(5))

  def test_a_fork_of_the_owner_is_told_so(self):
    pid = os.fork()
    if pid == 0:
      try:
        self.pool.submit(_PROBLEM, 'good')
      except RuntimeError:
        os._exit(0)
      finally:
        os._exit(1)
    self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)

  def test_no_slots_is_refused(self):
    with self.assertRaisesRegex(ValueError, 'slots must be at least 1'):
      pool_lib.Pool(self.domain, slots=0)

  def test_a_reason_outside_the_closed_set_is_refused(self):
    with self.assertRaisesRegex(ValueError, 'no reason'):
      base.make_verdict(self.domain, types.PASS, 'wrong_answer')


class ProcessTest(absltest.TestCase):
  """The same pool on the Python verifier, with its processes."""

  def setUp(self):
    super().setUp()
    self.before = _children()
    self.verifier = python.PythonVerifier()

  def _is_over(self):
    """Every process that the pool started has ended."""
    _, alive = psutil.wait_procs(_children() - self.before, timeout=5)
    self.assertEqual(alive, [])

  def test_many_threads_share_a_pool(self):
    got, threads = {}, []

    def ask(name, pool):
      for i in range(20):
        # Half of the questions are those of the other threads too.
        source = f'def solve(n):\n  return n + 1 # {i if i % 2 else (name, i)}'
        got[name, i] = pool.verify(_PROBLEM, source)

    with self.verifier.pool(2) as pool:
      for name in range(8):
        threads.append(threading.Thread(target=ask, args=(name, pool)))
        threads[-1].start()
      for thread in threads:
        thread.join(60)
      self.assertEqual(pool.counts['submitted'], 160)
      self.assertEqual(pool.counts[types.PASS], 8 * 10 + 10)
      self.assertEqual(pool.counts['cached'], 7 * 10)
    self.assertLen(got, 160)
    self.assertTrue(all(verdict.passed for verdict in got.values()))
    self._is_over()

  def test_a_deadline_passes_over_candidates_that_hang(self):
    sources = ['def solve(n):\n  return n + 1', *(
        f'import time\ndef solve(n):\n  time.sleep(60) # {i}' for i in range(9)
    )]
    with self.verifier.pool(2) as pool:
      pool.verify(_PROBLEM, 'opens = a_slot')
      start = time.monotonic()
      got = dict(
          pool.verify_batch(
              [(_PROBLEM, source) for source in sources], deadline_seconds=1
          )
      )
      self.assertLess(time.monotonic() - start, 3.0)
      self.assertTrue(got[0].passed)
      self.assertEqual({got[i].reason for i in range(1, 10)}, {'deadline'})
      start = time.monotonic()
    self.assertLess(time.monotonic() - start, 3.0)  # Closed in the middle.
    self._is_over()

  def test_closing_while_threads_submit_leaves_nothing(self):
    pool = self.verifier.pool(2)
    futures = []

    def submit_all(name):
      try:
        for i in range(1000):
          source = f'def solve(n):\n  return n + 1 # {name} {i}'
          futures.append(pool.submit(_PROBLEM, source))
      except RuntimeError:
        return

    threads = [
        threading.Thread(target=submit_all, args=(name,)) for name in range(4)
    ]
    for thread in threads:
      thread.start()
    time.sleep(2)
    pool.close()
    for thread in threads:
      thread.join(10)
      self.assertFalse(thread.is_alive())
    statuses = {future.result(0).status for future in futures}
    self.assertEqual(statuses, {types.PASS, types.ERROR})
    self._is_over()


def _children():
  return set(psutil.Process().children(recursive=True))


if __name__ == '__main__':
  absltest.main()
