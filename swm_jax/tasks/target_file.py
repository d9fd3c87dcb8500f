"""Reads enumerable targets from JSON."""

import itertools
import json
from typing import Any

from swm_jax.tasks import enumerable


def parse(text: str) -> enumerable.Target:
  """Reads a target file.

  Its form is `{"alphabet": ["a", ...], "max_length": n, "prompts": {name:
  {string: reward, ...}, ...}}`, with every string of length 1 to n listed.

  Raises:
    ValueError: it is no JSON, a field is missing or of another type, or a
      prompt does not list each string once with a number.
  """
  try:
    content = json.loads(text, object_pairs_hook=_distinct)
  except json.JSONDecodeError as error:
    raise ValueError(f'target file is not JSON: {error}') from None
  if not isinstance(content, dict):
    raise ValueError(
        'target file must be an object of alphabet, max_length and prompts'
    )
  missing = {'alphabet', 'max_length', 'prompts'} - set(content)
  if missing:
    raise ValueError(f'target file lacks {", ".join(sorted(missing))}')
  alphabet, max_length = content['alphabet'], content['max_length']
  prompts = content['prompts']
  if not isinstance(alphabet, list):
    raise ValueError(f'alphabet must be a list, not {alphabet!r}')
  if not isinstance(max_length, int) or isinstance(max_length, bool):
    raise ValueError(f'max_length must be an integer, not {max_length!r}')
  if not isinstance(prompts, dict) or not prompts:
    raise ValueError('prompts must be an object with at least one prompt')
  enumerable.check_size(alphabet, max_length)
  expected = {
      ''.join(symbols)
      for length in range(1, max_length + 1)
      for symbols in itertools.product(alphabet, repeat=length)
  }
  for name, rewards in prompts.items():
    _check_prompt(name, rewards, expected, max_length)
  return enumerable.make_target(
      alphabet,
      max_length,
      {name: rewards.__getitem__ for name, rewards in prompts.items()},
  )


def _check_prompt(name, rewards, expected, max_length):
  """Refuses a prompt that lists other strings, or something not a number."""
  if not isinstance(rewards, dict):
    raise ValueError(f'prompt {name!r} must be an object of string: reward')
  wrong = sorted(expected ^ set(rewards), key=lambda y: (len(y), y))
  if wrong:
    fault = 'missing' if wrong[0] in expected else 'not one'
    raise ValueError(
        f'prompt {name!r} must list every string of length 1 to'
        f' {max_length}; {wrong[0]!r} is {fault}'
    )
  for string, reward in rewards.items():
    # An integer may have more digits than a float can have.
    is_number = isinstance(reward, (int, float)) and abs(reward) < 1e300
    if isinstance(reward, bool) or not is_number:
      raise ValueError(
          f'reward of {string!r} under prompt {name!r} must be a number below'
          f' 1e300, not {str(reward)[:20]}'
      )


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
  """Makes an object of pairs; a key given twice would hide a reward."""
  content = dict(pairs)
  if len(content) < len(pairs):
    keys = [key for key, _ in pairs]
    twice = next(key for key in keys if keys.count(key) > 1)
    raise ValueError(f'target file gives {twice!r} twice in one object')
  return content
