"""Every hostile program fails without harm; every honest one passes."""

import importlib.util
import os
import pathlib
import sysconfig
import threading
import time

import psutil
import pytest

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import python
from swm_jax.verifiers.sandbox import kernel
from swm_jax.verifiers.sandbox import levels

_spec = importlib.util.spec_from_file_location(
    'programs', pathlib.Path(__file__).with_name('programs.py')
)
programs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(programs)

_SQUARES = [((n,), n * n + 1) for n in (3, 5, 0, -2, 10)]
_MIN_HOSTILE, _MIN_HONEST = 120, 40
_CLONE_NEWIPC = 0x08000000
# Reasons that the named program must have; any failure will do for the others.
_REASONS = {
    'resources/fork_bomb': ('time', 'memory'),
    'resources/memory_list': ('memory', 'time'),
    'resources/memory_one_allocation': ('memory',),
    'resources/many_files': ('output', 'exception', 'time'),
    'resources/many_empty_files': ('output', 'exception', 'time'),
    'exits/exit_zero': ('crash',),
    'exits/null_pointer': ('crash',),
    'tampering/equal_to_everything': ('refused',),
    'tampering/equal_object': ('refused',),
    'tampering/true_for_one': ('wrong_answer',),
    'leaks/host_file': ('forbidden', 'exception'),
    'escapes/execute': ('forbidden', 'exception'),
    'forgery/not_json': ('forbidden',),
    'forgery/deep_json': ('forbidden',),
    'forgery/endless_frame': ('output',),
    'forgery/endless_answer': ('output',),
    'forgery/table_of_equal_hashes': ('forbidden',),
    'forgery/nested_tables_of_equal_hashes': ('forbidden',),
    'forgery/dripping_frame': ('time',),
    'escapes/limits_of_the_verifier': ('forbidden', 'exception'),
    'escapes/urgent_bytes': ('forbidden', 'exception'),
    'tampering/float_that_spells_itself': ('refused',),
    'tampering/array_of_objects': ('refused',),
    'timing/sleep': ('time',),
    'timing/spin': ('time',),
    'timing/ignore_signals': ('time',),
}


# A WebAssembly machine has no NumPy, thread, file, timer or event loop.
_NOT_IN_WASM = {
    'asyncio_tasks', 'dates', 'named_temporary_file', 'numpy_lazy_modules',
    'numpy_matrix', 'numpy_scalar', 'numpy_scalars_in_containers',
    'shared_libraries', 'signals_and_timers', 'temporary_file', 'threads',
}


def _problem(name, tests):
  return types.Problem(name, 'test', name, '', 'solve', tests)


def _force(monkeypatch, level):
  monkeypatch.setenv(levels.ENVIRONMENT_VARIABLE, level)
  try:
    return python.PythonVerifier(
        limits=base.Limits(cpu_seconds=0.4, wall_seconds=1.2),
        allow_unsafe=level == levels.UNSAFE,
    )
  except RuntimeError as error:
    pytest.skip(str(error))


def _hostile(harm):
  return programs.hostile(
      HARM=str(harm),
      PARENT=str(os.getpid()),
      PACKAGES=sysconfig.get_path('purelib'),
  )


