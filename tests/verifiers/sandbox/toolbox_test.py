"""External programs: honest runs, every limit, and talking to them."""

import os
import shutil
import signal
import subprocess
import time

from absl.testing import absltest
from absl.testing import parameterized

from swm_jax.verifiers import base
from swm_jax.verifiers.sandbox import toolbox
from tests.verifiers.sandbox import boxes


@parameterized.parameters(*boxes.LEVELS)
class HonestTest(boxes.BoxTest):

  def test_files_go_in_and_come_out(self, level):
    box = self.box(level)
    done = box.run(
        boxes.python("""
            import os, sys
            text = sys.stdin.read() + open('a').read()
            open('b', 'w').write(text)
            os.mkdir('folder')
            print(sorted(os.listdir('.')))
            print('a warning', file=sys.stderr)
            sys.exit(7)
        """),
        files={'a': b' and a file'},
        stdin=b'input',
        collect=('b', 'folder', 'none'),
        limits=boxes.LIMITS,
    )
    self.assertEqual(done.code, 7, done)
    self.assertEqual(done.cause, '')
    self.assertEqual(done.stdout, b"['a', 'b', 'folder']\n")
    self.assertEqual(done.stderr, b'a warning\n')
    self.assertEqual(done.files, {'b': b'input and a file'})
    self.assertBetween(done.cpu_seconds, 0.001, 5)
    self.assertIsNone(toolbox.failure(done, boxes.LIMITS))

  def test_a_megabyte_passes_through(self, level):
    box = self.box(level)
    data = bytes(range(256)) * 4096
    done = box.run(
        ['/bin/cat', 'a', '-'],
        files={'a': data},
        stdin=data,
        limits=boxes.LIMITS,
        max_output=len(data) * 2,
    )
    self.assertEqual(done.stdout, data * 2)

  def test_a_signal_is_a_negative_code(self, level):
    done = self.box(level).run(
        boxes.python('import os; os.abort()'), limits=boxes.LIMITS
    )
    self.assertEqual((done.code, done.cause), (-signal.SIGABRT, ''))

  def test_a_missing_program_ends_like_a_shell_s(self, level):
    done = self.box(level).run(['/bin/none'], limits=boxes.LIMITS)
    self.assertEqual(done.code, 127)
    self.assertIn(b'cannot execute /bin/none', done.stderr)

  def test_nothing_but_the_stated_environment(self, level):
    done = self.box(level).run(
        boxes.python('import os; print(sorted(os.environ), os.listdir("."))'),
        limits=boxes.LIMITS,
    )
    self.assertEqual(
        done.stdout, b"['HOME', 'LANG', 'PATH', 'TMPDIR'] []\n"
    )

  def test_compile_then_run(self, level):
    if shutil.which('g++') is None:
      self.skipTest('needs g++ (Debian package g++)')
    folder = subprocess.run(
        ['g++', '-print-prog-name=cc1plus'],
        check=True, capture_output=True, text=True,
    ).stdout.strip()
    compiler = self.box(
        level,
        spawn=True,
        readable=('/usr/include',),
        executable=(
            '/usr/bin/g++', '/usr/bin/as', '/usr/bin/ld',
            os.path.dirname(folder),
        ),
    )
    source = b"""
        #include <cstdio>
        int main() {
          for (int n; scanf("%d", &n) == 1; fflush(stdout))
            printf("%d\\n", n * n);
        }
    """
    built = compiler.run(
        ['/usr/bin/g++', '-O1', 'a.cc'],
        files={'a.cc': source},
        collect=('a.out',),
        limits=boxes.LIMITS,
    )
    self.assertEqual(built.code, 0, built.stderr)
    runner = self.box(level)
    done = runner.run(
        ['./a.out'], files=built.files, stdin=b'3 4', limits=boxes.LIMITS
    )
    self.assertEqual((done.code, done.stdout), (0, b'9\n16\n'), done)
    broken = compiler.run(
        ['/usr/bin/g++', 'a.cc'],
        files={'a.cc': b'int main() { return x; }'},
        collect=('a.out',),
        limits=boxes.LIMITS,
    )
    self.assertEqual((broken.code, broken.files), (1, {}))
    self.assertIn(b'not declared', broken.stderr)

  def test_a_tree_of_processes_is_charged_for_all_of_them(self, level):
    # The grandchild is left to itself, so nobody in the tree waits for it.
    done = self.box(level, spawn=True).run(
        boxes.python("""
            import os, time
            r, w = os.pipe()
            if os.fork() == 0:
              if os.fork() == 0:
                end = time.process_time() + 0.3
                while time.process_time() < end:
                  pass
                os.write(w, b'x')
              os._exit(0)
            os.wait()
            os.read(r, 1)
            print('done')
        """),
        limits=boxes.LIMITS,
    )
    self.assertEqual(done.stdout, b'done\n', done)
    self.assertGreater(done.cpu_seconds, 0.3)

  def test_wrong_requests(self, level):
    box = self.box(level)
    for argv, files in (
        (['cat'], {}), ([], {}), (['./none'], {}), (['/bin/cat'], {'a/b': b''}),
        (['/bin/cat'], {'..': b''}), (['/bin/cat', 'x' * 70_000], {}),
    ):
      with self.assertRaises(ValueError):
        box.run(argv, files=files, limits=boxes.LIMITS)
    with self.assertRaisesRegex(OSError, '/usr/bin/no-such-tool'):
      self.box(level, executable=('/usr/bin/no-such-tool',))


