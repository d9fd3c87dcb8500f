"""Which proposed programs are worth a task; the interpreter decides.

A program must be one function of the asked arguments that uses each of them,
reaches for nothing outside (no clock, no randomness, no files), and, run twice
in fresh confined processes, answers the same small plain values to at least
`MIN_PAIRS` inputs. What it computes must be worth asking for: not constant, not
an argument as it was given, depending on every argument, and not what an
earlier proposal or a problem of the day already computes.

Two programs of the same argument types behave alike if they answer alike to
`_PROBES` inputs drawn for these types, raising where the other raises.
"""

import ast
from collections.abc import Iterable, Sequence
import dataclasses
import hashlib
from typing import Any

from swm_jax import types
from swm_jax.evaluation import canonical
from swm_jax.rem.proposals import literals
from swm_jax.rem.proposals import prompts
from swm_jax.tasks import signatures
from swm_jax.verifiers import python as python_verifier
from swm_jax.verifiers.sandbox import compare
from swm_jax.verifiers.sandbox import protocol

VALID = 'valid'
# Why a proposal is refused, in the order of the checks.
REASONS = (
    VALID,
    'form',  # Not one function of the asked arguments.
    'outside',  # It imports or calls what a task must not depend on.
    'unused',  # An argument is not used.
    'seen_form',  # An earlier program but for names and layout.
    'unstable',  # Two runs differ.
    'fails',  # Too few inputs with an answer.
    'answers',  # They are too long to be asked for, or no literals.
    'constant',  # One answer to nearly all inputs.
    'identity',  # It mostly returns an argument.
    'ignored',  # An argument changes no answer.
    'seen_behaviour',  # It computes what an earlier program does.
    'no_interpreter',  # The interpreter failed: says nothing of the program.
)
MIN_PAIRS = 8
MAX_PAIRS = 12
_MIN_ANSWERED = 0.75  # of the inputs
_MAX_COMMON = 0.75  # share of the most frequent answer
_MAX_TEXT = 80  # characters of an answer or of the arguments of one call
_PROBES = 16
_MIN_PROBED = 4  # answers without which behaviours are not compared
_MODULES = frozenset((
    'bisect', 'collections', 'functools', 'heapq', 'itertools', 'math',
    'operator', 're', 'string',
))
_OUTSIDE = frozenset((
    'breakpoint', 'compile', 'delattr', 'dir', 'eval', 'exec', 'exit',
    'getattr', 'globals', 'hash', 'help', 'id', 'input', 'locals', 'memoryview',
    'object', 'open', 'print', 'quit', 'setattr', 'vars',
))
_INTERPRETER = ('worker_died', 'overloaded')


@dataclasses.dataclass
class Known:
  """What proposals must differ from.

  Attributes:
    forms: canonical forms.
    behaviours: digests, see `behaviour`.
  """

  forms: set[str] = dataclasses.field(default_factory=set)
  behaviours: set[str] = dataclasses.field(default_factory=set)

  def add(self, form: str, digest: str) -> None:
    """Adds a program; a digest of '' tells nothing apart and is left out."""
    self.forms.add(form)
    if digest:
      self.behaviours.add(digest)


@dataclasses.dataclass(frozen=True)
class Finding:
  """What the interpreter said of a program.

  Attributes:
    reason: one of `REASONS`.
    pairs: (arguments, answer), of valid programs alone.
    form: canonical form, '' if it does not parse.
    behaviour: see `behaviour`; '' where it was not run.
  """

  reason: str
  pairs: tuple[tuple[tuple[Any, ...], Any], ...] = ()
  form: str = ''
  behaviour: str = ''


def known_of(
    problems: Iterable[types.Problem],
    interpreter: python_verifier.Interpreter,
) -> Known:
  """Returns forms and behaviours of the references of problems."""
  known = Known()
  for problem in problems:
    if problem.domain == 'python' and problem.reference:
      kinds = signatures.infer(args for args, _ in problem.tests)
      digest = ''
      if kinds is not None and signatures.drawable(kinds):
        digest = behaviour(kinds, interpreter.answers(
            problem.reference, problem.entry_point, probes(kinds)
        ))
      known.add(canonical.form(problem.reference, 'python'), digest)
  return known


def examine(
    source: str,
    kinds: Sequence[str],
    inputs: Sequence[tuple[Any, ...]],
    known: Known,
    interpreter: python_verifier.Interpreter,
) -> Finding:
  """Runs a proposed program and decides whether it is worth a task.

  Args:
    source: its definition, of `prompts.NAME`.
    kinds: types of its arguments.
    inputs: argument tuples in order of preference, the first that it answers
      to are kept.
    known: what it must differ from.
    interpreter: confined.
  """
  reason = static_reason(source, len(kinds))
  if reason != VALID:
    return Finding(reason)
  form = canonical.form(source, 'python')
  if form in known.forms:
    return Finding('seen_form', form=form)
  inputs = _distinct(inputs)
  swapped = [_swapped(inputs, place) for place in range(len(kinds))]
  calls = [*inputs, *(args for group in swapped for args in group)]
  probed = probes(kinds)
  first, second = (
      interpreter.answers(source, prompts.NAME, [*calls, *probed])
      for _ in range(2)
  )
  if any(answer.reason in _INTERPRETER for answer in first + second):
    return Finding('no_interpreter', form=form)
  if not all(map(_alike, first, second)):
    return Finding('unstable', form=form)
  digest = behaviour(kinds, first[len(calls) :])
  reason, pairs = _judge(inputs, first, len(kinds))
  if reason == VALID and digest in known.behaviours:
    reason = 'seen_behaviour'
  return Finding(reason, pairs if reason == VALID else (), form, digest)