def _check_hostile(verifier, harm, *, rounds=1):
  before = {p.pid for p in psutil.Process().children(recursive=True)}
  customized = pathlib.Path(os.__file__).with_name('sitecustomize.py').exists()
  secret = harm / 'secret'
  secret.write_text('a secret')
  harm.chmod(0o777)
  secret.chmod(0o666)
  os.utime(secret, (1e9, 1e9))
  sources = _hostile(harm)
  assert len(sources) >= _MIN_HOSTILE
  problem = _problem('squares', _SQUARES)
  pairs = [
      (problem, f'{source}\n# {k}')
      for k in range(rounds)
      for source in sources.values()
  ]
  names = list(sources) * rounds
  # Most of them sleep or spin; eight at once keep the test short.
  with verifier.pool(8) as pool:
    verdicts = {
        f'{names[index]} {index}': verdict
        for index, verdict in pool.verify_batch(pairs)
    }
  bad = []
  # Most acts of theirs do not even exist in a WebAssembly machine.
  listed = {} if verifier.isolation == levels.WASM else _REASONS
  for name, verdict in verdicts.items():
    reasons = listed.get(name.split()[0], base.REASONS[types.FAIL])
    if verdict.status != types.FAIL or verdict.reason not in reasons:
      bad.append((name, verdict.status, verdict.reason, verdict.detail))
  assert not bad, bad
  assert len(verdicts) == len(pairs)
  assert os.listdir(harm) == ['secret']
  assert secret.read_text() == 'a secret'
  status = secret.stat()
  assert status.st_mode & 0o777 == 0o666 and status.st_mtime == 1e9
  assert not os.path.exists('/dev/shm/swm_jax_hostile')
  library = pathlib.Path(os.__file__)
  assert library.stat().st_size
  assert library.with_name('sitecustomize.py').exists() == customized
  # The dead are reaped a moment after they died.
  for _ in range(50):
    left = [
        process
        for process in psutil.Process().children(recursive=True)
        if process.pid not in before and 'zygote' in _command(process)
    ]
    if not left:
      break
    time.sleep(0.1)
  assert not left


def _command(process):
  try:
    return ' '.join(process.cmdline())
  except psutil.NoSuchProcess:
    return ''


def _check_honest(verifier):
  corpus = programs.honest()
  assert len(corpus) >= _MIN_HONEST
  limits = base.Limits()
  with verifier.pool(2) as pool:
    pending = {
        name: pool.submit(_problem(name, tests), source, limits=limits)
        for name, (source, tests) in corpus.items()
    }
    verdicts = {name: future.result() for name, future in pending.items()}
  bad = [
      (name, verdict.reason, verdict.detail)
      for name, verdict in verdicts.items()
      if not verdict.passed
  ]
  if verifier.isolation == levels.WASM:
    bad = {name for name, _, _ in bad} ^ _NOT_IN_WASM
  assert not bad, bad


def test_hostile_programs_fail_without_harm(tmp_path):
  verifier = python.PythonVerifier(
      limits=base.Limits(cpu_seconds=0.4, wall_seconds=1.2)
  )
  _check_hostile(verifier, tmp_path)


def test_honest_programs_pass():
  _check_honest(python.PythonVerifier())


@pytest.mark.slow
@pytest.mark.parametrize('level', levels.LEVELS[:3])
def test_hostile_programs_fail_twice_at_every_level(
    monkeypatch, tmp_path, level
):
  _check_hostile(_force(monkeypatch, level), tmp_path, rounds=2)


@pytest.mark.slow
@pytest.mark.parametrize('level', levels.LEVELS)
def test_honest_programs_pass_at_every_level(monkeypatch, level):
  _check_honest(_force(monkeypatch, level))


@pytest.mark.slow
def test_hostile_programs_are_never_paid_without_walls(monkeypatch, tmp_path):
  """The protocol alone must not pay, whatever else a program may do."""
  if os.geteuid():
    pytest.skip('would run without walls under the id of the tester')
  monkeypatch.setenv(levels.ENVIRONMENT_VARIABLE, levels.UNSAFE)
  verifier = python.PythonVerifier(
      limits=base.Limits(cpu_seconds=0.4, wall_seconds=1.2), allow_unsafe=True
  )
  # It may do harm to this folder, and leaves IPC objects: in a namespace.
  tmp_path.chmod(0o777)
  (tmp_path / 'secret').write_text('a secret')
  verdicts = {}

  def verify_all():
    kernel.unshare(_CLONE_NEWIPC)
    problem = _problem('squares', _SQUARES)
    sources = _hostile(tmp_path)
    with verifier.pool(4) as pool:
      pairs = [(problem, source) for source in sources.values()]
      for index, verdict in pool.verify_batch(pairs):
        verdicts[list(sources)[index]] = verdict

  thread = threading.Thread(target=verify_all)
  thread.start()
  thread.join()
  pathlib.Path('/dev/shm/swm_jax_hostile').unlink(missing_ok=True)
  assert len(verdicts) >= _MIN_HOSTILE
  # Its answers are right, and where forks are not refused they are its own.
  assert verdicts.pop('persistence/daemon').valid
  assert not [name for name, verdict in verdicts.items() if verdict.passed]
