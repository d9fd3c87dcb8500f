"""Snapshots of two processes of four devices each, and of one killed."""

import json
import os
import socket
import subprocess
import sys
import textwrap
import time

import jax
from jax.sharding import PartitionSpec as P
import jax.numpy as jnp
import numpy as np
import pytest

from swm_jax import snapshots

_HOST = textwrap.dedent('''
    import errno, json, os, sys
    process, port, case = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    directory = sys.argv[4]
    import jax
    jax.distributed.initialize(f'localhost:{port}', 2, process)
    from jax.sharding import NamedSharding, PartitionSpec as P
    import jax.numpy as jnp
    import numpy as np
    from swm_jax import durable, snapshots

    def say(**values):
      print(json.dumps(values), flush=True)

    def place(specs, **axes):
      mesh = jax.make_mesh(
          tuple(axes.values()), tuple(axes),
          axis_types=(jax.sharding.AxisType.Auto,) * len(axes))
      return {k: NamedSharding(mesh, spec) for k, spec in specs.items()}

    def shapes(state, shardings):
      return {k: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=shardings[k])
              for k, x in state.items()}

    # Both matrices cross the hosts, one by rows, one by columns.
    wide = place({'rows': P('fsdp', 'tensor'), 'columns': P('tensor', 'fsdp'),
                  'count': P()}, fsdp=4, tensor=2)
    make = jax.jit(
        lambda seed: {
            'rows': jnp.arange(768.0).reshape(48, 16) * seed,
            'columns': jnp.arange(512, dtype=jnp.bfloat16).reshape(16, 32),
            'count': seed},
        out_shardings=wide)
    change = jax.jit(lambda s: jax.tree.map(lambda x: x * 0, s),
                     donate_argnums=0)
    # Pieces of three rows, as of an array too large for one device.
    snapshots._PIECE_BYTES = 200
    store = snapshots.Snapshots(directory)
    say(process=process, latest=store.latest(), recorded=store.recorded())

    if case == 'begin':
      state = make(np.int32(1))
      say(digest=snapshots.digest(state))
      store.save(1, {**state, 'host': np.arange(3)}, {'step': 1})
      host = store.restore(1, {'host': np.arange(3)})['host']
      say(host=host.tolist(), local=host.is_fully_addressable)
      store.save_async(2, make(np.int32(2)), {'step': 2})
      state = make(np.int32(3))
      store.save_async(3, state, {'step': 3})
      change(state)
      store.wait()
      say(recorded=store.recorded(), steps=store.steps())
      other = place({'rows': P(None, 'tensor'), 'columns': P('tensor', None),
                     'count': P()}, tensor=8)
      loaded = store.restore(3, shapes(make(np.int32(0)), other))
      say(loaded=snapshots.digest(loaded),
          expected=snapshots.digest(make(np.int32(3))),
          spec=list(loaded['rows'].sharding.spec))
      # The first process has no room: both refuse, and go on.
      if process == 0:
        usage = snapshots.shutil.disk_usage
        snapshots.shutil.disk_usage = lambda path: type(usage(path))(9, 9, 0)
      try:
        store.save(4, state := make(np.int32(4)), {})
      except OSError as error:
        say(room=str(error))
      # It fails to write the record: both are told, and go on.
      if process == 0:
        snapshots.shutil.disk_usage = usage
        write = durable.write_json
        def fail(*_):
          raise OSError(errno.EIO, 'the disk is gone')
        durable.write_json = fail
      try:
        store.save(4, state, {})
      except OSError as error:
        say(failed=str(error))
      if process == 0:
        durable.write_json = write
      store.save(4, state, {'step': 4})
      say(latest=store.latest())
      step = 5
      while True:  # Until it is killed.
        store.save_async(step, make(np.int32(step)), {'step': step})
        say(step=step)
        step += 1
    if case == 'resume':
      step = store.latest()
      loaded = store.restore(step, shapes(make(np.int32(0)), wide))
      say(loaded=snapshots.digest(loaded),
          expected=snapshots.digest(make(np.int32(step))))
      store.save(step + 1, make(np.int32(step + 1)), {'step': step + 1})
      say(latest=store.latest())
''')


