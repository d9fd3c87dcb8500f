"""The filter, run by a small interpreter of classic BPF, on both ports."""

import struct

from absl.testing import absltest
from absl.testing import parameterized

from swm_jax.verifiers.sandbox import seccomp

_ALLOW, _EPERM, _ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026
_PORTS = {'x86_64': 0, 'aarch64': 1}
_ARCH = {'x86_64': 0xC000003E, 'aarch64': 0xC00000B7}
_PID = 4242


def _run(machine, number, args=(), arch=None, kind='fork'):
  """Returns the filter's answer to one call; opcodes as in linux/filter.h."""
  words = [arg & (2**64 - 1) for arg in (*args, *[0] * 6)][:6]
  data = struct.pack(
      '<iIQ6Q',
      number - 2**32 if number >= 2**31 else number,
      _ARCH[machine] if arch is None else arch,
      0,
      *words,
  )
  code, at, value = seccomp.program(_PID, machine, kind), 0, 0
  while True:
    opcode, if_true, if_false, k = code[at]
    at += 1
    if opcode == 0x20:
      value = struct.unpack_from('<I', data, k)[0]
    elif opcode == 0x54:
      value &= k
    elif opcode == 0x05:
      at += k
    elif opcode == 0x15:
      at += if_true if value == k else if_false
    elif opcode == 0x35:
      at += if_true if value >= k else if_false
    else:
      assert opcode == 0x06
      return k


_LISTED = {
    'fork': seccomp._NUMBERS,
    'program': seccomp._NUMBERS | seccomp._PROGRAM_NUMBERS,
    'spawn': (
        seccomp._NUMBERS | seccomp._PROGRAM_NUMBERS | seccomp._SPAWN_NUMBERS
    ),
}


def _number(machine, name):
  return _LISTED['spawn'][name][_PORTS[machine]]


