"""Verification on several hosts: two processes of four devices each."""

import textwrap
import threading
import time

from absl.testing import absltest

from swm_jax import types
from swm_jax.verifiers import hosts
from swm_jax.verifiers import python
from swm_jax.verifiers import router
from tests import two_processes

_RECORD = {'name': 'python', 'version': '1/3.11', 'isolation': 'namespaces'}


# Host 0 has four honest candidates, host 1 two and two that outlive the
# deadline.
_HOST = textwrap.dedent('''
    import json, sys, time
    process, port, case = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    import jax
    jax.distributed.initialize(f'localhost:{port}', 2, process)
    from swm_jax import agreement, types
    from swm_jax.verifiers import base, hosts, python, router

    def say(**values):
      print(json.dumps(values), flush=True)

    record = {'name': 'python', 'version': '1/3.11.2',
              'isolation': ('namespaces', 'landlock+seccomp')[process]}
    if case == 'versions' and process:
      record['version'] = '1/3.12.1'
    try:
      weakest = hosts.agree([record], f'{case == "problems" and process}')
    except ValueError as error:
      say(error=str(error))
      sys.exit()
    limits = base.Limits(cpu_seconds=60.0, wall_seconds=60.0)
    problem = types.Problem('p', 't', 't', '', 'f', [((1,), 2)])
    sources = [f'def f(n): return {n}' for n in range(4)]
    if process:
      sources[2:] = [
          f'import time\\ndef f(n): time.sleep(60 + {n})' for n in range(2)
      ]
    pool = python.PythonVerifier(limits=limits).pool(2)
    with router.Router({'python': pool}) as verifiers:
      pool.verify(problem, 'opens = a_slot')
      start = time.monotonic()
      batch = hosts.Batch(verifiers, deadline_seconds=1.5)
      for row, source in enumerate(sources):
        batch.submit(row, problem, source)
      verdicts = batch.collect()
      reasons = [verdicts[row].reason for row in range(4)]
      say(weakest=weakest, seconds=time.monotonic() - start,
          reasons=agreement.exchange(reasons))
''')


class TwoHostsTest(absltest.TestCase):

  def test_a_slow_host_masks_its_rows_and_both_return(self):
    wrong = 'wrong_answer'
    for host in two_processes.run(_HOST, 'slow'):
      self.assertEqual(host['reasons'], [
          [wrong, wrong, 'passed', wrong],
          [wrong, wrong, 'deadline', 'deadline'],
      ])
      self.assertLess(host['seconds'], 10.0)
      self.assertEqual(host['weakest'], 'landlock+seccomp')

  def test_hosts_with_other_versions_stop_with_one_sentence(self):
    expected = (
        'host 1 verifies with python 1/3.12.1 and host 0 with python 1/3.11.2;'
        ' install the same versions on every host'
    )
    self.assertEqual(
        two_processes.run(_HOST, 'versions'), [{'error': expected}] * 2
    )

  def test_hosts_with_other_tests_stop_with_one_sentence(self):
    for said in two_processes.run(_HOST, 'problems'):
      self.assertStartsWith(said['error'], 'host 1 has other problems or tests')


class Hanging:
  """A pool that takes its first candidate and lets go of nobody."""

  name, version, isolation = 'python', '1', 'namespaces'

  def __init__(self):
    self._never = threading.Event()
    self.submitted = 0

  def submit(self, problem, source):
    del problem, source
    self.submitted += 1
    self._never.wait()
    raise RuntimeError('the pool is closed')

  def close(self):
    self._never.set()


class OneHostTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    self.problem = types.Problem('p', 't', 't', '', 'f', [((1,), 2)])

  def batch(self, verifiers, *sources, seconds):
    batch = hosts.Batch(verifiers, seconds)
    for row, source in enumerate(sources):
      batch.submit(row, self.problem, source)
    verdicts = batch.collect()
    return [verdicts[row] for row in range(len(sources))]

  def test_verdicts_belong_to_their_rows(self):
    right, wrong = 'def f(n): return 2', 'def f(n): return 3'
    with router.Router({'python': python.PythonVerifier().pool(2)}) as pools:
      for seconds in (None, 60.0):
        verdicts = self.batch(pools, right, wrong, right, seconds=seconds)
        self.assertEqual([v.passed for v in verdicts], [True, False, True])

  def test_a_pool_that_blocks_who_submits_is_left_at_the_deadline(self):
    pool = Hanging()
    with router.Router({'python': pool}) as pools:
      start = time.monotonic()
      verdicts = self.batch(pools, 'a', 'b', 'c', seconds=0.2)
      self.assertLess(time.monotonic() - start, 5.0)
    self.assertEqual(
        {(v.status, v.reason, v.verifier) for v in verdicts},
        {('error', 'deadline', 'python')},
    )
    # What is late is not asked for any more.
    self.assertEqual(pool.submitted, 1)

  def test_a_closed_pool_masks_at_once(self):
    pools = router.Router({'python': python.PythonVerifier().pool(1)})
    pools.close()
    [verdict] = self.batch(pools, 'a', seconds=60.0)
    self.assertEqual((verdict.status, verdict.reason), ('error', 'worker_died'))

  def test_a_problem_of_no_pool_is_an_error_of_the_caller(self):
    for seconds in (None, 60.0):
      with self.assertRaises(KeyError):
        self.batch(router.Router({'coq': Hanging()}), 'a', seconds=seconds)

  def test_one_host_agrees_with_itself(self):
    weak = _RECORD | {'isolation': 'landlock+seccomp'}
    none = _RECORD | {'isolation': 'none'}
    self.assertEqual(hosts.agree([_RECORD]), 'namespaces')
    self.assertEqual(hosts.agree([_RECORD, weak, none]), 'landlock+seccomp')


if __name__ == '__main__':
  absltest.main()
