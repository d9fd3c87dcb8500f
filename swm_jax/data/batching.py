"""Prefix packing: trajectories of one prompt share one computation of it.

A row of T tokens holds groups; a group is a prompt (branch 0) followed by its
completions (branches 1, 2, …). A completion sees its prompt and itself, never
a sibling, and its positions continue from the prompt's length, so that every
log-prob equals the one of the unpacked sequence. A completion of n tokens takes
n - 1 places: its last token is predicted and never read.

All batches of one data set have one shape (R rows, T tokens, M targets, J
trajectories), so that a train step is traced once. Plain numpy, host side.
"""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses

from flax import struct
import jax
import numpy as np

# Multiples of this keep shapes aligned for vector units without much padding.
_ALIGNMENT = 8
# Cost of one predicted token (the [V, D] product) as a share of the cost of one
# computed token; 0.25 is SmolLM2-135M's 28M of 134M parameters, rounded.
_TARGET_COST = 0.25


@dataclasses.dataclass(frozen=True)
class Example:
  """One prompt with the completions to be scored under it.

  Attributes:
    prompt: token ids, at least one.
    completions: token ids of each completion, at least one token each, the
      stop token included.
    ids: the caller's integer for each completion, unique in a data set; the
      gather functions below find payloads by it.
    together: completions are kept in one row in consecutive runs of this many;
      2 keeps each x+ beside its x-.
  """

  prompt: Sequence[int]
  completions: Sequence[Sequence[int]]
  ids: Sequence[int]
  together: int = 1


@dataclasses.dataclass(frozen=True)
class Shape:
  """The fixed shape of every batch of a data set."""

  rows: int
  length: int
  targets: int
  slots: int


@struct.dataclass
class PackedBatch:
  """R rows of packed groups; leaves are numpy arrays until they reach a device.

  Attributes:
    tokens: `[R, T]` int32, 0 where padded.
    positions: place in the unpacked sequence, `[R, T]` int32.
    group: 0 = padding, 1, 2, … = the prompts of the row, `[R, T]` int32.
    branch: 0 = prompt, 1, 2, … = completions of the group, `[R, T]` int32.
    source: index in the row of the token whose output predicts the target,
      `[R, M]` int32.
    target: token id to predict, `[R, M]` int32.
    target_mask: `[R, M]` bool.
    trajectory: slot 0 … J - 1 of the trajectory that the target belongs to,
      `[R, M]` int32, 0 where masked.
    trajectory_id: the caller's id of each slot, -1 = empty, `[R, J]` int32.
    prompt_end: index in the row of the last token of the slot's prompt,
      `[R, J]` int32, 0 where empty.
  """

  tokens: np.ndarray
  positions: np.ndarray
  group: np.ndarray
  branch: np.ndarray
  source: np.ndarray
  target: np.ndarray
  target_mask: np.ndarray
  trajectory: np.ndarray
  trajectory_id: np.ndarray
  prompt_end: np.ndarray


@dataclasses.dataclass
class _Row:
  """A row under construction: what it holds and how much."""

  examples: list[Example]
  length: int = 0
  targets: int = 0
  slots: int = 0


def _size(example: Example) -> tuple[int, int, int]:
  """Returns the tokens, targets and slots that an example takes in a row."""
  targets = sum(len(completion) for completion in example.completions)
  slots = len(example.completions)
  return len(example.prompt) + targets - slots, targets, slots


def _check(examples: Sequence[Example]) -> None:
  seen = set()
  for example in examples:
    if not example.completions or len(example.ids) != len(example.completions):
      raise ValueError(
          f'an example has {len(example.completions)} completions and'
          f' {len(example.ids)} ids; give one id to each, at least one'
      )
    if not len(example.prompt):
      raise ValueError(f'trajectory {example.ids[0]} has an empty prompt')
    for trajectory_id, completion in zip(example.ids, example.completions):
      if not len(completion):
        raise ValueError(f'trajectory {trajectory_id} has no tokens')
      if trajectory_id < 0 or trajectory_id in seen:
        raise ValueError(
            f'trajectory id {trajectory_id} is negative or given twice'
        )
      seen.add(trajectory_id)


