"""Reads Lean 4 source as its lexer does, to refuse what could fool a judge.

Elaborating a file runs code, and what a file declares (syntax, macros,
initialisers) also acts in every file that imports it. So everything that is
not plain mathematics is refused by its words, before anything runs.

References:
  The Lean language reference, chapters Source files, Notations and macros,
  Attributes, Validating proofs, https://lean-lang.org/doc/reference/latest/
"""

from collections.abc import Sequence
import re

_HOLES = 'leaves a proof out'
_ASSUMES = 'assumes'
_COMPILER = "trusts the compiler's code"
_CODE = 'runs code while the file is read'
_SYNTAX = 'changes what text means'
_UNSAFE = 'replaces code behind the back of the kernel'
_WORDS = {
    **dict.fromkeys(('sorry', 'admit', 'sorryAx', 'stop'), _HOLES),
    **dict.fromkeys(('axiom', 'opaque'), _ASSUMES),
    **dict.fromkeys(
        ('native_decide', 'native', 'ofReduceBool', 'ofReduceNat',
         'reduceBool', 'reduceNat', 'trustCompiler', 'bv_decide'),
        _COMPILER,
    ),
    **dict.fromkeys(
        ('elab', 'elab_rules', 'by_elab', 'run_cmd', 'run_elab', 'run_meta',
         'run_tac', 'initialize', 'builtin_initialize', 'simproc',
         'simproc_decl', 'dsimproc', 'dsimproc_decl', 'builtin_simproc',
         'register_option', 'register_simp_attr', 'declare_config_elab',
         'include_str', 'dbg_trace', 'meta', 'IO', 'Lean', 'Elab', 'Meta',
         'MetaM', 'TacticM', 'CoreM', 'unsafeIO', 'unsafeEIO', 'unsafeBaseIO'),
        _CODE,
    ),
    **dict.fromkeys(
        ('macro', 'macro_rules', 'syntax', 'notation', 'notation3', 'infix',
         'infixl', 'infixr', 'prefix', 'postfix', 'declare_syntax_cat',
         'unif_hint', 'binder_predicate', 'import'),
        _SYNTAX,
    ),
    **dict.fromkeys(
        ('unsafe', 'extern', 'implemented_by', 'csimp', 'export_name',
         'unsafeCast', 'skipKernelTC', 'ptrAddrUnsafe', 'lcProof',
         'lcUnreachable', 'partial'),
        _UNSAFE,
    ),
}
_WORD = re.compile(r"[^\W\d][\w'!?]*")
_HASH = re.compile(r'#([a-z]\w*)')
_HASH_COMMANDS = frozenset(('check', 'print', 'reduce'))
_OPTION = re.compile(r'\bset_option\s+([\w.«»]*)')
_OPTIONS = re.compile(
    r'maxRecDepth|maxHeartbeats|autoImplicit|relaxedAutoImplicit'
    r'|synthInstance\.max(?:Heartbeats|Size)|(?:linter|pp)\.[\w.]+'
)
_ATTRIBUTES = re.compile(r'(?:@|\battribute\s*)\[([^\]]*)\]')
_ATTRIBUTE = re.compile(
    r'(?:(?:local|scoped)\s+)?-?(?:simp|ext|refl|symm|trans|congr|elab_as_elim'
    r'|reducible|irreducible|semireducible|inline|instance|aesop|grind|simps'
    r'|mono|gcongr|norm_cast|push_cast|induction_eliminator|cases_eliminator'
    r'|match_pattern|specialize|deprecated)\b[^,\[]*'
)
_IMPORT = re.compile(r'\s*import\s+([\w.]+)[ \t]*(?:\n|$)')
_CHARACTER = re.compile(r"'(?:\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)|[^\\'])'")
_RAW = re.compile(r'r(#*)"')
# Letters of Lean's names: Latin, Greek but for keywords, letter-like symbols.
_LETTER = (
    r'A-Za-z_\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u017f\u0370-\u039f\u03a1'
    r'\u03a2\u03a4-\u03ba\u03bc-\u03ff\u1f00-\u1ffe\u2100-\u214f'
    r'\U0001d49c-\U0001d59f'
)
_SUBSCRIPT = r'\u2080-\u2089\u2090-\u209c\u1d62-\u1d6a\u2c7c'
_NAME = re.compile(rf"[{_LETTER}][{_LETTER}{_SUBSCRIPT}0-9'!?]*")


