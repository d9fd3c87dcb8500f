"""How often the reference solves a problem, read off log Z(x) or foretold.

With the target p_ref(y|x) exp(s (R - 1)), R 0 or 1 and p the share of the
reference's own samples that are verified,

  Z(x) = p + (1 - p) exp(-s).

A converged log Z is therefore a difficulty. What VarGrad averages, log R -
log P_F, is not yet one: over samples of a P_F that is still the reference it
is s (p - 1), a count of right answers in other units, and it comes up to log Z
only as P_F comes to the target. The two are read differently: `rate_at` and
`mean_rate`.

References:
  Kim et al., Beyond normalization: rethinking the partition function as a
    difficulty scheduler for RLVR, 2026, https://arxiv.org/abs/2602.12642
"""

from collections.abc import Sequence
import dataclasses

import numpy as np

# Of a posterior mean: the right and wrong answers that a prior counts for.
_PRIOR_SAMPLES = 2.0
# Penalties of a ridge, in units of the mean square of a feature's row.
_PENALTIES = tuple(10.0**k for k in range(-4, 3))


def log_z_at(rate: np.ndarray, beta: float) -> np.ndarray:
  """log Z of a pass rate, nats.

  Args:
    rate: share of the reference's samples that are verified.
    beta: s, nats between a verified and a failed sample.
  """
  return np.log(rate + (1.0 - np.asarray(rate)) * np.exp(-beta))


def rate_at(log_z: np.ndarray, beta: float) -> np.ndarray:
  """The pass rate of a log Z: (Z - e^-s) / (1 - e^-s), cut to [0, 1]."""
  # expm1 keeps rates that are far below e^-s apart from 0.
  rate = np.expm1(np.asarray(log_z) + beta) / np.expm1(beta)
  return np.clip(rate, 0.0, 1.0)


def mean_rate(mean: np.ndarray, beta: float) -> np.ndarray:
  """The pass rate of a mean of log R - log P_F while P_F is the reference.

  Elsewhere KL(p_ref | P_F) has to be taken from the mean first.
  """
  return 1.0 + np.asarray(mean) / beta


def log_mean_exp(
    log_p_ref: np.ndarray,
    log_mu: np.ndarray,
    reward: np.ndarray,
    beta: float,
) -> float:
  """Estimates log Z from samples of any policy, by their importance.

  The weights p_ref / mu are divided by their sum: biased by O(1 / n), but
  between log Z of a problem never and of one always solved. Samples of the
  reference itself have equal weights.

  Args:
    log_p_ref: of each sample under the untempered reference, nats, `[n]`.
    log_mu: under the policy that drew it, tempered as it was, nats, `[n]`.
    reward: 0 or 1, `[n]`.
    beta: s.

  Returns:
    nats.
  """
  log_weight = np.asarray(log_p_ref, np.float64) - log_mu
  log_reward = beta * (np.asarray(reward, np.float64) - 1.0)
  return float(
      np.logaddexp.reduce(log_weight + log_reward)
      - np.logaddexp.reduce(log_weight)
  )


def posterior_rate(
    passed: np.ndarray, tried: np.ndarray, prior: np.ndarray | float = 0.5
) -> np.ndarray:
  """Mean of a pass rate, given counts and what was expected of it.

  Two samples' worth of prior; at 1/2 that is the uniform one.
  """
  return (np.asarray(passed) + _PRIOR_SAMPLES * np.asarray(prior)) / (
      np.asarray(tried) + _PRIOR_SAMPLES
  )


@dataclasses.dataclass(frozen=True)
class Head:
  """A linear guess from latents of prompts, for prompts never tried.

  Attributes:
    mean_D: of the latents that it was fitted on.
    weight_D: of the centred latents.
    bias: mean of the targets.
  """

  mean_D: np.ndarray
  weight_D: np.ndarray
  bias: float

  def __call__(self, latent_BxD: np.ndarray) -> np.ndarray:
    return (latent_BxD - self.mean_D) @ self.weight_D + self.bias


def fit(
    latent_BxD: np.ndarray, target_B: np.ndarray, group_B: Sequence[str]
) -> Head:
  """Fits a ridge; whole groups that it has not seen choose the penalty.

  There are more dimensions than problems, and problems of a template have
  almost one latent: any choice within templates would be none at all.

  Args:
    latent_BxD: of the prompts.
    target_B: rates or log Z.
    group_B: template of each.

  Raises:
    ValueError: fewer than two groups.
  """
  latent = np.asarray(latent_BxD, np.float64)
  target = np.asarray(target_B, np.float64)
  parts = folds(group_B, min(5, len(set(group_B))))
  errors = []
  for penalty in _PENALTIES:
    missed = np.zeros(len(target))
    for part in parts:
      head = _ridge(latent[~part], target[~part], penalty)
      missed[part] = target[part] - head(latent[part])
    errors.append(np.mean(missed**2))
  return _ridge(latent, target, _PENALTIES[int(np.argmin(errors))])


def folds(group_B: Sequence[str], count: int) -> list[np.ndarray]:
  """Cuts rows into so many masks; no group is in two of them.

  Raises:
    ValueError: there are fewer groups than masks, or fewer than two masks.
  """
  names = sorted(set(group_B))
  if not 2 <= count <= len(names):
    raise ValueError(
        f'{len(names)} templates cannot be cut into {count} parts; give'
        ' problems of at least two templates'
    )
  place = {name: i % count for i, name in enumerate(names)}
  index = np.array([place[name] for name in group_B])
  return [index == part for part in range(count)]


def _ridge(latent_BxD, target_B, penalty: float) -> Head:
  """Solved in the space of the rows, of which there are few."""
  mean, bias = latent_BxD.mean(axis=0), target_B.mean()
  centred = latent_BxD - mean
  gram = centred @ centred.T
  scale = np.trace(gram) / len(gram) or 1.0
  gram[np.diag_indices(len(gram))] += penalty * scale
  dual = np.linalg.solve(gram, target_B - bias)
  return Head(mean, centred.T @ dual, float(bias))
