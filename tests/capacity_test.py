"""The proof of size, at a size that compiles in seconds on virtual devices."""

import functools
import importlib.util

from absl.testing import absltest
from absl.testing import parameterized
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from experiments import capacity
from experiments import hlo
from experiments import slices
from experiments.configs import llama3_70b
from experiments.configs import llama3_8b
from swm_jax import sharding

# A loop of 6 turns, in it a gather that is started and awaited in fusions, a
# reduction over 2 devices, a permutation around 4, and a branch that scatters.
_HLO = """
HloModule jit_step, num_partitions=8

%async_start (param_0: bf16[1,16,8]) -> bf16[1,64,8] {
  %param_0 = bf16[1,16,8]{2,1,0:T(8,128)(2,1)S(1)} parameter(0)
  ROOT %gather.1 = bf16[1,64,8]{2,1,0:T(8,128)(2,1)} all-gather(%param_0), \
channel_id=7, replica_groups=[2,4]<=[8], dimensions={1}
}

%async_done (param_1: bf16[1,16,8]) -> bf16[1,64,8] {
  %param_1 = bf16[1,16,8]{2,1,0:T(8,128)(2,1)S(1)} parameter(0)
  ROOT %gather.2 = bf16[1,64,8]{2,1,0:T(8,128)(2,1)} all-gather(%param_1), \
channel_id=7, replica_groups=[2,4]<=[8], dimensions={1}
}

%slice_fusion (param_2: f32[6,256], param_3: s32[]) -> f32[256] {
  %param_2 = f32[6,256]{1,0} parameter(0)
  %param_3 = s32[] parameter(1)
  %zero = s32[] constant(0)
  %row = f32[1,256]{1,0} dynamic-slice(%param_2, %param_3, %zero), \
dynamic_slice_sizes={1,256}
  ROOT %flat = f32[256]{0} bitcast(%row)
}

%scatters (half: f32[256]) -> f32[256] {
  %half = f32[256]{0} parameter(0)
  %scatter.1 = f32[32]{0} reduce-scatter(%half), channel_id=9, \
replica_groups=[1,8]<=[8], dimensions={0}, to_apply=%sum
  ROOT %kept = f32[256]{0} bitcast(%half)
}

%rests (other: f32[256]) -> f32[256] {
  ROOT %other = f32[256]{0} parameter(0)
}

%body (state: (s32[], bf16[1,16,8], f32[256], f32[6,256], pred[])) -> \
(s32[], bf16[1,16,8], f32[256], f32[6,256], pred[]) {
  %state = (s32[], bf16[1,16,8]{2,1,0:S(1)}, f32[256]{0}, f32[6,256]{1,0}, \
pred[]) parameter(0)
  %i = s32[] get-tuple-element(%state), index=0
  %part = bf16[1,16,8]{2,1,0:S(1)} get-tuple-element(%state), index=1
  %table = f32[6,256]{1,0} get-tuple-element(%state), index=3
  %start = bf16[1,64,8]{2,1,0} fusion(%part), kind=kCustom, calls=%async_start
  %done = bf16[1,64,8]{2,1,0} fusion(%part), kind=kCustom, calls=%async_done
  %row.1 = f32[256]{0} fusion(%table, %i), kind=kLoop, calls=%slice_fusion
  %reduced = f32[256]{0} all-reduce(%row.1), channel_id=8, \
replica_groups={{0,1},{2,3},{4,5},{6,7}}, to_apply=%sum
  %sent = (f32[256]{0}, f32[256]{0}, u32[]) collective-permute-start(%reduced),\
 channel_id=10, source_target_pairs={{0,1},{1,2},{2,3},{3,0},{4,5}}
  %received = f32[256]{0} collective-permute-done(%sent)
  %flag = pred[] get-tuple-element(%state), index=4
  %either = f32[256]{0} conditional(%flag, %received, %received), \
true_computation=%scatters, false_computation=%rests
  ROOT %next = (s32[], bf16[1,16,8]{2,1,0:S(1)}, f32[256]{0}, f32[6,256]{1,0}, \
pred[]) tuple(%i, %part, %either, %table, %flag)
}

%condition (state.1: (s32[], bf16[1,16,8], f32[256], f32[6,256], pred[])) -> \
pred[] {
  %state.1 = (s32[], bf16[1,16,8]{2,1,0:S(1)}, f32[256]{0}, f32[6,256]{1,0}, \
pred[]) parameter(0)
  %i.1 = s32[] get-tuple-element(%state.1), index=0
  %end = s32[] constant(6)
  ROOT %less = pred[] compare(%i.1, %end), direction=LT
}

ENTRY %main (a: (s32[], bf16[1,16,8], f32[256], f32[6,256], pred[])) -> f32[] {
  %a = (s32[], bf16[1,16,8]{2,1,0:S(1)}, f32[256]{0}, f32[6,256]{1,0}, pred[]) \
parameter(0)
  %loop = (s32[], bf16[1,16,8]{2,1,0:S(1)}, f32[256]{0}, f32[6,256]{1,0}, \
pred[]) while(%a), condition=%condition, body=%body
  %result = f32[256]{0} get-tuple-element(%loop), index=2
  ROOT %first = f32[] all-reduce(%result), channel_id=11, \
replica_groups=[1,8]<=[8], to_apply=%sum
}
""".replace('\\\n', '')


