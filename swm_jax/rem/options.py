"""What a night dreams, as values."""

import dataclasses

from swm_jax.samplers import langevin

CURRICULA = ('rarely_solved', 'log_z')
OBJECTIVES = ('vargrad', 'tb', 'subtb', 'raptb', 'grpo', 'ce', 'none')


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
    objective: one of `OBJECTIVES`, see `dreamer.trajectories` for what each of
      them reads; `none` never updates the dreamer, so that dreams are samples
      of the base.
    reward_temperature: T of the reference in the reward.
    beta: nats between a verified and a failed dream.
    rank: of the LoRA parameters.
    alpha: of the LoRA parameters.
    learning_rate: of the LoRA parameters.
    log_z_learning_rate: of the head of log Z and log flows.
    warmup: updates.
    clip: global gradient norm, after division of the loss by beta^2 where it is
      a squared balance.
    tokens_per_step: computed tokens of one micro-batch.
    accumulate: most micro-batches of an update.
    max_length: tokens of a packed row.
    max_tokens: decoded tokens after which no round begins, whatever `rounds`
      says; 0 is no limit. Arms of a comparison are matched by it.
    curriculum: which problems a round draws, one of `CURRICULA`, see
      `curriculum.choose_prompts`.
    target_rate: expected pass rate that `log_z` draws problems near to.
    rehearsal: times that the dreamer learns from all samples of problems that
      wake solved, before its first dream.
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
  max_tokens: int = 0
  curriculum: str = 'rarely_solved'
  target_rate: float = 0.5
  rehearsal: int = 0

  def __post_init__(self):
    if self.objective not in OBJECTIVES:
      raise ValueError(
          f'objective={self.objective!r} is unknown; choose one of'
          f' {", ".join(OBJECTIVES)}'
      )
    if self.curriculum not in CURRICULA:
      raise ValueError(
          f'curriculum={self.curriculum!r} is unknown; choose one of'
          f' {", ".join(CURRICULA)}'
      )
    if not 0.0 < self.target_rate < 1.0:
      raise ValueError(
          f'target_rate={self.target_rate} must lie between 0 and 1'
      )
    if self.curriculum == 'log_z' and self.reward_temperature != 1.0:
      raise ValueError(
          "curriculum='log_z' reads pass rates off log Z, which says nothing of"
          f' them at reward_temperature={self.reward_temperature}; set it to 1'
      )
