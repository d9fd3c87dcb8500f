"""The circuit verifier with Yosys: proofs, cheats, own failures."""

import importlib.util
import itertools
import json
import math
import pathlib
import random
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import circuits
from swm_jax.verifiers import circuits_netlist
from swm_jax.verifiers import circuits_source
from swm_jax.verifiers.sandbox import worker as worker_lib

_CHEATS = pathlib.Path(__file__).with_name('cheats') / 'circuits'
_MIN_CHEATS = 100
_LIMITS = base.Limits(cpu_seconds=1.0, wall_seconds=5.0)


def _problem(source, **spec):
  return types.Problem(
      'test/test/0', 'test', 'test', '', 'top', domain='circuits',
      spec={'source': source, **spec},
  )


_ADDER = _problem(
    'module top(input [3:0] a, input [3:0] b, output [3:0] y);'
    ' assign y = a + b; endmodule'
)
_COUNTER = _problem(
    'module top(input clk, input rst, input e, output reg [3:0] y);'
    ' always @(posedge clk) if (rst) y <= 0; else if (e) y <= y + 1; endmodule',
    clock='clk',
    reset='rst',
)
_DECODER = _problem(
    'module top(input [1:0] s, output [3:0] y); assign y = 1 << s; endmodule'
)
_PROBLEMS = {'adder': _ADDER, 'counter': _COUNTER}
# Reasons that the named cheat must have; any failure will do for the others.
_REASONS = {
    'adder/assume': 'forbidden',
    'adder/force': 'forbidden',
    'adder/initial_value': 'forbidden',
    'adder/open_file': 'forbidden',
    'adder/black_box': 'forbidden',
    'adder/undefined': 'forbidden',
    'adder/loop': 'refused',
    'adder/latch': 'refused',
    'adder/undriven': 'refused',
    'adder/two_drivers': 'refused',
    'adder/extra_input': 'refused',
    'adder/unknown_module': 'missing',
    'adder/other_module': 'missing',
    'adder/redefine_top': 'syntax',
    'adder/division_by_zero': 'wrong_answer',
    'adder/divided_equality': 'wrong_answer',
    'adder/beyond_the_range': 'wrong_answer',
    'adder/function_without_value': 'wrong_answer',
    'adder/one_case_wrong': 'wrong_answer',
    'counter/asynchronous_reset': 'refused',
    'counter/falling_edge': 'refused',
    'counter/clock_as_data': 'refused',
    'counter/no_reset': 'wrong_answer',
    'counter/first_reset_only': 'wrong_answer',
    'counter/one_cycle_late': 'wrong_answer',
}
_WIRE = 'module top(input [1:0] s, output [3:0] y);\n'
_REG = 'module top(input [1:0] s, output reg [3:0] y);\n'
_HONEST = {
    'shift': _WIRE + "assign y = 4'd1 << s;",
    'power': _WIRE + 'assign y = 2 ** s;',
    'concatenation': _WIRE
                     + 'assign y = {&s, s[1] & ~s[0], ~s[1] & s[0], ~|s};',
    'ternaries': _WIRE + 'assign y = s == 0 ? 1 : s == 1 ? 2 : s == 2 ? 4 : 8;',
    'bits': _WIRE + """assign y[0] = ~s[1] & ~s[0], y[1] = ~s[1] & s[0];
      assign y[3:2] = {s[1] && s[0], s[1] && !s[0]};""",
    'identity': _WIRE + 'assign y = {s === 3, s === 2, s === 1, s === 0};',
    'complete_case': _REG + """always @(*) case (s)
      2'b00: y = 4'b0001; 2'b01: y = 4'b0010;
      2'b10: y = 4'b0100; 2'b11: y = 4'b1000; endcase""",
    'default_case': _REG + """always @* begin case (s)
      0: y = 1; 1: y = 2; 2: y = 4; default: y = 4'o10; endcase end""",
    'casez': _REG + """always @* casez (s)
      2'b1?: y = s[0] ? 8 : 4; 2'bz1: y = 2; default: y = 1; endcase""",
    'ifs': _REG + """always @* begin
      if (s == 2'd0) y = 4'h1; else if (s == 2'd1) y = 4'h2;
      else if (s == 2'd2) y = 4'h4; else y = 4'h8; end""",
    'sensitivity': _REG + 'always @(s[0] or s[1]) y = 1 << s;',
    'chosen_bit': _REG + 'always @* begin y = 0; y[s] = 1; end',
    'nonblocking': _REG + "always @* y <= 4'd1 << s;",
    'old_ports': 'module top(s, y); input [1:0] s; output [3:0] y;'
                 ' wire [3:0] y; assign y = 1 << s;',
    'loop': _REG + """integer i; always @(s) begin
      for (i = 0; i < 4; i = i + 1) if (s == i) y[i] = 1'b1;
      else y[i] = 1'b0; end""",
    'generate': _WIRE + """genvar i; generate
      for (i = 0; i < 4; i = i + 1) begin : bits assign y[i] = (s == i); end
      endgenerate""",
    'function': _WIRE + """function [3:0] pick(input [1:0] i); case (i)
      0: pick = 1; 1: pick = 2; 2: pick = 4; 3: pick = 8; endcase endfunction
      assign y = pick(s);""",
    'task': _REG + """task set; input [1:0] i; y = 4'd1 << i; endtask
      always @* set(s);""",
    'gates': _WIRE + """wire n0, n1; not (n0, s[0]), (n1, s[1]);
      and (y[0], n0, n1), (y[1], s[0], n1);
      and (y[2], n0, s[1]), g3(y[3], s[0], s[1]);""",
    'modules': _WIRE + """is #(.K(0)) u0(.s(s), .y(y[0])); is #(1) u1(s, y[1]);
      is #(2) u2(.y(y[2]), .s(s)); is #(.K(3)) u3(.*, .y(y[3])); endmodule
      module is #(parameter K = 0)(input [1:0] s, output y); assign y = s == K;
      """,
    'table': _WIRE + "wire [15:0] t = 16'h8421; assign y = t[4 * s +: 4];",
    'memory': _WIRE + """reg [3:0] t [0:3]; always @* begin
      t[0] = 1; t[1] = 2; t[2] = 4; t[3] = 8; end assign y = t[s];""",
    'division': _WIRE + """assign y[0] = s / 1 == 0, y[1] = s == 1,
      y[2] = s / 2 == 1 && s % 2 == 0, y[3] = !(s != 3);""",
    'system_verilog': _WIRE.replace('output', 'output logic')
                      + """localparam int N = 4;
      always_comb for (int i = 0; i < N; i++) y[i] = s == i;""",
    'comments': '// synopsys full_case\n' + _WIRE
                + '/* "initial" */ assign y = 1 << s; // $finish',
}
_CLOCKED_HEADER = _COUNTER.spec['source'].split(';')[0] + ';'
_CLOCKED = {
    'reset_last': 'always @(posedge clk) begin if (e) y <= y + 1;'
                  " if (rst) y <= 4'b0000; end",
    'one_line': "always_ff @(posedge clk) y <= rst ? 4'd0 : y + e;",
    'inverted': "reg [3:0] n = 4'd3; always @* y = ~n;"
                " always @(posedge clk) n <= rst ? 4'd15 : n - e;",
    'next_state': "reg [3:0] next; always @(*) begin next = y;"
                  " if (e) next = next + 4'd1; if (rst) next = 0; end"
                  ' always @(posedge clk) y <= next;',
    'ripple': """wire [3:0] t; assign t[0] = e, t[3:1] = t[2:0] & y[2:0];
      always @(posedge clk) if (rst == 1'b1) y <= 0; else y <= y ^ t;""",
}
_ADDER_HEADER = _ADDER.spec['source'].split(';')[0] + ';'
_BOMBS = {
    'deep': f'assign y = {"~" * 18000}(a + b);',
    'long': f'assign y = a + b{" ^ a" * 4000};',
    'too_long': 'assign y = a + b;' + ' ' * 30000,
    'wide': 'wire [999999999:0] w = {250000000{a}}; assign y = &w;',
    'many': """genvar i; generate for (i = 0; i < 100000000; i = i + 1)
      begin : g wire t = a; end endgenerate""",
    'endless': """reg t; integer i; always @* begin t = a;
      for (i = 0; i < 10; i = i) t = ~t; end assign y = t;""",
    'recursive_module': 'm #(1) u(a); endmodule module m #(parameter N = 0)'
                        '(input [3:0] a); m #(N + 1) u(a);',
    'recursive_function': """function integer f(input integer x); f = f(x + 1);
      endfunction wire [f(0):0] q;""",
    'power': "wire [9999:0] q = 9999'd3 ** (9999'd1 << 9990); assign y = q;",
    'multiplier': """wire [511:0] p = {128{a}}, q = {128{b}};
      wire [511:0] r = p * q; assign y = r[3:0];""",
}