class HloTest(absltest.TestCase):

  def test_counts_collectives_with_their_loops(self):
    found = {
        (x.kind, x.dims): (x.group, x.times, x.sent)
        for x in hlo.Program(_HLO).collectives()
    }
    # Bytes: gather 64 x 8 x 2 = 1024, 3/4 of it sent; reduction of 256 floats
    # over 2, twice half of 1024; permutation all of it; scatter 7/8 of 1024 in
    # half of the turns. Each 6 times.
    self.assertEqual(
        found,
        {
            ('all-gather', (1, 64, 8)): (4, 6.0, 6 * 768.0),
            ('all-reduce', (256,)): (2, 6.0, 6 * 1024.0),
            ('collective-permute', (256,)): (4, 6.0, 6 * 1024.0),
            ('reduce-scatter', (32,)): (8, 3.0, 3 * 896.0),
            ('all-reduce', ()): (8, 1.0, 2 * 4 * 7 / 8),
        },
    )

  def test_sums_the_traffic_of_slices_and_not_of_vector_memory(self):
    program = hlo.Program(_HLO)
    # A turn: the gather's operand is in vector memory and its two results are
    # not (2 x 1024); the slice is read and written (2 x 1024, and its index of
    # 4); the reduction and the permutation read and write 1024 each, and half
    # of the turns scatter 1024 to 128. Outside: 1024 to 4.
    turn = 2048 + 2052 + 2048 + 2052 + 0.5 * 1152
    self.assertAlmostEqual(program.hbm_bytes(), 6 * turn + 1028, delta=6 * 8)

  def test_traffic_of_a_program_without_loops_is_what_xla_counts(self):
    def loss(weights, x):
      for weight in weights:
        x = jax.nn.relu(x @ weight) + jnp.roll(x, 1, axis=0)
      return (x**2).sum()

    weights = [jnp.zeros((64, 64))] * 3
    compiled = jax.jit(jax.grad(loss)).lower(weights, weights[0]).compile()
    np.testing.assert_allclose(
        hlo.Program(compiled.as_text()).hbm_bytes(),
        compiled.cost_analysis()['bytes accessed'],
        rtol=1e-3,
    )

  def test_finds_a_gather_of_all_layers(self):
    gather = functools.partial(
        hlo.Collective, 'all-gather', size=0, group=2, times=1.0
    )
    stacks = [(3, 64, 32)]
    whole = [gather(dims=(3, 64, 32)), gather(dims=(3, 64, 16))]
    others = [
        gather(dims=(64, 32)),
        gather(dims=(1, 64, 32)),
        gather(dims=(3, 1, 2)),
        gather(dims=(3, 8, 64, 32)),
    ]
    self.assertEqual(
        hlo.whole_stacks(whole + others, stacks, devices=8), whole
    )


def _tiny(**batch) -> ml_collections.ConfigDict:
  cfg = llama3_8b.get_config()
  cfg.model.update(
      vocab_size=96, num_layers=3, width=32, mlp_width=64, num_heads=4,
      num_kv_heads=2, head_dim=8,
  )
  cfg.consolidate.anchor_top_logits = 4
  cfg.batch.update(length=32, targets=16, slots=4)
  cfg.batch.update(batch)
  cfg.decode.update(slots=8, length=32, chunk=2)
  return cfg


