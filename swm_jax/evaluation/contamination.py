"""Audit between everything that is trained on and everything that is evaluated.

What must not happen: a held-out or unrelated problem, or a near-copy of one,
reaches wake, REM, anchors or generic text. What is natural: a model that is
asked for one function writes another that happens to be the solution of a
held-out problem. The audit tells the two apart by where the overlap is.

Problems (a prompt with its reference solution) stop the night on any of

  template     the same type and template;
  description  the same words, once articles, argument names, case, punctuation
               and the prompt's skeleton (code fence, comment mark, definition
               line) are removed and constants replaced by marks, equal
               constants by equal ones;
  reference    the same canonical form (`canonical.normalised_ast`), of at least
               MIN_REFERENCE_NODES nodes;
  constants    the same form with constants abstracted, of as many nodes;
  words        a common run of WORD_NGRAM words of the descriptions;
  code         a common run of CODE_NGRAM tokens of the references, names and
               constants abstracted.

Sampled programs (dreams and wake samples, x+ and x-) stop it if the prompt that
they answer does, if a comment or docstring line of theirs is the description of
an evaluated problem or shares WORD_NGRAM words with one, or if a program of at
least MIN_SAMPLED_NODES nodes is an evaluated reference. Shorter equal programs
are listed in the report: they were written from a prompt that passed the audit,
and so hold nothing of the evaluated set that the model did not bring along.

Programs that a model proposed as problems are held to all rules of problems,
and of any size: there are always others, so that nothing is lost by leaving out
`return a[:2]` (`screening.screen`, which also compares behaviour). Their
comments and docstrings are audited like those of sampled programs.

Plain text is audited by its lines and its words.

Problems of other domains than Python state what they ask in a formal language,
in which different statements have long parts in common: there `words`,
`constants` and `code` do not apply, and references are compared as sequences
of tokens, of which those that the prompt dictates do not count.

The thresholds were read off the 1,573 problems of 36 types of
`swm_jax.tasks.python_functions`, over all pairs of templates of different
families (that is, of problems meant to be different):
  words: the longest common run is 15 words ("given two lists of integers ...
    return list of sums of elements at same index", to which the longer one adds
    a condition). A description shorter than 16 words must be equal as a whole.
  code: the longest common run is 22 tokens (a comprehension over the divisors
    of a number, under `sum` in one and `min` in the other).
  references: below 12 nodes lie the one-operation idioms that different
    problems share (`return a[:2]`, `return len(a) > 3`, 9 and 11 nodes); equal
    forms from 12 on are one function under two names.
  sampled: of 701 distinct programs that untouched SmolLM2-135M wrote for 131
    day problems, 12 were an evaluated reference by accident, of 8 to 21 nodes;
    textbook programs that any model writes from memory (Fibonacci, primality)
    reach about 35. The suite's references have 15 in the median, 44 at most.
"""

from collections.abc import Iterable, Sequence
import dataclasses
import io
import re
import tokenize
from typing import Any

from swm_jax import types
from swm_jax.evaluation import canonical
from swm_jax.evaluation import wording

MIN_REFERENCE_NODES = 12
MIN_SAMPLED_NODES = 40
WORD_NGRAM = 16
CODE_NGRAM = 24
# A description of fewer words ("adds a and b") says too little to be a mark.
MIN_DESCRIPTION_WORDS = 4
# Pairs listed in the report; the counts are always complete.
_MAX_LISTED = 20

normalised_ast = canonical.normalised_ast


class ContaminationError(Exception):
  """Something evaluated was trained on.

  Attributes:
    hits: (trained id, evaluated id, rule) of every pair found.
  """

  def __init__(self, hits: Sequence[tuple[str, str, str]]):
    self.hits = list(hits)
    trained, evaluated, rule = self.hits[0]
    super().__init__(
        f'{trained} is trained on and {evaluated} is evaluated, but they agree'
        f' by {rule}; {len(self.hits)} such pairs were found, and the night'
        ' stops: remove the problem from one side or put both templates in one'
        ' family'
    )