def setUpModule():
  global _verifier
  _verifier = circuits.CircuitsVerifier(limits=_LIMITS)


def tearDownModule():
  _verifier.close()


class VerifyTest(parameterized.TestCase):

  def _verdicts(self, pairs):
    verdicts = dict(_verifier.verify_batch(pairs))
    return [verdicts[index] for index in range(len(pairs))]

  def test_cheats_fail(self):
    files = sorted(_CHEATS.glob('*/*.v'))
    self.assertGreaterEqual(len(files), _MIN_CHEATS)
    names = [f'{file.parent.name}/{file.stem}' for file in files]
    verdicts = self._verdicts(
        [(_PROBLEMS[file.parent.name], file.read_text()) for file in files]
    )
    for name, verdict in zip(names, verdicts):
      with self.subTest(name):
        self.assertEqual(verdict.status, types.FAIL)
        self.assertEqual(verdict.reason, _REASONS.get(name, verdict.reason))
        self.assertTrue(math.isnan(verdict.score))
    self.assertContainsSubset(_REASONS, names)

  def test_bombs_fail_and_leave_the_slot_usable(self):
    pairs = [
        (_ADDER, f'{_ADDER_HEADER} {body} endmodule')
        for body in _BOMBS.values()
    ]
    right = (_ADDER, _ADDER.spec['source'])
    limits = base.Limits(cpu_seconds=0.3, wall_seconds=3.0)
    with circuits.CircuitsVerifier(limits=limits).pool(1) as pool:
      for name, verdict in zip(_BOMBS, map(pool.verify, *zip(*pairs))):
        with self.subTest(name):
          self.assertEqual(verdict.status, types.FAIL, verdict.detail)
      self.assertEqual(pool.verify(*right).status, types.PASS)
      self.assertEqual(pool.counts['retried'], 0)

  def test_honest_styles_pass(self):
    verdicts = self._verdicts(
        [(_DECODER, f'{text}\nendmodule') for text in _HONEST.values()]
        + [
            (_COUNTER, f'{_CLOCKED_HEADER}\n{text}\nendmodule')
            for text in _CLOCKED.values()
        ]
    )
    for name, verdict in zip([*_HONEST, *_CLOCKED], verdicts):
      with self.subTest(name):
        self.assertEqual(verdict.status, types.PASS, verdict.detail)
        self.assertGreater(verdict.score, 0)

  def test_a_wrong_circuit_fails_with_inputs_for_which_it_is_wrong(self):
    text = _ADDER_HEADER + " assign y = a == 4'd5 ? 4'd0 : a + b; endmodule"
    verdict = _verifier.verify(_ADDER, text)
    self.assertEqual(verdict.reason, 'wrong_answer')
    self.assertRegex(
        verdict.detail,
        r'^binary, for b = [01]{4}, a = 0101: y = 0000; expected y = [01]{4}$',
    )

  def test_random_circuits_pass_exactly_if_their_tables_agree(self):
    rng = random.Random(0)

    def expression(depth):
      if depth == 0:
        return rng.choice(('a', 'b', '(1 ^ a)', '(1 ^ b)'))
      left, right = expression(depth - 1), expression(depth - 1)
      return f'({left} {rng.choice("&|^")} {right})'

    def table(text):
      return [
          eval(text, dict(zip('ab', bits)))  # pylint: disable=eval-used
          for bits in itertools.product((0, 1), repeat=2)
      ]

    def module(text):
      text = text.replace('1', "1'b1")
      return (
          'module top(input a, input b, output y);'
          f' assign y = {text}; endmodule'
      )

    pairs = [(expression(2), expression(2)) for _ in range(40)]
    same = [table(left) == table(right) for left, right in pairs]
    self.assertIn(True, same)
    self.assertIn(False, same)
    verdicts = self._verdicts(
        [(_problem(module(left)), module(right)) for left, right in pairs]
    )
    self.assertEqual([verdict.passed for verdict in verdicts], same)

  def test_the_score_is_the_number_of_cells(self):
    header = 'module top(input a, input b, input c, output y);'
    source = f'{header} assign y = (a & b) | (a & c); endmodule'
    short = f'{header} assign y = a & (b | c); endmodule'
    problem = _problem(source, max_cells=2)
    long_verdict, verdict = self._verdicts(
        [(problem, source), (problem, short)]
    )
    self.assertEqual((verdict.status, verdict.score), (types.PASS, 2))
    self.assertEqual(
        (long_verdict.reason, long_verdict.detail),
        ('wrong_answer', '3 cells; at most 2'),
    )
    self.assertEqual(_verifier.verify(_problem(source), source).score, 3)


