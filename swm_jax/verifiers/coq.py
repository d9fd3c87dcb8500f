"""The Coq verifier: is the judge's statement proved, from allowed axioms?

Candidate and judge never share a process. Four steps, each a sandboxed process
that starts from files which we choose:

  Judge     the judge's text: `Definition goal : Prop := <statement>`; once a
            problem
  Solution  the candidate's text, compiled
  Check     `Definition proof : claim := Task.Solution.<name>`, where `claim`
            was bound to the judge's goal before the candidate's file was
            loaded; the kernel compares them and names the axioms
  replay    `coqchk` reads the compiled files into a kernel of its own and
            names every assumption and every check that was switched off

Whatever a candidate prints or redefines stays in the second process. The last
two run no command of a candidate; what they print is read as a whole, and
anything unexpected refuses.
"""

import collections
from collections.abc import Sequence
import dataclasses
import os
import re
import secrets
import shutil
import subprocess
from typing import Any

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import coq_source
from swm_jax.verifiers import sandboxed
from swm_jax.verifiers.sandbox import toolbox
from swm_jax.verifiers.sandbox import worker as worker_lib

_VERSION = '1'
_LIMITS = base.Limits(cpu_seconds=5.0, wall_seconds=20.0)
_MAX_SOURCE = 1 << 18  # Characters.
_KEPT_JUDGES = 1024  # Compiled statements of a slot, a few kB each.

# The candidate's file is loaded but not imported: none of its notations is in
# force. A drawn number in our names keeps it from aiming at them all the same.
_CHECK = """Require Task.Judge.
Definition claim_{nonce} : Prop := Task.Judge.goal.
Require Task.Solution.
Definition proof_{nonce} : claim_{nonce} := Task.Solution.{name}.
Print Assumptions proof_{nonce}.
"""
_CLOSED = 'Closed under the global context\n'
_AXIOM = re.compile(r"([\w.']+) *(?::|$)")
_SUMMARY = re.compile(r"""
CONTEXT SUMMARY
===============

\* Theory: Set is predicative
\s*
\* Axioms:(?P<axioms> <none>|(?:\n    [^\s]+)+)
\s*
\* Constants/Inductives relying on type-in-type: <none>
\s*
\* Constants/Inductives relying on unsafe \(co\)fixpoints: <none>
\s*
\* Inductives whose positivity is assumed: <none>
\s*""")


def used_axioms(printed: str) -> list[str] | None:
  """Reads the answer of `Print Assumptions`.

  Args:
    printed: the whole standard output of the process that ran it.

  Returns:
    Names as Coq shortens them; None if the answer holds anything else than
    axioms, such as a constant whose guard was not checked.
  """
  if printed == _CLOSED:
    return []
  first, _, rest = printed.partition('\n')
  if first != 'Axioms:' or not rest:
    return None
  names = []
  for line in rest.splitlines():
    if line.startswith(' '):  # The type goes on.
      continue
    found = _AXIOM.match(line)
    if not found:
      return None
    names.append(found[1])
  return names


def replayed_axioms(printed: str) -> list[str] | None:
  """Reads the context summary of `coqchk -silent -o`.

  Returns:
    Full names of every axiom of every library that was loaded; None if a check
    was switched off or the summary is not as expected.
  """
  found = _SUMMARY.fullmatch(printed)
  return found and found['axioms'].replace('<none>', '').split()


def _unexpected(
    used: Sequence[str] | None,
    present: Sequence[str] | None,
    allowed: Sequence[str],
) -> str:
  """Returns why the assumptions are refused, '' if they are allowed."""
  if used is None or present is None:
    return 'a check of the kernel was switched off'
  own = [name for name in present if not name.startswith('Coq.')]
  if own:
    return f'assumes {", ".join(own)}'
  # Coq prints the shortest name, the replay the full one.
  for name in used:
    full = [axiom for axiom in present if f'.{axiom}'.endswith(f'.{name}')]
    if not full or not set(full) <= set(allowed):
      return f'rests on the axiom {name}'
  return ''


_PROBE = types.Problem(
    'probe',
    'probe',
    'probe',
    '',
    'target',
    reference='Definition target : True := I.',
    domain='coq',
    spec={'statement': 'True'},
)


class _Failed(Exception):
  """Ends a verification; carries status, reason and detail."""


