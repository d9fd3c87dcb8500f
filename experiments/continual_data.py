"""Streams of tasks: data sets cut by class or permuted by pixel.

A stream is arrays of indices alone, made on the host before training: which
examples a step sees, which places of the buffer they take and which it replays.
"""

from collections.abc import Callable
import dataclasses

import numpy as np

from swm_jax.data import replay

_TEST_SHARE = 0.25  # of digits, which come without a split
_VALIDATION_SHARE = 0.2  # of the training set
_PERMUTATIONS = 5
# Of the 60,000 images of MNIST, so that ten runs fit on two cores.
_MNIST_TRAIN = 10_000


class DataError(Exception):
  """A data set cannot be had; one sentence says why."""


@dataclasses.dataclass(frozen=True)
class Dataset:
  """Images, and the tasks they are cut into.

  Attributes:
    train: rows in [0, 1], `[N, D]`.
    train_label: class, `[N]`.
    test: `[M, D]`.
    test_label: `[M]`.
    task_of: task of each class, `[C]`, where tasks are sets of classes; None
      where each task is all images under its own permutation.
    permutations: order of pixels in each task, `[K, D]`; the identity where
      tasks are sets of classes.
  """

  train: np.ndarray
  train_label: np.ndarray
  test: np.ndarray
  test_label: np.ndarray
  task_of: np.ndarray | None
  permutations: np.ndarray

  @property
  def num_tasks(self) -> int:
    return len(self.permutations)

  @property
  def num_classes(self) -> int:
    return int(self.train_label.max()) + 1

  def for_choosing(self) -> 'Dataset':
    """The training set alone, cut in two: its last part is the test set."""
    cut = len(self.train) - int(_VALIDATION_SHARE * len(self.train))
    return dataclasses.replace(
        self, train=self.train[:cut], train_label=self.train_label[:cut],
        test=self.train[cut:], test_label=self.train_label[cut:],
    )

  def members(self, label: np.ndarray) -> list[np.ndarray]:
    """Indices of the examples of each task."""
    if self.task_of is None:
      return [np.arange(len(label))] * self.num_tasks
    return [
        np.flatnonzero(self.task_of[label] == task)
        for task in range(self.num_tasks)
    ]


@dataclasses.dataclass(frozen=True)
class Stream:
  """What every step of a run reads, by index; leading axes `[K, S]`.

  Attributes:
    example: of the training set, `[K, S, B]`.
    task: of each, `[K, S, B]`.
    place: of the buffer that it takes, the capacity where none, `[K, S, B]`.
    drawn: places replayed: for stored logits, then for stored labels,
      `[K, S, 2, R]`.
    drawn_example, drawn_task: what lies there, `[K, S, 2, R]`.
    holds: whether there is anything to replay, `[K, S]`.
  """

  example: np.ndarray
  task: np.ndarray
  place: np.ndarray
  drawn: np.ndarray
  drawn_example: np.ndarray
  drawn_task: np.ndarray
  holds: np.ndarray


def load(name: str) -> Dataset:
  """Loads a data set by its name in `NAMES`."""
  kind, source = name.split('_')
  train, train_label, test, test_label = _SOURCES[source]()
  D = train.shape[1]
  if kind == 'split':
    task_of, tasks = np.arange(10) // 2, 5
    permutations = np.tile(np.arange(D), (tasks, 1))
  else:
    rng = np.random.default_rng(0)
    task_of = None
    permutations = np.stack([rng.permutation(D) for _ in range(_PERMUTATIONS)])
  return Dataset(
      train, train_label, test, test_label, task_of, permutations
  )


def stream(
    data: Dataset, *, epochs: int, batch: int, replayed: int, capacity: int,
    joint: bool, seed: int,
) -> Stream:
  """Draws the order of one run.

  Args:
    data: to learn.
    epochs: passes over each task, as many whole batches as its smallest has.
    batch: B.
    replayed: R, places drawn a step for each of two purposes, independently,
      without replacement as far as the buffer goes.
    capacity: of the buffer, a reservoir over all examples seen.
    joint: mix all tasks from the start; the upper bound.
    seed: of order, buffer and draws.
  """
  rng = np.random.default_rng(seed)
  members = data.members(data.train_label)
  if joint:
    pool = np.concatenate([
        np.stack([ids, np.full(len(ids), task)], axis=1)
        for task, ids in enumerate(members)
    ])
  steps = min(map(len, members)) // batch
  K, S = data.num_tasks, epochs * steps
  fields = {
      'example': np.zeros((K, S, batch), np.int32),
      'task': np.zeros((K, S, batch), np.int32),
      'place': np.full((K, S, batch), capacity, np.int32),
      'drawn': np.zeros((K, S, 2, replayed), np.int32),
      'drawn_example': np.zeros((K, S, 2, replayed), np.int32),
      'drawn_task': np.zeros((K, S, 2, replayed), np.int32),
      'holds': np.zeros((K, S), np.float32),
  }
  kept = np.zeros((capacity, 2), np.int32)  # example and task by place
  seen = 0
  for k in range(K):
    for epoch in range(epochs):
      if joint:
        order = rng.permutation(pool)
      else:
        ids = rng.permutation(members[k])
        order = np.stack([ids, np.full(len(ids), k)], axis=1)
      for i in range(steps):
        at = k, epoch * steps + i
        rows = order[i * batch : (i + 1) * batch]
        fields['example'][at], fields['task'][at] = rows.T
        filled = min(seen, capacity)
        if filled:
          fields['holds'][at] = 1.0
          for purpose in range(2):
            places = rng.choice(filled, replayed, replace=filled < replayed)
            fields['drawn'][at][purpose] = places
            fields['drawn_example'][at][purpose] = kept[places, 0]
            fields['drawn_task'][at][purpose] = kept[places, 1]
        taken = {}
        for j, row in enumerate(rows):
          place = replay.reservoir_place(rng, seen, capacity)
          seen += 1
          if place is not None:
            kept[place] = row
            # Only the last of those that a batch writes to one place stays.
            fields['place'][at][taken.get(place, j)] = capacity
            fields['place'][at][j] = place
            taken[place] = j
  return Stream(**fields)


def _digits():
  try:
    from sklearn import datasets  # pylint: disable=g-import-not-at-top
  except ImportError:
    raise DataError(
        'digits come with scikit-learn, which is not installed;'
        " install the extra: pip install -e '.[continual]'"
    ) from None
  images, label = datasets.load_digits(return_X_y=True)
  order = np.random.default_rng(0).permutation(len(images))
  images = (images[order] / 16.0).astype(np.float32)
  label = label[order].astype(np.int32)
  cut = int(_TEST_SHARE * len(images))
  return images[cut:], label[cut:], images[:cut], label[:cut]


def _mnist():
  import tensorflow_datasets as tfds  # pylint: disable=g-import-not-at-top

  parts = []
  for split in (f'train[:{_MNIST_TRAIN}]', 'test'):
    try:
      source = tfds.data_source('mnist', split=split)
    except Exception as error:  # The library raises many kinds.
      raise DataError(
          'MNIST could not be had through tensorflow-datasets, which downloads'
          f' it once: {" ".join(str(error).split())[:200]}'
      ) from error
    rows = [(row['image'].reshape(-1) / 255.0, row['label']) for row in source]
    images, label = zip(*rows)
    parts += [np.array(images, np.float32), np.array(label, np.int32)]
  return parts


_SOURCES: dict[str, Callable] = {'digits': _digits, 'mnist': _mnist}
NAMES = tuple(
    f'{kind}_{source}' for source in _SOURCES for kind in ('split', 'permuted')
)
