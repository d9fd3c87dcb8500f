"""Sleep, first half: a dreamer looks for answers that waking never gave.

The dreamer is a LoRA copy trained towards p_ref(y|x)^(1/T)
exp(beta (R_ver - 1)) by a balance objective, so that what it draws is verified
and still as varied as the reference; GRPO and cross-entropy are controls. A
round dreams, verifies, learns:

  choose prompts -> sample (tempered, Langevin-perturbed) -> verify -> log
                 -> update on the round's dreams and on replayed x+

Dreams are drawn off-policy; the loss is evaluated with the clean dreamer's
log P_F, which is all that a balance objective needs. The base never changes.
"""

from swm_jax.rem.curriculum import choose_prompts
from swm_jax.rem.dreamer import init_trainable
from swm_jax.rem.dreamer import make_trainer
from swm_jax.rem.dreamer import mean_metrics
from swm_jax.rem.dreaming import run
from swm_jax.rem.layout import Batch
from swm_jax.rem.options import OBJECTIVES
from swm_jax.rem.options import Options
