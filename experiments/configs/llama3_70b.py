r"""Llama-3.1-70B on slices of TPU, for `experiments.capacity`.

python -m experiments.capacity --config=experiments/configs/llama3_70b.py \
    --topology=v5p:4x4x4

Shapes are those published with the weights
(https://huggingface.co/meta-llama/Llama-3.1-70B/blob/main/config.json).
"""

import ml_collections

from experiments.configs import llama3_8b


def get_config() -> ml_collections.ConfigDict:
  """Returns what differs from `llama3_8b`."""
  cfg = llama3_8b.get_config()
  cfg.model.update(
      num_layers=80,
      width=8192,
      mlp_width=28672,
      num_heads=64,
  )
  cfg.mesh = {
      'v5e:16x16': dict(fsdp=32, tensor=8),
      'v5p:4x4x4': dict(fsdp=16, tensor=4),
  }
  cfg.decode.slots = 256
  # On v5e 8 chips could not hold the weights: rows are on `data` alone, and
  # chips along fsdp hold parts of the width.
  cfg.decode.mesh = {
      'v5e:16x16': dict(data=8, fsdp=4, tensor=8),
      'v5p:4x4x4': dict(data=16, tensor=4),
  }
  return cfg
