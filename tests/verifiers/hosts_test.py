"""Verification on several hosts: two processes of four devices each."""

import json
import os
import socket
import subprocess
import sys
import textwrap

from absl.testing import absltest
import jax.numpy as jnp
import numpy as np

from swm_jax import sharding
from swm_jax import types
from swm_jax.verifiers import hosts
from swm_jax.verifiers import python

_RECORD = {'name': 'python', 'version': '1/3.11', 'isolation': 'namespaces'}


def _verdict(status, reason, **fields):
  return types.Verdict(status, reason, 'python', '1', 'namespaces', **fields)


_PASS = _verdict('pass', 'passed')
_FAIL = _verdict('fail', 'time')
_ERROR = _verdict('error', 'deadline')
_WEAK = _verdict('pass', 'passed', weak=True)

# Host 0 has four honest candidates, host 1 two and two that outlive the
# deadline. Both reduce the arrays over all devices.
_HOST = textwrap.dedent('''
    import json, os, sys, time
    process, port, case = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    import jax
    jax.distributed.initialize(f'localhost:{port}', 2, process)
    import jax.numpy as jnp
    from swm_jax import sharding, types
    from swm_jax.verifiers import base, hosts, python

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
    verifier = python.PythonVerifier(limits=limits)
    problem = types.Problem('p', 't', 't', '', 'f', [((1,), 2)])
    pairs = [(problem, f'def f(n): return {n}') for n in range(4)]
    if process:
      pairs[2:] = [
          (problem, f'import time\\ndef f(n): time.sleep(60 + {n})')
          for n in range(2)
      ]
    with verifier.pool(2) as pool:
      pool.verify(problem, 'opens = a_slot')
      start = time.monotonic()
      verdicts = hosts.judge(pool, pairs, rows=4, deadline_seconds=1.5)
      seconds = time.monotonic() - start
      mesh = sharding.make_mesh({'data': 8})
      reward, mask = hosts.rewards(verdicts, mesh)
      mean = jax.jit(lambda r, m: (jnp.where(m, r, 0).sum(), m.sum()))
      total, count = mean(reward, mask)
      say(weakest=weakest, seconds=seconds, shape=reward.shape,
          reasons=[v.reason for v in verdicts], devices=jax.device_count(),
          total=float(total), count=int(count),
          own=[float(s.data[0]) for s in reward.addressable_shards])
''')


def _run(case):
  """Returns what each of two hosts said."""
  with socket.socket() as probe:
    probe.bind(('localhost', 0))
    port = probe.getsockname()[1]
  environment = {
      **os.environ,
      'JAX_PLATFORMS': 'cpu',
      'XLA_FLAGS': '--xla_force_host_platform_device_count=4',
  }
  running = [
      subprocess.Popen(
          [sys.executable, '-c', _HOST, str(process), str(port), case],
          env=environment,
          stdout=subprocess.PIPE,
          stderr=subprocess.PIPE,
          text=True,
      )
      for process in range(2)
  ]
  said = []
  try:
    for host in running:
      out, err = host.communicate(timeout=60)
      if host.returncode:
        raise AssertionError(err)
      # Gloo speaks as well.
      said += [json.loads(x) for x in out.splitlines() if x.startswith('{')]
  finally:
    for host in running:
      host.kill()
      host.wait()
  return said


class TwoHostsTest(absltest.TestCase):

  def test_a_slow_host_masks_its_rows_and_both_return(self):
    first, second = _run('slow')
    self.assertEqual(first['devices'], 8)
    self.assertEqual(first['shape'], [8])
    wrong = 'wrong_answer'
    self.assertEqual(first['reasons'], [wrong, wrong, 'passed', wrong])
    self.assertEqual(second['reasons'], [wrong, wrong, 'deadline', 'deadline'])
    self.assertLess(second['seconds'], 10.0)
    # Each host holds its own rows; the sums are those of all.
    self.assertEqual(first['own'], [0.0, 0.0, 1.0, 0.0])
    self.assertEqual(second['own'], [0.0, 0.0, 0.0, 0.0])
    for host in (first, second):
      self.assertEqual((host['total'], host['count']), (1.0, 6))
      self.assertEqual(host['weakest'], 'landlock+seccomp')

  def test_hosts_with_other_versions_stop_with_one_sentence(self):
    expected = (
        'host 1 verifies with python 1/3.12.1 and host 0 with python 1/3.11.2;'
        ' install the same versions on every host'
    )
    self.assertEqual(_run('versions'), [{'error': expected}] * 2)

  def test_hosts_with_other_tests_stop_with_one_sentence(self):
    for said in _run('problems'):
      self.assertStartsWith(said['error'], 'host 1 has other problems or tests')


class OneHostTest(absltest.TestCase):

  def test_rewards_and_mask(self):
    mesh = sharding.make_mesh({'data': 4, 'fsdp': 2})
    verdicts = [_PASS, _FAIL, _ERROR, _WEAK] * 2
    reward, mask = hosts.rewards(verdicts, mesh)
    self.assertEqual(reward.dtype, jnp.float32)
    self.assertEqual(mask.dtype, jnp.bool_)
    self.assertEqual(reward.sharding, sharding.batch_sharding(mesh, 1))
    np.testing.assert_array_equal(reward, [1, 0, 0, 0] * 2)
    np.testing.assert_array_equal(mask, [True, True, False, False] * 2)
    reward, mask = hosts.rewards(verdicts, mesh, accept_weak=True)
    np.testing.assert_array_equal(reward, [1, 0, 0, 1] * 2)
    np.testing.assert_array_equal(mask, [True, True, False, True] * 2)

  def test_a_mesh_that_takes_rows_from_their_host_is_named(self):
    mesh = sharding.make_mesh({'data': 8})
    with self.assertRaisesRegex(ValueError, 'the 3 verdicts of each'):
      hosts.rewards([_PASS] * 3, mesh)

  def test_rows_without_a_candidate_are_masked(self):
    problem = types.Problem('p', 't', 't', '', 'f', [((1,), 2)])
    with python.PythonVerifier().pool(1) as pool:
      verdicts = hosts.judge(
          pool,
          [(problem, 'def f(n): return 2')],
          rows=3,
          deadline_seconds=60.0,
      )
      self.assertEqual([v.status for v in verdicts], ['pass', 'error', 'error'])
      with self.assertRaisesRegex(ValueError, '4 candidates do not fit 3 rows'):
        hosts.judge(pool, [(problem, '')] * 4, rows=3, deadline_seconds=1.0)

  def test_one_host_agrees_with_itself(self):
    weak = _RECORD | {'isolation': 'landlock+seccomp'}
    none = _RECORD | {'isolation': 'none'}
    self.assertEqual(hosts.agree([_RECORD]), 'namespaces')
    self.assertEqual(hosts.agree([_RECORD, weak, none]), 'landlock+seccomp')


if __name__ == '__main__':
  absltest.main()