class OwnFailureTest(absltest.TestCase):

  def test_missing_tool_names_the_extra(self):
    with mock.patch.object(importlib.util, 'find_spec', return_value=None):
      with self.assertRaisesRegex(base.ToolMissing, 'pyosys .*--extras=circuits$'):
        circuits.CircuitsVerifier()

  def test_a_dead_worker_is_an_error(self):
    slot = _verifier.open_slot()
    self.addCleanup(slot.close)
    slot.abort()
    verdict = slot.verify(_ADDER, _ADDER.spec['source'], _LIMITS)
    self.assertEqual((verdict.status, verdict.reason),
                     (types.ERROR, 'worker_died'))

  def test_an_unusable_specification_is_an_error(self):
    for source in ('module top(', _ADDER_HEADER + ' endmodule'):
      verdict = _verifier.verify(_problem(source), _ADDER.spec['source'])
      self.assertEqual(verdict.status, types.ERROR)
      self.assertIn('specification of test/test/0', verdict.detail)

  def test_another_yosys_is_an_error(self):
    with mock.patch.object(
        circuits, '_judge_source', return_value='def elaborate(*_): 1 / 0'
    ):
      with _verifier.pool(1) as pool:
        verdict = pool.verify(_ADDER, _ADDER.spec['source'])
    self.assertEqual(verdict.status, types.ERROR)
    self.assertIn('install its version', verdict.detail)

  def test_what_a_broken_child_says_is_a_failure(self):
    slot = _verifier.open_slot()
    self.addCleanup(slot.close)
    passed = worker_lib.Outcome(worker_lib.PASSED, 'passed')
    reference = slot.verify(_ADDER, _ADDER.spec['source'], _LIMITS)
    self.assertTrue(reference.passed)
    for answer in (
        None, 7, (), ('netlist',), ('netlist', 7), ('netlist', '{}'),
        ('equal', 1), ('passed', ''), ('syntax', 3), ([], {}),
        ('netlist', '[' * 50000),
    ):
      with mock.patch.object(
          slot._worker, 'call', return_value=(passed, answer)
      ):
        verdict = slot.verify(_ADDER, 'module top(); endmodule', _LIMITS)
      self.assertEqual(verdict.status, types.FAIL, answer)

  def test_fingerprint_changes_with_the_specification(self):
    self.assertNotEqual(
        _verifier.fingerprint(_ADDER), _verifier.fingerprint(_DECODER)
    )
    self.assertNotEqual(
        _verifier.fingerprint(_problem('x')),
        _verifier.fingerprint(_problem('x', max_cells=3)),
    )


