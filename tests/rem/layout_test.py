"""How dreams become updates: padding, what waits, and what comes of it."""

import collections
import dataclasses

import numpy as np
import pytest

from experiments import options as options_lib
from experiments.configs import default
from swm_jax import types
from swm_jax.rem import layout
from tests import rem_test

OPTIONS = dataclasses.replace(
    rem_test.OPTIONS, tokens_per_step=32, max_length=32, accumulate=3
)


def dreams(problem, prompt, lengths, passes=0):
  """Distinct dreams of so many tokens; the first `passes` are verified."""
  return [
      rem_test.entry(
          problem, np.ones(prompt), [i + 1] * length,
          types.PASS if i < passes else types.FAIL,
      )
      for i, length in enumerate(lengths)
  ]


def drawn_round(rng, count):
  """Lengths like those of the default model: about 8 dreams of 28 tokens.

  A third of them are short and a fifth as long as they may be; prompts have 22
  to 49 tokens, and up to 2 x+ of 8 to 20 tokens are replayed.
  """
  records, store = [], {}
  for problem in map(str, range(count)):
    prompt = rng.integers(22, 50)
    lengths = np.minimum(rng.geometric(1 / 26, 8) + 5, 48)
    records += dreams(problem, prompt, lengths)
    replayed = rng.integers(8, 21, rng.integers(3))
    store[problem] = [
        rem_test.entry(problem, np.ones(prompt), [99 + i] * n, types.PASS)
        for i, n in enumerate(replayed)
    ]
  return records, store


def ids_of(groups):
  """Which trajectories: the problem and the tokens."""
  return collections.Counter(
      (entry['problem'], tuple(entry['tokens']))
      for group in groups for entry in group.records
  )


def trained(packed, groups):
  table = [entry for group in groups for entry in group.records]
  return collections.Counter(
      (table[i]['problem'], tuple(table[i]['tokens']))
      for batch in packed for i in batch.trajectory_id.ravel() if i >= 0
  )


def test_padding_of_the_default_night_is_under_a_tenth():
  options = options_lib.rem_options(default.get_config().rem)
  for seed in range(3):
    rng = np.random.default_rng(seed)
    waiting, computed, used = [], 0, 0
    made, learnt = collections.Counter(), collections.Counter()
    for index in range(options.rounds):
      groups = layout.make_groups(
          *drawn_round(rng, options.prompts), {}, options
      )
      made += ids_of(groups)
      groups = waiting + groups
      packed, waiting = layout.pack(
          groups, options, devices=1, seed=index,
          last=index + 1 == options.rounds,
      )
      learnt += trained(packed, groups)
      computed += sum(batch.group.size for batch in packed)
      used += sum(int((batch.group > 0).sum()) for batch in packed)
    assert made == learnt and not waiting
    assert computed > 20_000
    assert 1.0 - used / computed < 0.1


def test_what_would_be_padding_waits():
  # Rows of 32 tokens: 4 + 3 x 8 - 3 = 25 of them each, and 4 + 2 = 6.
  records = dreams('a', 4, [8, 8, 8]) + dreams('b', 4, [8, 8, 8])
  records += dreams('c', 4, [3]) + dreams('d', 4, [6, 7])
  groups = layout.make_groups(records, {}, {}, OPTIONS)
  packed, waiting = layout.pack(
      groups, OPTIONS, devices=1, seed=0, last=False
  )
  # d takes 4 + 5 + 6 = 15 and fits beside neither; c fills the first row.
  assert len(packed) == 2
  assert ids_of(waiting) == ids_of([groups[3]])
  assert trained(packed, groups) == ids_of(groups[:3])
  packed, waiting = layout.pack(
      waiting, OPTIONS, devices=1, seed=1, last=False
  )
  assert len(packed) == 1 and not waiting  # An update has a micro-batch.
  packed, waiting = layout.pack(groups, OPTIONS, devices=1, seed=0, last=True)
  assert len(packed) == 3 and not waiting


def test_rows_of_a_micro_batch_are_shared_by_devices():
  groups = layout.make_groups(
      dreams('a', 4, [8, 8, 8]) + dreams('b', 4, [8, 8, 8]), {}, {}, OPTIONS
  )
  [batch], _ = layout.pack(groups, OPTIONS, devices=4, seed=0, last=False)
  assert batch.tokens.shape == (4, 32)
  assert (batch.group > 0).any(axis=1).tolist() == [True, True, False, False]
  assert (batch.trajectory_id[2:] == -1).all()


def test_groups_that_teach_nothing_are_left_out():
  records = dreams('mixed', 4, [3, 4], passes=1)
  records += dreams('wrong', 4, [3, 4]) + dreams('right', 4, [3], passes=1)
  # 1 - (passed + 1) / (tried + 2).
  counts = {'mixed': (1, 2), 'wrong': (0, 2), 'right': (4, 4)}

  def groups(objective):
    options = dataclasses.replace(OPTIONS, objective=objective)
    made = layout.make_groups(records, {}, counts, options)
    return [
        (g.records[0]['problem'], len(g.records), round(g.weight, 3))
        for g in made
    ]

  whole = [('mixed', 2, 1.0), ('wrong', 2, 1.0), ('right', 1, 1.0)]
  for objective in ('vargrad', 'tb', 'subtb', 'raptb'):
    assert groups(objective) == whole
  assert groups('grpo') == whole[:1]
  assert groups('ce') == [('mixed', 1, 0.5), ('right', 1, 0.167)]


def test_updates_are_few_and_equal():
  shares = []
  for count in (1, 3, 4, 7):
    made = layout.share_out(list(range(count)), 3)
    assert sum(made, []) == list(range(count))
    shares.append([len(part) for part in made])
  assert shares == [[1], [3], [2, 2], [3, 2, 2]]


def test_completion_that_no_update_can_hold_is_refused():
  groups = layout.make_groups(dreams('a', 4, [8]), {}, {}, OPTIONS)
  [batch], _ = layout.pack(groups, OPTIONS, devices=1, seed=0, last=True)
  with pytest.raises(ValueError, match='8 tokens, more than the 7'):
    layout.places(batch, 7)
  place, mask = layout.places(batch, 9)
  assert mask.sum() == 8 and place[0, 0, :8].tolist() == list(range(8))
