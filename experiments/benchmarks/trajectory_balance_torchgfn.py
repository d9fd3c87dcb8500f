"""The same training with PyPI `torchgfn`, through its public classes.

On policy, uniform P_B, and the log-probabilities evaluated once, after the
sampling (its `save_logprobs=False`, the faster of its two ways here). The
network starts from the weights that this project's starts from.
"""

import time

from gfn import estimators
from gfn import gflownet
from gfn import gym
from gfn import preprocessors
from gfn import samplers
from gfn.utils import modules
import jax
import numpy as np
import torch

from experiments.benchmarks import trajectory_balance_ours as ours
from swm_jax.tasks import hypergrid


class Trainer:
  """torchgfn's run of a setting."""

  def __init__(self, setting: ours.Setting):
    grid = setting.grid
    self.setting = setting
    self._env = gym.HyperGrid(
        ndim=grid.dims,
        height=grid.side,
        reward_fn_kwargs={'R0': grid.r0, 'R1': grid.r1, 'R2': grid.r2},
        validate_modes=False,
    )
    encoder = preprocessors.KHotPreprocessor(height=grid.side, ndim=grid.dims)
    self._network = modules.MLP(
        encoder.output_dim,
        grid.num_actions,
        hidden_dim=setting.hidden[0],
        n_hidden_layers=len(setting.hidden),
    )
    self._encoder = encoder
    policy = estimators.DiscretePolicyEstimator(
        self._network, grid.num_actions, preprocessor=encoder
    )
    parents = estimators.DiscretePolicyEstimator(
        modules.DiscreteUniform(grid.dims),
        grid.num_actions,
        preprocessor=encoder,
        is_backward=True,
    )
    self._sampler = samplers.Sampler(policy)
    flow = None
    if setting.objective == 'subtb':
      flow = modules.MLP(encoder.output_dim, 1, trunk=self._network.trunk)
      self._flownet = gflownet.SubTBGFlowNet(
          policy,
          parents,
          estimators.ScalarEstimator(flow, preprocessor=encoder),
          weighting='geometric_within',
          lamda=ours.DECAY,
      )
    elif setting.objective == 'tb':
      self._flownet = gflownet.TBGFlowNet(policy, parents)
    else:
      self._flownet = gflownet.LogPartitionVarianceGFlowNet(policy, parents)
    self._set_weights(flow)
    groups = [{
        'params': [
            parameter
            for name, parameter in self._flownet.named_parameters()
            if 'logZ' not in name
        ],
        'lr': ours.LEARNING_RATE,
    }]
    if setting.objective == 'tb':
      groups.append({
          'params': self._flownet.logz_parameters(),
          'lr': ours.LOG_Z_LEARNING_RATE,
      })
    self._optimizer = torch.optim.Adam(groups)

  def _set_weights(self, flow):
    """Copies the first weights; the flow's are the last column of outputs."""
    layers = ours.init_state(self.setting).params['layers']
    layers = jax.tree.map(lambda x: torch.tensor(np.asarray(x)), layers)
    linear = [x for x in self._network.trunk if isinstance(x, torch.nn.Linear)]
    A = self.setting.grid.num_actions
    weight, bias = layers[-1]
    pairs = [*zip(linear, layers[:-1])]
    pairs.append((self._network.last_layer, (weight[:, :A], bias[:A])))
    if flow is not None:
      pairs.append((flow.last_layer, (weight[:, A:], bias[A:])))
    with torch.no_grad():
      for module, (weight, bias) in pairs:
        module.weight.copy_(weight.T)
        module.bias.copy_(bias)

  def run(self, iterations: int) -> None:
    """Trains."""
    for _ in range(iterations):
      trajectories = self._sampler.sample_trajectories(
          self._env, n=self.setting.batch, save_logprobs=False
      )
      self._optimizer.zero_grad()
      loss = self._flownet.loss_from_trajectories(
          self._env, trajectories, recalculate_all_logprobs=False
      )
      loss.backward()
      self._optimizer.step()

  def logits(self) -> np.ndarray:
    """Of the policy in every point, illegal actions not masked, `[S, A]`."""
    points = torch.tensor(np.asarray(hypergrid.states(self.setting.grid)))
    states = self._env.states_from_tensor(points.long())
    with torch.no_grad():
      return self._network(self._encoder.preprocess(states)).numpy()


def choose_threads(setting: ours.Setting, iterations: int) -> int:
  """Sets torch to one thread or to all, whichever is faster here."""
  wall = {}
  trainer = Trainer(setting)
  trainer.run(1)
  for threads in sorted({1, torch.get_num_threads()}):
    torch.set_num_threads(threads)
    start = time.perf_counter()
    trainer.run(iterations)
    wall[threads] = time.perf_counter() - start
  threads = min(wall, key=wall.get)
  torch.set_num_threads(threads)
  return threads
