"""The order in which a backward pass does its work on CPU.

XLA's schedulers for CPU would compute the gradients of all weights last, keep
all they are made of until then, and compute again too early what
`jax.checkpoint` has left out. Optimization barriers are gone before an order is
chosen, so only data can say what comes first.
"""

import jax
import jax.numpy as jnp


def after(first: jax.Array, x: jax.Array) -> jax.Array:
  """Returns x, to be had once `first` is.

  Where the first element of `first` is not a number, neither is x: what is
  broken stays so. Over a mesh of several devices, where one element would cost
  a collective, and on other platforms this is x.
  """
  devices = jax.sharding.get_abstract_mesh().size
  if jax.default_backend() != 'cpu' or devices > 1:
    return x
  return jnp.where(jnp.isnan(first[(0,) * first.ndim]), jnp.nan, x)
