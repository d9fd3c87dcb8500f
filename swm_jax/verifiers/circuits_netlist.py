"""What a netlist must be before two of them are compared.

A netlist comes from a process that has read a candidate. It is taken apart
here and put together anew from what is known: ports, cells of an allow-list,
one driver for each bit, no loops. The last matters most: constraints that
contradict each other have no solution at all, and a solver would call
everything about them proved. Undefined bits may only be what a multiplexer
does not choose, which the proof has to show: complete cases without a default
are written so.
"""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import graphlib
import json
import re
from typing import Any

_MAX_CELLS = 4000
_UNARY = """
$not $pos $neg $buf $reduce_and $reduce_or $reduce_xor $reduce_xnor
$reduce_bool $logic_not
""".split()
_BINARY = """
$and $or $xor $xnor $add $sub $mul $div $mod $divfloor $modfloor $pow
$eq $ne $lt $le $gt $ge $logic_and $logic_or
$shl $shr $sshl $sshr $shift $shiftx
""".split()
# Cell type: its inputs, the first of them data; the output is the last.
_PINS = {
    **dict.fromkeys(_UNARY, ('A', 'Y')),
    **dict.fromkeys(_BINARY, ('A', 'B', 'Y')),
    '$mux': ('A', 'B', 'S', 'Y'),
    '$pmux': ('A', 'B', 'S', 'Y'),
    '$dff': ('CLK', 'D', 'Q'),
}
# Bit i of the output depends on bit i of the data alone.
_BITWISE = frozenset(
    ('$not', '$pos', '$buf', '$and', '$or', '$xor', '$xnor', '$mux', '$pmux')
)
_PARAMETERS = frozenset("""
A_SIGNED B_SIGNED A_WIDTH B_WIDTH Y_WIDTH WIDTH S_WIDTH CLK_POLARITY
""".split())
_LATCHES = re.compile(r'\$.*latch|\$sr$|\$ff$')

_CONSTANTS = frozenset('01x')

Bit = int | str  # A net, or one of `_CONSTANTS`.


class Refused(ValueError):
  """The netlist is not accepted; `reason` is the verdict's."""

  def __init__(self, message: str, reason: str = 'refused'):
    super().__init__(message)
    self.reason = reason


@dataclasses.dataclass(frozen=True)
class Cell:
  """One word-level cell; see Yosys' internal cell library for the types."""

  type: str
  parameters: Mapping[str, int]
  pins: Mapping[str, Sequence[Bit]]


@dataclasses.dataclass(frozen=True)
class Netlist:
  """One module without hierarchy.

  Attributes:
    ports: {name: (direction, index of the lowest bit, whether indices run
      upwards, whether signed)}, in order.
    nets: {port: its bits, lowest first}.
    cells: of the module.
  """

  ports: Mapping[str, tuple[str, int, int, int]]
  nets: Mapping[str, Sequence[Bit]]
  cells: Sequence[Cell]

  def interface(self) -> list[tuple[Any, ...]]:
    """What has to be the same in two circuits that are compared."""
    return [
        (name, *self.ports[name], len(self.nets[name])) for name in self.ports
    ]


def parse(text: str) -> Netlist:
  """Reads what `circuits_judge.elaborate` returns.

  Raises:
    Refused: a cell or a bit is of no accepted kind, or there are too many.
  """
  try:
    try:
      data = json.loads(text)
    except RecursionError as error:
      raise ValueError('nested too deeply') from error
    if len(data['cells']) > _MAX_CELLS:
      raise Refused(f'more than {_MAX_CELLS} cells')
    ports, nets = {}, {}
    for name, port in data['ports'].items():
      fields = [port.get(key, 0) for key in ('offset', 'upto', 'signed')]
      ports[name] = (str(port['direction']), *map(int, fields))
      nets[name] = _bits(port['bits'])
    cells = [_cell(*fields) for fields in data['cells']]
  except Refused:
    raise
  except (LookupError, TypeError, AttributeError, ValueError) as error:
    raise Refused('no netlist came back', 'forbidden') from error
  return Netlist(ports, nets, cells)


