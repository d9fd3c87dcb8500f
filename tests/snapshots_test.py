"""Tests of snapshots: round trips, retention, and being killed."""

import collections
import pathlib
import shutil
import subprocess
import sys
import threading
import time

import jax
from jax.sharding import PartitionSpec as P
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from swm_jax import durable
from swm_jax import snapshots
from swm_jax import training


def _params(value=1.0):
  return {
      'embedding': jnp.full((8, 4), value),
      'layer_0': {'kernel': jnp.full((4, 4), value, jnp.bfloat16)},
  }


def _open(tmp_path, keep_last=2):
  return snapshots.Snapshots(tmp_path / 'snapshots', keep_last=keep_last)


def test_training_state_returns_bit_for_bit(tmp_path):
  state = {
      'params': _params(1 / 3),
      'opt_state': optax.adamw(1e-3).init(_params(0.1)),
      'train': training.TrainState(
          _params(0.5), optax.sgd(0.1, 0.9).init(_params(0.2)), jnp.int32(4)
      ),
      'key': jax.random.key(7),
      'counts': np.arange(3, dtype=np.uint32),
      'step': 12,
  }
  store = _open(tmp_path)
  store.save(1, state, {'phase': 'rem'})
  restored = _open(tmp_path).restore(1, state)
  assert snapshots.digest(restored['params']) == snapshots.digest(
      state['params']
  )
  jax.tree.map(
      np.testing.assert_array_equal,
      {**restored, 'key': jax.random.key_data(restored['key'])},
      {**state, 'key': jax.random.key_data(state['key'])},
  )
  # The restored key goes on with the same stream.
  assert jax.random.uniform(restored['key']) == jax.random.uniform(state['key'])
  assert _open(tmp_path).read_metadata(1) == {'phase': 'rem'}


def test_restore_onto_a_mesh(tmp_path):
  store = _open(tmp_path)
  state = {'params': {'w': jnp.arange(32.0).reshape(8, 4)}, 'step': 3}
  store.save(1, state, {})
  mesh = jax.make_mesh(
      (4, 2), ('data', 'fsdp'), axis_types=(jax.sharding.AxisType.Auto,) * 2
  )
  sharding = jax.sharding.NamedSharding(mesh, P('data', 'fsdp'))
  target = {'params': {
      'w': jax.ShapeDtypeStruct((8, 4), jnp.float32, sharding=sharding)
  }}
  restored = store.restore(1, target)  # A part of the snapshot.
  assert restored['params']['w'].sharding.spec == P('data', 'fsdp')
  np.testing.assert_array_equal(restored['params']['w'], state['params']['w'])
  assert snapshots.digest(restored) == snapshots.digest(
      {'params': state['params']}
  )
  store.save(2, restored, {})  # And back from the mesh to one device.
  np.testing.assert_array_equal(
      store.restore(2)['params']['w'], state['params']['w']
  )


def test_digest_sees_path_dtype_shape_and_bytes():
  base = snapshots.digest(_params())
  assert base == snapshots.digest(
      jax.tree.map(np.asarray, dict(reversed(_params().items())))
  )
  changed = _params()
  changed['embedding'] = changed['embedding'].at[7, 3].add(1e-6)
  renamed = dict(_params(), layer_1=_params()['layer_0'])
  del renamed['layer_0']
  digests = {
      base,
      snapshots.digest(changed),
      snapshots.digest(renamed),
      snapshots.digest({**_params(), 'embedding': jnp.ones((4, 8))}),
      snapshots.digest({**_params(), 'embedding': jnp.ones((8, 4), jnp.int32)}),
  }
  assert len(digests) == 5


def test_digest_value_is_fixed():
  # A change here orphans every work directory: bump versions.json with it.
  # sha256 of b"a float32 (2,)\n" + bytes of [1, 2] as little-endian float32.
  assert snapshots.digest({'a': np.array([1, 2], np.float32)}) == (
      '500e7a990e0cc6e03813cf2b011434cc3a2227b0bf7364cba889d632dabebc73'
  )


def test_retention_keeps_the_last_and_the_accepted(tmp_path):
  store = _open(tmp_path, keep_last=2)
  for step in range(1, 6):
    store.save(step, _params(float(step)), {'night': step}, keep=step == 2)
  assert store.steps() == [2, 4, 5]
  assert store.recorded() == [1, 2, 3, 4, 5]
  assert store.latest() == 5
  assert store.read_metadata(1) == {'night': 1}
  assert float(store.restore(2, _params())['embedding'][0, 0]) == 2
  with pytest.raises(FileNotFoundError, match='removed by retention; kept are'):
    store.restore(3, _params())
  with pytest.raises(FileNotFoundError, match='there is no snapshot 9'):
    store.restore(9, _params())
  with pytest.raises(ValueError, match='snapshot 3 comes after 5'):
    store.save(3, _params(), {})


