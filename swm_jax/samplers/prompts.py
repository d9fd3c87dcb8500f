"""Reads prompts in batches, for the streams that complete them."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from swm_jax.models import latents
from swm_jax.models import transformer
from swm_jax.samplers import langevin
from swm_jax.samplers import streams

_PERTURBATION = 0x7FFFFFFF  # folded into row keys; steps fold small integers


class Strength(NamedTuple):
  """What of a perturbation is data: another value compiles nothing.

  Attributes:
    step_size: e.
    noise: t.
    head: of the energy 'head', else None.
  """

  step_size: jax.Array
  noise: jax.Array
  head: latents.Head | None


@functools.partial(
    jax.jit,
    static_argnames=('shape', 'width', 'perturb'),
    donate_argnames=('layers',),
)
def read(
    params: transformer.Params,
    layers: streams.Layers,
    tokens_GxP: jax.Array,
    length_G: jax.Array,
    key_data_GxW: jax.Array,
    strength: Strength,
    *,
    shape: streams.Shape,
    width: int,
    perturb: langevin.Perturbation | None,
) -> streams.Prefilled:
  """Reads a batch of prompts, `width` tokens of each at a time.

  Args:
    params: of the transformer.
    layers: a prompt cache to overwrite.
    tokens_GxP: right-padded to the length of the prompt cache.
    length_G: valid tokens, at least 1.
    key_data_GxW: of the trajectories' keys; read only with `perturb`.
    strength: of the perturbation.
    shape: static.
    width: divides P; with `perturb` the longest prompt must fit, because the
      stream of a prompt moves as a whole.
    perturb: its layer, positions, steps and energy; what is in `strength` is
      not read here.
  """
  model = transformer.Transformer(shape.model)
  edits = {}
  if perturb is not None:
    edits[perturb.layer] = _edit(
        params, length_G, key_data_GxW, strength, shape, width, perturb
    )

  def read_chunk(i, carry):
    layers, hidden_GxD, latents_GxLxD = carry
    start_G = jnp.full_like(length_G, i * width)
    out = model.apply(
        {'params': params},
        jax.lax.dynamic_slice_in_dim(tokens_GxP, i * width, width, axis=1),
        cache=transformer.Cache(layers, start_G),
        edits=edits,
        taps=shape.taps,
        compute_logits=False,
    )
    # What is read after a prompt's end is padding that no query will see.
    last_G = length_G - 1 - start_G
    here_G = (0 <= last_G) & (last_G < width)
    at_G = jnp.clip(last_G, 0, width - 1)
    last_GxD = jnp.take_along_axis(
        out.hidden_BxTxD, at_G[:, None, None], axis=1
    )[:, 0]
    return (
        out.cache.layers,
        jnp.where(here_G[:, None], last_GxD, hidden_GxD),
        jnp.where(
            here_G[:, None, None],
            streams.latents_at(out, at_G, shape),
            latents_GxLxD,
        ),
    )

  G, D = len(length_G), shape.model.width
  layers, hidden_GxD, latents_GxLxD = jax.lax.fori_loop(
      0,
      (length_G.max() + width - 1) // width,
      read_chunk,
      (
          layers,
          jnp.zeros((G, D), shape.model.dtype),
          jnp.zeros((G, len(shape.taps), D), jnp.float32),
      ),
  )
  logits_GxV = transformer.logits_from_hidden(params, hidden_GxD, shape.model)
  return streams.Prefilled(layers, logits_GxV, hidden_GxD, latents_GxLxD)


def _edit(params, length_G, key_data_GxW, strength, shape, width, perturb):
  """The perturbation as a function of the residual stream `[G, width, D]`."""
  keys_G = streams.keys(key_data_GxW, shape)
  keys_G = jax.vmap(jax.random.fold_in, (0, None))(keys_G, _PERTURBATION)
  valid_GxP = jnp.arange(width)[None] < length_G[:, None]
  energy_fn = None
  if perturb.energy == 'hopfield':
    mean = latents.hopfield_energy(params, shape.model, perturb.layer)
    # A mean over positions would let the drift shrink with the prompt's length.
    energy_fn = lambda h_GxPxD, valid_GxP: (
        mean(h_GxPxD, valid_GxP) * valid_GxP.sum(axis=-1)
    )
  elif perturb.energy == 'entropy':
    energy_fn = latents.entropy_energy(params, shape.model, perturb.layer)
  elif perturb.energy == 'head':
    energy_fn = latents.head_energy(strength.head)
  return lambda h_GxPxD: langevin.perturb(
      h_GxPxD,
      valid_GxP,
      keys_G,
      energy_fn,
      step_size=strength.step_size,
      noise=strength.noise,
      steps=perturb.steps,
      positions=perturb.positions,
  )
