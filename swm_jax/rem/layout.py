"""The host side of the dreamer's updates: dreams in, packed steps out.

A group is one problem's dreams of a round with what is replayed beside them.
Groups share rows, rows make micro-batches of one shape, and micro-batches make
updates. The groups of a micro-batch that would be padding for too large a part
wait for the next round: balance objectives hold for dreams of any age.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
from typing import Any

from flax import struct
import jax
from jax import numpy as jnp
import numpy as np

from swm_jax import chunked_logits
from swm_jax import global_arrays
from swm_jax import training
from swm_jax import types
from swm_jax.data import batching
from swm_jax.data import outcomes
from swm_jax.data import trajectory_log
from swm_jax.models import transformer
from swm_jax.rem import difficulty
from swm_jax.rem import options as options_lib
from swm_jax.samplers import stopping

Record = trajectory_log.Record

# Share of padding above which a round's last micro-batch waits for the next.
_MAX_PADDING = 0.05


@struct.dataclass
class Batch:
  """Packed dreams with what objectives read of them; leaves `[A, R, ...]`.

  T is the longest completion of a night. What the objective does not read is
  None.

  Attributes:
    packed: rows.
    place: index in its row of each trajectory's targets, `[R, J, T]` int32, 0
      where not `mask`.
    mask: `[R, J, T]` bool.
    problem: index of the slot's problem in its micro-batch, `[R, J]` int32.
    reward: verdict, 0 or 1, `[R, J]`.
    weight: share of the trajectory in its update, 0 where empty, `[R, J]`.
    log_p_ref: of each target under the frozen base, nats, `[R, M]`.
    log_behaviour: under the policy that drew it, nats, `[R, M]`: grpo.
    state: of the stop automaton before each target, `[R, M]` int32: raptb.
    log_stop_ref: log-probability under the base that a token that stops comes
      there instead, nats, `[R, M]`: raptb.
  """

  packed: batching.PackedBatch
  place: jax.Array
  mask: jax.Array
  problem: jax.Array
  reward: jax.Array
  weight: jax.Array
  log_p_ref: jax.Array
  log_behaviour: jax.Array | None = None
  state: jax.Array | None = None
  log_stop_ref: jax.Array | None = None


@dataclasses.dataclass(frozen=True)
class Group:
  """Distinct trajectories of one problem, and what each of them weighs."""

  records: Sequence[Record]
  weight: float = 1.0


def make_groups(
    records: Sequence[Record],
    store: Mapping[str, Sequence[Record]],
    counts: Mapping[str, tuple[int, int]],
    options: options_lib.Options,
) -> list[Group]:
  """Groups a round's dreams with replayed x+, as far as they teach something.

  Cross-entropy learns from what passed and nothing else, and gives each
  problem 1 - p as weight, p = (passed + 1) / (tried + 2): what is rarely found
  counts most. GRPO has no advantage in a group whose verdicts are equal. The
  balance objectives keep such groups: nothing else holds the dreamer to the
  reference there.

  Args:
    records: of the round; those that the verifier failed on are left out.
    store: x+ by problem id, oldest first.
    counts: `(passed, tried)` by problem id, the round included.
    options: see `Options`.
  """
  by_problem: dict[str, list[Record]] = {}
  for entry in records:
    if entry['verdict']['status'] != types.ERROR:
      by_problem.setdefault(entry['problem'], []).append(entry)
  groups = []
  for problem, dreams in by_problem.items():
    seen, group = set(), []
    # Newest first: old x+ are the likeliest to be forgotten by the dreamer.
    for entry in dreams + list(store.get(problem, []))[::-1][: options.replay]:
      tokens = tuple(int(token) for token in entry['tokens'])
      if tokens and tokens not in seen:
        seen.add(tokens)
        group.append(entry)
    weight = 1.0
    if options.objective == 'ce':
      group = [entry for entry in group if outcomes.passed(entry)]
      weight = 1.0 - float(difficulty.posterior_rate(*counts[problem]))
    elif options.objective == 'grpo':
      if len(set(map(outcomes.passed, group))) < 2:
        group = []
    if group:
      groups.append(Group(group, weight))
  return groups


def pack(
    groups: Sequence[Group],
    options: options_lib.Options,
    *,
    devices: int,
    seed: int,
    last: bool,
) -> tuple[list[batching.PackedBatch], list[Group]]:
  """Packs groups into micro-batches of one shape.

  A group stays in one row unless it is longer than that.

  Args:
    groups: trajectory i of all of them, in order, has id i.
    options: see `Options`.
    devices: that share the rows of a micro-batch.
    seed: of the order.
    last: no round comes after this one, nothing waits.

  Returns:
    Micro-batches, at least one where there is a group, and groups that wait.
  """
  table = [(i, entry) for i, g in enumerate(groups) for entry in g.records]
  examples, start = [], 0
  for group in groups:
    ids = range(start, start + len(group.records))
    start = ids.stop
    examples.append(batching.Example(
        prompt=group.records[0]['prompt_tokens'],
        completions=[entry['tokens'] for entry in group.records],
        ids=ids,
    ))
  rows = max(1, options.tokens_per_step // options.max_length)
  rows = -(-rows // devices) * devices
  # Fullest first.
  single = sorted(
      batching.pack(
          examples,
          rows=1,
          length=options.max_length,
          # Completions are never much more than their row; most rows hold
          # prompts and completions that take more than 4 tokens together.
          targets=options.max_length,
          slots=options.max_length // 4,
          seed=seed,
      ),
      key=lambda row: int((row.group == 0).sum()),
  )
  cuts = range(0, len(single), rows)
  parts = [single[i : i + rows] for i in cuts]
  waiting = []
  if len(parts) > 1 and not last:
    held = sum(int((row.group > 0).sum()) for row in parts[-1])
    if held < (1.0 - _MAX_PADDING) * rows * options.max_length:
      waiting = parts.pop()
  carried: dict[int, list[Record]] = {}
  for row in waiting:
    for i in row.trajectory_id[row.trajectory_id >= 0]:
      index, entry = table[i]
      carried.setdefault(index, []).append(entry)
  rest = [
      dataclasses.replace(groups[index], records=entries)
      for index, entries in carried.items()
  ]
  return [_join(part, rows) for part in parts], rest


def _join(
    single: Sequence[batching.PackedBatch], rows: int
) -> batching.PackedBatch:
  """Makes one batch of single rows, filled with empty ones."""
  blank = jax.tree.map(np.zeros_like, single[0])
  blank = blank.replace(trajectory_id=blank.trajectory_id - 1)
  return jax.tree.map(
      lambda *leaves: np.concatenate(leaves),
      *single, *[blank] * (rows - len(single)),
  )


def make_steps(
    micro_batches: Sequence[batching.PackedBatch],
    groups: Sequence[Group],
    params: Any,
    config: transformer.TransformerConfig,
    options: options_lib.Options,
    *,
    longest: int,
    stop_table: stopping.StopTable | None = None,
) -> list[Batch]:
  """Adds what the objective reads and shares micro-batches out to updates.

  Updates are as few as `options.accumulate` lets them be, and as equal as they
  can be. Places of an update that are left are blank and not computed, see
  `training.train_step`.

  Args:
    micro_batches: of `pack`.
    groups: as given to `pack`.
    params: of the frozen base.
    config: of the transformer.
    options: see `Options`.
    longest: T, most tokens of a completion; the same for all steps of a night.
    stop_table: of the decoder, raptb only.

  Raises:
    ValueError: a completion is longer.
  """
  table = [(entry, g.weight) for g in groups for entry in g.records]
  payloads = [
      _payload(packed, table, params, config, options, longest, stop_table)
      for packed in micro_batches
  ]
  if not payloads:  # Nothing to learn from.
    return []
  # Zeros, with no trajectory in a mask.
  blank = jax.tree.map(np.zeros_like, payloads[0])
  steps = []
  for part in share_out(payloads, options.accumulate):
    part += [blank] * (options.accumulate - len(part))
    step = jax.tree.map(lambda *leaves: np.stack(leaves), *part)
    steps.append(step.replace(weight=step.weight / step.weight.sum()))
  return steps


def share_out(payloads: Sequence[Any], most: int) -> list[list[Any]]:
  """Cuts a sequence into as few parts of at most so many as can be, evenly."""
  parts = -(-len(payloads) // most)
  cuts = np.array_split(np.arange(len(payloads)), parts)
  return [[payloads[i] for i in cut] for cut in cuts]


def _payload(
    packed, table, params, config, options, longest, stop_table
) -> Batch:
  """What one micro-batch needs beside its rows."""
  R, J = packed.trajectory_id.shape
  place, mask = places(packed, longest)
  problem = np.zeros((R, J), np.int32)
  reward = np.zeros((R, J), np.float32)
  weight = np.zeros((R, J), np.float32)
  seen: dict[str, int] = {}
  values = {}
  for r, slot in np.argwhere(packed.trajectory_id >= 0):
    index = int(packed.trajectory_id[r, slot])
    entry, weight[r, slot] = table[index]
    problem[r, slot] = seen.setdefault(entry['problem'], len(seen))
    reward[r, slot] = outcomes.passed(entry)
    if options.objective == 'grpo':
      values[index] = _log_behaviour(entry)
    elif options.objective == 'raptb':
      values[index] = _states(entry['tokens'], stop_table)
  per_target = batching.per_target(values, packed) if values else None
  if options.objective != 'raptb':
    stop_table = None
  state = per_target if stop_table else None
  log_p_ref, log_stop_ref = global_arrays.fetch(
      _score_reference(params, packed, state, config, stop_table)
  )
  return Batch(
      packed=packed,
      place=place,
      mask=mask,
      problem=problem,
      reward=reward,
      weight=weight,
      log_p_ref=log_p_ref,
      log_behaviour=per_target if options.objective == 'grpo' else None,
      state=state,
      log_stop_ref=log_stop_ref,
  )


def places(
    packed: batching.PackedBatch, longest: int
) -> tuple[np.ndarray, np.ndarray]:
  """Where the targets of each trajectory are, `Batch.place` and `Batch.mask`.

  Args:
    packed: of R rows and J slots.
    longest: T, most tokens of a completion.

  Raises:
    ValueError: a completion is longer.
  """
  place = np.zeros((*packed.trajectory_id.shape, longest), np.int32)
  mask = np.zeros(place.shape, bool)
  for r, slot in np.argwhere(packed.trajectory_id >= 0):
    here = np.flatnonzero(
        packed.target_mask[r] & (packed.trajectory[r] == slot)
    )
    if len(here) > longest:
      raise ValueError(
          f'a completion has {len(here)} tokens, more than the {longest} of the'
          ' longest that an update can hold; raise decode.max_new_tokens'
      )
    place[r, slot, : len(here)] = here
    mask[r, slot, : len(here)] = True
  return place, mask


def _log_behaviour(entry: Record) -> np.ndarray:
  """Greedy tokens were drawn with certainty: they are given their own odds."""
  name = 'log_prob_behaviour' if entry['temperature'] > 0 else 'log_prob'
  return np.asarray(entry[name], np.float32)


def _states(
    tokens: Sequence[int], stop_table: stopping.StopTable
) -> np.ndarray:
  """State of the stop automaton before each token, int32."""
  states, state = [], 0
  for token in tokens:
    states.append(state)
    state = stop_table.next_state_SxV[state, token]
  return np.array(states, np.int32)


def stop_tokens(stop_table: stopping.StopTable) -> np.ndarray:
  """Which tokens end a completion in each state, `[S, V]` bool."""
  return stop_table.next_state_SxV == stop_table.stop_state


def log_stop(
    params: Any,
    hidden_RxMxD: jax.Array,
    state_RxM: jax.Array,
    config: transformer.TransformerConfig,
    stop_table: stopping.StopTable,
) -> jax.Array:
  """Log-probability of any token that stops, nats, `[R, M]`, no gradient.

  Args:
    params: of the transformer.
    hidden_RxMxD: output of the final norm that predicts each target.
    state_RxM: of the stop automaton before each target.
    config: of the transformer.
    stop_table: of the decoder.
  """
  stops_SxV = jnp.asarray(stop_tokens(stop_table))

  def read(logits_RxCxV, state_RxC):
    log_z_RxC = jax.nn.logsumexp(logits_RxCxV, axis=-1)
    return jax.nn.logsumexp(
        logits_RxCxV, axis=-1, where=stops_SxV[state_RxC]
    ) - log_z_RxC

  params, hidden_RxMxD = jax.lax.stop_gradient((params, hidden_RxMxD))
  return chunked_logits.map_logits(
      read, params, hidden_RxMxD, config, state_RxM
  )


@functools.partial(jax.jit, static_argnames=('config', 'stop_table'))
def _score_reference(params, packed, state_RxM, config, stop_table):
  """Log-probabilities under the base, of targets and of stopping instead."""
  scores = training.score(params, packed, config)
  if stop_table is None:
    return scores.log_prob, None
  return scores.log_prob, log_stop(
      params, scores.hidden, state_RxM, config, stop_table
  )


def padding(steps: Sequence[Batch]) -> float:
  """Share of the tokens that updates compute that is padding.

  Blank micro-batches are not computed and do not count.
  """
  rows = [
      group for step in steps for group in np.asarray(step.packed.group)
      if group.any()
  ]
  return float(np.mean([group == 0 for group in rows])) if rows else 0.0