def test_half_written_snapshots_are_invisible_and_removed(tmp_path):
  store = _open(tmp_path)
  store.save(1, _params(), {})
  directory = tmp_path / 'snapshots'
  # Killed before orbax renamed, after it, and while the record was written.
  (directory / '2.orbax-checkpoint-tmp' / 'state').mkdir(parents=True)
  shutil.copytree(directory / '1', directory / '3')
  (directory / 'ledger' / '3.json.partial').write_text('{"step"')
  reader = snapshots.Snapshots(directory, read_only=True)
  assert reader.steps() == [1]
  assert (directory / '3').exists()  # It may be a writer's, still at work.
  with pytest.raises(ValueError, match='opened for reading'):
    reader.save(4, _params(), {})
  store = _open(tmp_path)
  assert store.latest() == 1
  assert sorted(path.name for path in directory.iterdir()) == ['1', 'ledger']
  store.save(2, _params(), {})
  store.save(3, _params(), {})
  assert _open(tmp_path).steps() == [2, 3]


def test_saved_in_the_background_may_be_donated_and_changed(tmp_path):
  store = _open(tmp_path)
  device = jnp.arange(2.0**23)
  host = np.arange(2.0**23, dtype=np.float32)
  expected = snapshots.digest({'device': device, 'host': host})
  change = jax.jit(lambda x: x * 0, donate_argnums=0)
  store.save_async(1, {'device': device, 'host': host}, {})
  jax.block_until_ready(change(device))
  host[:] = 0
  store.wait()
  assert snapshots.digest(store.restore(1)) == expected


def test_durable_before_visible(tmp_path, monkeypatch):
  flushing, go_on = threading.Event(), threading.Event()
  flush = durable.sync_tree

  def slow_flush(path):
    flushing.set()
    assert go_on.wait(60)
    flush(path)

  monkeypatch.setattr(durable, 'sync_tree', slow_flush)
  store = _open(tmp_path, keep_last=1)
  metadata = {'phases': ['rem']}
  store.save_async(1, _params(1.0), metadata)
  metadata['phases'].append('changed')
  assert flushing.wait(60)
  # All of it is written, and nobody sees it.
  assert (tmp_path / 'snapshots' / '1' / '_CHECKPOINT_METADATA').exists()
  directory = tmp_path / 'snapshots'
  assert snapshots.Snapshots(directory, read_only=True).recorded() == []
  assert store.latest() is None
  go_on.set()
  store.save_async(2, _params(2.0), {})  # Waits for the first.
  assert store.latest() == 1
  assert store.read_metadata(1) == {'phases': ['rem']}
  store.wait()
  store.wait()
  assert store.steps() == [2]
  assert snapshots.Snapshots(directory, read_only=True).recorded() == [1, 2]


def test_failure_in_the_background_is_told_by_the_next_call(
    tmp_path, monkeypatch
):
  store = _open(tmp_path)
  store.save(1, _params(1.0), {})
  with monkeypatch.context() as patch:

    def fail(*_):
      raise OSError('the disk is gone')

    patch.setattr(durable, 'write_json', fail)
    with pytest.raises(OSError, match='snapshot 2 could not .* disk is gone'):
      store.save(2, _params(2.0), {})
    store.save_async(2, _params(2.0), {})
    with pytest.raises(OSError, match='snapshot 2 could not .* disk is gone'):
      store.save_async(3, _params(3.0), {})
  assert store.steps() == [1]
  store.save(3, _params(3.0), {})
  assert store.steps() == [1, 3]
  assert not (tmp_path / 'snapshots' / '2').exists()
  np.testing.assert_array_equal(
      store.restore(3)['embedding'], _params(3.0)['embedding']
  )


def test_records_of_a_failed_removal_stay(tmp_path, monkeypatch):
  store = _open(tmp_path, keep_last=1)
  store.save(1, _params(1.0), {})
  write = durable.write_json

  def fail_on_the_second(path, value):
    if value['removed']:
      raise OSError('the disk is gone')
    write(path, value)

  with monkeypatch.context() as patch:
    patch.setattr(durable, 'write_json', fail_on_the_second)
    with pytest.raises(OSError, match='snapshot 2 could not'):
      store.save(2, _params(2.0), {})
  # The second step had become visible; it is not taken for half-written.
  with pytest.raises(ValueError, match='snapshot 2 comes after 2'):
    store.save(2, _params(2.0), {})
  store.save(3, _params(3.0), {})
  assert store.steps() == [3]
  assert store.recorded() == [1, 2, 3]


def test_paths_of_buckets_say_what_they_need(tmp_path, monkeypatch):
  with pytest.raises(ValueError, match='a bucket is written gs://night/1'):
    snapshots.Snapshots(pathlib.Path('gs://night/1'))
  with pytest.raises(ValueError, match='neither a path on a disk nor gs://'):
    snapshots.Snapshots('s3://night/1')
  monkeypatch.setattr(durable.importlib.util, 'find_spec', lambda name: None)
  with pytest.raises(ValueError, match=r"pip install 'swm_jax\[gcs\]'"):
    snapshots.Snapshots('gs://night/1')
  monkeypatch.chdir(tmp_path)
  snapshots.Snapshots('here').save(1, _params(), {})
  assert (tmp_path / 'here' / 'ledger' / '1.json').exists()


