"""Low-rank updates of projection matrices (https://arxiv.org/abs/2106.09685).

An update is a tree beside the base parameters, which it never changes:
`{'layer_0': {'q': {'a': [in, rank], 'b': [rank, out]}, ...}, ...}`, or, for
stacked layers, `{'layers': {'q': {'a': [N, in, rank], ...}, ...}}`.
"""

from collections.abc import Sequence
from typing import Any

from flax import traverse_util
import jax
import jax.numpy as jnp

from swm_jax.models import transformer

TARGETS = ('q', 'k', 'v', 'o', 'gate', 'up', 'down')


def init_lora(
    params: transformer.Params,
    rank: int,
    key: jax.Array,
    targets: Sequence[str] = ('q', 'v', 'up', 'down'),
) -> dict[str, Any]:
  """Draws an update that is zero: a ~ N(0, 1 / in), b = 0.

  Args:
    params: base parameters, or their shapes.
    rank: columns of a, rows of b.
    key: for a.
    targets: names in `TARGETS` of the projections to update in every layer.

  Returns:
    The update, float32 whatever the dtype of the base.

  Raises:
    ValueError: the rank is not positive, or a target is not a projection.
  """
  if rank < 1:
    raise ValueError(f'rank must be at least 1, got {rank}')
  if unknown := set(targets) - set(TARGETS):
    raise ValueError(
        f'LoRA targets {sorted(unknown)} are not among {list(TARGETS)}'
    )
  flat = {
      path: leaf.shape
      for path, leaf in sorted(traverse_util.flatten_dict(params).items())
      if path[-1] in targets
  }
  keys = jax.random.split(key, len(flat)) if flat else ()
  lora = {}
  for (path, (*stack, rows, columns)), key_a in zip(flat.items(), keys):
    a = jax.random.normal(key_a, (*stack, rows, rank)) * rows**-0.5
    lora[path + ('a',)] = a
    lora[path + ('b',)] = jnp.zeros((*stack, rank, columns))
  return traverse_util.unflatten_dict(lora)


def merge(
    params: transformer.Params, lora: transformer.Params, alpha: float
) -> dict[str, Any]:
  """Returns W + (alpha / rank) a b for every updated W.

  Differentiable in both trees. Leaves without an update are the same arrays.

  Raises:
    ValueError: the update has a matrix that the base lacks.
  """
  merged = dict(traverse_util.flatten_dict(params))
  flat = traverse_util.flatten_dict(lora)
  for path in {path[:-1] for path in flat}:
    if path not in merged:
      raise ValueError(f'the base parameters have no {"/".join(path)}')
    a, b, weight = flat[path + ('a',)], flat[path + ('b',)], merged[path]
    update = (alpha / a.shape[-1]) * (a @ b)
    merged[path] = (weight + update).astype(weight.dtype)
  return traverse_util.unflatten_dict(merged)


def logical_axes(
    config: transformer.TransformerConfig, lora: transformer.Params
) -> dict[str, Any]:
  """The update's tree, with a tuple of logical axis names at each leaf."""
  base = traverse_util.flatten_dict(transformer.logical_axes(config))
  axes = {}
  for path in traverse_util.flatten_dict(lora):
    *stack, rows, columns = base[path[:-1]]
    pair = (rows, 'rank') if path[-1] == 'a' else ('rank', columns)
    axes[path] = (*stack, *pair)
  return traverse_util.unflatten_dict(axes)
