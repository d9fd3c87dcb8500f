"""What a night makes of its logs, and what it refuses to go on with."""

import types as python_types

import numpy as np
import pytest

from experiments import options as options_lib
from experiments import phases
from swm_jax import snapshots
from swm_jax import types
from tests.nightly import scripted
from tests.nightly import tiny_config

PROBLEM = scripted.problem('f')


def entry(text, status, log_prob=-1.0, problem=PROBLEM, weak=False):
  return {
      'problem': problem.id,
      'prompt_tokens': np.array([1, 2]),
      'tokens': np.array([3, 4]),
      'text': text,
      'log_prob': np.array([log_prob / 2, log_prob / 2]),
      'origin': 'sample',
      'verdict': {'status': status, 'weak': weak},
  }


def memories(*records, **changes):
  cfg = tiny_config.get_config()
  cfg.consolidate.update(**changes)
  night = python_types.SimpleNamespace(cfg=cfg, _problems={PROBLEM.id: PROBLEM})
  return phases.Night.memories(night, records, [])


def test_verifier_failures_are_neither_x_plus_nor_x_minus():
  chosen = memories(
      entry('\n    return 1', types.PASS),
      entry('\n    return 2', types.ERROR),
      entry('\n    return 3', types.FAIL),
      entry('\n    return 4', types.ERROR),
  )
  assert [memory.sign for memory in chosen] == [+1, -1]
  # One of two that were judged at all.
  assert {memory.pass_rate for memory in chosen} == {0.5}
  assert memories(entry('\n    return 2', types.ERROR)) == []


def test_opinions_count_only_when_asked_for():
  records = (
      entry('\n    return 1', types.PASS, weak=True),
      entry('\n    return 2', types.FAIL, weak=True),
      entry('\n    return 3', types.FAIL),
  )
  assert memories(*records) == []
  signs = [memory.sign for memory in memories(*records, weak=True)]
  assert signs == [+1, -1, -1]


def test_equal_programs_count_once():
  chosen = memories(
      entry('\n    return a+1', types.PASS),
      entry('\n    return a + 1  # the same', types.PASS),
      entry('\n    return 1 + a', types.PASS),
      entry('\n    return (', types.FAIL),
  )
  assert [memory.sign for memory in chosen] == [+1, +1, -1]


def test_rare_answers_and_likely_mistakes_come_first():
  chosen = memories(
      entry('\n    return 1', types.PASS, -2.0),
      entry('\n    return 2', types.PASS, -9.0),
      entry('\n    return 3', types.FAIL, -8.0),
      entry('\n    return 4', types.FAIL, -3.0),
      positives=1, negatives=1,
  )
  assert [memory.log_mu for memory in chosen] == [-9.0, -3.0]


def test_unsolved_problems_are_not_consolidated():
  assert memories(entry('\n    return 3', types.FAIL)) == []


def test_changed_base_weights_stop_the_night():
  params = {'w': np.ones(3, np.float32)}
  night = python_types.SimpleNamespace(
      params=params, weights=snapshots.digest(params)
  )
  phases.Night._check_unchanged(night)  # pylint: disable=protected-access
  params['w'][1] += 1e-7
  with pytest.raises(options_lib.NightError, match='outside consolidation'):
    phases.Night._check_unchanged(night)  # pylint: disable=protected-access