class SourceTest(parameterized.TestCase):

  def test_comments_go_and_the_rest_stays(self):
    self.assertEqual(
        circuits_source.clean('a /* ` " \n */ b // initial\nc'), 'a   b  \nc'
    )

  @parameterized.parameters(
      "4'bx", "4 'sh1X", "'z", "4'b1?", '(* keep *)', '( *keep*)', '#5',
      'a.b', 'a .b', 'f(a).b', 'a[0].b', '`x', '"x"', '\\x ', '$random',
      'initial', 'casex', 'é', 'a \\$add b', '\x00',
  )
  def test_refused(self, text):
    with self.assertRaises(circuits_source.Refused):
      circuits_source.clean(text)

  @parameterized.parameters(
      '@(*)', '@ ( * )', 'm u(.a(b), .c(d));', 'm #(.N(1)) u(.*);', "'0",
      "8'hfF", "4'sb10_10", 'xor', '$signed(a)', 'a**b', 'a * (b)', "2'(a)",
      "casez (a) 2'b1?: ;",
  )
  def test_accepted(self, text):
    self.assertEqual(circuits_source.clean(text), text)


def _netlist(cells, ports=None):
  ports = ports or {
      'a': {'direction': 'input', 'bits': [2]},
      'y': {'direction': 'output', 'bits': [3]},
  }
  return json.dumps({'ports': ports, 'cells': cells})


