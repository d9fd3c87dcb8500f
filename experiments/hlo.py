"""Reads a compiled program's text: what its collectives send, what HBM moves.

XLA's own cost analysis counts the body of a loop once. Here everything is
multiplied by the trip counts of the loops around it, and a conditional counts
as the mean of its branches. Shapes in a compiled program are those of one
device, and so are all bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import functools
import math
import re

KINDS = (
    'all-gather',
    'all-reduce',
    'reduce-scatter',
    'all-to-all',
    'collective-permute',
)

_COMPUTATION = re.compile(r'^(ENTRY )?%?([\w.-]+) \(.*\{$')
_INSTRUCTION = re.compile(r'^\s+(ROOT )?%?([\w.-]+) = (.*)$')
_ARRAY = re.compile(r'\b([a-z]+\d*\w*)\[([\d,]*)\](?:\{([^}]*)\})?')
_BITS = re.compile(r'[a-z]+(\d+)')
# Nothing is read or written by these; what they name is counted where it is
# used.
_FREE = frozenset((
    'parameter',
    'constant',
    'tuple',
    'get-tuple-element',
    'bitcast',
    'after-all',
    'partition-id',
    'replica-id',
))
_VIEWS = frozenset(('bitcast', 'get-tuple-element', 'reshape'))
_SLICES = frozenset(('dynamic-slice', 'slice', 'gather'))


@dataclasses.dataclass(frozen=True)
class Array:
  """One array of a shape.

  Attributes:
    dims: of one device's part.
    size: bytes.
    in_hbm: False in vector memory, which costs no HBM traffic.
  """

  dims: tuple[int, ...]
  size: int
  in_hbm: bool


@dataclasses.dataclass(frozen=True)
class Instruction:
  """One line of a computation.

  Attributes:
    name: unique in the program.
    opcode: as in HLO.
    arrays: of the result; several if it is a tuple.
    operands: names.
    text: the line, for attributes.
    is_root: whether the computation returns it.
  """

  name: str
  opcode: str
  arrays: tuple[Array, ...]
  operands: tuple[str, ...]
  text: str
  is_root: bool

  @property
  def hbm_bytes(self) -> int:
    return sum(array.size for array in self.arrays if array.in_hbm)

  def called(self, attribute: str) -> str | None:
    found = re.search(rf'\b{attribute}=%?([\w.-]+)', self.text)
    return found and found[1]


@dataclasses.dataclass(frozen=True)
class Collective:
  """A collective and how often it runs.

  Attributes:
    kind: one of `KINDS`.
    dims: of its largest array on one device: the result of a gather, the
      operand of a scatter.
    size: bytes of that array.
    group: devices that take part together.
    times: runs of it in one run of the program.
  """

  kind: str
  dims: tuple[int, ...]
  size: int
  group: int
  times: float

  @property
  def sent(self) -> float:
    """Bytes that a device sends in all runs, by the ring algorithms.

    They are the least that any algorithm sends
    (https://doi.org/10.1016/j.jpdc.2008.09.002).
    """
    share = (self.group - 1) / self.group
    shares = {'all-reduce': 2 * share, 'collective-permute': 1.0}
    return self.times * self.size * shares.get(self.kind, share)


class Program:
  """A compiled program, from `compiled.as_text()`."""

  def __init__(self, text: str):
    self._computations: dict[str, dict[str, Instruction]] = {}
    self._entry = ''
    body: dict[str, Instruction] = {}
    for line in text.splitlines():
      if header := _COMPUTATION.match(line):
        body = self._computations.setdefault(header[2], {})
        if header[1]:
          self._entry = header[2]
      elif instruction := _parse(line):
        body[instruction.name] = instruction
    if not self._entry:
      raise ValueError('the text holds no ENTRY computation; is it HLO?')

  def collectives(self) -> list[Collective]:
    """Returns every collective, with how often it runs."""
    found = []
    for name, times in self._runs(self._entry, 1.0):
      # One asynchronous collective may be named in several fusions, of its
      # start, its end and what runs meanwhile.
      seen = set()
      for instruction, reduces_part in self._flat(name):
        kind = instruction.opcode.removesuffix('-start')
        if kind not in KINDS or instruction.opcode.endswith('-done'):
          continue
        channel = re.search(r'channel_id=(\d+)', instruction.text)
        if channel and channel[1] in seen:
          continue
        seen.add(channel and channel[1])
        if kind == 'all-reduce' and reduces_part:
          kind = 'reduce-scatter'
        found.append(self._collective(instruction, kind, times, name))
    return found

  def hbm_bytes(self) -> float:
    """Returns the bytes that one run reads from HBM and writes to it.

    Operands and results of every fusion and other instruction that the program
    runs; of slices and of updates in place, the part alone.
    """
    total = 0.0
    for name, times in self._runs(self._entry, 1.0):
      for instruction in self._computations[name].values():
        total += times * self._traffic(instruction, name)
    return total

  def _runs(self, name: str, times: float) -> Iterator[tuple[str, float]]:
    """Yields every computation that control flow enters, and how often."""
    yield name, times
    for instruction in self._computations[name].values():
      if instruction.opcode == 'while':
        trips = times * self._trip_count(instruction)
        yield from self._runs(instruction.called('body'), trips)
      elif instruction.opcode == 'call':
        inner = instruction.called('to_apply') or instruction.called('calls')
        yield from self._runs(inner, times)
      elif instruction.opcode == 'conditional':
        branches = _branches(instruction)
        for branch in branches:
          yield from self._runs(branch, times / len(branches))

  def _trip_count(self, loop: Instruction) -> int:
    if known := re.search(r'known_trip_count\W+n\W+(\d+)', loop.text):
      return int(known[1])
    # A loop that counts compares its counter with the one constant there is.
    condition = self._computations[loop.called('condition')].values()
    bounds = [
        int(bound)
        for instruction in condition
        for bound in re.findall(r' constant\((\d+)\)', instruction.text)
    ]
    return max(bounds, default=1)

  def _flat(self, name: str) -> Iterator[tuple[Instruction, bool]]:
    """Yields a computation's instructions and those that are fused in it.

    The second value says that a fusion keeps only this device's part of what
    it reduces: how a TPU program spells a reduce-scatter.
    """
    for instruction in self._computations[name].values():
      inner = instruction.called('calls')
      if inner and instruction.opcode != 'call':
        for fused, reduces_part in self._flat(inner):
          yield fused, reduces_part or 'all-reduce-scatter' in inner
      else:
        yield instruction, False

  def _collective(self, instruction, kind, times, name) -> Collective:
    arrays = instruction.arrays
    largest = max(arrays, key=lambda array: array.size)
    size = largest.size
    group = _group_size(instruction.text)
    if instruction.opcode == 'reduce-scatter':
      size *= group
    elif not instruction.opcode.endswith('-start') and len(arrays) > 1:
      # Several arrays in one collective.
      size = sum(array.size for array in arrays)
    return Collective(kind, largest.dims, size, group, times)

  def _traffic(self, instruction: Instruction, name: str) -> float:
    opcode = instruction.opcode
    if opcode in _FREE or opcode in ('while', 'conditional', 'call'):
      return 0
    if opcode.endswith('-done'):
      return 0
    scope = self._computations[name]
    operands = [scope[x] for x in instruction.operands if x in scope]
    if opcode in _SLICES:
      return 2 * instruction.hbm_bytes
    if opcode == 'dynamic-update-slice':
      return 2 * operands[1].hbm_bytes
    if opcode.endswith('-start'):
      # The result names the source again.
      return max(
          instruction.hbm_bytes, sum(x.hbm_bytes for x in operands)
      )
    if opcode == 'fusion':
      inner = instruction.called('calls')
      read = sum(
          min(operand.hbm_bytes, self._read(inner, i))
          for i, operand in enumerate(operands)
          if operand.hbm_bytes
      )
      return read + min(instruction.hbm_bytes, self._written(inner))
    return instruction.hbm_bytes + sum(x.hbm_bytes for x in operands)

  @functools.cache
  def _read(self, name: str, index: int) -> float:
    """Bytes that a fusion needs of its operand `index`."""
    for instruction in self._computations[name].values():
      if instruction.opcode == 'parameter' and (
          f' parameter({index})' in instruction.text
      ):
        return self._needed(name, instruction)
    return 0

  def _needed(self, name, source: Instruction) -> float:
    needed = 0.0
    for user in self._computations[name].values():
      if source.name not in user.operands:
        continue
      first = user.operands[0] == source.name
      if user.opcode in _SLICES and first:
        needed += sum(array.size for array in user.arrays)
      elif user.opcode == 'dynamic-update-slice' and first:
        continue
      elif user.opcode in _VIEWS:
        needed += self._needed(name, user)
      elif user.opcode == 'tuple':
        continue
      elif user.opcode == 'fusion':
        needed += self._read(
            user.called('calls'), user.operands.index(source.name)
        )
      else:
        return math.inf
    return needed

  @functools.cache
  def _written(self, name: str) -> float:
    """Bytes that a fusion writes, whatever its result's shape says."""
    scope = self._computations[name]
    root = next(x for x in scope.values() if x.is_root)
    roots = [root]
    if root.opcode == 'tuple':
      roots = [scope[x] for x in root.operands if x in scope]
    return sum(self._result_bytes(scope, x) for x in roots)

  def _result_bytes(self, scope, instruction) -> float:
    while instruction.opcode in _VIEWS and instruction.operands:
      if instruction.operands[0] not in scope:
        break
      instruction = scope[instruction.operands[0]]
    if instruction.opcode == 'parameter':
      return 0
    if instruction.opcode == 'dynamic-update-slice':
      instruction = scope.get(instruction.operands[1], instruction)
    elif instruction.opcode == 'fusion':
      return self._written(instruction.called('calls'))
    return sum(array.size for array in instruction.arrays)


def total_by_kind(
    collectives: Sequence[Collective],
) -> Mapping[str, tuple[float, float]]:
  """Returns (runs, bytes sent by a device) of each kind that there is."""
  totals = {}
  for kind in KINDS:
    chosen = [x for x in collectives if x.kind == kind]
    if chosen:
      totals[kind] = sum(x.times for x in chosen), sum(x.sent for x in chosen)
  return totals


def whole_stacks(
    collectives: Sequence[Collective],
    stacks: Sequence[tuple[int, ...]],
    devices: int,
) -> list[Collective]:
  """Returns the gathers of parameters of all layers at once.

  Args:
    collectives: of a program.
    stacks: shapes `[N, ...]` of stacked parameters, global.
    devices: that the parameters are cut over.
  """

  def is_of(dims, stack):
    return (
        len(dims) == len(stack)
        and dims[0] == stack[0] > 1
        and all(whole % part == 0 for part, whole in zip(dims, stack))
        and math.prod(stack) <= devices * math.prod(dims)
    )

  return [
      x
      for x in collectives
      if x.kind == 'all-gather' and any(is_of(x.dims, s) for s in stacks)
  ]


def _parse(line: str) -> Instruction | None:
  found = _INSTRUCTION.match(line)
  if not found:
    return None
  rest = found[3]
  end = _closing(rest, 0) if rest.startswith('(') else rest.index(' ')
  shape, rest = rest[: end + 1], rest[end + 1 :].lstrip()
  opening = rest.index('(')
  closing = _closing(rest, opening)
  return Instruction(
      name=found[2],
      opcode=rest[:opening],
      arrays=tuple(_arrays(shape)),
      operands=tuple(re.findall(r'%([\w.-]+)', rest[opening:closing])),
      # Constants and parameters are told apart by what is in parentheses.
      text=' ' + rest,
      is_root=bool(found[1]),
  )


def _closing(text: str, opening: int) -> int:
  """Index of the parenthesis that closes the one at `opening`."""
  depth = 0
  for i in range(opening, len(text)):
    depth += (text[i] == '(') - (text[i] == ')')
    if depth == 0:
      return i
  raise ValueError(f'unbalanced parentheses in {text!r}')


def _arrays(shape: str) -> Iterator[Array]:
  for dtype, dims, layout in _ARRAY.findall(shape):
    dims = tuple(int(dim) for dim in dims.split(',') if dim)
    bits = _BITS.match(dtype)
    bits = int(bits[1]) if bits else 8
    elsewhere = re.search(r'S\([1-9]', layout)
    yield Array(dims, math.prod(dims) * bits // 8, not elsewhere)


def _branches(instruction: Instruction) -> list[str]:
  if found := re.search(r'branch_computations=\{([^}]*)\}', instruction.text):
    return re.findall(r'%?([\w.-]+)', found[1])
  names = (
      instruction.called('true_computation'),
      instruction.called('false_computation'),
  )
  return [name for name in names if name]


def _group_size(text: str) -> int:
  if found := re.search(r'replica_groups=\[\d+,(\d+)\]', text):
    return int(found[1])
  if found := re.search(r'replica_groups=\{\{([\d,]+)\}', text):
    return found[1].count(',') + 1
  pairs = re.search(r'source_target_pairs=\{(\{.*?\})\}', text)
  if not pairs:
    return 1
  # A permutation goes around rings; the length of one is the size of a group.
  target = dict(re.findall(r'(\d+),(\d+)', pairs[1]))
  first = device = next(iter(target))
  length = 1
  while (device := target.get(device, first)) != first:
    length += 1
  return length
