"""Reading a C++ candidate before a compiler does: what it may contain.

The text is brought into a plain form: no spliced lines, no comments. What is
checked here is then exactly what is compiled, so that nothing hides between two
ways of reading. Lexical rules: ISO/IEC 14882:2017, 5.2 to 5.4 and 19 (phases of
translation, directives), with GCC's additions (`$` in names, blanks between the
backslash and the end of a spliced line, `#import`, `asm`).

This is the second wall. Compiler and program run where no file of the host can
be read in the first place.
"""

import re

MAX_BYTES = 256 << 10

# The standard library of C++17, its C headers, and GCC's header of all.
HEADERS = frozenset("""
algorithm any array atomic bitset cassert ccomplex cctype cerrno cfenv cfloat
charconv chrono cinttypes climits clocale cmath codecvt complex
condition_variable csetjmp csignal cstdarg cstddef cstdint cstdio cstdlib
cstring ctgmath ctime cuchar cwchar cwctype deque exception execution filesystem
forward_list fstream functional future initializer_list iomanip ios iosfwd
iostream istream iterator limits list locale map memory memory_resource mutex
new numeric optional ostream queue random ratio regex scoped_allocator set
shared_mutex sstream stack stdexcept streambuf string string_view strstream
system_error thread tuple type_traits typeindex typeinfo unordered_map
unordered_set utility valarray variant vector assert.h complex.h ctype.h errno.h
fenv.h float.h inttypes.h limits.h locale.h math.h stdbool.h stddef.h stdint.h
stdio.h stdlib.h string.h time.h wchar.h wctype.h bits/stdc++.h
""".split())

_DIRECTIVES = frozenset(
    'include define undef if ifdef ifndef elif else endif error'.split()
)
_NAMES = frozenset("""
asm __asm __asm__ __attribute __attribute__ __declspec gnu __gnu__ _Pragma
__has_include __has_include_next __has_embed
""".split())
# Only the speed of the program depends on them; they are left out.
_TUNING = re.compile(
    r'once|GCC\s+(optimize|target|push_options|pop_options|ivdep|unroll)\b.*'
)
_RAW_PREFIXES = ('R', 'u8R', 'uR', 'UR', 'LR')

_SPLICE = re.compile(r'\\[ \t\f\v]*\n')
_RAW = re.compile(r'(?<!\w)(?:u8|u|U|L)?R"')
_RAW_OPENING = re.compile(r'"([^()\\\s"]{0,16})\(')
_INCLUDE = re.compile(r'[ \t]*include[ \t]*<([\w./+]+)>[ \t]*')
_TOKEN = re.compile(
    r"""
    (?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<string>"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*')
    |(?P<number>\.?\d(?:[eEpP][+-]|'\w|[\w.])*)
    |(?P<name>[A-Za-z_$\x80-\U0010ffff][\w$\x80-\U0010ffff]*)
    |(?P<hash>\#\#?|%:%:|%:)
    |(?P<newline>\n)
    |(?P<blank>[ \t\f\v]+)
    |(?P<other>[^"'\\`@\#\x00-\x1f\x7f])
    """,
    re.VERBOSE | re.DOTALL,
)


class Refused(ValueError):
  """The text may not be compiled.

  Attributes:
    reason: `forbidden` for a construct that is not allowed, `syntax` for text
      that is no C++.
  """

  def __init__(self, reason: str, what: str):
    super().__init__(what)
    self.reason = reason


def plain(text: str) -> str:
  """Returns the text without comments and spliced lines, if it may be compiled.

  Raises:
    Refused: if it contains what is not allowed, or cannot be C++.
  """
  try:
    if len(text.encode()) > MAX_BYTES:
      raise Refused('syntax', f'the program is longer than {MAX_BYTES} bytes')
  except UnicodeEncodeError as error:
    raise Refused('syntax', 'the program is not Unicode text') from error
  text = text.replace('\r\n', '\n')
  spliced = _SPLICE.sub('', text)
  if spliced != text and _RAW.search(spliced):
    # Inside raw strings lines are not spliced; this reader does not mix both.
    raise Refused('forbidden', 'a raw string beside a spliced line')
  return ''.join(_Reader(spliced + '\n').read())


