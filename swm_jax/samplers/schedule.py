"""The host side of decoding: which trajectory and which history goes where."""

from collections.abc import Callable, Sequence
import dataclasses

import jax
import numpy as np

from swm_jax import types
from swm_jax.models import transformer
from swm_jax.samplers import langevin
from swm_jax.samplers import prompts
from swm_jax.samplers import stopping
from swm_jax.samplers import streams

_PREFILL_BATCH = 8  # prompts read together
_PREFILL_WIDTH = 16  # tokens of each read at once: one shape for every length
# A visit of the host costs about as much as this share of the slots idle for a
# step; fewer idle slots wait for the end of the chunk.
_WORTH_A_VISIT = 1 / 16


@dataclasses.dataclass(frozen=True, eq=False)
class Request:
  """Rows to decode; `Decoder.__call__` describes the fields."""

  prompts: Sequence[Sequence[int]]
  prompt_index_B: np.ndarray
  temperature_B: np.ndarray
  key_data_BxW: np.ndarray
  key_impl: str
  stop_states: Sequence[int]

  def sample_numbers(self) -> np.ndarray:
    """Numbers the rows of each prompt 0, 1, ... in their order, `[B]`."""
    seen: dict[int, int] = {}
    numbers = []
    for prompt in self.prompt_index_B.tolist():
      numbers.append(seen.get(prompt, 0))
      seen[prompt] = numbers[-1] + 1
    return np.array(numbers, np.int64)

  def take(self, rows: np.ndarray) -> 'Request':
    """Some of the rows."""
    return dataclasses.replace(
        self,
        prompt_index_B=self.prompt_index_B[rows],
        temperature_B=self.temperature_B[rows],
        key_data_BxW=self.key_data_BxW[rows],
    )


@dataclasses.dataclass
class _Group:
  """A prompt, and those of its rows that have not started."""

  prompt: Sequence[int]
  stop_state: int
  rows: list[int]


@dataclasses.dataclass
class View:
  """What the host sees of the streams; it edits slot and status."""

  slot_C: np.ndarray
  status_C: np.ndarray
  count_C: np.ndarray
  token_C: np.ndarray

  def idle_slots(self, slots: int) -> list[int]:
    used = set(self.slot_C[self.status_C == streams.ATTACHED].tolist())
    return [slot for slot in range(slots) if slot not in used]


def plan_forks(view: View, slots: int) -> list[tuple[int, int]]:
  """Gives parked streams slots, as far as there are any.

  Streams parked at the same token of the same history move together. A slot
  that nobody follows any more is taken over by the deepest history that waits
  on it, without a copy: the others need only a prefix of that.

  Args:
    view: its slots and statuses are updated.
    slots: S.

  Returns:
    Copies of whole slots to make, `(source, target)`, in order.
  """
  waiting = {}
  for stream in np.flatnonzero(view.status_C == streams.PARKED).tolist():
    history = (view.slot_C[stream], view.count_C[stream], view.token_C[stream])
    waiting.setdefault(tuple(map(int, history)), []).append(stream)
  idle = view.idle_slots(slots)
  parents = {slot for slot, _, _ in waiting}
  abandoned = [slot for slot in idle if slot in parents]
  free = [slot for slot in idle if slot not in parents]
  copies = []
  # sorted() is stable: among equally deep histories the first stream leads.
  for history in sorted(waiting, key=lambda history: -history[1]):
    source = history[0]
    if source in abandoned:
      abandoned.remove(source)
      target = source
    elif free:
      target = free.pop(0)
      copies.append((source, target))
    else:
      continue
    view.slot_C[waiting[history]] = target
    view.status_C[waiting[history]] = streams.ATTACHED
  return copies


