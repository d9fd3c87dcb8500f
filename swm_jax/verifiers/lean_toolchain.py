"""The user's Lean toolchain: where it is, what it is told, what it answers.

Nothing here runs a candidate; `lean.py` does, in the sandbox. Tools that replay
compiled files into a fresh kernel are used if the user has them, the first of

  comparator   https://github.com/leanprover/comparator
  lean4checker https://github.com/leanprover/lean4checker
  SafeVerify   https://github.com/GasStationManager/SafeVerify
"""

from collections.abc import Mapping, Sequence
import dataclasses
import json
import os
import re
import shutil
import subprocess

from swm_jax import types
from swm_jax.verifiers import base

AXIOMS = ('propext', 'Classical.choice', 'Quot.sound')
CHECKED = 'judge_check'
# In the order of preference; the comparator also compares the statements.
REPLAYERS = ('comparator', 'lean4checker', 'safe_verify')
_INSTALL = (
    'install elan and a Lean 4 toolchain, or pass toolchain=<folder that holds '
    'bin/lean>'
)
_LAKE_PROJECT = """name = "task"
[[lean_lib]]
name = "Judge"
[[lean_lib]]
name = "Challenge"
[[lean_lib]]
name = "Solution"
"""
_ANSWER = re.compile(
    rf"'{CHECKED}' (?:does not depend on any axioms"
    r"|depends on axioms: \[(?P<axioms>[^\[\]]*)\])"
)


@dataclasses.dataclass(frozen=True)
class Toolchain:
  """Absolute paths of what was found.

  Attributes:
    root: the toolchain's folder, of `lean --print-prefix`.
    lean: the compiler itself, not elan's stand-in for it.
    version: such as `4.15.0`.
    libraries: folders of compiled modules besides the toolchain's own.
    replayer: one of `REPLAYERS`, '' if there is none.
    replay_program: its path, '' if there is none.
    helpers: programs that the replayer starts.
  """

  root: str
  lean: str
  version: str
  libraries: tuple[str, ...] = ()
  replayer: str = ''
  replay_program: str = ''
  helpers: tuple[str, ...] = ()

  def environment(self) -> dict[str, str]:
    return {
        'LEAN_PATH': os.pathsep.join(('.', *self.libraries)),
        # Replayers would otherwise start `lean` to learn it.
        'LEAN_SYSROOT': self.root,
    }

  def compile(self, module: str) -> list[str]:
    """Command that compiles `<module>.lean` to `<module>.olean`."""
    return [
        self.lean, '--json', '-j', '1', '-o', f'{module}.olean',
        f'{module}.lean',
    ]

  def replays(self) -> list[list[str]]:
    """Commands that must all end with status 0 for a proof to count."""
    program = self.replay_program
    if self.replayer == 'comparator':
      lake = os.path.join(self.root, 'bin', 'lake')
      return [[lake, 'env', program, 'config.json']]
    if self.replayer == 'lean4checker':
      return [[program, module] for module in ('Solution', 'Check')]
    if self.replayer == 'safe_verify':
      # It replays a file, not what the file imports: each in its turn.
      return [
          [program, 'Solution.olean', 'Solution.olean'],
          [program, 'Target.olean', 'Check.olean'],
      ]
    return []


def find(toolchain: str | None = None, project: str | None = None) -> Toolchain:
  """Finds Lean and, if the user has one, a tool that replays proofs.

  Args:
    toolchain: folder that holds `bin/lean`; None looks for `lean`, then for
      `lake`, on the path.
    project: folder of a built Lake project whose modules, such as Mathlib's,
      statements and proofs may import; None for the core library alone.

  Raises:
    base.ToolMissing: if there is no Lean 4, or `lake` is needed and missing.
  """
  if toolchain is not None:
    lean = os.path.join(os.path.abspath(toolchain), 'bin', 'lean')
    if not os.access(lean, os.X_OK):
      raise base.ToolMissing(f'there is no {lean}; {_INSTALL}')
  else:
    lean = shutil.which('lean')
    lake = shutil.which('lake')
    if lean is None and lake is not None:
      lean = os.path.join(os.path.dirname(lake), 'lean')
    if lean is None or not os.access(lean, os.X_OK):
      raise base.ToolMissing(f'lean is not on the path; {_INSTALL}')
  # Of elan, in the folder that decides the version.
  root = _ask([lean, '--print-prefix'], project)
  program = os.path.join(root, 'bin', 'lean')
  if not os.access(program, os.X_OK):
    raise base.ToolMissing(f'{lean} names no toolchain; {_INSTALL}')
  answer = _ask([program, '--version'], '/')
  found = re.search(r'version (\d+\.[\w.-]+)', answer)
  if found is None or not found[1].startswith('4.'):
    raise base.ToolMissing(f'{program} is no Lean 4; {_INSTALL}')
  return Toolchain(
      root=root,
      lean=os.path.realpath(program),
      version=found[1],
      libraries=_libraries(root, project),
      **_replayer(),
  )


