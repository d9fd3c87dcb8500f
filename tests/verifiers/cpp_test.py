"""Tests of the C++ verifier: candidates, problems, errors."""

import ast
import dataclasses
import functools
import os
import pathlib
import re
import shutil
import time
from unittest import mock

import psutil
import pytest

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import cpp
from swm_jax.verifiers import cpp_toolchain
from swm_jax.verifiers.sandbox import levels

needs_compiler = pytest.mark.skipif(
    shutil.which('g++') is None, reason='install the Debian package g++'
)
_FOLDER = pathlib.Path(__file__).parent / 'cheats' / 'cpp'
_MIN_HOSTILE, _MIN_HONEST = 90, 25
_SQUARES = types.Problem(
    'squares', 'test', 'squares', '', 'solve',
    tuple(((n,), n * n + 1) for n in (3, 5, 0, -2, 10)),
    domain='cpp', spec={'parameters': ('int',), 'returns': 'int'},
)
_PRINTED = types.Problem(
    'printed', 'test', 'printed', '', domain='cpp',
    spec={'cases': tuple((f'{n}\n', f'{n * n + 1}\n') for n in (3, 5, 0))},
)
_SHORT = base.Limits(cpu_seconds=0.5, wall_seconds=1.5, memory_bytes=256 << 20)


@functools.cache
def _verifier():
  return cpp.CppVerifier()


@pytest.fixture(scope='module')
def pool():
  with _verifier().pool(2) as running:
    yield running


def _force(monkeypatch, level):
  monkeypatch.setenv(levels.ENVIRONMENT_VARIABLE, level)
  try:
    return cpp.CppVerifier()
  except RuntimeError as error:
    pytest.skip(str(error))


def _value(text):
  return eval(text, {'nan': float('nan')})  # pylint: disable=eval-used


def _honest_problem(name, source):
  """The problem that the first lines of an honest candidate describe."""
  signature = re.match(r'// FUNCTION ([\w:]+)\((.*)\) -> (.*)\n', source)
  if signature is None:
    cases = re.findall(r'^// CASE (.*) -> (.*)$', source, re.M)
    cases = [tuple(map(ast.literal_eval, case)) for case in cases]
    return types.Problem(
        name, 'test', name, '', domain='cpp', spec={'cases': cases}
    )
  entry, parameters, returns = signature.groups()
  tests = re.findall(r'^// TEST (.*) -> (.*)$', source, re.M)
  return types.Problem(
      name, 'test', name, '', entry,
      [(_value(args), _value(expected)) for args, expected in tests],
      domain='cpp',
      spec={'parameters': tuple(parameters.split(', ')), 'returns': returns},
  )


def _check_honest(pool):
  sources = {p.stem: p.read_text() for p in (_FOLDER / 'honest').glob('*.cpp')}
  assert len(sources) >= _MIN_HONEST
  pairs = [
      (_honest_problem(name, source), source)
      for name, source in sources.items()
  ]
  bad = [
      (pairs[index][0].id, verdict.reason, verdict.detail)
      for index, verdict in pool.verify_batch(pairs)
      if not verdict.passed
  ]
  assert not bad, bad


def _check_hostile(verifier, harm):
  secret = harm / 'secret'
  secret.write_text('a secret')
  harm.chmod(0o777)
  secret.chmod(0o666)
  before = {p.pid for p in psutil.Process().children(recursive=True)}
  names, pairs, allowed = [], [], []
  for path in sorted((_FOLDER / 'hostile').glob('*/*.cpp')):
    source = path.read_text()
    allowed.append(
        re.match(r'// Must be: (.*)\n', source).group(1).split(', ')
    )
    source = source.replace('@HARM@', str(harm))
    source = source.replace('@PARENT@', str(os.getpid()))
    names.append(f'{path.parent.name}/{path.stem}')
    problem = _PRINTED if path.parent.name == 'program' else _SQUARES
    pairs.append((problem, source))
  assert len(names) >= _MIN_HOSTILE
  bad, details = [], []
  compiling = base.Limits(cpu_seconds=2, wall_seconds=8, memory_bytes=1 << 30)
  with mock.patch.object(cpp, '_COMPILE_LIMITS', compiling):
    with verifier.pool(4) as pool:
      futures = [pool.submit(*pair, limits=_SHORT) for pair in pairs]
      for name, reasons, future in zip(names, allowed, futures, strict=True):
        verdict = future.result()
        details.append(verdict.detail)
        if verdict.status != types.FAIL or verdict.reason not in reasons:
          bad.append((name, verdict.status, verdict.reason, verdict.detail))
  assert not bad, bad
  assert os.listdir(harm) == ['secret']
  assert secret.read_text() == 'a secret'
  assert not os.path.exists('/dev/shm/swm_jax_cpp')
  assert not any('root' in detail for detail in details)
  for _ in range(50):
    left = {p.pid for p in psutil.Process().children(recursive=True)} - before
    if not left:
      break
    time.sleep(0.1)
  assert not left


