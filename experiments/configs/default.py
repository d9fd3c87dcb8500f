r"""The default night: SmolLM2-135M-Instruct on generated Python functions.

./launch/night.sh                 # or, in an environment that is set up:
python -m experiments.nightly --config=experiments/configs/default.py \
    --workdir=runs/default
python -m experiments.nightly --config=experiments/configs/default.py:smoke \
    --workdir=/tmp/smoke          # a few minutes, for CI

Temperatures are written `(temperature, samples of each problem)`, 0 is greedy.
"""

import ml_collections
from ml_collections import config_dict

from swm_jax import sharding


def get_config(arg: str = 'full') -> ml_collections.ConfigDict:
  """Returns the `full` night, or the `smoke` night of a few minutes."""
  if arg not in ('full', 'smoke'):
    raise ValueError(f'default.py:{arg} is unknown; use full or smoke')
  cfg = ml_collections.ConfigDict()
  cfg.seed = 0
  cfg.num_nights = 1
  cfg.adopt = 'gate'  # or always: the next night goes on even if it rejects
  # W_k, or base: the initial weights, on the memories of all nights so far.
  cfg.consolidate_from = 'last'

  cfg.model = config_dict.create(
      path='',  # GGUF file or Hugging Face folder; '' is the packaged SmolLM2
      dtype='float32',  # of activations; bfloat16 on accelerators
      param_dtype='float32',
      scan_layers=False,  # a loop over stacked layers: compiles faster
      remat='dots',  # or none, full: what the backward computes again
  )
  # Devices along each axis; -1 takes what is left.
  cfg.mesh = config_dict.create(data=-1, fsdp=1, context=1, tensor=1)
  cfg.sharding_rules = sharding.DEFAULT_RULES  # logical axis -> mesh axes

  cfg.tasks = config_dict.create(
      domain='python_functions',  # see swm_jax/tasks/domains.py
      seed=0,  # of test inputs and of the split by template
      unrelated_types=(),  # left alone; (): the domain's own choice
      nights=(),  # day types of each night, over and over; (): always all
      judge_on='held_out',  # or validation: a third of the day's, for tuning
      day=304,  # at most so many problems, 0 is all
      held_out=304,
      unrelated=160,
      humaneval=0,
  )
  cfg.decode = config_dict.create(
      slots=64,  # rows of a forward pass
      max_prompt=0,  # 0: the domain's longest
      max_new_tokens=48,
      chunk=8,  # steps between two visits of the host
      top_logits=16,  # of each token, to be read without the weights
      record_hidden=True,  # z_past, in a byte a dimension
      taps=(10, 20),  # layers whose residual stream is logged
  )
  cfg.verifier = config_dict.create(
      slots=2,
      cpu_seconds=0.0,  # of a candidate; 0: each verifier's own limit
      require_level='',  # stop below this isolation level; '' takes the default
      # Of several hosts: what the verdicts of a rollout may take after its last
      # sample; later ones are masked, so that no host holds up the others.
      deadline_seconds=600.0,
      # Of open_text alone: draws of the initial weights for each problem, and
      # the share of them that must say the same as a candidate.
      ensemble=config_dict.create(draws=8, temperature=0.8, threshold=0.5),
  )

  cfg.evaluation = config_dict.create(
      temperatures=((0.0, 1), (0.2, 4), (0.4, 4), (0.8, 4)),
      wave=152,  # problems that become durable together
      humaneval_slots=16,  # its cache is ten times as long
      humaneval_max_prompt=512,
      humaneval_max_new_tokens=128,
      drift_tokens=4096,  # of code and of English, for KL and perplexity
      energy_trajectories=256,  # x+ and x- whose energies are compared
  )
  # Written to criterion.json before dusk; see swm_jax/evaluation/gate.py.
  cfg.criterion = config_dict.create(
      min_gain=0.0,  # held-out, best setting against best: interval above this
      max_drop=0.02,  # unrelated, best against best
      max_kl=0.1,  # KL(base||tuned) on code, nats per token
  )

  cfg.wake = config_dict.create(
      temperatures=((0.0, 1), (0.4, 6), (0.8, 4)),
      wave=152,
  )
  cfg.rem = config_dict.create(
      rounds=6,
      prompts=20,
      temperatures=((0.4, 2), (0.7, 2), (1.0, 2)),
      perturbed=((0.4, 2),),
      perturbation=config_dict.create(
          layer=8,
          step_size=0.04,
          noise=1.0,
          steps=1,
          energy='hopfield',
      ),
      max_tokens=0,  # decoded tokens after which to stop, 0: no limit
      max_pass_rate=0.6,  # problems solved more often are not dreamt of
      rehearsal=0,  # times that the dreamer first learns from wake
      replay=2,
      objective='vargrad',
      reward_temperature=1.0,
      beta=10.0,  # nats
      rank=16,
      alpha=32.0,
      learning_rate=3e-4,
      log_z_learning_rate=1e-3,
      warmup=4,
      clip=1.0,
      tokens_per_step=768,
      accumulate=3,
      max_length=768,
  )
  cfg.consolidate = config_dict.create(
      epochs=2,
      max_tokens=40_000,  # computed tokens after which to stop, 0: no limit
      tokens_per_step=1024,
      accumulate=1,
      max_length=384,
      learning_rate=5e-5,
      warmup=5,
      clip=1.0,
      temperature=0.0,
      positives=4,
      negatives=2,
      weak=False,  # whether verdicts that are only opinions count
      rare_first=True,
      min_weight=0.1,
      energy='nll',
      weights=config_dict.create(ce=1.0, cd=0.1, der=1.0, replay_ce=0.0),
      contrast_form='softplus',
      contrast_beta=2.0,
      contrast_margin=0.0,
      contrast_l2=0.0,
      anchor_form='kl',
      anchor_top_logits=128,  # K that the current model is compared at
      anchor_share=0.15,
      anchor_capacity=512,  # trajectories that survive from night to night
      anchor_text_tokens=4096,  # English that enters the anchors on night 0
      save_every=20,  # steps
  )

  if arg == 'smoke':
    cfg.tasks.update(day=24, held_out=12, unrelated=8, humaneval=4)
    cfg.evaluation.update(
        temperatures=((0.0, 1), (0.4, 2)), drift_tokens=512,
        energy_trajectories=32,
    )
    cfg.wake.temperatures = ((0.0, 1), (0.4, 2))
    cfg.rem.update(rounds=2, prompts=6)
    cfg.consolidate.update(epochs=1, save_every=4, anchor_text_tokens=512)
  return cfg