def headers(text: str) -> tuple[str, ...]:
  """The allowed headers that a trusted text includes, sorted."""
  found = re.findall(r'^[ \t]*#[ \t]*include[ \t]*<([^>\n]+)>', text, re.M)
  return tuple(sorted(HEADERS.intersection(found)))


class _Reader:
  """One pass over the tokens of a text without spliced lines."""

  def __init__(self, text: str):
    self._text = text
    self._at = 0

  def read(self) -> list[str]:
    """Returns the pieces of the plain text."""
    pieces = []
    fresh = True  # Nothing but blanks since the line began.
    while self._at < len(self._text):
      kind, token = self._next()
      if kind == 'hash':
        if not fresh:
          raise Refused('syntax', f'{token} inside a line')
        pieces.append(self._directive())
        continue
      if kind == 'newline':
        fresh = True
      elif kind == 'comment':
        token = ' ' + '\n' * token.count('\n')  # Line numbers stay right.
      elif kind != 'blank':
        fresh = False
        _check_name(kind, token)
      pieces.append(token)
    return pieces

  def _next(self) -> tuple[str, str]:
    """Returns kind and text of the next token and moves behind it."""
    match = _TOKEN.match(self._text, self._at)
    if match is None:
      character = self._text[self._at]
      raise Refused('syntax', f'an unpaired or stray {ascii(character)}')
    kind, token = match.lastgroup, match.group()
    if kind == 'other' and self._text.startswith(
        ('/*', '??=', '??/'), self._at
    ):
      raise Refused('syntax', 'an open comment or a trigraph')
    self._at = match.end()
    if token in _RAW_PREFIXES and self._text.startswith('"', self._at):
      return 'string', token + self._raw_string()
    return kind, token

  def _raw_string(self) -> str:
    opening = _RAW_OPENING.match(self._text, self._at)
    end = -1
    if opening:
      closing = f'){opening.group(1)}"'
      end = self._text.find(closing, opening.end())
    if end < 0:
      raise Refused('syntax', 'an open raw string')
    start, self._at = self._at, end + len(closing)
    return self._text[start:self._at]

  def _directive(self) -> str:
    """Reads the rest of a directive's line; returns its plain text."""
    include = _INCLUDE.match(self._text, self._at)
    if include:
      if include.group(1) not in HEADERS:
        raise Refused('forbidden', 'includes what is no standard header')
      self._at = include.end()
    words, pieces = [], []
    while True:
      kind, token = self._next()
      if kind == 'newline':
        break
      if kind == 'comment':
        token = ' '
      elif kind == 'hash' and token in ('##', '%:%:'):
        raise Refused('forbidden', 'pastes names together (##)')
      elif '\n' in token:
        raise Refused('forbidden', 'a raw string inside a directive')
      elif kind != 'blank':
        words.append(token)
        _check_name(kind, token)
      pieces.append(token)
    line = ''.join(pieces).strip()
    if include:
      if words:
        raise Refused('syntax', 'text after an included header')
      return f'#include <{include.group(1)}>\n'
    if not words:
      return '\n'
    if words[0] == 'pragma' and _TUNING.fullmatch(line[len('pragma'):].strip()):
      return '\n'
    if words[0] not in _DIRECTIVES or words[0] == 'include':
      name = words[0] if words[0].isascii() and words[0].isalpha() else '?'
      raise Refused('forbidden', f'the directive #{name[:20]} of this form')
    return f'#{line}\n'


def _check_name(kind: str, token: str) -> None:
  if kind == 'name' and token in _NAMES:
    raise Refused('forbidden', f'the name {token}')