class Run:
  """One call of the decoder.

  Attributes:
    prompt_tokens: positions of prompts that were computed so far, padding
      included.
  """

  def __init__(
      self,
      shape: streams.Shape,
      chunk: int,
      params: transformer.Params,
      stop_table: stopping.StopTable,
      request: Request,
      pad_id: int,
      perturb: langevin.Perturbation | None,
  ):
    self._shape = shape
    self._chunk = chunk
    self._params = params
    self._next_state_SxV = jax.numpy.asarray(stop_table.next_state_SxV)
    self._stop_state = stop_table.stop_state
    self._request = request
    self._perturb = perturb
    self._streams, self._layers = self._place(streams.empty(shape))
    self._prefilled = None
    self._steps = []  # of each visit, on the device
    self.prompt_tokens = 0
    self._ready = []  # (entry of self._prefilled, group)
    self._batches = self._batch_prompts()
    self._row_C = np.full(shape.streams, -1)  # -1: no trajectory
    self._result = _empty_result(shape, request, pad_id)

  @property
  def row_steps(self) -> int:
    """Slots times steps that were computed so far."""
    return self._shape.slots * sum(map(int, self._steps))

  def to_the_end(
      self, on_finished: Callable[[int, list[int]], None] | None = None
  ) -> types.Trajectories:
    """Decodes every row."""
    while True:
      view = View(*map(np.array, jax.device_get(self._streams[:4])))
      for row in self._collect(view):
        if on_finished is not None:
          length = self._result.mask[row].sum()
          on_finished(row, self._result.tokens[row, :length].tolist())
      if not self._pending() and (self._row_C < 0).all():
        return self._result
      self._fork(view)
      # First tokens differ too: look again before the next forward pass.
      if not self._admit(view):
        self._advance(view)

  def _place(self, state):
    """Puts fresh state where the parameters are, as later state will be."""
    sharding = jax.tree.leaves(self._params)[0].sharding
    if isinstance(sharding, jax.sharding.NamedSharding):
      return jax.device_put(
          state,
          jax.sharding.NamedSharding(
              sharding.mesh, jax.sharding.PartitionSpec()
          ),
      )
    return state

  def _batch_prompts(self) -> list[list[_Group]]:
    """Batches of groups; their order changes no result."""
    request = self._request
    groups = {}
    for row, prompt in enumerate(request.prompt_index_B.tolist()):
      # Perturbed prompts differ by row even where their tokens do not.
      name = prompt if self._perturb is None else row
      group = groups.setdefault(
          name,
          _Group(request.prompts[prompt], request.stop_states[prompt], []),
      )
      group.rows.append(row)
    # Prompts of one length are read together; sorted() keeps their order.
    in_order = sorted(groups.values(), key=lambda group: len(group.prompt))
    return [
        in_order[start : start + _PREFILL_BATCH]
        for start in range(0, len(in_order), _PREFILL_BATCH)
    ]

  def _pending(self) -> bool:
    return bool(self._ready or self._batches)

  def _fork(self, view: View) -> None:
    if not (view.status_C == streams.PARKED).any():
      return
    copies = plan_forks(view, self._shape.slots)
    self._streams, self._layers = streams.fork(
        self._streams,
        self._layers,
        self._pad_copies(copies),
        view.slot_C,
        view.status_C,
    )

  def _admit(self, view: View) -> bool:
    """Starts trajectories in free slots; returns whether any could."""
    if (view.status_C == streams.PARKED).any():
      return False  # Then every slot is taken, or about to be.
    slots = view.idle_slots(self._shape.slots)
    C = self._shape.streams
    free_streams = np.flatnonzero(self._row_C < 0).tolist()
    if not slots or not self._pending():
      return False
    if not self._ready:
      self._prefill()
    request = self._request
    placement = streams.Placement(
        fresh_C=np.zeros(C, bool),
        slot_C=np.zeros(C, np.int32),
        entry_C=np.zeros(C, np.int32),
        stop_C=np.zeros(C, np.int32),
        prompt_length_C=np.zeros(C, np.int32),
        temperature_C=np.zeros(C, np.float32),
        key_data_CxW=np.zeros_like(
            request.key_data_BxW, shape=(C, *request.key_data_BxW.shape[1:])
        ),
    )
    copies = []
    while slots and self._ready:
      entry, group = self._ready[0]
      # Rows of a group share a slot only if they start together.
      together = min(len(group.rows), C // 2)
      if len(free_streams) < together:
        break
      rows, group.rows = group.rows[:together], group.rows[together:]
      at, free_streams = free_streams[:together], free_streams[together:]
      slot = slots.pop(0)
      copies.append((entry, slot))
      self._row_C[at] = rows
      placement.fresh_C[at] = True
      placement.slot_C[at] = slot
      placement.entry_C[at] = entry
      placement.stop_C[at] = group.stop_state
      placement.prompt_length_C[at] = len(group.prompt)
      placement.temperature_C[at] = request.temperature_B[rows]
      placement.key_data_CxW[at] = request.key_data_BxW[rows]
      if not group.rows:
        self._ready.pop(0)
    if not copies:
      return False
    self._streams, self._layers = streams.admit(
        self._streams,
        self._layers,
        self._prefilled,
        self._pad_copies(copies),
        placement,
        self._next_state_SxV,
        shape=self._shape,
    )
    return True

  def _prefill(self) -> None:
    """Reads the next batch; every row of the one before has started."""
    batch = self._batches.pop(0)
    width = _PREFILL_WIDTH
    if self._perturb is not None:  # A perturbed prompt is read in one piece.
      width = streams.prompt_room(len(batch[-1].prompt))
    room = streams.prompt_room(self._shape.max_prompt)
    pieces = -(-len(batch[-1].prompt) // width)
    self.prompt_tokens += _PREFILL_BATCH * pieces * width
    tokens_GxP = np.zeros((_PREFILL_BATCH, room), np.int32)
    length_G = np.ones(_PREFILL_BATCH, np.int32)
    key_data_BxW = self._request.key_data_BxW
    key_data_GxW = np.zeros_like(
        key_data_BxW, shape=(_PREFILL_BATCH, *key_data_BxW.shape[1:])
    )
    for i, group in enumerate(batch):
      tokens_GxP[i, : len(group.prompt)] = group.prompt
      length_G[i] = len(group.prompt)
      key_data_GxW[i] = key_data_BxW[group.rows[0]]
    perturb = self._perturb
    strength = prompts.Strength(np.float32(0), np.float32(0), None)
    if perturb is not None:
      strength = prompts.Strength(
          step_size=np.float32(perturb.step_size),
          noise=np.float32(perturb.noise),
          head=perturb.head if perturb.energy == 'head' else None,
      )
      perturb = dataclasses.replace(
          perturb, step_size=0.0, noise=0.0, head=None
      )
    if self._prefilled is None:
      cache = transformer.init_cache(
          self._shape.model, _PREFILL_BATCH, room
      )
      layers = self._place(cache.layers)
    else:
      layers = self._prefilled.layers
    self._prefilled = prompts.read(
        self._params,
        layers,
        tokens_GxP,
        length_G,
        key_data_GxW,
        strength,
        shape=self._shape,
        width=width,
        perturb=perturb,
    )
    self._ready = list(enumerate(batch))

  def _advance(self, view: View) -> None:
    slots = self._shape.slots
    idle = len(view.idle_slots(slots))
    worth = max(1, int(slots * _WORTH_A_VISIT))
    self._streams, self._layers, steps = streams.advance(
        self._params,
        self._streams,
        self._layers,
        np.int32(worth),
        # Slots that are idle now are so for want of free streams, or of rows.
        np.int32(idle + worth if self._pending() else slots),
        self._next_state_SxV,
        shape=self._shape,
        chunk=self._chunk,
    )
    self._steps.append(steps)

  def _collect(self, view: View) -> list[int]:
    """Moves what has ended into the result; returns its rows."""
    ended = np.flatnonzero((self._row_C >= 0) & (view.status_C == streams.IDLE))
    if not len(ended):
      return []
    rows, self._row_C[ended] = self._row_C[ended].copy(), -1
    # Streams are never donated, so these views stay valid.
    state = jax.tree.map(lambda leaf: np.asarray(leaf)[ended], self._streams)
    result = self._result
    mask = np.arange(self._shape.max_new_tokens) < state.count_C[:, None]
    result.mask[rows] = mask
    result.stopped[rows] = state.stop_C == self._stop_state
    result.tokens[rows] = np.where(mask, state.tokens_CxT, result.tokens[rows])
    result.log_prob[rows] = np.where(mask, state.log_prob_CxT, 0)
    result.log_prob_behaviour[rows] = np.where(mask, state.behaviour_CxT, 0)

    def write(recorded, new):
      seen = mask.reshape(mask.shape + (1,) * (new.ndim - 2))
      recorded[rows] = np.where(seen, new, 0)

    jax.tree.map(
        write, (result.top_k, result.hidden), (state.top_logits, state.hidden)
    )
    fed = np.maximum(state.count_C - 1, 1)[:, None, None]
    result.latents[rows, :, 0] = state.prompt_latents_CxLxD
    result.latents[rows, :, 1] = state.latents_sum_CxLxD / fed
    return rows.tolist()

  def _pad_copies(self, copies):
    """`(count, source, target)` with arrays of S entries."""
    padded = np.zeros((2, self._shape.slots), np.int32)
    padded[:, : len(copies)] = np.array(copies, np.int32).reshape(-1, 2).T
    return np.int32(len(copies)), *padded


def _empty_result(shape, request, pad_id) -> types.Trajectories:
  """Numpy trajectories without a sampled token."""
  B, T = len(request.prompt_index_B), shape.max_new_tokens
  K, L, D = shape.top_logits, len(shape.taps), shape.model.width
  prompt_tokens = np.full((B, shape.max_prompt), pad_id, np.int32)
  lengths = np.array([len(prompt) for prompt in request.prompts], np.int32)
  for row, prompt in enumerate(request.prompt_index_B):
    prompt_tokens[row, : lengths[prompt]] = request.prompts[prompt]
  top_k = None
  if K:
    top_k = types.TopKLogits(
        values=np.zeros((B, T, K), np.float32),
        indices=np.zeros((B, T, K), np.int32),
        log_rest=np.zeros((B, T), np.float32),
    )
  hidden = None
  if shape.record_hidden:
    hidden = types.QuantisedHidden(
        codes=np.zeros((B, T, D), np.int8), scale=np.zeros((B, T), np.float32)
    )
  return types.Trajectories(
      prompt_tokens=prompt_tokens,
      prompt_length=lengths[request.prompt_index_B] if B else lengths[:0],
      tokens=np.full((B, T), pad_id, np.int32),
      mask=np.zeros((B, T), bool),
      log_prob=np.zeros((B, T), np.float32),
      log_prob_behaviour=np.zeros((B, T), np.float32),
      top_k=top_k,
      hidden=hidden,
      latents=np.zeros((B, L, 2, D), np.float32),
      stopped=np.zeros((B,), bool),
  )
