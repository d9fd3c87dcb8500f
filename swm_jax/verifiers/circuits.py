"""The circuit verifier: is a Verilog module equal to its specification?

Equal is what a SAT solver proves of two netlists: for every input the outputs
agree and are defined. With a clock it is proved by induction over time: from
any two states, the reset held in the first cycle, the outputs agree in every
later one. What is not proved fails.

The candidate is read by a Yosys of its own, as the specification is. Its
netlist is checked and written anew in this process (`circuits_netlist`), so
that what a second Yosys compares is made of known cells only. The score is the
number of cells after a fixed synthesis (`synth -noabc`), two-input gates,
inverters, multiplexers and registers of one bit.

A problem's `entry_point` is the name of the module. Its `spec`:

  source     Verilog of the specification
  clock      name of the clock; absent: no registers are accepted
  reset      name of the synchronous reset that is active high; with a clock
  max_cells  most cells that are accepted; absent: any number

The tool is pyosys, in the child's own process: 28 ms of processor time for a
right small circuit, 11 ms for one that fails. Debian's yosys (0.23) takes 38 ms
for the same commands before any sandbox, the WebAssembly build of PyPI several
times that. Neither is a fallback: proofs by other versions are other verdicts.
"""

from collections.abc import Mapping
import dataclasses
import functools
import importlib.metadata
import importlib.resources
import importlib.util
import json
from typing import Any

from swm_jax import types
from swm_jax.verifiers import base
from swm_jax.verifiers import circuits_netlist
from swm_jax.verifiers import circuits_source
from swm_jax.verifiers import sandboxed
from swm_jax.verifiers.sandbox import worker as worker_lib

_VERSION = '1'
# Dividers of 32 bits, which Verilog makes of a plain `a % 3`, take 1.6 s each.
_LIMITS = base.Limits(cpu_seconds=6.0, wall_seconds=20.0)
_TRIALS = (
    ('module t(input a, output y); assign y = a; endmodule', 'netlist'),
    ('module t(input a, output y); assign y = ; endmodule', 'syntax'),
)


def _version() -> str:
  if importlib.util.find_spec('pyosys') is None:
    raise base.ToolMissing.package('pyosys', 'circuits')
  return importlib.metadata.version('pyosys')


@functools.cache
def _judge_source() -> str:
  folder = importlib.resources.files('swm_jax.verifiers')
  return folder.joinpath('circuits_judge.py').read_text('utf-8')


