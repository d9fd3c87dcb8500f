"""Tests of reading C++ before it is compiled."""

from hypothesis import given
from hypothesis import strategies as st
import pytest

from swm_jax.verifiers import cpp_source


@pytest.mark.parametrize(('text', 'plain'), [
    ('int a; // x\nint b;', 'int a;  \nint b;\n'),
    ('int/* a\nb */x;', 'int \nx;\n'),
    ('in\\\nt x;', 'int x;\n'),
    ('in\\ \t\nt x;', 'int x;\n'),
    ('int x;\r\nint y;', 'int x;\nint y;\n'),
    ("char c = '\"'; // \"", "char c = '\"';  \n"),
    ("int n = 1'000'000;", "int n = 1'000'000;\n"),
    ('auto s = "// /* \\" #";', 'auto s = "// /* \\" #";\n'),
    ('auto s = R"x(\n#include "a" )")x";',
     'auto s = R"x(\n#include "a" )")x";\n'),
    ('auto s = u8R"(")";', 'auto s = u8R"(")";\n'),
    ('auto s = FOOR"(";', 'auto s = FOOR"(";\n'),
    (' # include <vector> // x', ' #include <vector>\n\n'),
    ('%: define A(x) #x', '#define A(x) #x\n\n'),
    ('#define A \\\n  1', '#define A   1\n\n'),
    ('/* x */ #ifdef A\n#endif', '  #ifdef A\n#endif\n\n'),
    ('#\nint x;', '\nint x;\n'),
    ('#pragma once\n', '\n\n'),
    ('#pragma GCC optimize ("O3")\nint x;', '\nint x;\n'),
    ('x = a %b; y = <:1:>;', 'x = a %b; y = <:1:>;\n'),
])
def test_plain_text(text, plain):
  assert cpp_source.plain(text).rstrip('\n') == plain.rstrip('\n')


@pytest.mark.parametrize('text', [
    '#include "a"', '#include <a.h>', '#include </etc/passwd>',
    '#include <../vector>', '#include <bits/../vector>', '#include < vector>',
    '#include A', '#include', '# /* */ include /**/ "a"', '#inc\\\nlude "a"',
    '#\\\ninclude "a"', '%:include "a"', '%\\\n:include "a"',
    '#import <vector>', '#include_next <vector>', '#embed "a"', '#line 1',
    '# 1 "a"', '#ident "a"',
    '#pragma GCC system_header', '#pragma push_macro("x")', '#assert x(y)',
    '_Pragma("once")', '#if __has_include(<vector>)\n#endif', 'asm("");',
    '__asm__("");', 'a\\\nsm("");', '#define A asm("")', '#define P(a, b) a##b',
    '#define P(a, b) a%:%:b', '__attribute__((packed))', '[[gnu::packed]]',
    '[[using gnu: packed]]', '#define X R"(\n)"', 'R"(\\\n)"', 'R\\\n"(a)"',
])
def test_forbidden(text):
  with pytest.raises(cpp_source.Refused) as caught:
    cpp_source.plain(f'{text}\nint x;\n')
  assert caught.value.reason == 'forbidden'


@pytest.mark.parametrize('text', [
    "don't", '"open', '/* open', 'R"(open', 'R"a b(x)a b"', '\\u0061', 'a\0b',
    '??=include "a"', 'int x; # include "a"', 'a @ b', '\ud800', '`',
    'x' * (cpp_source.MAX_BYTES + 1), '#include <vector> x', "'a\nb'", '\\',
    '\rint x;',
])
def test_no_text_of_the_language(text):
  with pytest.raises(cpp_source.Refused) as caught:
    cpp_source.plain(text)
  assert caught.value.reason == 'syntax'


_PIECES = st.sampled_from([
    '#', 'include', ' ', '\n', '\\\n', '\\ \n', '"', "'", '/*', '*/', '//',
    '<vector>', '"/etc/passwd"', 'R"(', ')"', '%:', '??=', 'asm', 'x', '1', 'R',
    '\\', '(', ')', 'define', 'u8', '\t', '\r\n', '\xe9',
])


@given(st.lists(_PIECES, max_size=12).map(''.join))
def test_what_is_plain_stays_and_names_no_file_outside_literals(text):
  try:
    plain = cpp_source.plain(text)
  except cpp_source.Refused:
    return
  assert cpp_source.plain(plain).rstrip('\n') == plain.rstrip('\n')
  if 'R"' not in plain:
    assert '\\\n' not in plain
    for line in plain.splitlines():
      words = line.replace('%:', '#').split()
      if words[:1] == ['#include'] or words[:2] == ['#', 'include']:
        assert line.strip() == '#include <vector>'


@given(st.text(max_size=40))
def test_any_text_is_plain_or_refused(text):
  try:
    assert isinstance(cpp_source.plain(text), str)
  except cpp_source.Refused as error:
    assert error.reason in ('syntax', 'forbidden')


def test_headers_of_a_trusted_text():
  text = '#include <vector>\n # include <string>\n#include <other>\nint x;'
  assert cpp_source.headers(text) == ('string', 'vector')
