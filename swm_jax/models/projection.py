"""Products with weights, and the order in which their gradients are computed.

Autodiff of `x @ w` alone leaves XLA free to compute the cotangent twice, once
as it is for the gradient of x and once transposed for that of w. On CPU the
second costs as much as the product it is for.
"""

import jax
from jax import ad_checkpoint
import jax.numpy as jnp

from swm_jax import ordering

# Name under which a policy of `jax.checkpoint` finds what products give.
PRODUCT = 'product'


@jax.custom_vjp
def project(x: jax.Array, weight: jax.Array) -> jax.Array:
  """Returns `x @ weight`, `[..., I]` by `[I, O]`, in the dtype of x."""
  return x @ weight.astype(x.dtype)


@jax.custom_vjp
def project_gated(
    gate: jax.Array, up: jax.Array, weight: jax.Array
) -> jax.Array:
  """Returns `(silu(gate) * up) @ weight`; gate and up are all that it keeps."""
  return project(jax.nn.silu(gate) * up, weight)


def _forward(x, weight):
  product = ad_checkpoint.checkpoint_name(project(x, weight), PRODUCT)
  return product, (x, weight)


def _backward(residuals, d_out):
  x, weight = residuals
  # Computed once, before both products read it.
  d_out = jax.lax.optimization_barrier(d_out)
  d_x = jnp.einsum('...o,io->...i', d_out, weight.astype(d_out.dtype))
  tokens = tuple(range(x.ndim - 1))
  d_weight = jax.lax.dot_general(
      x,
      d_out,
      ((tokens, tokens), ((), ())),
      preferred_element_type=jnp.float32,
  )
  return ordering.after(d_weight, d_x), d_weight.astype(weight.dtype)


def _forward_gated(gate, up, weight):
  product = project_gated(gate, up, weight)
  return ad_checkpoint.checkpoint_name(product, PRODUCT), (gate, up, weight)


def _backward_gated(residuals, d_out):
  gate, up, weight = residuals
  gate = ordering.after(d_out, gate)
  silu, d_silu = jax.vjp(jax.nn.silu, gate)
  d_mlp, d_weight = _backward((silu * up, weight), d_out)
  return *d_silu(d_mlp * up), d_mlp * silu, d_weight


project.defvjp(_forward, _backward)
project_gated.defvjp(_forward_gated, _backward_gated)