class _Slot(sandboxed.WorkerSlot):
  """One zygote with Yosys in it behind the pool's interface."""

  def __init__(self, domain: 'CircuitsVerifier'):
    self._domain = domain
    super().__init__(worker_lib.Worker(domain.isolation, packages=('pyosys',)))
    self._references: dict[tuple[str, str], circuits_netlist.Netlist] = {}
    try:
      self._try_out()
    except BaseException:
      self.close()
      raise

  def _try_out(self) -> None:
    """Judges a right and a broken module, so that no candidate pays for it.

    Raises:
      RuntimeError: if this Yosys does not behave as the judge program expects.
    """
    for text, expected in _TRIALS:
      outcome, answer = self._call('elaborate', (text, 't'), base.Limits())
      if _two_texts(answer)[0] != expected:
        raise RuntimeError(
            f'pyosys does not work as expected: {answer or outcome.detail}; '
            'install its version with ./launch/setup.sh --extras=circuits'
        )

  def verify(
      self, problem: types.Problem, completion: str, limits: base.Limits
  ) -> types.Verdict:
    try:
      return self._verify(problem, completion, limits)
    except worker_lib.WorkerDied as error:
      return base.make_verdict(
          self._domain, types.ERROR, 'worker_died', detail=str(error)
      )

  def _verify(
      self, problem: types.Problem, completion: str, limits: base.Limits
  ) -> types.Verdict:
    verdict = functools.partial(base.make_verdict, self._domain)
    spec, top = problem.spec, problem.entry_point
    try:
      text = circuits_source.clean(completion)
    except circuits_source.Refused as error:
      return verdict(types.FAIL, error.reason, detail=str(error))
    outcome, answer = self._call('elaborate', (text, top), limits)
    spent = _spent(outcome)
    if outcome.status != worker_lib.PASSED:
      return verdict(
          outcome.status, outcome.reason, detail=outcome.detail, **spent
      )
    kind, told = _two_texts(answer)
    if kind != 'netlist':
      return verdict(types.FAIL, kind, detail=told, **spent)
    gold = self._reference(problem, limits)
    try:
      gate = circuits_netlist.parse(told)
      if gate.interface() != gold.interface():
        raise circuits_netlist.Refused('the ports are not those asked for')
      circuits_netlist.check(gate, spec.get('clock', ''))
    except circuits_netlist.Refused as error:
      return verdict(types.FAIL, error.reason, detail=str(error), **spent)
    left = dataclasses.replace(
        limits, cpu_seconds=max(0.1, limits.cpu_seconds - outcome.cpu_seconds)
    )
    outcome, answer = self._call(
        'compare',
        (
            circuits_netlist.write(gold, 'gold'),
            circuits_netlist.write(gate, 'gate'),
            spec.get('reset', ''),
        ),
        left,
    )
    spent = {
        name: value + spent[name] for name, value in _spent(outcome).items()
    }
    if outcome.status != worker_lib.PASSED:
      return verdict(
          outcome.status, outcome.reason, detail=outcome.detail, **spent
      )
    kind, told = answer
    if kind != 'equal':
      detail = _difference(told) if told else 'not proved equal'
      return verdict(types.FAIL, 'wrong_answer', detail=detail, **spent)
    if told > spec.get('max_cells', told):
      detail = f'{told} cells; at most {spec["max_cells"]}'
      return verdict(
          types.FAIL, 'wrong_answer', detail=detail, score=told, **spent
      )
    return verdict(types.PASS, 'passed', score=told, **spent)

  def _call(
      self, function: str, args: tuple[str, ...], limits: base.Limits
  ) -> tuple[worker_lib.Outcome, Any]:
    return self._worker.call(_judge_source(), function, args, limits)

  def _reference(
      self, problem: types.Problem, limits: base.Limits
  ) -> circuits_netlist.Netlist:
    """Returns the specification's netlist, kept by its text.

    Raises:
      RuntimeError: if the specification is none that could be compared.
    """
    key = (problem.spec['source'], problem.entry_point)
    if key not in self._references:
      outcome, answer = self._call('elaborate', key, limits)
      if outcome.status == worker_lib.ERROR:
        raise worker_lib.WorkerDied(outcome.detail)
      try:
        if answer is None or answer[0] != 'netlist':
          raise circuits_netlist.Refused(str(answer or outcome.detail))
        found = circuits_netlist.parse(answer[1])
        circuits_netlist.check(found, problem.spec.get('clock', ''))
      except circuits_netlist.Refused as error:
        raise RuntimeError(
            f'the specification of {problem.id} cannot be used: {error}'
        ) from error
      self._references[key] = found
    return self._references[key]


def _spent(outcome: worker_lib.Outcome) -> dict[str, float]:
  return {
      'cpu_seconds': outcome.cpu_seconds,
      'wall_seconds': outcome.wall_seconds,
  }


def _two_texts(answer: Any) -> tuple[str, str]:
  """What the process that read a candidate says; nobody vouches for it."""
  match answer:
    case (('netlist' | 'syntax' | 'missing' | 'refused') as kind, str(text)):
      return kind, text
  return 'forbidden', 'the answer is not of the expected form'


def _difference(values: Mapping[str, str]) -> str:
  """Says for which inputs two circuits differ, and how."""

  def shown(prefix):
    return ', '.join(
        f'{name.removeprefix(prefix)} = {value}'
        for name, value in values.items()
        if name.startswith(prefix)
    )

  return (
      f'binary, for {shown("in_")}: {shown("gate_")}; expected '
      f'{shown("gold_")}'
  )


class CircuitsVerifier(sandboxed.SandboxedVerifier):
  """Verifies Verilog modules against a specification; see `base.Verifier`.

  Attributes:
    isolation: the level chosen for this host.
    limits: what each candidate may spend, its reading and its proof together.
  """

  name = 'circuits'
  default_limits = _LIMITS

  def __init__(self, **options: Any):
    """Looks for the tool; see `sandboxed.SandboxedVerifier` for options."""
    self.version = f'{_VERSION}/pyosys-{_version()}'
    super().__init__(**options)

  def open_slot(self) -> _Slot:
    return _Slot(self)

  def fingerprint(self, problem: types.Problem) -> str:
    return json.dumps([problem.entry_point, dict(problem.spec)], sort_keys=True)
