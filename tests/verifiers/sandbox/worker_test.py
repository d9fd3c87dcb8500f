"""Judge programs in a confined child, with the packages that they call."""

import os
import pathlib
import subprocess
import sys
import textwrap

from absl.testing import absltest
from absl.testing import parameterized

from swm_jax.verifiers import base
from swm_jax.verifiers.sandbox import levels
from swm_jax.verifiers.sandbox import protocol
from swm_jax.verifiers.sandbox import worker as worker_lib

_LEVELS = levels.LEVELS[:2]
_LIMITS = base.Limits(cpu_seconds=2.0, wall_seconds=20.0)
_NOBODY = 65534

_JUDGES = {
    'z3': """
        import z3
        def judge(square):
          x = z3.Int('x')
          solver = z3.Solver()
          solver.add(x * x == square, x > 0)
          return str(solver.check()), solver.model()[x].as_long()
    """,
    'cvc5': """
        import cvc5
        def judge(square):
          solver = cvc5.Solver()
          solver.setLogic('QF_NIA')
          solver.setOption('produce-models', 'true')
          x = solver.mkConst(solver.getIntegerSort(), 'x')
          kind = cvc5.Kind
          solver.assertFormula(solver.mkTerm(
              kind.EQUAL, solver.mkTerm(kind.MULT, x, x),
              solver.mkInteger(square)))
          solver.assertFormula(
              solver.mkTerm(kind.GT, x, solver.mkInteger(0)))
          return str(solver.checkSat()), solver.getValue(x).getIntegerValue()
    """,
    'openmm': """
        import openmm
        def judge(square):
          answers = []
          for name in ('Reference', 'CPU'):
            system = openmm.System()
            system.addParticle(1.0)
            force = openmm.CustomExternalForce('x^2')
            force.addParticle(0)
            system.addForce(force)
            platform = openmm.Platform.getPlatformByName(name)
            context = openmm.Context(
                system, openmm.VerletIntegrator(0.001), platform)
            context.setPositions([openmm.Vec3(square ** 0.5, 0, 0)])
            energy = context.getState(getEnergy=True).getPotentialEnergy()
            answers.append(round(energy._value))
          return ('sat', 7) if answers == [square] * 2 else answers
    """,
    'pyosys': """
        from pyosys import libyosys
        def judge(square):
          design = libyosys.Design()
          with open('a.v', 'w') as stream:
            stream.write('module a(input x, y, output z, w);'
                         'assign z = x & y; assign w = ~(~x | ~y); endmodule')
          for command in ('read_verilog a.v', 'prep', 'techmap', 'opt',
                          'sat -verify -prove z w', 'write_json a.json'):
            libyosys.run_pass(command, design)
          return 'sat', 7 if 'cells' in open('a.json').read() else 0
    """,
}


class _Workers(parameterized.TestCase):

  def worker(self, level, **options):
    reason = levels.probe(level)
    if reason:
      self.skipTest(reason)
    worker = worker_lib.Worker(level, **options)
    self.addCleanup(worker.close)
    return worker


class PackagesTest(_Workers):

  @parameterized.product(level=_LEVELS, package=tuple(_JUDGES))
  def test_a_package_works_in_a_confined_child(self, level, package):
    worker = self.worker(level, packages=(package,))
    source = textwrap.dedent(_JUDGES[package])
    for _ in range(2):
      outcome, value = worker.call(source, 'judge', (49,), _LIMITS)
      self.assertEqual(outcome.status, worker_lib.PASSED, outcome)
      self.assertEqual(value, ('sat', 7))

  @parameterized.parameters(*_LEVELS)
  def test_only_the_named_packages_are_readable(self, level):
    import z3  # pylint: disable=g-import-not-at-top

    worker = self.worker(level, packages=('cvc5',))
    source = textwrap.dedent("""
        import importlib, os
        def judge(other):
          found = []
          for name in ('z3', 'absl', 'jax'):
            try:
              importlib.import_module(name)
              found.append(name)
            except ImportError:
              pass
          try:
            found += os.listdir(other)
          except OSError:
            pass
          return found
    """)
    folder = os.path.dirname(z3.__file__)
    outcome, value = worker.call(source, 'judge', (folder,), _LIMITS)
    self.assertEqual(value, [], outcome)

  def test_a_missing_package_is_named(self):
    with self.assertRaisesRegex(OSError, 'no_such_package is not installed'):
      worker_lib.Worker(levels.choose(), packages=('no_such_package',))


