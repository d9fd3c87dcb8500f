"""What a failed program is the answer to: another problem, or its own table.

Both turn problems that no sample solved into verified answers without decoding
a token. Programs are the model's: they run confined, and what comes back of
them is plain data.
"""

import ast
from collections.abc import Iterable, Mapping, Sequence
import dataclasses
import hashlib
import io
import tokenize
from typing import Any

from swm_jax import tokenization
from swm_jax import types
from swm_jax.data import trajectory_log
from swm_jax.evaluation import canonical
from swm_jax.rem import behaviour
from swm_jax.rem import transplant
from swm_jax.samplers import rollout
from swm_jax.samplers import stopping
from swm_jax.tasks import base
from swm_jax.verifiers import python
from swm_jax.verifiers.sandbox import compare

Record = trajectory_log.Record

TYPE = 'behaviour'  # of tables, and the origin of their answers
_RAN = ('wrong_answer', 'exception')  # reasons of failures with a behaviour
_PROBES = 2  # tests of a problem that a program meets before all others
_TABLE = 'table'  # the function that a table is of
_ROW, _MAX_ROW = 40, 72  # characters of a row that is shown: best, most


@dataclasses.dataclass(frozen=True)
class Search:
  """What `relabel` found, and what it took.

  Attributes:
    answers: verified, of origin `hindsight`.
    programs: distinct failed ones that were tried.
    trials: (program, problem) pairs that were tried.
    hits: pairs that passed the probes and went to the verifier.
  """

  answers: list[transplant.Answer]
  programs: int
  trials: int
  hits: int


def relabel(
    problems: Mapping[str, types.Problem],
    records: Iterable[Record],
    targets: Sequence[types.Problem],
    *,
    tokenizer: tokenization.Tokenizer,
    stop_table: stopping.StopTable,
    interpreter: python.Interpreter,
    verifier: rollout.Verifying,
    per_problem: int,
    max_trials: int,
) -> Search:
  """Tries failed programs on the tests of other problems.

  Function and arguments of a program take the names of the target, arguments by
  position. Many trials multiply the chance to pass by luck, so targets whose
  tests say little (`behaviour.informative`) are left out. The trials are those
  of a program on all targets of its arity, programs in the order of the log; a
  program meets two tests of each, and only where it passes both the verifier.

  Args:
    problems: of the day, by id.
    records: whose failures are tried; only own draws are (`sample`).
    targets: problems that want an answer, say those that no sample solved.
    tokenizer: of the model.
    stop_table: of the decoder.
    interpreter: runs the programs.
    verifier: judges the hits.
    per_problem: most answers of a target.
    max_trials: after which no further program is tried.
  """
  by_arity: dict[int, list[types.Problem]] = {}
  for target in targets:
    if behaviour.informative(*zip(*target.tests)):
      by_arity.setdefault(behaviour.arity(target), []).append(target)
  probes = {
      target.id: _probes(target)
      for group in by_arity.values() for target in group
  }
  programs = trials = 0
  candidates = []
  for problem, record in _failures(problems, records):
    group = [
        target for target in by_arity.get(behaviour.arity(problem), ())
        if target.id != problem.id
    ]
    if not group or trials + len(group) > max_trials:
      continue
    programs, trials = programs + 1, trials + len(group)
    for target in _passing(problem, record, group, probes, interpreter):
      answer = _answer(
          problem, record, target, 'hindsight', tokenizer, stop_table
      )
      if answer is not None:
        candidates.append(answer)
  found: dict[str, dict[str, transplant.Answer]] = {}
  for answer in transplant.verify(candidates, verifier):
    kept = found.setdefault(answer.problem.id, {})
    if answer.verdict.passed and len(kept) < per_problem:
      kept.setdefault(_form(answer.problem, answer.text), answer)
  return Search(
      [answer for kept in found.values() for answer in kept.values()],
      programs, trials, len(candidates),
  )


def _failures(
    problems: Mapping[str, types.Problem], records: Iterable[Record]
) -> Iterable[tuple[types.Problem, Record]]:
  """Distinct Python programs that ran and failed, in the order of the log."""
  seen = set()
  for record in records:
    problem = problems.get(record['problem'])
    if (
        problem is None or problem.domain != 'python' or problem.spec
        or record['origin'] != 'sample'
        or record['verdict']['status'] != types.FAIL
        or record['verdict']['reason'] not in _RAN
    ):
      continue
    key = problem.id, _form(problem, record['text'])
    if key not in seen:
      seen.add(key)
      yield problem, record


