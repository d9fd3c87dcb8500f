"""The decode view of the parameters: fewer bytes to read at every step.

A decoding step reads every weight to multiply it by a few rows, so where memory
is the bound its time is the size of the weights. The view is made once per
call, outside the loop.

'int8' keeps a byte for each weight of the layers' projections and a float32
scale for each output channel. Activations keep their precision: rounding them
to int8, too, moves SmolLM2-135M ten times as far. Norms stay as they are, and
so does the embedding: it is also the output table, where an error goes straight
into the logits, and of a large model it is a few per cent.

On CPU none of this is faster: products of float32 are what bounds a step there.
"""

import functools
from typing import Any

import jax
from jax import tree_util
import jax.numpy as jnp

from swm_jax.models import transformer

BFLOAT16, INT8 = KINDS = ('bfloat16', 'int8')
_PROJECTIONS = ('q', 'k', 'v', 'o', 'gate', 'up', 'down')
_LARGEST = 127  # -128 is not used, so that codes are symmetric


@tree_util.register_pytree_node_class
class Int8Weight:
  """A weight `[..., in, out]` that stands where the model multiplies by one.

  Attributes:
    codes: `[..., in, out]`, int8.
    scale: of a unit of the codes, `[..., 1, out]`, float32.
  """

  def __init__(self, codes: jax.Array, scale: jax.Array):
    self.codes = codes
    self.scale = scale

  def tree_flatten(self):
    return (self.codes, self.scale), None

  @classmethod
  def tree_unflatten(cls, _, children):
    return cls(*children)

  def astype(self, dtype: Any) -> 'Int8Weight':
    """Itself: the product has the dtype of what is multiplied."""
    del dtype
    return self

  def __rmatmul__(self, x: jax.Array) -> jax.Array:
    """`x @ weight`, in the dtype of x."""
    # Tied to x, or a loop would widen all weights before its first turn.
    x, codes = jax.lax.optimization_barrier((x, self.codes))
    total = jnp.matmul(
        x, codes.astype(x.dtype), preferred_element_type=jnp.float32
    )
    scale = self.scale.reshape((1,) * (x.ndim - 1) + (-1,))
    return (total * scale).astype(x.dtype)


def quantise(weight: jax.Array) -> Int8Weight:
  """Int8 codes of `[..., in, out]`, symmetric, a scale per output channel.

  No weight moves by more than half its channel's scale, which is the largest
  magnitude of the channel over 127.
  """
  weight = weight.astype(jnp.float32)
  scale = jnp.abs(weight).max(axis=-2, keepdims=True) / _LARGEST
  codes = jnp.round(weight / jnp.where(scale > 0, scale, 1.0))
  return Int8Weight(codes.astype(jnp.int8), scale)


def dequantise(weight: Int8Weight) -> jax.Array:
  """The weight `[..., in, out]` that the codes stand for, float32."""
  return weight.codes.astype(jnp.float32) * weight.scale


def changes_the_model(
    kind: str | None, config: transformer.TransformerConfig
) -> bool:
  """Whether the view has another law than the parameters it is made of."""
  if kind is None or config.param_dtype == kind:
    return False
  # Activations in bfloat16 are multiplied by bfloat16 weights in any case.
  return not (kind == config.dtype == BFLOAT16)


def view(params: transformer.Params, kind: str | None) -> transformer.Params:
  """The parameters with their matrices as a decoder is to read them.

  Args:
    params: of the transformer.
    kind: one of `KINDS`; None is the parameters as they are.

  Raises:
    ValueError: the kind is unknown.
  """
  if kind is None:
    return params
  if kind not in KINDS:
    raise ValueError(f'weights={kind!r} is not one of {list(KINDS)} or None')
  return _view(params, kind)


@functools.partial(jax.jit, static_argnames='kind')
def _view(params, kind):

  def leaf(path, value):
    name = path[-1].key
    if kind == INT8:
      return quantise(value) if name in _PROJECTIONS else value
    return value if name.endswith('norm') else value.astype(BFLOAT16)

  return tree_util.tree_map_with_path(leaf, params)