def _cell(kind: str, parameters: dict[str, int], pins: dict[str, Any]) -> Cell:
  if _LATCHES.match(kind):
    raise Refused('a latch: the output keeps its value in some case')
  if sorted(_PINS.get(kind, ())) != sorted(pins):
    raise Refused(f'a cell of type {kind} is not accepted')
  data = ('A', 'B') if kind in ('$mux', '$pmux') else ()
  pins = {
      pin: _bits(bits, '01x' if pin in data else '01')
      for pin, bits in pins.items()
  }
  for name, value in parameters.items():
    if name not in _PARAMETERS or not isinstance(value, int):
      raise Refused(f'a parameter {name} of {kind} is not accepted')
  for pin, bits in pins.items():
    # Multiplexers and registers give one width for all data.
    width = parameters.get(f'{pin}_WIDTH', parameters.get('WIDTH'))
    if pin == 'CLK' or (pin == 'S' and kind == '$mux'):
      width = 1
    if pin == 'B' and kind == '$pmux':
      width *= parameters['S_WIDTH']
    if len(bits) != width:
      raise Refused(f'{len(bits)} bits at pin {pin} of {kind}')
  return Cell(kind, parameters, pins)


def _bits(bits: Sequence[Any], constants: str = '01') -> list[Bit]:
  for bit in bits:
    if isinstance(bit, str) and bit not in tuple(constants):
      raise Refused(f'a bit is {bit} always')
    if not isinstance(bit, str | int):
      raise Refused('a bit is neither a net nor a constant')
  if not bits:
    raise Refused('a port or a pin without bits')
  return list(bits)


def check(netlist: Netlist, clock: str) -> None:
  """Checks drivers, loops and the use of the clock.

  Args:
    netlist: of the candidate.
    clock: name of the clock, '' for a circuit without memory.

  Raises:
    Refused: says what is wrong.
  """
  drivers, uses = set(), set()
  clock_nets = set()

  def drive(bits):
    for bit in bits:
      if bit in drivers or isinstance(bit, str):
        raise Refused('a net has two drivers')
      drivers.add(bit)

  for name, (direction, *_) in netlist.ports.items():
    bits = netlist.nets[name]
    if direction == 'input':
      drive(bits)
      if name == clock:
        clock_nets = set(bits)
    elif direction == 'output':
      uses.update(bits)
    else:
      raise Refused(f'port {name} is neither an input nor an output')
  for cell in netlist.cells:
    *inputs, output = _PINS[cell.type]
    drive(cell.pins[output])
    if cell.type == '$dff':
      if not clock:
        raise Refused('a register in a circuit without a clock')
      if set(cell.pins['CLK']) != clock_nets or (
          cell.parameters['CLK_POLARITY'] != 1
      ):
        raise Refused(f'a register that the rising {clock} does not clock')
      inputs.remove('CLK')
    for pin in inputs:
      uses.update(cell.pins[pin])
  if not uses.isdisjoint(clock_nets):
    raise Refused(f'{clock} is used as data')
  if not uses <= drivers | _CONSTANTS:
    raise Refused('a net has no driver')
  order = graphlib.TopologicalSorter()
  for cell in netlist.cells:
    for bit, sources in _edges(cell):
      order.add(bit, *sources)
  try:
    order.prepare()
  except graphlib.CycleError as error:
    raise Refused('a loop without a register') from error


def _edges(cell: Cell) -> Iterator[tuple[Bit, set[Bit]]]:
  """Yields each bit of the output and the nets that it depends on at once."""
  if cell.type == '$dff':
    return
  *inputs, output = _PINS[cell.type]
  data = [cell.pins[pin] for pin in inputs]
  width = len(cell.pins[output])
  for index, bit in enumerate(cell.pins[output]):
    if cell.type not in _BITWISE:
      sources = {source for bits in data for source in bits}
    elif 'mux' in cell.type:
      a, b, select = data
      sources = {a[index], *b[index::width], *select}
    else:
      # Shorter operands repeat their highest bit, or have zeros above it.
      sources = {bits[min(index, len(bits) - 1)] for bits in data}
    yield bit, sources - _CONSTANTS


def write(netlist: Netlist, name: str) -> str:
  """Returns the netlist as module `name` of a design in Yosys' JSON."""
  ports = {}
  for port, (direction, offset, upto, signed) in netlist.ports.items():
    ports[port] = {
        'direction': direction,
        'bits': netlist.nets[port],
        'offset': offset,
        'upto': upto,
        'signed': signed,
    }
  cells = {}
  for number, cell in enumerate(netlist.cells):
    *inputs, output = _PINS[cell.type]
    cells[f'c{number}'] = {
        'type': cell.type,
        'parameters': cell.parameters,
        'port_directions': {
            **dict.fromkeys(inputs, 'input'), output: 'output'
        },
        'connections': cell.pins,
    }
  return json.dumps({'modules': {name: {'ports': ports, 'cells': cells}}})
