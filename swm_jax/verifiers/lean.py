"""The Lean 4 verifier: is the judge's statement proved, from allowed axioms?

Candidate and judge are different modules, compiled by different sandboxed
processes:

  Judge     the judge's text, `def goal : Prop := <statement>`; once a problem
  Solution  the candidate's text, after the filter of `lean_source`
  Check     `theorem judge_check : Judge.goal := @<name>` and its axioms
  replay    the compiled files once more through the kernel, by comparator,
            lean4checker or SafeVerify, whichever the user has

Importing a module takes over its syntax and runs its initialisers, so the
third step trusts the filter, which refuses all of that; the replay trusts only
the kernel. Without a replay tool the verifier says so once and in its version.
"""

import collections
import dataclasses

from absl import logging

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import lean_source
from swm_jax.verifiers import lean_toolchain
from swm_jax.verifiers import pool as pool_lib
from swm_jax.verifiers.sandbox import levels
from swm_jax.verifiers.sandbox import toolbox
from swm_jax.verifiers.sandbox import worker as worker_lib

_VERSION = '1'
# Lean maps the compiled libraries that it imports, gigabytes with Mathlib.
_LIMITS = base.Limits(
    cpu_seconds=30.0, wall_seconds=120.0, memory_bytes=16 << 30
)
_MAX_SOURCE = 1 << 18  # Characters.
_KEPT_JUDGES = 256


_PROBE = types.Problem(
    'probe',
    'probe',
    'probe',
    '',
    'target',
    reference='theorem target : True := True.intro',
    domain='lean',
    spec={'statement': 'True'},
)


class _Failed(Exception):
  """Ends a verification; carries status, reason and detail."""


