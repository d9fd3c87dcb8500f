"""Circuits as problems: one Verilog module described in a sentence.

Every template is written twice, as the specification that judges and as a
reference solution in other words. Prompts show two or three modules of the same
kind first. What a template leaves open, names and widths, its parameters fill.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import re
import string

from swm_jax import types

NAME = 'circuits'
DOMAIN = 'circuits'
STOP_STRINGS = ('```',)

_TOP = 'top'
_FENCE = '```verilog\n'


@dataclasses.dataclass(frozen=True)
class Circuit:
  """One template.

  Attributes:
    name: of the template, unique in its type.
    family: key over the whole suite; a circuit and its dual or mirror image
      share one.
    ports: inputs, `>`, outputs; `a[w]` has as many bits as the parameter w.
    words: `string.Template` of the sentence.
    spec: the same of the body that judges: statements, or one expression that
      the output equals.
    reference: the same of another body.
    parameters: up to 3.
  """

  name: str
  family: str
  ports: str
  words: str
  spec: str
  reference: str
  parameters: Sequence[Mapping[str, str]]


def _names(*rows: str) -> list[dict[str, str]]:
  """Parameters from rows of words such as `a=p`, one row for each choice.

  Other names stand for themselves; a width `w` brings what follows from it.
  """
  found = []
  for row in rows:
    choice = {name: name for name in 'abcdensxyz'}
    choice.update(word.split('=') for word in row.split())
    if 'w' in choice:
      width = int(choice['w'])
      sizes = {
          'm': width - 1,
          'over': width - 2,
          'p': width + 1,
          'h': width // 2,
          'half': width // 2 - 1,
          'W': 2 * width,
          'M': 2 * width - 1,
      }
      choice.update((name, str(size)) for name, size in sizes.items())
    found.append(choice)
  return found


_BITS = _names('', 'a=p b=q c=r d=s y=f', 'a=x0 b=x1 c=x2 d=x3 y=z0')
_WORDS = _names('w=4', 'w=8 y=z', 'w=6 a=p b=q y=r')
_CHOICE = _names('', 'a=p b=q c=r d=t s=sel y=z', 'a=x0 b=x1 c=x2 d=x3 y=f')
_CLOCKED = _names('d=d w=4', 'd=in y=out w=8', 'd=x y=q w=3')


def _read(parameters: Sequence[Mapping[str, str]], table: str) -> list[Circuit]:
  """Reads rows of name and family, ports, words, specification, reference."""
  circuits = []
  for row in table.strip().split('\n\n'):
    names, *texts = (' '.join(field.split()) for field in row.split('::'))
    circuits.append(Circuit(*names.split(), *texts, parameters))
  return circuits


_GATES = _read(_BITS, """
both two_input :: a b > y :: $y is $a and $b.
:: $a & $b :: ~(~$a | ~$b)

either two_input :: a b > y :: $y is $a or $b.
:: $a | $b :: ~(~$a & ~$b)

not_both negated_two :: a b > y :: $y is not ($a and $b).
:: ~($a & $b) :: ~$a | ~$b

neither negated_two :: a b > y :: $y is not ($a or $b).
:: ~($a | $b) :: ~$a & ~$b

differ exclusive :: a b > y :: $y is $a xor $b.
:: $a ^ $b :: ($a & ~$b) | (~$a & $b)

opposite inverter :: a > y :: $y is not $a.
:: ~$a :: $a ? 1'b0 : 1'b1

majority majority :: a b c > y
:: $y is 1 when at least two of $a, $b and $c are 1.
:: ($a & $b) | ($a & $c) | ($b & $c) :: $a ? ($b | $c) : ($b & $c)

odd odd_of_three :: a b c > y
:: $y is $a xor $b xor $c.
:: $a ^ $b ^ $c :: ($a & ($b ~^ $c)) | (~$a & ($b ^ $c))

all_equal equal_of_three :: a b c > y
:: $y is 1 when $a, $b and $c are all equal.
:: ($a & $b & $c) | (~$a & ~$b & ~$c) :: ($a == $b) & ($b == $c)

