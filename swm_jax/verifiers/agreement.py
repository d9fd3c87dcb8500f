"""When two answers say the same: normal forms, overlap, clusters.

Text is compared with text; nothing is run and no model is asked.

References:
  Rajpurkar et al., SQuAD, 2016, https://arxiv.org/abs/1606.05250 (normal form
  and token F1 of short answers); Kuhn, Gal and Farquhar, Semantic uncertainty,
  2023, https://arxiv.org/abs/2302.09664, and Farquhar et al., Detecting
  hallucinations in large language models using semantic entropy, Nature 630,
  2024 (clusters of meaning and their entropy; here its discrete form, and
  clusters by words instead of by a model of entailment).
"""

import collections
from collections.abc import Callable, Sequence
import dataclasses
import math
import re
import unicodedata

from swm_jax import types

_FENCE = re.compile(r'^```[\w-]*\n', re.MULTILINE)
_MARK = re.compile(r'^[ \t]*(?:final )?answer[ \t]*:', re.I | re.M)
_ARTICLES = frozenset(('a', 'an', 'the'))
_NUMBERS = {
    word: str(value)
    for value, word in enumerate(
        'zero one two three four five six seven eight nine ten eleven twelve'
        ' thirteen fourteen fifteen sixteen seventeen eighteen nineteen'
        ' twenty'.split()
    )
}
_SEPARATOR = re.compile(r'(?<=\d),(?=\d{3}(?!\d))')
_NUMBER = r'(?<!\w)-?(?:\d+(?:\.\d+)?|\.\d+)(?!\w)'
_TOKEN = re.compile(rf'{_NUMBER}|\w+|[^\w\s]')
_IS_NUMBER = re.compile(_NUMBER)
# Agreeing on not knowing must not pay.
_NO_ANSWERS = frozenset((
    'i do not know', 'i don t know', 'i dont know', 'do not know', 'unknown',
    'none', 'nothing', 'n a', 'na', 'not sure', 'i am not sure', 'no answer',
    'answer', 'idk',
))


def added(problem: types.Problem, candidate: str) -> str:
  """Returns what a candidate adds to the beginning that its prompt gives.

  Whatever the prompt says is the same in all answers and no agreement.
  """
  return candidate.removeprefix(_FENCE.split(problem.prompt)[-1])


def final_answer(candidate: str) -> str:
  """Returns the answer inside a candidate.

  What follows the last line beginning `Answer:`, or the whole candidate if no
  line does; of that the first line that is not blank.
  """
  text = _MARK.split(candidate)[-1]
  return next((line for line in text.splitlines() if line.strip()), '').strip()


def normal_form(candidate: str) -> str:
  """The canonical form of a short answer in plain text.

  The final answer in NFKC, case folded, numbers in one spelling (`1,000` as
  `1000`, `7.0` as `7`, `.50` as `0.5`, words up to twenty as digits), without
  punctuation and articles; `A` alone is a letter and stays.

  Returns:
    Words separated by single spaces, '' for an answer that says nothing: no
    letter or digit, articles alone, or a way to say that one does not know.
  """
  text = unicodedata.normalize('NFKC', final_answer(candidate)).casefold()
  text = unicodedata.normalize('NFKC', text)  # Folding can undo it.
  text = _SEPARATOR.sub('', text.replace('\N{MINUS SIGN}', '-'))
  words = [
      _number(token) if _IS_NUMBER.fullmatch(token)
      else _NUMBERS.get(token, token)
      for token in _TOKEN.findall(text) if any(map(str.isalnum, token))
  ]
  kept = [word for word in words if word not in _ARTICLES]
  if not kept and words == ['a']:
    kept = words
  form = ' '.join(kept)
  return '' if {form, ' '.join(words)} & _NO_ANSWERS else form


def _number(token: str) -> str:
  """Writes a decimal number without zeros that change nothing."""
  whole, _, rest = token.removeprefix('-').partition('.')
  value = '.'.join(filter(None, (whole.lstrip('0') or '0', rest.rstrip('0'))))
  return '-' + value if token.startswith('-') and value != '0' else value


def text_form(problem: types.Problem, candidate: str) -> str:
  """The `normal_form` of what a candidate adds to its prompt."""
  return normal_form(added(problem, candidate))


def token_f1(first: str, second: str) -> float:
  """Harmonic mean of precision and recall of the tokens of two forms.

  Tokens are words, numbers and single signs. Symmetric; 1 for equal bags of
  tokens, 0 if they share none or one is empty.
  """
  bags = [collections.Counter(_TOKEN.findall(text)) for text in (first, second)]
  shared = (bags[0] & bags[1]).total()
  return 2.0 * shared / max(1, bags[0].total() + bags[1].total())


@dataclasses.dataclass(frozen=True)
class Clustering:
  """When two answers say the same.

  Attributes:
    name: of the canonical form, goes into the verifier's version.
    form: canonical form of a problem's candidate, '' if it answers nothing or
      cannot be read; must not raise.
    overlap: token F1 at which two forms say the same; 1 asks for equal forms.
  """

  name: str = 'text'
  form: Callable[[types.Problem, str], str] = text_form
  overlap: float = 1.0

  def __post_init__(self):
    if not 0.0 < self.overlap <= 1.0:
      raise ValueError(f'overlap={self.overlap} must be in (0, 1]')

  def __str__(self) -> str:
    return f'{self.name}-{self.overlap:g}'

  def same(self, first: str, second: str) -> bool:
    """Whether two forms say the same; an empty one agrees with none."""
    if not first or not second:
      return False
    if first == second:
      return True
    return self.overlap < 1.0 and token_f1(first, second) >= self.overlap

  def score(self, form: str, forms: Sequence[str]) -> float:
    """Share of `forms` that say the same as `form`; the empty ones do not."""
    return sum(self.same(form, other) for other in forms) / len(forms)

  def clusters(self, forms: Sequence[str]) -> list[list[str]]:
    """Groups forms, each with the first group whose first form says the same.

    Empty forms are left out. With equality the order does not matter.
    """
    groups: list[list[str]] = []
    for form in filter(None, forms):
      for group in groups:
        if self.same(group[0], form):
          group.append(form)
          break
      else:
        groups.append([form])
    return groups

  def entropy(self, forms: Sequence[str]) -> float:
    """Discrete semantic entropy in nats, NaN if every form is empty.

    0 if all say the same, log n if n answers say n different things.
    """
    sizes = [len(group) for group in self.clusters(forms)]
    if not sizes:
      return math.nan
    total = sum(sizes)
    return sum(n / total * math.log(total / n) for n in sizes)
