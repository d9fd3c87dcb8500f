"""Problems as JSON lines, for evaluation of anything by anybody.

One problem a line:

  {"id": "double", "type": "arithmetic",
   "prompt": "```python\\n# Return twice x.\\ndef double(x):",
   "entry_point": "double",
   "tests": [{"args": [3], "expected": 6}, {"args": [[1]], "expected": [1, 1]}]}

Keys:
  id: string, unique in the file.
  type: string; results are broken down by it.
  prompt: string, the exact text given to the model. A leading "```python" line
    opens the code block and is no part of the program; the completion is cut at
    the first line in column 0. End right after the colon of the definition: a
    prompt that ends in a newline is refused, since the newline and the
    indentation after it are one token of most vocabularies.
  entry_point: string, name of the function that the tests call.
  tests: non-empty list of {"args": list of positional arguments, "expected":
    what the call must return}.
  template: optional string, default `id`. Problems that are one function with
    other constants share it; intervals resample templates.
  reference: optional string, full source of a correct solution.

Results are compared by exact type and value: 1 is not 1.0 and not true, a list
is not a tuple. JSON has fewer types than Python, so an object with a single key
out of this list stands for the Python value (at any depth, in args and in
expected):

  {"__tuple__": [1, 2]}           (1, 2)
  {"__set__": [1, 2]}             {1, 2}
  {"__frozenset__": [1, 2]}       frozenset({1, 2})
  {"__dict__": [[1, "a"]]}        {1: 'a'}; needed where a key is no string
  {"__bytes__": "00ff"}           b'\\x00\\xff'
  {"__float__": "nan"}            also "inf" and "-inf", which JSON cannot hold
  {"__complex__": [0.0, 1.0]}     1j

Any other object is a dict with string keys.
"""

from collections.abc import Iterable, Mapping
import json
import math
import pathlib
from typing import Any

from swm_jax import types

_REQUIRED = {
    'id': str, 'type': str, 'prompt': str, 'entry_point': str, 'tests': list,
}
_OPTIONAL = {'template': str, 'reference': str}
_NAMES = {str: 'a string', list: 'a list'}


def encode_value(value: Any) -> Any:
  """Returns the JSON form of a plain Python value.

  Raises:
    TypeError: if the value, or one inside it, has no such form.
  """
  kind = type(value)  # Exact: a bool is no int here, a namedtuple no tuple.
  if value is None or kind in (bool, int, str):
    return value
  if kind is float:
    return value if math.isfinite(value) else {'__float__': repr(value)}
  if kind is list:
    return [encode_value(item) for item in value]
  if kind is tuple:
    return {'__tuple__': [encode_value(item) for item in value]}
  if kind in (set, frozenset):
    # Sorted by JSON text, so that a file does not depend on string hashing.
    items = sorted((encode_value(item) for item in value), key=json.dumps)
    return {f'__{kind.__name__}__': items}
  if kind is bytes:
    return {'__bytes__': value.hex()}
  if kind is complex:
    return {'__complex__': [encode_value(value.real), encode_value(value.imag)]}
  if kind is dict:
    plain = all(type(key) is str for key in value)
    if plain and not (len(value) == 1 and next(iter(value)) in _DECODERS):
      return {key: encode_value(item) for key, item in value.items()}
    pairs = [[encode_value(k), encode_value(v)] for k, v in value.items()]
    return {'__dict__': pairs}
  raise TypeError(
      f'a value of type {kind.__name__} has no form in a problem file'
  )


def decode_value(value: Any) -> Any:
  """Inverse of `encode_value`.

  Raises:
    ValueError: if a tagged object has malformed content.
  """
  if isinstance(value, list):
    return [decode_value(item) for item in value]
  if isinstance(value, dict):
    if len(value) == 1:
      tag, content = next(iter(value.items()))
      if tag in _DECODERS:
        try:
          return _DECODERS[tag](content)
        except (TypeError, ValueError) as error:
          raise ValueError(f'bad content of {tag}: {error}') from error
    return {key: decode_value(item) for key, item in value.items()}
  return value


def read(path: str | pathlib.Path) -> list[types.Problem]:
  """Reads every problem of a file.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: naming file, line and key, if a line is not a problem.
  """
  path = pathlib.Path(path)
  if not path.is_file():
    raise FileNotFoundError(f'there is no problem file {path}')
  problems: dict[str, types.Problem] = {}
  lines = path.read_text(encoding='utf-8').split('\n')
  for number, line in enumerate(lines, start=1):
    if not line.strip():
      continue
    try:
      problem = _parse(line)
    except ValueError as error:
      raise ValueError(f'{path}, line {number}: {error}') from error
    if problem.id in problems:
      raise ValueError(
          f'{path}, line {number}: key "id": {problem.id!r} is used twice'
      )
    problems[problem.id] = problem
  if not problems:
    raise ValueError(f'{path} holds no problem')
  return list(problems.values())


