"""The benchmark's training loop, and the comparison around it."""

import contextlib
import importlib
import io

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks import trajectory_balance
from experiments.benchmarks import trajectory_balance_ours as ours
from swm_jax.tasks import hypergrid

_OBJECTIVES = ('tb', 'subtb', 'vargrad')


def _rollout(setting, seed=0):
  state = ours.init_state(setting, seed)
  uniform = jax.random.uniform(
      jax.random.key(seed), (setting.grid.max_steps, setting.batch)
  )
  final, rows, num_rows = jax.jit(ours.rollout, static_argnums=3)(
      state.params['layers'], uniform, state.rows, setting
  )
  return state.params, final, rows, num_rows


class TrajectoryBalanceTest(parameterized.TestCase):

  def test_rows_are_whole_trajectories(self):
    setting = ours.Setting(hypergrid.Hypergrid(3, 3), 'tb', 40, (8,))
    _, final, rows, num_rows = _rollout(setting)
    action, trajectory, time, state = (
        np.asarray(x)[:num_rows]
        for x in (rows.action, rows.trajectory, rows.time, rows.state)
    )
    legal = hypergrid.legal(setting.grid, jnp.asarray(state))
    self.assertTrue(np.take_along_axis(legal, action[:, None], 1).all())
    for i in range(setting.batch):
      mine = trajectory == i
      np.testing.assert_array_equal(time[mine], np.arange(mine.sum()))
      self.assertEqual(action[mine][-1], setting.grid.dims)
      self.assertTrue((action[mine][:-1] < setting.grid.dims).all())
      walked = np.eye(3, dtype=int)[action[mine][:-1]].cumsum(axis=0)
      np.testing.assert_array_equal(state[mine][0], 0)
      np.testing.assert_array_equal(state[mine][1:], walked)
      np.testing.assert_array_equal(state[mine][-1], final[i])

  def test_draws_follow_the_policy(self):
    setting = ours.Setting(hypergrid.Hypergrid(2, 3), 'tb', 8000, (8,))
    params, final, _, _ = _rollout(setting)
    outputs, _ = ours.forward(
        params['layers'],
        ours.encode(setting.grid, hypergrid.states(setting.grid)),
    )
    expected = hypergrid.terminating_probability(setting.grid, outputs)
    counts = np.bincount(np.asarray(final) @ [3, 1], minlength=9)
    # The expected sum for 8000 draws is about 0.03.
    self.assertLess(abs(counts / 8000 - expected).sum(), 0.08)

  @parameterized.parameters(*_OBJECTIVES)
  def test_gradient_is_that_of_the_recomputed_network(self, objective):
    setting = ours.Setting(hypergrid.Hypergrid(2, 4), objective, 120, (8, 6))
    params, final, rows, num_rows = _rollout(setting)
    self.assertGreater(int(num_rows), ours._CHUNK)
    loss, gradient = jax.jit(ours.loss_and_gradient, static_argnums=4)(
        params, rows, num_rows, final, setting
    )

    @jax.jit
    def recomputed(params):
      inputs = ours.encode(setting.grid, rows.state)
      outputs, _ = ours.forward(params['layers'], inputs)
      return ours.balance_loss(
          outputs, params['log_z'], rows, num_rows, final, setting
      )

    expected_loss, expected = jax.value_and_grad(recomputed)(params)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-5)
    chex.assert_trees_all_close(gradient, expected, rtol=1e-4, atol=1e-5)

  @parameterized.parameters(*_OBJECTIVES)
  def test_converges(self, objective):
    setting = ours.Setting(hypergrid.Hypergrid(2, 4), objective, 16, (32, 32))
    trainer = ours.Trainer(setting)

    def l1():
      return trajectory_balance.l1_to_target(setting.grid, trainer.logits())

    self.assertGreater(l1(), 0.5)
    trainer.run(600)
    self.assertLess(l1(), 0.05)

  def test_a_run_is_the_same_in_any_rounds(self):
    setting = ours.Setting(hypergrid.Hypergrid(2, 3), 'tb', 4, (8,))
    one, two = ours.Trainer(setting), ours.Trainer(setting)
    one.run(6)
    two.run(3)
    two.run(3)
    np.testing.assert_array_equal(one.logits(), two.logits())

  def test_table(self):
    setting = ours.Setting(hypergrid.Hypergrid(2, 3), 'vargrad', 4, (8,))
    wall_s, l1 = trajectory_balance.compare(setting, {'ours': ours}, 4, 3)
    self.assertLen(wall_s['ours'], 4)
    self.assertLen(l1['ours'], 5)
    self.assertTrue((wall_s['ours'] > 0).all())
    with contextlib.redirect_stdout(io.StringIO()) as out:
      trajectory_balance.print_table(wall_s, l1, 3)
    self.assertIn(f'{l1["ours"][4]:.3f}', out.getvalue())

  @parameterized.product(name=('torchgfn', 'gfnx'), objective=('tb', 'subtb'))
  def test_others_start_alike_and_learn(self, name, objective):
    try:
      module = importlib.import_module(
          f'experiments.benchmarks.trajectory_balance_{name}'
      )
    except ModuleNotFoundError as error:
      pytest.skip(f'{error}: {trajectory_balance._INSTALL}')
    if name == 'torchgfn':
      # Torch's threads wait for each other: slow beside other tests.
      threads = module.torch.get_num_threads()
      self.addCleanup(module.torch.set_num_threads, threads)
      module.torch.set_num_threads(1)
    setting = ours.Setting(hypergrid.Hypergrid(2, 4), objective, 16, (32, 32))
    trainer = module.Trainer(setting)
    np.testing.assert_allclose(
        trainer.logits(), ours.Trainer(setting).logits(), atol=1e-5
    )
    before = trajectory_balance.l1_to_target(setting.grid, trainer.logits())
    trainer.run(100)
    after = trajectory_balance.l1_to_target(setting.grid, trainer.logits())
    self.assertLess(after, 0.8 * before)


if __name__ == '__main__':
  absltest.main()
