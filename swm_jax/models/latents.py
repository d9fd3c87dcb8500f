"""Energies of a prompt's residual stream, for noise in latent space."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from swm_jax.models import architecture
from swm_jax.models import block
from swm_jax.models import mesh_attention

EnergyFn = Callable[[jax.Array, jax.Array], jax.Array]


def hopfield_energy(
    params: architecture.Params,
    config: architecture.TransformerConfig,
    layer: int,
) -> EnergyFn:
  """Hopfield energy of the stream entering a layer, under its own attention.

  A head's query at position t is a state xi, and its keys k_i at i <= t are the
  stored patterns: E(xi) = -logsumexp_i(beta k_i·xi) / beta + xi·xi / 2, with
  beta = head_dim**-0.5, the attention scale. The paper's constant is dropped.
  Queries and keys both come from the layer's input, through its norm, so the
  energy does not depend on the scale of a position's h (up to `norm_eps`), and
  its gradient is orthogonal to h and proportional to 1 / |h|.

  Args:
    params: of the whole model.
    config: of the model.
    layer: 0-based; its input is perturbed.

  Returns:
    A function of the residual stream h_BxTxD entering the layer and of
    valid_BxT, True at the tokens of a right-padded prompt: the energy summed
    over heads, averaged over valid positions, `[B]`, float32. Neither it nor
    its gradient depends on invalid positions.

  Raises:
    ValueError: the layer does not exist.

  References:
    Ramsauer et al., Hopfield Networks is All You Need, 2020,
    https://arxiv.org/abs/2008.02217
  """
  if not 0 <= layer < config.num_layers:
    raise ValueError(
        f'layer {layer} has no attention; layers are 0..{config.num_layers - 1}'
    )
  layer_params = architecture.layer_params(params, layer)
  beta = config.head_dim**-0.5

  def energy(h_BxTxD: jax.Array, valid_BxT: jax.Array) -> jax.Array:
    positions_BxT = jnp.arange(h_BxTxD.shape[1])[None]
    normed_BxTxD = block.rms_norm(
        h_BxTxD.astype(jnp.float32),
        layer_params['attention_norm'],
        config.norm_eps,
    )
    query, key = block.queries_and_keys(
        layer_params, normed_BxTxD, positions_BxT, config
    )
    _, lse_BxTxH = mesh_attention.dot_product_attention(
        query, key, key, is_causal=True, mask=valid_BxT[:, None, None]
    )
    norm_BxTxH = 0.5 * (query * query).sum(axis=-1)
    energy_BxTxH = norm_BxTxH - lse_BxTxH / beta
    energy_BxT = jnp.where(
        valid_BxT[..., None], energy_BxTxH, 0.0
    ).sum(axis=-1)
    return energy_BxT.sum(axis=-1) / jnp.maximum(valid_BxT.sum(axis=-1), 1)

  return energy


def energy_and_gradient(
    energy: EnergyFn,
) -> Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
  """Makes `(h_BxTxD, valid_BxT) -> (energy_B, gradient_BxTxD)`.

  Rows do not share an energy, so the gradient of their sum is each row's own.
  """

  def total(h_BxTxD, valid_BxT):
    energy_B = energy(h_BxTxD, valid_BxT)
    return energy_B.sum(), energy_B

  gradient = jax.grad(total, has_aux=True)

  def both(h_BxTxD, valid_BxT):
    gradient_BxTxD, energy_B = gradient(h_BxTxD, valid_BxT)
    return energy_B, gradient_BxTxD

  return both
