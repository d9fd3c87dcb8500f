"""The buffer of dreams: what stays, what is drawn, and what a file keeps."""

import itertools
import math

import numpy as np
import pytest

from swm_jax import durable
from swm_jax import types
from swm_jax.rem import dream_buffer
from swm_jax.rem import submodular
from swm_jax.verifiers import python as python_verifier


def problem(name='p'):
  return types.Problem(
      id=name, type='t', template=name,
      prompt='```python\n# Double it.\ndef f(a):', entry_point='f',
      tests=(((2,), 4), ((0,), 0)),
  )


def entry(text, name='p', status=types.PASS, tokens=4):
  return {
      'problem': name,
      'prompt_tokens': np.array([1, 2], np.int32),
      'tokens': np.arange(tokens, dtype=np.int32),
      'text': text,
      'log_prob': np.full(tokens, -0.1, np.float32),
      'verdict': {'status': status},
  }


def returns(expression, **options):
  return entry(f'\n    return {expression}', **options)


def make(behaviour=None, names='pq', **options):
  return dream_buffer.DreamBuffer(
      {name: problem(name) for name in names},
      dream_buffer.Options(**{
          'per_problem': 3, 'per_behaviour': 3, 'total': 100, 'rule': 'newest',
          **options,
      }),
      behaviour,
  )


def texts(buffer, name='p'):
  return [
      r['text'].removeprefix('\n    return ') for r in buffer.of(name, 99)
  ]


# --- Choice ---


def item(reward, grams, length=4):
  return submodular.Item(reward, frozenset((g,) for g in grams), length)


def brute_force(pool, size):
  value = submodular.Value(pool, size)
  return max(map(value, itertools.combinations(range(len(pool)), size)))


def test_value_by_hand():
  pool = [item(1.0, 'ab', 4), item(0.0, 'bc', 5), item(1.0, 'd', 9)]
  value = submodular.Value(pool, 2)
  assert value([]) == 0.0
  # Reward 1/2, three of four n-grams, both of one length class of two.
  assert value([0, 1]) == pytest.approx(1 / 2 + 3 / 4 + math.sqrt(2) / 2)
  # Reward 2/2, three of four, one of each class: (1 + 1) / sqrt(2 x 2).
  assert value([0, 2]) == pytest.approx(1 + 3 / 4 + 1)


def test_greedy_is_close_to_the_best_set_and_gains_fall():
  rng = np.random.default_rng(0)
  exact = 0
  for _ in range(40):
    pool = [
        item(float(rng.integers(2)), rng.choice(list('abcdefgh'), 3),
             int(rng.integers(1, 40)))
        for _ in range(7)
    ]
    value = submodular.Value(pool, 3)
    chosen = submodular.greedy(pool, 3)
    best = brute_force(pool, 3)
    assert value(chosen) >= (1 - 1 / math.e) * best - 1e-9
    exact += value(chosen) >= best - 1e-9
    # Submodular: what an item adds to a set it adds at most to a part of it.
    to_part = value([0, 2]) - value([0])
    to_whole = value([0, 1, 2]) - value([0, 1])
    assert to_part >= to_whole - 1e-9
    assert to_whole >= -1e-9
  assert 0 < exact < 40  # Neither always wrong nor an exhaustive search.


def test_greedy_is_best_where_the_value_is_modular():
  # No n-gram twice and one length class: value is a sum over items.
  rewards = [0.3, 0.9, 0.1, 0.7, 0.5]
  pool = [item(r, g) for r, g in zip(rewards, 'abcde')]
  assert submodular.greedy(pool, 3) == [1, 3, 4]
  value = submodular.Value(pool, 3)
  assert value([1, 3, 4]) == pytest.approx(brute_force(pool, 3))
  assert submodular.greedy(pool, 99) == [1, 3, 4, 0, 2]


# --- Buffer ---


def test_one_program_is_kept_once_and_is_new_again():
  buffer = make()
  buffer.add([returns('a + a'), returns('2 * a'), returns('a * 2')])
  # Comments and layout are no difference; failures of the verifier no record.
  buffer.add([
      entry('\n    # Twice.\n    return  a+a'),
      returns('a << 1', status=types.ERROR),
  ])
  kept = buffer.of('p', 99)
  assert len(kept) == len(buffer) == 3
  assert 'Twice' in kept[0]['text']
  assert [r['text'][-5:] for r in kept[1:]] == ['a * 2', '2 * a']
  assert buffer.of('q', 2) == [] and buffer.additions == 2


def test_newest_stay_within_the_capacities():
  buffer = make(total=4)
  buffer.add([returns(f'a + {i}') for i in range(5)])
  assert texts(buffer) == ['a + 4', 'a + 3', 'a + 2']
  # One more than fits in all: the problem with the most gives its oldest.
  buffer.add([returns('a', name='q'), returns('2 * a', name='q')])
  assert texts(buffer) == ['a + 4', 'a + 3']
  assert texts(buffer, 'q') == ['2 * a', 'a']