pair_or_one and_or :: a b c > y
:: $y is ($a and $b) or $c.
:: ($a & $b) | $c :: $c ? 1'b1 : ($a & $b)

implies implication :: a b > y :: $y is (not $a) or $b.
:: ~$a | $b :: ~($a & ~$b)

pair_or_pair two_pairs :: a b c d > y
:: $y is ($a and $b) or ($c and $d).
:: ($a & $b) | ($c & $d) :: ~(~($a & $b) & ~($c & $d))
""")

_VECTORS = _read(_WORDS, """
bitwise_and two_input :: a[w] b[w] > y[w] :: $y is $a and $b, bit by bit.
:: $a & $b :: ~(~$a | ~$b)

bitwise_or two_input :: a[w] b[w] > y[w] :: $y is $a or $b, bit by bit.
:: $a | $b :: ~(~$a & ~$b)

bitwise_xor exclusive :: a[w] b[w] > y[w]
:: $y is $a xor $b, bit by bit. :: $a ^ $b :: ($a & ~$b) | (~$a & $b)

invert inverter :: a[w] > y[w] :: $y is not $a, bit by bit.
:: ~$a :: $a ^ {$w{1'b1}}

join concatenation :: a[w] b[w] > y[W]
:: $y is $a followed by $b.
:: {$a, $b} :: assign $y[$M:$w] = $a; assign $y[$m:0] = $b;

repeat replication :: a > y[w] :: $y is $a repeated $w times.
:: {$w{$a}} :: $a ? ~$w'd0 : $w'd0

shift_left shift :: a[w] > y[w]
:: $y is $a shifted left by 1 bit.
:: {$a[$over:0], 1'b0} :: $a << 1

shift_right shift :: a[w] > y[w]
:: $y is $a shifted right by 1 bit.
:: {1'b0, $a[$m:1]} :: $a >> 1

rotate_left rotation :: a[w] > y[w]
:: $y is $a rotated left by 1 bit. :: {$a[$over:0], $a[$m]}
:: ($a << 1) | ($a >> $m)

widen zero_extension :: a[w] > y[W]
:: $y is $w zero bits followed by $a.
:: {$w'd0, $a} :: $a

lower_half part_select :: a[w] > y[h] :: $y is the lower $h bits of $a.
:: $a[$half:0] :: $a & {$h{1'b1}}

gated gating :: a[w] e > y[w] :: $y is $a if $e is 1, otherwise 0.
:: $a & {$w{$e}} :: $e ? $a : $w'd0
""")

_COMPARE = _read(_WORDS, """
equal equality :: a[w] b[w] > y :: $y is 1 when $a equals $b.
:: $a == $b :: ~|($a ^ $b)

not_equal equality :: a[w] b[w] > y :: $y is 1 when $a does not equal $b.
:: $a != $b :: |($a ^ $b)

less order :: a[w] b[w] > y :: $y is 1 when $a is less than $b.
:: $a < $b :: ~($a >= $b)

at_least weak_order :: a[w] b[w] > y
:: $y is 1 when $a is greater than or equal to $b. :: $a >= $b :: !($b > $a)

zero all_the_same :: a[w] > y :: $y is 1 when $a equals 0. :: $a == 0 :: ~|$a

all_ones all_the_same :: a[w] > y :: $y is 1 when all bits of $a are 1.
:: &$a :: $a == {$w{1'b1}}

even evenness :: a[w] > y :: $y is 1 when $a is an even number.
:: $a[0] == 0 :: ~$a[0]

between range :: a[w] > y :: $y is 1 when $a is at least 3 and at most 9.
:: ($a >= 3) & ($a <= 9) :: !($a < 3 || $a > 9)

multiple_of_four divisibility :: a[w] > y
:: $y is 1 when $a is a multiple of 4. :: $a[1:0] == 0 :: ~($a[1] | $a[0])

parity parity :: a[w] > y :: $y is 1 when $a has an odd number of 1 bits.
:: ^$a :: ~(~^$a)

negative sign :: a[w] > y :: $y is 1 when the highest bit of $a is 1.
:: $a[$m] :: $a >= ($w'd1 << $m)

both_zero zero_pair :: a[w] b[w] > y
:: $y is 1 when $a equals 0 and $b equals 0.
:: ($a == 0) & ($b == 0) :: ~|{$a, $b}
""")

_ARITHMETIC = _read(_WORDS, """
add sum :: a[w] b[w] > y[w] :: $y is $a plus $b.
:: $a + $b :: $a - (~$b + 1'b1)

add_carry carry_sum :: a[w] b[w] > y[p]
:: $y is $a plus $b, including the carry.
:: {1'b0, $a} + {1'b0, $b} :: $a + $b

subtract difference :: a[w] b[w] > y[w] :: $y is $a minus $b.
:: $a - $b :: $a + ~$b + 1'b1

increment step :: a[w] > y[w] :: $y is $a plus 1. :: $a + 1 :: -(~$a)

decrement step :: a[w] > y[w] :: $y is $a minus 1. :: $a - 1 :: ~(-$a)

negate negation :: a[w] > y[w] :: $y is minus $a. :: -$a :: ~$a + 1'b1

double shift :: a[w] > y[w] :: $y is $a times 2. :: $a * 2 :: $a + $a

triple tripling :: a[w] > y[w] :: $y is $a times 3. :: $a * 3 :: $a + $a + $a

sum_of_three sum_of_three :: a[w] b[w] c[w] > y[w] :: $y is $a plus $b plus $c.
:: $a + $b + $c :: $c + ($b + $a)

larger extremum :: a[w] b[w] > y[w]
:: $y is $a if $a is greater than $b, otherwise $b.
:: $a > $b ? $a : $b :: ($b >= $a) ? $b : $a

half shift :: a[w] > y[w] :: $y is $a divided by 2.
:: $a / 2 :: $a >> 1

count_up_if conditional_step :: a[w] e > y[w]
:: $y is $a plus 1 if $e is 1, otherwise $a.
:: $e ? $a + 1 : $a :: $a + $e
""")

_SELECT = _read(_CHOICE, """
two_way two_way :: a b s > y :: $y is $b if $s is 1, otherwise $a.
:: $s ? $b : $a :: ($s & $b) | (~$s & $a)

two_way_words two_way :: a[4] b[4] s > y[4]
:: $y is $a if $s is 1, otherwise $b.
:: $s ? $a : $b :: ({4{$s}} & $a) | ({4{~$s}} & $b)

four_way four_way :: a b c d s[2] > y
:: $y is $a if $s is 0, $b if $s is 1, $c if $s is 2, otherwise $d.
:: $s[1] ? ($s[0] ? $d : $c) : ($s[0] ? $b : $a)
:: $s == 0 ? $a : $s == 1 ? $b : $s == 2 ? $c : $d

decoder decoder :: s[2] > y[4]
:: Bit number $s of $y is 1, the other bits are 0.
:: 4'd1 << $s :: {$s == 3, $s == 2, $s == 1, $s == 0}

indexed indexing :: a[4] s[2] > y :: $y is bit number $s of $a.
:: $a[$s] :: ($a >> $s) & 1'b1

table_three lookup_bits :: a[2] > y
:: $y is 1 if $a is 0 or 3, otherwise 0.
:: ~($a[1] ^ $a[0]) :: $a == 0 || $a == 3

table_four lookup_words :: a[2] > y[4]
:: $y is 5 if $a is 0, 9 if $a is 1, 2 if $a is 2, otherwise 12.
:: $a[1] ? ($a[0] ? 4'd12 : 4'd2) : ($a[0] ? 4'd9 : 4'd5)
:: $a == 0 ? 5 : $a == 1 ? 9 : $a == 2 ? 2 : 12

and_or_choice operation :: a b s > y
:: $y is $a or $b if $s is 1, otherwise $a and $b.
:: $s ? ($a | $b) : ($a & $b) :: ($a & $b) | ($s & ($a | $b))

first_of_two priority :: a b c > y
:: $y is $b if $a is 1, otherwise not $c.
:: $a ? $b : ~$c :: ($a & $b) | ~($a | $c)

clamp clamping :: a[4] > y[4] :: $y is 9 if $a is greater than 9, otherwise $a.
:: $a > 9 ? 4'd9 : $a :: $a < 10 ? $a : 9

route routing :: a s > c d
:: $c is $a if $s is 0, otherwise 0. $d is $a if $s is 1, otherwise 0.
:: assign $c = $a & ~$s; assign $d = $a & $s;
:: assign $c = $s ? 1'b0 : $a; assign $d = $s ? $a : 1'b0;
""")

_BEHIND = 'always @(posedge clk) if (rst) $y <= 0; else '
_OTHER = 'always @(posedge clk) begin $y <= %s; if (rst) $y <= 0; end'
_ROWS = """
up counting :: > y[w] :: $y plus 1 :: $y <= $y + 1; :: $y - {$w{1'b1}}

down counting :: > y[w] :: $y minus 1 :: $y <= $y - 1; :: $y + {$w{1'b1}}

up_if gated_counting :: e > y[w]
:: $y plus 1 if $e is 1
:: if ($e) $y <= $y + 1; :: $y + $e

keep holding :: d[w] e > y[w]
:: $d if $e is 1
:: if ($e) $y <= $d; :: $e ? $d : $y

flip toggling :: > y :: not $y :: $y <= ~$y; :: !$y

flip_if gated_toggling :: e > y
:: not $y if $e is 1
:: if ($e) $y <= ~$y; :: $y ^ $e

shift_in shifting :: d > y[w]
:: $y shifted left by 1 bit, followed by $d
:: $y <= {$y[$over:0], $d}; :: ($y << 1) | $d

accumulate accumulating :: d[w] > y[w] :: $y plus $d :: $y <= $y + $d;
:: $d + $y

sticky latching :: d > y :: 1 if $d is 1
:: if ($d) $y <= 1; :: $y | $d

both_bits combining :: a b > y :: $a and $b
:: $y <= $a & $b; :: $a ? $b : 1'b0

by_two striding :: > y[w] :: $y plus 2 :: $y <= $y + 2; :: $y + 1 + 1
"""


def _clocked() -> list[Circuit]:
  circuits = []
  for found in _read(_CLOCKED, _ROWS):
    words = f'At each clock $y becomes {found.words}. rst makes $y 0.'
    circuits.append(dataclasses.replace(
        found,
        ports=f'clk rst {found.ports}',
        words=words,
        spec=_BEHIND + found.spec,
        reference=_OTHER % found.reference,
    ))
  return circuits


# Of each type: worked examples (words, ports, body) and the templates. No
# template asks for an example.
_TYPES = {
    'gates': (
        (
            ('y is not (a or b or c).', 'a b c > y', '~(a | b | c)'),
            ('y is a or (b xor c).', 'a b c > y', 'a | (b ^ c)'),
            ('y is a and not b.', 'a b > y', 'a & ~b'),
        ),
        _GATES,
    ),
    'vectors': (
        (
            ('y is the highest 2 bits of a.', 'a[4] > y[2]', 'a[3:2]'),
            ('y is a or not b, bit by bit.', 'a[4] b[4] > y[4]', 'a | ~b'),
            (
                'y is b followed by 1 followed by a.',
                'a[3] b[2] > y[6]',
                "{b, 1'b1, a}",
            ),
        ),
        _VECTORS,
    ),
    'compare': (
        (
            ('y is 1 when a equals 7.', 'a[4] > y', 'a == 7'),
            ('y is 1 when a is less than 6.', 'a[4] > y', 'a < 6'),
            (
                'y is 1 when a is greater than 2 and b equals 5.',
                'a[4] b[4] > y',
                '(a > 2) & (b == 5)',
            ),
        ),
        _COMPARE,
    ),
    'arithmetic': (
        (
            ('y is a plus 5.', 'a[4] > y[4]', 'a + 5'),
            (
                'y is a if e is 1, otherwise b times 4.',
                'a[4] b[4] e > y[4]',
                'e ? a : b * 4',
            ),
            ('y is b minus a minus 7.', 'a[4] b[4] > y[4]', 'b - a - 7'),
        ),
        _ARITHMETIC,
    ),
    'select': (
        (
            (
                'y is 3 if s is 0, 8 if s is 1, otherwise 6.',
                's[2] > y[4]',
                's == 0 ? 3 : s == 1 ? 8 : 6',
            ),
            ('y is bit number 2 of a.', 'a[4] > y', 'a[2]'),
            (
                'y is a if s is 1, otherwise a xor b.',
                'a b s > y',
                's ? a : a ^ b',
            ),
        ),
        _SELECT,
    ),
    'clocked': (
        (
            (
                'At each clock y becomes y plus 5 if c is 1. rst makes y 0.',
                'clk rst c > y[4]',
                _BEHIND + 'if (c) y <= y + 5;',
            ),
            (
                'At each clock y becomes d minus 3. rst makes y 0.',
                'clk rst d[4] > y[4]',
                _BEHIND + 'y <= d - 3;',
            ),
        ),
        _clocked(),
    ),
}


def _header(ports: str, values: Mapping[str, str], memory: bool) -> str:
  """Returns the first line of the module."""
  words, direction = [], 'input'
  for port in ports.split():
    if port == '>':
      direction = 'output reg' if memory else 'output'
      continue
    name, width = re.fullmatch(r'(\w+)(?:\[(\w+)\])?', port).groups()
    bits = int(values.get(width, width) if width else 1)
    vector = f'[{bits - 1}:0] ' if width else ''
    words.append(f'{direction} {vector}{values.get(name, name)}')
  return f'module {_TOP}({", ".join(words)});'


def _body(text: str, ports: str, values: Mapping[str, str]) -> str:
  text = string.Template(text).substitute(values)
  if text.endswith((';', 'end')):
    return text
  output = ports.split()[-1].split('[')[0]
  return f'assign {values.get(output, output)} = {text};'


def _module(header: str, body: str) -> str:
  return f'{header}\n  {body}\nendmodule\n'


def suite(seed: int = 0) -> list[types.Problem]:
  """Returns every problem; the seed changes nothing, proofs draw no tests."""
  del seed
  problems = []
  for type_name, (examples, circuits) in _TYPES.items():
    memory = type_name == 'clocked'
    clock = {'clock': 'clk', 'reset': 'rst'} if memory else {}
    shown = ''
    for words, ports, body in examples:
      header = _header(ports, {}, memory)
      source = _module(header, _body(body, ports, {'y': 'y'}))
      shown += f'{_FENCE}// {words}\n{source}```\n\n'
    for circuit in circuits:
      for k, values in enumerate(circuit.parameters):
        header = _header(circuit.ports, values, memory)
        words = string.Template(circuit.words).substitute(values)
        spec = _body(circuit.spec, circuit.ports, values)
        reference = _body(circuit.reference, circuit.ports, values)
        problems.append(types.Problem(
            id=f'{type_name}/{circuit.name}/{k}',
            type=type_name,
            template=circuit.name,
            prompt=f'{shown}{_FENCE}// {words}\n{header}',
            entry_point=_TOP,
            reference=_module(header, reference),
            question=words,
            domain=DOMAIN,
            spec={'source': _module(header, spec), **clock},
        ))
  return problems


def families() -> Mapping[tuple[str, str], str]:
  """Returns the family of every (type, template)."""
  return {
      (type_name, circuit.name): circuit.family
      for type_name, (_, circuits) in _TYPES.items()
      for circuit in circuits
  }
