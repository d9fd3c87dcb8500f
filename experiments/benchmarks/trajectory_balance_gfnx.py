"""The same training with PyPI `gfnx`: its environment, reward and rollout.

The package holds no losses and no hypergrid network: its example scripts write
both out. The losses here are `swm_jax.losses` and the network is this
project's, on gfnx's padded trajectories. As in its scripts, P_F and P_B are
evaluated on all of them after the rollout, and the loop is compiled whole.
"""

import functools

import gfnx
import jax
import jax.numpy as jnp
import optax

from experiments.benchmarks import trajectory_balance_ours as ours
from swm_jax.losses import objectives


@functools.lru_cache
def _environment(grid):
  reward = gfnx.GeneralHypergridRewardModule(grid.r0, grid.r1, grid.r2)
  env = gfnx.HypergridEnvironment(reward, dim=grid.dims, side=grid.side)
  return env, env.init(jax.random.key(0))


def _outputs(layers, obs):
  """Network outputs for observations with any leading axes."""
  rows = obs.reshape(-1, obs.shape[-1])
  return ours.forward(layers, rows)[0].reshape(*obs.shape[:-1], -1)


def _log_probability(logits, invalid, action):
  masked = gfnx.utils.mask_logits(logits, invalid)
  log_p = jax.nn.log_softmax(masked, axis=-1)
  return jnp.take_along_axis(log_p, action[..., None], axis=-1)[..., 0]


def _loss(params, data, setting):
  """Mean loss of gfnx trajectories; their last step is padding."""
  env, env_params = _environment(setting.grid)
  B, A = setting.batch, setting.grid.num_actions
  over_time = functools.partial(jax.vmap, out_axes=1)
  before = jax.tree.map(lambda x: x[:, :-1], data.state)
  after = jax.tree.map(lambda x: x[:, 1:], data.state)
  action_BxT = data.action[:, :-1]
  mask_BxT = ~data.pad[:, :-1]
  outputs_BxTxO = _outputs(params['layers'], data.obs[:, :-1])
  log_pf_BxT = _log_probability(
      outputs_BxTxO[..., :A],
      over_time(env.get_invalid_mask, in_axes=(1, None))(before, env_params),
      action_BxT,
  )
  back_BxT = over_time(env.get_backward_action, in_axes=(1, 1, 1, None))(
      before, action_BxT, after, env_params
  )
  invalid = over_time(env.get_invalid_backward_mask, in_axes=(1, None))(
      after, env_params
  )
  log_pb_BxT = _log_probability(jnp.zeros(invalid.shape), invalid, back_BxT)
  reward_BxT = jnp.where(mask_BxT, data.log_gfn_reward[:, :-1], 0.0)
  trajectories = objectives.Trajectories(
      log_pf=jnp.where(mask_BxT, log_pf_BxT - log_pb_BxT, 0.0),
      mask=mask_BxT,
      group=jnp.zeros((B,), jnp.int32),
      log_reward=reward_BxT.sum(axis=1),
      log_z=jnp.broadcast_to(params['log_z'], (B,)),
      log_flow=outputs_BxTxO[..., -1] if setting.has_flow else None,
      decay=ours.DECAY,
  )
  return objectives.OBJECTIVES[setting.objective](trajectories, 1).mean()


@functools.partial(
    jax.jit, static_argnames=('setting', 'iterations'), donate_argnums=0
)
def _train(state, *, setting, iterations):
  env, env_params = _environment(setting.grid)

  def policy(key, obs, layers):
    del key
    return _outputs(layers, obs)[:, : setting.grid.num_actions], {}

  def iterate(state, _):
    params, opt_state, key = state
    key, key_rollout = jax.random.split(key)
    data, _ = gfnx.utils.forward_rollout(
        key_rollout, setting.batch, policy, params['layers'], env, env_params
    )
    loss, gradient = jax.value_and_grad(_loss)(params, data, setting)
    updates, opt_state = ours.optimizer().update(gradient, opt_state, params)
    return (optax.apply_updates(params, updates), opt_state, key), loss

  return jax.lax.scan(iterate, state, length=iterations)


class Trainer(ours.Trainer):
  """gfnx's run of a setting."""

  def __init__(self, setting: ours.Setting):
    super().__init__(setting)
    start = ours.init_state(setting)
    self._gfnx_state = (start.params, start.opt_state, start.key)

  def run(self, iterations: int) -> None:
    """Trains, and returns when it is done."""
    self._gfnx_state, loss = _train(
        self._gfnx_state, setting=self.setting, iterations=iterations
    )
    loss.block_until_ready()
    self._state = self._state.replace(params=self._gfnx_state[0])