@parameterized.parameters(*boxes.LEVELS)
class LimitTest(boxes.BoxTest):

  def _run(self, level, source, limits=boxes.SHORT, spawn=False, **options):
    box = self.box(level, spawn=spawn)
    done = box.run(boxes.python(source), limits=limits, **options)
    return done, toolbox.failure(done, limits)

  def test_processor_time(self, level):
    done, failure = self._run(level, 'while True: pass')
    self.assertEqual((done.cause, done.code), ('cpu', None))
    self.assertEqual(failure[:2], ('fail', 'time'))
    self.assertLess(done.cpu_seconds, 1.5)

  def test_processor_time_of_children_that_nobody_waits_for(self, level):
    done, failure = self._run(
        level,
        """
        import os, time
        for _ in range(3):
          if os.fork() == 0:
            while True: pass
        time.sleep(60)
        """,
        spawn=True,
    )
    self.assertEqual(done.cause, 'cpu')
    self.assertEqual(failure[:2], ('fail', 'time'))

  def test_processor_time_of_many_short_lives(self, level):
    """No child lives for two looks; the account is complete all the same."""
    done, failure = self._run(
        level,
        """
        import os, signal, time
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        try:  # Who ignores the end of children is not charged for them.
          signal.signal(signal.SIGCHLD, signal.SIG_IGN)
          print('ignored')
        except OSError:
          pass
        for _ in range(1000):
          if os.fork() == 0:
            if os.fork() == 0:
              end = time.process_time() + 0.01
              while time.process_time() < end: pass
            os._exit(0)
          os.wait()
          time.sleep(0.005)
        """,
        limits=base.Limits(cpu_seconds=0.3, wall_seconds=30),
        spawn=True,
    )
    self.assertEqual(done.stdout, b'')
    self.assertEqual(done.cause, 'cpu')
    self.assertEqual(failure[:2], ('fail', 'time'))

  def test_wall_time(self, level):
    done, failure = self._run(level, 'import time; time.sleep(60)')
    self.assertEqual(done.cause, 'wall')
    self.assertEqual(failure[:2], ('fail', 'time'))

  def test_memory_of_one_process(self, level):
    limits = base.Limits(memory_bytes=256 << 20)
    done, failure = self._run(
        level, 'x = bytearray(300 << 20)', limits=limits
    )
    self.assertIn(b'MemoryError', done.stderr)
    self.assertIsNone(failure)

  def test_memory_of_all_processes(self, level):
    done, failure = self._run(
        level,
        """
        import os, time
        for _ in range(4):
          if os.fork() == 0:
            x = bytearray(os.urandom(1 << 20) * 100)
            time.sleep(60)
        time.sleep(60)
        """,
        limits=base.Limits(
            cpu_seconds=9.0, wall_seconds=30.0, memory_bytes=256 << 20
        ),
        spawn=True,
        )
    self.assertEqual(done.cause, 'memory', done)
    self.assertEqual(failure[:2], ('fail', 'memory'))

  def test_fork_bomb(self, level):
    done, failure = self._run(
        level,
        """
        import os
        while True:
          try:
            os.fork()
          except OSError:
            pass
        """,
        spawn=True,
    )
    self.assertIn(done.cause, ('cpu', 'processes', 'memory'))
    self.assertEqual(failure[0], 'fail')
    self.assertLess(done.wall_seconds, 10)

  def test_one_large_file(self, level):
    done, failure = self._run(
        level,
        """
        f = open('a', 'wb')
        while True: f.write(bytes(1 << 20))
        """,
        limits=boxes.LIMITS,
    )
    # A full file system answers; elsewhere the file is too long.
    self.assertTrue(done.code == 1 or failure[1] == 'output', done)

  def test_many_files(self, level):
    done, failure = self._run(
        level,
        """
        import time
        for k in range(3000): open(str(k), 'w').close()
        time.sleep(60)
        """,
        limits=boxes.LIMITS,
    )
    self.assertTrue(done.code == 1 or failure[1] == 'output', done)

  def test_a_hole_is_not_collected(self, level):
    done, _ = self._run(
        level,
        """
        f = open('a', 'wb')
        try: f.truncate(1 << 40)
        except OSError: pass
        """,
        limits=boxes.LIMITS,
        collect=('a',),
    )
    self.assertLessEqual(len(done.files.get('a', b'')), 1 << 20)

  def test_output(self, level):
    box = self.box(level)
    for fd in (1, 2):
      done = box.run(
          boxes.python(f'import os\nwhile True: os.write({fd}, b"x" * 9999)'),
          limits=boxes.LIMITS,
          max_output=50_000,
      )
      self.assertEqual(done.cause, 'output')
      self.assertLen(done.stdout + done.stderr, 50_000)
      self.assertEqual(
          toolbox.failure(done, boxes.LIMITS)[:2], ('fail', 'output')
      )

  def test_files_beyond_the_quota_are_the_candidate_s(self, level):
    box = self.box(level)
    done = box.run(
        ['/bin/cat'], files={'a': bytes(70 << 20)}, limits=boxes.LIMITS
    )
    self.assertEqual(
        toolbox.failure(done, boxes.LIMITS)[:2], ('fail', 'output')
    )
    self.assertEqual(box.run(['/bin/cat'], limits=boxes.LIMITS).code, 0)

  def test_limits_bind_one_run_only(self, level):
    box = self.box(level)
    for _ in range(3):
      done = box.run(boxes.python('while True: pass'), limits=boxes.SHORT)
      self.assertIn(done.cause, ('cpu', 'starved'))  # A busy host.
      done = box.run(['/bin/cat'], stdin=b'x', limits=boxes.LIMITS)
      self.assertEqual((done.code, done.stdout), (0, b'x'))


