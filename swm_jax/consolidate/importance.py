"""Which weights the past leans on: the Fisher information of the anchors.

Online EWC adds up one Fisher a task, each taken at the weights of its time. A
night takes one at W_k instead, on the anchors: the reservoir is an even sample
of everything that nights verified, so that its Fisher stands for the sum, and
where it stands is where the penalty pulls to. It depends on nothing but W_k and
anchors on disk, so that a run that was cut computes the same one again.
"""

from collections.abc import Sequence

import jax
import numpy as np

from swm_jax import sharding
from swm_jax import training
from swm_jax.consolidate import layout
from swm_jax.data import batching
from swm_jax.losses import retention
from swm_jax.models import transformer

# A gradient of its own for each, so that they cost a few steps of the night.
TRAJECTORIES = 32


def fisher(
    params: training.PyTree,
    config: transformer.TransformerConfig,
    anchors: Sequence[layout.Memory],
    *,
    mesh: jax.sharding.Mesh,
    rules: sharding.Rules,
    param_shardings: training.PyTree,
    seed: int,
) -> training.PyTree:
  """Diagonal empirical Fisher of a token, on a draw of the anchors.

  Args:
    params: W_k.
    config: of the transformer.
    anchors: to draw `TRAJECTORIES` from.
    mesh: see `sharding.make_mesh`.
    rules: logical axes of activations to mesh axes.
    param_shardings: placement of the parameters, and of the result.
    seed: of the draw.

  Returns:
    Squared gradients of trajectories' log-probabilities, their sum divided by
    the number of tokens; a pytree like `params`, float32.

  Raises:
    ValueError: there are no anchors.
  """
  if not anchors:
    raise ValueError(
        'weights.ewc needs anchors to tell which weights matter; set'
        ' anchor_text_tokens, or weights.ewc to 0'
    )
  order = np.random.default_rng(seed).permutation(len(anchors))
  chosen = [anchors[i] for i in order[:TRAJECTORIES]]
  examples = [batching.Example(a.prompt, [a.tokens], [0]) for a in chosen]
  # As many rows as devices share, one of them filled: a row's gradient is
  # squared before it meets another's.
  shape = {
      'rows': mesh.shape['data'] * mesh.shape['fsdp'],
      'length': max(len(a.prompt) + len(a.tokens) - 1 for a in chosen),
      'targets': max(len(a.tokens) for a in chosen),
      'slots': 1,
  }
  packed = [batching.pack([example], **shape)[0] for example in examples]
  stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *packed)

  def log_prob(params, batch):
    return training.score(params, batch, config).log_prob.sum()

  def by_token(params, batches):
    by_trajectory = retention.diagonal_fisher(log_prob, params, batches)
    scale = len(chosen) / batches.target_mask.sum()
    return jax.tree.map(lambda f: scale * f, by_trajectory)

  with sharding.use_mesh(mesh, rules):
    return jax.jit(by_token, out_shardings=param_shardings)(params, stacked)
