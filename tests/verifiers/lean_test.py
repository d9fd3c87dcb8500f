"""The Lean verifier: all that needs no toolchain, and the rest where one is."""

import json
import os
import pathlib
import re
import shutil
import stat
import tempfile
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import pytest

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import lean
from swm_jax.verifiers import lean_source
from swm_jax.verifiers import lean_toolchain
from swm_jax.verifiers.sandbox import toolbox

_FILES = pathlib.Path(__file__).parent / 'cheats' / 'lean'
_NEEDS_LEAN = pytest.mark.skipif(
    shutil.which('lean') is None and shutil.which('lake') is None,
    reason='needs lean or lake of a Lean 4 toolchain (Debian package elan)',
)
_TOOLS = lean_toolchain.Toolchain('/t', '/t/bin/lean', '4.15.0')


def _problem(claim='0 = 1', **spec):
  return types.Problem(
      'lean/test', 'lean', 'test', '', 'target', domain='lean',
      spec={'statement': claim, **spec},
  )


def _read(path):
  """Returns the claim of a file, `0 = 1` if it names none, and its text."""
  text = path.read_text()
  found = re.match(r'-- CLAIM (.*)\n', text)
  return (found[1] if found else '0 = 1'), text


def _paths(*kinds):
  return [
      (f'{kind}_{path.stem}', path)
      for kind in kinds
      for path in sorted((_FILES / kind).glob('*.lean'))
  ]


def _message(data, severity='information'):
  return json.dumps({'data': data, 'severity': severity}).encode() + b'\n'


class FilterTest(parameterized.TestCase):
  # pylint: disable=protected-access

  @parameterized.named_parameters(
      ('line_comment', 'a -- b /-\nc', 'a \nc'),
      ('nested', 'a /- b /- c -/ d -/ e', 'a   e'),
      ('doc', '/-- a -/ b', '  b'),
      ('opening_does_not_close', '/-/ a -/ b', '  b'),
      ('no_strings_in_comments', '/- " -/ a', '  a'),
      ('string', 'a "b" c', 'a "" c'),
      ('escaped_quote', r'a "\"" c', 'a "" c'),
      ('comment_in_string', 'a "--" b', 'a "" b'),
      ('interpolated', 's!"{a}"', 's! {a} '),
      ('raw', 'r#"a"b"# c', '"" c'),
      ('raw_backslash', r'r"\" c', '"" c'),
      ('quote_character', "'\"' a", "' ' a"),
      ('escaped_character', r"'\'' a", "' ' a"),
      ('prime', "x' y' '\"'", "x' y' ' '"),
      ('name_before_string', 'for"a"', 'for""'),
      ('comment_in_name', '«/-» a «-/» "b" «"»', '«/-» a «-/» "" «"»'),
      ('greek_name', "α' '\"'", "α' ' '"),
      ('keyword_before_character', "λ '\"' x", "λ ' ' x"),
      ('subscript', "x₁' y", "x₁' y"),
  )
  def test_strip(self, source, expected):
    self.assertEqual(lean_source.strip(source), expected)

  @parameterized.parameters(
      '/- a', '/- /- -/', '"a', r'"a\"', 'r#"a"', '«a', "x⁻¹'\"' y", "!'\"'"
  )
  def test_what_does_not_end_is_an_error(self, source):
    with self.assertRaises(lean_source.Unterminated):
      lean_source.strip(source)

  @parameterized.named_parameters(*_paths('hostile'))
  def test_refuses(self, path):
    with self.assertRaises(lean._Failed):
      lean._solution(_problem(), path.read_text())

  @parameterized.named_parameters(*_paths('honest', 'kernel'))
  def test_leaves_to_the_kernel(self, path):
    self.assertEqual(lean_source.refusal(path.read_text()), '')

  @parameterized.parameters(
      ('set_option maxHeartbeats 1000', True),
      ('set_option pp.all true', True),
      ('set_option compiler.extract_closed false', False),
      ('set_option «debug».skipKernelTC true', False),
      ('@[simp, ext] def a := 1', True),
      ('@[simp, init] def a := 1', False),
      ('@[deprecated f[0], init] def a := 1', False),
      ('def «/-» := 1\naxiom a : False\ndef «-/» := 1', False),
      ('attribute [local simp] a', True),
      ('attribute [term_parser] a', False),
      ('#check a', True),
      ('#eval a', False),
      ('def axioms := 1', True),
      ('def prefixes := a.sorry', False),
  )
  def test_word(self, source, accepted):
    self.assertEqual(lean_source.refusal(source) == '', accepted)

  def test_known_imports_are_taken_off(self):
    source = '\nimport Mathlib.Tactic\nimport Std\ntheorem a'
    self.assertEqual(
        lean_source.without_imports(source, ['import', 'Mathlib.Tactic']),
        'import Std\ntheorem a',
    )


