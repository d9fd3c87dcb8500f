"""Reads Coq source as its lexer does, to refuse commands before they run.

The kernel decides what is proved. This filter is a second wall: it keeps out
commands that touch files, load code, switch checks off or assume what was to be
proved, and says so at once.

References:
  The Coq reference manual 8.16, chapters Basic notions and conventions,
  Vernacular commands, Typing flags, https://coq.inria.fr/doc/V8.16.1/refman/
"""

import re

# Words that no honest text needs, wherever they stand.
_WORDS = {
    'Admitted': 'leaves a proof out',
    'admit': 'leaves a goal out',
    'give_up': 'leaves a goal out',
    'bypass_check': 'switches a check of the kernel off',
    'native_compute': 'runs compiled code',
}
_WORD = re.compile(r"[^\W\d][\w']*")
# Commands, where a sentence begins; as words of other sentences they may be
# names. What can stand before a command: bullets, selectors, attributes, and
# other words.
_COMMANDS = {
    r'Admit\s+Obligations': 'leaves proofs out',
    'Axioms?|Parameters?|Conjectures?': 'assumes',
    r'Declare\s+(?:Module|Instance)': 'assumes',
    'Primitive': 'declares a primitive of the machine',
    'Load': 'reads a file',
    r'(?:Add|Remove)\s+(?:Rec\s+)?LoadPath': 'changes where files are read',
    r'(?:Add|Declare)\s+ML': 'loads code',
    'Redirect': 'writes a file',
    r'Print\s+(?:Sorted\s+)?Universes': 'can write a file',
    '(?:Recursive|Separate)?\\s*Extraction|Extract': 'writes files',
    'Cd|Pwd': 'is for folders',
    'Drop|Quit': 'leaves Coq',
}
_COMMAND = re.compile(
    r'(?:[-+*{}\s!]|\w+\s*:|\[\s*\w+\s*\]\s*:|#\[[^\]]*\]|Timeout\s+\d+'
    r'|(?:Time|Fail|Succeed|Instructions|Local|Global|Export|Program|Private'
    r'|Polymorphic|Monomorphic|Cumulative|NonCumulative)\b)*'
    r'(?P<command>' + '|'.join(_COMMANDS) + r')\b'
)
_SWITCH = re.compile(r'\b(?:Unset|Set)\s+((?:[A-Z]\w*\s*)+)')
# Flags by their first word; none of them changes what the kernel accepts.
_FLAGS = re.compile(
    '(?:Apply|Asymmetric|Automatic|Boolean|Bracketing|Bullet|Case|Congruence'
    '|Contextual|Decidable|Default|Dependent|Elimination|Fast|Firstorder|Hint'
    '|Hide|Implicit|Info|Injection|Intuition|Keep|Keyed|Lia|Loose|Lra|Ltac'
    '|Maximal|Nested|Nonrecursive|Primitive|Printing|Program|Regular'
    '|Reversible|Rewriting|Scheme|Search|Short|Shrink|Simplex|Solve|Strict'
    '|Structural|Suggest|Tactic|Transparent|Typeclasses|Warnings'
    '|Universe Polymorphism|Universe Minimization)\\b'
)
_REQUIRE = re.compile(r'\b(?:Require|From)\b')
_NO_LIBRARY = re.compile(
    r'\b(?:[Ee]xtraction|Extr(?:Ocaml|Haskell)\w*|Ltac2)\b'
)


class Unterminated(ValueError):
  """A comment or a string does not end."""


def strip(source: str) -> str:
  """Returns source without comments and without what strings say.

  Comments nest, and strings are read inside them too. A comment becomes a
  space, a string becomes `""`.

  Raises:
    Unterminated: a comment or a string does not end.
  """
  kept, depth, start, position = [], 0, 0, 0
  while position < len(source):
    pair = source[position:position + 2]
    if pair == '(*':
      if depth == 0:
        kept.append(source[start:position] + ' ')
      depth += 1
      position += 2
    elif pair == '*)' and depth:
      depth -= 1
      position += 2
      start = position
    elif pair[0] == '"':
      # A doubled quote reads as the end of one string and the start of
      # the next, which comes to the same.
      end = source.find('"', position + 1)
      if end < 0:
        raise Unterminated('a string does not end')
      if depth == 0:
        kept.append(source[start:position] + '""')
        start = end + 1
      position = end + 1
    else:
      position += 1
  if depth:
    raise Unterminated('a comment does not end')
  return ''.join(kept) + source[start:]


def sentences(stripped: str) -> list[str]:
  """Splits stripped source where a dot ends a sentence."""
  parts = re.split(r'(?<=\.)(?:\s+|$)', stripped)
  return [part.strip() for part in parts if part.strip()]


def refusal(source: str) -> str:
  """Returns why the source is refused, '' if it is not.

  Raises:
    Unterminated: a comment or a string does not end.
  """
  stripped = strip(source)
  for word in _WORD.findall(stripped):
    if word in _WORDS:
      return f'{word} {_WORDS[word]}'
  for sentence in sentences(stripped):
    if found := _COMMAND.match(sentence):
      command = found['command']
      return f'{command} {_reason(command)}'
    if _REQUIRE.search(sentence) and (found := _NO_LIBRARY.search(sentence)):
      return f'the library {found[0]} is not allowed'
    for flag in _SWITCH.findall(sentence):
      if not _FLAGS.match(flag):
        return f'the flag {flag.strip()!r} must not be changed'
  return ''


def _reason(command: str) -> str:
  return next(
      reason
      for pattern, reason in _COMMANDS.items()
      if re.fullmatch(pattern, command)
  )