def _ask(command: Sequence[str], folder: str | None) -> str:
  try:
    return subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=folder
    ).stdout.strip()
  except (OSError, subprocess.CalledProcessError) as error:
    raise base.ToolMissing(
        f'{" ".join(command)} fails; {_INSTALL}'
    ) from error


def _libraries(root: str, project: str | None) -> tuple[str, ...]:
  if project is None:
    return ()
  lake = os.path.join(root, 'bin', 'lake')
  path = _ask([lake, 'env', 'printenv', 'LEAN_PATH'], project)
  folders = [os.path.join(project, folder) for folder in path.split(os.pathsep)]
  return tuple(os.path.realpath(f) for f in folders if os.path.isdir(f))


def _replayer() -> dict[str, object]:
  for name in REPLAYERS:
    program = shutil.which(name)
    if program is None:
      continue
    helpers = ()
    if name == 'comparator':
      helpers = tuple(shutil.which(tool) for tool in ('landrun', 'lean4export'))
      if None in helpers:
        continue  # It cannot work without them.
    return {
        'replayer': name,
        'replay_program': os.path.realpath(program),
        'helpers': tuple(map(os.path.realpath, helpers)),
    }
  return {}


def judge_files(problem: types.Problem) -> dict[str, bytes]:
  """Source of the judge's modules: the statement, and what ties a proof to it.

  `Judge` states the goal in its own namespace. `Check` proves exactly that goal
  by the candidate's theorem and asks for the axioms. `Target` states the same
  without a proof, for SafeVerify.
  """
  spec = problem.spec
  imports = spec.get('imports', '')
  judge = (
      f'{imports}\nnamespace Judge\n{spec.get("definitions", "")}\n'
      f'def goal : Prop := {spec["statement"]}\nend Judge\n'
  )
  check = (
      'import Judge\nimport Solution\n'
      f'theorem {CHECKED} : Judge.goal := @_root_.{problem.entry_point}\n'
      f'#print axioms {CHECKED}\n'
  )
  target = f'import Judge\ntheorem {CHECKED} : Judge.goal := sorry\n'
  return {
      'Judge.lean': judge.encode(),
      'Check.lean': check.encode(),
      'Target.lean': target.encode(),
  }


def _head(problem: types.Problem) -> str:
  """What precedes a statement outside the judge's own module."""
  head = problem.spec.get('imports', '') + '\n'
  if problem.spec.get('definitions'):
    head += 'import Judge\nopen Judge\n'
  return head


def solution_file(problem: types.Problem, body: str) -> bytes:
  """Source of the candidate's module: our imports, then its text."""
  return f'{_head(problem)}{body}\n'.encode()


def comparator_files(
    problem: types.Problem, solution: bytes, axioms: Sequence[str]
) -> dict[str, bytes]:
  """The Lake project that comparator reads."""
  name = problem.entry_point
  statement = problem.spec['statement']
  challenge = f'{_head(problem)}theorem {name} : {statement} := sorry\n'
  config = {
      'challenge_module': 'Challenge',
      'solution_module': 'Solution',
      'theorem_names': [name],
      'permitted_axioms': list(axioms),
      'enable_nanoda': False,
  }
  return {
      'lakefile.toml': _LAKE_PROJECT.encode(),
      'config.json': json.dumps(config).encode(),
      'Judge.lean': judge_files(problem)['Judge.lean'],
      'Challenge.lean': challenge.encode(),
      'Solution.lean': solution,
  }


def messages(stdout: bytes) -> list[Mapping[str, object]] | None:
  """Reads what `lean --json` printed, one object a line; None if it is not."""
  found = []
  for line in stdout.splitlines():
    try:
      message = json.loads(line)
    except (ValueError, RecursionError):
      return None
    if not isinstance(message, dict):
      return None
    found.append(message)
  return found


def used_axioms(stdout: bytes) -> list[str] | None:
  """Reads the axioms of the checked theorem.

  Args:
    stdout: all that compiling `Check` printed.

  Returns:
    Their names; None unless the output is one message that names them.
  """
  found = messages(stdout)
  if not found or len(found) != 1:
    return None
  [message] = found
  data = message.get('data')
  if message.get('severity') != 'information' or not isinstance(data, str):
    return None
  answer = _ANSWER.fullmatch(data.strip())
  if answer is None:
    return None
  return re.findall(r'[^\s,]+', answer['axioms'] or '')


def errors(stdout: bytes) -> str:
  """Returns the text of the errors in a compiler's output."""
  return ' '.join(
      ' '.join(str(message.get('data')).split())
      for message in messages(stdout) or ()
      if message.get('severity') == 'error'
  )
