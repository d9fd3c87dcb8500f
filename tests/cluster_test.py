"""One night of two processes: the same result, whoever is killed and when."""

from collections.abc import Sequence
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

from absl import flags
from absl.testing import flagsaver
import numpy as np
import pytest

from experiments import cluster
from swm_jax import snapshots
from swm_jax.data import trajectory_log
from tests import two_processes
from tests.nightly import moments
from tests.nightly import outcomes
from tests.nightly import tiny

# Sums of gradients over eight devices come in another order over two hosts than
# in one; until the first of them every bit is equal.
_TOLERANCE = 1e-5
# Programs that other tests compile and run.
FLAGS = ('--config.rem.perturbed=()',)
SUPERVISE = ('./launch/supervise.sh', '--restarts=30', '--wait=1')


def environment(devices: int) -> dict[str, str]:
  return {**tiny.environment(), **{
      'XLA_FLAGS': two_processes.environment(devices)['XLA_FLAGS']
  }}


class Hosts:
  """Two processes of a night; what they print is in files."""

  def __init__(
      self, workdir: pathlib.Path, prefix: Sequence[str] = (), own: str = ''
  ):
    """Starts them, under a prefix; `own` is a flag that process 1 has."""
    port = two_processes.free_port()
    self.said = [workdir.with_suffix(f'.{i}') for i in range(2)]
    self.running = []
    for process in range(2):
      command = tiny.command(
          workdir, *FLAGS, f'--coordinator=localhost:{port}',
          '--num_processes=2', f'--process_id={process}',
          '--heartbeat_seconds=10', *([own] if own and process else ()),
      )
      with open(self.said[process], 'w', encoding='utf-8') as file:
        self.running.append(subprocess.Popen(
            [*prefix, *command], cwd=tiny.ROOT, env=environment(4),
            stdout=file, stderr=subprocess.STDOUT,
        ))

  def __enter__(self) -> 'Hosts':
    return self

  def __exit__(self, *_) -> None:
    started = [c for p in self.running for c in children(p.pid)]
    two_processes.end(self.running)
    for child in started:  # Supervisors first, or they start another.
      with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)

  def wait(self, seconds: float = 600) -> list[int]:
    return [process.wait(seconds) for process in self.running]

  def texts(self) -> list[str]:
    return [path.read_text() for path in self.said]


def children(pid: int) -> list[int]:
  try:
    said = pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text()
  except OSError:
    return []
  return [int(child) for child in said.split()]


def night_of(supervisor: subprocess.Popen) -> int | None:
  """The night that a supervisor has started, if one runs now."""
  for child in children(supervisor.pid):
    with contextlib.suppress(OSError):
      if b'experiments.nightly' in pathlib.Path(
          f'/proc/{child}/cmdline'
      ).read_bytes():
        return child
  return None


@pytest.fixture(scope='module', name='whole')
def fixture_whole() -> pathlib.Path:
  """A night of two processes that nobody interrupted."""
  workdir = tiny.folder() / 'two'
  with Hosts(workdir) as hosts:
    assert hosts.wait() == [0, 0], hosts.texts()
    first, second = hosts.texts()
  assert first.count('Report: ') == 1 and 'Report: ' not in second
  return workdir


def weights(workdir: pathlib.Path) -> dict[str, np.ndarray]:
  store = snapshots.Snapshots(workdir / 'snapshots', read_only=True)
  flat, tree = {}, store.restore(2)['params']
  stack = [('', tree)]
  while stack:
    path, node = stack.pop()
    if isinstance(node, dict):
      stack += [(f'{path}/{name}', child) for name, child in node.items()]
    else:
      flat[path] = np.asarray(node)
  return flat


def evaluations(workdir: pathlib.Path) -> dict[str, list[str]]:
  """Answers and verdicts by set and wave, of dusk and of the morning."""
  found: dict[str, list[str]] = {}
  for path in workdir.glob('evaluations/**/*.jsonl'):
    name = f'{path.parent.name}/{path.name}'
    found.setdefault(name, []).append(path.read_text())
  return {name: sorted(texts) for name, texts in found.items()}


@pytest.mark.slow
def test_two_processes_end_as_one_with_their_devices(whole):
  workdir = tiny.folder() / 'one_of_eight'
  done = subprocess.run(
      tiny.command(workdir, *FLAGS), cwd=tiny.ROOT, env=environment(8),
      text=True, capture_output=True, timeout=600, check=False,
  )
  assert done.returncode == 0, done.stderr
  one, two = outcomes.outcome(workdir), outcomes.outcome(whole)
  assert one['logs']['0 wake'] == two['logs']['0 wake']
  for name in (
      'anchors/night_000', 'criterion.json', 'night_000/contamination.json',
      'night_000/counts.json', 'night_000/morning/results.json',
  ):
    assert one['files'][name] == two['files'][name], name
  assert evaluations(workdir) == evaluations(whole)
  dreams = [
      list(trajectory_log.read(path / 'night_000' / 'rem' / 'log'))
      for path in (workdir, whole)
  ]
  assert len(dreams[0]) == len(dreams[1]) > 0
  for mine, other in zip(*dreams):
    assert mine['key'].tobytes() == other['key'].tobytes()
    assert mine['tokens'].tobytes() == other['tokens'].tobytes()
    assert mine['verdict']['status'] == other['verdict']['status']
    np.testing.assert_allclose(
        mine['log_prob'], other['log_prob'], atol=_TOLERANCE
    )
  mine, other = weights(workdir), weights(whole)
  assert mine.keys() == other.keys()
  for name, value in mine.items():
    np.testing.assert_allclose(
        value, other[name], atol=_TOLERANCE, err_msg=name
    )
  # One snapshot a phase, and one report.
  assert list(two['lineage']) == list(one['lineage']) == [0, 1, 2, 3]
  assert two['reports'][0]['gate'] == one['reports'][0]['gate']
  assert outcomes.lineage(whole).returncode == 0


