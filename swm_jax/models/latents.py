"""Energies of a prompt's residual stream, for noise in latent space."""

from collections.abc import Callable
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from swm_jax.models import architecture
from swm_jax.models import block
from swm_jax.models import mesh_attention
from swm_jax.models import transformer

EnergyFn = Callable[[jax.Array, jax.Array], jax.Array]

_FIT_STEPS = 500


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


def entropy_energy(
    params: architecture.Params,
    config: architecture.TransformerConfig,
    layer: int,
) -> EnergyFn:
  """Entropy of the next token after the prompt, of the stream entering a layer.

  The stream goes through all layers from this one on: an evaluation costs
  (num_layers - layer) / num_layers of a forward pass over the prompt and one
  row of logits, and its gradient as much again.

  Args:
    params: of the whole model.
    config: of the model.
    layer: 0-based; its input is perturbed; `num_layers` is after the last.

  Returns:
    A function like that of `hopfield_energy`: nats, `[B]`, float32, in
    0..log(vocab_size).

  Raises:
    ValueError: the layer does not exist.
  """
  if not 0 <= layer <= config.num_layers:
    raise ValueError(
        f'layer {layer} does not exist; layers are 0..{config.num_layers}'
    )

  def energy(h_BxTxD: jax.Array, valid_BxT: jax.Array) -> jax.Array:
    apply = functools.partial(
        block.apply,
        config=config,
        positions_BxT=jnp.arange(h_BxTxD.shape[1])[None],
        sees={'is_causal': True},
        index_B=None,
    )
    h_BxTxD = h_BxTxD.astype(config.dtype)
    if architecture.STACK in params:
      h_BxTxD, _ = jax.lax.scan(
          lambda h_BxTxD, one: (apply(one, h_BxTxD, None)[0], None),
          h_BxTxD,
          jax.tree.map(lambda leaf: leaf[layer:], params[architecture.STACK]),
      )
    else:
      for i in range(layer, config.num_layers):
        one = architecture.layer_params(params, i)
        h_BxTxD, _, _ = apply(one, h_BxTxD, None)
    hidden_BxD = block.rms_norm(
        _last(h_BxTxD, valid_BxT), params['final_norm'], config.norm_eps
    )
    logits_BxV = transformer.logits_from_hidden(params, hidden_BxD, config)
    log_p_BxV = jax.nn.log_softmax(logits_BxV, axis=-1)
    return -(jnp.exp(log_p_BxV) * log_p_BxV).sum(axis=-1)

  return energy


class Head(NamedTuple):
  """A linear probe of success, on a residual stream of unit mean square.

  Attributes:
    weight_D: nats for a unit of each dimension.
    bias: nats.
  """

  weight_D: jax.Array
  bias: jax.Array


def log_odds(head: Head, latents_BxD: jax.Array) -> jax.Array:
  """Log-odds of success that the head sees in latents, nats, `[B]`."""
  return _unit(latents_BxD) @ head.weight_D + head.bias


def head_energy(head: Head) -> EnergyFn:
  """Minus the log-odds of success in the last prompt token's stream.

  Low where the head expects a pass. It does not depend on the scale of h, and
  its gradient is that of the last position alone, orthogonal to h.

  Args:
    head: fitted at the layer that is perturbed.

  Returns:
    A function like that of `hopfield_energy`: nats, `[B]`, float32. An
    evaluation costs no forward pass.
  """

  def energy(h_BxTxD: jax.Array, valid_BxT: jax.Array) -> jax.Array:
    return -log_odds(head, _last(h_BxTxD, valid_BxT))

  return energy


def fit_head(
    latents_BxD: jax.Array,
    passed_B: jax.Array,
    *,
    l2: float = 1e-2,
) -> Head:
  """Logistic regression of success on latents, as trajectory logs hold them.

  The loss is mean cross-entropy + l2 / 2 |w|^2, with w in units of the standard
  deviation of each dimension. The Hessian of cross-entropy is at most that of
  the features / 4, and so a step with this bound in its place never raises the
  loss, wherever it starts, and needs one factorisation for all steps.

  Args:
    latents_BxD: residual stream of the last prompt token at one layer, index 0
      of `Trajectories.latents`; one row a sample or a problem.
    passed_B: whether the sample passed, or the share that did, in 0..1.
    l2: weight of the penalty.

  Returns:
    The head, float32. If nothing or everything passed it is that rate, nearly:
    the bias is fitted with 1 pass and 1 failure added.

  References:
    Böhning and Lindsay, Monotonicity of quadratic-approximation algorithms,
    1988, https://doi.org/10.1007/BF00049423
  """
  x_BxD = _unit(jnp.asarray(latents_BxD))
  passed_B = jnp.asarray(passed_B, jnp.float32)
  B, D = x_BxD.shape
  mean_D, deviation_D = x_BxD.mean(axis=0), x_BxD.std(axis=0)
  # A dimension that never varies tells nothing.
  scale_D = jnp.where(deviation_D > 0, 1 / deviation_D, 0.0)
  z_BxD = (x_BxD - mean_D[None]) * scale_D[None]
  # The mean of z is 0, so in the bound the bias has a curvature of its own.
  bound_DxD = z_BxD.T @ z_BxD / (4 * B) + l2 * jnp.eye(D)
  factor = jax.scipy.linalg.cho_factor(bound_DxD)

  def step(_, head):
    w_D, bias = head
    chance_B = jax.nn.sigmoid(z_BxD @ w_D + bias)
    error_B = chance_B - passed_B
    # One pass and one failure more keep the bias finite.
    prior = 2 * jax.nn.sigmoid(bias) - 1
    slope_D = z_BxD.T @ error_B / B + l2 * w_D
    return (
        w_D - jax.scipy.linalg.cho_solve(factor, slope_D),
        bias - 4 * (error_B.sum() + prior) / (B + 2),
    )

  w_D, bias = jax.lax.fori_loop(
      0, _FIT_STEPS, step, (jnp.zeros(D), jnp.float32(0))
  )
  weight_D = w_D * scale_D
  return Head(weight_D, bias - mean_D @ weight_D)


def _unit(h_BxD):
  """Scales rows to unit mean square, float32."""
  return block.rms_norm(
      h_BxD.astype(jnp.float32), jnp.ones(h_BxD.shape[-1]), 1e-12
  )


def _last(h_BxTxD, valid_BxT):
  """The last valid position of each right-padded row, `[B, D]`."""
  last_Bx1x1 = valid_BxT.sum(axis=-1)[:, None, None] - 1
  return jnp.take_along_axis(h_BxTxD, last_Bx1x1, axis=1)[:, 0]


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