class _Hosts:
  """Two running processes, whose lines are read as they come."""

  def __init__(self, case, directory):
    with socket.socket() as probe:
      probe.bind(('localhost', 0))
      port = probe.getsockname()[1]
    environment = {
        **os.environ,
        'JAX_PLATFORMS': 'cpu',
        'XLA_FLAGS': '--xla_force_host_platform_device_count=4',
    }
    self.running = [
        subprocess.Popen(
            [sys.executable, '-c', _HOST, str(process), str(port), case,
             str(directory)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for process in range(2)
    ]

  def __enter__(self):
    return self

  def __exit__(self, *_):
    for host in self.running:
      host.kill()
      host.wait()

  def read(self):
    """Returns the next thing that each host says; they say it alike."""
    return [self._next(host) for host in self.running]

  def _next(self, host):
    for line in host.stdout:
      if line.startswith('{'):  # Gloo speaks as well.
        return json.loads(line)
    raise AssertionError(f'a host ended with {host.wait()}')


def _expected(step):
  return {
      'rows': jnp.arange(768.0).reshape(48, 16) * step,
      'columns': jnp.arange(512, dtype=jnp.bfloat16).reshape(16, 32),
      'count': jnp.int32(step),
  }


@pytest.mark.slow
def test_two_processes_save_fail_die_and_continue(tmp_path):
  directory = tmp_path / 'snapshots'
  with _Hosts('begin', directory) as hosts:
    for process, said in enumerate(hosts.read()):
      assert said == {'process': process, 'latest': None, 'recorded': []}
    digest = {'digest': snapshots.digest(_expected(1))}
    assert hosts.read() == [digest] * 2
    assert hosts.read() == [{'host': [0, 1, 2], 'local': True}] * 2
    assert hosts.read() == [{'recorded': [1, 2, 3], 'steps': [2, 3]}] * 2
    for said in hosts.read():
      assert said['loaded'] == said['expected']
      assert said['loaded'] == snapshots.digest(_expected(3))
      assert said['spec'] == [None, 'tensor']
    for said in hosts.read():
      assert 'MB free; make room' in said['room']
    for said in hosts.read():
      assert 'snapshot 4 could not be saved' in said['failed']
      assert said['failed'].endswith(
          'by process 0: OSError: [Errno 5] the disk is gone'
      )
    assert hosts.read() == [{'latest': 4}] * 2
    for _ in range(3):
      started = hosts.read()[0]['step']
    time.sleep(np.random.default_rng(0).uniform(0.0, 0.2))
    # At an unknown point of a save; the supervisor then ends the other too.
    hosts.running[1].kill()
    hosts.running[1].wait()

  with _Hosts('resume', directory) as hosts:
    first, second = hosts.read()
    assert first['recorded'] == second['recorded']
    # What was waited for is there, and nothing is that was not begun.
    latest = first['latest']
    assert started - 1 <= latest
    assert first['recorded'] == list(range(1, latest + 1))
    for said in hosts.read():
      assert said['loaded'] == said['expected']
    assert hosts.read() == [{'latest': latest + 1}] * 2

  # One process, one device, continues what two have saved.
  store = snapshots.Snapshots(directory)
  assert store.steps() == [latest, latest + 1]
  records = sorted(path.name for path in (directory / 'ledger').iterdir())
  assert records == sorted(f'{s}.json' for s in store.recorded())
  for step in store.steps():
    loaded = store.restore(step)
    assert snapshots.digest(loaded) == snapshots.digest(_expected(step))
    assert store.read_metadata(step) == {'step': step}
  mesh = jax.make_mesh((2,), ('fsdp',), devices=jax.devices()[:2])
  rows = jax.ShapeDtypeStruct(
      (48, 16), jnp.float32, sharding=jax.NamedSharding(mesh, P(None, 'fsdp'))
  )
  np.testing.assert_array_equal(
      store.restore(latest, {'rows': rows})['rows'], _expected(latest)['rows']
  )
