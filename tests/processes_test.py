"""What two processes share: decisions, arrays and the work of a rollout."""

import textwrap

from absl.testing import absltest
import numpy as np
import pytest

from tests import two_processes

_ARRAYS = textwrap.dedent('''
    import json, sys
    process, port = int(sys.argv[1]), sys.argv[2]
    import jax
    jax.distributed.initialize(f'localhost:{port}', 2, process)
    import jax.numpy as jnp
    import numpy as np
    from jax.sharding import NamedSharding, PartitionSpec as P
    from swm_jax import agreement, global_arrays, sharding

    def say(**values):
      print(json.dumps(values), flush=True)

    class Full(Exception):
      pass

    def fail():
      raise Full('the disk is full')

    try:
      agreement.by_first(fail)
    except Full as error:
      say(error=str(error))
    agreement._PIECE_BYTES = 1000
    said = agreement.by_first(lambda: (process, np.arange(1000)))
    say(by=said[0], whole=bool((said[1] == np.arange(1000)).all()),
        exchanged=agreement.exchange('x' * (1 + 3000 * process)))

    host = np.arange(8 * 16, dtype=np.float32).reshape(8, 16)
    for sizes, spec in (
        ({'data': 8}, P()), ({'fsdp': 8}, P('fsdp', 'tensor')),
        ({'data': 2, 'tensor': 4}, P('fsdp', 'tensor')),
        ({'fsdp': 4, 'tensor': 2}, P('tensor', 'fsdp')),
    ):
      mesh = sharding.make_mesh(sizes)
      for mesh in (mesh, jax.sharding.Mesh(  # In another order.
          mesh.devices.reshape(-1)[[0, 4, 1, 5, 2, 6, 3, 7]].reshape(
              mesh.devices.shape), mesh.axis_names)):
        value = global_arrays.place(host, NamedSharding(mesh, spec))
        own = global_arrays.on_own_devices({'w': value})['w']
        # Nobody else takes part: the processes do it another time, and not as
        # often.
        for _ in range(process + 1):
          total = jax.jit(lambda x: (x @ x.T).sum())(own)
        say(sizes=sizes, here=own.is_fully_addressable,
            devices=len(own.sharding.device_set),
            same=bool((np.asarray(own) == host).all()), total=float(total),
            fetched=bool((global_arrays.fetch(value) == host).all()))
''')

# Whoever is alone answers all problems by itself.
_ROLLOUT = textwrap.dedent('''
    import concurrent.futures, hashlib, json, sys, threading
    process, port = int(sys.argv[1]), sys.argv[2]
    import jax
    if port:
      jax.distributed.initialize(f'localhost:{port}', 2, process)
    import numpy as np
    from swm_jax import sharding, tokenization, types
    from swm_jax.models import transformer
    from swm_jax.samplers import decode, rollout, stopping
    from swm_jax.verifiers import router

    class Pool:
      name, version, isolation = 'python', '1', 'namespaces'

      def submit(self, problem, source):
        if case == 'hangs' and process == 1:
          threading.Event().wait()
        if case == 'dies' and process == 1:
          raise RuntimeError('the verifier pool is closed')
        future = concurrent.futures.Future()
        future.set_result(types.Verdict(
            'pass', f'process {process}', self.name, self.version,
            self.isolation))
        return future

    problems = [
        types.Problem(id=name, type='t', template='t/u',
                      prompt=f'```python\\n# {name}\\ndef f(a):')
        for name in ('one', 'two', 'three')]
    tokenizer = tokenization.byte_tokenizer()
    model = transformer.TransformerConfig(
        vocab_size=258, num_layers=1, width=16, mlp_width=16, num_heads=2,
        num_kv_heads=1, head_dim=8)
    table = stopping.build_stop_table(
        tokenizer, column_zero=True,
        stop_tokens=[tokenizer.eos_id, 7, 9, 11, 13])
    decoder = decode.Decoder(
        model, table,
        decode.DecodeConfig(slots=4, max_prompt=32, max_new_tokens=8,
                            top_logits=3, record_hidden=True, taps=(0,)),
        tokenizer.pad_id)
    mesh = sharding.make_mesh({'data': -1})
    params = sharding.init_params(model, jax.random.key(0), mesh)
    for case, count in (('all', 3), ('one', 1), ('hangs', 3), ('dies', 3)):
      trajectories, samples = rollout.rollout(
          decoder, params, tokenizer, problems[:count],
          router.Router({'python': Pool()}),
          plan=[(0.0, 1), (0.8, 2)], key=jax.random.key(5),
          deadline_seconds=1.0 if port else None)
      sha256 = hashlib.sha256()
      for leaf in jax.tree.leaves(trajectories):
        sha256.update(np.ascontiguousarray(leaf).tobytes())
      print(json.dumps({
          'digest': sha256.hexdigest(),
          'samples': [[s.row, s.problem.id, s.index, s.temperature, s.text]
                      for s in samples],
          'verdicts': [s.verdict.reason for s in samples],
      }), flush=True)
''')


class ArraysTest(absltest.TestCase):

  def test_two_processes_agree_and_see_each_others_arrays(self):
    said = two_processes.run(_ARRAYS)
    half = len(said) // 2
    self.assertEqual(said[:half], said[half:])
    self.assertEqual(said[0], {'error': 'the disk is full'})
    self.assertEqual(
        said[1], {'by': 0, 'whole': True, 'exchanged': ['x', 'x' * 3001]}
    )
    host = np.arange(8 * 16, dtype=np.float32).reshape(8, 16)
    for case in said[2:half]:
      self.assertTrue(case['here'] and case['same'] and case['fetched'], case)
      self.assertEqual(case['devices'], 4)
      self.assertAlmostEqual(case['total'] / (host @ host.T).sum(), 1, places=5)
    self.assertLen(said[2:half], 8)


class RolloutTest(absltest.TestCase):

  @pytest.mark.slow
  def test_two_processes_share_the_work_of_one(self):
    alone = two_processes.run(_ROLLOUT, processes=1)
    said = two_processes.run(_ROLLOUT)
    for host in (said[:4], said[4:]):
      for mine, whole in zip(host, alone):
        self.assertEqual(mine['samples'], whole['samples'])
        self.assertEqual(mine['digest'], whole['digest'])
      own, others = ['process 0'] * 3, ['process 1'] * 3
      self.assertEqual(
          [run['verdicts'] for run in host],
          [
              own + others + own,
              own,  # Nothing is left for the second process.
              own + ['deadline'] * 3 + own,
              own + ['worker_died'] * 3 + own,
          ],
      )


if __name__ == '__main__':
  absltest.main()