class _Slot:
  """One launcher of confined processes behind the pool's interface."""

  def __init__(self, domain: 'CoqVerifier'):
    self._domain = domain
    self._box = toolbox.Toolbox(domain.isolation, domain.profile)
    self._judges: collections.OrderedDict[str, bytes] = (
        collections.OrderedDict()
    )
    self._probe()

  def _probe(self) -> None:
    """Tries a proof, so that a tool of another form is no candidate's fault.

    Raises:
      OSError: if it is not accepted.
    """
    verdict = self.verify(_PROBE, _PROBE.reference, _LIMITS)
    if not verdict.passed:
      self.close()
      raise OSError(
          f'Coq {self._domain.version} does not accept a trivial proof: '
          f'{verdict.detail}'
      )

  def verify(
      self, problem: types.Problem, completion: str, limits: base.Limits
  ) -> types.Verdict:
    spent = [0.0, 0.0]
    try:
      self._verify(problem, completion, limits, spent)
      status, reason, detail = types.PASS, 'passed', ''
    except _Failed as failed:
      status, reason, detail = failed.args
    except worker_lib.WorkerDied as error:
      status, reason, detail = types.ERROR, 'worker_died', str(error)
    return base.make_verdict(
        self._domain,
        status,
        reason,
        cpu_seconds=spent[0],
        wall_seconds=spent[1],
        detail=detail,
    )

  def _verify(
      self,
      problem: types.Problem,
      completion: str,
      limits: base.Limits,
      spent: list[float],
  ) -> None:
    """Returns if the candidate passes; raises _Failed otherwise."""
    spec = problem.spec
    source = self._source(spec, completion)
    judge = self._judge(problem)

    def run(program, arguments, files, collect=()):
      # The steps share the processor time. Wall time is each step's own: what
      # earlier ones waited for a processor must not count.
      left = dataclasses.replace(
          limits, cpu_seconds=max(0.1, limits.cpu_seconds - spent[0])
      )
      done = self._box.run(
          [program, *arguments], files=files, collect=collect, limits=left
      )
      spent[0] += done.cpu_seconds
      spent[1] += done.wall_seconds
      failure = toolbox.failure(done, left)
      if failure:
        raise _Failed(*failure)
      return done

    domain = self._domain
    files = {'Judge.vo': judge, 'Solution.v': source}
    done = run(
        domain.coqc, domain.arguments('Solution.v'), files, ('Solution.vo',)
    )
    if done.code or 'Solution.vo' not in done.files:
      raise _Failed(types.FAIL, *_why(done.stderr))
    files = {
        'Judge.vo': judge,
        'Solution.vo': done.files['Solution.vo'],
        'Check.v': _CHECK.format(
            name=problem.entry_point, nonce=secrets.token_hex(8)
        ).encode(),
    }
    # Nothing of the prelude is needed by name.
    arguments = ['-noinit', *domain.arguments('Check.v')]
    done = run(domain.coqc, arguments, files, ('Check.vo',))
    if done.code or 'Check.vo' not in done.files:
      raise _Failed(types.FAIL, *_why_not_the_claim(done.stderr, problem))
    used = used_axioms(done.stdout.decode('utf-8', 'replace'))
    del files['Check.v']
    files['Check.vo'] = done.files['Check.vo']
    # The library itself is trusted, as the kernel is: it cannot be written.
    arguments = ['-silent', '-o', '-Q', '.', 'Task']
    for module in ('Judge', 'Solution', 'Check'):
      arguments += ['-norec', f'Task.{module}']
    done = run(domain.coqchk, arguments, files)
    if done.code:
      raise _Failed(types.FAIL, 'wrong_answer', 'coqchk refuses the proof')
    present = replayed_axioms(done.stderr.decode('utf-8', 'replace'))
    refused = _unexpected(used, present, spec.get('axioms', ()))
    if refused:
      raise _Failed(types.FAIL, 'forbidden', refused)

  def _source(self, spec, completion: str) -> bytes:
    if len(completion) > _MAX_SOURCE:
      raise _Failed(types.FAIL, 'syntax', 'the proof is too long')
    try:
      body = completion.encode()
      refused = coq_source.refusal(completion)
    except (UnicodeEncodeError, coq_source.Unterminated) as error:
      raise _Failed(types.FAIL, 'syntax', str(error)) from error
    if refused:
      raise _Failed(types.FAIL, 'forbidden', refused)
    head = spec.get('imports', '') + '\n'
    if spec.get('definitions'):
      head += 'Require Import Task.Judge.\n'
    return head.encode() + body + b'\n'

  def _judge(self, problem: types.Problem) -> bytes:
    """Compiles the judge's statement, once for many candidates."""
    key = self._domain.fingerprint(problem)
    if key not in self._judges:
      spec = problem.spec
      text = (
          f'{spec.get("imports", "")}\n{spec.get("definitions", "")}\n'
          f'Definition goal : Prop := {spec["statement"]}.\n'
      )
      done = self._box.run(
          [self._domain.coqc, *self._domain.arguments('Judge.v')],
          files={'Judge.v': text.encode()},
          collect=('Judge.vo',),
          limits=_LIMITS,
      )
      failure = toolbox.failure(done, _LIMITS)
      if failure and failure[0] == types.ERROR:
        raise _Failed(*failure)
      if done.code or 'Judge.vo' not in done.files:
        detail = (
            f'the statement of {problem.id} does not compile: '
            f'{_text(done.stderr)}'
        )
        raise _Failed(types.ERROR, 'worker_died', detail)
      self._judges[key] = done.files['Judge.vo']
      if len(self._judges) > _KEPT_JUDGES:
        self._judges.popitem(last=False)
    self._judges.move_to_end(key)
    return self._judges[key]

  def abort(self) -> None:
    self._box.kill()

  def close(self) -> None:
    self._box.close()