class ToolchainTest(parameterized.TestCase):

  def _fake(self, version='Lean (version 4.15.0, x86_64, Release)'):
    """A folder with a script that answers as `lean` does."""
    folder = self.enterContext(tempfile.TemporaryDirectory())
    os.mkdir(os.path.join(folder, 'bin'))
    path = os.path.join(folder, 'bin', 'lean')
    with open(path, 'w', encoding='utf-8') as file:
      file.write(
          '#!/bin/sh\n'
          f'[ "$1" = --print-prefix ] && echo "{folder}" && exit\n'
          f'echo "{version}"\n'
      )
    os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
    return folder

  def test_configured_path(self):
    folder = self._fake()
    with mock.patch.object(shutil, 'which', return_value=None):
      found = lean_toolchain.find(folder)
    self.assertEqual(found.version, '4.15.0')
    self.assertEqual(found.root, folder)
    self.assertEqual(found.replayer, '')

  def test_lean_beside_lake_is_found(self):
    lake = os.path.join(self._fake(), 'bin', 'lake')
    paths = {'lake': lake}
    with mock.patch.object(shutil, 'which', paths.get):
      self.assertEqual(lean_toolchain.find().version, '4.15.0')

  @parameterized.parameters(
      ({'lean4checker': '/x/lean4checker'}, 'lean4checker'),
      ({'safe_verify': '/x/safe_verify'}, 'safe_verify'),
      ({'comparator': '/x/c', 'lean4checker': '/x/l'}, 'lean4checker'),
      (
          {
              'comparator': '/x/c', 'lean4checker': '/x/l',
              'landrun': '/x/r', 'lean4export': '/x/e',
          },
          'comparator',
      ),
  )
  def test_best_replayer_that_can_work_is_taken(self, programs, expected):
    folder = self._fake()
    with mock.patch.object(shutil, 'which', programs.get):
      self.assertEqual(lean_toolchain.find(folder).replayer, expected)

  @parameterized.parameters(
      ({}, 'install elan and a Lean 4 toolchain, or pass toolchain='),
      ({'toolchain': '/nowhere'}, 'there is no /nowhere/bin/lean; install'),
  )
  def test_missing_toolchain_says_what_to_do(self, options, message):
    with mock.patch.object(shutil, 'which', return_value=None):
      with self.assertRaisesRegex(base.ToolMissing, message):
        lean.LeanVerifier(**options)

  def test_lean_3_is_refused(self):
    folder = self._fake('Lean (version 3.51.1, Release)')
    with self.assertRaisesRegex(base.ToolMissing, 'is no Lean 4'):
      lean_toolchain.find(folder)

  def test_compile_command(self):
    self.assertEqual(
        _TOOLS.compile('Check'),
        ['/t/bin/lean', '--json', '-j', '1', '-o', 'Check.olean', 'Check.lean'],
    )

  @parameterized.parameters(
      ('', []),
      ('lean4checker', [['/r', 'Solution'], ['/r', 'Check']]),
      ('comparator', [['/t/bin/lake', 'env', '/r', 'config.json']]),
      (
          'safe_verify',
          [
              ['/r', 'Solution.olean', 'Solution.olean'],
              ['/r', 'Target.olean', 'Check.olean'],
          ],
      ),
  )
  def test_replay_commands(self, replayer, expected):
    tools = lean_toolchain.Toolchain(
        '/t', '/t/bin/lean', '4.15.0', replayer=replayer, replay_program='/r'
    )
    self.assertEqual(tools.replays(), expected)

  def test_environment_reads_the_current_folder_first(self):
    tools = lean_toolchain.Toolchain('/t', '/l', '4.15.0', ('/m', '/n'))
    self.assertEqual(
        tools.environment(), {'LEAN_PATH': '.:/m:/n', 'LEAN_SYSROOT': '/t'}
    )