def _form(problem: types.Problem, text: str) -> str:
  return canonical.form(problem.program(text), problem.domain)


def _probes(target: types.Problem) -> list[tuple[Sequence[Any], Any]]:
  """Tests of different answers, those that no argument equals first."""
  tests = sorted(  # stable
      target.tests,
      key=lambda test: any(compare.same(test[1], arg) for arg in test[0]),
  )
  chosen = []
  for args, value in tests:
    if not any(compare.same(value, other) for _, other in chosen):
      chosen.append((args, value))
  return chosen[:_PROBES]


def _passing(problem, record, group, probes, interpreter):
  """Targets of which a program passes the probes."""
  asked = [
      (target, args, value)
      for target in group for args, value in probes[target.id]
  ]
  answers = interpreter.answers(
      problem.program(record['text']), problem.entry_point,
      [args for _, args, _ in asked],
  )
  failed = {
      target.id for (target, _, value), answer in zip(asked, answers)
      if not (answer.passed and compare.same(value, answer.value))
  }
  return [target for target in group if target.id not in failed]


def _answer(
    problem, record, target, origin, tokenizer, stop_table
) -> transplant.Answer | None:
  """A program under the names of another problem, None if it has none."""
  names = dict(zip(
      [problem.entry_point, *_parameters(problem)],
      [target.entry_point, *_parameters(target)],
  ))
  text = rename(problem, record['text'], names)
  tokens = text and transplant.tokenise(tokenizer, stop_table, text)
  if not tokens:
    return None
  return transplant.Answer(target, text, tokens, origin)


def _parameters(problem: types.Problem) -> list[str]:
  """Names of the arguments in the header that ends a prompt."""
  function = ast.parse(problem.program('\n    pass')).body[-1]
  return [arg.arg for arg in function.args.args]


def rename(
    problem: types.Problem, text: str, names: Mapping[str, str]
) -> str | None:
  """Renames variables and functions that a completion uses.

  Comments are left out: they tell of the problem that was completed. What the
  result means is for the verifier to say: a new name may be in use.

  Args:
    problem: that was completed.
    text: the completion, a program that parses.
    names: new names by old ones, all at once.

  Returns:
    The completion, otherwise unchanged; None if it has docstrings, or if Python
    does not tell where a name stands, as in some f-strings before 3.12.
  """
  source = problem.program(text)
  tree = ast.parse(source)
  if any(
      isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
      for node in ast.walk(tree)
  ):
    return None
  data = source.encode()
  lines = [0]
  for line in data.split(b'\n'):
    lines.append(lines[-1] + len(line) + 1)
  edits = [
      (lines[node.lineno - 1] + node.col_offset, node.id, names[node.id])
      for node in ast.walk(tree)
      if isinstance(node, ast.Name) and node.id in names
  ]
  for token in tokenize.generate_tokens(io.StringIO(source).readline):
    if token.type == tokenize.COMMENT:
      before = token.line[: token.start[1]].encode()
      edits.append((lines[token.start[0] - 1] + len(before), token.string, ''))
  end = len(source.removesuffix(f'{text}\n').encode())
  renamed = b''
  for place, old, new in sorted(edits):
    if place < end:
      continue  # in the prompt
    old = old.encode()
    if data[place : place + len(old)] != old:
      return None
    renamed += data[end:place] + new.encode()
    end = place + len(old)
  text = (renamed + data[end:]).decode()
  return '\n'.join(line.rstrip() for line in text.split('\n')).rstrip()