def write(path: str | pathlib.Path, problems: Iterable[types.Problem]) -> None:
  """Writes problems so that `read` returns equal ones."""
  with pathlib.Path(path).open('w', encoding='utf-8') as file:
    for problem in problems:
      file.write(json.dumps(to_json(problem), ensure_ascii=False) + '\n')


def to_json(problem: types.Problem) -> dict[str, Any]:
  """Returns the object of one line."""
  value = {
      'id': problem.id,
      'type': problem.type,
      'template': problem.template,
      'prompt': problem.prompt,
      'entry_point': problem.entry_point,
      'tests': [
          {
              'args': [encode_value(arg) for arg in args],
              'expected': encode_value(expected),
          }
          for args, expected in problem.tests
      ],
  }
  if problem.reference:
    value['reference'] = problem.reference
  return value


def _parse(line: str) -> types.Problem:
  try:
    value = json.loads(line, parse_constant=_refuse_constant)
  except json.JSONDecodeError as error:
    raise ValueError(f'not JSON ({error})') from error
  if not isinstance(value, Mapping):
    raise ValueError('a line must be a JSON object')
  for key, kind in _REQUIRED.items():
    if key not in value:
      raise ValueError(f'key "{key}" is missing')
    _check_kind(key, value[key], kind)
  for key, kind in _OPTIONAL.items():
    if key in value:
      _check_kind(key, value[key], kind)
  unknown = sorted(set(value) - _REQUIRED.keys() - _OPTIONAL.keys())
  if unknown:
    raise ValueError(f'key "{unknown[0]}" is not known')
  for key in ('id', 'prompt'):
    if not value[key].strip():
      raise ValueError(f'key "{key}" is empty')
  if value['prompt'].endswith('\n'):
    raise ValueError(
        'key "prompt" ends in a newline; end it right after the colon or the'
        ' docstring'
    )
  if not value['entry_point'].isidentifier():
    raise ValueError(
        f'key "entry_point": {value["entry_point"]!r} is no Python name'
    )
  if not value['tests']:
    raise ValueError('key "tests" is empty')
  return types.Problem(
      id=value['id'],
      type=value['type'],
      template=value.get('template', value['id']),
      prompt=value['prompt'],
      entry_point=value['entry_point'],
      tests=tuple(
          _parse_test(index, test) for index, test in enumerate(value['tests'])
      ),
      reference=value.get('reference', ''),
  )


def _parse_test(index: int, test: Any) -> tuple[tuple[Any, ...], Any]:
  where = f'key "tests", entry {index}'
  if not isinstance(test, Mapping) or set(test) != {'args', 'expected'}:
    raise ValueError(f'{where}: must be an object with "args" and "expected"')
  if not isinstance(test['args'], list):
    raise ValueError(f'{where}: "args" must be a list')
  try:
    args = tuple(decode_value(arg) for arg in test['args'])
    return args, decode_value(test['expected'])
  except ValueError as error:
    raise ValueError(f'{where}: {error}') from error


def _check_kind(key: str, value: Any, kind: type) -> None:
  if not isinstance(value, kind):
    raise ValueError(
        f'key "{key}" must be {_NAMES[kind]}, got {type(value).__name__}'
    )


def _refuse_constant(name: str):
  raise ValueError(f'{name} is not JSON; write {{"__float__": "nan"}} or "inf"')


def _items(content: Any) -> list[Any]:
  if not isinstance(content, list):
    raise ValueError('a list is needed')
  return [decode_value(item) for item in content]


def _decode_dict(content: Any) -> dict[Any, Any]:
  pairs = _items(content)
  if any(not isinstance(pair, list) or len(pair) != 2 for pair in pairs):
    raise ValueError('a list of [key, value] pairs is needed')
  return dict(pairs)


_DECODERS = {
    '__tuple__': lambda content: tuple(_items(content)),
    '__set__': lambda content: set(_items(content)),
    '__frozenset__': lambda content: frozenset(_items(content)),
    '__dict__': _decode_dict,
    '__bytes__': bytes.fromhex,
    '__float__': float,
    '__complex__': lambda content: complex(*_items(content)),
}
