"""What a candidate's Verilog may be written with, before any tool reads it.

The text is read as words, numbers and signs. Comments go, because tools take
orders in them. What is left is the synthesisable part of the language; what
simulates, constrains, asserts, reads files or reaches into another module is
refused by name. `circuits_netlist` checks again what the text became.
"""

import re

_COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/', re.DOTALL)
_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<word>[A-Za-z_][A-Za-z0-9_$]*)
  | (?P<system>\$[A-Za-z0-9_$]+)
  | (?P<number>(?:\d[\d_]*)?\s*'\s*[sS]?[bodhBODH]\s*[0-9a-fA-FxXzZ?_]+
      |'[01xXzZ]|\d[\d_]*)
  | (?P<cast>'(?=\s*[({]))
  | (?P<sign>\(\s*\*\s*\)|\(\s*\*|[-+*/%&|^~!<>=?:;,.(){}\[\]@\#])
    """,
    re.VERBOSE,
)
_BASE = re.compile(r"'\s*[sS]?[bodhBODH]?\s*")
_FORBIDDEN_CHARACTERS = {
    '`': 'directives', '"': 'strings', '\\': 'escaped names'
}
_MAX_CHARACTERS = 20_000
_SYSTEM = frozenset(('$signed', '$unsigned', '$clog2', '$bits'))
# Reserved words outside of the synthesisable part, and inside of it those that
# undo a check: don't-care cases, promises about cases, other kinds of nets.
_FORBIDDEN = frozenset("""
accept_on alias always_latch assert assume before bind bins binsof
bufif0 bufif1 casex cell chandle checker class clocking cmos config constraint
context cover covergroup coverpoint cross deassign default_nettype defparam
design disable dist edge endchecker endclass endclocking endconfig endgroup
endinterface endpackage endprimitive endprogram endproperty endsequence
endspecify endtable event eventually expect export extends extern final
first_match force foreach forever fork forkjoin global highz0 highz1 iff
ifnone ignore_bins illegal_bins implements implies import incdir include initial
inout instance interconnect interface intersect join join_any join_none large
let liblist library local macromodule matches medium modport nettype new
nexttime nmos noshowcancelled notif0 notif1 null package pmos primitive
priority program property protected pull0 pull1 pulldown pullup
pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase randsequence
rcmos real realtime reject_on release restrict rnmos rpmos rtran rtranif0
rtranif1 s_always s_eventually s_nexttime s_until s_until_with scalared sequence
shortreal showcancelled small soft solve specify specparam static
string strong strong0 strong1 super supply0 supply1 sync_accept_on
sync_reject_on table tagged this throughout time timeprecision timeunit tran
tranif0 tranif1 tri tri0 tri1 triand trior trireg type unique unique0
until until_with untyped use var vectored virtual wait wait_order wand weak
weak0 weak1 wildcard wildcard_port with within wor
""".split())


class Refused(ValueError):
  """The text is not of the accepted language; `reason` is the verdict's."""

  def __init__(self, message: str, reason: str = 'forbidden'):
    super().__init__(message)
    self.reason = reason


def clean(text: str) -> str:
  """Returns the text without its comments.

  Raises:
    Refused: names the first thing that circuits are not written with.
  """
  if len(text) > _MAX_CHARACTERS:
    raise Refused(f'longer than {_MAX_CHARACTERS} characters', 'output')
  text = _COMMENT.sub(' ', text)
  tokens, position = [], 0
  while position < len(text):
    match = _TOKEN.match(text, position)
    if match is None:
      found = text[position]
      if found in _FORBIDDEN_CHARACTERS:
        raise Refused(f'{_FORBIDDEN_CHARACTERS[found]} are not accepted')
      raise Refused(f'{found!r} is no Verilog', 'syntax')
    position = match.end()
    if match.lastgroup != 'space':
      tokens.append((match.lastgroup, match.group()))
  _check(tokens)
  return text


def _check(tokens: list[tuple[str, str]]) -> None:
  undefined = 'x' if ('word', 'casez') in tokens else 'xz?'
  for index, (kind, token) in enumerate(tokens):
    if kind == 'word' and token in _FORBIDDEN:
      raise Refused(f'{token} is not accepted')
    if kind == 'system' and token not in _SYSTEM:
      raise Refused(f'{token} is not accepted')
    if kind == 'number' and "'" in token:
      digits = token[_BASE.search(token).end() :].lower()
      if not set(undefined).isdisjoint(digits):
        raise Refused(f'{token} has undefined bits')
    if re.fullmatch(r'\(\s*\*', token):
      raise Refused('attributes are not accepted')
    if token == '#' and tokens[index + 1 : index + 2] != [('sign', '(')]:
      raise Refused('delays are not accepted')
    # Named connections follow a parenthesis or a comma; names do not.
    if token == '.' and tokens[index - 1][1] not in ('(', ','):
      raise Refused('names of other modules are not accepted')
