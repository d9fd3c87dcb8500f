r"""Llama-3.1-8B on slices of TPU, for `experiments.capacity`.

python -m experiments.capacity --config=experiments/configs/llama3_8b.py \
    --topology=v5e:16x16
python -m experiments.capacity --config=experiments/configs/llama3_8b.py:long \
    --topology=v5p:4x4x4 --step=consolidate

Shapes are those published with the weights
(https://huggingface.co/meta-llama/Llama-3.1-8B/blob/main/config.json).
"""

import ml_collections
from ml_collections import config_dict

from experiments.configs import default


def get_config(arg: str = 'night') -> ml_collections.ConfigDict:
  """Returns rows of 4,096 tokens (`night`) or of 131,072 (`long`)."""
  if arg not in ('night', 'long'):
    raise ValueError(f'llama3_8b.py:{arg} is unknown; use night or long')
  cfg = ml_collections.ConfigDict()
  cfg.model = config_dict.create(
      vocab_size=128256,
      num_layers=32,
      width=4096,
      mlp_width=14336,
      num_heads=32,
      num_kv_heads=8,
      head_dim=128,
      rope_theta=500_000.0,
      tied_embeddings=False,
      max_length=131072,
      dtype='bfloat16',
      param_dtype='float32',  # the master copy; Adam's moments are like it
      remat='full',
      scan_layers=True,
  )
  cfg.consolidate = default.get_config().consolidate
  # One packed row on each shard of data x fsdp.
  cfg.batch = config_dict.create(
      length=4096,
      targets=2048,  # predicted tokens of a row
      slots=8,  # trajectories of a row
  )
  cfg.mesh = {
      'v5e:16x16': dict(fsdp=64, tensor=4),
      'v5p:4x4x4': dict(fsdp=16, tensor=4),
      'cpu:8': dict(data=2, fsdp=2, tensor=2),
  }
  # On a slice these are set with LIBTPU_INIT_ARGS. A product that is cut into
  # pieces, to send one while the last is multiplied, may gather its weights
  # anew for every piece; never cut one.
  cfg.tpu_options = config_dict.create(
      xla_jf_spmd_threshold_for_windowed_einsum_mib=1_000_000,
  )
  cfg.decode = config_dict.create(
      slots=512,
      length=4096,  # of the cache, all of which attention reads
      chunk=8,  # steps between two visits of the host
      param_dtype='bfloat16',
  )
  # Every chip holds a part of each matrix and no step gathers weights.
  cfg.decode.mesh = {
      'v5e:16x16': dict(data=64, tensor=4),
      'v5p:4x4x4': dict(data=16, tensor=4),
      'cpu:8': dict(data=4, tensor=2),
  }

  if arg == 'long':
    cfg.batch.update(length=131072, targets=65536, slots=4)
    cfg.mesh = {
        'v5e:16x16': dict(fsdp=4, context=16, tensor=4),
        'v5p:4x4x4': dict(fsdp=4, context=4, tensor=4),
        'cpu:8': dict(fsdp=2, context=2, tensor=2),
    }
    cfg.decode.update(slots=64, length=131072)
  return cfg