@needs_compiler
def test_honest_candidates_pass(pool):
  _check_honest(pool)


@needs_compiler
@pytest.mark.slow
def test_hostile_candidates_fail_without_harm(tmp_path):
  _check_hostile(_verifier(), tmp_path)


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize('level', levels.LEVELS[1:2])
def test_the_weaker_level_holds_too(monkeypatch, tmp_path, level):
  verifier = _force(monkeypatch, level)
  with verifier.pool(2) as pool:
    _check_honest(pool)
  _check_hostile(verifier, tmp_path)


def _function(tests, parameters, returns, **changes):
  problem = types.Problem(
      f'{tests}', 'test', 'test', '', 'f', tests, domain='cpp',
      spec={'parameters': parameters, 'returns': returns},
  )
  return dataclasses.replace(problem, **changes)


@needs_compiler
def test_headers_of_the_prompt_count_as_included(pool):
  problem = _function(
      [(([3, 1],), 1)], ('vector<int>',), 'int',
      prompt='Do it.\n\n```cpp\n#include <algorithm>\n#include <vector>\n',
  )
  source = (
      'int f(std::vector<int> a) {'
      '  std::sort(a.begin(), a.end()); return a[0]; }'
  )
  assert pool.verify(problem, source).passed
  bare = dataclasses.replace(problem, id='bare', prompt='')
  assert pool.verify(bare, source).reason == 'syntax'
  assert pool.verify(bare, f'#include <algorithm>\n{source}').passed


@needs_compiler
@pytest.mark.parametrize(('body', 'reason'), [
    ('return std::string(40000, c);', 'output'),
    ('return std::string(30000, c);', 'wrong_answer'),
    ('return std::string(1ull << 62, c);', 'exception'),
    ('new char[1ull << 40]; return "";', 'wrong_answer'),
    ('std::string s; for (;;) s += s + c;', 'memory'),
    ('return std::string("\\xff");', 'wrong_answer'),
    ('return std::string("a\\0b", 3);', 'passed'),
    ('std::string s = "ab"; return s.substr(0, 1) + std::string(1, 0) + s[7];',
     'crash'),
    ('int n; return n ? "" : "a\\0b";', 'wrong_answer'),
    ('', 'crash'),
])
def test_answers_of_a_function(pool, body, reason):
  problem = _function([(('x',), 'a\0b')], ('char',), 'string')
  source = f'#include <string>\nstd::string f(char c) {{ {body} }}'
  assert pool.verify(problem, source).reason == reason


@needs_compiler
def test_reals_are_compared_with_a_tolerance_and_integers_exactly(pool):
  reals = _function([((2.0,), 1)], ('double',), 'double')
  assert pool.verify(reals, 'double f(double x) { return 1 + 1e-9; }').passed
  assert pool.verify(reals, 'float f(float x) { return x / 2; }').passed
  assert not pool.verify(reals, 'double f(double x) { return 1.001; }').passed
  whole = _function([((2,), 1)], ('int',), 'int')
  assert pool.verify(whole, 'long f(short x) { return 1; }').passed
  assert not pool.verify(whole, 'bool f(int x) { return true; }').passed
  assert not pool.verify(whole, 'const char *f(int x) { return "1"; }').passed


@needs_compiler
def test_blanks_at_line_ends_are_all_that_may_differ_in_output(pool):
  problem = types.Problem(
      'lines', 'test', 'lines', '', domain='cpp',
      spec={'cases': [('', '1 2\n3\n')]},
  )
  source = '#include <cstdio>\nint main() {{ std::fputs("{}", stdout); }}'
  for text, passes in [
      ('1 2\\n3', True), ('1 2  \\r\\n3\\n\\n', True), ('1  2\\n3', False),
      (' 1 2\\n3', False), ('\\n1 2\\n3', False), ('1 2 3', False),
  ]:
    assert pool.verify(problem, source.format(text)).passed == passes, text