class CapacityTest(parameterized.TestCase):

  def test_consolidation_is_cut_donated_and_gathers_one_layer_at_a_time(self):
    self._check_consolidation(dict(data=2, fsdp=2, tensor=2))

  @pytest.mark.slow
  def test_consolidation_with_sequences_cut_is_the_same(self):
    self._check_consolidation(dict(fsdp=2, context=2, tensor=2))

  def _check_consolidation(self, shape):
    cfg = _tiny()
    sliced = slices.find_slice('cpu:8')
    mesh = sharding.make_mesh(shape, sliced.devices)
    work = capacity.consolidation(cfg, mesh)
    compiled, text = capacity.compile_step(work.lowered)
    memory = compiled.memory_analysis()
    # float32 master weights and two moments. Matrices are cut over fsdp and
    # tensor, 4 ways; 7 norms of 32 are not. Then the step and two counts.
    matrices = 2 * 96 * 32 + 3 * 32 * (2 * 32 + 2 * 16 + 3 * 64)
    self.assertEqual(
        work.state_bytes, 3 * 4 * (matrices // 4 + 7 * 32) + 3 * 4
    )
    self.assertGreaterEqual(memory.alias_size_in_bytes, work.state_bytes)
    batch = memory.argument_size_in_bytes - work.state_bytes
    self.assertBetween(batch, 0, 16_000)

    collectives = hlo.Program(text).collectives()
    self.assertTrue(any(x.kind == 'all-gather' for x in collectives))
    stacks = [(3, 32, 32), (3, 32, 16), (3, 32, 64), (3, 64, 32)]
    self.assertEqual(hlo.whole_stacks(collectives, stacks, 8), [])
    loops = [x for x in collectives if x.times >= 3]
    self.assertNotEmpty(loops)

  def test_decoding_updates_its_cache_in_place_and_gathers_no_weights(self):
    cfg = _tiny()
    sliced = slices.find_slice('cpu:8')
    mesh = sharding.make_mesh(dict(data=2, fsdp=2, tensor=2), sliced.devices)
    work = capacity.decoding(cfg, mesh)
    compiled, text = capacity.compile_step(work.lowered)
    # 3 layers of keys and values of 2 heads, cut over data and tensor.
    cache = 2 * 3 * 8 * 32 * 2 * 8 * 2 // 4
    memory = compiled.memory_analysis()
    self.assertGreaterEqual(memory.alias_size_in_bytes, cache)
    program = hlo.Program(text)
    report = capacity.report(
        'decode', work, compiled, program, sliced, [(3, 32, 64)]
    )
    self.assertIn('all-gathers of a whole stack of layers: none', report)
    self.assertNotIn('fits', report)

  def test_flops_are_six_a_parameter_and_token_and_the_attention(self):
    cfg = _tiny()
    mesh = sharding.make_mesh(dict(data=2, fsdp=2, tensor=2))
    work = capacity.consolidation(cfg, mesh)
    layers = 3 * 32 * (2 * 32 + 2 * 16 + 3 * 64)
    rows, T, M = 4, 32, 16
    # Two products of 2 x 32 for each of T (T + 1) / 2 pairs, times 3.
    attention = 3 * 3 * 4 * 32 * rows * T * (T + 1) // 2
    self.assertEqual(
        work.model_flops,
        6 * layers * rows * T + 6 * 96 * 32 * rows * M + attention,
    )
    self.assertEqual(work.tokens, rows * T)

  @parameterized.parameters(
      (llama3_8b, 8.03e9),
      (llama3_70b, 70.55e9),
  )
  def test_configs_are_of_the_published_size(self, module, published):
    cfg = module.get_config()
    config = capacity.model_config(cfg, 0)
    size = capacity.count_params(config)
    self.assertAlmostEqual(size / published, 1.0, delta=1e-3)

  def test_longest_of_three_times_is_predicted(self):
    chip = slices.CHIPS['v5e']
    sliced = slices.Slice('v5e:4x4', (None,) * 16, chip, 4)
    around = hlo.Collective('all-gather', (8,), 8 * 10**9, 4, 1.0)
    along = hlo.Collective('all-gather', (8,), 8 * 10**9, 2, 1.0)
    prediction = slices.predict(sliced, 16 * 197e10, 819e7, [around, along])
    self.assertAlmostEqual(prediction.compute, 0.01)
    self.assertAlmostEqual(prediction.hbm, 0.01)
    # 6 GB at both links of 50 GB/s, then 4 GB at one.
    self.assertAlmostEqual(prediction.links, 0.06 + 0.08)
    self.assertEqual(prediction.bound, 'links')
    self.assertEqual(prediction.seconds, prediction.links)

  @parameterized.parameters(
      ('gpu:8', 'neither cpu:N nor one of'), ('cpu:999', 'only 8 CPU devices')
  )
  def test_refuses_a_slice_that_cannot_be(self, name, message):
    with self.assertRaisesRegex(ValueError, message):
      slices.find_slice(name)

  def test_names_the_extra_that_compiles_for_tpu(self):
    if importlib.util.find_spec('libtpu'):
      self.skipTest('the extra tpu is installed')
    with self.assertRaisesRegex(ModuleNotFoundError, r'swm_jax\[tpu\]'):
      slices.find_slice('v5e:2x4')

  def test_compiles_for_tpu(self):
    if not importlib.util.find_spec('libtpu'):
      self.skipTest('needs the extra tpu (libtpu)')
    sliced = slices.find_slice('v5e:2x4')
    mesh = sharding.make_mesh(dict(data=2, fsdp=2, tensor=2), sliced.devices)
    work = capacity.decoding(_tiny(), mesh)
    compiled, text = capacity.compile_step(work.lowered)
    report = capacity.report(
        'decode', work, compiled, hlo.Program(text), sliced, [(3, 32, 64)]
    )
    self.assertIn('fits: 0.', report)
    self.assertIn('tokens/s', report)


if __name__ == '__main__':
  absltest.main()
