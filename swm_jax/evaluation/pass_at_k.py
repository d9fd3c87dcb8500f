"""The unbiased estimator of pass@k, with masked samples removed.

References:
  Chen et al., Evaluating large language models trained on code, 2021,
  https://arxiv.org/abs/2107.03374, equation (1).
"""

import numpy as np

from swm_jax.evaluation import results


def pass_at_k(
    num_samples: np.ndarray, num_correct: np.ndarray, k: int
) -> np.ndarray:
  """Probability that at least one of k samples passes, without replacement.

  1 - C(n - c, k) / C(n, k) is the product of (n - c - j) / (n - j) for j < k,
  taken from 1: no factorial, so nothing overflows, and the product reaches an
  exact 0 when fewer than k samples failed.

  Args:
    num_samples: n, unmasked samples of each problem, `[problems]`.
    num_correct: c, those that passed, `[problems]`.
    k: draws, at least 1.

  Returns:
    float64 `[problems]`, in [0, 1]; NaN where n < k, where nothing unbiased
    can be said.

  Raises:
    ValueError: if k < 1, or c is not in [0, n].
  """
  if k < 1:
    raise ValueError(f'pass@k needs k >= 1, got {k=}')
  n = np.asarray(num_samples, np.int64)
  c = np.asarray(num_correct, np.int64)
  if n.shape != c.shape:
    raise ValueError(f'num_samples is {n.shape}, num_correct is {c.shape}')
  if ((c < 0) | (c > n)).any():
    raise ValueError('num_correct must lie between 0 and num_samples')
  none_passes = np.ones(n.shape, np.float64)
  for j in range(k):
    none_passes *= np.maximum(n - c - j, 0) / np.maximum(n - j, 1)
  return np.where(n >= k, 1.0 - none_passes, np.nan)


def per_problem(
    result: results.SetResults, setting: str, k: int = 1
) -> np.ndarray:
  """pass@k of every problem of a set at one setting, NaN where n < k."""
  correct, unmasked = result.counts(setting)
  return pass_at_k(unmasked, correct, k)


def mean(result: results.SetResults, setting: str, k: int = 1) -> float:
  """Mean pass@k over the problems that have at least k unmasked samples."""
  values = per_problem(result, setting, k)
  defined = ~np.isnan(values)
  return float(values[defined].mean()) if defined.any() else float('nan')