class FilesTest(parameterized.TestCase):
  # pylint: disable=protected-access

  def test_judge_states_the_goal_itself(self):
    files = lean_toolchain.judge_files(
        _problem('twice 1 = 2', definitions='def twice (n : Nat) := n + n')
    )
    self.assertEqual(
        files['Judge.lean'].decode(),
        '\nnamespace Judge\ndef twice (n : Nat) := n + n\n'
        'def goal : Prop := twice 1 = 2\nend Judge\n',
    )
    self.assertIn(
        b'theorem judge_check : Judge.goal := @_root_.target\n',
        files['Check.lean'],
    )
    self.assertNotIn(b'Solution', files['Target.lean'])

  def test_imports_stand_before_the_candidate(self):
    problem = _problem(imports='import Mathlib', definitions='def a := 1')
    self.assertEqual(
        lean_toolchain.solution_file(problem, 'theorem t'),
        b'import Mathlib\nimport Judge\nopen Judge\ntheorem t\n',
    )

  def test_comparator_project(self):
    files = lean_toolchain.comparator_files(
        _problem(), b'theorem target', ('propext',)
    )
    self.assertEqual(
        json.loads(files['config.json']),
        {
            'challenge_module': 'Challenge',
            'solution_module': 'Solution',
            'theorem_names': ['target'],
            'permitted_axioms': ['propext'],
            'enable_nanoda': False,
        },
    )
    self.assertEqual(
        files['Challenge.lean'], b'\ntheorem target : 0 = 1 := sorry\n'
    )
    self.assertEqual(files['Solution.lean'], b'theorem target')

  @parameterized.parameters(
      ("'judge_check' does not depend on any axioms", []),
      ("'judge_check' depends on axioms: [propext]", ['propext']),
      (
          "'judge_check' depends on axioms: [propext,\n Classical.choice,\n"
          ' Quot.sound]',
          ['propext', 'Classical.choice', 'Quot.sound'],
      ),
      ("'judge_check' depends on axioms: [sorryAx]", ['sorryAx']),
      (
          "'judge_check' depends on axioms: [Lean.ofReduceBool]",
          ['Lean.ofReduceBool'],
      ),
  )
  def test_axioms(self, data, expected):
    self.assertEqual(lean_toolchain.used_axioms(_message(data)), expected)

  @parameterized.parameters(
      b'',
      b"'judge_check' does not depend on any axioms\n",
      b'{"data": ',
      b'[]\n',
      b'{}\n',
      _message("'judge_check' does not depend on any axioms", 'warning'),
      _message("'other' does not depend on any axioms"),
      _message("x\n'judge_check' does not depend on any axioms"),
      _message("'judge_check' depends on axioms: [a]\nmore [b]"),
      _message("'judge_check' does not depend on any axioms") * 2,
      b'[' * 100_000 + b'\n',
  )
  def test_any_other_answer_is_refused(self, stdout):
    self.assertIsNone(lean_toolchain.used_axioms(stdout))

  @parameterized.parameters(
      ("unexpected token ':='; expected term", 'syntax'),
      ('unsolved goals\n⊢ False', 'wrong_answer'),
      ('type mismatch\n  h\nhas type\n  P but is expected to have type\n  Q',
       'wrong_answer'),
      ('(deterministic) timeout at `whnf`', 'time'),
  )
  def test_reason_of_a_failed_compilation(self, data, reason):
    stdout = _message('unused variable', 'warning') + _message(data, 'error')
    self.assertEqual(lean._why(stdout)[0], reason)

  @parameterized.parameters(
      ("unknown identifier '_root_.target'", 'missing'),
      ("Unknown constant `_root_.target`", 'missing'),
      ('type mismatch', 'wrong_answer'),
  )
  def test_reason_of_a_failed_check(self, data, reason):
    found = lean._why_not_the_goal(_message(data, 'error'), _problem())
    self.assertEqual(found[0], reason)

  @parameterized.parameters(
      ('/- theorem', 'syntax'),
      ('def x := "\ud800"', 'syntax'),
      (' ' * (1 << 19), 'syntax'),
      ('theorem target : 0 = 1 := sorry', 'forbidden'),
  )
  def test_source_is_refused_before_anything_runs(self, source, reason):
    with self.assertRaises(lean._Failed) as failed:
      lean._solution(_problem(), source)
    self.assertEqual(failed.exception.args[:2], (types.FAIL, reason))