@dataclasses.dataclass(frozen=True)
class Item:
  """One thing that is trained on or evaluated.

  Attributes:
    id: for the report.
    type: problem type, '' for plain text.
    template: template of the problem, '' for plain text.
    prompt: text shown to the model, description included; worked examples that
      many prompts share left out.
    source: reference solution or sampled program, '' if there is none.
    given: the beginning of `source` that the prompt dictates.
    domain: of the problem; references are compared inside a domain.
    sampled: `source` was sampled from a model, and `prompt` is what it was
      asked.
    proposed: the problem, with `source` as its reference, is a model's own.
  """

  id: str
  type: str = ''
  template: str = ''
  prompt: str = ''
  source: str = ''
  given: str = ''
  domain: str = 'python'
  sampled: bool = False
  proposed: bool = False


def from_problem(problem: types.Problem) -> Item:
  """A problem with its reference solution."""
  return _item(problem, problem.id, problem.reference)


def from_program(problem: types.Problem, source: str) -> Item:
  """A program that a model wrote for a problem, right or wrong."""
  item = _item(problem, f'program for {problem.id}', source)
  return dataclasses.replace(item, sampled=True)


def from_proposal(problem: types.Problem) -> Item:
  """A problem that a model proposed; its program is the reference."""
  return dataclasses.replace(from_problem(problem), proposed=True)


def _item(problem: types.Problem, name: str, source: str) -> Item:
  return Item(
      name, problem.type, problem.template,
      problem.question or problem.prompt, source,
      given=problem.program(''), domain=problem.domain,
  )


def from_text(name: str, text: str) -> Item:
  """Plain text or code that is trained on as it stands."""
  return Item(name, prompt=text)


def audit(trained: Iterable[Item], evaluated: Iterable[Item]) -> dict[str, Any]:
  """Stops if an evaluated problem is among what is trained on.

  Args:
    trained: problems, sampled programs and texts; equal ones are seen once.
    evaluated: problems.

  Returns:
    Plain values for the report: counts of what was compared, thresholds, and
    the natural overlaps (short equal references, short equal sampled programs,
    equal function names), counted and listed.

  Raises:
    ContaminationError: if a pair breaks a rule of the module's docstring.
    ValueError: if an evaluated item is a sampled program.
  """
  hits, report = overlaps(trained, evaluated)
  if hits:
    raise ContaminationError(hits)
  return report


def overlaps(
    trained: Iterable[Item], evaluated: Iterable[Item]
) -> tuple[list[tuple[str, str, str]], dict[str, Any]]:
  """Finds what `audit` stops for, without stopping.

  For example to leave out, before a night, the problems of a public set that
  the day's problems ask for too.

  Args:
    trained: as for `audit`.
    evaluated: as for `audit`.

  Returns:
    (trained id, evaluated id, rule) of every hit, and the report.
  """
  index = _Index(evaluated)
  hits, references, programs, names = {}, {}, {}, {}
  counts = dict.fromkeys(
      ('problems', 'proposed', 'sampled', 'texts', 'unparsable'), 0
  )
  for item in dict.fromkeys(trained):
    counts[_kind(item)] += 1
    found = index.prompt_hits(item)
    if item.sampled or item.proposed:
      found += index.text_hits(wording.comments(item.source))
    form = _parse(item) if item.source else None
    if form is not None:
      limit = MIN_SAMPLED_NODES if item.sampled else MIN_REFERENCE_NODES
      limit = 0 if item.proposed else limit
      for other in index.equal(form):
        if form.nodes >= limit:
          found.append((other, 'reference'))
        else:
          table = programs if item.sampled else references
          table[item.id, other] = form.nodes
      if not item.sampled:
        found += index.near(form)
    elif item.source:
      counts['unparsable'] += 1
    for other in index.same_name(item):
      names[item.id, other] = item.template
    for other, rule in found:
      hits.setdefault((item.id, other), rule)
  report = {
      'trained': counts,
      'evaluated': len(index.items),
      'hits': len(hits),
      'thresholds': {
          'reference_nodes': MIN_REFERENCE_NODES,
          'sampled_nodes': MIN_SAMPLED_NODES,
          'word_ngram': WORD_NGRAM,
          'code_ngram': CODE_NGRAM,
      },
      'short_equal_references': _listed(references),
      'short_equal_programs': _listed(programs),
      'equal_names': _listed(names),
  }
  return [(*pair, rule) for pair, rule in hits.items()], report


def _kind(item: Item) -> str:
  if item.proposed:
    return 'proposed'
  return 'sampled' if item.sampled else 'problems' if item.type else 'texts'


@dataclasses.dataclass(frozen=True)
class _Form:
  """A parsed program: canonical forms, size, and abstracted code tokens."""

  exact: str
  abstract: str
  nodes: int
  tokens: tuple[str, ...]


