"""The vision protocol: streams by hand, forgetting on a toy of two tasks."""

import dataclasses
import sys

import numpy as np
import pytest

from experiments import continual
from experiments import continual_data
from experiments import continual_training as training


def toy() -> continual_data.Dataset:
  """Four classes that share most of their features; two tasks of two."""
  rng = np.random.default_rng(0)
  centres = 1.0 + 0.5 * rng.normal(size=(4, 8))
  label = np.tile(np.arange(4), 40).astype(np.int32)
  draw = lambda: (
      centres[label] + 0.1 * rng.normal(size=(160, 8))
  ).astype(np.float32)
  return continual_data.Dataset(
      draw(), label, draw(), label, np.arange(4) // 2,
      np.tile(np.arange(8), (2, 1)),
  )


def draw_stream(data, **changes):
  fields = {
      'epochs': 2, 'batch': 10, 'replayed': 10, 'capacity': 15, 'joint': False,
      'seed': 0,
  }
  return continual_data.stream(data, **{**fields, **changes})


def test_stream_sees_each_task_alone_and_replays_what_the_buffer_holds():
  data = toy()
  stream = draw_stream(data)
  assert stream.example.shape == (2, 16, 10)  # 80 of a task in two passes
  for task in range(2):
    assert (data.train_label[stream.example[task]] // 2 == task).all()
    assert (stream.task[task] == task).all()
  # Every example twice in the two passes over its task.
  assert (np.bincount(stream.example.ravel()) == 2).all()
  # The buffer, written again by hand.
  kept = {}
  for at in np.ndindex(stream.holds.shape):
    assert stream.holds[at] == bool(kept)
    if kept:
      for purpose in range(2):
        places = stream.drawn[at][purpose]
        examples = stream.drawn_example[at][purpose]
        assert [kept[place] for place in places] == examples.tolist()
    places = stream.place[at][stream.place[at] < 15]
    assert len(set(places)) == len(places)
    for place, example in zip(stream.place[at], stream.example[at]):
      if place < 15:
        kept[int(place)] = int(example)
  assert len(kept) == 15
  # An even sample of both tasks: a few of each.
  tasks = [data.train_label[example] // 2 for example in kept.values()]
  assert 3 <= sum(tasks) <= 12


def test_joint_stream_mixes_tasks():
  data = toy()
  stream = draw_stream(data, joint=True)
  for task in range(2):
    share = (data.train_label[stream.example[task]] // 2).mean()
    assert share == pytest.approx(0.5, abs=0.15)


def test_settings_are_chosen_on_training_data_alone():
  data = toy()
  choosing = data.for_choosing()
  assert len(choosing.train) == 128 and len(choosing.test) == 32
  np.testing.assert_array_equal(
      np.concatenate([choosing.train, choosing.test]), data.train
  )
  assert not set(continual._CHOOSING_SEEDS) & set(range(100))


def test_grid_varies_the_terms_of_a_method_alone():
  settings = continual.grid('derpp')
  assert len(settings) == 18 and len(set(settings)) == 18
  assert {s.ewc for s in settings} == {0.0}
  assert {s.agem for s in continual.grid('agem')} == {1.0}
  assert len(continual.grid('joint')) == len(continual.grid('none')) == 2


def test_forgetting_by_hand():
  # Task 0: 0.9 after itself, 0.4 in the end; task 1: 0.8, then 0.6.
  accuracy = np.array([[0.9, 0.0, 0.0], [0.7, 0.8, 0.0], [0.4, 0.6, 1.0]])
  assert continual.forgetting(accuracy) == pytest.approx((0.5 + 0.2) / 2)
  assert continual.final(accuracy) == pytest.approx(2.0 / 3)


def test_naive_training_forgets_and_replay_does_not():
  settings = [
      training.Setting('none'),
      training.Setting('joint'),
      training.Setting('derpp', der=0.5, replay_ce=0.5),
  ]
  accuracy = training.train(
      toy(), settings, [0] * 3, epochs=10, batch=10, capacity=40
  )
  naive, joint, derpp = accuracy.open
  assert naive[0, 0] > 0.95 and naive[1, 1] > 0.95
  assert naive[1, 0] < 0.3  # forgotten
  assert joint[1].min() > 0.95
  assert derpp[1].min() > 0.9  # nothing forgotten, and the new one learned
  # Told the task, the choice between its two classes is easy.
  assert accuracy.told[2, 1].min() > 0.95
  assert (accuracy.told >= accuracy.open).all()


def test_digits_are_cut_by_class_or_permuted():
  pytest.importorskip('sklearn', reason='digits come with scikit-learn')
  split = continual_data.load('split_digits')
  assert len(split.train) == 1348 and len(split.test) == 449
  members = split.members(split.test_label)
  assert [set(split.test_label[ids]) for ids in members] == [
      {0, 1}, {2, 3}, {4, 5}, {6, 7}, {8, 9}
  ]
  permuted = continual_data.load('permuted_digits')
  assert permuted.num_tasks == 5 and permuted.task_of is None
  assert all(len(ids) == 449 for ids in permuted.members(permuted.test_label))
  assert len({tuple(order) for order in permuted.permutations}) == 5
  # No test image is trained on.
  trained = {image.tobytes() for image in split.train}
  assert sum(image.tobytes() in trained for image in split.test) == 0


def test_missing_library_is_one_clear_sentence(monkeypatch):
  monkeypatch.setitem(sys.modules, 'sklearn', None)
  with pytest.raises(continual_data.DataError, match='install the extra'):
    continual_data.load('split_digits')


def test_table_says_what_came_out():
  mean = lambda value: {'mean': value, 'low': value - 0.1, 'high': value + 0.1}
  outcome = {
      'buffer': 50,
      'settings': {'none': dataclasses.asdict(training.Setting('none'))},
      'methods': {'none': {
          'accuracy': mean(0.2), 'told': mean(0.9), 'forgetting': mean(0.8),
      }},
      'order': [
          {'better': 'derpp', 'worse': 'der', **mean(gap)}
          for gap in (0.3, 0.05, -0.2)
      ],
  }
  lines = continual.describe(outcome, told=True).splitlines()
  assert '20.0 [ 10.0,  30.0]' in lines[1]
  assert [line.split(': ')[-1] for line in lines[2:]] == [
      'better', 'not told apart', 'worse'
  ]
