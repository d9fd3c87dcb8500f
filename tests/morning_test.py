"""Morning: answers are kept, failures of the verifier masked, scores exact."""

import json

import jax
import numpy as np
import pytest

from swm_jax import morning
from swm_jax import training
from swm_jax import types
from swm_jax.data import batching
from swm_jax.evaluation import gate
from swm_jax.evaluation import results
from swm_jax.models import transformer
from tests.nightly import scripted

PROBLEMS = [scripted.problem(name) for name in ('one', 'two', 'three')]
PARAMS = {'w': np.ones(3, np.float32)}
CONFIG = transformer.TransformerConfig(
    vocab_size=32, num_layers=1, width=16, mlp_width=16, num_heads=2,
    num_kv_heads=1, head_dim=8,
)


def evaluate(folder, decoder, verifier=None, problems=PROBLEMS, params=PARAMS):
  return morning.evaluate(
      params,
      morning.ProblemSet(
          'held_out', problems, ((0.0, 1), (0.8, 2)), decoder
      ),
      tokenizer=scripted.TOKENIZER,
      verifiers=verifier or scripted.Verifier(),
      directory=folder,
      wave=2,
      key=jax.random.key(1),
      label='dusk',
  )


def test_settings_are_named_by_temperature():
  assert [morning.setting(t) for t in (0.0, 0.2, 1.0)] == ['greedy', '0.2', '1']


def test_answers_are_decoded_once(tmp_path):
  decoder = scripted.Decoder()
  first, tokens = evaluate(tmp_path, decoder)
  assert decoder.calls == 2  # Three problems, two in a wave.
  assert first.passed['greedy'].shape == (3, 1)
  assert first.passed['0.8'].shape == (3, 2)
  assert tokens == 9 * (scripted.LENGTH + 1)
  (tmp_path / 'held_out' / 'wave_001.jsonl').unlink()
  second, _ = evaluate(tmp_path, decoder)
  assert decoder.calls == 3  # Only the wave that is missing.
  assert second.to_json() == first.to_json()
  lines = (tmp_path / 'held_out' / 'wave_000.jsonl').read_text().splitlines()
  passed = {'greedy': [], '0.8': []}
  for line in map(json.loads, lines):
    assert (line['status'] == types.PASS) == (line['text'][0] < 'n')
    passed[line['setting']].append(line['status'] == types.PASS)
  assert passed['0.8'] == first.passed['0.8'][:2].astype(bool).ravel().tolist()


def test_same_keys_ask_every_model_the_same(tmp_path):
  texts = {}
  for name, params in (('a', PARAMS), ('b', PARAMS), ('c', {'w': np.zeros(3)})):
    evaluate(tmp_path / name, scripted.Decoder(), params=params)
    path = tmp_path / name / 'held_out' / 'wave_000.jsonl'
    texts[name] = path.read_bytes()
  assert texts['a'] == texts['b'] != texts['c']


def test_verifier_failures_are_masked(tmp_path):
  verifier = scripted.Verifier(error_on=['t/two'])
  measured, _ = evaluate(tmp_path, scripted.Decoder(), verifier)
  assert measured.masked('0.8') == 2
  assert measured.counts('greedy')[1].tolist() == [1, 0, 1]


def outcomes(name, rates):
  """Results of 20 templates; the first `rate` of them pass."""
  passed = {
      setting: (np.arange(20)[:, None] < 20 * rate).astype(np.uint8)
      for setting, rate in rates.items()
  }
  ids = [f'{name}/{i}' for i in range(20)]
  return results.SetResults(
      name, ids, ['t'] * 20, ids, passed,
      {s: np.ones_like(p, bool) for s, p in passed.items()},
  )


def test_best_setting_is_compared_with_best_setting():
  criterion = gate.make_criterion(['greedy', '0.8'], resamples=1000)
  dusk = {
      name: outcomes(name, {'greedy': 0.5, '0.8': 0.1})
      for name in ('held_out', 'unrelated')
  }
  # Sampling at 0.8 now does what greedy did before: sharpened, not better.
  sharper = {**dusk, 'held_out': outcomes('held_out', {'greedy': 0.5, '0.8': 0.5})}
  decision, _ = morning.judge(criterion, dusk, sharper, kl_code=0.01)
  assert not decision['adopted']
  better = {**dusk, 'held_out': outcomes('held_out', {'greedy': 0.9, '0.8': 0.5})}
  decision, differences = morning.judge(criterion, dusk, better, kl_code=0.01)
  assert decision['adopted']
  assert differences['held_out'].mean == pytest.approx(0.4)
  drifted, _ = morning.judge(criterion, dusk, better, kl_code=0.2)
  assert not drifted['adopted']


def test_trajectories_are_scored_in_the_order_given():
  shapes = jax.eval_shape(
      lambda key: transformer.init_params(CONFIG, key), jax.random.key(0)
  )
  rng = np.random.default_rng(0)
  params = jax.tree.map(
      lambda x: rng.normal(0.0, 0.3, x.shape).astype(np.float32), shapes
  )
  prompts = [[1, 2], [3], [1, 2], [4, 5, 6]]
  completions = [[7, 8], [9, 10, 11], [12], [13, 14]]
  values = morning.trajectory_values(
      params, CONFIG, prompts, completions,
      lambda scores, batch: {'slots': batch.trajectory_id.astype(np.float32)},
      return_lse=False, tokens_per_batch=16, max_length=16,
  )
  assert values['slots'].tolist() == [0, 1, 2, 3]
  for i, (prompt, completion) in enumerate(zip(prompts, completions)):
    [alone] = batching.pack(
        [batching.Example(prompt, [completion], [0])],
        rows=1, length=16, targets=8, slots=1,
    )
    log_prob, _ = training.score_batch(params, alone, CONFIG)
    assert values['log_prob'][i] == pytest.approx(
        float(log_prob.sum()), abs=1e-4
    )