class Unterminated(ValueError):
  """A comment, a string or a name does not end, or where is not clear."""


def strip(source: str) -> str:
  """Returns source without comments and without what strings say.

  Block comments nest. Strings with a brace are kept as they are, without
  quotes: they can be interpolated, and what stands in braces is code.

  Raises:
    Unterminated: a comment or a string does not end.
  """
  kept, position = [], 0
  while position < len(source):
    pair = source[position : position + 2]
    character = source[position]
    if pair == '/-':
      position = _after_comment(source, position)
      kept.append(' ')
    elif pair == '--':
      end = source.find('\n', position)
      position = len(source) if end < 0 else end
    elif character == '"':
      end = _after_string(source, position)
      inside = source[position + 1 : end - 1]
      kept.append(f' {inside} ' if '{' in inside else '""')
      position = end
    elif character == '«':  # A name of any characters.
      end = _find(source, '»', position)
      kept.append(source[position : end + 1])
      position = end + 1
    elif found := _RAW.match(source, position):
      end = _find(source, '"' + found[1], found.end())
      kept.append('""')
      position = end + 1 + len(found[1])
    elif found := _NAME.match(source, position):
      kept.append(found[0])
      position = found.end()
    elif found := _CHARACTER.match(source, position):
      # Some operators end in a quote; then this would open a string.
      if '"' in found[0] and source[position - 1 : position].strip(' \n([,='):
        raise Unterminated(f'{found[0]} can be read in two ways')
      kept.append("' '")
      position = found.end()
    else:
      kept.append(character)
      position += 1
  return ''.join(kept)


def _find(source: str, end: str, position: int) -> int:
  found = source.find(end, position)
  if found < 0:
    raise Unterminated(f'{end} is missing')
  return found


def _after_comment(source: str, position: int) -> int:
  depth = 0
  for found in re.compile('/-|-/').finditer(source, position):
    if found.start() < position:
      continue
    depth += 1 if found[0] == '/-' else -1
    # `/-/` opens, and does not close what it opened.
    position = found.end()
    if depth == 0:
      return position
  raise Unterminated('a comment does not end')


def _after_string(source: str, position: int) -> int:
  position += 1
  while position < len(source):
    if source[position] == '\\':
      position += 2
    elif source[position] == '"':
      return position + 1
    else:
      position += 1
  raise Unterminated('a string does not end')


def without_imports(source: str, known: Sequence[str]) -> str:
  """Takes the imports of `known` modules off the head of a file."""
  while (found := _IMPORT.match(source)) and found[1] in known:
    source = source[found.end() :]
  return source


def refusal(source: str) -> str:
  """Returns why the source is refused, '' if it is not.

  Raises:
    Unterminated: a comment or a string does not end.
  """
  stripped = strip(source)
  for word in _WORD.findall(stripped):
    if word in _WORDS:
      return f'{word} {_WORDS[word]}'
  for command in _HASH.findall(stripped):
    if command not in _HASH_COMMANDS:
      return f'#{command} is not allowed'
  for option in _OPTION.findall(stripped):
    if not _OPTIONS.fullmatch(option):
      return f'the option {option} must not be set'
  for attributes in _ATTRIBUTES.findall(stripped):
    for attribute in attributes.split(','):
      if not _ATTRIBUTE.fullmatch(attribute.strip()):
        return f'the attribute {attribute.strip()!r} is not allowed'
  return ''