@needs_compiler
def test_long_output_that_is_expected_passes(pool):
  expected = '\n'.join(map(str, range(40_000)))
  problem = types.Problem(
      'long', 'test', 'long', '', domain='cpp',
      spec={'cases': [('40000', expected)]},
  )
  source = """
      #include <iostream>
      int main() {
        int n;
        std::cin >> n;
        for (int i = 0; i < n; i++) std::cout << i << '\\n';
      }
  """
  assert pool.verify(problem, source).passed


@needs_compiler
def test_details_quote_nothing(pool):
  source = 'int solve(int n) { return secret_name + 1; }'
  verdict = pool.verify(_SQUARES, source)
  assert verdict.reason == 'syntax'
  assert verdict.detail.startswith('does not compile, line 1')
  assert 'secret_name' not in verdict.detail
  verdict = pool.verify(_SQUARES, '\n#error secret text\n')
  assert 'secret' not in verdict.detail


@needs_compiler
def test_records_say_what_judged_and_what_it_took(pool):
  verdict = pool.verify(_SQUARES, 'int solve(int n) { return n * n + 1; }')
  assert verdict.passed and verdict.verifier == 'cpp'
  assert re.fullmatch(r'\d+/\d+\.\d+\.\d+', verdict.version)
  assert 0 < verdict.cpu_seconds < verdict.wall_seconds * 4
  assert verdict.isolation == _verifier().isolation


@needs_compiler
def test_fingerprint_follows_everything_that_decides():
  fingerprint = _verifier().fingerprint
  seen = {
      fingerprint(problem)
      for problem in (
          _SQUARES,
          dataclasses.replace(_SQUARES, entry_point='other'),
          dataclasses.replace(_SQUARES, tests=_SQUARES.tests[:4]),
          dataclasses.replace(_SQUARES, tests=(((3,), 11),)),
          dataclasses.replace(
              _SQUARES, spec={'parameters': ('long long',), 'returns': 'int'}
          ),
          dataclasses.replace(_SQUARES, prompt='```cpp\n#include <vector>\n'),
          _PRINTED,
          dataclasses.replace(_PRINTED, spec={'cases': [('3\n', '11\n')]}),
      )
  }
  assert len(seen) == 8
  again = dataclasses.replace(_SQUARES, id='again')
  assert fingerprint(again) == fingerprint(_SQUARES)


@pytest.mark.parametrize(('problem', 'message'), [
    (_function((), (), 'int'), 'neither tests nor'),
    (_function([((1,), 2)], ('int',), 'map<int>'), 'is no type'),
    (_function([((1,), 2)], ('int', 'int'), 'int'), 'cannot be used'),
    (_function([((1,), 2)], ('string',), 'int'), 'is no std::string'),
    (_function([((1,), True)], ('int',), 'int'), 'is no int'),
    (_function([((1 << 31,), 2)], ('int',), 'int'), 'is no int'),
    (_function([((1,), 2)], ('int',), 'int', entry_point='f('), 'is no name'),
    (_function([((1,), 2)], ('int',), 'int', spec={}), "lacks 'parameters'"),
    (_function([(('x' * (1 << 20),), 2)], ('string',), 'int'), 'too long'),
])
def test_problems_that_cannot_be_used_are_refused(problem, message):
  with pytest.raises(ValueError, match=re.escape(message)):
    cpp.prepare(problem)


def test_a_missing_compiler_is_named_with_its_package():
  with mock.patch.object(shutil, 'which', return_value=None):
    with pytest.raises(base.ToolMissing, match='Debian package g\\+\\+'):
      cpp_toolchain.Toolchain()


@needs_compiler
def test_a_sandbox_that_hides_the_headers_opens_no_slot():
  verifier = _verifier()
  shown = verifier.tools.profile()
  hiding = dataclasses.replace(
      shown, readable=(), executable=shown.executable[:2]
  )
  with mock.patch.object(verifier.tools, 'profile', return_value=hiding):
    with pytest.raises(RuntimeError, match='does not work in the sandbox'):
      verifier.open_slot()