def test_behaviour_is_limited_and_asked_once_for_each_program():
  asked = []

  def behaviour(problem_, program):
    asked.append(program)
    return {'1': 'one', '2': 'two'}.get(program[-2])

  buffer = make(behaviour, per_behaviour=1, per_problem=9)
  records = [returns('a + 1'), returns('1 * 1'), returns('a + 2'),
             returns('a'), returns('-a')]
  buffer.add(records)
  buffer.add(records[1:2])
  # `a` and `-a` have no known behaviour and count against nobody.
  assert texts(buffer) == ['1 * 1', '-a', 'a', 'a + 2']
  assert len(asked) == len(set(asked)) == 5


def test_submodular_rule_prefers_verified_and_different_programs():
  records = [
      returns('sum([a, a])', tokens=20),
      returns('a + 1', status=types.FAIL),
      returns('a + a'), returns('a + a + 0'), returns('a + a + 0 + 0'),
  ]
  newest = make(per_problem=2)
  newest.add(records)
  assert texts(newest) == ['a + a + 0 + 0', 'a + a + 0']
  chosen = make(per_problem=2, rule='submodular')
  chosen.add(records)
  assert sorted(texts(chosen)) == ['a + a + 0 + 0', 'sum([a, a])']


def test_sample_draws_once_by_priority_and_by_seed():
  buffer = make()
  buffer.add([returns(f'a + {i}', name=n) for n in 'pq' for i in range(3)])

  def draw(n, seed, *priority):
    rng = np.random.default_rng(seed)
    found = buffer.sample(['p', 'q', 'p'], n, rng, *priority)
    return [(r['problem'], r['text']) for r in found]

  assert len(set(draw(99, 0))) == 6
  assert draw(2, 1) == draw(2, 1)
  assert {name for name, _ in draw(99, 0, {'p': 0.0, 'q': 0.3})} == {'q'}
  assert draw(2, 0, {'p': 0.0, 'q': 0.0}) == []
  assert buffer.sample([], 2, np.random.default_rng(0)) == []
  # p has three records of weight 1/4 together and q three of 3/4.
  first = [draw(1, seed, {'p': 1.0, 'q': 3.0})[0][0] for seed in range(800)]
  # Standard error of a share of 3/4 in 800 draws: 0.015.
  share = np.mean([name == 'q' for name in first])
  assert share == pytest.approx(0.75, abs=0.06)


@pytest.mark.parametrize('rule', dream_buffer.RULES)
def test_buffer_goes_on_from_its_file_bit_for_bit(tmp_path, rule):
  waves = [
      [returns(f'a + {i % 5} * {i}', name='pq'[i % 2], tokens=1 + i)
       for i in range(6 * w, 6 * w + 6)]
      for w in range(3)
  ]
  counted = lambda problem_, program: str(len(program) % 3)
  whole = make(counted, rule=rule, total=5)
  for wave in waves[:2]:
    whole.add(wave)
  whole.save(tmp_path / 'cut.json')
  whole.add(waves[2])
  whole.save(tmp_path / 'whole.json')

  again = make(counted, rule=rule, total=5)
  again.load(tmp_path / 'cut.json')
  for wave in waves[again.additions :]:
    again.add(wave)
  again.save(tmp_path / 'again.json')
  assert (tmp_path / 'again.json').read_bytes() == (
      tmp_path / 'whole.json'
  ).read_bytes()
  for one, other in zip(again.of('p', 9), whole.of('p', 9)):
    np.testing.assert_array_equal(one['log_prob'], other['log_prob'])
    assert one['log_prob'].dtype == np.float32
  (tmp_path / 'cut.json').write_text('{')
  with pytest.raises(durable.CorruptError, match='corrupt'):
    again.load(tmp_path / 'cut.json')


def test_options_are_checked():
  with pytest.raises(ValueError, match="rule='best' is unknown"):
    make(rule='best')
  with pytest.raises(ValueError, match='total=0 must be at least 1'):
    make(total=0)


# --- Behaviour ---


def test_programs_are_told_apart_by_what_they_answer():
  with python_verifier.Interpreter() as interpreter:
    behaviour = dream_buffer.fuzzed(interpreter, {'p': [(3,), (-1,)]})
    does = lambda expression: behaviour(
        problem(), problem().program(f'\n    return {expression}')
    )
    assert does('a + a') == does('2 * a')
    # Equal on the tests, 2 and 0, and on no other number.
    assert does('a ** 2') != does('2 * a')
    assert does('a / 0') == does('(a + 1) // 0') != does('2 * a')
    # A set has no order, and a list has.
    assert does('{"x", "y", "z"}') == does('set("zyx")')
    assert does('[a, 1]') != does('[1, a]')
    other = problem('q')
    # Without inputs of its own a problem is told by its tests.
    program = lambda text: other.program(f'\n    return {text}')
    assert behaviour(other, program('a ** 2')) == behaviour(
        other, program('2 * a')
    )


def test_inputs_come_from_a_suite():
  assert dream_buffer.fresh_inputs([problem()]) == {'p': [(2,), (0,)]}
