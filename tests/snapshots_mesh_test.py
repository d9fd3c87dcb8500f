"""Snapshots saved on one mesh and restored on others."""

import tempfile

from absl.testing import absltest
from absl.testing import parameterized
import jax
from jax.sharding import PartitionSpec as P
import jax.numpy as jnp
import numpy as np
import optax

from swm_jax import snapshots


def _mesh(**axes):
  devices = np.array(jax.devices()[: np.prod(list(axes.values()))])
  return jax.sharding.Mesh(
      devices.reshape(list(axes.values())),
      list(axes),
      axis_types=(jax.sharding.AxisType.Auto,) * len(axes),
  )


def _placed(tree, mesh, specs):
  """Shapes of a tree; its matrices are placed by `specs` in turn."""
  matrices = iter(specs * 100)

  def place(leaf):
    spec = next(matrices) if leaf.ndim == 2 else P()
    return jax.ShapeDtypeStruct(
        leaf.shape, leaf.dtype, sharding=jax.sharding.NamedSharding(mesh, spec)
    )

  return jax.tree.map(place, tree)


def _train(params):
  """One step of Adam, so that no leaf of its state is a constant."""
  tx = optax.adamw(1e-2)
  grads = jax.tree.map(lambda x: jnp.sin(x.astype(jnp.float32)), params)
  grads = jax.tree.map(lambda g, x: g.astype(x.dtype), grads, params)
  updates, opt_state = tx.update(grads, tx.init(params), params)
  return {
      'params': optax.apply_updates(params, updates),
      'opt_state': opt_state,
      'step': jnp.int32(1),
  }


class MeshTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    key = jax.random.key(0)
    params = {
        'embedding': jax.random.normal(key, (48, 16), jnp.bfloat16),
        'kernel': jax.random.normal(key, (16, 32)),
        'scale': jnp.linspace(0.0, 1.0, 16),
    }
    mesh = _mesh(data=2, fsdp=2, tensor=2)
    specs = [P('fsdp', 'tensor'), P(('data', 'fsdp'), 'tensor')]
    shapes = _placed(jax.eval_shape(_train, params), mesh, specs)
    self.state = jax.jit(
        _train, out_shardings=jax.tree.map(lambda x: x.sharding, shapes)
    )(params)
    self.assertLen(self.state['params']['kernel'].sharding.device_set, 8)
    self.store = snapshots.Snapshots(
        self.enter_context(tempfile.TemporaryDirectory())
    )
    self.store.save(1, self.state, {})

  @parameterized.named_parameters(
      ('fewer_devices', dict(fsdp=4), [P('fsdp', None), P(None, 'fsdp')]),
      ('one_device', dict(data=1), [P()]),
      ('another_axis', dict(tensor=8), [P(None, 'tensor'), P('tensor', None)]),
      (
          'other_sizes',
          dict(data=1, fsdp=2, tensor=4),
          [P('tensor', 'fsdp'), P(('tensor', 'fsdp'), None)],
      ),
      ('all_replicated', dict(data=8), [P()]),
  )
  def test_values_are_bit_equal(self, axes, specs):
    target = _placed(self.state, _mesh(**axes), specs)
    restored = self.store.restore(1, target)
    self.assertEqual(
        jax.tree.structure(restored), jax.tree.structure(self.state)
    )
    for leaf, wanted in zip(jax.tree.leaves(restored), jax.tree.leaves(target)):
      self.assertEqual(leaf.sharding, wanted.sharding)
    self.assertEqual(snapshots.digest(restored), snapshots.digest(self.state))
    # And from there to yet another: more devices than it was saved on.
    self.store.save(2, restored, {})
    first = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding),
        self.state,
    )
    jax.tree.map(
        np.testing.assert_array_equal, self.store.restore(2, first), self.state
    )


if __name__ == '__main__':
  absltest.main()
