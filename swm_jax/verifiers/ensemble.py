"""Agreement of an ensemble: an opinion for problems that no tool can decide.

Members answer the problem; a candidate is scored by the share of their answers
that say the same as it does. That rewards what the members believe, right or
wrong, so every verdict is marked weak.

What agreement cannot see, and who uses it must: an error that the members
share; and a candidate policy that drifts towards what is easy to agree on. So
members are never the weights in training, an answer that says nothing is
refused, and members that abstain count against agreement.

References:
  Wang et al., Self-consistency improves chain of thought reasoning in language
  models, 2023, https://arxiv.org/abs/2203.11171 (share of equal final answers).
"""

from collections.abc import Sequence
import hashlib
import threading
import time
from typing import Protocol

from swm_jax import types
from swm_jax.verifiers import agreement
from swm_jax.verifiers import base
from swm_jax.verifiers import pool as pool_lib

_VERSION = '1'
# Longer ones are no short answers, and comparing them costs time.
MAX_CHARACTERS = 20_000


class Member(Protocol):
  """Somebody whose answers count.

  Attributes:
    name: for reports.
    digest: changes whenever the answers would: of weights, temperature, seed.
  """

  name: str
  digest: str

  def answers(
      self, problems: Sequence[types.Problem]
  ) -> Sequence[Sequence[str]]:
    """Returns at least one whole candidate for each problem.

    Candidates have the form of those that are verified: what follows the
    prompt's last fence, and the completion. The same problem gets the same
    answers whatever it is asked with. May raise; the verdict is then `error`.
    """


class MemberFailed(RuntimeError):
  """A member raised or gave something else than answers."""


class _Slot:
  """Compares in the pool's thread."""

  def __init__(self, domain: 'EnsembleVerifier'):
    self._domain = domain

  def verify(
      self, problem: types.Problem, completion: str, limits: base.Limits
  ) -> types.Verdict:
    del limits  # The size limit bounds the work.
    return self._domain.judge(problem, completion)

  def abort(self) -> None:
    pass  # A member that is answering is waited for.

  def close(self) -> None:
    pass


