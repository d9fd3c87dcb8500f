"""The judge program of the circuits domain; runs in a sandboxed child.

One child reads one side and hands its netlist back; another, which has read no
Verilog, compares two netlists. Yosys ends its process at the first error, so
its hook for that moment is made to throw a C++ exception, which arrives here.
"""

import ctypes
import json
import os

from pyosys import libyosys

_LOG, _MODEL = 'log', 'model.json'
_MAX_INDUCTION = 24


class _Failed(Exception):
  """Yosys refused a command; carries its last line."""


def _throw_errors():
  library = ctypes.CDLL(None)  # The import made its symbols global.
  hook = ctypes.c_void_p.in_dll(library, '_ZN5Yosys16log_error_atexitE')
  # std::__throw_bad_function_call() takes nothing and only throws.
  thrower = library['_ZSt25__throw_bad_function_callv']
  hook.value = ctypes.cast(thrower, ctypes.c_void_p).value


def _run(design, command):
  try:
    design.run_pass(f'tee -q -o {_LOG} {command}')
  except RuntimeError as error:
    with open(_LOG, encoding='utf-8', errors='replace') as file:
      lines = [line for line in file.read().splitlines() if line]
    # A check writes its findings first and then only their number.
    told = [line for line in lines if 'Warning: ' in line or 'ERROR' in line]
    raise _Failed(told[0] if told else str(error)) from error


def elaborate(source, top):
  """Turns Verilog into a netlist of word-level cells.

  Args:
    source: Verilog without comments, directives and strings.
    top: name of the module.

  Returns:
    ('netlist', JSON of `ports` and `cells`), or the reason of the verdict and
    a line that says why there is none.
  """
  _throw_errors()
  with open('source.v', 'w', encoding='utf-8') as file:
    file.write(source)
  design = libyosys.Design()
  for reason, commands in (
      ('syntax', ('read_verilog -sv source.v',)),
      ('missing', (f'hierarchy -check -top {top}',)),
      (
          'refused',
          (
              'proc -norom',
              # What hardware does: a comparison of undefined bits is undefined.
              'chtype -set $eq t:$eqx',
              'chtype -set $ne t:$nex',
              'flatten -noscopeinfo',
              'check -assert',
              'write_json netlist.json',
          ),
      ),
  ):
    for command in commands:
      try:
        _run(design, command)
      except _Failed as error:
        return reason, str(error)
  with open('netlist.json', encoding='utf-8') as file:
    module = json.load(file)['modules'][top]
  cells = [
      [cell['type'], _numbers(cell['parameters']), cell['connections']]
      for cell in module['cells'].values()
  ]
  return 'netlist', json.dumps(
      {'ports': module['ports'], 'cells': cells}, separators=(',', ':')
  )


def _numbers(parameters):
  # Written as 32 digits each, most of a netlist; others stay what they are.
  return {
      name: int(value, 2) if set(value) <= {'0', '1'} else value
      for name, value in parameters.items()
  }


def compare(gold, gate, reset):
  """Proves that two netlists of the same ports compute the same.

  Args:
    gold: JSON of a design with the specification as module `gold`.
    gate: the same of the candidate, module `gate`.
    reset: name of the reset, for circuits with a clock; '' for the others.

  Returns:
    ('equal', cells of the candidate after synthesis), ('differs', {signal:
    binary values, one a cycle up to a difference}) or ('unproved', {}). With
    a reset, equal means: from any two states, the reset held in the first
    cycle, the outputs agree in every later one.
  """
  _throw_errors()
  design = libyosys.Design()
  for name, text in (('gold', gold), ('gate', gate)):
    with open(f'{name}.json', 'w', encoding='utf-8') as file:
      file.write(text)
    _run(design, f'read_json {name}.json')
  _run(design, 'miter -equiv -flatten -make_outputs gold gate miter')
  proof = (
      # Undefined bits are a value of their own: an undefined output differs.
      'sat -verify -enable_undef -set-def-inputs -prove trigger 0 '
      f'-show-inputs -show-outputs -dump_json {_MODEL} '
  )
  if reset:
    proof += (
        f'-seq 1 -set-at 1 in_{reset} 1 -set-init-def -tempinduct '
        f'-maxsteps {_MAX_INDUCTION} '
    )
  try:
    _run(design, proof + 'miter')
  except _Failed:
    if not os.path.exists(_MODEL):
      return 'unproved', {}
    with open(_MODEL, encoding='utf-8') as file:
      return 'differs', _values(file.read())
  _run(design, 'delete gold miter')
  _run(design, 'synth -noabc -top gate')
  _run(design, 'write_json cells.json')
  with open('cells.json', encoding='utf-8') as file:
    return 'equal', len(json.load(file)['modules']['gate']['cells'])


def _values(text):
  """The values of every signal in a WaveJSON model, a word for each cycle."""
  found = {}
  # Yosys leaves backslashes of its names unescaped.
  for signal in json.loads(text.replace('\\', '\\\\'))['signal']:
    values, data = [], iter(signal.get('data', ()))
    for step in signal['wave']:
      if step in '=4':
        step = next(data, '') or step
      values.append(values[-1] if step == '.' else step)
    # A 4 without data: this cycle has no value.
    found[signal['name']] = ' '.join(v for v in values if v != '4')
  return found
