"""The C++ verifier: functions on hidden inputs, programs on hidden lines.

A candidate is read (`cpp_source`), compiled and linked statically in a sandbox
that shows the compiler, the headers and the libraries, and run in one that
shows nothing. Expected values stay here.

A function problem has `tests` and in its spec `parameters`, the C++ types of
the arguments, and `returns` (see `cpp_values.cpp_type`). The program gets one
question at a time and must answer before it sees the next; arguments are made
anew for each. What it prints elsewhere is ignored, and so is its `main`.

A program problem has in its spec `cases`, pairs of standard input and output,
and runs once for each. Lines are compared without the blanks at their ends, and
without empty lines at the end; all else must be equal.

The headers that a prompt begins with count as included.
"""

import dataclasses
import hashlib
import re
import secrets
from typing import Any

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import cpp_harness
from swm_jax.verifiers import cpp_source
from swm_jax.verifiers import cpp_toolchain
from swm_jax.verifiers import cpp_values
from swm_jax.verifiers import sandboxed
from swm_jax.verifiers.sandbox import compare
from swm_jax.verifiers.sandbox import toolbox

_VERSION = '1'
# Of compiling, whatever the candidate may spend: parsing every standard header
# takes about a second.
_COMPILE_LIMITS = base.Limits(
    cpu_seconds=8.0, wall_seconds=20.0, memory_bytes=1 << 30
)
_OUTPUT_BYTES = 64 << 10
_NAME = re.compile(r'[A-Za-z_]\w*(::[A-Za-z_]\w*)*')
_ERROR = re.compile(r'^([\w.]+):(\d+):\d+: (?:fatal )?error: (.*)$', re.M)
_NO_SUCH_CALL = re.compile(
    'not declared|not a member|no match|convert|conversion|too (few|many)'
    '|cannot bind|cannot be used|use of void|void expression|deleted|private'
    '|ambiguous'
)
_ANSWER_REASONS = {
    '!memory': ('memory', 'ran out of memory'),
    '!exception': ('exception', 'threw an exception'),
    '!output': ('output', 'the answer is too long'),
}
_NO_MEMORY = (b'virtual memory exhausted', b'out of memory', b'std::bad_alloc')
_CHECK = types.Problem(
    'check', 'check', 'check', '', 'f', (((1,), 2),),
    spec={'parameters': ('int',), 'returns': 'int'},
)
_CHECK_SOURCE = 'int f(int n) { return n + 1; }'

_Found = tuple[str, str]  # Reason and detail.


@dataclasses.dataclass(frozen=True)
class _Prepared:
  """A problem's tests as they are sent, and what is expected.

  Attributes:
    call: text behind the candidate; '' for a program.
    headers: that the problem begins with.
    inputs: of each test: the words of a question, or standard input.
    expected: of each test: a value, or the lines of standard output.
    digest: of all that decides a verdict.
  """

  call: str
  headers: tuple[str, ...]
  inputs: tuple[bytes, ...]
  expected: tuple[Any, ...]
  digest: str


def prepare(problem: types.Problem) -> _Prepared:
  """Encodes the tests of a problem once for many candidates.

  Raises:
    ValueError: if the problem has neither tests nor cases, or they cannot be
      used.
  """
  call, inputs, expected = '', [], []
  if problem.tests:
    call = _prepare_tests(problem, inputs, expected)
  else:
    for given, printed in problem.spec.get('cases', ()):
      inputs.append(given.encode())
      expected.append(_lines(printed.encode()))
  if not inputs:
    raise ValueError(
        f'problem {problem.id} has neither tests nor spec["cases"]'
    )
  headers = cpp_source.headers(problem.program(''))
  digest = hashlib.sha256(repr((call, headers, inputs, expected)).encode())
  return _Prepared(
      call, headers, tuple(inputs), tuple(expected), digest.hexdigest()
  )


def _prepare_tests(
    problem: types.Problem, inputs: list[bytes], expected: list[Any]
) -> str:
  """Appends to both lists; returns the call."""
  for key in ('parameters', 'returns'):
    if key not in problem.spec:
      raise ValueError(f'the spec of problem {problem.id} lacks {key!r}')
  if not _NAME.fullmatch(problem.entry_point):
    raise ValueError(f'{problem.entry_point!r} is no name of a C++ function')
  kinds = [cpp_values.cpp_type(kind) for kind in problem.spec['parameters']]
  returns = cpp_values.cpp_type(problem.spec['returns'])
  for number, (args, value) in enumerate(problem.tests):
    try:
      words = []
      for argument, kind in zip(args, kinds, strict=True):
        words += cpp_values.words(argument, kind)
      expected.append(cpp_values.expectation(value, returns))
    except ValueError as error:
      raise ValueError(
          f'test {number} of {problem.id} cannot be used: {error}'
      ) from error
    inputs.append(' '.join(words).encode())
    if len(inputs[-1]) > cpp_harness.MAX_QUESTION_BYTES - 64:
      raise ValueError(f'test {number} of {problem.id} is too long')
  return cpp_harness.call(problem.entry_point, kinds)