def test_removal_cut_short_is_finished(tmp_path):
  store = _open(tmp_path, keep_last=1)
  store.save(1, _params(), {})
  shutil.copytree(tmp_path / 'snapshots' / '1', tmp_path / 'copy')
  store.save(2, _params(), {})
  shutil.copytree(tmp_path / 'copy', tmp_path / 'snapshots' / '1')
  assert _open(tmp_path).steps() == [2]
  assert not (tmp_path / 'snapshots' / '1').exists()


def test_arrays_lost_by_hand_are_named(tmp_path):
  store = _open(tmp_path)
  store.save(1, _params(), {})
  shutil.rmtree(tmp_path / 'snapshots' / '1')
  with pytest.raises(FileNotFoundError, match='1 is on record and missing'):
    store.restore(1, _params())


def test_mismatch_names_the_leaf(tmp_path):
  store = _open(tmp_path)
  store.save(1, {'params': _params()}, {})
  wrong = {**_params(), 'embedding': jnp.ones((8, 5))}
  with pytest.raises(
      ValueError,
      match=r'params/embedding as float32\[8, 4\], expected float32\[8, 5\]',
  ):
    store.restore(1, {'params': wrong})
  with pytest.raises(ValueError, match='no leaf params/lm_head'):
    store.restore(1, {'params': {'lm_head': jnp.ones(3)}})
  with pytest.raises(ValueError, match='params/gap is empty'):
    store.save(2, {'params': {'gap': jnp.zeros((0, 3))}}, {})
  assert store.steps() == [1]


def test_full_disk_is_one_clear_error(tmp_path, monkeypatch):
  store = _open(tmp_path)
  store.save(1, _params(), {})
  usage = collections.namedtuple('usage', 'total used free')
  monkeypatch.setattr(
      snapshots.shutil, 'disk_usage', lambda path: usage(10, 9, 10**6)
  )
  with pytest.raises(OSError, match='needs 67 MB .* has 1 MB free; make room'):
    store.save(2, _params(), {})
  assert store.steps() == [1]


def test_damaged_arrays_are_named(tmp_path):
  store = _open(tmp_path)
  weights = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
  store.save(1, {'w': weights}, {})
  data = max(
      (path for path in (tmp_path / 'snapshots' / '1').rglob('*')),
      key=lambda path: path.stat().st_size if path.is_file() else 0,
  )
  data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
  with pytest.raises(ValueError, match='snapshot 1 in .* is corrupt'):
    store.restore(1)


def test_no_snapshots_to_read(tmp_path):
  with pytest.raises(FileNotFoundError, match='there are no snapshots in'):
    snapshots.Snapshots(tmp_path / 'elsewhere', read_only=True)


def test_lineage_round_trip():
  lineage = snapshots.Lineage(
      night=1, phase='morning', parent=3, weights_before='a', weights_after='b',
      verifiers=({'name': 'python', 'version': '1', 'isolation': 'full'},),
      gate='rejected', reasons=('held_out',),
  )
  assert snapshots.Lineage.from_json(lineage.to_json()) == lineage


_LEAVER = """
import sys
import numpy as np
from swm_jax import snapshots
store = snapshots.Snapshots(sys.argv[1])
store.save_async(2, {'w': np.ones(10_000_000)}, {})
raise ZeroDivisionError
"""


def test_program_that_fails_first_ends_its_save(tmp_path):
  _open(tmp_path).save(1, {'w': np.zeros(3)}, {})
  ended = subprocess.run(
      [sys.executable, '-c', _LEAVER, str(tmp_path / 'snapshots')],
      check=False, stderr=subprocess.PIPE, text=True, timeout=60,
  )
  assert ended.stderr.rstrip().endswith('ZeroDivisionError')
  store = _open(tmp_path)
  assert store.steps() == [1, 2]
  np.testing.assert_array_equal(store.restore(2)['w'], np.ones(10_000_000))


_WRITER = """
import sys
import numpy as np
from swm_jax import snapshots
store = snapshots.Snapshots(sys.argv[1], keep_last=2)
print('open', flush=True)
step = (store.latest() or 0) + 1
while True:
  tree = {'w': np.full(300_000, step, np.float32)}
  if step % 2:
    store.save(step, tree, {'step': step})
    print(step, flush=True)
  else:
    store.save_async(step, tree, {'step': step})
    print(step - 1, flush=True)
  step += 1
"""


def test_every_visible_snapshot_is_whole_after_kill_9(tmp_path):
  rng = np.random.default_rng(0)
  reported = 0
  for _ in range(3):
    process = subprocess.Popen(
        [sys.executable, '-c', _WRITER, str(tmp_path / 'snapshots')],
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = [process.stdout.readline(), process.stdout.readline()]
    time.sleep(rng.uniform(0.0, 0.3))
    process.kill()
    lines += process.stdout.read().split()
    process.wait()
    store = _open(tmp_path)
    # What was reported as saved is there; two more may have become durable.
    reported = max(int(line) for line in lines if line.strip().isdigit())
    assert reported <= store.latest() <= reported + 2
    for step in store.steps():
      np.testing.assert_array_equal(
          store.restore(step)['w'], np.full(300_000, step, np.float32)
      )
      assert store.read_metadata(step) == {'step': step}