class _Box:
  """Stands in for the sandbox: records commands, answers as told."""

  def __init__(self, answers):
    self.answers = list(answers)
    self.runs = []

  def close(self):
    pass

  def run(self, argv, *, files, collect=(), limits):
    del limits
    self.runs.append((argv, sorted(files)))
    code, stdout = self.answers.pop(0)
    made = {} if code else {name: name.encode() for name in collect}
    return toolbox.Completed(code, stdout, b'', made, 0.1, 0.2, '')


_MADE = 0, b''
_NO_AXIOMS = 0, _message("'judge_check' does not depend on any axioms")
_CLASSICAL = 0, _message("'judge_check' depends on axioms: [Classical.choice]")
_SORRY = 0, _message("'judge_check' depends on axioms: [sorryAx]")
_BROKEN = 1, _message('unsolved goals', 'error')
_UNKNOWN = 1, _message("unknown identifier '_root_.target'", 'error')
_BYTES = 1, b'\xff'


class StepsTest(parameterized.TestCase):
  """The order of the steps and what each answer leads to."""

  def _verify(
      self, answers, replayer='', text='theorem target : 0 = 1', **spec
  ):
    tools = lean_toolchain.Toolchain(
        '/t', '/t/bin/lean', '4.15.0', replayer=replayer, replay_program='/r'
    )
    # A slot first tries a proof of its own.
    box = _Box(
        [_MADE, _MADE, _MADE, _NO_AXIOMS, *[_MADE] * len(tools.replays())]
    )
    with mock.patch.object(
        lean_toolchain, 'find', return_value=tools
    ), mock.patch.object(toolbox, 'Toolbox', return_value=box):
      verifier = lean.LeanVerifier(allow_unsafe=True)
      slot = verifier.open_slot()
      self.assertEmpty(box.answers)
      box.answers, box.runs = list(answers), []
      return slot.verify(_problem(**spec), text, verifier.limits), box.runs

  def test_steps_of_a_proof(self):
    verdict, runs = self._verify(
        [_MADE, _MADE, _MADE, _NO_AXIOMS, _MADE, _MADE], 'safe_verify'
    )
    self.assertEqual(verdict.reason, 'passed')
    self.assertEqual(verdict.version, '1/4.15.0+safe_verify')
    self.assertAlmostEqual(verdict.cpu_seconds, 0.4)
    compiled = ['Check.olean', 'Judge.olean', 'Solution.olean', 'Target.olean']
    self.assertEqual(runs, [
        (_TOOLS.compile('Judge'), ['Judge.lean']),
        (_TOOLS.compile('Target'), ['Judge.olean', 'Target.lean']),
        (_TOOLS.compile('Solution'), ['Judge.olean', 'Solution.lean']),
        (
            _TOOLS.compile('Check'),
            ['Check.lean', 'Judge.olean', 'Solution.olean'],
        ),
        (['/r', 'Solution.olean', 'Solution.olean'], compiled),
        (['/r', 'Target.olean', 'Check.olean'], compiled),
    ])

  def test_comparator_gets_sources_only(self):
    verdict, runs = self._verify(
        [_MADE, _MADE, _MADE, _CLASSICAL, _MADE], 'comparator'
    )
    self.assertTrue(verdict.passed)
    self.assertEqual(runs[-1], (
        ['/t/bin/lake', 'env', '/r', 'config.json'],
        ['Challenge.lean', 'Judge.lean', 'Solution.lean', 'config.json',
         'lakefile.toml'],
    ))

  @parameterized.named_parameters(
      ('not_compiled', [_BROKEN], '', 'wrong_answer'),
      ('another_goal', [_MADE, _BROKEN], '', 'wrong_answer'),
      ('no_theorem', [_MADE, _UNKNOWN], '', 'missing'),
      ('sorry', [_MADE, _SORRY], '', 'forbidden'),
      ('silent_check', [_MADE, _MADE], '', 'forbidden'),
      ('check_that_is_no_json', [_MADE, _BYTES], '', 'wrong_answer'),
      (
          'not_replayed',
          [_MADE, _NO_AXIOMS, _BYTES],
          'lean4checker',
          'wrong_answer',
      ),
      (
          'check_not_replayed',
          [_MADE, _NO_AXIOMS, _MADE, _BYTES],
          'lean4checker',
          'wrong_answer',
      ),
  )
  def test_fails(self, answers, replayer, reason):
    verdict, _ = self._verify([_MADE, _MADE, *answers], replayer)
    self.assertEqual((verdict.status, verdict.reason), (types.FAIL, reason))

  def test_slot_whose_tool_speaks_another_language_does_not_open(self):
    box = _Box([_MADE, _MADE, _MADE, (0, b'no axioms\n')])
    with mock.patch.object(
        lean_toolchain, 'find', return_value=_TOOLS
    ), mock.patch.object(toolbox, 'Toolbox', return_value=box):
      with self.assertRaisesRegex(OSError, 'not accept a trivial proof'):
        lean.LeanVerifier(allow_unsafe=True).open_slot()

  def test_axioms_of_the_problem(self):
    verdict, _ = self._verify([_MADE, _MADE, _MADE, _CLASSICAL], axioms=())
    self.assertEqual(verdict.detail, 'rests on the axiom Classical.choice')

  def test_statement_that_does_not_compile_is_our_error(self):
    verdict, _ = self._verify([_BROKEN])
    self.assertEqual(verdict.reason, 'worker_died')
    self.assertIn('lean/test does not compile: unsolved', verdict.detail)

  def test_refused_source_starts_nothing(self):
    verdict, runs = self._verify([], text='axiom target : 0 = 1')
    self.assertEqual(verdict.reason, 'forbidden')
    self.assertEmpty(runs)