def _lines(printed: bytes) -> list[bytes]:
  lines = [line.rstrip() for line in printed.split(b'\n')]
  while lines and not lines[-1]:
    lines.pop()
  return lines


class _Slot:
  """Two toolboxes, to compile and to run, behind the pool's interface."""

  def __init__(self, domain: 'CppVerifier'):
    self._domain = domain
    self._tools = domain.tools
    level = domain.isolation
    self._compiling = toolbox.Toolbox(level, self._tools.profile())
    try:
      self._running = toolbox.Toolbox(level, toolbox.Profile())
    except OSError:
      self._compiling.close()
      raise
    # Where the sandbox hides what the compiler needs, every candidate would
    # fail: better no verifier.
    verdict = self.verify(_CHECK, _CHECK_SOURCE, domain.limits)
    if not verdict.passed:
      self.close()
      raise RuntimeError(
          f'g++ does not work in the sandbox at level {level}:'
          f' {verdict.reason}, {verdict.detail}'
      )

  def verify(
      self, problem: types.Problem, completion: str, limits: base.Limits
  ) -> types.Verdict:
    task = self._domain.prepared(problem)
    attempt = _Attempt(self._compiling, self._running, task, limits)
    try:
      status, reason, detail = attempt.judge(self._tools, completion)
    except cpp_source.Refused as error:
      status, reason, detail = types.FAIL, error.reason, str(error)
    except toolbox.WorkerDied as error:
      status, reason, detail = types.ERROR, 'worker_died', str(error)
    except base.ToolMissing as error:
      status, reason, detail = types.ERROR, 'tool_missing', str(error)
    return base.make_verdict(
        self._domain,
        status,
        reason,
        cpu_seconds=attempt.cpu_seconds,
        wall_seconds=attempt.wall_seconds,
        detail=detail,
    )

  def abort(self) -> None:
    self._compiling.kill()
    self._running.kill()

  def close(self) -> None:
    self._compiling.close()
    self._running.close()


class _Attempt:
  """One candidate's way through compiler and tests.

  Attributes:
    cpu_seconds: processor time so far, compiling included.
    wall_seconds: the same of wall time.
  """

  def __init__(
      self,
      compiling: toolbox.Toolbox,
      running: toolbox.Toolbox,
      task: _Prepared,
      limits: base.Limits,
  ):
    self._compiling = compiling
    self._running = running
    self._task = task
    self._limits = limits
    self.cpu_seconds = self.wall_seconds = 0.0

  def judge(
      self, tools: cpp_toolchain.Toolchain, completion: str
  ) -> tuple[str, str, str]:
    """Returns status, reason and detail.

    Raises:
      cpp_source.Refused: for a text that is not compiled.
      toolbox.WorkerDied: if a launcher failed.
      base.ToolMissing: if the compiler does not work outside the sandbox.
    """
    text = cpp_source.plain(completion) + self._task.call
    command = tools.command(self._task.headers, function=bool(self._task.call))
    done = self._compiling.run(
        command,
        files={cpp_toolchain.SOURCE: text.encode()},
        collect=(cpp_toolchain.PROGRAM,),
        limits=_COMPILE_LIMITS,
        max_output=1 << 20,
    )
    self._count(done)
    verdict = toolbox.failure(done, _COMPILE_LIMITS)
    if verdict is not None:
      status, reason, detail = verdict
      return status, reason, f'compiling: {detail}'
    if done.code != 0 or cpp_toolchain.PROGRAM not in done.files:
      return types.FAIL, *_complaint(done.stderr)
    files = {cpp_toolchain.PROGRAM: done.files[cpp_toolchain.PROGRAM]}
    if self._task.call:
      return self._ask(files)
    return self._run_cases(files)

  def _count(self, done: toolbox.Completed) -> None:
    self.cpu_seconds += done.cpu_seconds
    self.wall_seconds += done.wall_seconds

  def _ask(self, files: dict[str, bytes]) -> tuple[str, str, str]:
    """Asks a function one question after the other."""
    with self._running.open(
        [f'./{cpp_toolchain.PROGRAM}'],
        files=files,
        limits=self._limits,
        max_output=4 << 20,
    ) as talk:
      found = self._converse(talk)
      done = talk.finish()
    self._count(done)
    failure = toolbox.failure(done, self._limits)
    if found is None:
      return failure or (types.FAIL, *_end(done))
    if found[0] != 'passed':
      return types.FAIL, *found
    if failure is not None:
      return failure
    if done.stdout:
      return types.FAIL, 'forbidden', 'wrote what it was not asked for'
    return types.PASS, *found

  def _converse(self, talk: toolbox.Talk) -> _Found | None:
    """Returns reason and detail, or None if the program went silent."""
    task = self._task
    pairs = zip(task.inputs, task.expected, strict=True)
    for number, (question, expected) in enumerate(pairs):
      nonce = secrets.token_hex(8)
      talk.send(nonce.encode() + b' ' + question + b'\n')
      line = talk.read_line(cpp_harness.MAX_ANSWER_BYTES + 64)
      if line is None:
        return None
      first, *words = line.decode('ascii', 'replace').split(' ')
      if first != nonce:
        return 'forbidden', 'answered what it was not asked'
      if len(words) == 1 and words[0] in _ANSWER_REASONS:
        return _ANSWER_REASONS[words[0]]
      try:
        value = cpp_values.answer(words)
      except cpp_values.Malformed as error:
        return 'forbidden', f'the answer is {error}'
      if not compare.same(expected, value):
        return 'wrong_answer', f'test {number} of {len(task.inputs)}'
    return 'passed', ''

  def _run_cases(self, files: dict[str, bytes]) -> tuple[str, str, str]:
    """Runs a program once for each case.

    The cases share the processor time; each has the wall limit for itself,
    since a busy host adds waiting to every start.
    """
    task, left = self._task, self._limits
    pairs = zip(task.inputs, task.expected, strict=True)
    for number, (given, expected) in enumerate(pairs):
      done = self._running.run(
          [f'./{cpp_toolchain.PROGRAM}'],
          files=files,
          stdin=given,
          limits=left,
          max_output=_OUTPUT_BYTES + 2 * sum(map(len, expected)),
      )
      self._count(done)
      failure = toolbox.failure(done, left)
      if failure is not None:
        return failure
      if done.code is None or done.code < 0:
        return types.FAIL, *_end(done)
      if _lines(done.stdout) != expected:
        return (
            types.FAIL, 'wrong_answer', f'case {number} of {len(task.inputs)}'
        )
      left = dataclasses.replace(
          left, cpu_seconds=left.cpu_seconds - done.cpu_seconds
      )
    return types.PASS, 'passed', ''


