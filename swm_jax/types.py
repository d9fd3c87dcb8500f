"""The typed values that pass between samplers, verifiers, phases and losses.

Shape letters are the project's: B trajectories, P prompt tokens, T completion
tokens, K stored logits per token, L tapped layers, D model width.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import re
from typing import Any

from flax import struct
import jax

ERROR = 'error'
FAIL = 'fail'
PASS = 'pass'

_FENCE = re.compile(r'^```[\w-]*\n', re.MULTILINE)  # Opens a code block.

Array = jax.Array  # Host phases pass numpy arrays through the same fields.


@dataclasses.dataclass(frozen=True)
class Problem:
  """One verifiable problem.

  Attributes:
    id: unique and stable, e.g. `list_filter/keep_above/2`.
    type: the problem type, the unit that a night explores or leaves alone.
    template: the function asked for; constants vary inside a template. Splits
      and bootstraps go by template.
    prompt: exact text given to the model. What follows its last code fence is
      the beginning of the candidate.
    entry_point: name of what the candidate defines: a function, a module, a
      theorem; '' where the domain needs none.
    tests: `(args, expected)` pairs of plain Python values, in domains that run
      functions. Expected values never enter a process that runs a candidate.
    reference: full source of a correct solution, '' if there is none.
    question: the words of the prompt that tell this problem from the others, ''
      if all of them do; worked examples that many prompts share are left out.
    domain: whose verifier judges it, a name of `swm_jax.verifiers.catalog`.
    spec: what the judge of other domains needs, plain values by name, as the
      domain's verifier describes them.
  """

  id: str
  type: str
  template: str
  prompt: str
  entry_point: str = ''
  tests: Sequence[tuple[Sequence[Any], Any]] = ()
  reference: str = ''
  question: str = ''
  domain: str = 'python'
  spec: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  def program(self, completion: str) -> str:
    """The candidate: what follows the prompt's last fence, and the completion.

    A prompt without a fence is the beginning of its candidate as a whole.
    """
    return _FENCE.split(self.prompt)[-1] + completion + '\n'

  @property
  def reference_completion(self) -> str:
    """What the reference adds to the prompt, '' if there is no reference."""
    given = self.program('').removesuffix('\n')
    # Comments that only describe are no part of a reference.
    while given and not self.reference.startswith(given):
      given = given.partition('\n')[2]
    return self.reference[len(given) :] if given else ''


@dataclasses.dataclass(frozen=True)
class Verdict:
  """What an external verifier says of one candidate.

  Attributes:
    status: `pass`, `fail`, or `error` (the verifier's own failure: masked from
      every loss and counted, never a reward of 0).
    reason: one of `swm_jax.verifiers.base.REASONS`.
    verifier: name of the verifier.
    version: version of the verifier and of the tool behind it.
    isolation: sandbox level that the candidate ran under.
    cpu_seconds: CPU time of the candidate.
    wall_seconds: wall time of the verification.
    detail: at most 500 characters for a person to read.
    score: of verifiers that grade: the share of agreement, a cell count, a
      drift; NaN where there is none. Rewards do not read it.
    weak: the verdict is no proof and no test, only an opinion; consolidation
      leaves it out unless told otherwise.
  """

  status: str
  reason: str
  verifier: str
  version: str
  isolation: str
  cpu_seconds: float = 0.0
  wall_seconds: float = 0.0
  detail: str = ''
  score: float = float('nan')
  weak: bool = False

  @property
  def passed(self) -> bool:
    return self.status == PASS

  @property
  def valid(self) -> bool:
    """False where the verifier failed, so that the sample must be masked."""
    return self.status != ERROR


@struct.dataclass
class TopKLogits:
  """A next-token distribution as its K largest logits and the mass of the rest.

  Attributes:
    values: the K largest logits minus the log-sum-exp of all logits, that is
      their log-probabilities, descending, nats, `[..., K]`.
    indices: their token ids, `[..., K]`, int32.
    log_rest: log of the probability of all other tokens, nats, `[...]`.
  """

  values: Array
  indices: Array
  log_rest: Array


@struct.dataclass
class QuantisedHidden:
  """Final hidden states in a byte a dimension; `models/quantised_hidden.py`.

  With the output table of the weights that decoded, and with no other, this is
  the whole next-token distribution.

  Attributes:
    codes: of the rotated state, `[..., D]`, int8.
    scale: of a unit of the codes, `[...]`, float32.
  """

  codes: Array
  scale: Array


@struct.dataclass
class Trajectories:
  """Sampled completions; every row is one trajectory.

  Attributes:
    prompt_tokens: right-padded, `[B, P]`, int32.
    prompt_length: `[B]`, int32.
    tokens: sampled tokens, the one that triggered the stop included, `[B, T]`.
    mask: True where a token was sampled, `[B, T]`.
    log_prob: of each sampled token under the untempered, unperturbed-policy
      model that decoded it, nats, `[B, T]`, 0 where not `mask`.
    log_prob_behaviour: under the policy that drew it (temperature, top-k,
      top-p), nats, `[B, T]`; 0 for greedy rows.
    top_k: the untempered distribution at each sampled token, or None.
    hidden: output of the final norm that predicted each sampled token, `[B, T,
      D]` and `[B, T]`, or None.
    latents: residual stream at the tapped layers, float32, `[B, L, 2, D]`;
      index 0 is the last prompt token, 1 the mean over the completion.
    stopped: True where a stop was reached before the length limit, `[B]`.
  """

  prompt_tokens: Array
  prompt_length: Array
  tokens: Array
  mask: Array
  log_prob: Array
  log_prob_behaviour: Array
  top_k: TopKLogits | None
  hidden: QuantisedHidden | None
  latents: Array
  stopped: Array
