"""External programs: what is refused, and that nothing is left of them."""

import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading
import time

from absl.testing import absltest
from absl.testing import parameterized
import psutil

from swm_jax.verifiers.sandbox import toolbox
from tests.verifiers.sandbox import boxes

# Each act prints its name if it was not refused.
_ACTS = """
import ctypes, os, resource, signal, socket, sys
secret, harm, parent = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
def raw(call, *args):
  if call(*args) < 0: raise OSError(ctypes.get_errno(), '')
def root():
  if 0 not in os.getresuid(): raise OSError
acts = dict(
  read_a_file=lambda: open(secret),
  list_a_folder=lambda: os.listdir(os.path.dirname(secret)),
  list_root=lambda: os.listdir('/root'),
  passwords=lambda: open('/etc/passwd'),
  write_outside=lambda: open(harm + '/new', 'w'),
  truncate=lambda: os.truncate(secret, 0),
  change_mode=lambda: os.chmod(secret, 0),
  remove=lambda: os.unlink(secret),
  write_to_a_tool=lambda: open('/usr/lib/new', 'w'),
  symbolic_link=lambda: os.symlink('/etc/passwd', 'a'),
  hard_link=lambda: os.link(secret, 'b'),
  tcp=lambda: socket.socket(),
  udp=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
  unix=lambda: socket.socket(socket.AF_UNIX),
  other_program=lambda: os.execv('/usr/bin/id', ['id']),
  memory_file=lambda: os.memfd_create('x'),
  signal_parent=lambda: os.kill(os.getppid() or 1, 0),
  signal_verifier=lambda: os.kill(int(parent), 0),
  signal_all=lambda: os.kill(-1, signal.SIGKILL),
  kill_itself=lambda: os.kill(os.getpid(), signal.SIGKILL),
  leave_group=lambda: os.setsid(),
  leave_group_alone=lambda: os.setpgid(0, 0),
  trace=lambda: raw(libc.ptrace, 0, 0, 0, 0),
  mount=lambda: raw(libc.mount, b'none', b'/tmp', b'tmpfs', 0, None),
  unshare=lambda: raw(libc.unshare, 0x10000000),
  adopt=lambda: raw(libc.prctl, 36, 1, 0, 0, 0),
  key_ring=lambda: raw(libc.syscall, 250, 1, 0),
  shared_memory=lambda: raw(libc.shmget, 0, 4096, 0o1600),
  higher_limits=lambda: resource.setrlimit(resource.RLIMIT_CPU, (1, 1)),
  environment_of_parent=lambda: open(f'/proc/{parent}/environ'),
  uring=lambda: raw(libc.syscall, 425, 8, ctypes.create_string_buffer(120)),
  act_as_root=root,
)
for name, act in acts.items():
  try:
    act()
    print(name)
  except (OSError, ValueError):
    pass
for flags in (0x8011, 0x11 | 0x20000000, 0x11 | 0x10000000, 0):
  pid = libc.syscall(56, flags, 0, 0, 0, 0)
  if pid == 0: os._exit(0)
  if pid > 0: print('clone', hex(flags))
print('end')
"""


@parameterized.product(level=boxes.LEVELS, spawn=(False, True))
class WallTest(boxes.BoxTest):

  def test_forbidden_acts_are_refused(self, level, spawn):
    harm = self.temp_folder()
    secret = harm / 'secret'
    secret.write_text('a secret')
    secret.chmod(0o666)
    done = self.box(level, spawn=spawn).run(
        [*boxes.python(_ACTS), str(secret), str(harm), str(os.getpid())],
        limits=boxes.LIMITS,
    )
    self.assertEqual(done.stdout, b'end\n', done)
    self.assertEqual(os.listdir(harm), ['secret'])
    self.assertEqual(secret.read_text(), 'a secret')

  def test_starting_others(self, level, spawn):
    done = self.box(level, spawn=spawn).run(
        boxes.python("""
            import os, threading
            threading.Thread(target=print, args=('thread',)).start()
            try:
              if os.fork() == 0:
                os.execv('/bin/cat', ['cat', '/dev/null'])
              print(os.wait()[1])
            except OSError:
              print('refused')
        """),
        limits=boxes.LIMITS,
    )
    self.assertEqual(
        sorted(done.stdout.split()),
        [b'0', b'thread'] if spawn else [b'refused', b'thread'],
        done,
    )

  def test_only_what_was_named_can_be_executed(self, level, spawn):
    box = self.box(level, spawn=spawn)
    tool = pathlib.Path('/bin/cat').read_bytes()
    done = box.run(
        boxes.python("""
            import os
            open('c', 'wb').write(open('b', 'rb').read())
            for name in ('./b', './c', '/usr/bin/env', '/bin/cat'):
              try:
                os.execv(name, ['cat', 'a'])
              except OSError as error:
                print(name, flush=True)
        """),
        files={'a': b'executed', 'b': tool},
        limits=boxes.LIMITS,
    )
    self.assertEqual(done.stdout, b'./b\n./c\n/usr/bin/env\nexecuted')
    done = box.run(
        ['./b', 'a'], files={'a': b'q', 'b': tool}, limits=boxes.LIMITS
    )
    self.assertEqual(done.stdout, b'q', done)
    done = box.run(['./b'], files={'b': b'\x7fELF no'}, limits=boxes.LIMITS)
    self.assertEqual(done.code, 127)

  def test_no_file_reaches_the_next_run(self, level, spawn):
    box = self.box(level, spawn=spawn)
    done = box.run(
        boxes.python("""
            import os
            for k in range(40):
              open('note', 'w').write('x'); os.mkdir('d'); os.chdir('d')
        """),
        files={'a': b'x'},
        limits=boxes.LIMITS,
    )
    self.assertEqual(done.code, 0, done)
    done = box.run(
        boxes.python('import os; print(os.listdir("."))'), limits=boxes.LIMITS
    )
    self.assertEqual(done.stdout, b'[]\n')


