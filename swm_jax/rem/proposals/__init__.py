"""Problems that the dreamer sets itself (Absolute Zero, arXiv 2505.03335).

  seeds (verified programs) -> propose: the dreamer writes a program and inputs,
  the confined interpreter says what it returns -> tasks: deduction, abduction,
  induction -> solved and verified like any problem -> scores: pass rate p,
  learnable for 0 < p < 1, proposer's reward 4p(1-p)

Nothing here is labelled by anybody: what is true is what the interpreter says.
"""

from swm_jax.rem.proposals.forms import KINDS
from swm_jax.rem.proposals.forms import tasks
from swm_jax.rem.proposals.prompts import distinct
from swm_jax.rem.proposals.prompts import seed
from swm_jax.rem.proposals.prompts import Seed
from swm_jax.rem.proposals.proposal import Proposal
from swm_jax.rem.proposals.proposal import read
from swm_jax.rem.proposals.proposal import write
from swm_jax.rem.proposals.proposing import propose
from swm_jax.rem.proposals.proposing import seed_of
from swm_jax.rem.proposals.proposing import seeds_of
from swm_jax.rem.proposals.solving import reward
from swm_jax.rem.proposals.solving import rewards
from swm_jax.rem.proposals.solving import Score
from swm_jax.rem.proposals.solving import scores
from swm_jax.rem.proposals.solving import write as write_scores
from swm_jax.rem.proposals.validity import Known
from swm_jax.rem.proposals.validity import known_of
from swm_jax.rem.proposals.validity import REASONS