KILLS = (
    ('dusk', 1, moments.appears('evaluations/*/held_out/wave_000.jsonl')),
    ('wake', 1, moments.appears('night_000/wake/log/*array_record-00000')),
    ('rem', 0, moments.has_line('rem', 0)),
    ('consolidate', 1, moments.has_line('consolidate', 0)),
    ('morning', 1, moments.appears('evaluations/*/held_out/*', count=3)),
)


@pytest.mark.slow
def test_one_process_killed_in_each_phase_and_the_night_ends_the_same(whole):
  workdir = tiny.folder() / 'two_killed'
  killed = []
  with Hosts(workdir, SUPERVISE) as hosts:
    for name, victim, moment in KILLS:
      deadline = time.monotonic() + 300
      while not moment(workdir):
        assert time.monotonic() < deadline, (name, hosts.texts())
        time.sleep(0.002)
      while (child := night_of(hosts.running[victim])) is None:
        assert hosts.running[victim].poll() is None, (name, hosts.texts())
        time.sleep(0.002)
      os.kill(child, signal.SIGKILL)
      killed.append(name)
    assert hosts.wait() == [0, 0], hosts.texts()
    first, second = hosts.texts()
  assert killed == [name for name, *_ in KILLS]
  # Who is killed is started again, and so is who is left.
  for text in (first, second):
    assert text.count('supervise: status ') >= len(KILLS), text
  assert first.count('supervise: status 137') == 1
  assert second.count('supervise: status 137') == 4
  expected, found = outcomes.outcome(whole), outcomes.outcome(workdir)
  for part in expected:
    assert found[part] == expected[part], part
  assert outcomes.lineage(workdir).returncode == 0


def assert_refused(hosts: Hosts, sentence: str) -> None:
  """Both processes end by themselves, and one of them says why."""
  assert hosts.wait(120) == [1, 1], hosts.texts()
  first, second = hosts.texts()
  assert sum(
      line.startswith('nightly: ') and sentence in line
      for text in (first, second) for line in text.splitlines()
  ) == 1, (first, second)
  assert 'Traceback' not in first + second


@pytest.mark.slow
def test_what_one_host_lacks_stops_all_with_one_sentence():
  tiny.model()
  workdir = tiny.folder() / 'refused'
  with Hosts(workdir, own='--config.model.path=/nowhere') as hosts:
    assert_refused(hosts, 'process 1 has model.path="/nowhere"')
  assert not workdir.exists()
  elsewhere = tiny.folder() / 'elsewhere'
  with Hosts(workdir, own=f'--workdir={elsewhere}') as hosts:
    assert_refused(hosts, 'process 1 does not see')


@pytest.mark.parametrize(
    'given',
    [
        {'coordinator': 'localhost:1'},
        {'num_processes': 2, 'process_id': 0},
        {'coordinator': 'localhost:1', 'num_processes': 2},
        {'coordinator': 'auto', 'num_processes': 2, 'process_id': 0},
    ],
)
def test_half_given_flags_are_refused(given):
  flags.FLAGS.mark_as_parsed()
  with flagsaver.flagsaver(**given):
    with pytest.raises(cluster.ClusterError, match='belong together'):
      cluster.join()


@pytest.mark.parametrize(
    'place', [('localhost', 0), ('localhost:1', 2), ('localhost:1', -1)]
)
def test_places_that_cannot_be_are_refused(place):
  flags.FLAGS.mark_as_parsed()
  coordinator, process = place
  with flagsaver.flagsaver(
      coordinator=coordinator, num_processes=2, process_id=process
  ):
    with pytest.raises(cluster.ClusterError, match='must be HOST:PORT'):
      cluster.join()


def test_no_flags_are_one_process():
  flags.FLAGS.mark_as_parsed()
  cluster.join()


@pytest.mark.slow
@pytest.mark.parametrize('process', [0, 1])
def test_who_waits_in_vain_says_so_and_may_try_again(process):
  done = subprocess.run(
      [
          sys.executable, '-m', 'experiments.nightly', '--workdir=/nowhere',
          f'--config={tiny.CONFIG}', '--num_processes=2',
          f'--coordinator=localhost:{two_processes.free_port()}',
          f'--process_id={process}', '--rendezvous_seconds=1',
      ],
      cwd=tiny.ROOT, env=environment(1), text=True, capture_output=True,
      timeout=120, check=False,
  )
  assert done.returncode == os.EX_TEMPFAIL, done.stderr
  assert f'process {process} of 2 has waited 1 s for the others' in done.stderr
