"""Shape of a transformer: its configuration and its tree of parameters.

The layers of the tree are sub-trees `layer_0`, `layer_1`, ... or, with
`scan_layers`, one sub-tree `layers` whose leaves have a leading layer axis.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Params = Mapping[str, Any]

REMAT = ('none', 'full', 'dots')
STACK = 'layers'  # the sub-tree of stacked layers


@dataclasses.dataclass(frozen=True)
class TransformerConfig:
  """Shape and numerics of a transformer.

  Attributes:
    vocab_size: rows of the embedding.
    num_layers: blocks of attention and MLP.
    width: of the residual stream.
    mlp_width: of the gated MLP.
    num_heads: query heads.
    num_kv_heads: key-value heads; divides `num_heads`.
    head_dim: of one head; even, for RoPE.
    rope_theta: base of the rotary wavelengths.
    norm_eps: added to the mean square in RMSNorm.
    tied_embeddings: the embedding is also the output table.
    max_length: longest sequence, and largest cache.
    dtype: of activations. Norms, softmax and logits are always float32.
    param_dtype: of parameters.
    remat: what the backward pass computes again in each layer: 'none', 'full'
      (all but the layer's input) or 'dots' (all but the products with weights
      and the output of attention).
    scan_layers: run one stacked layer in a loop. It compiles in the time of one
      layer, and each turn gathers one layer's weights; unrolled layers take a
      fifth less time on CPU.
  """

  vocab_size: int
  num_layers: int
  width: int
  mlp_width: int
  num_heads: int
  num_kv_heads: int
  head_dim: int
  rope_theta: float = 10_000.0
  norm_eps: float = 1e-5
  tied_embeddings: bool = True
  max_length: int = 2048
  dtype: str = 'float32'
  param_dtype: str = 'float32'
  remat: str = 'none'
  scan_layers: bool = False

  def __post_init__(self):
    if self.num_heads % self.num_kv_heads:
      raise ValueError(
          f'num_heads={self.num_heads} must be a multiple of '
          f'num_kv_heads={self.num_kv_heads}'
      )
    if self.head_dim % 2:
      raise ValueError(f'head_dim={self.head_dim} must be even for RoPE')
    if self.remat not in REMAT:
      raise ValueError(f'remat={self.remat!r} is not one of {list(REMAT)}')


class Parameter(NamedTuple):
  """Shape, logical axes and initial standard deviation (0: ones)."""

  shape: tuple[int, ...]
  axes: tuple[str, ...]
  stddev: float


def layer_parameters(config: TransformerConfig) -> dict[str, Parameter]:
  """Describes the parameters of one layer; projections are `[in, out]`."""
  D, F = config.width, config.mlp_width
  heads = config.num_heads * config.head_dim
  kv_heads = config.num_kv_heads * config.head_dim
  # Each layer adds two terms to the residual stream: keep its variance ~1.
  residual = (2 * config.num_layers) ** -0.5
  return {
      'attention_norm': Parameter((D,), ('norm',), 0.0),
      'q': Parameter((D, heads), ('embed', 'heads'), D**-0.5),
      'k': Parameter((D, kv_heads), ('embed', 'kv_heads'), D**-0.5),
      'v': Parameter((D, kv_heads), ('embed', 'kv_heads'), D**-0.5),
      'o': Parameter((heads, D), ('heads', 'embed'), residual * heads**-0.5),
      'mlp_norm': Parameter((D,), ('norm',), 0.0),
      'gate': Parameter((D, F), ('embed', 'mlp'), D**-0.5),
      'up': Parameter((D, F), ('embed', 'mlp'), D**-0.5),
      'down': Parameter((F, D), ('mlp', 'embed'), residual * F**-0.5),
  }


def top_parameters(config: TransformerConfig) -> dict[str, Parameter]:
  """Describes the parameters outside the layers."""
  V, D = config.vocab_size, config.width
  table = Parameter((V, D), ('vocab', 'embed'), D**-0.5)
  top = {'embedding': table, 'final_norm': Parameter((D,), ('norm',), 0.0)}
  return top if config.tied_embeddings else top | {'lm_head': table}


def parameters(config: TransformerConfig) -> dict[str, Any]:
  """The parameter tree, with a `Parameter` at each leaf."""
  N, layer = config.num_layers, layer_parameters(config)
  if not config.scan_layers:
    layers = {f'layer_{i}': layer for i in range(N)}
  else:
    layers = {
        STACK: {
            name: Parameter((N, *shape), ('layers', *axes), stddev)
            for name, (shape, axes, stddev) in layer.items()
        }
    }
  return top_parameters(config) | layers


def logical_axes(config: TransformerConfig) -> dict[str, Any]:
  """The parameter tree, with a tuple of logical axis names at each leaf."""
  return jax.tree.map(
      lambda parameter: parameter.axes,
      parameters(config),
      is_leaf=lambda x: isinstance(x, Parameter),
  )


def count_params(params: Params) -> int:
  """Number of scalars in a tree of parameters."""
  return sum(leaf.size for leaf in jax.tree.leaves(params))


def layer_params(params: Params, layer: int) -> Params:
  """Parameters of one layer, whichever way the layers are kept."""
  if STACK in params:
    return jax.tree.map(lambda leaf: leaf[layer], params[STACK])
  return params[f'layer_{layer}']


def stack_layers(params: Params) -> dict[str, Any]:
  """Turns sub-trees `layer_0`, `layer_1`, ... into the one that is scanned.

  Any tree of layers will do: parameters, low-rank updates, Adam's moments.
  Leaves of NumPy stay on the host.

  Raises:
    ValueError: there is no `layer_0`.
  """
  if 'layer_0' not in params:
    raise ValueError(f'there is no layer_0 to stack among {sorted(params)}')
  layers = {}
  while (name := f'layer_{len(layers)}') in params:
    layers[name] = params[name]
  on_host = lambda leaf: isinstance(leaf, np.ndarray)
  stack = lambda *leaves: (np if on_host(leaves[0]) else jnp).stack(leaves)
  rest = {name: params[name] for name in params if name not in layers}
  return rest | {STACK: jax.tree.map(stack, *layers.values())}


def unstack_layers(params: Params) -> dict[str, Any]:
  """Undoes `stack_layers`.

  Raises:
    ValueError: the layers are not stacked.
  """
  if STACK not in params:
    raise ValueError(f'there is no {STACK!r} to unstack among {sorted(params)}')
  num_layers = len(jax.tree.leaves(params[STACK])[0])
  rest = {name: params[name] for name in params if name != STACK}
  return rest | {
      f'layer_{i}': layer_params(params, i) for i in range(num_layers)
  }
