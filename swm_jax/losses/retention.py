"""Rivals of dark experience replay: penalties on weights, and a projection.

Each keeps what weights already do while they learn something else. All take
pytrees, so that the vision protocol (`experiments.continual`) and the
consolidation of a night run the same lines. Replay itself is a buffer
(`data.replay`) and either `anchoring` on stored logits (DER), cross-entropy on
stored targets (ER), or both (DER++).
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

PyTree = Any

# Each method by the terms of `compose.LossWeights` that it gives a weight
# above 0, those of the new data aside; `agem` is no term but a projection.
METHODS = {
    'none': (),
    'er': ('replay_ce',),
    'der': ('der',),
    'derpp': ('der', 'replay_ce'),
    'ewc': ('ewc',),
    'l2sp': ('l2_sp',),
    'agem': ('agem',),
}


def l2_sp_penalty(params: PyTree, start: PyTree) -> jax.Array:
  """Half the squared distance of weights from where they started.

  Args:
    params: current.
    start: of the same structure; no gradient flows into it.

  Returns:
    1/2 sum_i (params_i - start_i)^2, scalar, float32.

  References:
    Li et al., Explicit inductive bias for transfer learning, 2018,
      https://arxiv.org/abs/1802.01483
  """
  return _quadratic(params, start, jax.tree.map(jnp.ones_like, params))


def ewc_penalty(params: PyTree, start: PyTree, fisher: PyTree) -> jax.Array:
  """Half the squared distance from the start in the metric of the Fisher.

  With the Fisher information of a token this is, to second order and without
  its off-diagonal part, the KL a token from the old model to the new one.

  Args:
    params: current.
    start: of the same structure; no gradient flows into it.
    fisher: diagonal, of the same structure, see `diagonal_fisher`.

  Returns:
    1/2 sum_i fisher_i (params_i - start_i)^2, scalar, float32.

  References:
    Kirkpatrick et al., Overcoming catastrophic forgetting, 2017,
      https://arxiv.org/abs/1612.00796
  """
  return _quadratic(params, start, fisher)


def diagonal_fisher(
    log_prob_fn: Callable[[PyTree, PyTree], jax.Array],
    params: PyTree,
    examples: PyTree,
) -> PyTree:
  """Mean over examples of the squared gradient of their log-probability.

  This is the empirical Fisher: targets are those of the examples. It estimates
  the true one where they were drawn from the model, as its own traces were.
  One example is differentiated at a time.

  Args:
    log_prob_fn: maps params and one example to a scalar, nats.
    params: where the Fisher is taken.
    examples: pytree of arrays with a leading axis of examples.

  Returns:
    Pytree like `params`, float32, at least 0.
  """
  count = jax.tree.leaves(examples)[0].shape[0]
  grad_fn = jax.grad(log_prob_fn)

  def add(total, example):
    grads = grad_fn(params, example)
    square = lambda t, g: t + jnp.square(g.astype(jnp.float32)) / count
    return jax.tree.map(square, total, grads), None

  zeros = jax.tree.map(lambda p: jnp.zeros(p.shape, jnp.float32), params)
  return jax.lax.scan(add, zeros, examples)[0]


def accumulate_fisher(total: PyTree, latest: PyTree, decay: float) -> PyTree:
  """Online EWC: one Fisher for all tasks so far, the older ones fading.

  References:
    Schwarz et al., Progress & Compress, 2018,
      https://arxiv.org/abs/1805.06370
  """
  return jax.tree.map(lambda t, f: decay * t + f, total, latest)


def project(grads: PyTree, reference: PyTree) -> PyTree:
  """A-GEM: removes from a gradient what would raise the loss on old data.

  Args:
    grads: of the loss on new data.
    reference: of the loss on a draw of old data, same structure.

  Returns:
    g where g·r >= 0, else g - (g·r / r·r) r, which is orthogonal to r.

  References:
    Chaudhry et al., Efficient lifelong learning with A-GEM, 2019,
      https://arxiv.org/abs/1812.00420
  """
  along = optax.tree_utils.tree_vdot(grads, reference)
  norm = optax.tree_utils.tree_vdot(reference, reference)
  # A reference of zeros, a step without old data, leaves g as it is.
  scale = jnp.where(along < 0.0, along / jnp.where(norm > 0.0, norm, 1.0), 0.0)
  return jax.tree.map(
      lambda g, r: g - scale.astype(g.dtype) * r, grads, reference
  )


def _quadratic(params, start, metric) -> jax.Array:
  start = jax.lax.stop_gradient(start)
  terms = jax.tree.map(
      lambda p, s, m: jnp.sum(
          m * jnp.square(p.astype(jnp.float32) - s.astype(jnp.float32))
      ),
      params, start, metric,
  )
  return 0.5 * sum(jax.tree.leaves(terms))
