"""Tests of rollouts with a verifier whose answers come when they please."""

import concurrent.futures
import random

from absl.testing import parameterized
import jax
import numpy as np

from swm_jax import tokenization
from swm_jax import types
from swm_jax.models import transformer
from swm_jax.samplers import decode
from swm_jax.samplers import rollout
from swm_jax.samplers import stopping
from swm_jax.verifiers import python

TOKENIZER = tokenization.byte_tokenizer()
MODEL = transformer.TransformerConfig(
    vocab_size=258,
    num_layers=1,
    width=16,
    mlp_width=16,
    num_heads=2,
    num_kv_heads=1,
    head_dim=8,
)


def problem(name):
  return types.Problem(
      id=name,
      type='t',
      template='t/u',
      prompt=f'```python\n# {name}\ndef f(a):',
      entry_point='f',
      tests=(((1,), 2),),
  )


PROBLEMS = [problem(name) for name in ('one', 'two', 'three')]
PLAN = [(0.0, 1), (0.8, 2)]


class LateVerifier:
  """Gives all verdicts in a random order, once the last one is asked for."""

  def __init__(self, expected):
    self.expected = expected
    self.asked = []

  def submit(self, problem, source):
    future = concurrent.futures.Future()
    self.asked.append((problem, source, future))
    if len(self.asked) == self.expected:
      order = list(self.asked)
      random.Random(0).shuffle(order)
      for *candidate, waiting in order:
        waiting.set_result(verdict(*candidate))
    return future


def verdict(problem, source):
  return types.Verdict(
      status=types.PASS,
      reason='ok',
      verifier='late',
      version='1',
      isolation='none',
      detail=f'{problem.id}:{hash(source)}',
  )


def run(problems, plan=PLAN, verifier=None):
  init = jax.jit(transformer.init_params, static_argnums=0)
  table = stopping.build_stop_table(
      TOKENIZER, column_zero=True, stop_tokens=[TOKENIZER.eos_id, 7, 9, 11, 13]
  )
  config = decode.DecodeConfig(slots=4, max_prompt=32, max_new_tokens=8)
  return rollout.rollout(
      decode.Decoder(MODEL, table, config, TOKENIZER.pad_id),
      init(MODEL, jax.random.key(0)),
      TOKENIZER,
      problems,
      verifier or LateVerifier(len(problems) * sum(n for _, n in plan)),
      plan=plan,
      key=jax.random.key(5),
  )


class RolloutTest(parameterized.TestCase):

  def test_samples_come_in_the_order_of_the_request(self):
    trajectories, samples = run(PROBLEMS)
    self.assertEqual(
        [(s.row, s.problem.id, s.index, s.temperature) for s in samples],
        [
            (3 * i + j, name, j, temperature)
            for i, name in enumerate(('one', 'two', 'three'))
            for j, temperature in enumerate((0.0, 0.8, 0.8))
        ],
    )
    for s in samples:
      self.assertEqual(s.verdict, verdict(s.problem, s.source))
      self.assertEqual(s.source, s.problem.program(s.text))
      n = trajectories.mask[s.row].sum()
      data = TOKENIZER.decode_bytes(trajectories.tokens[s.row, :n])
      self.assertStartsWith(data.decode('utf-8', 'replace'), s.text)

  def test_samples_depend_on_their_problem_and_number_alone(self):
    _, samples = run(PROBLEMS)
    _, fewer = run([PROBLEMS[2], PROBLEMS[0]], PLAN)
    text = {(s.problem.id, s.index): s.text for s in samples}
    for s in fewer:
      self.assertEqual(s.text, text[s.problem.id, s.index])

  def test_keys_fold_in_the_problem_and_the_number(self):
    key = jax.random.key(3)
    keys = rollout.row_keys(key, [0x7FFFFFFF, 5], [0, 9])
    expected = jax.random.fold_in(jax.random.fold_in(key, 5), 9)
    np.testing.assert_array_equal(
        jax.random.key_data(keys[1]), jax.random.key_data(expected)
    )
    # zlib.crc32(b'one') = 0x7a6c86f1, which is below 2^31.
    self.assertEqual(rollout.problem_hash(PROBLEMS[0]), 0x7A6C86F1)

  def test_program_is_prompt_and_completion_without_the_fence(self):
    self.assertEqual(
        PROBLEMS[0].program('\n  return 1'),
        '# one\ndef f(a):\n  return 1\n',
    )

  @parameterized.parameters(
      (b'\n  return 1\ndef', '\n  return 1'),
      (b'\n  return 1', '\n  return 1'),
      (b'\n \xff', '\n \ufffd'),
  )
  def test_completion_text_is_cut_and_without_stop_tokens(self, data, text):
    table = stopping.build_stop_table(
        TOKENIZER, column_zero=True, stop_tokens=[TOKENIZER.eos_id]
    )
    ids = list(data)
    for ids in (ids, ids + [TOKENIZER.eos_id]):
      self.assertEqual(
          rollout.completion_text(TOKENIZER, table, ids), text
      )

  def test_the_python_verifier_judges_what_was_sampled(self):
    with python.PythonVerifier(allow_unsafe=True).pool(1) as pool:
      _, samples = run(PROBLEMS[:2], verifier=pool)
    for s in samples:
      # A random model writes no function that passes, and every one is judged.
      self.assertEqual(s.verdict.status, types.FAIL)
      self.assertEqual(s.verdict.verifier, 'python')

  def test_equal_ids_are_refused(self):
    with self.assertRaisesRegex(ValueError, 'distinct ids'):
      run([PROBLEMS[0], PROBLEMS[0]])