_TREE = """
import os, signal, sys, time
for number in range(1, 32):
  try: signal.signal(number, signal.SIG_IGN)
  except (OSError, ValueError): pass
for _ in range(3):
  if os.fork() == 0:
    if os.fork() == 0:
      print('up', flush=True)
      time.sleep(600)
    os._exit(0)
sys.stdout.flush()
if 'stay' in sys.argv: time.sleep(600)
time.sleep(0.3)
"""


def _family(pid):
  found = []
  for process in psutil.Process(pid).children(recursive=True):
    try:
      if process.status() != psutil.STATUS_ZOMBIE:
        found.append(process)
    except psutil.NoSuchProcess:
      pass
  return found


def _tree_of(pid, before, count=5):
  """Waits for the supervisor, the command and the three that it left behind."""
  deadline = time.monotonic() + 20
  while time.monotonic() < deadline:
    found = [process for process in _family(pid) if process not in before]
    if len(found) >= count:
      return found
    time.sleep(0.02)
  raise AssertionError('the tree did not start')


@parameterized.parameters(*boxes.LEVELS)
class EndTest(boxes.BoxTest):

  def test_children_end_with_the_command(self, level):
    box = self.box(level, spawn=True)
    before = _family(box.pid)
    done = box.run(boxes.python(_TREE), limits=boxes.LIMITS)
    self.assertEqual((done.code, done.cause), (0, ''), done)
    self.assertEqual(done.stdout, b'up\n' * 3)
    self.assertEqual(_family(box.pid), before)

  def test_all_end_when_told(self, level):
    box = self.box(level, spawn=True)
    before = _family(box.pid)
    with box.open([*boxes.python(_TREE), 'stay'], limits=boxes.LIMITS):
      family = _tree_of(box.pid, before)
    _, alive = psutil.wait_procs(family, timeout=5)
    self.assertEqual(alive, [])
    self.assertEqual(box.run(['/bin/cat'], limits=boxes.LIMITS).code, 0)

  def test_kill_from_another_thread(self, level):
    box = self.box(level, spawn=True)
    timer = threading.Timer(0.5, box.kill)
    timer.start()
    with self.assertRaises(toolbox.WorkerDied):
      box.run([*boxes.python(_TREE), 'stay'], limits=boxes.LIMITS)
    timer.join()
    with self.assertRaises(toolbox.WorkerDied):
      box.run(['/bin/cat'], limits=boxes.LIMITS)
    box.close()
    box.close()

  def test_nothing_outlives_a_launcher_killed_by_the_host(self, level):
    box = self.box(level, spawn=True)
    with self.assertRaises(toolbox.WorkerDied):
      command = [*boxes.python(_TREE), 'stay']
      with box.open(command, limits=boxes.LIMITS) as talk:
        family = _tree_of(box.pid, [], 5 + (level == 'namespaces'))
        psutil.Process(box.pid).kill()
        talk.finish()
    _, alive = psutil.wait_procs(family, timeout=10)
    self.assertEqual(alive, [])

  def test_nothing_outlives_a_killed_owner(self, level):
    self.box(level)  # Skips where there is no such level.
    folder = self.temp_folder()
    program = textwrap.dedent(f"""
        import sys
        from swm_jax.verifiers import base
        from swm_jax.verifiers.sandbox import toolbox
        profile = toolbox.Profile(
            readable=('/usr/lib',), executable=({boxes.PYTHON!r},), spawn=True)
        box = toolbox.Toolbox({level!r}, profile)
        limits = base.Limits(wall_seconds=60)
        with box.open({boxes.python(_TREE)!r} + ['stay'], files={{'a': b'x'}},
                      limits=limits) as talk:
          talk.read_line()
          print(box.pid, flush=True)
          talk.finish()
    """)
    owner = subprocess.Popen(
        [sys.executable, '-c', program],
        env={**os.environ, 'TMPDIR': str(folder)},
        stdout=subprocess.PIPE,
    )
    self.assertNotEmpty(owner.stdout.readline())
    # The launcher too, and with namespaces their init.
    family = _tree_of(owner.pid, [], 6 + (level == 'namespaces'))
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    _, alive = psutil.wait_procs(family, timeout=10)
    self.assertEqual(alive, [])
    for _ in range(50):  # The launcher dies after it has tidied.
      if not os.listdir(folder):
        break
      time.sleep(0.1)
    self.assertEqual(os.listdir(folder), [])

  def test_200_runs_leave_no_descriptor(self, level):
    box = self.box(level)
    me, launcher = psutil.Process(), psutil.Process(box.pid)
    before = me.num_fds(), launcher.num_fds()
    for k in range(200):
      done = box.run(
          ['/bin/cat', 'a', 'none'][: 2 + k % 2],
          files={'a': b'x'},
          collect=('a',),
          limits=boxes.LIMITS,
      )
      self.assertEqual(done.code, k % 2)
    self.assertEqual((me.num_fds(), launcher.num_fds()), before)


if __name__ == '__main__':
  absltest.main()
