"""What a night dreams, as values."""

import dataclasses

from swm_jax.samplers import langevin

OBJECTIVES = ('vargrad', 'tb', 'none')


@dataclasses.dataclass(frozen=True)
class Options:
  """What a night dreams.

  Attributes:
    rounds: of dreaming, verifying and learning.
    prompts: problems of a round.
    temperatures: `(temperature, samples)` of each problem, clean prompt.
    perturbed: the same with Langevin noise on the prompt's latents.
    perturbation: layer, step size and temperature of that noise.
    max_pass_rate: problems that wake solved more often are not dreamt of.
    replay: most x+ of a problem, from wake and earlier rounds, that join its
      dreams in an update.
    objective: `vargrad`, log Z from the prompt's group; `tb`, log Z(x) from a
      head on the prompt's last hidden state; or `none`, which never updates
      the dreamer, so that dreams are samples of the base.
    reward_temperature: T of the reference in the reward.
    beta: nats between a verified and a failed dream.
    rank: of the LoRA parameters.
    alpha: of the LoRA parameters.
    learning_rate: of the LoRA parameters.
    log_z_learning_rate: of the log Z head.
    warmup: updates.
    clip: global gradient norm, after division of the loss by beta^2.
    tokens_per_step: computed tokens of one micro-batch.
    accumulate: micro-batches of an update.
    max_length: longest packed row.
  """

  rounds: int
  prompts: int
  temperatures: tuple[tuple[float, int], ...]
  perturbed: tuple[tuple[float, int], ...]
  perturbation: langevin.Perturbation
  max_pass_rate: float
  replay: int
  objective: str
  reward_temperature: float
  beta: float
  rank: int
  alpha: float
  learning_rate: float
  log_z_learning_rate: float
  warmup: int
  clip: float
  tokens_per_step: int
  accumulate: int
  max_length: int

  def __post_init__(self):
    if self.objective not in OBJECTIVES:
      raise ValueError(
          f'objective={self.objective!r} is unknown; choose one of'
          f' {", ".join(OBJECTIVES)}'
      )