def _text(stderr: bytes) -> str:
  """What Coq says, without the warnings that come before."""
  text = ' '.join(stderr.decode('utf-8', 'replace').split())
  return text[max(text.find('Error'), 0) :]


def _why(stderr: bytes) -> tuple[str, str]:
  """Reason and detail for a candidate that does not compile."""
  text = _text(stderr)
  if 'Stack overflow' in text or 'Out of memory' in text:
    return 'memory', text
  if 'Syntax error' in text or 'Lexer error' in text:
    return 'syntax', text
  return 'wrong_answer', text


def _why_not_the_claim(
    stderr: bytes, problem: types.Problem
) -> tuple[str, str]:
  text = _text(stderr)
  if f'reference Task.Solution.{problem.entry_point} was not found' in text:
    return 'missing', f'does not define {problem.entry_point}'
  return 'wrong_answer', f'proves something else: {text}'


class CoqVerifier(sandboxed.SandboxedVerifier):
  """Verifies Coq developments; see `base.Verifier`.

  A candidate is a Coq file that proves a theorem named `entry_point`. A
  problem's `spec` holds

    statement    the proposition, in the judge's words
    imports      commands such as `From Coq Require Import Lia.`, put before
                 the judge's text and before the candidate's; default none
    definitions  commands of the judge, imported by candidates; default none
    axioms       full names of the library's axioms that a proof may use, such
                 as `Coq.Logic.Classical_Prop.classic`; default none

  Attributes:
    isolation: the level chosen for this host.
    limits: what each candidate may spend; its processor time is shared by all
      steps.
  """

  name = 'coq'
  default_limits = _LIMITS

  def __init__(self, **options: Any):
    """Looks for the tool; see `sandboxed.SandboxedVerifier` for options."""
    self.coqc, self.coqchk = (_find(tool) for tool in ('coqc', 'coqchk'))
    version = _ask(self.coqc, '--print-version').split()[0]
    self.version = f'{_VERSION}/{version}'
    config = dict(
        line.split('=', 1)
        for line in _ask(self.coqc, '-config').splitlines()
        if '=' in line
    )
    folders = (config['COQLIB'], config['COQCORELIB'], '/etc/ocamlfind.conf')
    self.profile = toolbox.Profile(
        readable=tuple(
            os.path.realpath(folder)
            for folder in folders
            if os.path.exists(folder)
        ),
        executable=(self.coqc, self.coqchk),
    )
    super().__init__(**options)

  def arguments(self, file: str) -> list[str]:
    """Command line of `coqc`, less the program, for a file of the task."""
    return ['-q', '-noglob', '-w', 'none', '-Q', '.', 'Task', file]

  def open_slot(self) -> _Slot:
    return _Slot(self)

  def fingerprint(self, problem: types.Problem) -> str:
    return repr((problem.entry_point, sorted(problem.spec.items())))


def _find(tool: str) -> str:
  path = shutil.which(tool)
  if path is None:
    raise base.ToolMissing(
        f'{tool} is not on the path; install Coq, on Debian: apt-get install '
        'coq'
    )
  return os.path.realpath(path)


def _ask(program: str, option: str) -> str:
  return subprocess.run(
      [program, option], check=True, capture_output=True, text=True
  ).stdout
