"""Tests of what `--model` may name."""

import json
import pathlib
import tempfile

from absl.testing import absltest
import jax
import numpy as np

from experiments import weights
from swm_jax import snapshots
from swm_jax.models import pretrained
from tests import noise_model


class WeightsTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    self._folder = pathlib.Path(folder.name)

  def _save_tiny(self):
    folder = self._folder / 'model'
    pretrained.save_hf(folder, *noise_model.make())
    return folder

  def test_a_work_directory_gives_the_adopted_or_the_named_weights(self):
    model = self._save_tiny()
    params, _, _ = noise_model.make()
    scaled = lambda scale: jax.tree.map(lambda x: x * scale, params)
    work = self._folder / 'work@home'
    store = snapshots.Snapshots(work / 'snapshots')
    for step, tree, metadata in (
        (0, {'lora': np.ones(2)}, dict(phase='rem', gate='', parent=None)),
        (1, {'params': scaled(2.0)},
         dict(phase='consolidate', gate='', parent=0)),
        (2, {'night': np.int32(0)},
         dict(phase='morning', gate='adopted', parent=1)),
        (3, {'params': scaled(3.0)},
         dict(phase='consolidate', gate='', parent=2)),
        (4, {'night': np.int32(1)},
         dict(phase='morning', gate='rejected', parent=3)),
    ):
      store.save(step, tree, metadata, keep=True)
    config = dict(path=str(model), dtype='float32', param_dtype='float32')
    (work / 'config.json').write_text(json.dumps({'model': config}))
    for name, step, scale in ((work, 1, 2.0), (f'{work}@3', 3, 3.0)):
      loaded = weights.load(str(name))
      self.assertEqual(loaded.step, step)
      self.assertEqual(
          snapshots.digest(loaded.params), snapshots.digest(scaled(scale))
      )
    for name, message in (
        (f'{work}@0', r'snapshot 0 \(phase rem\) holds no base weights; name'
                      r' one of \[1, 3\]'),
        (f'{work}@9', 'there is no snapshot 9'),
        (f'{work}@x', "number of a snapshot, got 'x'"),
        (f'{model}@1', 'is no work directory'),
    ):
      with self.assertRaisesRegex((FileNotFoundError, ValueError), message):
        weights.load(name)

  def test_a_work_directory_without_adopted_night_gives_the_initial_weights(
      self,
  ):
    work = self._folder / 'work'
    store = snapshots.Snapshots(work / 'snapshots')
    store.save(1, {'params': {'x': np.ones(1)}}, dict(gate='', parent=None))
    store.save(2, {'x': np.ones(1)}, dict(gate='rejected', parent=1))
    config = dict(
        path=str(self._save_tiny()), dtype='float32', param_dtype='float32'
    )
    (work / 'config.json').write_text(json.dumps({'model': config}))
    loaded = weights.load(str(work))
    self.assertIsNone(loaded.step)
    self.assertEqual(
        snapshots.digest(loaded.params), snapshots.digest(noise_model.make()[0])
    )

  def test_a_folder_is_loaded_as_it_is(self):
    model = weights.load(str(self._save_tiny()))
    self.assertIsNone(model.step)
    self.assertEqual(
        snapshots.digest(model.params), snapshots.digest(noise_model.make()[0])
    )


if __name__ == '__main__':
  absltest.main()
