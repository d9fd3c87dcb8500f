"""The words of a prompt that say what is asked for.

What is the same for every prompt, or depends on names and layout, is left out:
code fence, comment mark, definition line, import lines, doctests, articles,
names of arguments, case and punctuation.
"""

from collections.abc import Sequence
import re

_ARTICLES = frozenset({'a', 'an', 'the'})
# Words, numbers, quoted strings, operators; an apostrophe inside a word opens
# no string.
_WORD = re.compile(
    r'[^\W\d]\w*|-?\d+(?:\.\d+)?|"[^"\n]*"|(?<!\w)\'[^\'\n]*\'|[-+*/%<>=^&|]+'
)
_DEFINITION = re.compile(r'^\s*(?:async\s+)?def\s+\w+\s*\((.*)$')
_SKELETON = ('```', 'import ', 'from ')
_TRIPLE_QUOTED = re.compile(
    r'"""(.*?)"""|\'\'\'(.*?)\'\'\'', re.DOTALL
)


def description(prompt: str) -> tuple[str, ...]:
  """Returns the words in order; a constant is `number:` or `string:` and it."""
  dropped = set(_ARTICLES)
  lines = []
  in_doctest = False  # From >>> to an empty line or the end of the docstring.
  for line in prompt.splitlines():
    stripped = line.strip()
    definition = _DEFINITION.match(line)
    if stripped.startswith('>>>'):
      in_doctest = True
    elif not stripped or stripped.startswith(('"""', "'''")):
      in_doctest = False
    if definition:
      dropped.update(_argument_names(definition.group(1).lower()))
    elif not in_doctest and not stripped.startswith(_SKELETON):
      lines.append(line.strip(' \t#"\'').lower())
  words = (_mark(word) for word in _WORD.findall('\n'.join(lines)))
  return tuple(word for word in words if word not in dropped)


def pattern(words: Sequence[str]) -> tuple[str, ...]:
  """Numbers the constants, so that only which are equal is left of them."""
  numbers = {}
  return tuple(
      f'{word.split(":")[0]}:{numbers.setdefault(word, len(numbers))}'
      if ':' in word else word
      for word in words
  )


def without_values(words: Sequence[str]) -> list[str]:
  """Leaves `number` or `string` of each constant."""
  return [word.split(':')[0] for word in words]


def comments(source: str) -> list[str]:
  """Lines of comments and docstrings, of a program that need not parse."""
  lines = [
      line[line.index('#'):] for line in source.splitlines() if '#' in line
  ]
  for text in _TRIPLE_QUOTED.findall(source):
    lines += ''.join(text).splitlines()
  return lines


def _argument_names(arguments: str) -> list[str]:
  while arguments != (flat := re.sub(r'\[[^\[\]]*\]', '', arguments)):
    arguments = flat  # Commas inside annotations part no arguments.
  return re.findall(r'(?:^|,)\s*\*{0,2}(\w+)', arguments)


def _mark(word: str) -> str:
  if word[0] in '"\'':
    return f'string:{word[1:-1]}'
  if word[-1].isdigit() and not (word[0].isalpha() or word[0] == '_'):
    return f'number:{word}'
  return word
