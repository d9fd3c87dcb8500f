"""What is started again and what is not."""

import os
import pathlib
import signal
import subprocess
import tempfile
import time

from absl.testing import absltest
from absl.testing import parameterized

_ROOT = pathlib.Path(__file__).parents[1]
_SCRIPT = os.fspath(_ROOT / 'launch' / 'supervise.sh')


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
  return subprocess.run(
      [_SCRIPT, *arguments], text=True, capture_output=True, timeout=60,
      check=False,
  )


class SuperviseTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    self.tally = pathlib.Path(folder.name) / 'tally'

  def starts(self) -> int:
    return len(self.tally.read_text().splitlines())

  def command(self, end: str) -> list[str]:
    """Counts its starts; `end` may read the count, $n."""
    text = 'echo >> "$0"; n=$(wc -l < "$0"); ' + end
    return ['bash', '-c', text, os.fspath(self.tally)]

  @parameterized.parameters(0, 1, 2, 70)
  def test_what_a_program_says_itself_is_passed_on(self, status):
    done = _run('--wait=0', *self.command(f'exit {status}'))
    self.assertEqual((done.returncode, self.starts()), (status, 1))
    self.assertEmpty(done.stderr)

  @parameterized.parameters('exit 134', 'exit 75', 'kill -KILL $$')
  def test_a_lost_run_is_started_again(self, end):
    done = _run('--wait=0', *self.command(f'[ $n = 4 ] || {end}'))
    self.assertEqual((done.returncode, self.starts()), (0, 4))
    self.assertIn('restart 3 of 10', done.stderr)

  def test_restarts_have_an_end(self):
    done = _run('--restarts=2', '--wait=0', *self.command('exit 134'))
    self.assertEqual((done.returncode, self.starts()), (134, 3))
    self.assertIn('after 2 restarts', done.stderr)

  def test_sigterm_goes_to_the_command_and_ends_both(self):
    command = self.command('trap "exit 143" TERM; sleep 60 & wait $!')
    running = subprocess.Popen([_SCRIPT, '--wait=0', *command])
    try:
      while not self.tally.exists():
        time.sleep(0.01)
      time.sleep(0.2)
      running.send_signal(signal.SIGTERM)
      self.assertEqual(running.wait(10), 143)
    finally:
      running.kill()
      running.wait()
    self.assertEqual(self.starts(), 1)

  def test_dry_run_prints_the_command(self):
    done = _run('--dry-run', *self.command('exit 134'))
    self.assertEqual(done.returncode, 0)
    self.assertStartsWith(done.stdout, 'bash -c ')
    self.assertFalse(self.tally.exists())

  @parameterized.parameters(
      ([], 'give the command'),
      (['--restart=1', 'true'], 'unknown argument --restart=1'),
      (['--restarts=often', 'true'], '--restarts=often is no number'),
  )
  def test_bad_arguments_are_named(self, arguments, message):
    done = _run(*arguments)
    self.assertEqual(done.returncode, 2)
    self.assertIn(message, done.stderr)


if __name__ == '__main__':
  absltest.main()