@parameterized.parameters(*_LEVELS)
class CallTest(_Workers):

  def test_arguments_and_values_are_plain_data(self, level):
    worker = self.worker(level)
    value = {'a': [1, 2.5, (None, b'x')], 'b': {1, 2}}
    outcome, back = worker.call(
        'def judge(a, b):\n  return b, a', 'judge', (value, 'ü\ud800'), _LIMITS
    )
    self.assertEqual((outcome.status, outcome.reason), ('pass', 'passed'))
    self.assertEqual(back, ('ü\ud800', value))
    with self.assertRaises(protocol.Refused):
      worker.call('', 'judge', (object(),), _LIMITS)

  def test_failures_have_a_reason_and_no_value(self, level):
    worker = self.worker(level)
    for body, reason in (
        ('1 / 0', 'exception'),
        ('return object()', 'refused'),
        ('return "x" * 10**6', 'output'),
        ('import os; os._exit(0)', 'crash'),
        ('import os; os.fork()', 'forbidden'),
        ('return [0] * 10**10', 'memory'),
        ('import time; time.sleep(60)', 'time'),
    ):
      limits = base.Limits(cpu_seconds=1.0, wall_seconds=1.0)
      outcome, value = worker.call(
          f'def judge(x):\n  {body}', 'judge', (1,), limits
      )
      self.assertEqual((outcome.reason, value), (reason, None), outcome)
      self.assertEqual(outcome.status, worker_lib.FAILED)
    outcome, value = worker.call('x = 1', 'judge', (1,), _LIMITS)
    self.assertEqual((outcome.reason, value), ('missing', None))
    outcome, value = worker.call('', 'judge', ('x' * (17 << 20),), _LIMITS)
    self.assertEqual((outcome.status, value), (worker_lib.FAILED, None))

  def test_a_value_that_took_too_long_is_none(self, level):
    worker = self.worker(level)
    source = (
        'import time\n'
        'def judge(x):\n'
        '  while time.process_time() < 0.6: pass\n'
        '  return x\n'
    )
    limits = base.Limits(cpu_seconds=0.5, wall_seconds=20.0)
    outcome, value = worker.call(source, 'judge', (1,), limits)
    self.assertEqual((outcome.reason, value), ('time', None))

  def test_a_killed_worker_says_so(self, level):
    worker = self.worker(level)
    worker.kill()
    with self.assertRaises(worker_lib.WorkerDied):
      worker.call('def judge(x):\n  return x', 'judge', (1,), _LIMITS)


_PROGRAM = """
import os, sys
from swm_jax.verifiers import base
from swm_jax.verifiers.sandbox import levels, toolbox, worker
assert os.getuid() == 65534
limits = base.Limits(cpu_seconds=5.0, wall_seconds=30.0)
for level in levels.LEVELS[:2]:
  reason = levels.probe(level)
  if reason:
    print(level, reason)
    continue
  it = worker.Worker(level, packages=('z3', 'cvc5', 'openmm', 'pyosys'))
  source = '''
import z3, os
def judge(x):
  try:
    os.fork()
  except OSError:
    return z3.simplify(z3.IntVal(x) + 1).as_long(), 0 in os.getresuid()
'''
  outcome, value = it.call(source, 'judge', (4,), limits)
  it.close()
  assert value == (5, False), outcome
  box = toolbox.Toolbox(level, toolbox.Profile(
      executable=('/bin/sh', '/bin/cat'), spawn=True))
  done = box.run(['/bin/sh', '-c', 'cat a; cat /etc/passwd; (sleep 9 &)'],
                 files={'a': b'text'}, limits=limits)
  box.close()
  assert done.stdout == b'text', done
print('end')
"""


class UnprivilegedTest(absltest.TestCase):

  def test_an_ordinary_user_has_both_ends(self):
    if os.geteuid():
      self.skipTest('not root: all other tests show it')
    interpreter = _interpreter_of_all()
    if interpreter is None:
      self.skipTest('no interpreter of this version that others can execute')
    root = pathlib.Path(base.__file__).parents[2]
    paths = [str(root), *filter(os.path.isdir, sys.path)]
    done = subprocess.run(
        [interpreter, '-B', '-c', _PROGRAM],
        user=_NOBODY,
        group=_NOBODY,
        extra_groups=[],
        env={'PYTHONPATH': os.pathsep.join(paths), 'HOME': '/'},
        cwd='/',
        capture_output=True,
        text=True,
        check=False,
    )
    self.assertTrue(done.stdout.endswith('end\n'), done)


def _interpreter_of_all() -> str | None:
  version = f'{sys.version_info[0]}.{sys.version_info[1]}'
  for path in (sys.executable, f'/usr/bin/python{version}'):
    try:
      done = subprocess.run(
          [path, '-c', ''], user=_NOBODY, check=False, capture_output=True
      )
    except OSError:
      continue
    if done.returncode == 0:
      return path
  return None


if __name__ == '__main__':
  absltest.main()