@parameterized.parameters(*_PORTS)
class SeccompTest(parameterized.TestCase):

  def test_exactly_the_listed_calls_are_allowed(self, machine):
    conditional = seccomp._conditions(_PID) | seccomp._spawn_conditions()
    for kind in seccomp.KINDS:
      listed = {
          numbers[_PORTS[machine]]: name
          for name, numbers in _LISTED[kind].items()
      }
      for number in range(700):
        if listed.get(number) in conditional:
          continue
        expected = _ALLOW if number in listed else _EPERM
        self.assertEqual(_run(machine, number, kind=kind), expected, number)

  def test_dangerous_calls_are_not_listed(self, machine):
    del machine
    for name in (
        'fork vfork execve execveat ptrace socket connect bind mount umount2'
        ' pivot_root chroot unshare setns kexec_load bpf io_uring_setup'
        ' memfd_create shmget semget msgget mq_open keyctl add_key chmod fchmod'
        ' chown utimensat truncate creat link symlink mknod setuid setresuid'
        ' setrlimit prctl seccomp process_vm_readv process_vm_writev pidfd_open'
        ' open_by_handle_at sendmsg recvmsg sendfile splice setsid tkill'
        ' rt_sigqueueinfo perf_event_open userfaultfd personality sync'
    ).split():
      if name in ('fork', 'vfork'):
        self.assertNotIn(name, _LISTED['program'])
      elif name == 'execve':
        self.assertNotIn(name, _LISTED['fork'])
      else:
        self.assertNotIn(name, _LISTED['spawn'])

  def test_another_architecture_and_x32_are_refused(self, machine):
    read = _number(machine, 'read')
    self.assertEqual(_run(machine, read, arch=0x40000003), _EPERM)
    self.assertEqual(_run(machine, 0x40000000 | read), _EPERM)
    self.assertEqual(_run(machine, 0xFFFFFFFF), _EPERM)

  def test_threads_but_no_processes(self, machine):
    clone = _number(machine, 'clone')
    self.assertEqual(_run(machine, clone, [0x3D0F00]), _ALLOW)
    self.assertEqual(_run(machine, clone, [17]), _EPERM)  # SIGCHLD: fork.
    self.assertEqual(_run(machine, clone, [0x4111]), _EPERM)  # vfork.
    self.assertEqual(_run(machine, clone, [0x10000 | 0x10000000]), _EPERM)
    self.assertEqual(_run(machine, _number(machine, 'clone3')), _ENOSYS)

  def test_programs_may_start_others_only_where_that_is_asked_for(
      self, machine
  ):
    clone = _number(machine, 'clone')
    harmless = [17, 0x4111, 0x01200011, 0x00100011]
    for flags in harmless:
      self.assertEqual(_run(machine, clone, [flags], kind='program'), _EPERM)
      self.assertEqual(_run(machine, clone, [flags], kind='spawn'), _ALLOW)
    # Another signal than SIGCHLD at the end; CLONE_PARENT, CLONE_PTRACE,
    # CLONE_PIDFD, CLONE_NEWUSER and CLONE_NEWPID.
    for flags in (0, 10, 0x8011, 0x2011, 0x1011, 0x10000011, 0x20000011):
      self.assertEqual(_run(machine, clone, [flags], kind='spawn'), _EPERM)
    for kind in seccomp.KINDS:
      thread = _run(machine, clone, [0x3D0F00], kind=kind)
      self.assertEqual(thread, _ALLOW)

  def test_the_end_of_a_child_cannot_be_ignored(self, machine):
    action = _number(machine, 'rt_sigaction')
    for args, expected in (
        ([17, 0, 1], _ALLOW),
        ([17, 4096, 0], _EPERM),
        ([17, 1 << 40, 0], _EPERM),
        ([13, 4096, 0], _ALLOW),
    ):
      self.assertEqual(_run(machine, action, args, kind='spawn'), expected)
      self.assertEqual(_run(machine, action, args, kind='program'), _ALLOW)

  def test_signals_only_to_oneself_and_not_the_host_s(self, machine):
    for name, at in (('kill', 1), ('tgkill', 2)):
      number = _number(machine, name)
      args = [_PID, _PID, 0, 0]
      args[at] = 6
      self.assertEqual(_run(machine, number, args), _ALLOW)
      args[at] = 9
      self.assertEqual(_run(machine, number, args), _EPERM)
      args[at], args[0] = 6, _PID + 1
      self.assertEqual(_run(machine, number, args), _EPERM)
      args[0] = -1
      self.assertEqual(_run(machine, number, args), _EPERM)

  def test_no_writable_file_mapping_and_no_truncation_by_reading(self, machine):
    mmap = _number(machine, 'mmap')
    self.assertEqual(_run(machine, mmap, [0, 1, 3, 0x22]), _ALLOW)
    self.assertEqual(_run(machine, mmap, [0, 1, 3, 0x21]), _ALLOW)
    self.assertEqual(_run(machine, mmap, [0, 1, 1, 0x02]), _ALLOW)
    self.assertEqual(_run(machine, mmap, [0, 1, 1, 0x01]), _EPERM)
    self.assertEqual(_run(machine, mmap, [0, 1, 3, 0x03]), _EPERM)
    openat = _number(machine, 'openat')
    self.assertEqual(_run(machine, openat, [0, 0, 0o1000]), _EPERM)
    self.assertEqual(_run(machine, openat, [0, 0, 0o1101]), _ALLOW)

  def test_limits_can_be_read_and_not_set(self, machine):
    prlimit = _number(machine, 'prlimit64')
    self.assertEqual(_run(machine, prlimit, [0, 7, 0, 1]), _ALLOW)
    self.assertEqual(_run(machine, prlimit, [0, 7, 1 << 40, 0]), _EPERM)
    self.assertEqual(_run(machine, prlimit, [1, 7, 0, 1]), _EPERM)

  def test_pairs_carry_no_addresses_and_no_urgent_bytes(self, machine):
    for name in ('sendto', 'recvfrom'):
      number = _number(machine, name)
      self.assertEqual(_run(machine, number, [3, 9, 9, 0x4000]), _ALLOW)
      self.assertEqual(_run(machine, number, [3, 9, 9, 0x4001]), _EPERM)
    send = _number(machine, 'sendto')
    self.assertEqual(_run(machine, send, [3, 9, 9, 0, 1 << 40]), _EPERM)

  def test_descriptors_send_no_signals(self, machine):
    fcntl = _number(machine, 'fcntl')
    self.assertEqual(_run(machine, fcntl, [3, 1]), _ALLOW)
    for command in (8, 10, 15, 1031):  # SETOWN, SETSIG, SETOWN_EX, pipe size.
      self.assertEqual(_run(machine, fcntl, [3, command]), _EPERM)


if __name__ == '__main__':
  absltest.main()