def _end(done: toolbox.Completed) -> _Found:
  """What to say of a program that ended without an answer."""
  if any(text in done.stderr for text in _NO_MEMORY):
    return 'memory', 'ran out of memory'
  return 'crash', f'ended without an answer, code {done.code}'


def _complaint(messages: bytes) -> _Found:
  """What to say of a text that does not compile.

  Nothing quoted is repeated: it could be text of a file that was included.
  """
  if any(text in messages for text in _NO_MEMORY):
    return 'memory', 'compiling needs too much memory'
  text = messages.decode('utf-8', 'replace')
  if 'File size limit exceeded' in text:
    return 'output', 'the compiled program is too large'
  found = _ERROR.search(text)
  if found is None:
    if 'undefined reference' in text:
      return 'missing', 'a function is declared and not defined'
    return 'syntax', 'does not compile or link'
  file, line, message = found.groups()
  if file == 'call':
    if _NO_SUCH_CALL.search(re.sub("'[^']*'", '', message)):
      return 'missing', 'no such function takes these arguments'
    return 'syntax', 'does not compile: the text is not finished'
  where = f'line {line}' if file == cpp_toolchain.SOURCE else 'a header'
  if message.startswith(('#error', 'static assertion')):
    message = 'an error of its own'
  message = re.sub(r"'.*'|\".*\"", '...', message)
  message = re.sub(r'[^\w .,;:()-]', '', message, flags=re.ASCII)[:120]
  return 'syntax', f'does not compile, {where}: {message}'


class CppVerifier(sandboxed.SandboxedVerifier):
  """Verifies C++ functions and programs; see the module and `base.Verifier`.

  `cpu_seconds` of a verdict include compiling, which has limits of its own.

  Attributes:
    isolation: the level chosen for this host.
    limits: what each candidate may spend when it runs.
    tools: the compiler.
  """

  name = 'cpp'

  def __init__(self, **options: Any):
    """Looks for the tool; see `sandboxed.SandboxedVerifier` for options."""
    self.tools = cpp_toolchain.toolchain()
    self.version = f'{_VERSION}/{self.tools.version}'
    self._prepared: dict[str, tuple[types.Problem, _Prepared]] = {}
    super().__init__(**options)

  def prepared(self, problem: types.Problem) -> _Prepared:
    """Returns the problem's encoded tests, kept by id."""
    known, prepared = self._prepared.get(problem.id, (None, None))
    if known is not problem and (
        known is None
        or known.tests is not problem.tests
        or known.spec is not problem.spec
        or known.entry_point != problem.entry_point
        or known.prompt != problem.prompt
    ):
      prepared = prepare(problem)
      self._prepared[problem.id] = problem, prepared
    return prepared

  def open_slot(self) -> _Slot:
    return _Slot(self)

  def fingerprint(self, problem: types.Problem) -> str:
    return self.prepared(problem).digest
