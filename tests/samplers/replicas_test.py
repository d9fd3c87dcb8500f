"""Tests of copies of the weights that decode side by side."""

from unittest import mock

from absl.testing import absltest
import jax

from swm_jax import sharding
from swm_jax.models import transformer
from swm_jax.samplers import replicas
from swm_jax.samplers import schedule
from tests.samplers import tiny


class ReplicatedDecoderTest(absltest.TestCase):

  def test_copies_of_the_weights_share_the_prompts_and_change_no_bit(self):
    mesh = sharding.make_mesh({'data': 2}, jax.devices()[:2])
    axes = transformer.logical_axes(tiny.MODEL)
    params = sharding.shard_params(
        tiny.params(), sharding.shardings(mesh, axes)
    )
    asked, finished = [], []
    take = schedule.Request.take

    def watched(request, rows):
      asked.append(sorted(set(request.prompt_index_B[rows].tolist())))
      return take(request, rows)

    # By itself the decoder runs once on CPU, whose devices are virtual.
    with (
        mock.patch.object(replicas, 'SHARE_THEIR_CORES', ()),
        mock.patch.object(schedule.Request, 'take', watched),
    ):
      trajectories = tiny.decoder()(
          params,
          tiny.PROMPTS,
          *tiny.request(),
          on_finished=lambda row, token_ids: finished.append((row, token_ids)),
      )
    self.assertCountEqual(asked, [[0, 2, 4], [1, 3]])
    tiny.assert_rows_equal(trajectories, tiny.decoded())
    expected = [
        (row, tokens[mask].tolist())
        for row, (tokens, mask) in enumerate(
            zip(tiny.decoded().tokens, tiny.decoded().mask)
        )
    ]
    self.assertEqual(sorted(finished), expected)

  def test_a_copy_is_cut_as_before_on_its_own_devices(self):
    mesh = sharding.make_mesh({'data': 2, 'fsdp': 2, 'tensor': 2})
    axes = transformer.logical_axes(tiny.MODEL)
    placement = sharding.shardings(mesh, axes)
    params = sharding.shard_params(tiny.params(), placement)
    self.assertLen(replicas.split(params), 1)
    with mock.patch.object(replicas, 'SHARE_THEIR_CORES', ()):
      copies = replicas.split(params)
    self.assertLen(copies, 2)
    for index, copy in enumerate(copies):
      tiny.assert_rows_equal(copy, tiny.params())
      for leaf, before in zip(jax.tree.leaves(copy), jax.tree.leaves(params)):
        self.assertEqual(leaf.sharding.spec, before.sharding.spec)
        self.assertEqual(
            leaf.sharding.device_set, set(mesh.devices[index].flat)
        )


if __name__ == '__main__':
  absltest.main()