class EnsembleVerifier(pool_lib.Pooled):
  """Verdicts by agreement, every one weak; see `base.Verifier`.

  A candidate passes if the share of the members' answers that say the same
  reaches the threshold. Members answer each problem once; the candidate is
  never among their answers, since they draw with keys of their own.

  Attributes:
    isolation: `none`: nothing of a candidate is run.
    weak: True; verdicts are opinions.
    members: whose answers count, each answer once.
    threshold: share that passes.
    clustering: when two answers say the same.
  """

  name = 'ensemble'
  isolation = 'none'
  weak = True

  def __init__(
      self,
      members: Sequence[Member],
      *,
      clustering: agreement.Clustering = agreement.Clustering(),
      threshold: float = 0.5,
      limits: base.Limits = base.Limits(),
  ):
    """Asks nobody yet.

    Args:
      members: with distinct names.
      clustering: when two answers say the same.
      threshold: share of the answers in (0, 1].
      limits: of no effect beyond being part of the pool's cache key.

    Raises:
      ValueError: there is no member, two share a name, or the threshold is
        not a share.
    """
    names = [member.name for member in members]
    if not names or len(set(names)) < len(names):
      raise ValueError(
          f'an ensemble needs members with distinct names, got {names}'
      )
    if not 0.0 < threshold <= 1.0:
      raise ValueError(
          f'threshold={threshold} must be in (0, 1]: at 0 everything passes'
      )
    self.members = tuple(members)
    self.clustering = clustering
    self.threshold = threshold
    self.limits = limits
    digests = '\0'.join(f'{m.name}\0{m.digest}' for m in self.members)
    who = hashlib.sha256(digests.encode()).hexdigest()[:12]
    self.version = f'{_VERSION}/{clustering}/{threshold:g}/{who}'
    self._lock = threading.Lock()  # Members answer one call at a time.
    self._forms: dict[tuple[str, str], tuple[str, ...]] = {}

  def fingerprint(self, problem: types.Problem) -> str:
    return problem.prompt

  def open_slot(self) -> _Slot:
    return _Slot(self)

  def prepare(self, problems: Sequence[types.Problem]) -> None:
    """Asks the members about all problems at once, which is much faster.

    Problems that were answered before are not asked again.

    Raises:
      MemberFailed: nothing of this call is then kept.
    """
    with self._lock:
      missing = {self._key(p): p for p in problems}
      missing = {k: p for k, p in missing.items() if k not in self._forms}
      if not missing:
        return
      pooled: list[list[str]] = [[] for _ in missing]
      asked = list(missing.values())
      for member in self.members:
        for problem, into, answers in zip(asked, pooled, _ask(member, asked)):
          into.extend(self._form(problem, answer) for answer in answers)
      self._forms.update(zip(missing, map(tuple, pooled)))

  def forms(self, problem: types.Problem) -> tuple[str, ...]:
    """Canonical forms of all members' answers, '' for those of no content.

    Raises:
      MemberFailed: a member could not answer.
    """
    self.prepare([problem])
    return self._forms[self._key(problem)]

  def score(self, problem: types.Problem, candidate: str) -> float:
    """Share of the members' answers that say the same as the candidate.

    Raises:
      MemberFailed: a member could not answer.
    """
    form = self._form(problem, candidate)
    return self.clustering.score(form, self.forms(problem))

  def semantic_entropy(self, problem: types.Problem) -> float:
    """How much the members disagree on a problem, nats; NaN if all abstain.

    Raises:
      MemberFailed: a member could not answer.
    """
    return self.clustering.entropy(self.forms(problem))

  def judge(self, problem: types.Problem, candidate: str) -> types.Verdict:
    """Returns the verdict; asks the members first if nobody has."""
    try:
      forms = self.forms(problem)
    except MemberFailed as error:
      return base.make_verdict(
          self, types.ERROR, 'worker_died', detail=str(error), weak=True
      )
    start = time.monotonic()
    form = self._form(problem, candidate)
    score = self.clustering.score(form, forms)
    if len(candidate) > MAX_CHARACTERS:
      status, reason = types.FAIL, 'output'
      detail = f'longer than {MAX_CHARACTERS} characters'
    elif not form:
      status, reason = types.FAIL, 'refused'
      detail = 'the candidate says nothing'
    else:
      passed = score >= self.threshold
      status = types.PASS if passed else types.FAIL
      reason = 'passed' if passed else 'wrong_answer'
      agreeing = round(score * len(forms))
      detail = f'{agreeing} of {len(forms)} answers agree'
      if abstaining := forms.count(''):
        detail += f', {abstaining} say nothing'
    return base.make_verdict(
        self, status, reason, wall_seconds=time.monotonic() - start,
        detail=detail, score=score, weak=True,
    )

  def _key(self, problem: types.Problem) -> tuple[str, str]:
    return problem.id, self.fingerprint(problem)

  def _form(self, problem: types.Problem, candidate: str) -> str:
    if len(candidate) > MAX_CHARACTERS:
      return ''
    return self.clustering.form(problem, candidate)


def _ask(
    member: Member, problems: Sequence[types.Problem]
) -> list[Sequence[str]]:
  """Returns a member's answers, checked: a bad one must not look like text."""
  try:
    answers = list(member.answers(problems))
    bad = [
        given for given in answers
        if isinstance(given, str) or not given
        or not all(isinstance(answer, str) for answer in given)
    ]
  except Exception as error:  # pylint: disable=broad-exception-caught
    # Whatever a model fails of is no fault of the candidate.
    raise MemberFailed(
        f'member {member.name} failed: {type(error).__name__}: {error}'
    ) from error
  if bad or len(answers) != len(problems):
    raise MemberFailed(
        f'member {member.name} must give every problem a list of one or more'
        ' texts'
    )
  return answers