class _Index:
  """Evaluated items by every key that a trained item may share with them."""

  def __init__(self, evaluated: Iterable[Item]):
    self.items = list(evaluated)
    self._templates, self._descriptions, self._names = {}, {}, {}
    self._exact, self._abstract = {}, {}
    self._word_runs, self._code_runs = {}, {}
    for item in self.items:
      if item.sampled:
        raise ValueError(f'{item.id} is sampled; only problems are evaluated')
      add = lambda table, key: table.setdefault(key, []).append(item.id)
      add(self._templates, (item.type, item.template))
      add(self._names, item.template)
      words = _words(item)
      if len(words) >= MIN_DESCRIPTION_WORDS:
        add(self._descriptions, wording.pattern(words))
      for run in _runs(words) if item.domain == 'python' else ():
        add(self._word_runs, run)
      form = _parse(item) if item.source else None
      if form is not None:
        add(self._exact, form.exact)
        if form.nodes >= MIN_REFERENCE_NODES:
          add(self._abstract, form.abstract)
        for run in _ngrams(form.tokens, CODE_NGRAM):
          add(self._code_runs, run)

  def prompt_hits(self, item: Item) -> list[tuple[str, str]]:
    if not item.type:
      return self.text_hits(item.prompt.splitlines())
    found = self._templates.get((item.type, item.template), ())
    hits = [(other, 'template') for other in found]
    return hits + self._word_hits(
        _words(item), parts=item.domain == 'python'
    )

  def text_hits(self, lines: Sequence[str]) -> list[tuple[str, str]]:
    hits = self._word_hits(wording.description('\n'.join(lines)))
    for line in lines:
      hits += self._word_hits(wording.description(line))
    return hits

  def _word_hits(self, words, parts=True):
    same = self._descriptions.get(wording.pattern(words), ())
    hits = [(other, 'description') for other in same]
    for run in _runs(words) if parts else ():
      hits += [(o, 'words') for o in self._word_runs.get(run, ())]
    return hits

  def equal(self, form: _Form) -> list[str]:
    return self._exact.get(form.exact, [])

  def near(self, form: _Form) -> list[tuple[str, str]]:
    hits = [(o, 'constants') for o in self._abstract.get(form.abstract, ())]
    for run in _ngrams(form.tokens, CODE_NGRAM):
      hits += [(o, 'code') for o in self._code_runs.get(run, ())]
    return hits

  def same_name(self, item: Item) -> list[str]:
    return self._names.get(item.template, []) if item.template else []


def _words(item: Item) -> tuple[str, ...]:
  """Words of what is asked; in a formal language every token is one."""
  if item.domain == 'python':
    return wording.description(item.prompt)
  return tuple(re.findall(r'\w+|[^\w\s]', item.prompt))


def _runs(words: Sequence[str]) -> set[tuple[str, ...]]:
  """Word n-grams without the values of constants."""
  return _ngrams(wording.without_values(words), WORD_NGRAM)


def _parse(item: Item) -> _Form | None:
  if item.domain != 'python':
    return _parse_other(item)
  try:
    tree = canonical.normalised_tree(item.source)
    abstract = canonical.normalised_tree(item.source, abstract_constants=True)
    return _Form(
        canonical.dump(tree),
        canonical.dump(abstract),
        canonical.size(tree),
        _code_tokens(canonical.unparse_body(abstract)),
    )
  except SyntaxError:
    return None


def _parse_other(item: Item) -> _Form:
  """A candidate in another language: equal as a whole or not at all.

  Declarations that a prompt dictates are alike in many problems, so they count
  for nothing, and there are no rules for parts.
  """
  words = canonical.tokens(item.source, item.domain)
  exact = f'{item.domain}: {" ".join(words)}'
  nodes = len(words) - len(canonical.tokens(item.given, item.domain))
  return _Form(exact, exact, nodes, ())


def _code_tokens(source: str) -> tuple[str, ...]:
  tokens = tokenize.generate_tokens(io.StringIO(source).readline)
  return tuple(t.string for t in tokens if t.string.strip())


def _ngrams(words: Sequence[str], n: int) -> set[tuple[str, ...]]:
  return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}


def _listed(pairs):
  listed = [[*pair, detail] for pair, detail in pairs.items()]
  return {'count': len(listed), 'pairs': listed[:_MAX_LISTED]}