@parameterized.parameters(*boxes.LEVELS)
class TalkTest(boxes.BoxTest):

  def _talk(self, level, source, limits=boxes.LIMITS, **options):
    return self.box(level).open(boxes.python(source), limits=limits, **options)

  def test_one_case_at_a_time(self, level):
    source = """
        import sys
        for line in sys.stdin: print(int(line) ** 2, flush=True)
        print('bye', end='')
    """
    with self._talk(level, source) as talk:
      for n in range(20):
        talk.send(b'%d\n' % n)
        self.assertEqual(talk.read_line(), b'%d' % n**2)
      done = talk.finish()
    self.assertEqual((done.code, done.stdout), (0, b'bye'))

  def test_dribbling(self, level):
    source = """
        import sys, time
        for letter in 'slow\\nlast':
          time.sleep(0.02); sys.stdout.write(letter); sys.stdout.flush()
    """
    with self._talk(level, source) as talk:
      self.assertEqual(talk.read_line(), b'slow')
      self.assertEqual(talk.read_line(), b'last')
      self.assertIsNone(talk.read_line())
      self.assertEqual(talk.finish().code, 0)

  def test_flooding_with_one_line(self, level):
    with self._talk(level, 'while True: print("x" * 999, end="")') as talk:
      self.assertIsNone(talk.read_line(max_bytes=5000))
      self.assertIsNone(talk.read_line())
      self.assertEqual(talk.finish().cause, 'output')

  def test_flooding_with_lines(self, level):
    with self._talk(level, 'while True: print("x")') as talk:
      read = 0
      while talk.read_line() is not None:
        read += 1
      self.assertLess(read, 40_000)
      self.assertEqual(talk.finish().cause, 'output')

  def test_closing_early(self, level):
    source = """
        import os, sys
        os.close(0); os.close(1)
        os.write(2, b'closed'); sys.exit(3)
    """
    with self._talk(level, source) as talk:
      self.assertIsNone(talk.read_line())
      talk.send(b'x' * 10**6)
      done = talk.finish()
    self.assertEqual(done.stderr, b'closed')
    self.assertEqual(done.cause, '')

  def test_not_reading_what_is_sent(self, level):
    with self._talk(
        level, 'import time; time.sleep(60)', limits=boxes.SHORT
    ) as talk:
      talk.send(b'x' * 10**6)
      self.assertEqual(talk.finish().cause, 'wall')

  def test_not_answering(self, level):
    with self._talk(
        level, 'import time; time.sleep(60)', limits=boxes.SHORT
    ) as talk:
      talk.send(b'question\n')
      self.assertIsNone(talk.read_line())
      self.assertEqual(talk.finish().cause, 'wall')

  def test_writing_without_being_asked_blocks_nobody(self, level):
    source = """
        import sys
        sys.stdout.write('y' * 60000)
        sys.stdout.flush()
        print(len(sys.stdin.read()))
    """
    with self._talk(level, source) as talk:
      talk.send(b'x' * 10**6)
      done = talk.finish()
    self.assertEqual(done.stdout, b'y' * 60000 + b'1000000\n')

  def test_our_own_time_is_not_the_command_s(self, level):
    with self._talk(
        level, 'print(1, flush=True); input(); print(2)', limits=boxes.SHORT
    ) as talk:
      self.assertEqual(talk.read_line(), b'1')
      time.sleep(2.0)
      done = talk.finish()
    self.assertEqual(done.cause, 'starved')
    self.assertEqual(toolbox.failure(done, boxes.SHORT)[0], 'error')

  def test_leaving_early_ends_the_command(self, level):
    box = self.box(level)
    start = time.monotonic()
    with box.open(boxes.python('while True: pass'), limits=boxes.LIMITS):
      pass
    self.assertLess(time.monotonic() - start, 4)
    self.assertEqual(box.run(['/bin/cat'], limits=boxes.LIMITS).code, 0)


if __name__ == '__main__':
  absltest.main()