def _not(source, target):
  widths = {'A_SIGNED': 0, 'A_WIDTH': 1, 'Y_WIDTH': 1}
  return ['$not', widths, {'A': [source], 'Y': [target]}]


def _and(a, b, y):
  width = len(y)
  widths = {'A_SIGNED': 0, 'B_SIGNED': 0}
  widths |= {f'{pin}_WIDTH': width for pin in 'ABY'}
  return ['$and', widths, {'A': a, 'B': b, 'Y': y}]


class NetlistTest(parameterized.TestCase):

  def test_accepts_an_inverter(self):
    netlist = circuits_netlist.parse(_netlist([_not(2, 3)]))
    circuits_netlist.check(netlist, '')
    self.assertEqual(
        netlist.interface(),
        [('a', 'input', 0, 0, 0, 1), ('y', 'output', 0, 0, 0, 1)],
    )

  @parameterized.named_parameters(
      ('no_driver', [], 'no driver'),
      ('no_driver_inside', [_not(4, 3)], 'no driver'),
      ('two_drivers', [_not(2, 3), _not(2, 3)], 'two drivers'),
      ('drives_an_input', [_not(2, 3), _not(3, 2)], 'two drivers'),
      ('drives_a_constant', [_not(2, 3), _not(2, '0')], 'two drivers'),
      ('loop', [_not(3, 3)], 'loop'),
      ('loop_aside', [_not(2, 3), _not(4, 5), _not(5, 4)], 'loop'),
      ('undefined', [_not('x', 3)], 'x always'),
      ('undriven_z', [_not('z', 3)], 'z always'),
      ('odd_bit', [_not(2.5, 3)], 'neither'),
      ('any_constant', [['$anyconst', {'WIDTH': 1}, {'Y': [3]}]], 'anyconst'),
      ('assume', [['$assume', {}, {'A': [2], 'EN': ['1']}]], 'assume'),
      ('unknown', [['box', {}, {'a': [2], 'y': [3]}]], 'box'),
      ('latch', [['$dlatch', {}, {}]], 'latch'),
      ('pin', [['$not', {}, {'A': [2], 'Y': [3], 'Z': [3]}]], 'type'),
      ('width', [_and([2, 2], [2, 2], [3])], '2 bits at pin A'),
      ('parameter', [['$not', {'LUT': 1}, {'A': [2], 'Y': [3]}]], 'LUT'),
      (
          'register',
          [['$dff', {'WIDTH': 1, 'CLK_POLARITY': 1},
            {'CLK': [2], 'D': [2], 'Q': [3]}]],
          'without a clock',
      ),
  )
  def test_refuses(self, cells, message):
    with self.assertRaisesRegex(circuits_netlist.Refused, message):
      circuits_netlist.check(circuits_netlist.parse(_netlist(cells)), '')

  def test_a_carry_through_one_vector_is_no_loop(self):
    ports = {
        'a': {'direction': 'input', 'bits': [2, 3]},
        'y': {'direction': 'output', 'bits': [4, 5]},
    }
    chain = _netlist([_and([2, 4], [3, 3], [4, 5])], ports)
    circuits_netlist.check(circuits_netlist.parse(chain), '')
    crossed = _netlist([_and([5, 4], [3, 3], [4, 5])], ports)
    with self.assertRaisesRegex(circuits_netlist.Refused, 'loop'):
      circuits_netlist.check(circuits_netlist.parse(crossed), '')


if __name__ == '__main__':
  absltest.main()