class _Slot:
  """Launchers of confined processes behind the pool's interface."""

  def __init__(self, domain: 'LeanVerifier'):
    self._domain = domain
    level, tools = domain.isolation, domain.toolchain
    self._boxes = [toolbox.Toolbox(level, domain.profile())]
    if tools.replayer:
      # The comparator builds, exports and replays in processes of its own.
      spawn = tools.replayer == 'comparator'
      try:
        self._boxes.append(
            toolbox.Toolbox(level, domain.profile(spawn))
        )
      except OSError:
        self.close()
        raise
    self._judges: collections.OrderedDict[str, dict[str, bytes]] = (
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
          f'Lean {self._domain.version} does not accept a trivial proof: '
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
    tools = self._domain.toolchain
    solution = _solution(problem, completion)
    judge = self._judge(problem)

    def run(command, files, collect=(), box=self._boxes[0]):
      # The steps share the processor time. Wall time is each step's own: what
      # earlier ones waited for a processor must not count.
      left = dataclasses.replace(
          limits, cpu_seconds=max(0.1, limits.cpu_seconds - spent[0])
      )
      done = box.run(command, files=files, collect=collect, limits=left)
      spent[0] += done.cpu_seconds
      spent[1] += done.wall_seconds
      failure = toolbox.failure(done, left)
      if failure:
        raise _Failed(*failure)
      return done

    files = {'Judge.olean': judge['Judge.olean'], 'Solution.lean': solution}
    done = run(tools.compile('Solution'), files, ('Solution.olean',))
    if done.code or 'Solution.olean' not in done.files:
      raise _Failed(types.FAIL, *_why(done.stdout))
    files = {
        'Judge.olean': judge['Judge.olean'],
        'Solution.olean': done.files['Solution.olean'],
        'Check.lean': lean_toolchain.judge_files(problem)['Check.lean'],
    }
    done = run(tools.compile('Check'), files, ('Check.olean',))
    if done.code or 'Check.olean' not in done.files:
      raise _Failed(types.FAIL, *_why_not_the_goal(done.stdout, problem))
    axioms = lean_toolchain.used_axioms(done.stdout)
    if axioms is None:
      raise _Failed(
          types.FAIL, 'forbidden', 'the check says more than its axioms'
      )
    allowed = problem.spec.get('axioms', lean_toolchain.AXIOMS)
    for axiom in axioms:
      if axiom not in allowed:
        raise _Failed(types.FAIL, 'forbidden', f'rests on the axiom {axiom}')
    del files['Check.lean']
    files |= {'Check.olean': done.files['Check.olean']}
    files['Target.olean'] = judge['Target.olean']
    if tools.replayer == 'comparator':
      files = lean_toolchain.comparator_files(problem, solution, allowed)
    for command in tools.replays():
      if run(command, files, box=self._boxes[1]).code:
        raise _Failed(
            types.FAIL, 'wrong_answer', f'{tools.replayer} refuses the proof'
        )

  def _judge(self, problem: types.Problem) -> dict[str, bytes]:
    """Compiles the judge's modules, once for many candidates."""
    key = self._domain.fingerprint(problem)
    if key not in self._judges:
      sources = lean_toolchain.judge_files(problem)
      compiled = {}
      for module in ('Judge', 'Target'):
        name = f'{module}.olean'
        done = self._boxes[0].run(
            self._domain.toolchain.compile(module),
            files={f'{module}.lean': sources[f'{module}.lean'], **compiled},
            collect=(name,),
            limits=_LIMITS,
        )
        failure = toolbox.failure(done, _LIMITS)
        if failure and failure[0] == types.ERROR:
          raise _Failed(*failure)
        if done.code or name not in done.files:
          detail = (
              f'the statement of {problem.id} does not compile: '
              f'{lean_toolchain.errors(done.stdout)}'
          )
          raise _Failed(types.ERROR, 'worker_died', detail)
        compiled[name] = done.files[name]
      self._judges[key] = compiled
      if len(self._judges) > _KEPT_JUDGES:
        self._judges.popitem(last=False)
    self._judges.move_to_end(key)
    return self._judges[key]

  def abort(self) -> None:
    for box in self._boxes:
      box.kill()

  def close(self) -> None:
    for box in self._boxes:
      box.close()


def _solution(problem: types.Problem, completion: str) -> bytes:
  """Source of the candidate's module; raises _Failed if it is refused."""
  if len(completion) > _MAX_SOURCE:
    raise _Failed(types.FAIL, 'syntax', 'the proof is too long')
  words = problem.spec.get('imports', '').split()
  body = lean_source.without_imports(completion, words)
  try:
    refused = lean_source.refusal(body)
    source = lean_toolchain.solution_file(problem, body)
  except (UnicodeEncodeError, lean_source.Unterminated) as error:
    raise _Failed(types.FAIL, 'syntax', str(error)) from error
  if refused:
    raise _Failed(types.FAIL, 'forbidden', refused)
  return source


def _why(stdout: bytes) -> tuple[str, str]:
  """Reason and detail for a candidate that does not compile."""
  text = lean_toolchain.errors(stdout)
  if '(deterministic) timeout' in text:
    return 'time', text
  if 'unexpected ' in text or 'expected command' in text:
    return 'syntax', text
  return 'wrong_answer', text


def _why_not_the_goal(
    stdout: bytes, problem: types.Problem
) -> tuple[str, str]:
  text = lean_toolchain.errors(stdout)
  if text.lower().startswith('unknown'):
    return 'missing', f'does not define {problem.entry_point}'
  return 'wrong_answer', f'proves something else: {text}'


class LeanVerifier(pool_lib.Pooled):
  """Verifies Lean 4 files; see `base.Verifier`.

  A candidate is a Lean file that proves a theorem named `entry_point`, outside
  of any namespace. A problem's `spec` holds

    statement    the proposition, in the judge's words
    imports      lines `import <module>` for judge and candidate; default none
    definitions  commands of the judge, opened in candidates; default none
    axioms       that a proof may rest on; default propext, Classical.choice,
                 Quot.sound

  Attributes:
    isolation: the level chosen for this host.
    limits: what each candidate may spend; its processor time is shared by all
      steps.
    toolchain: what was found of Lean.
  """

  name = 'lean'

  def __init__(
      self,
      *,
      limits: base.Limits = _LIMITS,
      require_level: str | None = None,
      allow_unsafe: bool = False,
      toolchain: str | None = None,
      project: str | None = None,
  ):
    """Finds Lean and probes the host's sandbox levels.

    Args:
      limits: per candidate.
      require_level: weakest acceptable level, None for `landlock+seccomp`.
      allow_unsafe: accept a host without any.
      toolchain: folder that holds `bin/lean`; None looks on the path.
      project: built Lake project whose modules may be imported.

    Raises:
      base.ToolMissing: if there is no Lean 4.
      RuntimeError: if the host has no acceptable level.
    """
    self.toolchain = lean_toolchain.find(toolchain, project)
    self.limits = limits
    self.isolation = levels.choose(
        require_level=require_level, allow_unsafe=allow_unsafe
    )
    replayer = self.toolchain.replayer
    if not replayer:
      logging.warning(
          'No comparator, lean4checker or safe_verify is on the path: Lean '
          'proofs are not replayed, only compiled and filtered.'
      )
    self.version = (
        f'{_VERSION}/{self.toolchain.version}+{replayer or "no-replay"}'
    )

  def profile(self, spawn: bool = False) -> toolbox.Profile:
    """What the toolchain's processes may touch."""
    tools = self.toolchain
    programs = [tools.lean]
    if tools.replayer:
      programs.append(tools.replay_program)
    if spawn:
      programs += [f'{tools.root}/bin', *tools.helpers]
    return toolbox.Profile(
        readable=(tools.root, *tools.libraries),
        executable=tuple(programs),
        spawn=spawn,
        environment=tools.environment(),
    )

  def open_slot(self) -> _Slot:
    return _Slot(self)

  def fingerprint(self, problem: types.Problem) -> str:
    return repr((problem.entry_point, sorted(problem.spec.items())))
