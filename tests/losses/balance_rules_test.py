"""The training rules that `balance.vargrad_loss` states, on a shared network.

Prompts share a small network here, as they share a language model: what one
prompt learns moves the others. A table would not show that. The reference is
the network before training, a third of the prompts has mixed verdicts, a third
is all wrong and a third all right, so that p* is the reference there.
"""

import functools

from absl.testing import absltest
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from swm_jax.losses import balance
from swm_jax.tasks import enumerable

P = 12  # prompts
GROUPS, K = 6, 16  # prompts an update, samples a prompt
STEPS = 200
S = 10.0
TARGET = enumerable.make_target('abc', 3, {str(i): len for i in range(P)})
ALL = jnp.arange(P)
MIXED = np.arange(P) % 3 == 0


def _features():
  """One-hot symbols of every prefix, position by position, `[N, 12]`."""
  rows = []
  for text in ('', *TARGET.strings):
    codes = ['abc'.index(c) for c in text] + [3] * (3 - len(text))
    rows.append(np.eye(4)[codes].ravel())
  return jnp.asarray(np.stack(rows), jnp.float32)


FEATURES = _features()


def _init_network(key, width=32, embedding=8):
  sizes = {
      'prompt': (P, embedding),
      'input': (embedding + 12, width),
      'hidden': (width, width),
      'output': (width, 4),
  }
  keys = jax.random.split(key, len(sizes))
  scale = {'prompt': 1.0, 'input': 0.4, 'hidden': 0.25, 'output': 0.35}
  return {
      name: scale[name] * jax.random.normal(k, shape)
      for k, (name, shape) in zip(keys, sizes.items())
  }


def _log_pf(params, prompts):
  """Log P_F of every string under the network, `[len(prompts), S]`."""
  shape = (len(prompts), len(FEATURES))
  prompt = jnp.broadcast_to(
      params['prompt'][prompts][:, None], (*shape, params['prompt'].shape[1])
  )
  prefix = jnp.broadcast_to(FEATURES[None], (*shape, FEATURES.shape[1]))
  x = jnp.concatenate([prompt, prefix], axis=-1)
  x = jax.nn.gelu(x @ params['input'])
  x = x + jax.nn.gelu(x @ params['hidden'])
  logits = x @ params['output']
  return enumerable.log_prob_actions(logits, TARGET).sum(axis=-1)


REFERENCE = _init_network(jax.random.key(0))
LOG_P_REF = jax.jit(_log_pf)(REFERENCE, ALL)


def _verdicts():
  """Verdicts of every string, `[P, S]`."""
  rng = np.random.default_rng(0)
  reward = np.zeros(LOG_P_REF.shape, np.float32)
  reward[np.arange(P) % 3 == 1] = 1.0
  for p in np.flatnonzero(MIXED):
    order = rng.permutation(LOG_P_REF.shape[1])
    mass = np.exp(np.asarray(LOG_P_REF[p]))[order].cumsum()
    reward[p, order[mass < 0.2]] = 1.0
  return jnp.asarray(reward)


REWARD = _verdicts()
LOG_REWARD = balance.log_reward(LOG_P_REF, REWARD, beta=S)


@functools.partial(jax.jit, static_argnames=('divisor', 'clip', 'only_mixed'))
def _train(key, *, divisor, clip, only_mixed=False):
  """Returns L1 to p* and KL(sampler || reference), `[P]` each."""
  schedule = optax.cosine_decay_schedule(3e-3, STEPS, alpha=0.1)
  tx = optax.chain(
      optax.clip_by_global_norm(clip), optax.adam(schedule, b2=0.95)
  )
  group = jnp.repeat(jnp.arange(GROUPS), K)

  def loss_fn(params, prompts, chosen):
    pick = lambda x: jnp.take_along_axis(x, chosen, axis=1).reshape(-1)
    valid = jnp.ones(GROUPS * K, bool)
    if only_mixed:
      reward = jnp.take_along_axis(REWARD[prompts], chosen, axis=1)
      valid = jnp.repeat(reward.min(axis=1) != reward.max(axis=1), K)
    return balance.vargrad_loss(
        pick(_log_pf(params, prompts)),
        pick(LOG_REWARD[prompts]),
        valid,
        group=group,
        num_groups=GROUPS,
    ).mean() / divisor

  def step(carry, key):
    params, state = carry
    prompt_key, sample_key = jax.random.split(key)
    prompts = jax.random.choice(prompt_key, P, (GROUPS,), replace=False)
    chosen = jax.random.categorical(
        sample_key, _log_pf(params, prompts), shape=(K, GROUPS)
    ).T
    grads = jax.grad(loss_fn)(params, prompts, chosen)
    updates, state = tx.update(grads, state)
    return (optax.apply_updates(params, updates), state), None

  (params, _), _ = jax.lax.scan(
      step, (REFERENCE, tx.init(REFERENCE)), jax.random.split(key, STEPS)
  )
  log_pf = _log_pf(params, ALL)
  log_p = jax.nn.log_softmax(LOG_REWARD, axis=-1)
  l1 = jnp.abs(jnp.exp(log_pf) - jnp.exp(log_p)).sum(axis=-1)
  kl = (jnp.exp(log_pf) * (log_pf - LOG_P_REF)).sum(axis=-1)
  return l1, kl


def _mean(**kwargs):
  """Mean over three seeds of L1 on all prompts and of KL where p* = p_ref."""
  runs = [_train(jax.random.key(i), **kwargs) for i in range(3)]
  l1 = np.mean([np.asarray(run[0]).mean() for run in runs])
  kl = np.mean([np.asarray(run[1])[~MIXED].mean() for run in runs])
  return l1, kl


@pytest.mark.slow
class BalanceRulesTest(absltest.TestCase):

  def test_scale_and_clip_do_not_matter_and_unmixed_groups_do(self):
    rule, drift = _mean(divisor=S**2, clip=1.0)
    print(f'divided by s^2, clipped at 1: L1 {rule:.3f}, drift {drift:.3f}')
    for kwargs in (dict(divisor=1.0, clip=1.0), dict(divisor=1.0, clip=1e9)):
      l1, _ = _mean(**kwargs)
      print(f'{kwargs}: L1 {l1:.3f}')
      self.assertLess(abs(l1 / rule - 1.0), 0.2)
    dropped, dropped_drift = _mean(divisor=S**2, clip=1.0, only_mixed=True)
    print(f'mixed groups only: L1 {dropped:.3f}, drift {dropped_drift:.3f}')
    self.assertGreater(dropped, 1.3 * rule)
    self.assertGreater(dropped_drift, 4.0 * drift)


if __name__ == '__main__':
  absltest.main()
