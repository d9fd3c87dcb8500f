"""The corpora of hostile and honest programs, as text."""

import ast
import pathlib
import re

_HERE = pathlib.Path(__file__).parent


def hostile(**words: str) -> dict[str, str]:
  """Returns {family/name: source}; `@KEY@` in a source is replaced."""
  sources = {}
  for path in sorted((_HERE / 'hostile').glob('*/*.py')):
    source = path.read_text()
    for key, word in words.items():
      source = source.replace(f'@{key}@', word)
    sources[f'{path.parent.name}/{path.stem}'] = source
  return sources


def honest() -> dict[str, tuple[str, list[tuple[tuple, object]]]]:
  """Returns {name: (source, tests)}; tests are `# TEST args -> expected`."""
  programs = {}
  for path in sorted((_HERE / 'honest').glob('*.py')):
    source = path.read_text()
    tests = []
    for args, expected in re.findall(r'^# TEST (.*) -> (.*)$', source, re.M):
      args = ast.literal_eval(args)
      tests.append((args if type(args) is tuple else (args,), _value(expected)))
    programs[path.stem] = source, tests
  return programs


def _value(text: str) -> object:
  # frozenset has no literal.
  return eval(text, {'frozenset': frozenset, 'nan': float('nan')})  # pylint: disable=eval-used
