"""What the benchmark of training trains on, for both of its sides.

A case is a batch of trajectories: our side packs them, several completions
behind one copy of their prompt; the other side gives each trajectory a row of
its own, padded to the longest.
"""

from collections.abc import Sequence
import dataclasses

import numpy as np

from swm_jax import tokenization
from swm_jax.data import batching
from swm_jax.tasks.python_functions import catalog

BETA = 10.0  # nats between a right and a wrong dream
RANK, ALPHA = 16, 32.0  # of the low-rank updates
LEARNING_RATE, DECAY_RATES, CLIP = 5e-5, (0.9, 0.95), 1.0
LORA_TARGETS = ('q', 'v', 'up', 'down')
_COMPLETIONS = 6  # of a prompt, of which one is right


@dataclasses.dataclass(frozen=True)
class Case:
  """One workload.

  Attributes:
    name: as printed.
    lora: train low-rank updates by VarGrad, not all weights by cross-entropy.
    packed: completions that share prompts, not plain text.
    rows: of plain text.
    length: of a row of plain text, and longest packed row.
    tokens: computed tokens of a packed batch, at most.
  """

  name: str
  lora: bool
  packed: bool
  rows: int = 8
  length: int = 128
  tokens: int = 1024


CASES = {
    'full': Case('full', lora=False, packed=False),
    'full-packed': Case('full-packed', lora=False, packed=True, length=384),
    'lora-packed': Case('lora-packed', lora=True, packed=True, length=384),
}


@dataclasses.dataclass(frozen=True)
class Work:
  """Trajectories of a case.

  Attributes:
    packed: our form of them.
    rows: prompt and completion of each, in the order of their ids.
    prompt_lengths: of each.
    groups: index of each one's prompt.
    rewards: verdict on each, 0 or 1.
  """

  packed: batching.PackedBatch
  rows: Sequence[Sequence[int]]
  prompt_lengths: Sequence[int]
  groups: Sequence[int]
  rewards: Sequence[int]

  @property
  def targets(self) -> int:
    """Tokens that the loss is taken at."""
    return int(self.packed.target_mask.sum())

  def padded(self) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets `[B, T]`; a target that does not count is -100."""
    longest = max(len(row) for row in self.rows) - 1
    inputs = np.zeros((len(self.rows), longest), np.int64)
    targets = np.full_like(inputs, -100)
    for i, (row, prompt) in enumerate(zip(self.rows, self.prompt_lengths)):
      inputs[i, : len(row) - 1] = row[:-1]
      targets[i, prompt - 1 : len(row) - 1] = row[prompt:]
    return inputs, targets


def make(case: Case, tokenizer: tokenization.Tokenizer) -> Work:
  """Makes the same work in every process."""
  examples = (_dreams if case.packed else _text)(case, tokenizer)
  if case.packed:
    shape = batching.choose_shape(
        examples, tokens_per_batch=case.tokens, max_length=case.length
    )
  else:
    shape = batching.Shape(case.rows, case.length, case.length, 1)
  packed = batching.pack(examples, seed=0, **dataclasses.asdict(shape))[0]
  rows, prompt_lengths, groups, rewards = [], [], [], []
  for group, example in enumerate(examples):
    for i, completion in zip(example.ids, example.completions):
      if i in packed.trajectory_id:
        rows.append([*example.prompt, *completion])
        prompt_lengths.append(len(example.prompt))
        groups.append(group)
        # The first completion of a prompt is its own reference.
        rewards.append(int(i == example.ids[0]))
  renumber = {group: i for i, group in enumerate(dict.fromkeys(groups))}
  groups = [renumber[group] for group in groups]
  return Work(packed, rows, prompt_lengths, groups, rewards)


def _text(case: Case, tokenizer) -> list[batching.Example]:
  """Rows of the suite's own source, every next token a target."""
  needed = case.rows * case.length + 1
  tokens = []
  for problem in catalog.suite():
    tokens += tokenizer.encode(problem.prompt + '\n' + problem.reference)
    if len(tokens) >= needed:
      break
  return batching.text_examples(tokens[:needed], length=case.length)


def _dreams(case: Case, tokenizer) -> list[batching.Example]:
  """Prompts with their own answer and the answers to others, which fail."""
  del case
  problems = catalog.suite()[::31]
  answers = []
  for problem in problems:
    _, body = problem.reference.split('\n', 1)
    answers.append([*tokenizer.encode('\n' + body), tokenizer.eos_id])
  examples = []
  for i, problem in enumerate(problems):
    others = [answers[(i + k) % len(answers)] for k in range(_COMPLETIONS)]
    first = i * _COMPLETIONS
    examples.append(
        batching.Example(
            prompt=tokenizer.encode(problem.prompt),
            completions=others,
            ids=list(range(first, first + _COMPLETIONS)),
            together=_COMPLETIONS,
        )
    )
  return examples
