"""The host side of consolidation: memories in, weighed and packed steps out.

Everything a step reads is made before the first step and depends on nothing but
the memories and the seed: a run that was cut continues at its last durable step
with the same arrays. A group is one prompt with its x+ and x-, in one row, so
that both energies of a pair come from the same forward pass; anchors are rows
of their own.
"""

from collections.abc import Sequence
import dataclasses

from flax import struct
import jax
import numpy as np

from swm_jax import types
from swm_jax.data import batching
from swm_jax.losses import compose
from swm_jax.losses import contrastive

ENERGIES = ('nll', 'hopfield', 'head')


@dataclasses.dataclass(frozen=True)
class Options:
  """What a night's consolidation does.

  Attributes:
    epochs: passes over the memories.
    max_tokens: stop after as many computed tokens, padding left out, whatever
      `epochs` says; 0 is no limit. Arms of an ablation are matched by it.
    tokens_per_step: computed tokens of one update, prompts included.
    accumulate: micro-batches that an update is cut into.
    max_length: longest packed row.
    learning_rate: peak.
    warmup: steps.
    clip: global gradient norm.
    temperature: of the gradient flow; 0 is plain descent.
    positives: most x+ of a problem.
    negatives: most x- of a problem.
    rare_first: weigh x+ by how rarely the problem was solved, 1 - p, floored
      at `min_weight`; False weighs all the same.
    min_weight: see `rare_first`.
    energy: one of `ENERGIES`.
    weights: of the loss terms.
    contrast_form: one of `contrastive.FORMS`.
    contrast_beta: inverse temperature of the contrast.
    contrast_margin: of the contrast.
    contrast_l2: on energies.
    anchor_form: one of `anchoring.FORMS`.
    anchor_share: anchor tokens over all target tokens of an epoch; DER++ has
      half of them in each of its draws, and methods without replay draw none.
    agem: project the gradient of all other terms off that of cross-entropy on
      drawn anchors (`retention.project`); instead of `weights.der` and the
      other terms that keep, not beside them.
  """

  epochs: int
  max_tokens: int
  tokens_per_step: int
  accumulate: int
  max_length: int
  learning_rate: float
  warmup: int
  clip: float
  temperature: float
  positives: int
  negatives: int
  rare_first: bool
  min_weight: float
  energy: str
  weights: compose.LossWeights
  contrast_form: str
  contrast_beta: float
  contrast_margin: float
  contrast_l2: float
  anchor_form: str
  anchor_share: float
  agem: bool = False

  def __post_init__(self):
    if self.energy not in ENERGIES:
      raise ValueError(
          f'energy={self.energy!r} is unknown; choose one of'
          f' {", ".join(ENERGIES)}'
      )
    if self.agem and (self.weights.der or self.weights.replay_ce):
      raise ValueError(
          'agem=True replays anchors as a constraint; set weights.der and'
          ' weights.replay_ce to 0'
      )


@dataclasses.dataclass(frozen=True)
class Memory:
  """One trajectory as consolidation reads it.

  Attributes:
    problem: id; x+ and x- of one problem are contrasted.
    prompt: token ids.
    tokens: of the completion, stop included.
    sign: +1 for x+, -1 for x-, 0 for an anchor.
    log_mu: log-probability under the untempered model that drew it, nats.
    pass_rate: share of verified samples of its problem.
    top_k: z_past at each token, for anchors.
  """

  problem: str
  prompt: Sequence[int]
  tokens: Sequence[int]
  sign: int
  log_mu: float = 0.0
  pass_rate: float = 0.0
  top_k: types.TopKLogits | None = None


@struct.dataclass
class Batch:
  """Packed rows with what the loss weighs them by; leaves `[A, R, ...]`.

  Weights are divided by the mean total of a step of the plan, so that the
  losses of micro-batches add up to that of the step.

  Attributes:
    packed: rows.
    ce_weight: of each target in the cross-entropy, `[R, M]`.
    replay_weight: the same on the draw of anchors for cross-entropy (ER, A-GEM,
      the second draw of DER++), `[R, M]`.
    anchor_weight: of each target in DER, `[R, M]`.
    z_past: stored logits, `[R, M, K]`.
    contrast_mask: targets that enter an energy, `[R, M]`.
    sign: `[R, J]`.
    problem: index of the slot's problem in its row, `[R, J]`.
    log_mu: `[R, J]`.
    contrast_weight: 1 / prompts with a pair in the mean step, `[R]`.
    penalty_weight: of a penalty on weights, `[R]`; 1 a step in all, and 0 for
      rows of padding, which are not always computed.
  """

  packed: batching.PackedBatch
  ce_weight: jax.Array
  replay_weight: jax.Array
  anchor_weight: jax.Array
  z_past: types.TopKLogits
  contrast_mask: jax.Array
  sign: jax.Array
  problem: jax.Array
  log_mu: jax.Array
  contrast_weight: jax.Array
  penalty_weight: jax.Array


