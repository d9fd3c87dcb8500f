"""What decoding with narrow weights costs, for `benchmarks.decode --quality`.

Each kind of `models.quantised_weights` beside the weights as they are, on the
same problems with the same keys: the divergence of its next-token distribution,
its greedy completions, its pass rate and its speed. The speed is that of a
whole call, in which the log-probabilities of another model's samples are read
once more. The last line, `ratio X.XX`, is the smallest ratio of speed.
"""

from collections.abc import Callable
import dataclasses
import functools
import time

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks import decode_forms
from swm_jax import types
from swm_jax.evaluation import bootstrap
from swm_jax.evaluation import results
from swm_jax.models import quantised_weights
from swm_jax.models import transformer
from swm_jax.samplers import rollout
from swm_jax.verifiers import python as python_verifier

_PROBLEMS = 32
_TEMPERATURES = (0.0,) + (0.4,) * 4
_GREEDY, _DRAWN = 'greedy', '0.4'
_SLOTS = 64
_ROUNDS = 2
_SCORED = 64  # completions whose distributions are compared
_SCORED_AT_ONCE = 8
_KINDS = (None, *quantised_weights.KINDS)


@dataclasses.dataclass
class _Measured:
  """Of one kind of weights: what it sampled, how fast, and what passed."""

  trajectories: types.Trajectories
  seconds: list[float]
  passed: results.SetResults

  @property
  def rate(self) -> float:
    """Useful tokens per second, median."""
    return self.trajectories.mask.sum() / np.median(self.seconds)


def _decoder(work: decode_forms.Workload, weights: str | None):
  """A decoder, as a function without arguments."""
  decoder = decode_forms.make_decoder(work, _SLOTS, weights)
  return functools.partial(
      decoder, work.params, work.prompts, work.prompt_index_B,
      work.temperature_B, decode_forms.row_keys(work),
  )


def _verify(work, problems, trajectories, verifiers) -> results.SetResults:
  """Verdicts on the first, greedy sample of each problem and on the others."""

  def source(row):
    token_ids = trajectories.tokens[row][trajectories.mask[row]].tolist()
    text = rollout.completion_text(work.tokenizer, work.stops, token_ids)
    return problems[work.prompt_index_B[row]].program(text)

  index_B = work.prompt_index_B.tolist()
  verdicts = dict(
      verifiers.verify_batch(
          [(problems[i], source(row)) for row, i in enumerate(index_B)]
      )
  )
  outcomes = (
      (_DRAWN if temperature else _GREEDY, i, verdicts[row])
      for row, (i, temperature) in enumerate(zip(index_B, work.temperature_B))
  )
  return results.collect('problems', problems, outcomes)


@functools.partial(jax.jit, static_argnames='config')
def _compare(params, narrow, tokens_BxN, at_BxT, *, config):
  """KL(params || narrow) at each token, nats, and whether argmaxes agree."""
  model = transformer.Transformer(config)
  log_p, log_q = (
      jax.nn.log_softmax(
          model.apply({'params': p}, tokens_BxN, logits_at=at_BxT).logits, -1
      )
      for p in (params, narrow)
  )
  kl_BxT = (jnp.exp(log_p) * (log_p - log_q)).sum(axis=-1)
  return kl_BxT, log_p.argmax(axis=-1) == log_q.argmax(axis=-1)


def _divergence(work, trajectories, kind) -> tuple[float, float, float]:
  """Mean and largest KL a token, and the share of equal first ranks."""
  narrow = quantised_weights.view(work.params, kind)
  T = work.max_new_tokens
  divergences, equal = [], []
  # Sampled ones, spread over the problems.
  rows_N = np.flatnonzero(work.temperature_B > 0)
  rows_N = rows_N[np.linspace(0, len(rows_N) - 1, _SCORED).astype(int)]
  for rows_B in rows_N.reshape(-1, _SCORED_AT_ONCE):
    prompt_BxP = trajectories.prompt_tokens[rows_B]
    at_BxT = trajectories.prompt_length[rows_B, None] - 1 + np.arange(T)
    tokens_BxN = np.pad(prompt_BxP, ((0, 0), (0, T)))
    np.put_along_axis(
        tokens_BxN, at_BxT + 1, trajectories.tokens[rows_B], axis=1
    )
    mask_BxT = trajectories.mask[rows_B]
    kl_BxT, equal_BxT = _compare(
        work.params, narrow, tokens_BxN, at_BxT, config=work.config
    )
    divergences.append(np.asarray(kl_BxT)[mask_BxT])
    equal.append(np.asarray(equal_BxT)[mask_BxT])
  kl_N = np.concatenate(divergences)
  return float(kl_N.mean()), float(kl_N.max()), np.concatenate(equal).mean()


def run(
    make_workload: Callable[
        [int, tuple[float, ...]],
        tuple[decode_forms.Workload, list[types.Problem]],
    ],
) -> None:
  """Measures every kind and prints the table."""
  work, problems = make_workload(_PROBLEMS, _TEMPERATURES)
  forms = {kind: _decoder(work, kind) for kind in _KINDS}
  measured = {}
  with python_verifier.PythonVerifier().pool() as verifiers:
    for kind, form in forms.items():
      trajectories = form()  # Compiles.
      passed = _verify(work, problems, trajectories, verifiers)
      measured[kind] = _Measured(trajectories, [], passed)
  for _ in range(_ROUNDS):
    for kind, form in forms.items():
      start = time.perf_counter()
      form()
      measured[kind].seconds.append(time.perf_counter() - start)

  whole = measured[None]
  greedy = work.temperature_B == 0
  print(
      f'{len(problems)} problems, one greedy sample and '
      f'{len(_TEMPERATURES) - 1} at temperature {_DRAWN}; KL over '
      f'{_SCORED} completions; {bootstrap.CONFIDENCE:.0%} intervals, paired, '
      'by template'
  )
  print(
      f'{"weights":<10}{"KL mean":>9}{"KL max":>8}{"equal argmax":>14}'
      f'{"equal greedy":>14}{"pass@1":>8}{"interval":>16}{"change":>8}'
      f'{"interval":>17}{"tokens/s":>10}{"ratio":>7}'
  )
  for kind, one in measured.items():
    mean, largest, argmax = 0.0, 0.0, 1.0
    if kind is not None:
      mean, largest, argmax = _divergence(work, whole.trajectories, kind)
    # Behind its stop a row has the same padding everywhere.
    same = (one.trajectories.tokens == whole.trajectories.tokens).all(axis=1)
    rate = bootstrap.interval(one.passed, _DRAWN)
    change = bootstrap.difference(whole.passed, one.passed, _DRAWN)
    print(
        f'{kind or "as given":<10}{mean:>9.5f}{largest:>8.4f}{argmax:>14.4f}'
        f'{f"{same[greedy].sum()} of {greedy.sum()}":>14}{rate.mean:>8.3f}'
        f'{f"{rate.low:.3f} to {rate.high:.3f}":>16}{change.mean:>8.3f}'
        f'{f"{change.low:.3f} to {change.high:.3f}":>17}{one.rate:>10.1f}'
        f'{one.rate / whole.rate:>7.2f}'
    )
  print(f'ratio {min(one.rate for one in measured.values()) / whole.rate:.2f}')