def _split(example: Example, shape: Shape) -> Iterable[Example]:
  """Cuts an example into parts that each fit in an empty row."""
  def fits(completions):
    length, targets, slots = _size(
        dataclasses.replace(example, completions=completions)
    )
    return (
        length <= shape.length
        and targets <= shape.targets
        and slots <= shape.slots
    )

  part, ids = [], []
  for start in range(0, len(example.completions), example.together):
    stop = start + example.together
    run = list(example.completions[start:stop])
    run_ids = list(example.ids[start:stop])
    if not fits(run):
      tokens = len(example.prompt) + sum(len(c) - 1 for c in run)
      raise ValueError(
          f'trajectory {run_ids[0]} (with the {len(run) - 1} that must share'
          f' its row) needs {tokens} tokens and'
          f' {sum(len(c) for c in run)} targets, more than {shape}; drop it or'
          ' choose a larger shape'
      )
    if part and not fits(part + run):
      yield dataclasses.replace(example, completions=part, ids=ids)
      part, ids = [], []
    part, ids = part + run, ids + run_ids
  yield dataclasses.replace(example, completions=part, ids=ids)


def _first_fit(
    examples: Sequence[Example], shape: Shape, rng: np.random.Generator | None
) -> list[_Row]:
  """First-fit decreasing; ties and the order of rows are the generator's."""
  parts = [part for example in examples for part in _split(example, shape)]
  if rng is not None:
    parts = [parts[i] for i in rng.permutation(len(parts))]
  parts.sort(key=lambda part: -_size(part)[0])  # Stable, so ties stay shuffled.
  limit = np.array([shape.length, shape.targets, shape.slots])
  used = np.zeros((len(parts), 3), np.int64)
  rows = []
  for part in parts:
    size = np.array(_size(part))
    # An unused row is all zeros and fits, so argmax always finds one.
    index = int(np.argmax((used + size <= limit).all(axis=1)))
    if index == len(rows):
      rows.append(_Row([]))
    used[index] += size
    row = rows[index]
    row.examples.append(part)
    row.length, row.targets, row.slots = used[index].tolist()
  if rng is not None:
    rows = [rows[i] for i in rng.permutation(len(rows))]
  return rows


def _empty(shape: Shape) -> PackedBatch:
  tokens = lambda: np.zeros((shape.rows, shape.length), np.int32)
  targets = lambda: np.zeros((shape.rows, shape.targets), np.int32)
  slots = lambda: np.zeros((shape.rows, shape.slots), np.int32)
  return PackedBatch(
      tokens=tokens(),
      positions=tokens(),
      group=tokens(),
      branch=tokens(),
      source=targets(),
      target=targets(),
      target_mask=targets().astype(bool),
      trajectory=targets(),
      trajectory_id=slots() - 1,
      prompt_end=slots(),
  )


def _write_row(batch: PackedBatch, r: int, examples: Sequence[Example]) -> None:
  start, target_start, slot = 0, 0, 0
  for group, example in enumerate(examples, start=1):
    prompt_length = len(example.prompt)
    prompt_end = start + prompt_length - 1
    batch.tokens[r, start : prompt_end + 1] = example.prompt
    batch.positions[r, start : prompt_end + 1] = np.arange(prompt_length)
    batch.group[r, start : prompt_end + 1] = group
    start = prompt_end + 1
    for branch, completion in enumerate(example.completions, start=1):
      inputs, outputs = len(completion) - 1, len(completion)
      here = slice(start, start + inputs)
      batch.tokens[r, here] = completion[:-1]
      batch.positions[r, here] = prompt_length + np.arange(inputs)
      batch.group[r, here] = group
      batch.branch[r, here] = branch
      there = slice(target_start, target_start + outputs)
      batch.source[r, there] = [prompt_end, *range(start, start + inputs)]
      batch.target[r, there] = completion
      batch.target_mask[r, there] = True
      batch.trajectory[r, there] = slot
      batch.trajectory_id[r, slot] = example.ids[branch - 1]
      batch.prompt_end[r, slot] = prompt_end
      start, target_start = start + inputs, target_start + outputs
      slot += 1


