"""The launch scripts: clean by shellcheck, and what they would run."""

import pathlib
import shlex
import subprocess
import sys

from absl.testing import absltest
from absl.testing import parameterized
import yaml

_ROOT = pathlib.Path(__file__).resolve().parents[1]
_LAUNCH = _ROOT / 'launch'
_SHARED = '/mnt/all hosts/run'


def _run(script: str, *arguments: str) -> subprocess.CompletedProcess:
  return subprocess.run(
      [_LAUNCH / script, *arguments], capture_output=True, text=True, timeout=60
  )


def _printed(script: str, *arguments: str) -> list[list[str]]:
  """Words of each command that a dry run prints."""
  done = _run(script, *arguments)
  if done.returncode:
    raise AssertionError(done.stderr)
  # Quoted for bash, so bash has to say what the words are.
  return [
      subprocess.run(
          ['bash', '-c', rf"printf '%s\0' {line}"],
          capture_output=True, text=True, check=True,
      ).stdout.split('\0')[:-1]
      for line in done.stdout.splitlines()
  ]


class LaunchTest(parameterized.TestCase):

  def test_shellcheck_finds_nothing(self):
    scripts = sorted(map(str, [*_LAUNCH.glob('*.sh'), _ROOT / '.ci' / 'run']))
    done = subprocess.run(
        [pathlib.Path(sys.executable).with_name('shellcheck'), *scripts],
        capture_output=True, text=True,
    )
    self.assertEqual(done.stdout, '')
    self.assertEqual(done.returncode, 0, done.stderr)

  def test_tpu_pod_copies_sets_up_and_starts_on_all_workers(self):
    copy, setup, start = _printed(
        'tpu_pod.sh', 'slice', '--zone=z', '--dry-run', '--', '--config=c.py',
        f'--workdir={_SHARED}',
    )
    for command in (copy, setup, start):
      self.assertEqual(command[:4], ['gcloud', 'compute', 'tpus', 'tpu-vm'])
      self.assertContainsSubset(['--worker=all', '--zone=z'], command)
    self.assertIn('slice:swm_jax.tar.gz', copy)
    remote = [
        next(w for w in command if w.startswith('--command=')).partition('=')[2]
        for command in (setup, start)
    ]
    self.assertIn('./launch/setup.sh --extras=tpu', remote[0])
    for script in remote:
      subprocess.run(['bash', '-n', '-c', script], check=True)
    words = shlex.split(remote[1])
    self.assertIn('./launch/supervise.sh', words)
    self.assertIn('--coordinator=auto', words)
    self.assertIn(f'--workdir={_SHARED}', words)

  def test_slurm_submits_itself_and_starts_one_process_a_node(self):
    submit, start = _printed(
        'slurm.sh', '--nodes=4', '--dry-run', '--', '--config=c.py',
        f'--workdir={_SHARED}',
    )
    self.assertEqual(submit[0], 'sbatch')
    self.assertIn('--nodes=4', submit)
    wrapped = next(w for w in submit if w.startswith('--wrap=exec '))
    self.assertEqual(
        shlex.split(wrapped.removeprefix('--wrap=exec ')),
        [str(_LAUNCH / 'slurm.sh'), '--', '--config=c.py',
         f'--workdir={_SHARED}'],
    )
    self.assertContainsSubset(['srun', '--ntasks-per-node=1'], start)
    self.assertEqual(start[-2:], ['--config=c.py', f'--workdir={_SHARED}'])

  @parameterized.parameters(
      ('tpu_pod.sh', ('--', '--workdir=w'), 'name the TPU slice'),
      ('tpu_pod.sh', ('slice', '--', '--config=c'), 'give --workdir'),
      ('tpu_pod.sh', ('slice', '--seed=1'), 'unknown argument --seed=1'),
      ('slurm.sh', ('--', '--config=c'), 'give --workdir'),
      ('slurm.sh', ('run.py',), 'unknown argument run.py'),
  )
  def test_a_wrong_call_gets_one_sentence(self, script, arguments, sentence):
    done = _run(script, *arguments)
    self.assertEqual(done.returncode, 2)
    self.assertIn(sentence, done.stderr)
    self.assertLen(done.stderr.splitlines(), 1)

  def test_jobset_has_a_pod_for_each_host_of_its_slice(self):
    spec = yaml.safe_load((_LAUNCH / 'jobset.yaml').read_text())['spec']
    job = spec['replicatedJobs'][0]['template']['spec']
    pod = job['template']['spec']
    container, = pod['containers']
    rows, columns = map(
        int, pod['nodeSelector']['cloud.google.com/gke-tpu-topology'].split('x')
    )
    chips_a_host = container['resources']['limits']['google.com/tpu']
    self.assertEqual(job['parallelism'], rows * columns / chips_a_host)
    self.assertEqual(job['completions'], job['parallelism'])
    config = next(
        word for word in container['command'] if word.startswith('--config=')
    ).partition('=')[2]
    self.assertTrue((_ROOT / config).is_file())


if __name__ == '__main__':
  absltest.main()