def static_reason(source: str, arity: int) -> str:
  """Decides what can be decided without running the program."""
  # A code fence inside would end the program in the prompts of its tasks.
  if '```' in source or prompts.definition(source, prompts.NAME) is None:
    return 'form'
  function = ast.parse(source).body[0]
  names = [argument.arg for argument in function.args.args]
  if len(names) != arity or ast.dump(function.args) != ast.dump(
      ast.parse(f'lambda {", ".join(names)}: 0', mode='eval').body.args
  ):
    return 'form'
  for node in ast.walk(function):
    if not _inside(node):
      return 'outside'
  loaded = {
      node.id for node in ast.walk(function)
      if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
  }
  return VALID if loaded.issuperset(names) else 'unused'


def _inside(node: ast.AST) -> bool:
  """Whether a node depends on nothing but the arguments."""
  if isinstance(node, ast.Import):
    return all(alias.name in _MODULES for alias in node.names)
  if isinstance(node, ast.ImportFrom):
    return node.module in _MODULES
  if isinstance(node, ast.Attribute):
    return not node.attr.startswith('_')
  if isinstance(node, ast.Name):
    return node.id not in _OUTSIDE and not node.id.startswith('__')
  return not isinstance(
      node, (ast.Global, ast.Nonlocal, ast.AsyncFunctionDef, ast.ClassDef)
  )


def probes(kinds: Sequence[str]) -> list[tuple[Any, ...]]:
  """Returns the inputs on which behaviours of these types are compared."""
  return signatures.draw(kinds, _PROBES, 'probes')


def behaviour(
    kinds: Sequence[str], answers: Sequence[python_verifier.Answer]
) -> str:
  """Returns a digest that programs have in common if they answer alike.

  Args:
    kinds: types of the arguments.
    answers: to `probes(kinds)`.

  Returns:
    The digest, '' if there are too few answers to tell programs apart.
  """
  if sum(answer.passed for answer in answers) < _MIN_PROBED:
    return ''
  digest = hashlib.sha256(', '.join(kinds).encode())
  for answer in answers:
    text = _encoded(answer.value) if answer.passed else b'raises'
    digest.update(text + b'\0')
  return digest.hexdigest()


def _judge(inputs, answers, arity):
  """Returns the reason and the pairs; answers are of all calls, in order."""
  count = len(inputs)
  pairs = [
      (args, answer.value)
      for args, answer in zip(inputs, answers)
      if answer.passed
  ]
  if len(pairs) < max(MIN_PAIRS, _MIN_ANSWERED * count):
    return 'fails', ()
  if not all(
      len(literals.text(value)) <= _MAX_TEXT and literals.exact(value)
      for _, value in pairs
  ):
    return 'answers', ()
  texts = [_encoded(value) for _, value in pairs]
  if max(map(texts.count, texts)) > _MAX_COMMON * len(texts):
    return 'constant', ()
  for place in range(arity):
    same = sum(compare.same(args[place], value) for args, value in pairs)
    if same > _MAX_COMMON * len(pairs):
      return 'identity', ()
  for place in range(arity if arity > 1 else 0):
    start = count * (1 + place)
    if all(map(_alike, answers[:count], answers[start : start + count])):
      return 'ignored', ()
  return VALID, tuple(pairs[:MAX_PAIRS])


def _alike(first, second) -> bool:
  return first.passed == second.passed and (
      _encoded(first.value) == _encoded(second.value)
  )


def _encoded(value: Any) -> bytes:
  """Bytes of a plain value, whatever the order of sets and dictionaries."""
  kind = type(value)
  if kind not in (list, tuple, set, frozenset, dict):
    return protocol.encode(value)
  parts = list(map(_encoded, value.items() if kind is dict else value))
  if kind not in (list, tuple):
    parts.sort()
  return kind.__name__.encode() + b'(' + b','.join(parts) + b')'


def _distinct(inputs):
  """Short inputs, each once."""
  found = {}
  for args in inputs:
    if len(literals.arguments(args)) <= _MAX_TEXT:
      found.setdefault(_encoded(args), args)
  return list(found.values())


def _swapped(inputs, place):
  """Every input with the argument at a place taken from the next one."""
  return [
      (*args[:place], other[place], *args[place + 1 :])
      for args, other in zip(inputs, [*inputs[1:], *inputs[:1]])
  ]