def tables(
    problems: Mapping[str, types.Problem],
    records: Iterable[Record],
    *,
    tokenizer: tokenization.Tokenizer,
    stop_table: stopping.StopTable,
    interpreter: python.Interpreter,
    per_problem: int,
    rows: int = 4,
    forbidden: Sequence[types.Problem] = (),
) -> list[transplant.Answer]:
  """Makes problems that ask for what failed programs do (CodeIt, 2402.04858).

  The prompt shows some rows of arguments and answers and names nothing; the
  other rows are the tests. Shown are the rows that tell the program from the
  most other behaviours of the same log on the same arguments, its problem's own
  included, then those with new answers. Refused are behaviours that say little
  (`behaviour.informative`) or that a forbidden problem asks for.

  Args:
    problems: of the day, by id.
    records: whose failures are used; only own draws are (`sample`).
    tokenizer: of the model.
    stop_table: of the decoder.
    interpreter: runs the programs.
    per_problem: most tables from the answers to one problem.
    rows: that are shown.
    forbidden: what is evaluated; its references are run to compare.

  Returns:
    Answers of origin `behaviour`, not yet verified; each is the only one of its
    problem, `behaviour/<template>.<number>/<digest>`.
  """
  references = [behaviour.Reference(problem) for problem in forbidden]
  groups: dict[str, list[tuple[Record, list[python.Answer]]]] = {}
  for problem, record in _failures(problems, records):
    answers = interpreter.answers(
        problem.program(record['text']), problem.entry_point,
        [args for args, _ in problem.tests],
    )
    groups.setdefault(problem.id, []).append((record, answers))
  made = []
  for problem_id, group in groups.items():
    problem = problems[problem_id]
    kept = []
    for record, answers in group:
      if len(kept) == per_problem:
        break
      if any(_alike(answers, other) for _, other in kept):
        continue
      answer = _table(
          problem, record, answers, [other for _, other in group],
          rows, references, tokenizer, stop_table,
      )
      if answer is not None:
        kept.append((answer, answers))
    made += [answer for answer, _ in kept]
  return made


def _alike(
    one: Sequence[python.Answer], other: Sequence[python.Answer]
) -> bool:
  return all(
      a.passed == b.passed and compare.same(a.value, b.value)
      for a, b in zip(one, other)
  )


def _table(
    problem, record, answers, others, rows, references, tokenizer, stop_table
) -> transplant.Answer | None:
  """The problem and answer of one program; None if it is refused."""
  ran = [i for i, answer in enumerate(answers) if answer.passed]
  inputs = [problem.tests[i][0] for i in ran]
  values = [answers[i].value for i in ran]
  if len(ran) < base.MIN_TESTS or not behaviour.informative(inputs, values):
    return None
  if _has_set(values) or any(r.does(inputs, values) for r in references):
    return None
  # What else could be meant: per row, the other behaviours' answers.
  rivals = [[other[i] for i in ran] for other in others]
  rivals.append([python.Answer('passed', problem.tests[i][1]) for i in ran])
  texts = [_row(args, value) for args, value in zip(inputs, values)]
  shown = _shown(texts, values, rivals, rows)
  tests = tuple(
      (args, value)
      for i, (args, value) in enumerate(zip(inputs, values)) if i not in shown
  )
  if not behaviour.informative(*zip(*tests)):
    return None
  number = problem.id.rpartition('/')[2]
  examples = '\n'.join(f'# {texts[i]}' for i in shown)
  arguments = ', '.join(_parameters(problem))
  prompt = f'```python\n{examples}\ndef {_TABLE}({arguments}):'
  digest = hashlib.sha256(prompt.encode()).hexdigest()[:8]
  asked = types.Problem(
      id=f'{TYPE}/{problem.template}.{number}/{digest}',
      type=TYPE,
      template=f'{TYPE}/{problem.template}',
      prompt=prompt,
      entry_point=_TABLE,
      tests=tests,
  )
  return _answer(problem, record, asked, TYPE, tokenizer, stop_table)


def _row(args: Sequence[Any], value: Any) -> str:
  return f'{_TABLE}({", ".join(map(repr, args))}) == {value!r}'


def _has_set(values: Sequence[Any]) -> bool:
  """Whether the text of values may differ from process to process."""
  return any('set[' in behaviour.kind(value) for value in values)


def _shown(texts, values, rivals, count: int) -> list[int]:
  """Indices of the rows to show, in their order."""
  free = [i for i, text in enumerate(texts) if len(text) <= _MAX_ROW]
  chosen: list[int] = []
  while free and len(chosen) < count:

    def gain(i):
      new = not any(compare.same(values[i], values[j]) for j in chosen)
      told = sum(_differs(rival[i], values[i]) for rival in rivals)
      return told, new, -abs(len(texts[i]) - _ROW)

    best = max(free, key=gain)
    free.remove(best)
    chosen.append(best)
    rivals = [r for r in rivals if not _differs(r[best], values[best])]
  return sorted(chosen)


def _differs(answer: python.Answer, value: Any) -> bool:
  return not (answer.passed and compare.same(value, answer.value))