def pack(
    examples: Sequence[Example],
    *,
    rows: int,
    length: int,
    targets: int,
    slots: int,
    seed: int | None = None,
) -> list[PackedBatch]:
  """Packs a data set into batches of one shape, every target exactly once.

  Args:
    examples: prompts with completions; one too large for a row is split, its
      prompt repeated.
    rows: R, rows of a batch; the last batch is filled with empty rows.
    length: T, tokens of a row.
    targets: M, most predicted tokens of a row.
    slots: J, most trajectories of a row.
    seed: shuffles which groups share a row and the order of rows; None keeps
      first-fit-decreasing order.

  Returns:
    Batches of identical shapes.

  Raises:
    ValueError: if a trajectory does not fit in a row, is empty, or has an id
      that is negative or used twice; the message names it.
  """
  _check(examples)
  shape = Shape(rows=rows, length=length, targets=targets, slots=slots)
  rng = None if seed is None else np.random.default_rng(seed)
  packed = _first_fit(examples, shape, rng)
  batches = []
  for start in range(0, len(packed), rows):
    batch = _empty(shape)
    for r, row in enumerate(packed[start : start + rows]):
      _write_row(batch, r, row.examples)
    batches.append(batch)
  return batches


def _align(n: int) -> int:
  return -(-n // _ALIGNMENT) * _ALIGNMENT


def choose_shape(
    examples: Sequence[Example],
    *,
    tokens_per_batch: int,
    max_length: int,
    others: Sequence[Example] = (),
) -> Shape:
  """Chooses the shape that computes the fewest padded tokens and targets.

  Args:
    examples: the data set, or a sample with the same lengths.
    tokens_per_batch: upper bound of R T where the longest example allows it.
    max_length: upper bound of T, the model's context or a memory limit.
    others: examples that will be packed now and then in the place of some of
      these; they must fit in a row.

  Returns:
    The cheapest of the shapes tried: T in multiples of 8, at most 48 of them,
    with M as large as the fullest row needs or close to the mean.

  Raises:
    ValueError: if a trajectory cannot fit in max_length tokens.
  """
  _check(examples)
  runs = []  # The smallest parts that may not be split.
  for example in [*examples, *others]:
    for start in range(0, len(example.ids), example.together):
      stop = start + example.together
      runs.append(_size(dataclasses.replace(
          example, completions=example.completions[start:stop]
      )))
  longest, most_targets, most_slots = np.max(runs, axis=0).tolist()
  if longest > max_length:
    raise ValueError(
        f'the longest trajectory takes {longest} tokens, more than'
        f' {max_length=}; drop it or raise the limit'
    )
  total_slots = sum(run[2] for run in runs)
  shortest = min(_align(longest), max_length)
  step = _align(max(_ALIGNMENT, (max_length - shortest) // 48))
  best = None
  for length in range(shortest, max_length + 1, step):
    loose = Shape(1, length, 10**9, max(total_slots, most_slots))
    loose_rows = _first_fit(examples, loose, None)
    fullest = max(most_targets, *(row.targets for row in loose_rows))
    mean = sum(row.targets for row in loose_rows) / len(loose_rows)
    for targets in sorted({
        _align(fullest), _align(max(most_targets, int(1.1 * mean)))
    }):
      packed = _first_fit(
          examples, dataclasses.replace(loose, targets=targets), None
      )
      slots = max(most_slots, max(row.slots for row in packed))
      most_rows = max(1, tokens_per_batch // length)
      # A row less may leave fewer rows of the last batch empty; of two rows it
      # would be half of what a step learns from.
      for most in {most_rows, max(2, most_rows - 1)} if most_rows > 1 else {1}:
        batches = -(-len(packed) // most)
        rows = -(-len(packed) // batches)
        cost = batches * rows * (length + _TARGET_COST * targets)
        # Of equals the one of fewest batches.
        choice = cost, batches, Shape(rows, length, targets, slots)
        if best is None or choice[:2] < best[:2]:
          best = choice
  return best[2]


def padding_share(batches: Sequence[PackedBatch]) -> float:
  """Returns the share of computed tokens that are padding."""
  padded = sum(int((batch.group == 0).sum()) for batch in batches)
  return padded / max(1, sum(batch.group.size for batch in batches))


def text_examples(
    tokens: Sequence[int], *, length: int, first_id: int = 0
) -> list[Example]:
  """Cuts plain text into windows whose every next token is a target.

  Windows overlap by one token, so that no token but the first goes unpredicted.
  A window is a one-token prompt with the rest as its only completion, which is
  the same computation as one causal sequence.

  Args:
    tokens: the text, at least two tokens.
    length: most tokens computed for a window.
    first_id: id of the first window; the next ones count up.

  Returns:
    One example a window; its targets are `tokens[i * length + 1 :][:length]`.
  """
  if len(tokens) < 2:
    raise ValueError('plain text needs at least two tokens to have a target')
  starts = range(0, len(tokens) - 1, length)
  return [
      Example(
          prompt=tokens[start : start + 1],
          completions=[tokens[start + 1 : start + length + 1]],
          ids=[first_id + i],
      )
      for i, start in enumerate(starts)
  ]


def pack_text(
    tokens: Sequence[int],
    *,
    rows: int,
    length: int,
    first_id: int = 0,
    seed: int | None = None,
) -> list[PackedBatch]:
  """Packs one plain text in windows of a row each; see `text_examples`."""
  return pack(
      text_examples(tokens, length=length, first_id=first_id),
      rows=rows,
      length=length,
      targets=length,
      slots=1,
      seed=seed,
  )


def per_target(values: Mapping[int, jax.Array], batch: PackedBatch):
  """Gathers per-token payloads to the batch's targets.

  Args:
    values: pytree of arrays `[n, ...]` for each trajectory id, n its number of
      completion tokens, e.g. log-probs or `TopKLogits`.
    batch: of R rows and M targets.

  Returns:
    The same pytree of arrays `[R, M, ...]`, 0 where masked.

  Raises:
    KeyError: if a trajectory of the batch has no payload.
    ValueError: if a payload's length is not the trajectory's.
  """
  places = []
  for r, slot in np.argwhere(batch.trajectory_id >= 0):
    where = batch.target_mask[r] & (batch.trajectory[r] == slot)
    places.append((int(batch.trajectory_id[r, slot]), r, np.flatnonzero(where)))

  def gather(*leaves):
    first = np.asarray(next(iter(leaves)))
    out = np.zeros(batch.target.shape + first.shape[1:], first.dtype)
    for (trajectory_id, r, where), leaf in zip(places, leaves):
      if len(leaf) != len(where):
        raise ValueError(
            f'trajectory {trajectory_id} has {len(where)} tokens and a payload'
            f' of {len(leaf)}'
        )
      out[r, where] = leaf
    return out

  return jax.tree.map(gather, *(values[place[0]] for place in places))


def per_trajectory(values: Mapping[int, jax.Array], batch: PackedBatch):
  """Gathers per-trajectory payloads to the batch's slots.

  Args:
    values: pytree of arrays `[...]` (or numbers) for each trajectory id.
    batch: of R rows and J slots.

  Returns:
    The same pytree of arrays `[R, J, ...]`, 0 where the slot is empty.
  """
  places = np.argwhere(batch.trajectory_id >= 0)

  def gather(*leaves):
    first = np.asarray(next(iter(leaves)))
    out = np.zeros(batch.trajectory_id.shape + first.shape, first.dtype)
    for (r, slot), leaf in zip(places, leaves):
      out[r, slot] = leaf
    return out

  ids = [int(batch.trajectory_id[r, slot]) for r, slot in places]
  return jax.tree.map(gather, *(values[i] for i in ids))