@_NEEDS_LEAN
class LeanTest(parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.verifier = lean.LeanVerifier()
    cls.slot = cls.verifier.open_slot()

  @classmethod
  def tearDownClass(cls):
    cls.slot.close()
    super().tearDownClass()

  def check(self, problem, text):
    return self.slot.verify(problem, text, self.verifier.limits)

  @parameterized.named_parameters(*_paths('hostile', 'kernel'))
  def test_refuses(self, path):
    claim, text = _read(path)
    verdict = self.check(_problem(claim), text)
    self.assertEqual(verdict.status, types.FAIL, verdict)

  @parameterized.named_parameters(*_paths('honest'))
  def test_accepts(self, path):
    claim, text = _read(path)
    verdict = self.check(_problem(claim), text)
    self.assertEqual(verdict.status, types.PASS, verdict)

  def test_axioms_are_refused_without_the_filter(self):
    for name in ('sorry', 'axiom', 'native_decide'):
      claim, text = _read(_FILES / 'hostile' / f'{name}.lean')
      with mock.patch.object(lean_source, 'refusal', return_value=''):
        verdict = self.check(_problem(claim), text)
      self.assertEqual(verdict.status, types.FAIL, verdict)

  def test_other_name_is_missing(self):
    verdict = self.check(_problem('True'), 'theorem other : True := trivial')
    self.assertEqual(verdict.reason, 'missing', verdict)


if __name__ == '__main__':
  absltest.main()
