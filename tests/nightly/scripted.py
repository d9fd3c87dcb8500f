"""A decoder and a verifier that need no forward pass, for tests of phases."""

from collections.abc import Iterable
import concurrent.futures
import types as python_types

import jax
import numpy as np

from swm_jax import tokenization
from swm_jax import types
from swm_jax.samplers import stopping

TOKENIZER = tokenization.byte_tokenizer()
LENGTH = 4  # bytes of a completion before its end


def problem(name: str) -> types.Problem:
  return types.Problem(
      id=f't/{name}', type='t', template=name,
      prompt=f'```python\n# {name}\ndef {name}(a):', entry_point=name,
      tests=(((1,), 1),),
  )


def verdict(status: str) -> types.Verdict:
  return types.Verdict(
      status=status, reason='ok', verifier='scripted', version='1',
      isolation='none',
  )


class Decoder:
  """Writes letters drawn from each row's key and from the weights' sum."""

  def __init__(self):
    self.calls = 0
    self.config = python_types.SimpleNamespace(
        max_prompt=64, max_new_tokens=LENGTH + 1
    )
    self.stop_table = stopping.build_stop_table(
        TOKENIZER, column_zero=True, stop_tokens=(TOKENIZER.eos_id,)
    )

  def __call__(
      self, params, prompts, prompt_index_B, temperature_B, keys_B, *,
      perturb=None, on_finished=None,
  ) -> types.Trajectories:
    self.calls += 1
    total = float(sum(np.abs(leaf).sum() for leaf in jax.tree.leaves(params)))
    key_B = np.asarray(jax.random.key_data(keys_B))
    B, K = len(prompt_index_B), 3
    length = max(map(len, prompts))
    prompt_tokens = np.full((B, length), TOKENIZER.pad_id, np.int32)
    tokens = np.full((B, LENGTH + 1), TOKENIZER.eos_id, np.int32)
    for row, index in enumerate(prompt_index_B):
      prompt_tokens[row, : len(prompts[index])] = prompts[index]
      rng = np.random.default_rng([*key_B[row], hash(total) % 2**32])
      tokens[row, :LENGTH] = rng.integers(97, 123, LENGTH)
      on_finished(row, tokens[row].tolist())
    draw = np.random.default_rng(0).random
    return types.Trajectories(
        prompt_tokens=prompt_tokens,
        prompt_length=np.array([len(prompts[i]) for i in prompt_index_B]),
        tokens=tokens,
        mask=np.ones(tokens.shape, bool),
        log_prob=-draw(tokens.shape),
        log_prob_behaviour=-draw(tokens.shape),
        top_k=types.TopKLogits(
            values=-draw((*tokens.shape, K)),
            indices=np.zeros((*tokens.shape, K), np.int32),
            log_rest=-draw(tokens.shape),
        ),
        hidden=None,
        latents=np.zeros((B, 1, 2, 8), np.float32),
        stopped=np.ones(B, bool),
    )


class Verifier:
  """Passes what begins with a letter before `n`; of errors see `error_on`."""

  def __init__(self, error_on: Iterable[str] = ()):
    self._error_on = set(error_on)

  def submit(self, problem, source):  # pylint: disable=redefined-outer-name
    _, _, completion = source.partition(':')
    status = types.PASS if completion[0] < 'n' else types.FAIL
    if problem.id in self._error_on:
      status = types.ERROR
    future = concurrent.futures.Future()
    future.set_result(verdict(status))
    return future