def plan(
    memories: Sequence[Memory],
    anchors: Sequence[Memory],
    options: Options,
    *,
    row_multiple: int = 1,
    seed: int,
) -> list[Batch]:
  """Lays out every update of the night.

  Args:
    memories: x+ and x- of the night, already chosen.
    anchors: with z_past; each epoch draws afresh from them.
    options: see `Options`.
    row_multiple: rows of a micro-batch are a multiple of this, the number of
      devices that share them.
    seed: of the order and the draws.

  Returns:
    One `Batch` of `[A, R, ...]` numpy arrays per update, all of one shape.

  Raises:
    ValueError: there is no x+ to learn from.
  """
  if not any(memory.sign > 0 for memory in memories):
    raise ValueError(
        'the night has no verified trajectory to consolidate; give wake and'
        ' rem more samples or easier problems'
    )
  table = [*memories, *anchors]
  groups: dict[str, list[int]] = {}
  for i, memory in enumerate(memories):
    groups.setdefault(memory.problem, []).append(i)
  examples = [_example(table, ids) for ids in groups.values()]
  anchor_ids = np.arange(len(memories), len(table))
  rng = np.random.default_rng(seed)
  epochs = [
      (*_draw_epoch(rng, table, anchor_ids, options), int(rng.integers(2**31)))
      for _ in range(options.epochs)
  ]
  alone = lambda ids: [_example(table, [i]) for i in ids]
  drawn, replayed, _ = epochs[0]
  shape = batching.choose_shape(
      examples + alone(drawn + replayed),
      tokens_per_batch=options.tokens_per_step // options.accumulate,
      max_length=options.max_length,
      others=alone(anchor_ids) if drawn or replayed else (),
  )
  fields = {
      'rows': -(-shape.rows // row_multiple) * row_multiple,
      'length': shape.length,
      'targets': shape.targets, 'slots': shape.slots,
  }
  divergence = _divergence(memories, groups)
  steps, tokens = [], 0
  for drawn, replayed, seed_of_epoch in epochs:
    packed = batching.pack(
        examples + alone(drawn + replayed), seed=seed_of_epoch, **fields
    )
    for start in range(0, len(packed), options.accumulate):
      rows = packed[start : start + options.accumulate]
      if len(rows) < options.accumulate:
        rows = rows + [_blank(rows[0])] * (options.accumulate - len(rows))
      tokens += sum(int((row.group > 0).sum()) for row in rows)
      if options.max_tokens and tokens > options.max_tokens:
        return _normalise(steps)
      batches = [
          _payload(row, table, divergence, set(replayed), options)
          for row in rows
      ]
      steps.append(jax.tree.map(lambda *leaves: np.stack(leaves), *batches))
  return _normalise(steps)


def _example(table, ids) -> batching.Example:
  return batching.Example(
      prompt=table[ids[0]].prompt,
      completions=[table[i].tokens for i in ids],
      ids=ids,
      together=len(ids),
  )


def _blank(batch: batching.PackedBatch) -> batching.PackedBatch:
  """Returns rows of padding alone."""
  blank = jax.tree.map(np.zeros_like, batch)
  return blank.replace(trajectory_id=blank.trajectory_id - 1)


def _draw_epoch(rng, table, anchor_ids, options: Options):
  """Draws the anchors of DER and, disjoint, those of cross-entropy."""
  if not len(anchor_ids) or options.anchor_share <= 0:
    return [], []
  tokens = sum(len(memory.tokens) for memory in table if memory.sign)
  wanted = options.anchor_share / (1.0 - options.anchor_share) * tokens
  compared = options.weights.der > 0
  replayed = options.agem or options.weights.replay_ce > 0
  drawn, second = [], []
  if compared:
    drawn = _draw_anchors(
        rng, table, anchor_ids, wanted / 2 if replayed else wanted
    )
  if replayed:
    rest = np.setdiff1d(anchor_ids, drawn)
    second = _draw_anchors(rng, table, rest, wanted / 2 if compared else wanted)
  return drawn, second


def _draw_anchors(rng, table, anchor_ids, wanted: float) -> list[int]:
  """Draws distinct anchors until they have as many tokens as wanted."""
  drawn = []
  for i in rng.permutation(anchor_ids):
    if wanted <= 0:
      break
    drawn.append(int(i))
    wanted -= len(table[i].tokens)
  return drawn


def _divergence(memories, groups) -> dict[int, np.ndarray]:
  """Which tokens of each x+ and x- come after the pair's first divergence."""
  masks = {}
  for ids in groups.values():
    for i in ids:
      others = [
          memories[j].tokens for j in ids
          if memories[j].sign * memories[i].sign < 0
      ]
      masks[i] = (
          contrastive.after_first_divergence(memories[i].tokens, others)
          if others
          else np.zeros(len(memories[i].tokens), bool)
      )
  return masks


def totals(step: Batch) -> dict[str, float]:
  """What each loss term of a step is weighed by in all, by the term's name.

  1 on average over a plan; a term divided by it is a mean over the step.
  """
  return {
      'ce': float(step.ce_weight.sum()),
      'replay_ce': float(step.replay_weight.sum()),
      'der': float(step.anchor_weight.sum()),
      'cd': float(step.contrast_weight.max()) * _pairs(step),
      'ewc': float(step.penalty_weight.sum()),
      'l2_sp': float(step.penalty_weight.sum()),
  }


def _pairs(step: Batch) -> int:
  """Prompts with an x+ and an x- in one row."""
  J = step.sign.shape[-1]
  return sum(
      len(set(problem[sign > 0]) & set(problem[sign < 0]))
      for sign, problem in zip(
          step.sign.reshape(-1, J), step.problem.reshape(-1, J)
      )
  )


def _normalise(steps: Sequence[Batch]) -> list[Batch]:
  """Divides all weights by the mean total of a step.

  A step's own totals would give the only anchor of one step the say of all
  anchors of another: every token counts the same, whichever step it is in.
  """
  if not steps:
    return []
  by_step = [totals(step) for step in steps]
  mean = {
      name: np.mean([total[name] for total in by_step]) or 1.0
      for name in by_step[0]
  }
  return [
      step.replace(
          ce_weight=step.ce_weight / np.float32(mean['ce']),
          replay_weight=step.replay_weight / np.float32(mean['replay_ce']),
          anchor_weight=step.anchor_weight / np.float32(mean['der']),
          contrast_weight=step.contrast_weight / np.float32(mean['cd']),
          penalty_weight=step.penalty_weight / step.penalty_weight.sum(),
      )
      for step in steps
  ]


def _payload(packed, table, divergence, replayed, options: Options) -> Batch:
  """Undivided weights of one micro-batch."""
  ids = [int(i) for i in packed.trajectory_id.ravel() if i >= 0]
  stored = [m.top_k for m in table if m.top_k is not None]
  width = stored[0].values.shape[-1] if stored else 1
  values = {}
  for i in ids:
    memory = table[i]
    n = len(memory.tokens)
    ones = np.ones(n, np.float32)
    weight = 1.0
    if options.rare_first:
      weight = max(1.0 - memory.pass_rate, options.min_weight)
    anchor = memory.sign == 0
    values[i] = {
        'ce': ones * (weight if memory.sign > 0 else 0.0),
        'anchor': ones * (anchor and i not in replayed),
        'replay': ones * (i in replayed),
        'contrast': divergence.get(i, np.zeros(n, bool)),
        'z_past': memory.top_k if anchor else types.TopKLogits(
            np.zeros((n, width), np.float32),
            # Distinct ids, so that masked rows are computed like others.
            np.broadcast_to(np.arange(width, dtype=np.int32), (n, width)),
            np.zeros(n, np.float32),
        ),
    }
  shape = packed.target.shape
  if ids:
    target = batching.per_target(values, packed)
  else:
    zeros = np.zeros(shape, np.float32)
    target = {
        'ce': zeros, 'anchor': zeros, 'replay': zeros,
        'contrast': zeros.astype(bool),
        'z_past': types.TopKLogits(
            np.zeros((*shape, width), np.float32),
            np.zeros((*shape, width), np.int32),
            zeros,
        ),
    }
  # Padding would name one id K times; distinct ones keep the gather defined.
  target['z_past'] = target['z_past'].replace(
      indices=np.where(
          packed.target_mask[..., None],
          target['z_past'].indices,
          np.arange(width, dtype=np.int32),
      ).astype(np.int32)
  )
  sign = np.zeros(packed.trajectory_id.shape, np.int32)
  problem = np.zeros_like(sign)
  log_mu = np.zeros(sign.shape, np.float32)
  for r, row in enumerate(packed.trajectory_id):
    seen: dict[str, int] = {}
    for slot, i in enumerate(row):
      if i >= 0:
        memory = table[i]
        sign[r, slot] = memory.sign
        problem[r, slot] = seen.setdefault(memory.problem, len(seen))
        log_mu[r, slot] = memory.log_mu
  return Batch(
      packed=packed,
      ce_weight=target['ce'],
      replay_weight=target['replay'],
      anchor_weight=target['anchor'],
      z_past=target['z_past'],
      contrast_mask=target['contrast'],
      sign=sign,
      problem=problem,
      log_mu=log_mu,
      contrast_weight=np.ones(shape[0], np.float32),
      penalty_weight=(packed.group > 0).any(axis=1).astype(np.float32),
  )
